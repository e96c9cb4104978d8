mod admission;
mod lifetimes;
mod model;
mod plans;
mod recovery;

use tradewind_subject::Timestamp;

use super::{index::Removed, publish::PublishHeaders, *};

const SECOND: i64 = 1_000_000_000;
const T0: Timestamp = Timestamp(1_000 * SECOND);

/// A file stream `S` without limits and with a duplicate window of a minute.
fn config() -> StreamConfig {
    StreamConfig {
        name: "S".to_owned(),
        max_msgs: -1,
        max_bytes: -1,
        max_msgs_per_subject: -1,
        max_msg_size: -1,
        duplicate_window: 60 * SECOND,
        ..StreamConfig::default()
    }
}

fn stream(config: StreamConfig) -> Stream {
    Stream::new(config, T0)
}

/// A header block of these lines.
fn block(lines: &[&str]) -> Vec<u8> {
    if lines.is_empty() {
        return Vec::new();
    }
    format!("NATS/1.0\r\n{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

fn admit_at(
    stream: &Stream,
    now: Timestamp,
    subject: &str,
    lines: &[&str],
    payload_len: usize,
) -> Result<Admission, Refusal> {
    let block = block(lines);
    let headers = PublishHeaders::parse(&block);
    let subject = subject.as_bytes();
    stream.admit(now, &Publish { subject, headers: &headers, payload_len, is_wanted: true })
}

fn admit(stream: &Stream, subject: &str, lines: &[&str]) -> Result<Admission, Refusal> {
    admit_at(stream, T0, subject, lines, 1)
}

/// Takes a message in without asking; returns the sequences that left.
fn apply(
    stream: &mut Stream,
    ts: Timestamp,
    subject: &str,
    lines: &[&str],
    payload_len: usize,
) -> Vec<u64> {
    let block = block(lines);
    let record = PublishRecord {
        seq: stream.index().last_seq() + 1,
        ts,
        subject: subject.as_bytes(),
        headers: &PublishHeaders::parse(&block),
        payload_len,
        position: index::Position { segment: 1, offset: 2 },
        len: 1,
        lsn: Lsn(stream.index().last_seq() + 1),
    };
    let mut removed = Vec::new();
    stream.apply_publish(&record, &mut removed);
    seqs(&removed)
}

fn put(stream: &mut Stream, subject: &str) -> Vec<u64> {
    apply(stream, T0, subject, &[], 1)
}

fn seqs(removed: &[Removed]) -> Vec<u64> {
    removed.iter().map(|removed| removed.seq).collect()
}

fn live(stream: &Stream) -> Vec<u64> {
    let mut live = Vec::new();
    let mut next = stream.index().next_live(0);
    while let Some(seq) = next {
        live.push(seq);
        next = stream.index().next_live(seq + 1);
    }
    live
}
