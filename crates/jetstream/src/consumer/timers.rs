//! What happens because time passes.

use tradewind_subject::Timestamp;

use super::{
    Action, Channel, Consumer,
    state::{Op, positive},
};

impl Consumer {
    /// After a restart whose clock is behind the one before: what was delivered in its future was
    /// delivered now, or it would wait for its ack until that future comes.
    pub fn rebase(&mut self, now: Timestamp) {
        let ahead: Vec<(u64, u64)> = (self.state.outstanding.iter())
            .filter(|(_, sent)| now < sent.at)
            .map(|(seq, sent)| (seq, sent.redeliveries))
            .collect();
        for (seq, redeliveries) in ahead {
            let deadline = self.rules.deadline(now, redeliveries);
            self.state.outstanding.touch(seq, now, deadline);
        }
    }

    /// Does what is due: redeliveries, expiries, heartbeats, the end of a pause, inactivity.
    pub fn on_time(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        if self.paused_until.take_if(|until| *until <= now).is_some() {
            out.push(Action::Resumed);
        }
        self.hold_until.take_if(|until| *until <= now);
        if let Some(replay) = &mut self.replay {
            replay.due.take_if(|due| *due <= now);
        }
        self.requeue_due(now, out);
        let last = self.last_seen();
        match &mut self.channel {
            Channel::Pull(pulls) => pulls.on_time(now, last, out),
            Channel::Push(push) => push.on_time(now, last, out),
        }
        if self.idle_check_at.take_if(|at| *at <= now).is_some() {
            self.check_idleness(now, out);
        }
        self.kick(now, out);
    }

    /// When [`Consumer::on_time`] has something to do; it may turn out to be nothing.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let channel = match &self.channel {
            Channel::Pull(pulls) => pulls.next_deadline(),
            Channel::Push(push) => push.next_deadline(),
        };
        [
            self.state.outstanding.next_deadline(),
            channel,
            self.paused_until,
            self.hold_until,
            self.replay.as_ref().and_then(|replay| replay.due),
            self.idle_check_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Queues what was not acknowledged in time, or gives it up.
    fn requeue_due(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        if self.state.outstanding.next_deadline().is_none_or(|at| now < at) {
            return;
        }
        for seq in self.state.outstanding.due(now) {
            let redeliveries = self.state.outstanding.get(seq).map_or(0, |sent| sent.redeliveries);
            if self.rules.exhausted(redeliveries) {
                self.give_up(seq, redeliveries, out);
            } else {
                self.commit(Op::Queue { seq, redeliveries });
            }
        }
    }

    /// Starts or stops watching whether somebody uses the consumer.
    pub(super) fn watch_idleness(&mut self, now: Timestamp) {
        let bound = matches!(&self.channel, Channel::Push(push) if push.bound);
        let threshold = positive(self.config.inactive_threshold).filter(|_| !bound);
        self.idle_check_at = threshold.map(|threshold| now.plus(threshold));
    }

    fn check_idleness(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        let Some(threshold) = positive(self.config.inactive_threshold) else { return };
        let waiting = matches!(&self.channel, Channel::Pull(pulls) if !pulls.is_empty());
        let at = if waiting { now.plus(threshold) } else { self.last_active.plus(threshold) };
        if now < at {
            self.idle_check_at = Some(at);
        } else {
            out.push(Action::Inactive);
        }
    }
}
