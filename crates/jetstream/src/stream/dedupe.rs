use std::{collections::VecDeque, hash::BuildHasher as _, time::Duration};

use hashbrown::HashTable;
use tradewind_store::Lsn;
use tradewind_subject::{
    SeededState, Timestamp,
    int::{u32_saturating, u64_from, usize_from, usize_from_u32},
};

use super::found_ids::Encoder;

/// Entries below which memory is not given back.
const SHRINK_MIN: usize = 1024;
/// Bounds of a run of ids, which one record says again.
const RUN_IDS: u32 = 1024;
const RUN_BYTES: u64 = 64 << 10;
/// What an id needs in a record besides its bytes, about.
const ENVELOPE: u64 = 6;

/// The message ids of the duplicate window, oldest first.
///
/// Costs about 45 bytes an id and the id itself, which lies in one ring with the others.
///
/// Each id stands in a record of the log, or else a restart forgets it. Where, is known for runs of
/// them: before the log is cut, they are said again ([`RecentIds::say_again`]).
#[derive(Debug, Default)]
pub(super) struct RecentIds {
    window: Duration,
    entries: VecDeque<RecentId>,
    /// Number of the first entry; wraps.
    first: u32,
    bytes: VecDeque<u8>,
    /// Bytes that ever went through `bytes`.
    end: u64,
    /// The entries in turn.
    runs: VecDeque<Run>,
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

/// Neighbours among the ids.
#[derive(Clone, Copy, Debug)]
struct Run {
    count: u32,
    bytes: u64,
    /// The first of the records that say them.
    said: Lsn,
    /// One record says all of them.
    is_together: bool,
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

    /// Remembers `id`, stored at `ts`, which is not before the one remembered last, and which the
    /// record `said` says.
    pub(super) fn remember(&mut self, id: &[u8], seq: u64, ts: Timestamp, said: Lsn) {
        self.expire(ts);
        if !self.window.is_zero() {
            self.push(id, seq, ts, said);
        }
    }

    /// As [`RecentIds::remember`], whatever the window is.
    pub(super) fn push(&mut self, id: &[u8], seq: u64, ts: Timestamp, said: Lsn) {
        let hash = self.hasher.hash_one(id);
        if let Some(number) = self.number(hash, id) {
            // It was forgotten before, and so were those in front of it: a replay does not know the
            // time of that.
            let known = self.entries[self.position(number)].seq;
            self.forget_before(known + 1);
        }
        let number = self.first.wrapping_add(u32_saturating(self.len()));
        self.entries.push_back(RecentId { seq, ts, start: self.end, hash });
        self.bytes.extend(id);
        self.end += u64_from(id.len());
        self.add_to_run(u64_from(id.len()), said);
        let RecentIds { by_id, entries, first, .. } = self;
        by_id.insert_unique(hash, number, |&other| hash_of(entries, *first, other));
    }

    /// When the oldest id leaves the window.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.entries.front().map(|entry| entry.ts.plus(self.window))
    }

