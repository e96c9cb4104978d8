//! The live messages of one stream: where they are, and which subject they have.

mod chunk;
mod links;
mod ordered;
mod search;
mod subjects;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use tradewind_subject::{Timestamp, int::u64_from, int::usize_from};

pub use self::subjects::{SubjectId, SubjectInfo};
use self::{
    chunk::{Chunk, SLOTS, Slot},
    links::FarLinks,
    subjects::SubjectTable,
};
pub use tradewind_store::Position;

/// What the index keeps of a message besides sequence and subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// When it was stored.
    pub ts: Timestamp,
    /// Where its record lies.
    pub position: Position,
    /// Bytes of its record.
    pub len: u32,
    /// Bytes it counts for `max_bytes` and in the stream's state.
    pub size: u32,
}

/// A live message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was stored.
    pub ts: Timestamp,
    /// Where its record lies.
    pub position: Position,
    /// Bytes of its record.
    pub len: u32,
    /// Bytes it counts for `max_bytes` and in the stream's state.
    pub size: u32,
    /// Its subject.
    pub subject: SubjectId,
}

/// A message that just left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Its sequence.
    pub seq: u64,
    /// What was kept of it; the subject can be looked up until the next append.
    pub entry: Entry,
}

/// The live messages of one stream.
///
/// Appends and removals, of any sequence, cost a few lookups and, chunks apart, no allocation. A
/// message costs 36 bytes, a subject about 60 and its name; sequences without a message cost nothing
/// once their neighbours are gone too.
#[derive(Debug)]
pub struct Index {
    /// By sequence / [`SLOTS`]; none without a live message.
    closed: BTreeMap<u64, Chunk>,
    tail_key: u64,
    tail: Chunk,
    /// Tells this index from others.
    token: Arc<()>,
    far: FarLinks,
    subjects: SubjectTable,
    messages: u64,
    bytes: u64,
    first: u64,
    last: u64,
    last_ts: Option<Timestamp>,
}

impl Default for Index {
    fn default() -> Index {
        Index::new()
    }
}

impl Index {
    /// The index of a stream that never had a message.
    pub fn new() -> Index {
        Index {
            closed: BTreeMap::new(),
            tail_key: 0,
            tail: Chunk::with_capacity(0),
            token: Arc::new(()),
            far: FarLinks::default(),
            subjects: SubjectTable::default(),
            messages: 0,
            bytes: 0,
            first: 0,
            last: 0,
            last_ts: None,
        }
    }

    /// Sequence of the first live message; if there is none, the one after the last used (0 at the very start).
    pub fn first_seq(&self) -> u64 {
        self.first
    }

    /// The last sequence used, live or not.
    pub fn last_seq(&self) -> u64 {
        self.last
    }

    /// Live messages.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Sizes of the live messages.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Subjects with live messages.
    pub fn num_subjects(&self) -> u64 {
        u64_from(self.subjects.len())
    }

    /// Sequences from the first to the last without a live message.
    pub fn num_deleted(&self) -> u64 {
        if self.messages == 0 { 0 } else { self.last - self.first + 1 - self.messages }
    }

    /// When the first live message was stored.
    pub fn first_ts(&self) -> Option<Timestamp> {
        self.get(self.first).map(|entry| entry.ts)
    }

    /// When the last sequence was used, even if that message is gone.
    pub fn last_ts(&self) -> Option<Timestamp> {
        self.last_ts
    }

    /// The live message `seq`.
    pub fn get(&self, seq: u64) -> Option<Entry> {
        let (subject, slot) = self.slot(seq)?;
        Some(entry(subject, slot))
    }

    /// The name of a subject.
    pub fn subject(&self, id: SubjectId) -> &[u8] {
        self.subjects.name(id)
    }

    /// The live messages of the literal `subject`.
    pub fn subject_info(&self, subject: &[u8]) -> Option<SubjectInfo> {
        self.subjects.find(subject).map(|id| self.subjects.info(id))
    }

    /// The live messages of a subject.
    pub fn info(&self, id: SubjectId) -> SubjectInfo {
        self.subjects.info(id)
    }

