//! The client side of the protocol: what a server sends, cut into frames.
//!
//! Written apart from the server's own codec, so that a mistake there cannot
//! hide itself here.

use anyhow::{Result, anyhow, bail, ensure};
use memchr::memchr;
use serde_json::json;

/// One thing a server said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// `MSG` or `HMSG`.
    Message(Message<'a>),
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
    /// `+OK`.
    Ok,
    /// The JSON behind `INFO`.
    Info(&'a [u8]),
    /// The text behind `-ERR`.
    Error(&'a [u8]),
}

/// A delivered message; `headers` is empty for `MSG`, else the block with its version line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) subject: &'a [u8],
    pub(crate) reply: Option<&'a [u8]>,
    pub(crate) headers: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl Message<'_> {
    /// The status code of the version line, such as 404 or 503.
    pub(crate) fn status(&self) -> Option<u16> {
        let line = self.headers.strip_prefix(b"NATS/1.0 ")?;
        std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()
    }

    /// The first value of a header, by its exact name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(self.headers).ok()?;
        text.split("\r\n")
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    }
}

/// The first frame of `bytes` and its length, or `None` while it is not complete.
///
/// # Errors
///
/// On anything a server may not send.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>> {
    let Some(newline) = memchr(b'\n', bytes) else {
        return Ok(None);
    };
    let line = bytes[..newline].strip_suffix(b"\r").unwrap_or(&bytes[..newline]);
    let after = newline + 1;
    if let Some(arguments) = line.strip_prefix(b"MSG ") {
        return message(arguments, bytes, after, false);
    }
    if let Some(arguments) = line.strip_prefix(b"HMSG ") {
        return message(arguments, bytes, after, true);
    }
    let frame = match line {
        b"PING" => Frame::Ping,
        b"PONG" => Frame::Pong,
        b"+OK" => Frame::Ok,
        _ if line.starts_with(b"INFO ") => Frame::Info(&line[5..]),
        _ if line.starts_with(b"-ERR") => Frame::Error(line[4..].trim_ascii()),
        _ => bail!("not a server's line: {}", String::from_utf8_lossy(line)),
    };
    Ok(Some((frame, after)))
}

fn message<'a>(
    arguments: &'a [u8],
    bytes: &'a [u8],
    start: usize,
    with_headers: bool,
) -> Result<Option<(Frame<'a>, usize)>> {
    let mut words = [&[][..]; 5];
    let mut n_words = 0;
    for word in arguments.split(|&byte| byte == b' ').filter(|word| !word.is_empty()) {
        *words.get_mut(n_words).ok_or_else(|| anyhow!("too many words in a MSG line"))? = word;
        n_words += 1;
    }
    let n_sizes = if with_headers { 2 } else { 1 };
    ensure!(
        n_words == 2 + n_sizes || n_words == 3 + n_sizes,
        "bad MSG line: {}",
        String::from_utf8_lossy(arguments)
    );
    let reply = (n_words == 3 + n_sizes).then_some(words[2]);
    let total = number(words[n_words - 1])?;
    let header_len = if with_headers { number(words[n_words - 2])? } else { 0 };
    ensure!(header_len <= total, "headers longer than the message");
    let end = start + total;
    if bytes.len() < end + 2 {
        return Ok(None);
    }
    ensure!(&bytes[end..end + 2] == b"\r\n", "a message without its CRLF");
    let (headers, payload) = bytes[start..end].split_at(header_len);
    let message = Message { subject: words[0], reply, headers, payload };
    Ok(Some((Frame::Message(message), end + 2)))
}

/// A decimal number without sign.
pub(crate) fn number(digits: &[u8]) -> Result<usize> {
    ensure!(!digits.is_empty() && digits.len() <= 18, "not a number");
    digits.iter().try_fold(0, |value: usize, &digit| {
        ensure!(digit.is_ascii_digit(), "not a number: {}", String::from_utf8_lossy(digits));
        Ok(value * 10 + usize::from(digit - b'0'))
    })
}

