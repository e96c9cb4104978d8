use tradewind_subject::int::{u32_saturating, usize_from_u32};

use super::Position;

/// Sequences covered by one chunk.
pub(super) const SLOTS: usize = 1024;

/// The subject of a removed message.
const DEAD: u32 = u32::MAX;

/// What is kept of a message besides its subject.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) ts: i64,
    pub(super) position: Position,
    pub(super) len: u32,
    pub(super) size: u32,
    /// Distance to the previous message of the subject: see [`super::links`].
    pub(super) prev: u32,
    /// Distance to the next one.
    pub(super) next: u32,
}

/// The messages of [`SLOTS`] neighbouring sequences.
///
/// Slots are packed: `present` says which sequences have one, dead ones included until they are half of
/// all. A chunk with few survivors therefore costs little more than they do.
#[derive(Debug)]
pub(super) struct Chunk {
    present: [u64; SLOTS / 64],
    /// Slots in front of each word of `present`; meaningful where the word is not zero.
    ranks: [u32; SLOTS / 64],
    subjects: Vec<u32>,
    slots: Vec<Slot>,
    live: usize,
}

impl Chunk {
    pub(super) fn with_capacity(slots: usize) -> Chunk {
        Chunk {
            present: [0; SLOTS / 64],
            ranks: [0; SLOTS / 64],
            subjects: Vec::with_capacity(slots),
            slots: Vec::with_capacity(slots),
            live: 0,
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Forgets everything but keeps its memory.
    pub(super) fn clear(&mut self) {
        self.present = [0; SLOTS / 64];
        self.subjects.clear();
        self.slots.clear();
        self.live = 0;
    }

    /// Adds a message behind all others.
    pub(super) fn push(&mut self, offset: usize, subject: u32, slot: Slot) {
        let word = offset / 64;
        if self.present[word] == 0 {
            self.ranks[word] = u32_saturating(self.slots.len());
        }
        self.present[word] |= 1 << (offset % 64);
        self.subjects.push(subject);
        self.slots.push(slot);
        self.live += 1;
    }

    /// The live message at `offset`.
    pub(super) fn get(&self, offset: usize) -> Option<(u32, &Slot)> {
        let rank = self.rank(offset)?;
        (self.subjects[rank] != DEAD).then(|| (self.subjects[rank], &self.slots[rank]))
    }

    /// The slot at `offset`, to set its links.
    pub(super) fn slot_mut(&mut self, offset: usize) -> Option<&mut Slot> {
        let rank = self.rank(offset)?;
        Some(&mut self.slots[rank])
    }

    /// Takes the message at `offset` out.
    pub(super) fn remove(&mut self, offset: usize) -> Option<(u32, Slot)> {
        let rank = self.rank(offset)?;
        let subject = std::mem::replace(&mut self.subjects[rank], DEAD);
        if subject == DEAD {
            return None;
        }
        self.live -= 1;
        Some((subject, self.slots[rank]))
    }

    /// Gives the memory of dead slots back, once they are half of all.
    pub(super) fn pack(&mut self) {
        if 16 <= self.slots.len() && self.live * 2 <= self.slots.len() {
            self.repack();
        }
    }

    /// Gives the memory of dead slots back.
    pub(super) fn repack(&mut self) {
        let mut packed = Chunk::with_capacity(self.live);
        self.find(0, |offset, rank| {
            packed.push(offset, self.subjects[rank], self.slots[rank]);
            false
        });
        *self = packed;
    }

    /// The offset of the first live message at or behind `from` whose subject is wanted.
    pub(super) fn find_subject(
        &self,
        from: usize,
        mut wanted: impl FnMut(usize, u32) -> bool,
    ) -> Option<usize> {
        self.find(from, |offset, rank| wanted(offset, self.subjects[rank]))
    }

    /// The offset of the last live message at or in front of `to` whose subject is wanted.
    pub(super) fn rfind_subject(
        &self,
        to: usize,
        mut wanted: impl FnMut(u32) -> bool,
    ) -> Option<usize> {
        for word in (0..=to / 64).rev() {
            let mut bits = self.present[word];
            if word == to / 64 {
                bits &= u64::MAX >> (63 - to % 64);
            }
            let mut rank = usize_from_u32(self.ranks[word]) + ones(bits);
            while bits != 0 {
                rank -= 1;
                let bit = 63 - usize_from_u32(bits.leading_zeros());
                if self.subjects[rank] != DEAD && wanted(self.subjects[rank]) {
                    return Some(word * 64 + bit);
                }
                bits &= !(1 << bit);
            }
        }
        None
    }

    /// Live messages at or behind `from`.
    pub(super) fn live_from(&self, from: usize) -> usize {
        let Some(rank) = self.find(from, |_, _| true).and_then(|offset| self.rank(offset)) else {
            return 0;
        };
        if self.live == self.slots.len() {
            return self.live - rank;
        }
        self.subjects[rank..].iter().filter(|&&subject| subject != DEAD).count()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + self.subjects.capacity() * 4
    }

    /// Visits live messages with offset and rank until `wanted` says so.
    fn find(&self, from: usize, mut wanted: impl FnMut(usize, usize) -> bool) -> Option<usize> {
        let first = from / 64;
        for word in first..SLOTS / 64 {
            let mut bits = self.present[word];
            if bits == 0 {
                continue;
            }
            let mut rank = usize_from_u32(self.ranks[word]);
            if word == first {
                let mask = u64::MAX << (from % 64);
                rank += ones(bits & !mask);
                bits &= mask;
            }
            while bits != 0 {
                let offset = word * 64 + usize_from_u32(bits.trailing_zeros());
                if self.subjects[rank] != DEAD && wanted(offset, rank) {
                    return Some(offset);
                }
                bits &= bits - 1;
                rank += 1;
            }
        }
        None
    }

    fn rank(&self, offset: usize) -> Option<usize> {
        let bits = self.present[offset / 64];
        let bit = 1_u64 << (offset % 64);
        (bits & bit != 0).then(|| usize_from_u32(self.ranks[offset / 64]) + ones(bits & (bit - 1)))
    }
}

fn ones(bits: u64) -> usize {
    usize_from_u32(bits.count_ones())
}
