//! One shard: its streams, their consumers, and the logs that keep them.
//!
//! The shell tells it what came in ([`Shard::handle`]) and what time it is, takes what goes out
//! ([`Shard::take_outgoing`], [`Shard::take_events`]) and runs its jobs on a disk. Everything that
//! JetStream says about a message waits in a group until the commit that covers it is done.

mod advisory;
mod api_consumer;
mod api_message;
mod api_stream;
mod commit;
mod consumers;
mod context;
mod control;
mod groups;
mod offline;
mod outgoing;
mod publish;
mod recover;
mod report;
mod slot;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};

use tradewind_proto::Publish;
use tradewind_store::{Corruption, StreamId};
use tradewind_subject::Timestamp;

use crate::api::error::ApiError;
use crate::api::response::append_pub_error;

pub use self::{
    advisory::StoreAdvisory,
    commit::{Job, JobDone},
    context::{Event, ShardOptions, SyncLevel},
    offline::OfflineStream,
    outgoing::{Message, Outgoing},
    recover::{Examined, ExaminedStream, OpenShardError, Recovered},
    report::{ShardReport, StreamReport},
};
use self::{context::Context, offline::Offline, slot::Slot, sweep::Sweeper};

/// What comes to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound<'a> {
    /// A message that a stream captures.
    Capture {
        /// The stream.
        stream: StreamId,
        /// The message.
        publish: Publish<'a>,
    },
    /// A message for JetStream itself, on `$JS.API.>`, `$JS.ACK.>` or `$JS.FC.>`.
    Control {
        /// The message.
        publish: Publish<'a>,
        /// Whether the sender wants to know if nobody is there.
        no_responders: bool,
    },
}

/// The state machine of one shard.
#[derive(Debug)]
pub struct Shard {
    slots: BTreeMap<StreamId, Box<Slot>>,
    names: BTreeMap<String, StreamId>,
    offline: BTreeMap<StreamId, Offline>,
    sweeper: Sweeper,
    /// The last chore looked for room on the disk.
    looks_for_room: bool,
    /// What is damaged, as far as that is known.
    damage: Vec<Corruption>,
    context: Context,
    is_closing: bool,
}

impl Shard {
    /// Takes in one message.
    pub fn handle(&mut self, now: Timestamp, inbound: Inbound<'_>) {
        self.context.now = now;
        match &inbound {
            Inbound::Capture { stream, publish } => {
                if let Some(slot) = self.slots.get_mut(stream) {
                    slot.capture(&mut self.context, publish);
                } else if let Some(offline) = self.offline.get(stream) {
                    let error = ApiError::stream_offline_reason(&offline.why);
                    let out = &mut self.context.out;
                    if !publish.reply.is_empty() {
                        let name = offline.slot.name();
                        out.answer(publish.reply, |out| append_pub_error(out, name, &error));
                    }
                }
            }
            Inbound::Control { publish, no_responders } => self.control(publish, *no_responders),
        }
    }

    /// Does what is due: redeliveries, expiries, heartbeats, messages that are too old.
    pub fn on_time(&mut self, now: Timestamp) {
        self.context.now = now;
        while let Some((stream, consumer)) = self.context.deadlines.pop_due(now) {
            let Some(slot) = self.slots.get_mut(&stream) else { continue };
            match consumer {
                Some(consumer) => slot.consumer_due(&mut self.context, consumer),
                None => slot.expire(&mut self.context),
            }
        }
        self.reap();
    }

    /// When [`Shard::on_time`] has something to do.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.context.deadlines.next()
    }

    /// Delivers what consumers may have and writes down how far they are. Whether more is ready
    /// than one turn allows.
    pub fn turn(&mut self, now: Timestamp) -> bool {
        self.context.now = now;
        if self.context.log.poisoned().is_some() {
            // Nothing more becomes durable: what waits for it is never said.
            self.context.held.clear();
            self.context.in_flight.clear();
        }
        let may_deliver = !self.is_closing && !self.context.log.is_stalled();
        let kicked =
            if may_deliver { std::mem::take(&mut self.context.kicked) } else { BTreeSet::new() };
        for (stream, consumer) in kicked {
            if let Some(slot) = self.slots.get_mut(&stream) {
                slot.pump(&mut self.context, consumer);
            }
        }
        self.log_touched();
        self.reap();
        self.context.commit_memory();
        let is_sweeping = self.sweep_a_little();
        is_sweeping || (may_deliver && !self.context.kicked.is_empty())
    }

    /// Writes down what changed in consumers.
    fn log_touched(&mut self) {
        for stream in std::mem::take(&mut self.context.touched) {
            if let Some(slot) = self.slots.get_mut(&stream) {
                slot.log_deltas(&mut self.context);
            }
        }
    }

    /// Somebody began or ceased to listen to `subject`, a deliver subject.
    pub fn on_interest(&mut self, now: Timestamp, subject: &[u8]) {
        self.context.now = now;
        let bound = self.context.has_interest(subject);
        for (stream, consumer) in self.context.delivering_to(subject) {
            if let Some(slot) = self.slots.get_mut(&stream) {
                slot.on_interest(&mut self.context, consumer, bound);
            }
        }
    }

    /// Deletes consumers that nobody used for their inactive threshold.
    fn reap(&mut self) {
        for (stream, consumer) in std::mem::take(&mut self.context.inactive) {
            if let Some(slot) = self.slots.get_mut(&stream) {
                slot.delete_consumer(&mut self.context, consumer);
            }
        }
    }

    /// Ends all waiting pulls and delivers nothing more, because the server stops.
    pub fn close(&mut self, now: Timestamp) {
        self.context.now = now;
        self.is_closing = true;
        for slot in self.slots.values_mut() {
            slot.say_goodbye(&mut self.context);
            slot.log_deltas(&mut self.context);
        }
    }

    /// Moves what can be sent now into `out`.
    pub fn take_outgoing(&mut self, out: &mut Outgoing) {
        std::mem::swap(&mut self.context.out, out);
        self.context.out.clear();
    }

    /// What the shell has to know: streams that came and went.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.context.events)
    }
}
