//! What is delivered next.

use bytes::Bytes;
use tradewind_subject::{
    Timestamp,
    int::{i64_saturating, u64_from, usize_from},
};

use super::{
    AckRef, Action, Advisory, Channel, Consumer, SeqPair, ack::write_ack_subject,
    outstanding::Wait, pulls::Pulls, state::Op,
};
use crate::{api::config::AckPolicy, stream::index::Index};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Differences of time up to this are not replayed.
const REPLAY_GAP_MIN: i64 = 1_000_000;

/// The next message of a consumer. Nothing has changed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Stream sequence.
    pub seq: u64,
    /// When it was stored.
    pub ts: Timestamp,
    /// Who is first in line for it: a pull's reply subject, or the deliver subject.
    pub to: Bytes,
    /// Whether it was delivered before.
    pub again: bool,
    /// Whether the payload is left out (the shard adds `Nats-Msg-Size`).
    pub headers_only: bool,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where it goes.
    pub to: Bytes,
    /// Its reply subject.
    pub ack_reply: Vec<u8>,
    /// Sequences of the delivery.
    pub seq: SeqPair,
    /// How often it was delivered, this time included.
    pub deliveries: u64,
}

impl Consumer {
    /// The next message, if there is one and somebody takes it: redeliveries first. Nothing beyond
    /// `visible` is delivered.
    ///
    /// Costs a search in the index only while messages are pending.
    pub fn peek(
        &mut self,
        now: Timestamp,
        index: &Index,
        visible: u64,
        out: &mut Vec<Action>,
    ) -> Option<Candidate> {
        if self.is_paused(now) {
            return None;
        }
        let to = match &self.channel {
            Channel::Pull(pulls) => pulls.front()?.reply.clone(),
            Channel::Push(push) if push.is_open() => push.subject.clone(),
            Channel::Push(_) => return None,
        };
        if self.hold_until.is_some_and(|until| now < until) {
            return None;
        }
        self.hold_until = None;
        let again = self.next_redelivery(index, out);
        let seq = match again {
            Some(seq) => seq,
            None if self.is_stalled() => return None,
            None => self.next_new(index, visible, out)?,
        };
        let ts = index.get(seq)?.ts;
        if again.is_none() && self.replay_waits(now, ts) {
            return None;
        }
        let headers_only = self.config.headers_only;
        Some(Candidate { seq, ts, to, again: again.is_some(), headers_only })
    }

    /// Commits to delivering `candidate`, whose subject, headers and payload have `size` bytes as
    /// sent; `None` if it was overtaken by events, or nobody takes a message of that size now. The
    /// message goes out before what is pushed onto `out`.
    pub fn deliver(
        &mut self,
        now: Timestamp,
        candidate: &Candidate,
        size: u64,
        out: &mut Vec<Action>,
    ) -> Option<Delivery> {
        if !self.is_current(now, candidate) {
            return None;
        }
        let seq = SeqPair { consumer: self.state.delivered.consumer + 1, stream: candidate.seq };
        let sent = self.state.outstanding.get(candidate.seq);
        let deliveries = sent.map_or(0, |sent| sent.redeliveries + 1) + 1;
        let pending = self.num_pending.saturating_sub(u64::from(!candidate.again));
        let ack_reply = write_ack_subject(
            (&self.stream, &self.name),
            AckRef { deliveries, seq },
            (candidate.ts.nanos(), pending),
        );
        let size = size.saturating_add(u64_from(ack_reply.len()));
        let to = match &mut self.channel {
            Channel::Pull(pulls) => {
                let taken = pulls.take(now, i64_saturating(size), out)?;
                Pulls::batch_completed(&taken, out);
                taken.reply
            }
            Channel::Push(push) => {
                if let Some(at) = push.reserve(now, size) {
                    self.hold_until = Some(at);
                    return None;
                }
                push.subject.clone()
            }
        };
        self.num_pending = pending;
        if candidate.again {
            self.commit(Op::Resend { seq, at: now });
        } else {
            self.commit(Op::Send { seq, at: now });
            if let Some(replay) = &mut self.replay {
                replay.last = Some((candidate.ts, now));
                replay.due = None;
            }
        }
        if self.rules.ack == AckPolicy::None {
            out.push(Action::Acked { seq: candidate.seq });
        }
        self.last_active = now;
        self.last_delivered = Some(now);
        self.count_push(now, size, out);
        Some(Delivery { to, ack_reply, seq, deliveries })
    }

    /// The message `seq`, just named by [`Consumer::peek`], could not be read: it is passed over.
    pub fn on_missing(&mut self, seq: u64, index: &Index) {
        if self.is_ahead(seq) {
            // If it left the index, it was taken off the count then.
            let counted = index.get(seq).is_some();
            self.num_pending = self.num_pending.saturating_sub(u64::from(counted));
            self.skip_to(seq + 1);
        } else if self.state.outstanding.get(seq).is_some() {
            self.commit(Op::Remove { seq });
        }
    }

