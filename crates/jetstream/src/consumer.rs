//! One consumer: what it delivers next, to whom, and what became of what it delivered.
//!
//! The shard tells it what happens (`on_*`) and does what it answers ([`Action`]). Deliveries take
//! two steps, because only a read message has a size: [`Consumer::peek`] names the next message and
//! who gets it, the shard reads it, [`Consumer::deliver`] commits. Whatever has to survive a
//! restart is a change in [`Consumer::take_delta`]; [`Consumer::snapshot`] holds all of it.
//!
//! What must hold: an acknowledged message is never delivered again; an unacknowledged one always
//! is, until it is gone or given up; the ack floor never moves back; `num_pending` is exact and
//! costs no scan.

mod ack;
mod action;
mod codec;
mod deliver;
mod duration;
mod inbound;
mod outstanding;
mod pulls;
mod push;
mod request;
mod start;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod timers;

use std::time::Duration;

use bytes::Bytes;
use tradewind_subject::{Timestamp, int::u64_from};

pub use self::{
    ack::{AckRef, AckSubject},
    action::{Action, Advisory},
    codec::StateError,
    deliver::{Candidate, Delivery},
    duration::parse_duration,
};
use self::{
    codec::Journal,
    pulls::Pulls,
    push::Push,
    state::{Op, Rules, State, positive},
};
use crate::{
    api::config::{AckPolicy, ConsumerConfig, DeliverPolicy, ReplayPolicy},
    stream::{filter::FilterSet, index::Index},
};

/// A place in a consumer's own numbering and in its stream's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeqPair {
    /// Consumer sequence: counts deliveries.
    pub consumer: u64,
    /// Stream sequence.
    pub stream: u64,
}

/// What a consumer is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The stream's name.
    pub stream: String,
    /// The consumer's name.
    pub name: String,
    /// Its configuration, complete with defaults.
    pub config: ConsumerConfig,
    /// The largest message there can be: what `rate_limit_bps` lets through in one go.
    pub payload_max: u64,
    /// Whether changes are kept for [`Consumer::take_delta`].
    pub logged: bool,
    /// Starts the random numbers (sampling, flow control subjects).
    pub seed: u64,
}

/// How a consumer stands, as `CONSUMER.INFO` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerState {
    /// The last delivery.
    pub delivered: SeqPair,
    /// When that was; not kept over restarts.
    pub last_delivered: Option<Timestamp>,
    /// Everything up to here is acknowledged.
    pub ack_floor: SeqPair,
    /// When the last acknowledgement came; not kept over restarts.
    pub last_acked: Option<Timestamp>,
    /// Messages delivered and not acknowledged.
    pub num_ack_pending: u64,
    /// Messages delivered more than once and not acknowledged.
    pub num_redelivered: u64,
    /// Waiting pulls.
    pub num_waiting: u64,
    /// Messages not delivered yet.
    pub num_pending: u64,
    /// Whether somebody listens; `None` for a pull consumer.
    pub push_bound: Option<bool>,
    /// How much longer it is paused.
    pub pause_remaining: Option<Duration>,
}

/// Why a consumer ends, as its waiting pulls are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// It, or its stream, was deleted.
    Deleted,
    /// The server stops.
    Shutdown,
}

/// The two ways to deliver.
#[derive(Debug)]
enum Channel {
    Pull(Pulls),
    Push(Box<Push>),
}

/// Replay with the gaps with which the messages came.
#[derive(Debug)]
struct Replay {
    /// Caught up behind this sequence.
    until: u64,
    /// The last message: its time, and when it was delivered.
    last: Option<(Timestamp, Timestamp)>,
    /// When the next message may go, if that waits.
    due: Option<Timestamp>,
}

/// The state machine of one consumer.
#[derive(Debug)]
pub struct Consumer {
    stream: Box<str>,
    name: Box<str>,
    config: Box<ConsumerConfig>,
    filter: FilterSet,
    rules: Rules,
    /// Share of acknowledgements that make a metric, in percent.
    sampled_percent: u64,
    state: State,
    /// Live matching messages not delivered yet.
    num_pending: u64,
    channel: Channel,
    replay: Option<Box<Replay>>,
    paused_until: Option<Timestamp>,
    /// No message before: the rate limit.
    hold_until: Option<Timestamp>,
    /// When to look whether somebody still uses the consumer.
    idle_check_at: Option<Timestamp>,
    last_active: Timestamp,
    last_delivered: Option<Timestamp>,
    last_acked: Option<Timestamp>,
    payload_max: u64,
    logged: bool,
    journal: Journal,
    random: u64,
}

