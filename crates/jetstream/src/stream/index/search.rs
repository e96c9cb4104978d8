use std::ops::Range;

use smallvec::SmallVec;
use tradewind_subject::{Timestamp, int::u64_from, int::usize_from_u32};

use super::{Index, SubjectId, SubjectInfo, chunk::SLOTS, place};
use crate::stream::filter::FilterSet;

/// Messages whose subjects are compared before the subjects themselves are searched.
const SCAN_MIN: u64 = 256;

/// Subjects up to which a list is searched faster than a set.
const FEW: usize = 8;

/// Steps of one of several searches that run side by side.
const TURN: usize = 64;

impl Index {
    /// The first live message at or behind `from`.
    pub fn next_live(&self, from: u64) -> Option<u64> {
        self.scan(from, |_| true)
    }

    /// The last live message at or in front of `to`.
    pub fn prev_live(&self, to: u64) -> Option<u64> {
        self.rscan(to, |_| true)
    }

    /// The next live message of the subject of the live message `seq`.
    pub fn next_of_same_subject(&self, seq: u64) -> Option<u64> {
        let (id, slot) = self.slot(seq)?;
        let is_last = self.subjects.info(SubjectId(id)).last == seq;
        (!is_last).then(|| self.far.next(seq, slot.next)).flatten()
    }

    /// The previous live message of the subject of the live message `seq`.
    pub fn prev_of_same_subject(&self, seq: u64) -> Option<u64> {
        let (id, slot) = self.slot(seq)?;
        let is_first = self.subjects.info(SubjectId(id)).first == seq;
        (!is_first).then(|| self.far.prev(seq, slot.prev)).flatten()
    }

    /// The first live message at or behind `from` that `filter` wants.
    ///
    /// Nearly free when everything matches, for one literal filter and at the end of the stream. Else
    /// it costs a few nanoseconds for each message passed, or a look at all subjects if that is less.
    pub fn next_matching(&self, from: u64, filter: &FilterSet) -> Option<u64> {
        if self.last < from || self.messages == 0 {
            return None;
        }
        let from = from.max(self.first);
        if filter.is_all() {
            return self.next_live(from);
        }
        if filter.wildcards().is_empty() && filter.literals().len() <= FEW {
            return self.next_by_subjects(from, filter);
        }
        let mut known = filter.known();
        known.bind(&self.token);
        let mut wanted = |id: u32| {
            known.is_wanted(id, self.subjects.epoch(id), || filter.matches(self.name(id)))
        };
        let mut budget = SCAN_MIN.max(self.num_subjects() * 8);
        let reached = self.scan(from, |id| {
            budget -= 1;
            budget == 0 || wanted(id)
        })?;
        if wanted(self.slot(reached)?.0) {
            return Some(reached);
        }
        self.next_by_subjects(reached, filter)
    }

    /// Live messages at or behind `from` that `filter` wants.
    pub fn count_matching(&self, from: u64, filter: &FilterSet) -> u64 {
        if self.last < from || self.messages == 0 {
            return 0;
        }
        let from = from.max(self.first);
        if filter.is_all() {
            return self.live_from(from);
        }
        let mut total = 0;
        let mut split = Vec::new();
        let mut split_count = 0;
        self.subjects.for_each(filter, |id, _| {
            let info = self.subjects.info(id);
            if from <= info.first {
                total += info.count;
            } else if from <= info.last {
                split.push(id);
                split_count += info.count;
            }
            false
        });
        // Along the links of each subject, or along the messages of all: whichever has fewer.
        if split_count <= self.live_from(from) {
            return total + split.iter().map(|&id| self.count_of_subject(from, id)).sum::<u64>();
        }
        let wanted = IdSet::new(&split);
        self.scan(from, |subject| {
            total += u64::from(wanted.contains(subject));
            false
        });
        total
    }

    /// The last live message that `filter` wants.
    pub fn last_matching(&self, filter: &FilterSet) -> Option<u64> {
        if filter.is_all() {
            return self.prev_live(self.last);
        }
        let mut last = None;
        if filter.wildcards().is_empty() {
            for literal in filter.literals() {
                last = last.max(self.subject_info(literal).map(|info| info.last));
            }
            return last;
        }
        let mut budget = SCAN_MIN.max(self.num_subjects());
        let reached = self.rscan(self.last, |id| {
            budget -= 1;
            budget == 0 || filter.matches(self.name(id))
        })?;
        if filter.matches(self.name(self.slot(reached)?.0)) {
            return Some(reached);
        }
        self.subjects.for_each(filter, |id, _| {
            last = last.max(Some(self.subjects.info(id).last));
            false
        });
        last
    }

