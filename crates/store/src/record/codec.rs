//! Records as bytes: see `FORMAT.md`.

use bytes::BytesMut;
use tradewind_subject::{Timestamp, int};

use crate::{
    ids::{ConsumerId, Lsn, StreamId},
    mutant::{self, Mutant},
    record::{Burned, Corrupt, Ranges, Record, RemoveReason},
};

/// Bytes before the fields: length, kind, zeroes, LSN, stream, previous LSN of the stream.
const HEAD: usize = 32;
/// Bytes after the fields.
const CRC: usize = 4;
/// Fields of a message before its subject.
pub(crate) const PUBLISH_FIELDS: usize = 24;

/// The longest record that can be appended: 64 MiB of payload with room for subject and headers.
pub const RECORD_BYTES_MAX: usize = 65 << 20;

/// Numbers on disk; 12 to 16 are reserved (batches, erase, moves).
mod kind {
    pub(super) const PUBLISH: u8 = 1;
    pub(super) const SKIP: u8 = 2;
    pub(super) const REMOVE: u8 = 3;
    pub(super) const PURGE_TO: u8 = 4;
    pub(super) const STREAM_PUT: u8 = 5;
    pub(super) const STREAM_GONE: u8 = 6;
    pub(super) const CONSUMER_PUT: u8 = 7;
    pub(super) const CONSUMER_GONE: u8 = 8;
    pub(super) const CONSUMER_DELTA: u8 = 9;
    pub(super) const STREAM_STATE: u8 = 10;
    pub(super) const CONSUMER_STATE: u8 = 11;
    pub(super) const IDLE: u8 = 17;
    pub(super) const MESSAGE_IDS: u8 = 18;
}

/// A record with what the log added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoded<'a> {
    pub(crate) lsn: Lsn,
    /// The stream's record before this one, or the idle marker before this one; zero if this is the
    /// first.
    pub(crate) prev: Lsn,
    pub(crate) body: Body<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    Record(Record<'a>),
    /// The log's own marker, after some silence and at the start of each segment: what is durable, and
    /// the last record of each stream written to since the marker before.
    Idle {
        watermark: Lsn,
        heads: Ranges<'a>,
    },
}

/// The size of a record in the log.
pub(crate) fn encoded_len(record: &Record<'_>) -> usize {
    let fields = match record {
        Record::Publish { subject, headers, payload, .. } => {
            PUBLISH_FIELDS + subject.len() + headers.len() + payload.len()
        }
        Record::Skip { burned, .. } => 16 + burned.map_or(0, |it| 8 + it.id.len()),
        Record::Remove { ranges, .. } => 1 + ranges.len() * Ranges::ENTRY,
        Record::PurgeTo { .. } => 8,
        Record::StreamPut { config, .. } => config.len(),
        Record::StreamGone { .. } => 0,
        Record::ConsumerPut { config, .. } => 8 + config.len(),
        Record::ConsumerGone { removes, .. } => 8 + removes.len() * Ranges::ENTRY,
        Record::ConsumerDelta { delta, removes, .. } => {
            12 + removes.len() * Ranges::ENTRY + delta.len()
        }
        Record::StreamState { state, .. } => state.len(),
        Record::ConsumerState { state, .. } => 8 + state.len(),
        Record::MessageIds { ids, .. } => ids.len(),
    };
    HEAD + fields + CRC
}

/// The size of an idle marker in the log.
pub(crate) const fn idle_len(n_heads: usize) -> usize {
    HEAD + 8 + n_heads * Ranges::ENTRY + CRC
}