impl Consumer {
    /// A new consumer, at the place in the stream that its deliver policy names.
    pub fn new(now: Timestamp, setup: Setup, index: &Index) -> Consumer {
        let filter = filter_of(&setup.config);
        let state = start::state(&setup.config, &filter, index);
        let mut consumer = Consumer::build(now, setup, filter, state);
        consumer.recount(index);
        consumer
    }

    /// The consumer of a [`Consumer::snapshot`]. [`Consumer::apply_delta`] brings it up to date,
    /// then [`Consumer::recovered`] fits it to the stream.
    ///
    /// # Errors
    ///
    /// If `bytes` is no snapshot.
    pub fn restore(now: Timestamp, setup: Setup, bytes: &[u8]) -> Result<Consumer, StateError> {
        let filter = filter_of(&setup.config);
        let state = codec::read_state(bytes)?;
        let mut consumer = Consumer::build(now, setup, filter, state);
        consumer.state.retime(&consumer.rules);
        Ok(consumer)
    }

    fn build(now: Timestamp, setup: Setup, filter: FilterSet, state: State) -> Consumer {
        let config = Box::new(setup.config);
        let channel = match config.deliver_subject.as_deref().filter(|to| !to.is_empty()) {
            None => Channel::Pull(Pulls::default()),
            Some(subject) => Channel::Push(Box::new(Push::new(subject))),
        };
        let replay = || Box::new(Replay { until: 0, last: None, due: None });
        let replay = (config.replay_policy == ReplayPolicy::Original).then(replay);
        let mut consumer = Consumer {
            stream: setup.stream.into(),
            name: setup.name.into(),
            filter,
            rules: Rules::new(&config),
            sampled_percent: sampled_percent(&config),
            state,
            num_pending: 0,
            channel,
            replay,
            paused_until: config.pause_until.as_ref().map(|until| until.at).filter(|at| now < *at),
            hold_until: None,
            idle_check_at: None,
            last_active: now,
            last_delivered: None,
            last_acked: None,
            payload_max: setup.payload_max,
            logged: setup.logged,
            journal: Journal::default(),
            random: setup.seed,
            config,
        };
        consumer.configure(now);
        consumer
    }

    /// Takes over a change of its stored state, in the order in which they were made; again does no
    /// harm.
    ///
    /// # Errors
    ///
    /// If `bytes` is no change; those in front of the bad one are applied.
    pub fn apply_delta(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        codec::read_ops(bytes, |op| self.state.apply(op, &self.rules))
    }

    /// Fits the state to what is in the stream, after a restart.
    pub fn recovered(&mut self, index: &Index) {
        let gone: Vec<u64> = {
            let given_up = self.state.outstanding.exhausted().keys().copied();
            let seqs = self.state.outstanding.iter().map(|(seq, _)| seq).chain(given_up);
            seqs.filter(|seq| index.get(*seq).is_none()).collect()
        };
        for seq in gone {
            self.commit(Op::Remove { seq });
        }
        let ahead = self.config.deliver_policy == DeliverPolicy::ByStartSequence;
        if !ahead || 0 < self.state.delivered.consumer {
            // A stream that lost its end must not leave the consumer ahead of it, deaf to new
            // messages.
            let last = index.last_seq();
            self.state.delivered.stream = self.state.delivered.stream.min(last);
            self.state.floor.stream = self.state.floor.stream.min(last);
            self.state.next_seq = self.state.next_seq.min(last + 1);
        }
        if let Some(list) = &mut self.state.last_per_subject {
            list.seqs.retain(|seq| index.get(*seq).is_some());
            self.state.leave_finished_list();
        }
        self.recount(index);
    }

