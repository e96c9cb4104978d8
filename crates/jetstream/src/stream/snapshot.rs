use std::ops::RangeInclusive;

use tradewind_store::Lsn;
use tradewind_subject::{
    Timestamp,
    int::u64_from,
    varint::{put, put_bytes, take, take_bytes},
};

use super::{FoundIds, Stream, index::Removed};

/// First byte of every snapshot.
const VERSION: u8 = 2;
/// Has the message ids themselves.
const VERSION_WITH_IDS: u8 = 1;

/// The state of a stream, apart from its messages: which of them are live, and what else it remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Sequence of the first message, or the next one.
    pub first_seq: u64,
    /// The last sequence used.
    pub last_seq: u64,
    /// When it was.
    pub last_ts: Option<Timestamp>,
    /// Live messages.
    pub messages: u64,
    /// Ranges between first and last without live messages, in order.
    pub deleted: Vec<RangeInclusive<u64>>,
    last_msg_id: Vec<u8>,
    ids: Option<CountedIds>,
    /// Message ids that nothing else may say.
    said: FoundIds,
}

/// Which message ids are remembered. They themselves stand in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CountedIds {
    first_seq: u64,
    last_ts: Timestamp,
    count: u64,
}

/// What a snapshot says is there, and is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Messages.
    pub messages: Vec<RangeInclusive<u64>>,
    /// Message ids.
    pub ids: u64,
    /// Until when they count.
    pub ids_until: Timestamp,
}

/// Why some bytes are not a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Written by a version that this one does not know.
    #[error("unknown snapshot version {version}")]
    Version {
        /// What stands there.
        version: u8,
    },
    /// They end too early, go on after the end, or contradict themselves.
    #[error("malformed snapshot")]
    Malformed,
}

impl Stream {
    /// Encodes what is live and what else is remembered.
    pub fn snapshot(&self) -> Vec<u8> {
        let index = &self.index;
        let mut out = vec![VERSION];
        put(&mut out, index.first_seq());
        put(&mut out, index.last_seq());
        put_ts(&mut out, index.last_ts());
        put(&mut out, index.messages());
        let deleted = index.deleted_ranges();
        put(&mut out, u64_from(deleted.len()));
        let mut behind = index.first_seq();
        for range in deleted {
            put(&mut out, range.start() - behind);
            put(&mut out, range.end() - range.start());
            behind = *range.end();
        }
        put_bytes(&mut out, [&self.last_msg_id, b""]);
        put(&mut out, u64_from(self.recent_ids.len()));
        if let Some((first_seq, last_ts)) = self.recent_ids.ends() {
            put(&mut out, first_seq);
            out.extend_from_slice(&last_ts.nanos().to_le_bytes());
        }
        out
    }

    /// Makes exactly those messages live that `snapshot` says are, and remembers what it remembers.
    ///
    /// Loaded before were all messages that may be live ([`Stream::load`]); those that are not go to
    /// `removed`. `found` are message ids that the log said and that are not remembered yet.
    pub fn reconcile(
        &mut self,
        snapshot: &Snapshot,
        found: FoundIds,
        removed: &mut Vec<Removed>,
    ) -> Missing {
        self.apply_remove(&[0..=snapshot.first_seq.saturating_sub(1)], removed);
        self.apply_remove(&snapshot.deleted, removed);
        self.apply_remove(&[snapshot.last_seq + 1..=u64::MAX], removed);
        self.index.end_at(snapshot.first_seq, snapshot.last_seq, snapshot.last_ts);
        self.lifetimes.rewind(&self.index);
        self.last_msg_id.clone_from(&snapshot.last_msg_id);
        let (ids, ids_until) = self.reconcile_ids(snapshot, found);
        let is_whole = self.index.messages() == snapshot.messages;
        let messages = if is_whole { Vec::new() } else { self.missing(snapshot) };
        Missing { messages, ids, ids_until }
    }

    /// Remembers of the ids that were found those that count; returns how many are missing, and
    /// until when they count.
    fn reconcile_ids(&mut self, snapshot: &Snapshot, mut found: FoundIds) -> (u64, Timestamp) {
        let Some(CountedIds { first_seq, last_ts, count }) = snapshot.ids else {
            self.recent_ids.clear();
            return (0, Timestamp::MIN);
        };
        snapshot.said.for_each(|id, seq, ts, said| found.add([id, b""], seq, ts, said));
        let n_found = if found.is_empty() {
            self.recent_ids.forget_before(first_seq);
            self.recent_ids.len()
        } else {
            self.remember_of(found, first_seq, snapshot.last_seq)
        };
        let until = last_ts.plus(self.limits.duplicate_window);
        (count.saturating_sub(u64_from(n_found)), until)
    }