    /// Whether `candidate` still is what comes next: a read may have taken its time.
    fn is_current(&self, now: Timestamp, candidate: &Candidate) -> bool {
        let current = if candidate.again {
            let sent = self.state.outstanding.get(candidate.seq);
            sent.is_some_and(|sent| matches!(sent.wait, Wait::Queued(_)))
        } else {
            self.is_ahead(candidate.seq) && 0 < self.num_pending && !self.is_stalled()
        };
        self.is_open() && current && !self.is_paused(now)
    }

    /// Whether no new message may go out before others are acknowledged.
    pub(super) fn is_stalled(&self) -> bool {
        let max = u64::try_from(self.config.max_ack_pending).unwrap_or(0);
        max != 0 && self.rules.ack != AckPolicy::None && max <= self.state.outstanding.len()
    }

    pub(super) fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// Whether somebody takes messages and there may be some.
    pub fn wants_more(&self) -> bool {
        self.is_open() && self.has_work()
    }

    /// Whether somebody takes messages.
    pub(super) fn is_open(&self) -> bool {
        match &self.channel {
            Channel::Pull(pulls) => !pulls.is_empty(),
            Channel::Push(push) => push.is_open(),
        }
    }

    /// Asks to be pumped if that would deliver something.
    pub(super) fn kick(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        if self.wants_more() && !self.is_paused(now) && out.last() != Some(&Action::Kick) {
            out.push(Action::Kick);
        }
    }

    fn has_work(&self) -> bool {
        0 < self.state.outstanding.queued() || (0 < self.num_pending && !self.is_stalled())
    }

    /// The first message of the redelivery queue; those that may not be delivered again are given
    /// up here.
    fn next_redelivery(&mut self, index: &Index, out: &mut Vec<Action>) -> Option<u64> {
        loop {
            let seq = self.state.outstanding.queue_front()?;
            let sent = self.state.outstanding.get(seq)?;
            if self.rules.exhausted(sent.redeliveries) {
                self.give_up(seq, sent.redeliveries, out);
            } else if index.get(seq).is_none() {
                self.commit(Op::Remove { seq });
            } else {
                return Some(seq);
            }
        }
    }

    pub(super) fn give_up(&mut self, seq: u64, redeliveries: u64, out: &mut Vec<Action>) {
        self.commit(Op::Exhaust { seq });
        let deliveries = redeliveries + 1;
        out.push(Action::Advisory(Advisory::MaxDeliver { stream_seq: seq, deliveries }));
    }

    fn next_new(&mut self, index: &Index, visible: u64, out: &mut Vec<Action>) -> Option<u64> {
        if self.num_pending == 0 {
            self.skip_to(visible.min(index.last_seq()) + 1);
            self.end_no_wait(out);
            return None;
        }
        while let Some(list) = &mut self.state.last_per_subject {
            match list.seqs.front() {
                Some(&seq) if index.get(seq).is_some() => return (seq <= visible).then_some(seq),
                Some(_) => drop(list.seqs.pop_front()),
                None => self.state.leave_finished_list(),
            }
        }
        let next = index.next_matching(self.state.next_seq, &self.filter)?;
        (next <= visible).then_some(next)
    }

    /// Nothing up to here is wanted, so the next search need not look there. Not kept over
    /// restarts.
    fn skip_to(&mut self, seq: u64) {
        if let Some(list) = &mut self.state.last_per_subject {
            while list.seqs.pop_front_if(|listed| *listed < seq).is_some() {}
            self.state.leave_finished_list();
        }
        self.state.next_seq = self.state.next_seq.max(seq);
    }

    pub(super) fn end_no_wait(&mut self, out: &mut Vec<Action>) {
        if let Channel::Pull(pulls) = &mut self.channel
            && self.num_pending == 0
            && self.state.outstanding.queued() == 0
        {
            pulls.end_no_wait(out);
        }
    }

    /// Whether the message stored at `ts` comes too soon after the last one.
    fn replay_waits(&mut self, now: Timestamp, ts: Timestamp) -> bool {
        let Some(replay) = &mut self.replay else { return false };
        if replay.until < self.state.next_seq {
            self.replay = None;
            return false;
        }
        let Some((last_ts, delivered)) = replay.last else { return false };
        let gap = ts.nanos().saturating_sub(last_ts.nanos());
        let due = Timestamp(delivered.nanos().saturating_add(gap));
        if gap <= REPLAY_GAP_MIN || due <= now {
            return false;
        }
        replay.due = Some(due);
        true
    }

    fn count_push(&mut self, now: Timestamp, size: u64, out: &mut Vec<Action>) {
        let Channel::Push(push) = &mut self.channel else { return };
        if !push.sent(now, size) {
            return;
        }
        let mut reply = format!("$JS.FC.{}.{}.", self.stream, self.name).into_bytes();
        let mut random = self.random();
        for _ in 0..4 {
            let digit = usize_from(random % 62);
            reply.push(BASE62[digit]);
            random /= 62;
        }
        if let Channel::Push(push) = &mut self.channel {
            push.ask(Bytes::from(reply), out);
        }
    }
}
