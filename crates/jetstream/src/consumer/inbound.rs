//! What came in: pulls, acknowledgements, appends, removals, interest.

use bytes::Bytes;
use tradewind_subject::Timestamp;

use super::{
    AckRef, Action, Advisory, Channel, Consumer, SeqPair,
    ack::AckKind,
    pulls::Waiting,
    request::PullRequest,
    state::{Op, positive},
    status,
};
use crate::{
    api::config::{AckPolicy, ConsumerConfig},
    api::time::format_duration,
    stream::index::Index,
};

const MAX_WAITING: u64 = 512;

impl Consumer {
    /// A pull request came: `CONSUMER.MSG.NEXT`, or the end of a `+NXT`.
    pub fn on_pull(&mut self, now: Timestamp, reply: &[u8], body: &[u8], out: &mut Vec<Action>) {
        if reply.is_empty() {
            return;
        }
        if let Err(refusal) = self.admit_pull(now, reply, body, out) {
            let to = Bytes::copy_from_slice(reply);
            out.push(Action::Status { to, headers: status::bare(&refusal) });
        }
    }

    /// Takes a pull into the queue.
    ///
    /// # Errors
    ///
    /// The status that ends it at once.
    fn admit_pull(
        &mut self,
        now: Timestamp,
        reply: &[u8],
        body: &[u8],
        out: &mut Vec<Action>,
    ) -> Result<(), String> {
        let last = self.last_seen();
        let paused = self.is_paused(now);
        let left = self.num_pending + self.state.outstanding.queued();
        let Channel::Pull(pulls) = &mut self.channel else {
            return Err("409 Consumer is push based".to_owned());
        };
        let request = PullRequest::parse(body).map_err(|why| format!("400 Bad Request - {why}"))?;
        check_limits(&self.config, &request)?;
        self.last_active = now;
        pulls.on_time(now, last, out);
        if request.no_wait {
            if request.expires == 0 && (left == 0 || paused) {
                return Err("404 No Messages".to_owned());
            }
            if 0 < left && left < pulls.wanted() {
                return Err("408 Requests Pending".to_owned());
            }
        }
        let max = u64::try_from(self.config.max_waiting).ok().filter(|max| 0 < *max);
        if max.unwrap_or(MAX_WAITING) <= pulls.len() {
            // One with heartbeats notices by their absence.
            return match positive(request.idle_heartbeat) {
                None => Err("409 Exceeded MaxWaiting".to_owned()),
                Some(_) => Ok(()),
            };
        }
        pulls.push(Waiting::new(now, reply, &request));
        pulls.on_time(now, last, out);
        self.kick(now, out);
        Ok(())
    }

    /// An acknowledgement came; `reply` is where its sender wants that confirmed.
    pub fn on_ack(
        &mut self,
        now: Timestamp,
        ack: AckRef,
        body: &[u8],
        reply: Option<&[u8]>,
        out: &mut Vec<Action>,
    ) {
        if !self.takes_acks() {
            return;
        }
        self.last_active = now;
        let confirmed = match AckKind::parse(body) {
            AckKind::Ack => self.acknowledge(now, ack, true, out),
            AckKind::Nak { delay } => {
                self.refuse(now, ack, delay, out);
                true
            }
            AckKind::Progress => {
                let seq = ack.seq.stream;
                if let Some(redeliveries) = self.redeliveries(seq) {
                    self.commit(Op::Touch { seq, redeliveries, at: now });
                }
                true
            }
            AckKind::Term { reason } => {
                let known = self.acknowledge(now, ack, false, out);
                if known {
                    out.push(terminated(ack, reason));
                }
                known
            }
            AckKind::Next { request } => {
                self.acknowledge(now, ack, true, out);
                self.on_pull(now, reply.unwrap_or_default(), request, out);
                false
            }
            AckKind::Unknown => true,
        };
        if let Some(to) = reply.filter(|to| confirmed && !to.is_empty()) {
            out.push(Action::AckReply { to: Bytes::copy_from_slice(to) });
        }
        self.kick(now, out);
    }

    /// A message with a subject of ours was appended; `true` if pumping may deliver it.
    pub fn on_appended(&mut self, seq: u64) -> bool {
        if !self.is_ahead(seq) {
            return false;
        }
        self.num_pending += 1;
        self.is_open() && !self.is_stalled()
    }

    /// A message with a subject of ours left the stream, by a limit or because somebody deleted it.
    /// Not for purges: see [`Consumer::on_purged`].
    pub fn on_removed(&mut self, now: Timestamp, seq: u64, out: &mut Vec<Action>) {
        if self.is_ahead(seq) {
            self.num_pending = self.num_pending.saturating_sub(1);
            self.end_no_wait(out);
            return;
        }
        let Some(sent) = self.state.outstanding.get(seq).copied() else {
            if self.state.outstanding.exhausted().contains_key(&seq) {
                self.commit(Op::Remove { seq });
            }
            return;
        };
        self.commit(Op::Remove { seq });
        let ack = AckRef {
            deliveries: sent.redeliveries + 1,
            seq: SeqPair { consumer: sent.consumer_seq, stream: seq },
        };
        out.push(terminated(ack, "Unacknowledged message was deleted"));
        self.kick(now, out);
    }

