use memchr::memchr;

use crate::op::{ClientOp, Publish};

/// Longest argument of `PING`, `PONG` and `+OK`, which nothing reads; more is an oversized line.
const IGNORED_ARGUMENT_MAX: usize = 64 * 1024;

/// Cuts the bytes of one client into operations.
///
/// Holds only limits: the caller keeps the bytes and offers all that are not consumed yet.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    /// Longest argument part of a control line, in bytes.
    pub max_control_line: usize,
    /// Largest header block and payload together, in bytes.
    pub max_payload: usize,
    /// Whether anything but `CONNECT` is an authorization violation.
    pub connect_first: bool,
}

/// What one call of [`Decoder::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole operation that took `len` bytes.
    Op {
        /// The operation.
        op: ClientOp<'a>,
        /// How many bytes it took.
        len: usize,
    },
    /// Not enough bytes yet; `missing` more are sure to be needed (at least 1).
    Incomplete {
        /// How many bytes are missing at least.
        missing: usize,
    },
}

/// Why a connection can't be understood any longer. Each closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No verb we know, or a verb without the arguments it needs.
    #[error("unknown protocol operation")]
    UnknownOperation,
    /// A known verb with arguments of the wrong number or kind. Closes without a line.
    #[error("malformed arguments of {verb}")]
    Malformed {
        /// The verb.
        verb: &'static str,
    },
    /// A control line longer than the limit.
    #[error("maximum control line exceeded")]
    ControlLine,
    /// A message larger than the limit.
    #[error("message of {size} bytes is over the limit")]
    PayloadTooLarge {
        /// The announced size, headers included.
        size: usize,
    },
    /// The first operation was not `CONNECT`, but has to be.
    #[error("first operation is not CONNECT")]
    NotConnect,
    /// The client sent `-ERR`. Closes without a line.
    #[error("client reported an error")]
    ClientError,
}

/// Blanks before an argument that has not ended yet; more is an oversized line.
const BLANKS_MAX: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Publish,
    PublishHeaders,
    Subscribe,
    Unsubscribe,
    Ping,
    Pong,
    Connect,
    Info,
    PlusOk,
    MinusErr,
}

/// Name, verb, and whether white space has to follow the name.
const VERBS: [(&[u8], Verb, bool); 10] = [
    (b"PUB", Verb::Publish, true),
    (b"HPUB", Verb::PublishHeaders, true),
    (b"SUB", Verb::Subscribe, true),
    (b"UNSUB", Verb::Unsubscribe, true),
    (b"PING", Verb::Ping, false),
    (b"PONG", Verb::Pong, false),
    (b"CONNECT", Verb::Connect, false),
    (b"INFO", Verb::Info, false),
    (b"+OK", Verb::PlusOk, false),
    (b"-ERR", Verb::MinusErr, true),
];

impl Decoder {
    /// Reads the first operation of `input`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]; the connection can't go on.
    #[inline]
    pub fn decode<'a>(&self, input: &'a [u8]) -> Result<Step<'a>, DecodeError> {
        let Some(&first) = input.first() else {
            return Ok(Step::Incomplete { missing: 1 });
        };
        if self.connect_first && !first.eq_ignore_ascii_case(&b'C') {
            return Err(DecodeError::NotConnect);
        }
        if let [b'P' | b'p', b'U' | b'u', b'B' | b'b', b' ' | b'\t', rest @ ..] = input {
            return self.publish(rest, 4, false);
        }
        self.other(input)
    }

    fn other<'a>(&self, input: &'a [u8]) -> Result<Step<'a>, DecodeError> {
        let Some((verb, name_len)) = verb(input)? else {
            return Ok(Step::Incomplete { missing: 1 });
        };
        let rest = &input[name_len..];
        if verb == Verb::Publish || verb == Verb::PublishHeaders {
            return self.publish(rest, name_len, verb == Verb::PublishHeaders);
        }
        let limit = match verb {
            Verb::Ping | Verb::Pong | Verb::PlusOk => IGNORED_ARGUMENT_MAX,
            _ => self.max_control_line,
        };
        let Some((argument, line_len)) = line(rest, limit)? else {
            return Ok(Step::Incomplete { missing: 1 });
        };
        let op = match verb {
            Verb::Ping => ClientOp::Ping,
            Verb::Pong => ClientOp::Pong,
            Verb::PlusOk | Verb::Info => ClientOp::Ignored,
            Verb::MinusErr => return Err(DecodeError::ClientError),
            Verb::Connect => ClientOp::Connect(argument),
            Verb::Subscribe => subscribe(argument)?,
            Verb::Unsubscribe => unsubscribe(argument)?,
            Verb::Publish | Verb::PublishHeaders => return Err(DecodeError::UnknownOperation),
        };
        Ok(Step::Op { op, len: name_len + line_len })
    }

    /// `rest` starts after the verb and one blank; `before` is how long that was.
    #[inline]
    fn publish<'a>(
        &self,
        rest: &'a [u8],
        before: usize,
        with_headers: bool,
    ) -> Result<Step<'a>, DecodeError> {
        let Some((argument, line_len)) = line(rest, self.max_control_line)? else {
            return Ok(Step::Incomplete { missing: 1 });
        };
        let verb = if with_headers { "HPUB" } else { "PUB" };
        let malformed = DecodeError::Malformed { verb };
        let sizes = if with_headers { 2 } else { 1 };
        let words = Words::<4>::split(argument).ok_or(malformed)?;
        let names = words.len.checked_sub(sizes).ok_or(malformed)?;
        if names != 1 && names != 2 {
            return Err(malformed);
        }
        let total = size(words.at[words.len - 1]).ok_or(malformed)?;
        let headers = if with_headers { size(words.at[names]).ok_or(malformed)? } else { 0 };
        if total < headers {
            return Err(malformed);
        }
        if self.max_payload < total {
            return Err(DecodeError::PayloadTooLarge { size: total });
        }
        let body = &rest[line_len..];
        if body.len() < total + 2 {
            if let Some(tail) = body.get(total..)
                && !b"\r\n".starts_with(tail)
            {
                return Err(DecodeError::UnknownOperation);
            }
            return Ok(Step::Incomplete { missing: total + 2 - body.len() });
        }
        if body[total..total + 2] != *b"\r\n" {
            return Err(DecodeError::UnknownOperation);
        }
        let publish = Publish {
            subject: words.at[0],
            reply: if names == 2 { words.at[1] } else { b"" },
            headers: &body[..headers],
            payload: &body[headers..total],
        };
        let len = before + line_len + total + 2;
        Ok(Step::Op { op: ClientOp::Publish { publish, with_headers }, len })
    }
}

