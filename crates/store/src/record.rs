//! What a log can say, and its encoding.

pub(crate) mod codec;
mod message;

use std::fmt;

use tradewind_subject::Timestamp;

use crate::ids::{ConsumerId, Lsn, StreamId};

pub use {
    codec::{RECORD_BYTES_MAX, decode_record},
    message::{StoredMessage, decode_message},
};

/// One fact about a stream. Parts are borrowed: from the caller when it is appended, from the
/// bytes of the segment when it is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what they are called")]
pub enum Record<'a> {
    /// A message.
    Publish {
        stream: StreamId,
        seq: u64,
        ts: Timestamp,
        subject: &'a [u8],
        headers: &'a [u8],
        payload: &'a [u8],
    },
    /// Sequences that no message will have, both ends included.
    Skip { stream: StreamId, first: u64, last: u64, burned: Option<Burned<'a>> },
    /// Messages that are gone for a reason that is not a pure function of the log.
    Remove { stream: StreamId, why: RemoveReason, ranges: Ranges<'a> },
    /// Everything below `seq` is gone.
    PurgeTo { stream: StreamId, seq: u64 },
    /// A stream was made or changed.
    StreamPut { stream: StreamId, config: &'a [u8] },
    /// A stream is gone with all it had.
    StreamGone { stream: StreamId },
    /// A consumer was made or changed.
    ConsumerPut { stream: StreamId, consumer: ConsumerId, config: &'a [u8] },
    /// A consumer is gone; so are the messages that only waited for it.
    ConsumerGone { stream: StreamId, consumer: ConsumerId, removes: Ranges<'a> },
    /// A consumer's progress, and the messages it was the last to wait for.
    ConsumerDelta { stream: StreamId, consumer: ConsumerId, delta: &'a [u8], removes: Ranges<'a> },
    /// A snapshot of a stream's state: what came before in the log can go.
    StreamState { stream: StreamId, state: &'a [u8] },
    /// A snapshot of a consumer's state.
    ConsumerState { stream: StreamId, consumer: ConsumerId, state: &'a [u8] },
    /// Message ids of records that the log is about to forget.
    MessageIds { stream: StreamId, ids: &'a [u8] },
}

/// What is left of a message that nobody wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burned<'a> {
    /// Its time.
    pub ts: Timestamp,
    /// Its message id; empty if it had none.
    pub id: &'a [u8],
}

impl Record<'_> {
    /// The stream it is about.
    pub fn stream(&self) -> StreamId {
        match *self {
            Record::Publish { stream, .. }
            | Record::Skip { stream, .. }
            | Record::Remove { stream, .. }
            | Record::PurgeTo { stream, .. }
            | Record::StreamPut { stream, .. }
            | Record::StreamGone { stream }
            | Record::ConsumerPut { stream, .. }
            | Record::ConsumerGone { stream, .. }
            | Record::ConsumerDelta { stream, .. }
            | Record::StreamState { stream, .. }
            | Record::ConsumerState { stream, .. }
            | Record::MessageIds { stream, .. } => stream,
        }
    }
}

/// Why messages were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveReason {
    /// By age or by their own time to live.
    Expired,
    /// One by one, by request.
    Deleted,
    /// By a purge with a filter.
    Purged,
    /// By the ack of the last consumer that waited (work queue, interest).
    Acked,
    /// By a message that replaced them.
    Rollup,
}

/// Stream sequences, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqRange {
    /// The first.
    pub first: u64,
    /// The last, not below the first.
    pub last: u64,
}

impl SeqRange {
    /// One sequence.
    pub const fn one(seq: u64) -> SeqRange {
        SeqRange { first: seq, last: seq }
    }
}

/// A list of [`SeqRange`]s, as a slice or still encoded.
#[derive(Clone, Copy)]
pub struct Ranges<'a>(Pairs<'a>);

#[derive(Clone, Copy)]
enum Pairs<'a> {
    Slice(&'a [SeqRange]),
    /// A multiple of [`Ranges::ENTRY`] bytes.
    Encoded(&'a [u8]),
}

impl<'a> Ranges<'a> {
    /// Encoded size of a range.
    pub(crate) const ENTRY: usize = 16;

    /// No range.
    pub const EMPTY: Ranges<'static> = Ranges(Pairs::Slice(&[]));

    /// The ranges of a slice.
    pub const fn new(ranges: &'a [SeqRange]) -> Ranges<'a> {
        Ranges(Pairs::Slice(ranges))
    }

    /// The ranges in `bytes`; `None` if there is a remainder.
    pub(crate) fn encoded(bytes: &'a [u8]) -> Option<Ranges<'a>> {
        bytes.len().is_multiple_of(Ranges::ENTRY).then_some(Ranges(Pairs::Encoded(bytes)))
    }

    /// How many ranges.
    pub const fn len(&self) -> usize {
        match self.0 {
            Pairs::Slice(ranges) => ranges.len(),
            Pairs::Encoded(bytes) => bytes.len() / Ranges::ENTRY,
        }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ranges, in the order they were given.
    pub fn iter(self) -> impl Iterator<Item = SeqRange> + 'a {
        let (slice, encoded) = match self.0 {
            Pairs::Slice(ranges) => (ranges, &[][..]),
            Pairs::Encoded(bytes) => (&[][..], bytes),
        };
        let (entries, _) = encoded.as_chunks::<{ Ranges::ENTRY }>();
        let pair = |entry: &[u8; Ranges::ENTRY]| {
            let (first, last) = codec::pair(entry);
            SeqRange { first, last }
        };
        slice.iter().copied().chain(entries.iter().map(pair))
    }
}

impl PartialEq for Ranges<'_> {
    fn eq(&self, other: &Ranges<'_>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Ranges<'_> {}

impl fmt::Debug for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|range| (range.first, range.last))).finish()
    }
}

/// What is wrong with the bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Corrupt {
    /// It says a length that can't be.
    #[error("impossible record length")]
    Length,
    /// The checksum does not fit.
    #[error("record checksum does not match")]
    Checksum,
    /// It says a kind that this version does not know.
    #[error("unknown record kind {0}")]
    Kind(u8),
    /// The checksum fits, the fields don't.
    #[error("malformed record")]
    Fields,
    /// It is a valid record, but not the one that should be here.
    #[error("another record (log sequence {found}) is where this one should be")]
    Misplaced {
        /// The log sequence of the record met.
        found: Lsn,
    },
}

#[cfg(test)]
mod tests;