    /// The stream was purged, in part or in full.
    pub fn on_purged(&mut self, now: Timestamp, index: &Index, out: &mut Vec<Action>) {
        let outstanding = &self.state.outstanding;
        let seqs = outstanding.iter().map(|(seq, _)| seq);
        let seqs = seqs.chain(outstanding.exhausted().keys().copied());
        let gone: Vec<u64> = seqs.filter(|seq| index.get(*seq).is_none()).collect();
        for seq in gone {
            self.commit(Op::Remove { seq });
        }
        if self.state.delivered.stream + 1 < index.first_seq() {
            self.commit(Op::Purge { first: index.first_seq() });
        }
        self.recount(index);
        self.end_no_wait(out);
        self.kick(now, out);
    }

    /// Interest in the deliver subject came or went.
    pub fn on_interest(&mut self, now: Timestamp, bound: bool, out: &mut Vec<Action>) {
        let Channel::Push(push) = &mut self.channel else { return };
        if push.bound == bound {
            return;
        }
        push.set_bound(now, bound);
        if !bound {
            self.last_active = now;
        }
        self.watch_idleness(now);
        self.kick(now, out);
    }

    /// Nobody listens on `reply` any more: its pulls are dropped.
    pub fn on_requester_gone(&mut self, reply: &[u8]) {
        if let Channel::Pull(pulls) = &mut self.channel {
            pulls.drop_reply(reply);
        }
    }

    /// A client answered the flow control request `subject`.
    pub fn on_flow_control_reply(&mut self, now: Timestamp, subject: &[u8], out: &mut Vec<Action>) {
        if let Channel::Push(push) = &mut self.channel
            && push.answered(subject)
        {
            self.kick(now, out);
        }
    }

    /// How far it has looked, as heartbeats tell.
    pub(super) fn last_seen(&self) -> SeqPair {
        let stream = self.state.next_seq.saturating_sub(1).max(self.state.delivered.stream);
        SeqPair { consumer: self.state.delivered.consumer, stream }
    }

    /// Acknowledges one message, or all up to it; `false` if it never was delivered.
    fn acknowledge(
        &mut self,
        now: Timestamp,
        ack: AckRef,
        sampled: bool,
        out: &mut Vec<Action>,
    ) -> bool {
        let seq = ack.seq.stream;
        if self.state.next_seq <= seq {
            return false;
        }
        if sampled {
            self.sample(now, ack, out);
        }
        let outstanding = &self.state.outstanding;
        if self.rules.ack == AckPolicy::All {
            let start = out.len();
            let sent = outstanding.iter().map(|(seq, _)| seq).take_while(|sent| *sent <= seq);
            let given_up = outstanding.exhausted().range(..=seq).map(|(&seq, _)| seq);
            out.extend(sent.chain(given_up).map(|seq| Action::Acked { seq }));
            if start < out.len() || self.state.floor.stream < seq {
                self.commit(Op::AckAll { seq: ack.seq });
            }
        } else if outstanding.get(seq).is_some() || outstanding.exhausted().contains_key(&seq) {
            self.commit(Op::Remove { seq });
            out.push(Action::Acked { seq });
        }
        self.last_acked = Some(now);
        true
    }

    /// Puts a message back, at once or after a delay.
    fn refuse(&mut self, now: Timestamp, ack: AckRef, delay: Option<i64>, out: &mut Vec<Action>) {
        let seq = ack.seq.stream;
        let Some(redeliveries) = self.redeliveries(seq) else { return };
        let AckRef { deliveries, seq: pair } = ack;
        out.push(Action::Advisory(Advisory::Nak { seq: pair, deliveries }));
        match delay {
            None => self.commit(Op::Queue { seq, redeliveries }),
            Some(nanos) => {
                let until = Timestamp(now.nanos().saturating_add(nanos.max(0)));
                self.commit(Op::Delay { seq, redeliveries, until });
            }
        }
    }

    /// How often the outstanding message `seq` was delivered again.
    fn redeliveries(&self, seq: u64) -> Option<u64> {
        self.state.outstanding.get(seq).map(|sent| sent.redeliveries)
    }

    fn sample(&mut self, now: Timestamp, ack: AckRef, out: &mut Vec<Action>) {
        if self.sampled_percent == 0 {
            return;
        }
        let Some(at) = self.state.outstanding.get(ack.seq.stream).map(|sent| sent.at) else {
            return;
        };
        if self.sampled_percent < 100 && self.sampled_percent <= self.random() % 100 {
            return;
        }
        let ack_time = u64::try_from(now.since(at).as_nanos()).unwrap_or(u64::MAX);
        let AckRef { deliveries, seq } = ack;
        out.push(Action::Advisory(Advisory::AckMetric { seq, deliveries, ack_time }));
    }
}

fn check_limits(config: &ConsumerConfig, request: &PullRequest) -> Result<(), String> {
    if 0 < config.max_batch && config.max_batch < request.batch {
        return Err(format!("409 Exceeded MaxRequestBatch of {}", config.max_batch));
    }
    if 0 < config.max_expires && config.max_expires < request.expires {
        let max = format_duration(config.max_expires);
        return Err(format!("409 Exceeded MaxRequestExpires of {max}"));
    }
    if 0 < config.max_bytes && config.max_bytes < request.max_bytes {
        return Err(format!("409 Exceeded MaxRequestMaxBytes of {}", config.max_bytes));
    }
    Ok(())
}

fn terminated(ack: AckRef, reason: &str) -> Action {
    let AckRef { deliveries, seq } = ack;
    Action::Advisory(Advisory::Terminated { seq, deliveries, reason: reason.to_owned() })
}