/// Writes a record, and returns its checksum.
///
/// Allocates nothing if `out` has room. The caller has checked the length.
pub(crate) fn encode(record: &Record<'_>, lsn: Lsn, prev: Lsn, out: &mut BytesMut) -> u32 {
    let start = out.len();
    let len = encoded_len(record);
    let head = |kind| head(len, kind, record.stream(), lsn, prev);
    match *record {
        Record::Publish { seq, ts, subject, headers, payload, .. } => {
            out.extend_from_slice(&head(kind::PUBLISH));
            out.extend_from_slice(&publish_fields(seq, ts, subject, headers));
            out.extend_from_slice(subject);
            out.extend_from_slice(headers);
            out.extend_from_slice(payload);
        }
        Record::Skip { first, last, burned, .. } => {
            out.extend_from_slice(&head(kind::SKIP));
            put_u64s(out, &[first, last]);
            if let Some(Burned { ts, id }) = burned {
                out.extend_from_slice(&ts.0.to_le_bytes());
                out.extend_from_slice(id);
            }
        }
        Record::Remove { why, ranges, .. } => {
            out.extend_from_slice(&head(kind::REMOVE));
            out.extend_from_slice(&[reason_code(why)]);
            put_ranges(out, ranges);
        }
        Record::PurgeTo { seq, .. } => {
            out.extend_from_slice(&head(kind::PURGE_TO));
            put_u64s(out, &[seq]);
        }
        Record::StreamPut { config: bytes, .. } => put(out, head(kind::STREAM_PUT), bytes),
        Record::StreamGone { .. } => put(out, head(kind::STREAM_GONE), &[]),
        Record::ConsumerPut { consumer, config: bytes, .. } => {
            put_consumer(out, head(kind::CONSUMER_PUT), consumer, bytes);
        }
        Record::ConsumerGone { consumer, removes, .. } => {
            put_consumer(out, head(kind::CONSUMER_GONE), consumer, &[]);
            put_ranges(out, removes);
        }
        Record::ConsumerDelta { consumer, delta, removes, .. } => {
            let n_removes = int::u32_saturating(removes.len()).to_le_bytes();
            put_consumer(out, head(kind::CONSUMER_DELTA), consumer, &n_removes);
            put_ranges(out, removes);
            out.extend_from_slice(delta);
        }
        Record::StreamState { state: bytes, .. } => put(out, head(kind::STREAM_STATE), bytes),
        Record::ConsumerState { consumer, state: bytes, .. } => {
            put_consumer(out, head(kind::CONSUMER_STATE), consumer, bytes);
        }
        Record::MessageIds { ids: bytes, .. } => put(out, head(kind::MESSAGE_IDS), bytes),
    }
    seal(out, start, len)
}

/// Writes an idle marker, `prev` being the one before, and returns its checksum.
pub(crate) fn encode_idle(
    heads: impl ExactSizeIterator<Item = (StreamId, Lsn)>,
    watermark: Lsn,
    (lsn, prev): (Lsn, Lsn),
    out: &mut BytesMut,
) -> u32 {
    let start = out.len();
    let len = idle_len(heads.len());
    out.extend_from_slice(&head(len, kind::IDLE, StreamId::default(), lsn, prev));
    put_u64s(out, &[watermark.0]);
    heads.for_each(|(stream, last)| put_u64s(out, &[stream.0, last.0]));
    seal(out, start, len)
}

fn head(len: usize, kind: u8, stream: StreamId, lsn: Lsn, prev: Lsn) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&int::u32_saturating(len).to_le_bytes());
    head[4] = kind;
    head[8..16].copy_from_slice(&lsn.0.to_le_bytes());
    head[16..24].copy_from_slice(&stream.0.to_le_bytes());
    head[24..32].copy_from_slice(&prev.0.to_le_bytes());
    head
}

fn publish_fields(seq: u64, ts: Timestamp, subject: &[u8], headers: &[u8]) -> [u8; PUBLISH_FIELDS] {
    let mut fields = [0; PUBLISH_FIELDS];
    fields[..8].copy_from_slice(&seq.to_le_bytes());
    fields[8..16].copy_from_slice(&ts.0.to_le_bytes());
    fields[16..20].copy_from_slice(&int::u32_saturating(subject.len()).to_le_bytes());
    fields[20..24].copy_from_slice(&int::u32_saturating(headers.len()).to_le_bytes());
    fields
}

