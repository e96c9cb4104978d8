use std::ops::RangeInclusive;

use tradewind_subject::{
    Timestamp,
    int::{u64_from, usize_from},
};

use super::{Refusal, Stream, filter::FilterSet};
use crate::api::config::Storage;

/// What a purge is asked to take out: all, or a part by any of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurgeRequest<'a> {
    /// Only messages that match; empty is all.
    pub filter: &'a [u8],
    /// Only messages in front of this sequence; 0 is all.
    pub seq: u64,
    /// All but the last so many.
    pub keep: u64,
}

/// Messages to take out, as they stand in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// All in front of a sequence: [`Stream::apply_purge_to`].
    To(u64),
    /// The live ones of some ranges, in order: [`Stream::apply_remove`].
    Ranges(Vec<RangeInclusive<u64>>),
}

/// What a purge takes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgePlan {
    /// The messages; none if nothing changes, not even the next sequence.
    pub removal: Option<Removal>,
    /// How many there are.
    pub purged: u64,
}

/// Messages that are too old.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expiry {
    /// Where they are, in order.
    pub ranges: Vec<RangeInclusive<u64>>,
    /// How many there are.
    pub messages: u64,
}

impl Stream {
    /// Decides about a purge, changing nothing.
    ///
    /// Costs a constant number of steps without a filter, else a few for each message purged.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] if the stream can't be purged or the request contradicts itself.
    pub fn plan_purge(&self, request: &PurgeRequest<'_>) -> Result<PurgePlan, Refusal> {
        if self.config.sealed {
            return Err(Refusal::Sealed);
        }
        if self.config.deny_purge {
            return Err(Refusal::PurgeDenied);
        }
        if 0 < request.seq && 0 < request.keep {
            return Err(Refusal::PurgeBySeqAndKeep);
        }
        let filter = FilterSet::one(request.filter);
        if filter.is_all() {
            return Ok(self.plan_purge_all(request));
        }
        let matching = self.index.count_matching(0, &filter);
        let ranges = self.ranges_of(&filter, request.seq, matching.saturating_sub(request.keep));
        let purged = ranges.1;
        let removal = (0 < purged).then_some(Removal::Ranges(ranges.0));
        Ok(PurgePlan { removal, purged })
    }

    /// Decides about the delete of one message, changing nothing.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] if there is no such message or it may not be deleted.
    pub fn plan_delete(&self, seq: u64) -> Result<(), Refusal> {
        if self.config.sealed {
            return Err(Refusal::Sealed);
        }
        if self.config.deny_delete {
            return Err(Refusal::DeleteDenied);
        }
        if self.index.get(seq).is_some() {
            return Ok(());
        }
        // nats-server's two stores differ.
        Err(match self.config.storage {
            Storage::File if self.index.last_seq() < seq => Refusal::AfterLast,
            Storage::File if seq < self.index.first_seq() => Refusal::BeforeFirst,
            Storage::File | Storage::Memory => Refusal::SeqNotFound { seq },
        })
    }

    /// Messages that are too old at `now`, by the stream's limit or their own, at most `max` of them.
    ///
    /// Costs a few steps for each of them.
    pub fn plan_expiry(&self, now: Timestamp, max: u64) -> Option<Expiry> {
        let mut expiry = Expiry::default();
        self.plan_aged(now, max, &mut expiry);
        if self.config.allow_msg_ttl {
            self.plan_ended(now, max, &mut expiry);
        }
        (0 < expiry.messages).then_some(expiry)
    }

    /// When the next message gets too old.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        let ages = self.limits.age.and_then(|age| {
            let first = self.index.get(self.lifetimes.first_ageing(&self.index)?)?;
            Some(first.ts.plus(age))
        });
        let ends = self.lifetimes.next_end().filter(|_| self.config.allow_msg_ttl);
        ages.into_iter().chain(ends).min()
    }

    /// The oldest messages that the stream's limit is over for.
    fn plan_aged(&self, now: Timestamp, max: u64, expiry: &mut Expiry) {
        let Some(age) = self.limits.age else { return };
        let oldest_kept = Timestamp(now.minus(age).nanos().saturating_add(1));
        let Some(mut start) = self.lifetimes.first_ageing(&self.index) else { return };
        if self.index.get(start).is_none_or(|first| oldest_kept <= first.ts) {
            return;
        }
        let end = self.index.seq_at_time(oldest_kept);
        for stop in self.lifetimes.endless(start..end).chain([end]) {
            let left = max - expiry.messages;
            let mut count = self.index.count_in(start..stop);
            let mut last = stop - 1;
            if left < count {
                count = left;
                last = self.index.nth_live_from(start, left).map_or(last, |bound| bound - 1);
            }
            if 0 < count {
                expiry.ranges.push(start..=last);
                expiry.messages += count;
            }
            if expiry.messages == max {
                return;
            }
            start = stop + 1;
        }
    }

    /// The messages that are over by their own limit and not by the stream's.
    fn plan_ended(&self, now: Timestamp, max: u64, expiry: &mut Expiry) {
        let aged = expiry.ranges.last().map_or(0, |range| *range.end());
        let left = usize_from(max - expiry.messages);
        let ended = self.lifetimes.ended(now).filter(|&seq| aged < seq);
        let mut seqs: Vec<u64> = ended.take(left).collect();
        seqs.sort_unstable();
        expiry.messages += u64_from(seqs.len());
        for seq in seqs {
            self.extend_ranges(&mut expiry.ranges, seq);
        }
    }

    fn plan_purge_all(&self, request: &PurgeRequest<'_>) -> PurgePlan {
        let (messages, everything) = (self.index.messages(), FilterSet::all());
        let nothing = PurgePlan { removal: None, purged: 0 };
        let to = if 0 < request.keep {
            match self.index.nth_live(messages.saturating_sub(request.keep)) {
                Some(first_kept) => first_kept,
                None => return nothing,
            }
        } else if 0 < request.seq {
            request.seq
        } else {
            self.index.last_seq() + 1
        };
        if to <= self.index.first_seq().max(1) {
            return nothing;
        }
        let purged = messages - self.index.count_matching(to, &everything);
        PurgePlan { removal: Some(Removal::To(to)), purged }
    }

    /// The first `max` messages that `filter` wants, in front of `before` if that is not 0.
    fn ranges_of(
        &self,
        filter: &FilterSet,
        before: u64,
        max: u64,
    ) -> (Vec<RangeInclusive<u64>>, u64) {
        let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
        let mut count = 0;
        let mut next = self.index.next_matching(0, filter);
        while let Some(seq) = next.filter(|&seq| count < max && (before == 0 || seq < before)) {
            self.extend_ranges(&mut ranges, seq);
            count += 1;
            next = self.index.next_matching(seq + 1, filter);
        }
        debug_assert!(u64_from(ranges.len()) <= count, "a range has a message");
        (ranges, count)
    }

    /// Adds the live message `seq`, which lies behind all of them.
    fn extend_ranges(&self, ranges: &mut Vec<RangeInclusive<u64>>, seq: u64) {
        let follows = ranges.last_mut().filter(|range| {
            // Nothing that stays lies between.
            self.index.next_live(range.end() + 1) == Some(seq)
        });
        match follows {
            Some(range) => *range = *range.start()..=seq,
            None => ranges.push(seq..=seq),
        }
    }
}
