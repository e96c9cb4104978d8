//! What a publisher is told: the only answers on a hot path.

use crate::api::error::ApiError;
use crate::api::json::quote;

/// What every PubAck of a stream starts with; see [`append_pub_ack`].
pub fn pub_ack_prefix(stream: &str, domain: Option<&str>) -> Vec<u8> {
    // nats-server quotes here like Go, not like JSON.
    let mut prefix = format!("{{\"stream\":{},", quote(stream.as_bytes()));
    if let Some(domain) = domain {
        prefix.push_str("\"domain\":");
        prefix.push_str(&quote(domain.as_bytes()));
        prefix.push(',');
    }
    prefix.push_str("\"seq\":");
    prefix.into_bytes()
}

/// Appends the PubAck of `seq`, with a `prefix` from [`pub_ack_prefix`]. Does not allocate unless
/// `buf` has to grow.
pub fn append_pub_ack(buf: &mut Vec<u8>, prefix: &[u8], seq: u64, is_duplicate: bool) {
    let mut digits = itoa::Buffer::new();
    buf.extend_from_slice(prefix);
    buf.extend_from_slice(digits.format(seq).as_bytes());
    // The blank is nats-server's.
    let end: &[u8] = if is_duplicate { b",\"duplicate\": true}" } else { b"}" };
    buf.extend_from_slice(end);
}

/// Appends the refusal of a publish to `stream`. Does not allocate unless `buf` has to grow.
pub fn append_pub_error(buf: &mut Vec<u8>, stream: &str, error: &ApiError) {
    let mut digits = itoa::Buffer::new();
    buf.extend_from_slice(b"{\"error\":{\"code\":");
    buf.extend_from_slice(digits.format(error.code).as_bytes());
    buf.extend_from_slice(b",\"err_code\":");
    buf.extend_from_slice(digits.format(error.err_code).as_bytes());
    if !error.description.is_empty() {
        buf.extend_from_slice(b",\"description\":");
        append_json_string(buf, &error.description);
    }
    buf.extend_from_slice(b"},\"stream\":");
    append_json_string(buf, stream);
    buf.extend_from_slice(b",\"seq\":0}");
}

/// Appends `text` as a JSON string with the escapes of Go.
pub fn append_json_string(buf: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    buf.push(b'"');
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0..0x20 | b'<' | b'>' | b'&' => {
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                buf.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[high], HEX[low]]);
                continue;
            }
            // U+2028 and U+2029 end a line of JavaScript.
            0xe2 if matches!(tail, [0x80, 0xa8 | 0xa9, ..]) => {
                buf.extend_from_slice(b"\\u202");
                buf.push(HEX[usize::from(tail[1] & 15)]);
                rest = &tail[2..];
                continue;
            }
            _ => {
                buf.push(byte);
                continue;
            }
        };
        buf.extend_from_slice(&[b'\\', short]);
    }
    buf.push(b'"');
}