    /// Adds the message `seq`, which is behind all others; sequences in between are burned.
    pub fn append(&mut self, seq: u64, subject: &[u8], stored: Stored) -> SubjectId {
        debug_assert!(self.last < seq, "sequences rise: {seq} after {}", self.last);
        let (id, prev) = self.subjects.append(subject, seq);
        if let Some(prev) = prev {
            self.set_next(prev, Some(seq));
        }
        let slot = Slot {
            ts: stored.ts.nanos(),
            position: stored.position,
            len: stored.len,
            size: stored.size,
            prev: self.far.link_prev(seq, prev),
            next: 0,
        };
        let (key, offset) = place(seq);
        if key != self.tail_key {
            self.open_tail(key);
        }
        self.tail.push(offset, id.0, slot);
        if self.messages == 0 {
            self.first = seq;
        }
        self.messages += 1;
        self.bytes += u64::from(stored.size);
        self.last = seq;
        self.last_ts = Some(stored.ts);
        id
    }

    /// Burns the sequences up to `last`, at `ts` if that is known.
    pub fn skip(&mut self, last: u64, ts: Option<Timestamp>) {
        debug_assert!(self.last <= last, "sequences rise: {last} after {}", self.last);
        self.last = last;
        self.last_ts = ts.or(self.last_ts);
        if self.messages == 0 {
            self.first = last + 1;
        }
    }

    /// Makes `first` the first sequence of an index without messages; nothing happens if it lies behind.
    pub fn set_first(&mut self, first: u64) {
        debug_assert!(self.messages == 0, "the index has messages");
        if self.last < first {
            self.first = first;
            self.last = first - 1;
        }
    }

    /// Sets the sequences used, after the messages were loaded: `first` counts if there is none.
    ///
    /// No live message lies behind `last`.
    pub fn end_at(&mut self, first: u64, last: u64, ts: Option<Timestamp>) {
        if last < self.last {
            // The chunk of the next sequence may be closed, or have dead slots for sequences to come.
            let (key, _) = place(last + 1);
            if key != self.tail_key {
                self.open_tail(key);
                self.tail = self.closed.remove(&key).unwrap_or_else(|| Chunk::with_capacity(0));
            }
            self.tail.repack();
        }
        self.last = last;
        self.last_ts = ts;
        if self.messages == 0 {
            self.first = first;
        }
    }

    /// Moves the record of the live message `seq`.
    pub fn set_position(&mut self, seq: u64, position: Position) {
        if let Some(slot) = self.slot_mut(seq) {
            slot.position = position;
        }
    }

    /// Takes the message `seq` out, if it is live.
    pub fn remove(&mut self, seq: u64) -> Option<Removed> {
        let (key, offset) = place(seq);
        let (subject, slot) = if key == self.tail_key {
            let removed = self.tail.remove(offset)?;
            if self.tail.live() == 0 {
                self.tail.clear();
            }
            removed
        } else {
            let chunk = self.closed.get_mut(&key)?;
            let removed = chunk.remove(offset)?;
            if chunk.live() == 0 {
                self.closed.remove(&key);
            } else {
                chunk.pack();
            }
            removed
        };
        self.unlink(seq, SubjectId(subject), &slot);
        self.messages -= 1;
        self.bytes -= u64::from(slot.size);
        if seq == self.first {
            self.first = self.next_live(seq + 1).unwrap_or(self.last + 1);
        }
        Some(Removed { seq, entry: entry(subject, &slot) })
    }

    /// Takes out every message in front of `seq`, which becomes the first sequence if it lies behind the last.
    pub fn purge_to(&mut self, seq: u64, removed: &mut impl FnMut(Removed)) {
        if self.last < seq {
            self.clear(removed);
            self.set_first(seq);
        }
        while 0 < self.messages && self.first < seq {
            let first = self.first;
            if let Some(gone) = self.remove(first) {
                removed(gone);
            }
        }
    }

    /// Ranges between the first and the last sequence without live messages, in order.
    pub fn deleted_ranges(&self) -> Vec<RangeInclusive<u64>> {
        let mut ranges = Vec::new();
        if self.messages == 0 {
            return ranges;
        }
        let mut expected = self.first;
        for (&key, chunk) in self.chunks_from(0) {
            let base = key * u64_from(SLOTS);
            if chunk.live() == SLOTS && expected == base {
                expected = base + u64_from(SLOTS);
                continue;
            }
            chunk.find_subject(0, |offset, _| {
                let seq = base + u64_from(offset);
                if expected < seq {
                    ranges.push(expected..=seq - 1);
                }
                expected = seq + 1;
                false
            });
        }
        if expected <= self.last {
            ranges.push(expected..=self.last);
        }
        ranges
    }