    /// The last live message of each subject that `filter` wants, in order of their sequences.
    pub fn last_per_subject(&self, filter: &FilterSet) -> Vec<u64> {
        let mut lasts = Vec::new();
        self.subjects.for_each(filter, |id, _| {
            lasts.push(self.subjects.info(id).last);
            false
        });
        lasts.sort_unstable();
        lasts
    }

    /// The last live message, at or in front of `to`, of each subject that `filter` wants, in order.
    pub fn last_per_subject_up_to(&self, to: u64, filter: &FilterSet) -> Vec<u64> {
        if self.last <= to {
            return self.last_per_subject(filter);
        }
        let mut lasts = Vec::new();
        self.subjects.for_each(filter, |id, _| {
            let info = self.subjects.info(id);
            if info.first <= to {
                let mut seq = Some(info.last);
                while let Some(later) = seq.filter(|&seq| to < seq) {
                    seq = self.prev_of_same_subject(later);
                }
                lasts.extend(seq);
            }
            false
        });
        lasts.sort_unstable();
        lasts
    }

    /// Visits the subjects that `filter` wants (in their order, if that is one filter) until `visit`
    /// says stop.
    pub fn subjects_matching<'a>(
        &'a self,
        filter: &FilterSet,
        mut visit: impl FnMut(&'a [u8], SubjectInfo) -> bool,
    ) {
        self.subjects.for_each(filter, |id, name| visit(name, self.subjects.info(id)));
    }

    /// The subjects with more than `limit` live messages, in their order.
    pub fn over(&self, limit: u64, found: &mut Vec<SubjectId>) {
        self.subjects.for_each(&FilterSet::all(), |id, _| {
            if limit < self.subjects.info(id).count {
                found.push(id);
            }
            false
        });
    }

    /// The live message with `nth` others in front of it.
    pub fn nth_live(&self, nth: u64) -> Option<u64> {
        let mut left = nth;
        self.chunks_from(0).find_map(|(&key, chunk)| {
            let live = u64_from(chunk.live());
            if live <= left {
                left -= live;
                return None;
            }
            let found = chunk.find_subject(0, |_, _| {
                let is_it = left == 0;
                left = left.saturating_sub(1);
                is_it
            })?;
            Some(key * u64_from(SLOTS) + u64_from(found))
        })
    }

    /// The live message with `nth` others between `from` and it.
    pub fn nth_live_from(&self, from: u64, nth: u64) -> Option<u64> {
        let ahead = self.messages - self.live_from(from);
        self.nth_live(ahead.saturating_add(nth))
    }

    /// Live messages of a range.
    pub fn count_in(&self, range: Range<u64>) -> u64 {
        let (first_key, first_offset) = place(range.start);
        let (end_key, end_offset) = place(range.end);
        let chunks = self.chunks_from(first_key).take_while(|&(&key, _)| key <= end_key);
        let count = chunks.map(|(&key, chunk)| {
            let from = if key == first_key { chunk.live_from(first_offset) } else { chunk.live() };
            let behind = if key == end_key { chunk.live_from(end_offset) } else { 0 };
            from.saturating_sub(behind)
        });
        u64_from(count.sum())
    }

    /// The first live message stored at `ts` or later, or the sequence after the last.
    pub fn seq_at_time(&self, ts: Timestamp) -> u64 {
        // Times rise with sequences, so halving a range of sequences finds it, holes or not.
        let (mut low, mut high) = (self.first, self.last + 1);
        let mut found = high;
        while low < high {
            let mid = low + (high - low) / 2;
            match self.next_live(mid).and_then(|seq| Some((seq, self.get(seq)?))) {
                Some((seq, entry)) if entry.ts < ts => low = seq + 1,
                Some((seq, _)) => {
                    found = seq;
                    high = mid;
                }
                None => high = mid,
            }
        }
        found
    }

    fn name(&self, id: u32) -> &[u8] {
        self.subjects.name(SubjectId(id))
    }

