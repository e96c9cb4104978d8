use std::collections::BTreeMap;
use std::time::Duration;

use tradewind_store::mark::{self, Mark};
use tradewind_store::mutant::{self, Mutant};
use tradewind_store::{
    AppendError, Appended, ConsumerId, Lsn, Position, Read, Record, StoredMessage, StreamId,
    decode_message,
};
use tradewind_subject::{SubjectMap, Timestamp};

use super::context::{Context, Event, SyncLevel};
use super::groups::Undurable;
use crate::api::config::{PersistMode, Retention, Storage, StreamConfig};
use crate::api::response::pub_ack_prefix;
use crate::consumer::Consumer;
use crate::stream::Stream;
use crate::stream::index::Removed;

/// A stream with all that belongs to it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: StreamId,
    pub(super) stream: Stream,
    pub(super) is_memory: bool,
    pub(super) retention: Retention,
    pub(super) consumers: BTreeMap<ConsumerId, ConsumerSlot>,
    pub(super) consumer_names: BTreeMap<String, ConsumerId>,
    /// Consumers without a filter, and those with one by filter.
    pub(super) unfiltered: Vec<ConsumerId>,
    pub(super) filtered: SubjectMap<ConsumerId>,
    /// Start of every PubAck.
    pub(super) ack_prefix: Vec<u8>,
    pub(super) undurable: Undurable,
    /// The first record that its last snapshot needs: nothing before that says anything of its
    /// state.
    pub(super) snapshot: Lsn,
    /// What it took in the log.
    pub(super) snapshot_bytes: u64,
    pub(super) entered: Option<Timestamp>,
    /// Consumers whose changes are not in the log yet.
    pub(super) changed: Vec<ConsumerId>,
}

/// A consumer with what the shard knows of it.
#[derive(Debug)]
pub(super) struct ConsumerSlot {
    pub(super) consumer: Consumer,
    pub(super) created: Timestamp,
    pub(super) entered: Option<Timestamp>,
    /// Whether it is kept over restarts.
    pub(super) is_logged: bool,
    /// Messages it was the last to wait for; they leave with its next delta.
    pub(super) removes: Vec<u64>,
    pub(super) is_changed: bool,
    pub(super) bound: bool,
}

/// Why a message can't be had.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// It is gone.
    Gone,
    /// The disk gave something else, or nothing.
    Damaged(String),
}

impl Slot {
    pub(super) fn new(id: StreamId, stream: Stream) -> Slot {
        let config = stream.config();
        let (is_memory, retention) = (config.storage == Storage::Memory, config.retention);
        let ack_prefix = pub_ack_prefix(&config.name, None);
        Slot {
            id,
            is_memory,
            retention,
            consumers: BTreeMap::new(),
            consumer_names: BTreeMap::new(),
            unfiltered: Vec::new(),
            filtered: SubjectMap::new(),
            ack_prefix,
            undurable: Undurable::default(),
            snapshot: Lsn::ZERO,
            snapshot_bytes: 0,
            entered: None,
            changed: Vec::new(),
            stream,
        }
    }

    /// Becomes what `config` says, before the snapshot that says what is live.
    pub(super) fn adopt(&mut self, config: StreamConfig, created: Timestamp) {
        self.is_memory = config.storage == Storage::Memory;
        self.retention = config.retention;
        self.ack_prefix = pub_ack_prefix(&config.name, None);
        self.stream.adopt(config, created);
    }

    /// A snapshot that begins at `put` says what it is now, but for the message ids it counts.
    pub(super) fn has_snapshot(&mut self, put: Lsn) {
        self.snapshot = self.stream.ids_from().map_or(put, |ids| ids.min(put));
    }

    pub(super) fn name(&self) -> &str {
        &self.stream.config().name
    }

    /// Takes over what the stream's configuration says, after a replay changed it.
    pub(super) fn refit(&mut self) {
        let config = self.stream.config();
        self.is_memory = config.storage == Storage::Memory;
        self.retention = config.retention;
        self.ack_prefix = pub_ack_prefix(&config.name, None);
    }

    /// Tells the shell what the stream captures.
    pub(super) fn announce(&self, context: &mut Context) {
        let subjects = self.stream.config().subjects.clone();
        context.events.push(Event::Captures { stream: self.id, subjects });
    }

    /// Messages up to here may be spoken of.
    pub(super) fn visible(&self, context: &Context) -> u64 {
        let last_seq = self.stream.index().last_seq();
        let at_once = self.speaks_at_once() || mutant::enabled(Mutant::DeliveredEarly);
        if at_once { last_seq } else { self.undurable.visible(&context.groups, last_seq) }
    }

    /// Whether a message is acknowledged and delivered as soon as it is appended.
    pub(super) fn speaks_at_once(&self) -> bool {
        self.is_memory || self.stream.config().persist_mode == PersistMode::Async
    }

