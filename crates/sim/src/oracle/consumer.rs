use std::collections::BTreeMap;

use tradewind_subject::matches;

use super::stream::Msg;
use crate::script::{ConsumerSpec, Start};

/// Whether a consumer is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Acked {
    Not,
    /// It was told so before a crash, and gave no promise.
    Maybe,
    Surely,
}

/// One consumer from its creation to its end.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerModel {
    pub(crate) spec: ConsumerSpec,
    /// Tells it from another of the same name.
    pub(crate) created: i64,
    /// Nothing before this is delivered.
    pub(crate) start: u64,
    /// Sequence → how often it was seen.
    pub(crate) deliveries: BTreeMap<u64, u64>,
    /// Messages it was told to be done with → whether that is promised.
    acks: BTreeMap<u64, Promise>,
    /// Where the ack of a delivered message goes.
    pub(crate) replies: BTreeMap<u64, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// Answered.
    Given,
    /// Not answered, but the server was told.
    Open,
    /// It was told before a crash.
    Unknown,
}

impl ConsumerModel {
    pub(crate) fn new(spec: ConsumerSpec, last: u64, created: i64) -> ConsumerModel {
        let start = match spec.start {
            Start::All => 1,
            Start::New => last + 1,
            Start::Seq(seq) => seq,
        };
        ConsumerModel {
            spec,
            created,
            start,
            deliveries: BTreeMap::new(),
            acks: BTreeMap::new(),
            replies: BTreeMap::new(),
        }
    }

    pub(crate) fn wants(&self, subject: &str) -> bool {
        self.spec.filter.is_empty() || matches(self.spec.filter.as_bytes(), subject.as_bytes())
    }

    /// Whether it is done with a message; one that it does not want it is done with.
    pub(crate) fn needs(&self, seq: u64, msg: &Msg) -> Acked {
        if seq < self.start || !self.wants(&msg.subject) {
            return Acked::Surely;
        }
        match self.acks.get(&seq) {
            None => Acked::Not,
            Some(Promise::Unknown) => Acked::Maybe,
            Some(Promise::Open | Promise::Given) => Acked::Surely,
        }
    }

    pub(crate) fn is_promised(&self, seq: u64) -> bool {
        self.acks.get(&seq) == Some(&Promise::Given)
    }

    /// Whether a delivery of this message would be wrong.
    pub(crate) fn is_done(&self, seq: u64) -> bool {
        self.acks.get(&seq).is_some_and(|promise| *promise != Promise::Unknown)
    }

    pub(crate) fn was_told(&self, seq: u64) -> bool {
        self.acks.contains_key(&seq)
    }

    pub(crate) fn is_exhausted(&self, seq: u64) -> bool {
        let seen = self.deliveries.get(&seq).copied().unwrap_or(0);
        0 < self.spec.max_deliver && self.spec.max_deliver <= seen
    }

    /// The messages that an ack of `seq` is about.
    pub(crate) fn covered(&self, seq: u64) -> Vec<u64> {
        if !self.spec.ack_all {
            return vec![seq];
        }
        self.deliveries.range(..=seq).map(|(seq, _)| *seq).collect()
    }

    pub(crate) fn ack(&mut self, seq: u64) {
        self.replies.remove(&seq);
        let promise = self.acks.entry(seq).or_insert(Promise::Open);
        if *promise == Promise::Unknown {
            *promise = Promise::Open;
        }
    }

    pub(crate) fn promise(&mut self, seq: u64) {
        self.acks.insert(seq, Promise::Given);
    }

    pub(crate) fn deliver(&mut self, seq: u64, reply: &str) {
        *self.deliveries.entry(seq).or_default() += 1;
        self.acks.remove(&seq);
        self.replies.insert(seq, reply.to_owned());
    }

    /// All that it still holds was delivered again: the other messages it is done with. One that holds
    /// as much as it may does not show what comes after.
    pub(crate) fn resolve(&mut self) {
        let max = self.spec.max_ack_pending;
        if 0 < max && usize::try_from(max).is_ok_and(|max| max <= self.replies.len()) {
            return;
        }
        let unknown = self.acks.values_mut().filter(|promise| **promise == Promise::Unknown);
        unknown.for_each(|promise| *promise = Promise::Open);
    }

    pub(crate) fn crashed(&mut self) {
        let open = self.acks.values_mut().filter(|promise| **promise == Promise::Open);
        open.for_each(|promise| *promise = Promise::Unknown);
        self.replies.clear();
    }
}
