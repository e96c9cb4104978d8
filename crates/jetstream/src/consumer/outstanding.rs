//! The messages that were delivered and not yet acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use tradewind_subject::{Timestamp, int::u64_from};

/// When a message comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// When its ack wait has passed.
    Timeout(Timestamp),
    /// When the delay that the client asked for has passed.
    Delayed(Timestamp),
    /// As soon as somebody takes it; the ticket is its place in the queue.
    Queued(u64),
}

/// A delivered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// Of the first delivery.
    pub(super) consumer_seq: u64,
    /// The last delivery, or sign of life.
    pub(super) at: Timestamp,
    pub(super) redeliveries: u64,
    pub(super) wait: Wait,
}

/// The delivered, unacknowledged messages by stream sequence, by deadline and by place in the
/// redelivery queue.
///
/// Consumer sequences of first deliveries rise with stream sequences, so the first message is the
/// one that holds back the ack floor.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    by_seq: BTreeMap<u64, Sent>,
    deadlines: BTreeSet<(Timestamp, u64)>,
    /// Ticket → sequence.
    queue: BTreeMap<u64, u64>,
    next_ticket: u64,
    /// How many of `by_seq` were delivered more than once.
    redelivered: u64,
    /// Delivered as often as allowed, in vain → redeliveries.
    exhausted: BTreeMap<u64, u64>,
}

impl Outstanding {
    pub(super) fn len(&self) -> u64 {
        u64_from(self.by_seq.len())
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Sent> {
        self.by_seq.get(&seq)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Sent)> {
        self.by_seq.iter().map(|(&seq, sent)| (seq, sent))
    }

    pub(super) fn first(&self) -> Option<(u64, &Sent)> {
        self.by_seq.first_key_value().map(|(&seq, sent)| (seq, sent))
    }

    /// Messages delivered more than once, those given up included.
    pub(super) fn num_redelivered(&self) -> u64 {
        self.redelivered + u64_from(self.exhausted.len())
    }

    pub(super) fn queued(&self) -> u64 {
        u64_from(self.queue.len())
    }

    pub(super) fn queue_front(&self) -> Option<u64> {
        self.queue.first_key_value().map(|(_, &seq)| seq)
    }

    pub(super) fn queue_order(&self) -> impl Iterator<Item = u64> {
        self.queue.values().copied()
    }

    pub(super) fn exhausted(&self) -> &BTreeMap<u64, u64> {
        &self.exhausted
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|&(at, _)| at)
    }

    /// The sequences whose deadline has come, in stream order.
    pub(super) fn due(&self, now: Timestamp) -> Vec<u64> {
        let due = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        let mut seqs: Vec<u64> = due.map(|&(_, seq)| seq).collect();
        seqs.sort_unstable();
        seqs
    }

    /// Adds a message, or puts it back as it was.
    pub(super) fn insert(&mut self, seq: u64, sent: Sent) {
        self.remove(seq);
        self.redelivered += u64::from(0 < sent.redeliveries);
        self.by_seq.insert(seq, sent);
        self.set_wait(seq, sent.wait);
    }

    pub(super) fn remove(&mut self, seq: u64) -> Option<Sent> {
        let sent = self.by_seq.remove(&seq)?;
        self.forget_wait(seq, sent.wait);
        self.redelivered -= u64::from(0 < sent.redeliveries);
        Some(sent)
    }

    /// Puts `seq` at the end of the redelivery queue, unless it is in there.
    pub(super) fn enqueue(&mut self, seq: u64) {
        if self.by_seq.get(&seq).is_some_and(|sent| !matches!(sent.wait, Wait::Queued(_))) {
            self.next_ticket += 1;
            self.set_wait(seq, Wait::Queued(self.next_ticket));
        }
    }

    /// Changes when `seq` comes again.
    pub(super) fn set_wait(&mut self, seq: u64, wait: Wait) {
        let Some(sent) = self.by_seq.get_mut(&seq) else { return };
        let old = std::mem::replace(&mut sent.wait, wait);
        self.forget_wait(seq, old);
        match wait {
            Wait::Timeout(at) | Wait::Delayed(at) => {
                self.deadlines.insert((at, seq));
            }
            Wait::Queued(ticket) => {
                self.queue.insert(ticket, seq);
                self.next_ticket = self.next_ticket.max(ticket);
            }
        }
    }

    /// Notes a sign of life; a message in the queue stays there.
    pub(super) fn touch(&mut self, seq: u64, at: Timestamp, deadline: Timestamp) {
        let Some(sent) = self.by_seq.get_mut(&seq) else { return };
        sent.at = at;
        if !matches!(sent.wait, Wait::Queued(_)) {
            self.set_wait(seq, Wait::Timeout(deadline));
        }
    }

    /// Gives `seq` up.
    pub(super) fn exhaust(&mut self, seq: u64) {
        if let Some(sent) = self.remove(seq) {
            self.exhausted.insert(seq, sent.redeliveries);
        }
    }

    pub(super) fn insert_exhausted(&mut self, seq: u64, redeliveries: u64) {
        self.exhausted.insert(seq, redeliveries);
    }

    /// Forgets a message that was given up; whether there was one.
    pub(super) fn remove_exhausted(&mut self, seq: u64) -> bool {
        self.exhausted.remove(&seq).is_some()
    }

    fn forget_wait(&mut self, seq: u64, wait: Wait) {
        match wait {
            Wait::Timeout(at) | Wait::Delayed(at) => {
                self.deadlines.remove(&(at, seq));
            }
            Wait::Queued(ticket) => {
                self.queue.remove(&ticket);
            }
        }
    }
}