    /// What an acknowledgement of this stream means.
    pub(super) fn durability(&self, sync: SyncLevel) -> String {
        match (self.is_memory, self.stream.config().persist_mode, sync) {
            (true, ..) => "memory".to_owned(),
            (false, PersistMode::Async, _) => "async".to_owned(),
            (false, PersistMode::Default, sync) => sync.to_string(),
        }
    }

    /// Messages became durable: consumers may go on.
    pub(super) fn kick(&self, context: &mut Context) {
        let waiting = self.consumers.iter().filter(|(_, slot)| slot.consumer.wants_more());
        context.kicked.extend(waiting.map(|(id, _)| (self.id, *id)));
    }

    /// Reads a live message.
    pub(super) fn read(&self, context: &Context, seq: u64) -> Result<StoredMessage, Unreadable> {
        let entry = self.stream.index().get(seq).ok_or(Unreadable::Gone)?;
        let log = if self.is_memory { &context.memory } else { &context.log };
        let bytes = match log.read(entry.position, entry.len) {
            Read::Cached(bytes) => bytes,
            Read::Job(job) => job.run().map_err(|error| Unreadable::Damaged(error.to_string()))?,
            Read::Gone => return Err(Unreadable::Damaged("its segment is gone".to_owned())),
        };
        decode_message(&bytes, self.id, seq).map_err(|error| {
            mark::hit(Mark::DamagedRead);
            Unreadable::Damaged(error.to_string())
        })
    }

    /// Messages were purged: gives back their space, and consumers move on.
    pub(super) fn after_purge(&mut self, context: &mut Context, removed: &mut Vec<Removed>) {
        for gone in removed.drain(..) {
            release(context, self.is_memory, gone.entry.position, gone.entry.len);
        }
        self.tell_purged(context);
    }

    /// Messages left: gives back their space and tells the consumers.
    pub(super) fn after_removal(&mut self, context: &mut Context, removed: &mut Vec<Removed>) {
        for gone in removed.iter() {
            release(context, self.is_memory, gone.entry.position, gone.entry.len);
        }
        if self.consumers.is_empty() {
            removed.clear();
            return;
        }
        for gone in removed.drain(..) {
            let subject = self.stream.index().subject(gone.entry.subject);
            let mut told = self.unfiltered.clone();
            self.filtered.for_each_match(subject, |id| told.push(*id));
            for id in told {
                self.with_consumer(context, id, |consumer, now, actions| {
                    consumer.on_removed(now, gone.seq, actions);
                });
            }
        }
    }

    /// Whether some consumer wants messages of `subject`.
    pub(super) fn is_wanted(&self, subject: &[u8]) -> bool {
        let mut wanted = !self.unfiltered.is_empty();
        if !wanted {
            self.filtered.for_each_match(subject, |_| wanted = true);
        }
        wanted
    }

    /// Enters when the next message gets too old.
    pub(super) fn enter_expiry(&mut self, context: &mut Context) {
        self.enter_expiry_from(context, Timestamp::MIN);
    }

    /// As [`Slot::enter_expiry`], but not before `earliest`.
    fn enter_expiry_from(&mut self, context: &mut Context, earliest: Timestamp) {
        /// Ids of a moment are forgotten together.
        const IDS_TOGETHER: Duration = Duration::from_secs(1);
        let ids = self.stream.next_id_expiry().map(|at| at.plus(IDS_TOGETHER));
        let at = match (self.stream.next_expiry(), ids) {
            (Some(messages), Some(ids)) => Some(messages.min(ids)),
            (messages, ids) => messages.or(ids),
        };
        let at = at.map(|at| at.max(earliest));
        context.deadlines.enter((self.id, None), &mut self.entered, at);
    }

    /// Takes out messages that are too old, a turn's worth: the clock may have jumped, and others
    /// wait.
    pub(super) fn expire(&mut self, context: &mut Context) {
        /// Messages of one turn.
        const TURN: u64 = 10_000;
        /// Until the next turn.
        const PAUSE: Duration = Duration::from_millis(1);
        self.entered = None;
        self.log_deltas(context);
        self.stream.forget_expired_ids(context.now);
        if let Some(expiry) = self.stream.plan_expiry(context.now, TURN) {
            let ranges = &expiry.ranges;
            if !self.remove(context, tradewind_store::RemoveReason::Expired, ranges, false) {
                // The store takes no writes: to try again would only turn in circles.
                return;
            }
        }
        self.enter_expiry_from(context, context.now.plus(PAUSE));
    }

    /// Writes a record of this stream.
    pub(super) fn log(
        &self,
        context: &mut Context,
        wish: tradewind_store::Wish,
        record: &Record<'_>,
    ) -> Result<Appended, AppendError> {
        context.log_of(self.is_memory).append(wish, record)
    }
}

/// A message's record is needed no more.
pub(super) fn release(context: &mut Context, is_memory: bool, position: Position, len: u32) {
    context.log_of(is_memory).released(position, len);
}
