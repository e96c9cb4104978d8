//! What of a consumer survives a restart, and the only ways in which it changes.

use std::{collections::VecDeque, time::Duration};

use tradewind_subject::Timestamp;

use super::{
    SeqPair,
    outstanding::{Outstanding, Sent, Wait},
};
use crate::api::config::{AckPolicy, ConsumerConfig};

const ACK_WAIT: Duration = Duration::from_secs(30);

/// The part of the configuration that says how acknowledgements work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) ack: AckPolicy,
    /// Wait before the first, second, … redelivery; the last one repeats. Never empty.
    waits: Box<[Duration]>,
    /// 0 is no limit.
    pub(super) max_deliver: u64,
}

impl Rules {
    pub(super) fn new(config: &ConsumerConfig) -> Rules {
        let waits = match config.backoff.as_slice() {
            [] => vec![positive(config.ack_wait).unwrap_or(ACK_WAIT)],
            backoff => backoff.iter().map(|&wait| positive(wait).unwrap_or_default()).collect(),
        };
        let max_deliver = u64::try_from(config.max_deliver).unwrap_or(0);
        Rules { ack: config.ack_policy, waits: waits.into(), max_deliver }
    }

    /// When a message comes again that was delivered at `at`.
    pub(super) fn deadline(&self, at: Timestamp, redeliveries: u64) -> Timestamp {
        let last = self.waits.len() - 1;
        let idx = usize::try_from(redeliveries).unwrap_or(last).min(last);
        at.plus(self.waits[idx])
    }

    /// Whether a message delivered again so often may not be delivered once more.
    pub(super) fn exhausted(&self, redeliveries: u64) -> bool {
        self.max_deliver != 0 && self.max_deliver <= redeliveries + 1
    }
}

/// Nanoseconds above zero as a duration.
pub(super) fn positive(nanos: i64) -> Option<Duration> {
    u64::try_from(nanos).ok().filter(|nanos| *nanos != 0).map(Duration::from_nanos)
}

/// One change of a [`State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// A message goes out for the first time.
    Send { seq: SeqPair, at: Timestamp },
    /// A message goes out again.
    Resend { seq: SeqPair, at: Timestamp },
    /// A message is acknowledged, terminated or gone.
    Remove { seq: u64 },
    /// Everything up to here is acknowledged.
    AckAll { seq: SeqPair },
    /// A message waits for somebody who takes it again.
    Queue { seq: u64, redeliveries: u64 },
    /// A message comes again later, as the client asked.
    Delay { seq: u64, redeliveries: u64, until: Timestamp },
    /// The client still works on a message.
    Touch { seq: u64, redeliveries: u64, at: Timestamp },
    /// A message is given up.
    Exhaust { seq: u64 },
    /// The stream now starts here.
    Purge { first: u64 },
}

/// The last messages of each subject, and where it goes on after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LastPerSubject {
    pub(super) seqs: VecDeque<u64>,
    /// The last sequence when the consumer was made.
    pub(super) up_to: u64,
}

/// Position, floor and outstanding messages.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Where the search for the next new message starts.
    pub(super) next_seq: u64,
    /// The last delivery; before the first one, what lies in front of the start.
    pub(super) delivered: SeqPair,
    pub(super) floor: SeqPair,
    pub(super) last_per_subject: Option<Box<LastPerSubject>>,
    pub(super) outstanding: Outstanding,
}

impl State {
    /// A consumer that starts at `next_seq`.
    pub(super) fn starting_at(next_seq: u64) -> State {
        let before = SeqPair { consumer: 0, stream: next_seq.saturating_sub(1) };
        State { next_seq, delivered: before, floor: before, ..State::default() }
    }

    /// Applies `op`; one that is out of date changes nothing.
    pub(super) fn apply(&mut self, op: Op, rules: &Rules) {
        match op {
            Op::Send { seq, at } => self.send(seq, at, rules),
            Op::Resend { seq, at } => self.resend(seq, at, rules),
            Op::Remove { seq } => {
                let exhausted = self.outstanding.remove_exhausted(seq);
                if self.outstanding.remove(seq).is_some() || exhausted {
                    self.settle_floor();
                }
            }
            Op::AckAll { seq } => self.ack_all(seq),
            Op::Queue { seq, redeliveries } if self.is_at(seq, redeliveries) => {
                self.outstanding.enqueue(seq);
            }
            Op::Delay { seq, redeliveries, until } if self.is_at(seq, redeliveries) => {
                self.outstanding.set_wait(seq, Wait::Delayed(until));
            }
            Op::Touch { seq, redeliveries, at } if self.is_at(seq, redeliveries) => {
                let deadline = rules.deadline(at, redeliveries);
                self.outstanding.touch(seq, at, deadline);
            }
            // About a delivery before the last one.
            Op::Queue { .. } | Op::Delay { .. } | Op::Touch { .. } => (),
            Op::Exhaust { seq } => self.outstanding.exhaust(seq),
            Op::Purge { first } => {
                self.next_seq = self.next_seq.max(first);
                self.delivered.stream = self.delivered.stream.max(first.saturating_sub(1));
                self.settle_floor();
            }
        }
    }

