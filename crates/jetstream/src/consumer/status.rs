//! Status header blocks, byte for byte.

use super::SeqPair;

pub(super) const FLOW_CONTROL: &[u8] = b"NATS/1.0 100 FlowControl Request\r\n\r\n";

/// A status line alone.
pub(super) fn bare(status: &str) -> Vec<u8> {
    format!("NATS/1.0 {status}\r\n\r\n").into_bytes()
}

/// A status that tells what is left of a pull.
pub(super) fn with_rest(status: &str, messages: i64, bytes: i64) -> Vec<u8> {
    format!(
        "NATS/1.0 {status}\r\nNats-Pending-Messages: {messages}\r\nNats-Pending-Bytes: {bytes}\r\n\r\n"
    )
    .into_bytes()
}

/// A heartbeat: how far the consumer is, and the flow control subject it waits for, if any.
pub(super) fn heartbeat(last: SeqPair, stalled: Option<&[u8]>) -> Vec<u8> {
    let mut headers = format!(
        "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: {}\r\nNats-Last-Stream: {}\r\n",
        last.consumer, last.stream
    )
    .into_bytes();
    if let Some(subject) = stalled {
        headers.extend_from_slice(b"Nats-Consumer-Stalled: ");
        headers.extend_from_slice(subject);
        headers.extend_from_slice(b"\r\n");
    }
    headers.extend_from_slice(b"\r\n");
    headers
}
