use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use tradewind_subject::Timestamp;

use super::{index::Index, publish::Lifetime};

/// The live messages of a stream that tell by `Nats-TTL` how long they live.
///
/// Costs about 60 bytes for each of these, and nothing for others.
#[derive(Debug, Default)]
pub(super) struct Lifetimes {
    ends: BTreeMap<u64, Timestamp>,
    /// The same in the order in which they end.
    due: BTreeSet<(Timestamp, u64)>,
    endless: BTreeSet<u64>,
    /// All live messages in front of it are endless, so that nobody passes them twice.
    ageing_from: u64,
}

impl Lifetimes {
    /// Takes note of the message `seq`, the last of `index`.
    pub(super) fn add(&mut self, seq: u64, ts: Timestamp, lifetime: Lifetime, index: &Index) {
        match lifetime {
            Lifetime::Open => (),
            Lifetime::Seconds(seconds) => {
                let end = ts.plus(Duration::from_secs(seconds.get()));
                self.ends.insert(seq, end);
                self.due.insert((end, seq));
            }
            Lifetime::Endless => {
                self.endless.insert(seq);
                self.advance(index);
            }
        }
    }

    /// The message `seq` left; [`Lifetimes::advance`] comes next.
    pub(super) fn forget(&mut self, seq: u64) {
        if let Some(end) = self.ends.remove(&seq) {
            self.due.remove(&(end, seq));
        } else {
            self.endless.remove(&seq);
        }
    }

    /// Passes endless messages that came to stand at the front.
    pub(super) fn advance(&mut self, index: &Index) {
        if !self.endless.is_empty() {
            let next_seq = index.last_seq() + 1;
            self.ageing_from = self.first_ageing(index).unwrap_or(next_seq);
        }
    }

    /// The sequences of `index` may have gone back.
    pub(super) fn rewind(&mut self, index: &Index) {
        self.ageing_from = 0;
        self.advance(index);
    }

    /// The first live message that is not endless.
    pub(super) fn first_ageing(&self, index: &Index) -> Option<u64> {
        if self.endless.is_empty() {
            return (0 < index.messages()).then_some(index.first_seq());
        }
        let mut next = index.next_live(self.ageing_from);
        while let Some(seq) = next.filter(|seq| self.endless.contains(seq)) {
            next = index.next_live(seq + 1);
        }
        next
    }

    /// The endless messages of a range, in order.
    pub(super) fn endless(&self, range: Range<u64>) -> impl Iterator<Item = u64> {
        self.endless.range(range).copied()
    }

    /// When the next message ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.due.first().map(|(end, _)| *end)
    }

    /// Messages that have ended at `now`, the earliest first.
    pub(super) fn ended(&self, now: Timestamp) -> impl Iterator<Item = u64> {
        self.due.range(..=(now, u64::MAX)).map(|(_, seq)| *seq)
    }
}
