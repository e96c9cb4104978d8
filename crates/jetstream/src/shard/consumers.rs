//! Consumers of a stream: what they deliver, and what becomes of it.

use std::ops::RangeInclusive;

use tradewind_proto::{HEADER_LINE, Publish};
use tradewind_store::mutant::{self, Mutant};
use tradewind_store::{ConsumerId, Ranges, Record, RemoveReason, SeqRange, StoredMessage, Wish};
use tradewind_subject::{Timestamp, int::u64_from};

use super::context::Context;
use super::slot::{Slot, Unreadable};
use crate::api::config::Retention;
use crate::consumer::{Action, Closing, Consumer};

/// Messages that one consumer delivers before others have their turn.
const TURN: usize = 512;
/// Bytes that all together deliver before they are sent.
const TURN_BYTES: usize = 1024 * 1024;

impl Slot {
    /// Lets `act` work on a consumer, then does what the consumer asks for.
    pub(super) fn with_consumer<R>(
        &mut self,
        context: &mut Context,
        id: ConsumerId,
        act: impl FnOnce(&mut Consumer, Timestamp, &mut Vec<Action>) -> R,
    ) -> Option<R> {
        let slot = self.consumers.get_mut(&id)?;
        let mut actions = std::mem::take(&mut context.actions);
        let result = act(&mut slot.consumer, context.now, &mut actions);
        self.settle(context, id, &mut actions);
        context.actions = actions;
        Some(result)
    }

    /// Does what a consumer asks for, and notes that it changed.
    fn settle(&mut self, context: &mut Context, id: ConsumerId, actions: &mut Vec<Action>) {
        // Confirmations last: what they confirm, removals included, is one record.
        let is_confirmation = |action: &Action| matches!(action, Action::AckReply { .. });
        actions.sort_by_key(is_confirmation);
        for action in actions.drain(..) {
            self.perform(context, id, action);
        }
        let party = (self.id, Some(id));
        let Some(slot) = self.consumers.get_mut(&id) else { return };
        let deadline = slot.consumer.next_deadline();
        context.deadlines.enter(party, &mut slot.entered, deadline);
        if !slot.is_changed {
            slot.is_changed = true;
            self.changed.push(id);
            context.touched.insert(self.id);
        }
    }

    fn perform(&mut self, context: &mut Context, id: ConsumerId, action: Action) {
        match action {
            Action::Status { to, headers } => {
                let status = Publish { subject: &to, reply: b"", headers: &headers, payload: b"" };
                context.out.push(&to, &status);
            }
            Action::FlowControl { to, reply, headers } => {
                let request = Publish { subject: &to, reply: &reply, headers, payload: b"" };
                context.out.push(&to, &request);
            }
            Action::AckReply { to } => self.confirm(context, id, &to),
            Action::Acked { seq } => self.acked(context, id, seq),
            Action::Advisory(advisory) => self.advise(context, id, &advisory),
            Action::Resumed => (),
            Action::Inactive => context.inactive.push((self.id, id)),
            Action::Kick => {
                context.kicked.insert((self.id, id));
            }
        }
    }

    /// Answers a confirmed ack as soon as it is durable; never, if the store takes no writes.
    fn confirm(&mut self, context: &mut Context, id: ConsumerId, to: &[u8]) {
        // An ack that comes again has nothing left to log, though the log may not have it.
        let poisoned = !self.is_memory && context.log.poisoned().is_some();
        if !self.log_delta(context, id, Wish::Eager) || poisoned {
            return;
        }
        let logged = !self.is_memory && self.consumers.get(&id).is_some_and(|slot| slot.is_logged);
        let waits = logged || self.retention != Retention::Limits;
        let out = if waits && !mutant::enabled(Mutant::AckConfirmedEarly) {
            context.after_commit()
        } else {
            &mut context.out
        };
        out.answer(to, |_| ());
    }

    /// A consumer needs a message no more: with interest and work queue retention it may leave.
    fn acked(&mut self, context: &mut Context, id: ConsumerId, seq: u64) {
        let leaves = match self.retention {
            Retention::Limits => false,
            Retention::WorkQueue => true,
            Retention::Interest => !self.is_needed_by_others(id, seq),
        };
        if leaves
            && self.stream.index().get(seq).is_some()
            && let Some(slot) = self.consumers.get_mut(&id)
        {
            slot.removes.push(seq);
            context.touched.insert(self.id);
        }
    }

    fn is_needed_by_others(&self, id: ConsumerId, seq: u64) -> bool {
        let index = self.stream.index();
        let Some(entry) = index.get(seq) else { return false };
        let subject = index.subject(entry.subject);
        let mut others = self.consumers.iter().filter(|(other, _)| **other != id);
        others.any(|(_, slot)| {
            slot.consumer.still_needs(seq, subject) && !slot.removes.contains(&seq)
        })
    }