    /// Memory held, about.
    pub fn heap_bytes(&self) -> usize {
        let chunks = self.chunks_from(0).map(|(_, chunk)| chunk.heap_bytes());
        let nodes = self.closed.len() * (size_of::<Chunk>() + 8) * 3 / 2;
        chunks.sum::<usize>() + nodes + self.subjects.heap_bytes()
    }

    fn open_tail(&mut self, key: u64) {
        if 0 < self.tail.live() {
            let capacity = if self.closed.is_empty() { 0 } else { SLOTS };
            let mut full = std::mem::replace(&mut self.tail, Chunk::with_capacity(capacity));
            full.pack();
            self.closed.insert(self.tail_key, full);
        }
        self.tail_key = key;
    }

    fn clear(&mut self, removed: &mut impl FnMut(Removed)) {
        for (&key, chunk) in self.chunks_from(0) {
            let base = key * u64_from(SLOTS);
            chunk.find_subject(0, |offset, subject| {
                if let Some((_, slot)) = chunk.get(offset) {
                    removed(Removed { seq: base + u64_from(offset), entry: entry(subject, slot) });
                }
                false
            });
        }
        self.closed.clear();
        self.tail = Chunk::with_capacity(0);
        self.far = FarLinks::default();
        self.subjects.remove_all();
        (self.messages, self.bytes, self.first) = (0, 0, self.last + 1);
    }

    /// Closes the gap that a removed message leaves among those of its subject.
    ///
    /// The link backward of a subject's first message, and the one forward of its last, may stay as
    /// they were: nobody follows them, and most messages leave as the first.
    fn unlink(&mut self, seq: u64, subject: SubjectId, slot: &Slot) {
        let info = self.subjects.info(subject);
        let prev = (info.first < seq).then(|| self.far.prev(seq, slot.prev)).flatten();
        let next = (seq < info.last).then(|| self.far.next(seq, slot.next)).flatten();
        self.far.forget(seq);
        if let (Some(prev), Some(next)) = (prev, next) {
            self.set_next(prev, Some(next));
            let link = self.far.link_prev(next, Some(prev));
            if let Some(slot) = self.slot_mut(next) {
                slot.prev = link;
            }
        }
        self.subjects.remove(subject, prev, next);
    }

    fn set_next(&mut self, seq: u64, next: Option<u64>) {
        let link = self.far.link_next(seq, next);
        if let Some(slot) = self.slot_mut(seq) {
            slot.next = link;
        }
    }

    fn chunk(&self, key: u64) -> Option<&Chunk> {
        if key == self.tail_key { Some(&self.tail) } else { self.closed.get(&key) }
    }

    /// The chunks with this key or a greater one.
    fn chunks_from(&self, key: u64) -> impl Iterator<Item = (&u64, &Chunk)> {
        self.closed
            .range(key..)
            .chain((key <= self.tail_key).then_some((&self.tail_key, &self.tail)))
    }

    fn slot(&self, seq: u64) -> Option<(u32, &Slot)> {
        let (key, offset) = place(seq);
        self.chunk(key)?.get(offset)
    }

    fn slot_mut(&mut self, seq: u64) -> Option<&mut Slot> {
        let (key, offset) = place(seq);
        let chunk =
            if key == self.tail_key { Some(&mut self.tail) } else { self.closed.get_mut(&key) };
        chunk?.slot_mut(offset)
    }
}

fn entry(subject: u32, slot: &Slot) -> Entry {
    Entry {
        ts: Timestamp(slot.ts),
        position: slot.position,
        len: slot.len,
        size: slot.size,
        subject: SubjectId(subject),
    }
}

/// The chunk of a sequence, and its place in there.
fn place(seq: u64) -> (u64, usize) {
    (seq / u64_from(SLOTS), usize_from(seq % u64_from(SLOTS)))
}
