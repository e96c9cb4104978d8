//! Message ids on their way from the log back to the stream.

use tradewind_store::Lsn;
use tradewind_subject::{
    Timestamp,
    varint::{put_bytes, put_signed, take_bytes, take_signed},
};

/// Message ids that stand in the log before the snapshot that says which of them count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundIds {
    /// In the order they were found, until [`FoundIds::narrow`].
    entries: Vec<FoundId>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FoundId {
    seq: u64,
    ts: Timestamp,
    start: usize,
    len: usize,
    /// The record that says it.
    said: Lsn,
}

impl FoundIds {
    /// An id, stored as `seq` at `ts`, in the record `said`.
    pub fn add(&mut self, [front, back]: [&[u8]; 2], seq: u64, ts: Timestamp, said: Lsn) {
        let (start, len) = (self.bytes.len(), front.len() + back.len());
        self.bytes.extend_from_slice(front);
        self.bytes.extend_from_slice(back);
        self.entries.push(FoundId { seq, ts, start, len, said });
    }

    /// The ids that the record `said` says again; false if it makes no sense.
    pub fn take(&mut self, mut bytes: &[u8], said: Lsn) -> bool {
        let input = &mut bytes;
        let mut near = (0_u64, 0_i64);
        while !input.is_empty() {
            let Some(id) = take_bytes(input) else { return false };
            let (Some(seq), Some(nanos)) = (take_signed(input), take_signed(input)) else {
                return false;
            };
            near = (near.0.wrapping_add(seq.cast_unsigned()), near.1.wrapping_add(nanos));
            self.add([id, b""], near.0, Timestamp(near.1), said);
        }
        true
    }

    /// Keeps those with sequences from `first` to `last`, in their order and each once.
    pub fn narrow(&mut self, first: u64, last: u64) {
        self.entries.retain(|entry| (first..=last).contains(&entry.seq));
        // Of the same, the one that was said last: it stays longest.
        self.entries.sort_unstable_by(|a, b| a.seq.cmp(&b.seq).then(b.said.cmp(&a.said)));
        self.entries.dedup_by_key(|entry| entry.seq);
    }

    /// The sequence of the first and the time of the last.
    pub(super) fn ends(&self) -> Option<(u64, Timestamp)> {
        Some((self.entries.first()?.seq, self.entries.last()?.ts))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Visits all of them.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], u64, Timestamp, Lsn)) {
        for entry in &self.entries {
            let id = &self.bytes[entry.start..entry.start + entry.len];
            visit(id, entry.seq, entry.ts, entry.said);
        }
    }
}

/// Encodes ids as a record says them again.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    pub(super) bytes: Vec<u8>,
    near: (u64, i64),
}

impl Encoder {
    pub(super) fn add(&mut self, id: [&[u8]; 2], seq: u64, ts: Timestamp) {
        put_bytes(&mut self.bytes, id);
        put_signed(&mut self.bytes, seq.wrapping_sub(self.near.0).cast_signed());
        put_signed(&mut self.bytes, ts.nanos().wrapping_sub(self.near.1));
        self.near = (seq, ts.nanos());
    }
}