    /// Delivers what a consumer may deliver now, a turn's worth.
    pub(super) fn pump(&mut self, context: &mut Context, id: ConsumerId) {
        let mut asked: Option<bytes::Bytes> = None;
        for _ in 0..TURN {
            let visible = self.visible(context);
            let Some(slot) = self.consumers.get_mut(&id) else { return };
            let mut actions = std::mem::take(&mut context.actions);
            let index = self.stream.index();
            let candidate = slot.consumer.peek(context.now, index, visible, &mut actions);
            self.settle(context, id, &mut actions);
            context.actions = actions;
            let Some(candidate) = candidate else { return };
            if TURN_BYTES < context.out.n_bytes() {
                break;
            }
            if asked.as_ref() != Some(&candidate.to) {
                if !context.has_interest(&candidate.to) {
                    self.nobody_listens(context, id, &candidate.to);
                    continue;
                }
                asked = Some(candidate.to.clone());
            }
            match self.read(context, candidate.seq) {
                Ok(message) => self.deliver(context, id, &candidate, &message),
                Err(Unreadable::Gone) => self.pass_over(id, candidate.seq),
                Err(Unreadable::Damaged(why)) => {
                    // Not passed over: the message is there, and somebody has to look.
                    context.report_damage(self.name(), candidate.seq, &why);
                    return;
                }
            }
        }
        context.kicked.insert((self.id, id));
    }

    fn pass_over(&mut self, id: ConsumerId, seq: u64) {
        if let Some(slot) = self.consumers.get_mut(&id) {
            slot.consumer.on_missing(seq, self.stream.index());
        }
    }

    fn nobody_listens(&mut self, context: &mut Context, id: ConsumerId, to: &[u8]) {
        self.with_consumer(context, id, |consumer, now, actions| {
            if consumer.is_pull() {
                consumer.on_requester_gone(to);
            } else {
                consumer.on_interest(now, false, actions);
            }
        });
        if let Some(slot) = self.consumers.get_mut(&id) {
            slot.bound = false;
        }
    }

    fn deliver(
        &mut self,
        context: &mut Context,
        id: ConsumerId,
        candidate: &crate::consumer::Candidate,
        message: &StoredMessage,
    ) {
        let bare;
        let (headers, payload): (&[u8], &[u8]) = if candidate.headers_only {
            bare = with_size(&message.headers, message.payload.len());
            (&bare, b"")
        } else {
            (&message.headers, &message.payload)
        };
        let size = u64_from(message.subject.len() + headers.len() + payload.len());
        let Some(slot) = self.consumers.get_mut(&id) else { return };
        let mut actions = std::mem::take(&mut context.actions);
        if let Some(delivery) = slot.consumer.deliver(context.now, candidate, size, &mut actions) {
            let shown =
                Publish { subject: &message.subject, reply: &delivery.ack_reply, headers, payload };
            context.out.push(&delivery.to, &shown);
        }
        self.settle(context, id, &mut actions);
        context.actions = actions;
    }

    /// Something a consumer waited for is due.
    pub(super) fn consumer_due(&mut self, context: &mut Context, id: ConsumerId) {
        if let Some(slot) = self.consumers.get_mut(&id) {
            slot.entered = None;
            self.with_consumer(context, id, |consumer, now, actions| {
                consumer.on_time(now, actions);
            });
        }
    }

    /// Somebody began or ceased to listen to a push consumer's deliver subject.
    pub(super) fn on_interest(&mut self, context: &mut Context, id: ConsumerId, bound: bool) {
        if self.consumers.get(&id).is_none_or(|slot| slot.bound == bound) {
            return;
        }
        self.with_consumer(context, id, |consumer, now, actions| {
            consumer.on_interest(now, bound, actions);
        });
        if let Some(slot) = self.consumers.get_mut(&id) {
            slot.bound = bound;
        }
    }

    /// Ends all waiting pulls, because the server stops.
    pub(super) fn say_goodbye(&mut self, context: &mut Context) {
        let ids: Vec<_> = self.consumers.keys().copied().collect();
        for id in ids {
            self.with_consumer(context, id, |consumer, _, actions| {
                consumer.closing_statuses(Closing::Shutdown, actions);
            });
        }
    }

    /// Writes down what changed in consumers, and takes out what they needed last.
    pub(super) fn log_deltas(&mut self, context: &mut Context) {
        for id in std::mem::take(&mut self.changed) {
            self.log_delta(context, id, Wish::Lazy);
            if let Some(slot) = self.consumers.get_mut(&id) {
                slot.is_changed = false;
            }
        }
    }