    /// Appends all that has to survive a restart to `out`.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        codec::write_state(&self.state, out);
    }

    /// Appends what changed since the last call to `out`; `false` if nothing did.
    pub fn take_delta(&mut self, out: &mut Vec<u8>) -> bool {
        self.journal.take(out)
    }

    /// Takes a new configuration, whose edits are legal. Pump afterwards, and ask again what
    /// interest retention keeps.
    pub fn update(&mut self, now: Timestamp, config: ConsumerConfig, index: &Index) {
        *self.config = config;
        self.rules = Rules::new(&self.config);
        self.sampled_percent = sampled_percent(&self.config);
        self.state.retime(&self.rules);
        if let (Channel::Push(push), Some(subject)) =
            (&mut self.channel, &self.config.deliver_subject)
            && push.subject != subject.as_bytes()
        {
            push.set_bound(now, false);
            push.subject = Bytes::copy_from_slice(subject.as_bytes());
        }
        let filter = filter_of(&self.config);
        if filter != self.filter {
            self.filter = filter;
            let wanted = |seq: &u64| {
                let entry = index.get(*seq);
                entry.is_some_and(|entry| self.filter.matches(index.subject(entry.subject)))
            };
            if let Some(list) = &mut self.state.last_per_subject {
                list.seqs.retain(wanted);
                self.state.leave_finished_list();
            }
        }
        self.recount(index);
        self.configure(now);
    }

    /// Stops deliveries until `until`; `None`, or an instant that has passed, starts them again.
    pub fn pause(&mut self, now: Timestamp, until: Option<Timestamp>, out: &mut Vec<Action>) {
        self.paused_until = until.filter(|until| now < *until);
        self.kick(now, out);
    }

    /// Ends all waiting pulls.
    pub fn closing_statuses(&mut self, reason: Closing, out: &mut Vec<Action>) {
        if let Channel::Pull(pulls) = &mut self.channel {
            let text = match reason {
                Closing::Deleted => "409 Consumer Deleted",
                Closing::Shutdown => "409 Server Shutdown",
            };
            pulls.end_all(text, out);
        }
    }

    /// How it stands.
    pub fn info(&self, now: Timestamp) -> ConsumerState {
        let (num_waiting, push_bound) = match &self.channel {
            Channel::Pull(pulls) => (pulls.len(), None),
            Channel::Push(push) => (0, Some(push.bound)),
        };
        ConsumerState {
            delivered: self.state.delivered,
            last_delivered: self.last_delivered,
            ack_floor: self.state.floor,
            last_acked: self.last_acked,
            num_ack_pending: self.state.outstanding.len(),
            num_redelivered: self.state.outstanding.num_redelivered(),
            num_waiting,
            num_pending: self.num_pending,
            push_bound,
            pause_remaining: self.paused_until.filter(|at| now < *at).map(|at| at.since(now)),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration.
    pub fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    /// What it wants.
    pub fn filter(&self) -> &FilterSet {
        &self.filter
    }

    /// Whether clients pull from it.
    pub fn is_pull(&self) -> bool {
        matches!(self.channel, Channel::Pull(_))
    }

    /// Whether it listens to acknowledgements at all; if not, a client's ack finds no responder.
    pub fn takes_acks(&self) -> bool {
        self.rules.ack != AckPolicy::None
    }

    /// The reply subjects of the waiting pulls.
    pub fn waiting_replies(&self) -> impl Iterator<Item = &Bytes> {
        let pulls = match &self.channel {
            Channel::Pull(pulls) => Some(pulls),
            Channel::Push(_) => None,
        };
        pulls.into_iter().flat_map(Pulls::replies)
    }

    /// Whether `seq` has to stay for this consumer in a stream with interest retention: it is still
    /// to be delivered, or is not acknowledged.
    pub fn still_needs(&self, seq: u64, subject: &[u8]) -> bool {
        let state = &self.state;
        let tracked = state.outstanding.get(seq).is_some()
            || state.outstanding.exhausted().contains_key(&seq);
        tracked || (self.is_ahead(seq) && self.filter.matches(subject))
    }

    /// Whether `seq`, if it matches, is still to be delivered for the first time.
    fn is_ahead(&self, seq: u64) -> bool {
        self.state.next_seq <= seq
            && (self.state.last_per_subject.as_ref())
                .is_none_or(|list| list.up_to < seq || list.seqs.binary_search(&seq).is_ok())
    }

    /// Sets up what hangs on the configuration, its rules and filter apart.
    fn configure(&mut self, now: Timestamp) {
        if let Channel::Push(push) = &mut self.channel {
            push.set_flow_control(self.config.flow_control);
            push.set_heartbeat(now, positive(self.config.idle_heartbeat).unwrap_or_default());
            push.set_rate(self.config.rate_limit_bps, self.payload_max);
        }
        self.watch_idleness(now);
    }

    fn recount(&mut self, index: &Index) {
        let (listed, from) = match &self.state.last_per_subject {
            None => (0, self.state.next_seq),
            Some(list) => {
                let live = list.seqs.iter().filter(|seq| index.get(**seq).is_some()).count();
                (u64_from(live), self.state.next_seq.max(list.up_to + 1))
            }
        };
        self.num_pending = listed + index.count_matching(from, &self.filter);
        if let Some(replay) = &mut self.replay
            && replay.last.is_none()
        {
            replay.until = index.last_seq();
        }
    }

    /// Makes a change, and keeps it for [`Consumer::take_delta`].
    fn commit(&mut self, op: Op) {
        if self.logged {
            self.journal.push(op);
        }
        self.state.apply(op, &self.rules);
    }

    /// A random number (splitmix64).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn filter_of(config: &ConsumerConfig) -> FilterSet {
    FilterSet::new(config.filter_subject.iter().chain(&config.filter_subjects))
}

fn sampled_percent(config: &ConsumerConfig) -> u64 {
    let text = config.sample_freq.as_deref().unwrap_or("");
    text.strip_suffix('%').unwrap_or(text).parse().unwrap_or(0)
}