    fn next_of_subject(&self, from: u64, id: SubjectId) -> Option<u64> {
        let info = self.subjects.info(id);
        if from <= info.first {
            return Some(info.first);
        }
        if info.last <= from {
            return (info.last == from).then_some(from);
        }
        // A consumer asks for what follows the message it just had.
        if let Some((subject, slot)) = self.slot(from - 1)
            && subject == id.0
        {
            return self.far.next(from - 1, slot.next);
        }
        let mut head = Some(info.first);
        let mut tail = info.last;
        let mut at = from;
        loop {
            for _ in 0..TURN {
                head = head.and_then(|seq| self.next_of_same_subject(seq));
                if let Some(seq) = head
                    && from <= seq
                {
                    return Some(seq);
                }
                match self.prev_of_same_subject(tail) {
                    Some(seq) if from <= seq => tail = seq,
                    _ => return Some(tail),
                }
            }
            let mut left = TURN * 8;
            at = self.scan(at, |subject| {
                left -= 1;
                left == 0 || subject == id.0
            })?;
            if self.slot(at)?.0 == id.0 {
                return Some(at);
            }
            at += 1;
        }
    }

    /// [`Index::next_matching`] by a look at all subjects.
    fn next_by_subjects(&self, from: u64, filter: &FilterSet) -> Option<u64> {
        let mut ids: SmallVec<[SubjectId; FEW]> = SmallVec::new();
        let mut ahead = u64::MAX;
        let mut is_split = false;
        self.subjects.for_each(filter, |id, _| {
            let info = self.subjects.info(id);
            if from <= info.last {
                ids.push(id);
                ahead = ahead.min(info.first);
                is_split |= info.first < from;
            }
            false
        });
        // Each of them has a message at or behind `from`, so the scans end at one.
        match ids.as_slice() {
            [] => None,
            _ if !is_split => Some(ahead),
            [only] => self.next_of_subject(from, *only),
            few if few.len() <= FEW => self.scan(from, |id| few.contains(&SubjectId(id))),
            many => {
                let wanted = IdSet::new(many);
                self.scan(from, |id| wanted.contains(id))
            }
        }
    }

    fn count_of_subject(&self, from: u64, id: SubjectId) -> u64 {
        let info = self.subjects.info(id);
        let (mut head, mut tail) = (info.first, info.last);
        let (mut below, mut above) = (0, 0);
        loop {
            if from <= head {
                return info.count - below;
            }
            below += 1;
            if tail < from {
                return above;
            }
            above += 1;
            match (self.next_of_same_subject(head), self.prev_of_same_subject(tail)) {
                (Some(next), Some(prev)) => (head, tail) = (next, prev),
                _ => return info.count.min(above),
            }
        }
    }

    fn live_from(&self, from: u64) -> u64 {
        if from <= self.first {
            return self.messages;
        }
        let (key, offset) = place(from);
        let later = self.chunks_from(key + 1).map(|(_, chunk)| chunk.live()).sum::<usize>();
        u64_from(self.chunk(key).map_or(0, |chunk| chunk.live_from(offset)) + later)
    }

    /// The first live message at or behind `from` whose subject is wanted.
    fn scan(&self, from: u64, mut wanted: impl FnMut(u32) -> bool) -> Option<u64> {
        let (first_key, first_offset) = place(from);
        self.chunks_from(first_key).find_map(|(&key, chunk)| {
            let offset = if key == first_key { first_offset } else { 0 };
            let found = chunk.find_subject(offset, |_, subject| wanted(subject))?;
            Some(key * u64_from(SLOTS) + u64_from(found))
        })
    }

    /// The last live message at or in front of `to` whose subject is wanted.
    fn rscan(&self, to: u64, mut wanted: impl FnMut(u32) -> bool) -> Option<u64> {
        let (last_key, last_offset) = place(to);
        let tail = (self.tail_key <= last_key).then_some((&self.tail_key, &self.tail));
        tail.into_iter().chain(self.closed.range(..=last_key).rev()).find_map(|(&key, chunk)| {
            let offset = if key == last_key { last_offset } else { SLOTS - 1 };
            let found = chunk.rfind_subject(offset, &mut wanted)?;
            Some(key * u64_from(SLOTS) + u64_from(found))
        })
    }
}

/// A set of subject ids that is asked once per message.
struct IdSet {
    bits: Vec<u64>,
}

impl IdSet {
    fn new(ids: &[SubjectId]) -> IdSet {
        let words = ids.iter().map(|id| usize_from_u32(id.0) / 64 + 1).max().unwrap_or(0);
        let mut bits = vec![0; words];
        for id in ids {
            bits[usize_from_u32(id.0) / 64] |= 1 << (id.0 % 64);
        }
        IdSet { bits }
    }

    fn contains(&self, id: u32) -> bool {
        self.bits.get(usize_from_u32(id) / 64).is_some_and(|word| word & (1 << (id % 64)) != 0)
    }
}
