//! Checks that bytes hold one JSON value, with the words of Go's `encoding/json`.

use super::text::{quote_char, quote_code};

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 10_000;

/// Why bytes are not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ScanError {
    /// The bytes end inside a value.
    End,
    /// Something that can't stand there.
    Bad {
        /// What, in Go's words.
        text: String,
        /// Bytes read when it was seen.
        offset: usize,
    },
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

/// Skips JSON white space from `at`.
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The end of the value that starts, after white space, at `at`.
///
/// # Errors
///
/// [`ScanError`] names the first offence.
pub(super) fn scan_value(bytes: &[u8], at: usize) -> Result<usize, ScanError> {
    Scanner { bytes, at, open: Vec::new() }.value()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// For each open container, whether it is an object. No recursion: depth is the peer's choice.
    open: Vec<bool>,
}

impl Scanner<'_> {
    fn value(mut self) -> Result<usize, ScanError> {
        let mut expect = Expect::Value;
        loop {
            self.at = skip_space(self.bytes, self.at);
            let byte = self.peek()?;
            expect = match (expect, byte) {
                (Expect::Value | Expect::ValueOrEnd, b'{') => self.enter(true)?,
                (Expect::Value | Expect::ValueOrEnd, b'[') => self.enter(false)?,
                (Expect::ValueOrEnd, b']') | (Expect::KeyOrEnd, b'}') => self.leave(),
                (Expect::Value | Expect::ValueOrEnd, _) => {
                    self.scalar(byte)?;
                    Expect::CommaOrEnd
                }
                (Expect::Key | Expect::KeyOrEnd, b'"') => {
                    self.string()?;
                    Expect::Colon
                }
                (Expect::Key | Expect::KeyOrEnd, _) => {
                    return Err(self.bad("looking for beginning of object key string"));
                }
                (Expect::Colon, b':') => {
                    self.at += 1;
                    Expect::Value
                }
                (Expect::Colon, _) => return Err(self.bad("after object key")),
                (Expect::CommaOrEnd, _) => self.separator(byte)?,
            };
            if self.open.is_empty() {
                return Ok(self.at);
            }
        }
    }

    fn separator(&mut self, byte: u8) -> Result<Expect, ScanError> {
        let in_object = self.open.last().copied().unwrap_or(false);
        match (in_object, byte) {
            (true, b',') => {
                self.at += 1;
                Ok(Expect::Key)
            }
            (false, b',') => {
                self.at += 1;
                Ok(Expect::Value)
            }
            (true, b'}') | (false, b']') => Ok(self.leave()),
            (true, _) => Err(self.bad("after object key:value pair")),
            (false, _) => Err(self.bad("after array element")),
        }
    }

    fn enter(&mut self, is_object: bool) -> Result<Expect, ScanError> {
        self.at += 1;
        if self.open.len() >= DEPTH_MAX {
            return Err(ScanError::Bad { text: "exceeded max depth".to_owned(), offset: self.at });
        }
        self.open.push(is_object);
        Ok(if is_object { Expect::KeyOrEnd } else { Expect::ValueOrEnd })
    }

    fn leave(&mut self) -> Expect {
        self.at += 1;
        self.open.pop();
        Expect::CommaOrEnd
    }

    fn scalar(&mut self, byte: u8) -> Result<(), ScanError> {
        match byte {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => Err(self.bad("looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), ScanError> {
        for expected in word.bytes() {
            if self.peek()? != expected {
                let place = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(self.bad(&place));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), ScanError> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'-' | b'+')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        if !self.peek()?.is_ascii_digit() {
            return Err(self.bad("in numeric literal"));
        }
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), ScanError> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                0..0x20 => return Err(self.bad("in string")),
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        self.at += 1;
        match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.at += 1;
                return Ok(());
            }
            b'u' => (),
            _ => return Err(self.bad_escape(start, start + 2)),
        }
        for at in start + 2..start + 6 {
            match self.bytes.get(at) {
                None => return Err(ScanError::End),
                Some(byte) if byte.is_ascii_hexdigit() => (),
                Some(_) => return Err(self.bad_escape(start, start + 6)),
            }
        }
        self.at = start + 6;
        Ok(())
    }

    fn bad_escape(&self, start: usize, end: usize) -> ScanError {
        let end = end.min(self.bytes.len());
        let sequence = quote_code(&self.bytes[start..end]);
        ScanError::Bad {
            text: format!("invalid escape sequence {sequence} in string"),
            offset: end,
        }
    }

    fn peek(&self) -> Result<u8, ScanError> {
        self.bytes.get(self.at).copied().ok_or(ScanError::End)
    }

    fn bad(&self, place: &str) -> ScanError {
        let (quoted, width) = quote_char(&self.bytes[self.at..]);
        ScanError::Bad {
            text: format!("invalid character {quoted} {place}"),
            offset: self.at + width,
        }
    }
}