/// The verb `input` starts with and how many bytes it takes with the blank after it.
fn verb(input: &[u8]) -> Result<Option<(Verb, usize)>, DecodeError> {
    for (name, verb, needs_blank) in VERBS {
        let n_same = input.len().min(name.len());
        if !input[..n_same].eq_ignore_ascii_case(&name[..n_same]) {
            continue;
        }
        if input.len() < name.len() {
            return Ok(None);
        }
        return match input.get(name.len()) {
            Some(b' ' | b'\t') => Ok(Some((verb, name.len() + 1))),
            Some(_) if needs_blank => Err(DecodeError::UnknownOperation),
            Some(_) => Ok(Some((verb, name.len()))),
            None => Ok(None),
        };
    }
    Err(DecodeError::UnknownOperation)
}

/// The argument at the start of `rest` without blanks around it, and the length of the whole line.
#[inline]
fn line(rest: &[u8], limit: usize) -> Result<Option<(&[u8], usize)>, DecodeError> {
    // The limit counts from the first byte that is not blank, and a CR is not counted.
    let Some(newline) = memchr(b'\n', rest) else {
        if limit + BLANKS_MAX < rest.len() {
            return Err(DecodeError::ControlLine);
        }
        let argument = rest.trim_ascii_start();
        let argument = argument.strip_suffix(b"\r").unwrap_or(argument);
        return if limit < argument.len() { Err(DecodeError::ControlLine) } else { Ok(None) };
    };
    let line = &rest[..newline];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let argument = trim_start(line);
    if limit < argument.len() {
        return Err(DecodeError::ControlLine);
    }
    Ok(Some((argument, newline + 1)))
}

#[inline]
fn trim_start(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = line {
        line = rest;
    }
    line
}

fn subscribe(argument: &[u8]) -> Result<ClientOp<'_>, DecodeError> {
    let words = Words::<3>::split(argument).filter(|words| 2 <= words.len);
    let words = words.ok_or(DecodeError::Malformed { verb: "SUB" })?;
    let queue = if words.len == 3 { Some(words.at[1]) } else { None };
    Ok(ClientOp::Subscribe { subject: words.at[0], queue, sid: words.at[words.len - 1] })
}

fn unsubscribe(argument: &[u8]) -> Result<ClientOp<'_>, DecodeError> {
    let words = Words::<2>::split(argument).filter(|words| 1 <= words.len);
    let words = words.ok_or(DecodeError::Malformed { verb: "UNSUB" })?;
    let max = if words.len == 2 { size(words.at[1]).filter(|max| 0 < *max) } else { None };
    let max = max.map(tradewind_subject::int::u64_from);
    Ok(ClientOp::Unsubscribe { sid: words.at[0], max })
}

/// At most `N` words of a line.
struct Words<'a, const N: usize> {
    at: [&'a [u8]; N],
    len: usize,
}

impl<'a, const N: usize> Words<'a, N> {
    /// Splits at runs of blanks; none if there are more than `N` words.
    #[inline]
    fn split(line: &'a [u8]) -> Option<Words<'a, N>> {
        let mut words = Words { at: [&[]; N], len: 0 };
        let mut start = None;
        for (at, &byte) in line.iter().enumerate() {
            if matches!(byte, b' ' | b'\t' | b'\r') {
                if let Some(start) = start.take() {
                    words.push(&line[start..at])?;
                }
            } else if start.is_none() {
                start = Some(at);
            }
        }
        if let Some(start) = start {
            words.push(&line[start..])?;
        }
        Some(words)
    }

    #[inline]
    fn push(&mut self, word: &'a [u8]) -> Option<()> {
        *self.at.get_mut(self.len)? = word;
        self.len += 1;
        Some(())
    }
}

/// A decimal of at most nine digits.
#[inline]
fn size(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || 9 < digits.len() {
        return None;
    }
    let mut value = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if 9 < digit {
            return None;
        }
        value = value * 10 + usize::from(digit);
    }
    Some(value)
}

#[cfg(test)]
mod tests;