    /// Remembers the ids that were found, as no snapshot says which of them count.
    pub fn remember_found(&mut self, found: FoundIds) {
        self.remember_of(found, 0, u64::MAX);
    }

    /// Remembers of all ids those of sequences from `first` to `last`; returns how many.
    fn remember_of(&mut self, mut found: FoundIds, first: u64, last: u64) -> usize {
        self.recent_ids.for_each(|id, seq, ts, said| found.add(id, seq, ts, said));
        found.narrow(first, last);
        self.recent_ids.clear();
        found.for_each(|id, seq, ts, said| self.recent_ids.push(id, seq, ts, said));
        found.len()
    }

    fn missing(&self, snapshot: &Snapshot) -> Vec<RangeInclusive<u64>> {
        let mut missing = Vec::new();
        let end = snapshot.last_seq + 1..=snapshot.last_seq + 1;
        let mut start = snapshot.first_seq;
        for deleted in snapshot.deleted.iter().chain([&end]) {
            while start < *deleted.start() {
                let live = self.index.next_live(start).unwrap_or(u64::MAX).min(*deleted.start());
                if start < live {
                    missing.push(start..=live - 1);
                }
                start = live + 1;
            }
            start = deleted.end() + 1;
        }
        missing
    }
}

impl Snapshot {
    /// Decodes what [`Stream::snapshot`] encoded.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; never more memory than a small multiple of the input.
    pub fn decode(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        match bytes.split_first() {
            Some((&version @ (VERSION | VERSION_WITH_IDS), rest)) => {
                decode(version, rest).ok_or(SnapshotError::Malformed)
            }
            Some((&version, _)) => Err(SnapshotError::Version { version }),
            None => Err(SnapshotError::Malformed),
        }
    }
}

fn decode(version: u8, mut bytes: &[u8]) -> Option<Snapshot> {
    let input = &mut bytes;
    let mut snapshot = Snapshot {
        first_seq: take(input)?,
        last_seq: take(input)?,
        last_ts: take_ts(input)?,
        messages: take(input)?,
        ..Snapshot::default()
    };
    let mut behind = snapshot.first_seq;
    for _ in 0..take(input)? {
        let start = behind.checked_add(take(input)?)?;
        let end = start.checked_add(take(input)?)?;
        if snapshot.last_seq < end {
            return None;
        }
        snapshot.deleted.push(start..=end);
        behind = end;
    }
    snapshot.last_msg_id = take_bytes(input)?.to_vec();
    let count = take(input)?;
    if version == VERSION_WITH_IDS {
        let is_whole = snapshot.said.take(std::mem::take(input), Lsn::ZERO);
        let (first_seq, last_ts) = snapshot.said.ends().unwrap_or((0, Timestamp::MIN));
        snapshot.ids = (0 < count).then_some(CountedIds { first_seq, last_ts, count });
        if !is_whole || u64_from(snapshot.said.len()) != count {
            return None;
        }
    } else if 0 < count {
        let (first_seq, last_ts) = (take(input)?, take_nanos(input)?);
        snapshot.ids = Some(CountedIds { first_seq, last_ts, count });
    }
    (input.is_empty() && snapshot.last_seq < u64::MAX).then_some(snapshot)
}

/// None is distinct from every time: a flag, then eight bytes.
fn put_ts(out: &mut Vec<u8>, ts: Option<Timestamp>) {
    out.push(u8::from(ts.is_some()));
    if let Some(ts) = ts {
        out.extend_from_slice(&ts.nanos().to_le_bytes());
    }
}

#[expect(clippy::option_option, reason = "malformed, or no time")]
fn take_ts(input: &mut &[u8]) -> Option<Option<Timestamp>> {
    let (&flag, rest) = input.split_first()?;
    *input = rest;
    if flag == 0 {
        return Some(None);
    }
    let ts = take_nanos(input)?;
    (flag == 1).then_some(Some(ts))
}

fn take_nanos(input: &mut &[u8]) -> Option<Timestamp> {
    let (nanos, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(Timestamp(i64::from_le_bytes(*nanos)))
}
