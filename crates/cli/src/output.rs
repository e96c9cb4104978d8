//! What users see: data on stdout, everything else on stderr, colour only on a terminal.

mod columns;
mod human;
mod progress;
mod table;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

pub(crate) use columns::Columns;
pub(crate) use human::{ago, comma, duration, local_time, quantity, size, timestamp, yes};
pub(crate) use progress::Progress;
pub(crate) use table::Table;

/// How data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people, as nats does it.
    Table,
    /// For programs.
    Json,
}

/// A colour of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// Red.
    Red,
    /// Green.
    Green,
    /// Yellow.
    Yellow,
    /// Blue.
    Blue,
    /// Magenta.
    Magenta,
    /// Cyan.
    Cyan,
}

impl Color {
    fn code(self) -> u8 {
        match self {
            Color::Red => 31,
            Color::Green => 32,
            Color::Yellow => 33,
            Color::Blue => 34,
            Color::Magenta => 35,
            Color::Cyan => 36,
        }
    }
}

/// Where a command writes to.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    stdout: Arc<io::Stdout>,
    format: Format,
    colored: bool,
    /// Colour of the lines between things.
    scheme: Option<Color>,
}

impl Printer {
    /// A printer to stdout; `colors` says whether the user allows them.
    pub(crate) fn new(format: Format, colors: bool, scheme: Option<Color>) -> Printer {
        let stdout = io::stdout();
        let colored = colors && stdout.is_terminal();
        Printer { stdout: Arc::new(stdout), format, colored, scheme }
    }

    /// Whether data is written for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// `text` in `color`, where there are colours.
    pub(crate) fn paint(&self, color: Color, text: &str) -> String {
        if self.colored { format!("\x1b[{}m{text}\x1b[0m", color.code()) } else { text.to_owned() }
    }

    /// `text` in the colour of the scheme.
    fn paint_scheme(&self, text: &str) -> String {
        match self.scheme {
            Some(color) => self.paint(color, text),
            None => text.to_owned(),
        }
    }

    /// Writes a line of data.
    pub(crate) fn line(&self, text: &str) -> Result<()> {
        Ok(writeln!(self.stdout.lock(), "{text}")?)
    }

    /// Writes data as it is.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = self.stdout.lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Writes a body, ended by a line break if it has none.
    pub(crate) fn body(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = self.stdout.lock();
        stdout.write_all(bytes)?;
        Ok(stdout.write_all(b"\n")?)
    }

    /// Writes `value` over several lines.
    pub(crate) fn json(&self, value: &Value) -> Result<()> {
        self.line(&serde_json::to_string_pretty(value)?)
    }

    /// Writes `value` on one line: one of many.
    pub(crate) fn json_line(&self, value: &Value) -> Result<()> {
        self.line(&value.to_string())
    }

    /// Writes an information block.
    pub(crate) fn columns(&self, columns: &Columns) -> Result<()> {
        self.raw(columns.render(&self.paint_scheme(":")).as_bytes())
    }

    /// Writes a table.
    pub(crate) fn table(&self, table: &Table) -> Result<()> {
        self.line(&table.render())
    }

    /// Tells people what goes on; programs are not told.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_json() {
            let now = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
            // A stderr that is gone takes nothing of the data with it.
            let _ = writeln!(io::stderr().lock(), "{now} {text}");
        }
    }
}

/// A body as a JSON string under `key`, or in base64 under `key_base64` if it is no text.
pub(crate) fn put_body(object: &mut Map<String, Value>, key: &str, body: &Bytes) {
    match std::str::from_utf8(body) {
        Ok(text) => object.insert(key.to_owned(), text.into()),
        Err(_) => object.insert(format!("{key}_base64"), STANDARD.encode(body).into()),
    };
}

/// A body as text, or in base64 if it can't be shown.
pub(crate) fn printable(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => text.to_owned(),
        _ => STANDARD.encode(body),
    }
}

/// The middle of a long text left out.
pub(crate) fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= 40 {
        return text.to_owned();
    }
    let head: String = text.chars().take(15).collect();
    let tail: String = text.chars().skip(length - 15).collect();
    format!("{head}...{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_are_no_text_are_encoded() {
        assert_eq!(printable("grüße\n".as_bytes()), "grüße\n");
        assert_eq!(printable(b"\x00\x01"), "AAE=");
        assert_eq!(printable(b"\xff"), "/w==");
    }

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(shortened(&"é".repeat(40)), "é".repeat(40));
        assert_eq!(shortened(&"é".repeat(41)), format!("{}...{}", "é".repeat(15), "é".repeat(15)));
    }
}
