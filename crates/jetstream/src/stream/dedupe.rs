use std::{collections::VecDeque, hash::BuildHasher as _, time::Duration};

use hashbrown::HashTable;
use tradewind_subject::{
    SeededState, Timestamp,
    int::{u32_saturating, u64_from, usize_from, usize_from_u32},
};

/// Entries below which memory is not given back.
const SHRINK_MIN: usize = 1024;

/// The message ids of the duplicate window, oldest first.
///
/// Costs about 45 bytes an id and the id itself, which lies in one ring with the others.
#[derive(Debug, Default)]
pub(super) struct RecentIds {
    window: Duration,
    entries: VecDeque<RecentId>,
    /// Number of the first entry; wraps.
    first: u32,
    bytes: VecDeque<u8>,
    /// Bytes that ever went through `bytes`.
    end: u64,
    /// Numbers of entries.
    by_id: HashTable<u32>,
    hasher: SeededState,
}

#[derive(Clone, Copy, Debug)]
struct RecentId {
    seq: u64,
    ts: Timestamp,
    /// Where the id starts, in bytes that ever went through the ring.
    start: u64,
    /// Of the id, so that a growing table does not look at it.
    hash: u64,
}

impl RecentIds {
    pub(super) fn new(window: Duration) -> RecentIds {
        RecentIds { window, ..RecentIds::default() }
    }

    /// Sets for how long ids count.
    pub(super) fn set_window(&mut self, window: Duration) {
        self.window = window;
    }

    /// Forgets everything but the window.
    pub(super) fn clear(&mut self) {
        *self = RecentIds::new(self.window);
    }

    /// Ids remembered, expired ones included.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The sequence stored under `id` within the window.
    pub(super) fn find(&self, now: Timestamp, id: &[u8]) -> Option<u64> {
        if self.entries.is_empty() {
            return None;
        }
        let number = self.number(self.hasher.hash_one(id), id)?;
        let entry = self.entries[self.position(number)];
        (now < entry.ts.plus(self.window)).then_some(entry.seq)
    }

    /// Remembers `id`, stored at `ts`, which is not before the one remembered last.
    pub(super) fn remember(&mut self, id: &[u8], seq: u64, ts: Timestamp) {
        self.expire(ts);
        if self.window.is_zero() {
            return;
        }
        let hash = self.hasher.hash_one(id);
        if let Some(number) = self.number(hash, id) {
            let position = self.position(number);
            self.entries[position].seq = seq;
            return;
        }
        let number = self.first.wrapping_add(u32_saturating(self.len()));
        self.entries.push_back(RecentId { seq, ts, start: self.end, hash });
        self.bytes.extend(id);
        self.end += u64_from(id.len());
        let RecentIds { by_id, entries, first, .. } = self;
        by_id.insert_unique(hash, number, |&other| hash_of(entries, *first, other));
    }

    /// When the oldest id leaves the window.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.entries.front().map(|entry| entry.ts.plus(self.window))
    }

    /// Forgets what left the window.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let before = self.entries.len();
        while let Some(entry) = self.entries.front()
            && entry.ts.plus(self.window) <= now
        {
            let first = self.first;
            if let Ok(found) = self.by_id.find_entry(entry.hash, |&number| number == first) {
                found.remove();
            }
            let end = self.entries.get(1).map_or(self.end, |next| next.start);
            self.bytes.drain(..usize_from(end - entry.start));
            self.entries.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        if before != self.entries.len() && SHRINK_MIN < self.entries.capacity() {
            self.shrink();
        }
    }

    /// Visits all ids, oldest first.
    pub(super) fn for_each(&self, mut visit: impl FnMut([&[u8]; 2], u64, Timestamp)) {
        for (position, entry) in self.entries.iter().enumerate() {
            visit(id_at(&self.entries, &self.bytes, self.end, position), entry.seq, entry.ts);
        }
    }

    fn number(&self, hash: u64, id: &[u8]) -> Option<u32> {
        let found = self.by_id.find(hash, |&number| {
            let [front, back] = id_at(&self.entries, &self.bytes, self.end, self.position(number));
            id.strip_prefix(front) == Some(back)
        });
        found.copied()
    }

    fn position(&self, number: u32) -> usize {
        usize_from_u32(number.wrapping_sub(self.first))
    }

    fn shrink(&mut self) {
        let wanted = (self.entries.len() * 2).max(SHRINK_MIN);
        if self.entries.capacity() < wanted * 2 {
            return;
        }
        let RecentIds { entries, first, bytes, by_id, .. } = self;
        by_id.shrink_to(wanted, |&number| hash_of(entries, *first, number));
        entries.shrink_to(wanted);
        bytes.shrink_to(bytes.len() * 2);
    }
}

/// The id of an entry; in two parts if it crosses the end of the ring.
fn id_at<'a>(
    entries: &VecDeque<RecentId>,
    bytes: &'a VecDeque<u8>,
    end: u64,
    position: usize,
) -> [&'a [u8]; 2] {
    let base = end - u64_from(bytes.len());
    let at = |offset: u64| usize_from(offset - base);
    let start = at(entries[position].start);
    let end = at(entries.get(position + 1).map_or(end, |next| next.start));
    let (front, back) = bytes.as_slices();
    let cut = front.len();
    [&front[start.min(cut)..end.min(cut)], &back[start.max(cut) - cut..end.max(cut) - cut]]
}

fn hash_of(entries: &VecDeque<RecentId>, first: u32, number: u32) -> u64 {
    entries[usize_from_u32(number.wrapping_sub(first))].hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_window_agrees_with_a_list(
            steps in prop::collection::vec((0..40_u64, 0..30_u8, 0..40_usize), 1..300),
        ) {
            let window = 100;
            let mut ids = RecentIds::new(Duration::from_nanos(window));
            let mut model: Vec<(Vec<u8>, u64, i64)> = Vec::new();
            let mut now = 0_i64;
            for (seq, (gap, name, len)) in (1_u64..).zip(steps) {
                now += i64::try_from(gap).unwrap();
                let id = [vec![name; len + 1], vec![b'z']].concat();
                let known = model.iter().find(|(other, _, ts)| *other == id && now < ts + 100);
                prop_assert_eq!(ids.find(Timestamp(now), &id), known.map(|&(_, seq, _)| seq));
                if known.is_none() {
                    ids.remember(&id, seq, Timestamp(now));
                    model.retain(|&(_, _, ts)| now < ts + 100);
                    model.push((id, seq, now));
                    prop_assert_eq!(ids.len(), model.len());
                }
            }
            let mut listed = Vec::new();
            ids.for_each(|id, seq, ts| listed.push((id.concat(), seq, ts.nanos())));
            prop_assert_eq!(listed, model);
        }
    }

    #[test]
    fn memory_is_given_back_when_ids_expire() {
        let mut ids = RecentIds::new(Duration::from_nanos(10));
        for seq in 0..100_000_u64 {
            ids.remember(format!("id-{seq}").as_bytes(), seq, Timestamp(0));
        }

        ids.expire(Timestamp(10));

        assert_eq!((ids.len(), ids.find(Timestamp(10), b"id-5")), (0, None));
        assert!(ids.entries.capacity() <= 2 * SHRINK_MIN && ids.bytes.capacity() < 1024);
        assert!(ids.by_id.capacity() <= 4 * SHRINK_MIN);
    }
}