/// The `PUB` frame for one message.
pub(crate) fn publish(subject: &str, reply: Option<&str>, payload: &[u8]) -> Vec<u8> {
    let mut frame = match reply {
        Some(reply) => format!("PUB {subject} {reply} {}\r\n", payload.len()),
        None => format!("PUB {subject} {}\r\n", payload.len()),
    }
    .into_bytes();
    frame.extend_from_slice(payload);
    frame.extend_from_slice(b"\r\n");
    frame
}

/// The request for up to `batch` messages of a consumer, which waits for them for 20 s.
pub(crate) fn fetch(stream: &str, consumer: &str, inbox: &str, batch: u64) -> Vec<u8> {
    let body = json!({"batch": batch, "expires": 20_000_000_000_u64}).to_string();
    let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
    publish(&subject, Some(inbox), body.as_bytes())
}

/// Appends the ack of a fetched message, which goes to its reply subject.
///
/// # Errors
///
/// If it is no message of a stream but the end of a fetch.
pub(crate) fn push_ack(out: &mut Vec<u8>, message: &Message<'_>) -> Result<()> {
    let Some(reply) = message.reply else {
        bail!("not a message but status {:?}", message.status());
    };
    out.extend_from_slice(b"PUB ");
    out.extend_from_slice(reply);
    out.extend_from_slice(b" 4\r\n+ACK\r\n");
    Ok(())
}

/// The `HPUB` frame for one message; `headers` has its version line and its empty line.
pub(crate) fn publish_with(subject: &str, reply: &str, headers: &str, payload: &[u8]) -> Vec<u8> {
    let (header_len, total) = (headers.len(), headers.len() + payload.len());
    let mut frame =
        format!("HPUB {subject} {reply} {header_len} {total}\r\n{headers}").into_bytes();
    frame.extend_from_slice(payload);
    frame.extend_from_slice(b"\r\n");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_frame_is_read_with_its_length() {
        let plain = |reply, payload| Message { subject: b"a.b", reply, headers: b"", payload };
        let cases: [(&[u8], Frame<'_>); 8] = [
            (b"PING\r\n", Frame::Ping),
            (b"PONG\r\n", Frame::Pong),
            (b"+OK\r\n", Frame::Ok),
            (b"INFO {\"a\":1} \r\n", Frame::Info(b"{\"a\":1} ")),
            (b"-ERR 'Unknown'\r\n", Frame::Error(b"'Unknown'")),
            (b"MSG a.b 1 2\r\nhi\r\n", Frame::Message(plain(None, b"hi"))),
            (b"MSG a.b 1 r 0\r\n\r\n", Frame::Message(plain(Some(b"r"), b""))),
            (
                b"HMSG a.b 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
                Frame::Message(Message {
                    subject: b"a.b",
                    reply: Some(b"r"),
                    headers: b"NATS/1.0\r\n\r\n",
                    payload: b"hi",
                }),
            ),
        ];
        for (bytes, frame) in cases {
            assert_eq!(parse(bytes).unwrap(), Some((frame, bytes.len())));
            for cut in 0..bytes.len() {
                assert_eq!(parse(&bytes[..cut]).unwrap(), None, "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_no_server_sends_is_an_error() {
        for bytes in
            [&b"HELLO\r\n"[..], b"MSG a 1\r\n", b"MSG a 1 x\r\n", b"MSG a 1 1\r\nhi\r\n", b"\r\n"]
        {
            assert!(parse(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn statuses_and_headers_are_found() {
        let headers = b"NATS/1.0 404 Not Found\r\nNats-Sequence: 17\r\n\r\n";
        let message = Message { subject: b"a", reply: None, headers, payload: b"" };
        assert_eq!(message.status(), Some(404));
        assert_eq!(message.header("Nats-Sequence"), Some("17"));
        assert_eq!(message.header("Nats"), None);
        let plain =
            Message { subject: b"a", reply: None, headers: b"NATS/1.0\r\n\r\n", payload: b"" };
        assert_eq!(plain.status(), None);
    }
}