    /// Forgets what left the window.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let window = self.window;
        self.forget_while(|entry| entry.ts.plus(window) <= now);
    }

    /// Forgets ids of sequences before `seq`.
    pub(super) fn forget_before(&mut self, seq: u64) {
        self.forget_while(|entry| entry.seq < seq);
    }

    fn forget_while(&mut self, is_over: impl Fn(&RecentId) -> bool) {
        let before = self.entries.len();
        while let Some(entry) = self.entries.front()
            && is_over(entry)
        {
            let first = self.first;
            if let Ok(found) = self.by_id.find_entry(entry.hash, |&number| number == first) {
                found.remove();
            }
            let end = self.entries.get(1).map_or(self.end, |next| next.start);
            let len = end - entry.start;
            self.bytes.drain(..usize_from(len));
            self.entries.pop_front();
            self.take_from_run(len);
            self.first = self.first.wrapping_add(1);
        }
        if before != self.entries.len() && SHRINK_MIN < self.entries.capacity() {
            self.shrink();
        }
    }

    /// The sequence of the first id and the time of the last.
    pub(super) fn ends(&self) -> Option<(u64, Timestamp)> {
        Some((self.entries.front()?.seq, self.entries.back()?.ts))
    }

    /// Visits all ids, oldest first, with the record that says them, or one before that.
    pub(super) fn for_each(&self, mut visit: impl FnMut([&[u8]; 2], u64, Timestamp, Lsn)) {
        let mut position = 0;
        for run in &self.runs {
            for _ in 0..run.count {
                let entry = self.entries[position];
                let id = id_at(&self.entries, &self.bytes, self.end, position);
                visit(id, entry.seq, entry.ts, run.said);
                position += 1;
            }
        }
    }

    /// The first record that says one of the ids.
    pub(super) fn said_from(&self) -> Option<Lsn> {
        self.runs.iter().map(|run| run.said).min()
    }

    /// About how many bytes it takes to say again what no record behind `through` says.
    pub(super) fn bytes_through(&self, through: Lsn) -> u64 {
        let runs = self.runs.iter().filter(|run| run.said <= through);
        runs.map(|run| run.bytes + u64::from(run.count) * ENVELOPE).sum()
    }

    /// Says the ids that no record behind `through` says again, run by run: `say` gets them encoded
    /// for a record, and returns that record, or none to end it.
    pub(super) fn say_again(&mut self, through: Lsn, mut say: impl FnMut(&[u8]) -> Option<Lsn>) {
        let mut position = 0;
        for run in &mut self.runs {
            let end = position + usize_from_u32(run.count);
            if run.said <= through {
                let mut encoder = Encoder::default();
                for position in position..end {
                    let id = id_at(&self.entries, &self.bytes, self.end, position);
                    encoder.add(id, self.entries[position].seq, self.entries[position].ts);
                }
                let Some(said) = say(&encoder.bytes) else { return };
                (run.said, run.is_together) = (said, true);
            }
            position = end;
        }
    }

    fn add_to_run(&mut self, bytes: u64, said: Lsn) {
        if let Some(run) = self.runs.back_mut()
            && !run.is_together
            && run.count < RUN_IDS
            && run.bytes + bytes <= RUN_BYTES
        {
            run.count += 1;
            run.bytes += bytes;
            run.said = run.said.min(said);
        } else {
            self.runs.push_back(Run { count: 1, bytes, said, is_together: false });
        }
    }

    /// The first id is gone.
    fn take_from_run(&mut self, bytes: u64) {
        if let Some(run) = self.runs.front_mut() {
            run.count -= 1;
            run.bytes -= bytes;
            if run.count == 0 {
                self.runs.pop_front();
            }
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

    use super::super::found_ids::FoundIds;
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
                    ids.remember(&id, seq, Timestamp(now), Lsn(seq));
                    model.retain(|&(_, _, ts)| now < ts + 100);
                    model.push((id, seq, now));
                    prop_assert_eq!(ids.len(), model.len());
                }
            }
            let mut listed = Vec::new();
            ids.for_each(|id, seq, ts, _| listed.push((id.concat(), seq, ts.nanos())));
            prop_assert_eq!(listed, model);
        }

        #[test]
        fn a_log_that_is_cut_says_all_ids(
            rounds in prop::collection::vec((1..3000_u64, 0..100_u64, 0..120_i64), 1..8),
        ) {
            let window = 100;
            let mut ids = RecentIds::new(Duration::from_nanos(window));
            let (mut log, mut lsn, mut seq, mut now) = (Vec::new(), 0, 0, 0);
            for (count, share, gap) in rounds {
                for _ in 0..count {
                    (lsn, seq) = (lsn + 2, seq + 1);
                    let id = format!("id-{seq}");
                    ids.remember(id.as_bytes(), seq, Timestamp(now), Lsn(lsn));
                    let mut said = Encoder::default();
                    said.add([id.as_bytes(), b""], seq, Timestamp(now));
                    log.push((Lsn(lsn), said.bytes));
                }
                now += gap;
                ids.expire(Timestamp(now));
                let through = Lsn(lsn * share / 100);
                ids.say_again(through, |bytes| {
                    lsn += 1;
                    log.push((Lsn(lsn), bytes.to_vec()));
                    Some(Lsn(lsn))
                });
                prop_assert_eq!(ids.bytes_through(through), 0);
                prop_assert!(ids.said_from().is_none_or(|said| through < said));
                log.retain(|(at, _)| through < *at);
            }
            let mut found = FoundIds::default();
            for (at, bytes) in &log {
                prop_assert!(found.take(bytes, *at));
            }
            let mut expected = Vec::new();
            ids.for_each(|id, seq, ts, _| expected.push((id.concat(), seq, ts)));
            let first = expected.first().map_or(u64::MAX, |(_, seq, _)| *seq);
            found.narrow(first, u64::MAX);
            let mut brought = Vec::new();
            found.for_each(|id, seq, ts, _| brought.push((id.to_vec(), seq, ts)));
            prop_assert_eq!(brought, expected);
        }
    }

    #[test]
    fn an_id_that_comes_again_was_forgotten_with_those_before_it() {
        let mut ids = RecentIds::new(Duration::from_micros(1));
        for (seq, id) in (1..).zip(["w", "x", "y", "x", "z"]) {
            ids.remember(id.as_bytes(), seq, Timestamp(0), Lsn(seq));
        }

        let mut listed = Vec::new();
        ids.for_each(|id, seq, _, _| listed.push((id.concat(), seq)));
        assert_eq!(listed, [(b"y".to_vec(), 3), (b"x".to_vec(), 4), (b"z".to_vec(), 5)]);
        assert_eq!((ids.find(Timestamp(0), b"x"), ids.find(Timestamp(0), b"w")), (Some(4), None));
    }

    #[test]
    fn memory_is_given_back_when_ids_expire() {
        let mut ids = RecentIds::new(Duration::from_nanos(10));
        for seq in 0..100_000_u64 {
            ids.remember(format!("id-{seq}").as_bytes(), seq, Timestamp(0), Lsn(seq));
        }

        ids.expire(Timestamp(10));

        assert_eq!((ids.len(), ids.find(Timestamp(10), b"id-5")), (0, None));
        assert!(ids.entries.capacity() <= 2 * SHRINK_MIN && ids.bytes.capacity() < 1024);
        assert!(ids.by_id.capacity() <= 4 * SHRINK_MIN && ids.runs.is_empty());
    }
}
