//! JSON as nats-server reads and writes it.
//!
//! Reading follows Go's `encoding/json`: keys match without regard to case, `null` leaves a value
//! as it is, an unknown key is an error in strict mode, and the texts of the errors are the ones a
//! client of nats-server sees. Writing escapes what Go escapes.

mod decode;
mod scan;
mod text;

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

pub use decode::{Decoder, find_word, kind};
use scan::{ScanError, scan_value, skip_space};
pub use text::quote;

/// Why a body was not understood, in the words after `invalid JSON: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(pub String);

impl JsonError {
    /// `raw` is none of the words of an enumeration.
    pub(super) fn bad_word(raw: &[u8]) -> JsonError {
        JsonError(format!("can not unmarshal {}", quote(raw)))
    }
}

/// A Go struct: something with keys.
pub trait FromJson: Default {
    /// Go's name of the type, which errors show.
    const GO_TYPE: &'static str;

    /// Reads the value of `key`, which is in lower case; `false` if there is no such key.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the value has the wrong type.
    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError>;
}

/// An enumeration whose values are words.
pub trait Words: Copy + 'static {
    /// Each word with its value.
    const WORDS: &'static [(&'static str, Self)];
}

/// Reads a request body the way nats-server does: several values in a row are merged, unknown keys
/// are refused if `strict`. An empty body is a default value.
///
/// # Errors
///
/// [`JsonError`] with nats-server's text.
pub fn from_request<T: FromJson>(bytes: &[u8], strict: bool) -> Result<T, JsonError> {
    let mut value = T::default();
    match read_all(bytes, &mut value) {
        Ok(()) => Ok(value),
        Err(error) if strict => Err(error),
        Err(_) => from_json(bytes),
    }
}

fn read_all<T: FromJson>(bytes: &[u8], value: &mut T) -> Result<(), JsonError> {
    let mut at = 0;
    while skip_space(bytes, at) < bytes.len() {
        let end = scan_value(bytes, at).map_err(|error| match error {
            ScanError::End => JsonError("unexpected EOF".to_owned()),
            ScanError::Bad { text, offset } => JsonError(format!("{text} at offset {offset}")),
        })?;
        Decoder::new::<T>(&bytes[at..end], true).structure(value)?;
        at = end;
    }
    Ok(())
}

/// Reads exactly one value and ignores unknown keys, as Go's `json.Unmarshal`.
///
/// # Errors
///
/// [`JsonError`] with Go's text.
pub fn from_json<T: FromJson>(bytes: &[u8]) -> Result<T, JsonError> {
    let end = scan_value(bytes, 0).map_err(|error| match error {
        ScanError::End => JsonError("unexpected end of JSON input".to_owned()),
        ScanError::Bad { text, .. } => JsonError(text),
    })?;
    let rest = skip_space(bytes, end);
    if rest < bytes.len() {
        let (quoted, _) = text::quote_char(&bytes[rest..]);
        return Err(JsonError(format!("invalid character {quoted} after top-level value")));
    }
    let mut value = T::default();
    Decoder::new::<T>(&bytes[..end], false).structure(&mut value)?;
    Ok(value)
}

/// Whether a body is empty or `{}`, white space inside aside.
pub fn is_empty_object(bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let open = skip_space(bytes, 0);
    let close = skip_space(bytes, open.saturating_add(1));
    bytes.get(open) == Some(&b'{')
        && bytes.get(close) == Some(&b'}')
        && skip_space(bytes, close + 1) == bytes.len()
}

/// Whether a body starts an object or an array; paged requests ignore anything else.
pub fn starts_container(bytes: &[u8]) -> bool {
    matches!(bytes.get(skip_space(bytes, 0)), Some(b'{' | b'['))
}

/// `value` as Go's `json.Marshal` writes it.
pub fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, GoFormatter);
    match value.serialize(&mut serializer) {
        Ok(()) => bytes,
        // Our types have string keys and a Vec takes every byte.
        Err(error) => unreachable!("JSON of our own types: {error}"),
    }
}

/// Compact, and with the characters escaped that could end a script.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let char = rest[at..].chars().next().unwrap_or_default();
            write!(writer, "\\u{:04x}", u32::from(char))?;
            rest = &rest[at + char.len_utf8()..];
        }
        CompactFormatter.write_string_fragment(writer, rest)
    }
}

#[cfg(test)]
mod tests;
