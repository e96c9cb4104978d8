//! Values as bytes.

use std::any::type_name;
use std::borrow::Borrow;
use std::fmt;
use std::str::Utf8Error;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Values nested deeper are refused, so that no body can overflow the stack. As deep as serde_json
/// goes.
const DEPTH_MAX: usize = 128;

/// How values become the bodies of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON, `Content-Type: application/json`.
    #[default]
    Json,
    /// MessagePack with named fields, `Content-Type: application/msgpack`.
    MessagePack,
}

impl Format {
    /// The body that says `value`.
    ///
    /// # Errors
    ///
    /// [`CodecError::Encode`] if the format can't say it, such as a map whose keys are no strings
    /// in JSON, or if the value's own `Serialize` fails.
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Result<Bytes, CodecError> {
        let written = match self {
            Format::Json => serde_json::to_vec(value).map_err(|error| error.to_string()),
            Format::MessagePack => {
                rmp_serde::to_vec_named(value).map_err(|error| error.to_string())
            }
        };
        let failed =
            |reason| CodecError::Encode { type_name: type_name::<T>(), format: self, reason };
        written.map(Bytes::from).map_err(failed)
    }

    /// The value that `body` says.
    ///
    /// # Errors
    ///
    /// [`CodecError::Decode`] if it says no `T`, or more than one, or is nested over 128 deep.
    pub fn decode<T: DeserializeOwned>(self, body: &[u8]) -> Result<T, CodecError> {
        let read = match self {
            Format::Json => decode_json(body),
            Format::MessagePack => decode_message_pack(body),
        };
        read.map_err(|(position, reason)| CodecError::Decode {
            type_name: type_name::<T>(),
            format: self,
            position,
            reason,
        })
    }

    /// What the header `Content-Type` says of it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::MessagePack => "application/msgpack",
        }
    }

    /// The format that a `Content-Type` names, in any case and whatever parameters follow, such as
    /// `; charset=utf-8`. None if it names no format that is known.
    pub fn of_content_type(content_type: &str) -> Option<Format> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is = |names: &[&str]| names.iter().any(|name| media_type.eq_ignore_ascii_case(name));
        if is(&["application/json", "text/json"]) {
            return Some(Format::Json);
        }
        is(&["application/msgpack", "application/x-msgpack", "application/vnd.msgpack"])
            .then_some(Format::MessagePack)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Json => "JSON",
            Format::MessagePack => "MessagePack",
        })
    }
}

fn decode_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, (Position, String)> {
    serde_json::from_slice(body).map_err(|error| {
        let position = Position::Text { line: error.line(), column: error.column() };
        // The position is a field of its own, and need not be read twice.
        let reason = error.to_string();
        let suffix = format!(" at {position}");
        (position, reason.strip_suffix(&suffix).unwrap_or(&reason).to_owned())
    })
}

fn decode_message_pack<T: DeserializeOwned>(body: &[u8]) -> Result<T, (Position, String)> {
    let mut deserializer = rmp_serde::Deserializer::new(body);
    deserializer.set_max_depth(DEPTH_MAX);
    let read = T::deserialize(&mut deserializer);
    let rest = deserializer.get_ref().len();
    let position = Position::Byte(body.len().saturating_sub(rest));
    match read {
        Ok(_) if rest != 0 => Err((position, format!("{rest} bytes after the value"))),
        Ok(value) => Ok(value),
        Err(error) => Err((position, error.to_string())),
    }
}

/// Where reading a body stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Of a text, both counted from 1; line 0 if the body as a whole is meant.
    Text {
        /// The line.
        line: usize,
        /// The byte in it.
        column: usize,
    },
    /// Bytes from the start.
    Byte(usize),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Text { line, column } => write!(f, "line {line} column {column}"),
            Position::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}

/// Why a value can't become a body, or a body no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The format can't say the value.
    #[error("{type_name} can't be written as {format}: {reason}")]
    Encode {
        /// The Rust type.
        type_name: &'static str,
        /// What it should become.
        format: Format,
        /// Why it can't.
        reason: String,
    },
    /// The body doesn't say such a value.
    #[error("no {type_name} can be read from this {format}, at {position}: {reason}")]
    Decode {
        /// The Rust type.
        type_name: &'static str,
        /// What the body was read as.
        format: Format,
        /// Where reading stopped.
        position: Position,
        /// What was wrong there.
        reason: String,
    },
}

/// A body taken as it is: published and received without a format and without a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Raw(pub Bytes);

impl Raw {
    /// The body as text.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8.
    pub fn as_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.0)
    }
}

impl AsRef<[u8]> for Raw {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Raw {
    fn from(body: Bytes) -> Raw {
        Raw(body)
    }
}

impl From<Vec<u8>> for Raw {
    fn from(body: Vec<u8>) -> Raw {
        Raw(body.into())
    }
}

impl From<String> for Raw {
    fn from(body: String) -> Raw {
        Raw(body.into())
    }
}

impl From<&[u8]> for Raw {
    fn from(body: &[u8]) -> Raw {
        Raw(Bytes::copy_from_slice(body))
    }
}

impl<const N: usize> From<&[u8; N]> for Raw {
    fn from(body: &[u8; N]) -> Raw {
        Raw(Bytes::copy_from_slice(body))
    }
}

impl From<&str> for Raw {
    fn from(body: &str) -> Raw {
        Raw(Bytes::copy_from_slice(body.as_bytes()))
    }
}

impl From<Raw> for Bytes {
    fn from(body: Raw) -> Bytes {
        body.0
    }
}

/// A body and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The bytes.
    pub body: Bytes,
    /// None: bytes as they were given, [`Raw`].
    pub format: Option<Format>,
}

/// What can be published: every `Serialize` in the producer's format, and [`Raw`] as it is.
///
/// `Vec<u8>` and `String` are values like others, in JSON an array and a string; as they are they
/// go by `Raw::from`.
pub trait Encode {
    /// The body that says `self`, in `format` unless it has none.
    ///
    /// # Errors
    ///
    /// See [`Format::encode`].
    fn encode(&self, format: Format) -> Result<Encoded, CodecError>;
}

impl<T: Serialize + ?Sized> Encode for T {
    fn encode(&self, format: Format) -> Result<Encoded, CodecError> {
        Ok(Encoded { body: format.encode(self)?, format: Some(format) })
    }
}

// `Raw` is not `Serialize`, and as it is a type of ours no other crate can make it so: these
// implementations and the ones for all serde types never meet.
impl Encode for Raw {
    fn encode(&self, _: Format) -> Result<Encoded, CodecError> {
        Ok(Encoded { body: self.0.clone(), format: None })
    }
}

impl Encode for &Raw {
    fn encode(&self, format: Format) -> Result<Encoded, CodecError> {
        Raw::encode(self, format)
    }
}

/// What a handler can take: every `DeserializeOwned`, and [`Raw`] for the bytes as they came.
pub trait Decode: Sized {
    /// The value that `body` says; `format` is what its `Content-Type` names, JSON if it names
    /// none.
    ///
    /// # Errors
    ///
    /// See [`Format::decode`].
    fn decode(format: Option<Format>, body: Bytes) -> Result<Self, CodecError>;
}

impl<T: DeserializeOwned> Decode for T {
    fn decode(format: Option<Format>, body: Bytes) -> Result<T, CodecError> {
        format.unwrap_or_default().decode(body.borrow())
    }
}

impl Decode for Raw {
    fn decode(_: Option<Format>, body: Bytes) -> Result<Raw, CodecError> {
        Ok(Raw(body))
    }
}

#[cfg(test)]
mod tests;