fn put(out: &mut BytesMut, head: [u8; HEAD], bytes: &[u8]) {
    out.extend_from_slice(&head);
    out.extend_from_slice(bytes);
}

fn put_consumer(out: &mut BytesMut, head: [u8; HEAD], consumer: ConsumerId, bytes: &[u8]) {
    put(out, head, &consumer.0.to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_u64s(out: &mut BytesMut, values: &[u64]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn put_ranges(out: &mut BytesMut, ranges: Ranges<'_>) {
    ranges.iter().for_each(|range| put_u64s(out, &[range.first, range.last]));
}

fn seal(out: &mut BytesMut, start: usize, len: usize) -> u32 {
    debug_assert_eq!(out.len() - start + CRC, len, "the length was computed right");
    let crc = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
    crc
}

/// Cuts the first record off `bytes` and checks its sum; the rest and the sum come with it.
pub(crate) fn split(bytes: &[u8]) -> Result<(&[u8], u32, &[u8]), Corrupt> {
    let (len, _) = bytes.split_first_chunk().ok_or(Corrupt::Length)?;
    let len = int::usize_from_u32(u32::from_le_bytes(*len));
    if len < HEAD + CRC || bytes.len() < len {
        return Err(Corrupt::Length);
    }
    let (record, rest) = bytes.split_at(len);
    let (covered, crc) = record.split_last_chunk().ok_or(Corrupt::Length)?;
    let crc = u32::from_le_bytes(*crc);
    if crc32c::crc32c(covered) != crc && !mutant::enabled(Mutant::ReadUnchecked) {
        return Err(Corrupt::Checksum);
    }
    Ok((record, crc, rest))
}

/// Decodes bytes that [`split`] has checked.
pub(crate) fn decode(record: &[u8]) -> Result<Decoded<'_>, Corrupt> {
    let mut input = Input(record.get(4..record.len() - CRC).ok_or(Corrupt::Length)?);
    let [kind, zeroes @ ..] = *input.array::<4>()?;
    if zeroes != [0; 3] {
        return Err(Corrupt::Fields);
    }
    let lsn = Lsn(input.u64()?);
    let stream = StreamId(input.u64()?);
    let prev = Lsn(input.u64()?);
    let body = if kind == kind::IDLE {
        Body::Idle { watermark: Lsn(input.u64()?), heads: input.ranges()? }
    } else {
        Body::Record(fields(kind, stream, &mut input)?)
    };
    if !input.0.is_empty() {
        return Err(Corrupt::Fields);
    }
    Ok(Decoded { lsn, prev, body })
}

fn fields<'a>(kind: u8, stream: StreamId, input: &mut Input<'a>) -> Result<Record<'a>, Corrupt> {
    Ok(match kind {
        kind::PUBLISH => {
            let seq = input.u64()?;
            let ts = input.timestamp()?;
            let (subject, headers) = (input.u32()?, input.u32()?);
            let (subject, headers) = (input.take(subject)?, input.take(headers)?);
            Record::Publish { stream, seq, ts, subject, headers, payload: input.rest() }
        }
        kind::SKIP => {
            let (first, last) = (input.u64()?, input.u64()?);
            let has_burned = !input.0.is_empty();
            let burned = has_burned.then(|| input.burned()).transpose()?;
            Record::Skip { stream, first, last, burned }
        }
        kind::REMOVE => {
            let [code] = *input.array()?;
            let why = reason(code).ok_or(Corrupt::Fields)?;
            Record::Remove { stream, why, ranges: input.ranges()? }
        }
        kind::PURGE_TO => Record::PurgeTo { stream, seq: input.u64()? },
        kind::STREAM_PUT => Record::StreamPut { stream, config: input.rest() },
        kind::STREAM_GONE => Record::StreamGone { stream },
        kind::CONSUMER_PUT => {
            Record::ConsumerPut { stream, consumer: input.consumer()?, config: input.rest() }
        }
        kind::CONSUMER_GONE => {
            Record::ConsumerGone { stream, consumer: input.consumer()?, removes: input.ranges()? }
        }
        kind::CONSUMER_DELTA => {
            let consumer = input.consumer()?;
            let n_removes = input.u32()?;
            let bytes = n_removes.checked_mul(Ranges::ENTRY).ok_or(Corrupt::Fields)?;
            let removes = Ranges::encoded(input.take(bytes)?).ok_or(Corrupt::Fields)?;
            Record::ConsumerDelta { stream, consumer, delta: input.rest(), removes }
        }
        kind::STREAM_STATE => Record::StreamState { stream, state: input.rest() },
        kind::CONSUMER_STATE => {
            Record::ConsumerState { stream, consumer: input.consumer()?, state: input.rest() }
        }
        kind::MESSAGE_IDS => Record::MessageIds { stream, ids: input.rest() },
        unknown => return Err(Corrupt::Kind(unknown)),
    })
}