    /// Gives every message that waits for its ack wait the one of `rules`.
    pub(super) fn retime(&mut self, rules: &Rules) {
        let waiting: Vec<(u64, Sent)> = (self.outstanding.iter())
            .filter(|(_, sent)| matches!(sent.wait, Wait::Timeout(_)))
            .map(|(seq, sent)| (seq, *sent))
            .collect();
        for (seq, sent) in waiting {
            let deadline = rules.deadline(sent.at, sent.redeliveries);
            self.outstanding.set_wait(seq, Wait::Timeout(deadline));
        }
    }

    /// Goes on behind the list of last messages, once that is done.
    pub(super) fn leave_finished_list(&mut self) {
        if let Some(list) = self.last_per_subject.take_if(|list| list.seqs.is_empty()) {
            self.next_seq = self.next_seq.max(list.up_to + 1);
        }
    }

    /// Whether `seq` is outstanding and was delivered again so often.
    fn is_at(&self, seq: u64, redeliveries: u64) -> bool {
        self.outstanding.get(seq).is_some_and(|sent| sent.redeliveries == redeliveries)
    }

    fn send(&mut self, seq: SeqPair, at: Timestamp, rules: &Rules) {
        if seq.consumer <= self.delivered.consumer {
            return;
        }
        self.delivered = SeqPair { stream: self.delivered.stream.max(seq.stream), ..seq };
        self.next_seq = self.next_seq.max(seq.stream + 1);
        if let Some(list) = &mut self.last_per_subject {
            while list.seqs.pop_front_if(|listed| *listed <= seq.stream).is_some() {}
            self.leave_finished_list();
        }
        if rules.ack == AckPolicy::None {
            self.floor = self.delivered;
            return;
        }
        let wait = Wait::Timeout(rules.deadline(at, 0));
        let sent = Sent { consumer_seq: seq.consumer, at, redeliveries: 0, wait };
        self.outstanding.insert(seq.stream, sent);
    }

    fn resend(&mut self, seq: SeqPair, at: Timestamp, rules: &Rules) {
        if seq.consumer <= self.delivered.consumer {
            return;
        }
        self.delivered.consumer = seq.consumer;
        if let Some(mut sent) = self.outstanding.get(seq.stream).copied() {
            sent.redeliveries += 1;
            sent.at = at;
            sent.wait = Wait::Timeout(rules.deadline(at, sent.redeliveries));
            self.outstanding.insert(seq.stream, sent);
        }
    }

    fn ack_all(&mut self, seq: SeqPair) {
        let seq = SeqPair { stream: seq.stream.min(self.delivered.stream), ..seq };
        while let Some((first, _)) = self.outstanding.first()
            && first <= seq.stream
        {
            self.outstanding.remove(first);
        }
        let given_up = self.outstanding.exhausted().range(..=seq.stream);
        for seq in given_up.map(|(&seq, _)| seq).collect::<Vec<_>>() {
            self.outstanding.remove_exhausted(seq);
        }
        if seq.stream <= self.floor.stream {
            return;
        }
        let consumer = seq.consumer.min(self.delivered.consumer).max(self.floor.consumer);
        self.floor = SeqPair { consumer, stream: seq.stream };
        if self.outstanding.first().is_none() {
            self.settle_floor();
        }
    }

    /// Moves the floor up to the first outstanding message, never back.
    fn settle_floor(&mut self) {
        let floor = match self.outstanding.first() {
            None => self.delivered,
            Some((seq, sent)) => SeqPair {
                consumer: sent.consumer_seq.saturating_sub(1),
                stream: seq.saturating_sub(1),
            },
        };
        self.floor.consumer = self.floor.consumer.max(floor.consumer);
        self.floor.stream = self.floor.stream.max(floor.stream);
    }
}
