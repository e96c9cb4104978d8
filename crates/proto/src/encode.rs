//! What the server says, appended to a buffer.

use crate::op::Publish;

/// `+OK`.
pub const OK: &[u8] = b"+OK\r\n";
/// `PING`.
pub const PING: &[u8] = b"PING\r\n";
/// `PONG`.
pub const PONG: &[u8] = b"PONG\r\n";

/// Appends `MSG` or, if there are headers and `with_headers`, `HMSG`.
///
/// For a client without header support the block is left out.
#[inline]
pub fn message(out: &mut Vec<u8>, sid: &[u8], message: &Publish<'_>, with_headers: bool) {
    let Publish { subject, reply, headers, payload } = *message;
    let headers = if with_headers { headers } else { b"" };
    out.reserve(subject.len() + sid.len() + reply.len() + headers.len() + payload.len() + 64);
    out.extend_from_slice(if headers.is_empty() { b"MSG " } else { b"HMSG " });
    out.extend_from_slice(subject);
    out.push(b' ');
    out.extend_from_slice(sid);
    out.push(b' ');
    if !reply.is_empty() {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    let mut digits = itoa::Buffer::new();
    if !headers.is_empty() {
        out.extend_from_slice(digits.format(headers.len()).as_bytes());
        out.push(b' ');
    }
    out.extend_from_slice(digits.format(headers.len() + payload.len()).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// Appends `-ERR '<text>'`.
pub fn error(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"-ERR '");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"'\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(publish: Publish<'_>, with_headers: bool, expected: &str) {
        let mut out = Vec::new();
        message(&mut out, b"7", &publish, with_headers);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn headers_are_left_out_for_clients_that_do_not_know_them() {
        let publish =
            Publish { subject: b"a", reply: b"r", headers: b"NATS/1.0\r\n\r\n", payload: b"hi" };
        check(publish, true, "HMSG a 7 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
        check(publish, false, "MSG a 7 r 2\r\nhi\r\n");
        check(Publish { reply: b"", headers: b"", ..publish }, true, "MSG a 7 2\r\nhi\r\n");
    }
}