/// Checks and decodes one record, as a read from a [`Position`](crate::Position) returns it.
///
/// # Errors
///
/// If the bytes are not exactly one valid record.
pub fn decode_record(bytes: &[u8]) -> Result<(Lsn, Record<'_>), Corrupt> {
    let (record, _, rest) = split(bytes)?;
    if !rest.is_empty() {
        return Err(Corrupt::Length);
    }
    match decode(record)? {
        Decoded { lsn, body: Body::Record(record), .. } => Ok((lsn, record)),
        Decoded { lsn, body: Body::Idle { .. }, .. } => Err(Corrupt::Misplaced { found: lsn }),
    }
}

const REASONS: [RemoveReason; 5] = [
    RemoveReason::Expired,
    RemoveReason::Deleted,
    RemoveReason::Purged,
    RemoveReason::Acked,
    RemoveReason::Rollup,
];

fn reason_code(why: RemoveReason) -> u8 {
    match why {
        RemoveReason::Expired => 0,
        RemoveReason::Deleted => 1,
        RemoveReason::Purged => 2,
        RemoveReason::Acked => 3,
        RemoveReason::Rollup => 4,
    }
}

fn reason(code: u8) -> Option<RemoveReason> {
    REASONS.get(usize::from(code)).copied()
}

/// The two integers of a range.
pub(crate) fn pair(entry: &[u8; Ranges::ENTRY]) -> (u64, u64) {
    let mut input = Input(entry);
    (input.u64().unwrap_or_default(), input.u64().unwrap_or_default())
}

/// What is left of the bytes of a record.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Corrupt> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Corrupt::Fields)?;
        self.0 = rest;
        Ok(array)
    }

    fn u64(&mut self) -> Result<u64, Corrupt> {
        self.array().map(|bytes| u64::from_le_bytes(*bytes))
    }

    fn u32(&mut self) -> Result<usize, Corrupt> {
        self.array().map(|bytes| int::usize_from_u32(u32::from_le_bytes(*bytes)))
    }

    fn timestamp(&mut self) -> Result<Timestamp, Corrupt> {
        self.array().map(|bytes| Timestamp(i64::from_le_bytes(*bytes)))
    }

    fn burned(&mut self) -> Result<Burned<'a>, Corrupt> {
        Ok(Burned { ts: self.timestamp()?, id: self.rest() })
    }

    fn consumer(&mut self) -> Result<ConsumerId, Corrupt> {
        self.u64().map(ConsumerId)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Corrupt::Fields)?;
        self.0 = rest;
        Ok(taken)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn ranges(&mut self) -> Result<Ranges<'a>, Corrupt> {
        Ranges::encoded(self.rest()).ok_or(Corrupt::Fields)
    }
}