    /// Writes down removals that are due, before anything else is said of the stream: a replay
    /// meets them in the same order.
    pub(super) fn log_removals(&mut self, context: &mut Context) {
        if self.retention != Retention::Limits && !self.changed.is_empty() {
            self.log_deltas(context);
        }
    }

    /// Whether the log took it, or there was nothing to take.
    fn log_delta(&mut self, context: &mut Context, id: ConsumerId, wish: Wish) -> bool {
        let Some(slot) = self.consumers.get_mut(&id) else { return true };
        let mut removes = std::mem::take(&mut slot.removes);
        let mut delta = std::mem::take(&mut context.delta);
        delta.clear();
        let changed = slot.consumer.take_delta(&mut delta);
        removes.sort_unstable();
        removes.dedup();
        removes.retain(|seq| self.stream.index().get(*seq).is_some());
        let ranges = ranges_of(&removes);
        let pairs: Vec<SeqRange> =
            ranges.iter().map(|r| SeqRange { first: *r.start(), last: *r.end() }).collect();
        let removes = Ranges::new(&pairs);
        let logged = if slot.is_logged && (changed || !pairs.is_empty()) {
            let record =
                Record::ConsumerDelta { stream: self.id, consumer: id, delta: &delta, removes };
            self.log(context, wish, &record).is_ok()
        } else if !pairs.is_empty() {
            let why = RemoveReason::Acked;
            let record = Record::Remove { stream: self.id, why, ranges: removes };
            self.log(context, wish, &record).is_ok()
        } else {
            true
        };
        context.delta = delta;
        if logged && !ranges.is_empty() {
            self.apply_removal(context, &ranges);
        }
        logged
    }

    /// Takes messages out and tells everybody.
    pub(super) fn apply_removal(&mut self, context: &mut Context, ranges: &[RangeInclusive<u64>]) {
        let mut removed = std::mem::take(&mut context.removed);
        self.stream.apply_remove(ranges, &mut removed);
        self.after_removal(context, &mut removed);
        context.removed = removed;
    }

    /// Logs a removal and takes the messages out. Whether the log took it.
    pub(super) fn remove(
        &mut self,
        context: &mut Context,
        why: RemoveReason,
        ranges: &[RangeInclusive<u64>],
        eager: bool,
    ) -> bool {
        let pairs: Vec<SeqRange> =
            ranges.iter().map(|r| SeqRange { first: *r.start(), last: *r.end() }).collect();
        let record = Record::Remove { stream: self.id, why, ranges: Ranges::new(&pairs) };
        let wish = if eager { Wish::Eager } else { Wish::Lazy };
        let spoilt = match why {
            RemoveReason::Deleted => mutant::enabled(Mutant::DeleteNotLogged),
            RemoveReason::Expired => mutant::enabled(Mutant::ExpiryNotLogged),
            _ => false,
        };
        let logged = spoilt || self.log(context, wish, &record).is_ok();
        if logged && why == RemoveReason::Purged {
            // A purge is told to consumers as a whole.
            let mut removed = std::mem::take(&mut context.removed);
            self.stream.apply_remove(ranges, &mut removed);
            self.after_purge(context, &mut removed);
            context.removed = removed;
        } else if logged {
            self.apply_removal(context, ranges);
        }
        logged
    }
}

/// Runs of consecutive numbers in a sorted list.
pub(super) fn ranges_of(sorted: &[u64]) -> Vec<RangeInclusive<u64>> {
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for &seq in sorted {
        match ranges.last_mut() {
            Some(last) if *last.end() + 1 == seq => *last = *last.start()..=seq,
            _ => ranges.push(seq..=seq),
        }
    }
    ranges
}

/// A header block that tells the size of the payload that is left out.
fn with_size(headers: &[u8], payload_len: usize) -> Vec<u8> {
    let mut block = if headers.is_empty() { HEADER_LINE.to_vec() } else { headers.to_vec() };
    if !headers.is_empty() {
        // The empty line at the end.
        block.truncate(block.len().saturating_sub(2));
    }
    block.extend_from_slice(format!("Nats-Msg-Size: {payload_len}\r\n\r\n").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_numbers_become_ranges() {
        assert_eq!(ranges_of(&[1, 2, 3, 5, 7, 8]), [1..=3, 5..=5, 7..=8]);
        assert!(ranges_of(&[]).is_empty());
    }

    #[test]
    fn the_size_of_a_left_out_payload_joins_the_headers() {
        assert_eq!(with_size(b"", 5), b"NATS/1.0\r\nNats-Msg-Size: 5\r\n\r\n");
        assert_eq!(
            with_size(b"NATS/1.0\r\nA: b\r\n\r\n", 5),
            b"NATS/1.0\r\nA: b\r\nNats-Msg-Size: 5\r\n\r\n"
        );
    }
}
