//! From the log back to streams and consumers.

mod examine;
mod reborn;
mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;

use tradewind_store::mutant::{self, Mutant};
use tradewind_store::{
    ConsumerId, Disk, Found, Log, LogOptions, Lost, OpenError, Ranges, Record, RecoveryReport,
    ReplayError, Replayed, StreamId,
};
use tradewind_subject::Timestamp;

use self::reborn::Reborn;
use self::stored::read_stored;
use super::Shard;
use super::context::{Context, InterestOracle, ShardOptions};
use super::offline::{Offline, OfflineStream};
use super::slot::{ConsumerSlot, Slot};
use super::sweep::Sweeper;
use crate::api::config::ConsumerConfig;
use crate::consumer::{Consumer, Setup};
use crate::stream::Stream;
use crate::stream::index::Removed;

pub use self::examine::{Examined, ExaminedStream};
pub(super) use self::stored::{consumer_body, stream_body};

/// Why the store of a shard can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenShardError {
    /// The log says no.
    #[error(transparent)]
    Log(#[from] OpenError),
}

/// What was found on opening.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// What the log found.
    pub log: RecoveryReport,
    /// Streams.
    pub streams: usize,
    /// Live messages.
    pub messages: u64,
    /// Streams that are not served, because they lost something to damage.
    pub offline: Vec<OfflineStream>,
    /// There may have been other streams, of which nothing is left.
    pub unknown_lost: bool,
}

/// A record that makes no sense where it stands.
#[derive(Debug, thiserror::Error)]
enum Nonsense {
    #[error("the configuration of stream {0} can't be read: {1}")]
    Config(u64, String),
    #[error("the state of stream {0} can't be read: {1}")]
    State(u64, String),
}

impl From<Nonsense> for ReplayError {
    fn from(nonsense: Nonsense) -> ReplayError {
        ReplayError(Box::new(nonsense))
    }
}

/// Streams as they come back.
struct Replay<'a> {
    options: &'a ShardOptions,
    now: Timestamp,
    slots: BTreeMap<StreamId, Reborn>,
    /// Bytes of messages that left, by segment.
    released: BTreeMap<u32, u64>,
    last_id: u64,
    removed: Vec<Removed>,
    sweeper: Sweeper,
    unknown_lost: bool,
}

impl<'a> Replay<'a> {
    fn new(options: &'a ShardOptions, now: Timestamp) -> Replay<'a> {
        Replay {
            options,
            now,
            slots: BTreeMap::new(),
            released: BTreeMap::new(),
            last_id: 0,
            removed: Vec::new(),
            sweeper: Sweeper::default(),
            unknown_lost: false,
        }
    }

    fn take(&mut self, found: &Found<'_>) -> Result<(), ReplayError> {
        match found {
            Found::Record(replayed) => self.take_record(replayed),
            // The log reports it.
            Found::Lost(Lost { stream: None, .. }) => {
                self.unknown_lost = true;
                Ok(())
            }
            Found::Lost(_) if mutant::enabled(Mutant::QuarantineForgotten) => Ok(()),
            Found::Lost(Lost { stream: Some(id), .. }) => {
                let reborn = self.slots.entry(*id).or_insert_with(|| Reborn::partial(*id));
                // Only what is loaded counts, until a snapshot says what lives.
                reborn.is_partial = true;
                reborn.is_hurt = true;
                reborn.is_begun = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_record(&mut self, replayed: &Replayed<'_>) -> Result<(), ReplayError> {
        let id = replayed.record.stream();
        self.last_id = self.last_id.max(id.0);
        if let Record::StreamGone { .. } = replayed.record {
            if let Some(gone) = self.slots.remove(&id) {
                self.release_all(&gone.slot);
            }
            self.sweeper.bury(id, replayed.lsn);
            return Ok(());
        }
        let mut reborn = self.slots.remove(&id).unwrap_or_else(|| Reborn::partial(id));
        let mut removed = std::mem::take(&mut self.removed);
        let taken = self.apply(&mut reborn, replayed, &mut removed);
        for gone in removed.drain(..) {
            *self.released.entry(gone.entry.position.segment).or_default() +=
                u64::from(gone.entry.len);
        }
        self.removed = removed;
        self.slots.insert(id, reborn);
        taken
    }

    fn release_all(&mut self, slot: &Slot) {
        let index = slot.stream.index();
        let mut next = index.next_live(0);
        while let Some(seq) = next {
            if let Some(entry) = index.get(seq) {
                *self.released.entry(entry.position.segment).or_default() += u64::from(entry.len);
            }
            next = index.next_live(seq + 1);
        }
    }

    fn apply(
        &mut self,
        reborn: &mut Reborn,
        replayed: &Replayed<'_>,
        removed: &mut Vec<Removed>,
    ) -> Result<(), ReplayError> {
        let stream = &mut reborn.slot.stream;
        match replayed.record {
            Record::Publish { .. } => {
                if let Some(len) = reborn.publish(replayed, removed) {
                    let segment = replayed.position.segment;
                    *self.released.entry(segment).or_default() += u64::from(len);
                }
            }
            Record::Skip { last, burned, .. } => reborn.skip(replayed.lsn, last, burned),
            // Even with a snapshot behind: it may count on records that are gone since.
            Record::MessageIds { ids, .. } => reborn.take_ids(replayed.lsn, ids)?,
            Record::PurgeTo { seq, .. } if !reborn.is_partial => {
                stream.apply_purge_to(seq, removed);
            }
            Record::Remove { ranges, .. } => remove(stream, ranges, removed),
            Record::StreamPut { config, .. } => reborn.put(replayed, config, removed)?,
            Record::StreamState { state, .. } => reborn.restore(state, removed)?,
            Record::ConsumerPut { consumer, config, .. } => {
                self.last_id = self.last_id.max(consumer.0);
                let stored = read_stored::<ConsumerConfig>(config)
                    .map_err(|why| Nonsense::Config(reborn.slot.id.0, why))?;
                if let Some(slot) = reborn.slot.consumers.get_mut(&consumer) {
                    slot.consumer.update(self.now, stored.config.clone(), stream.index());
                }
                reborn.consumers.insert(consumer, stored);
            }
            Record::ConsumerState { consumer, state, .. } => {
                self.restore_consumer(reborn, consumer, state)?;
            }
            Record::ConsumerDelta { consumer, delta, removes, .. } => {
                if let Some(slot) = reborn.slot.consumers.get_mut(&consumer)
                    && !mutant::enabled(Mutant::AcksForgotten)
                {
                    let applied = slot.consumer.apply_delta(delta);
                    applied.map_err(|e| Nonsense::State(reborn.slot.id.0, e.to_string()))?;
                }
                remove(&mut reborn.slot.stream, removes, removed);
            }
            Record::ConsumerGone { consumer, removes, .. } => {
                reborn.slot.consumers.remove(&consumer);
                reborn.consumers.remove(&consumer);
                remove(&mut reborn.slot.stream, removes, removed);
            }
            _ => (),
        }
        Ok(())
    }

    fn restore_consumer(
        &mut self,
        reborn: &mut Reborn,
        id: ConsumerId,
        state: &[u8],
    ) -> Result<(), ReplayError> {
        let Some(stored) = reborn.consumers.get(&id) else { return Ok(()) };
        let setup = Setup {
            stream: reborn.slot.stream.config().name.clone(),
            name: stored.name.clone(),
            config: stored.config.clone(),
            payload_max: self.options.max_payload,
            logged: true,
            seed: self.options.seed ^ id.0,
        };
        let consumer = Consumer::restore(self.now, setup, state)
            .map_err(|error| Nonsense::State(reborn.slot.id.0, error.to_string()))?;
        let slot = ConsumerSlot::new(consumer, stored.created, true);
        reborn.slot.consumers.insert(id, slot);
        Ok(())
    }
}

fn remove(stream: &mut Stream, ranges: Ranges<'_>, removed: &mut Vec<Removed>) {
    for range in ranges.iter() {
        stream.apply_remove(&[range.first..=range.last], removed);
    }
}

impl Shard {
    /// Opens the store on `disk`, or starts one. Blocks; for start-up only.
    ///
    /// # Errors
    ///
    /// [`OpenShardError`]; nothing was changed.
    pub fn open(
        now: Timestamp,
        disk: Arc<dyn Disk>,
        log_options: LogOptions,
        options: ShardOptions,
        interest: InterestOracle,
    ) -> Result<(Shard, Recovered), OpenShardError> {
        let mut replay = Replay::new(&options, now);
        let (mut log, report) = Log::open(disk, log_options, &mut |found| replay.take(&found))?;
        let Replay { slots: reborn, released, last_id, sweeper, unknown_lost, .. } = replay;
        for (segment, bytes) in released {
            log.released_bytes(segment, bytes);
        }
        let mut context = Context::new(options, log, interest);
        context.now = now;
        context.last_id = last_id;
        let mut shard = Shard {
            slots: BTreeMap::new(),
            names: BTreeMap::new(),
            offline: BTreeMap::new(),
            sweeper,
            looks_for_room: false,
            damage: report.damage.clone(),
            context,
            is_closing: false,
        };
        for (id, mut reborn) in reborn {
            match reborn.loss(now) {
                None => shard.bring_back(id, reborn.slot),
                Some(why) => {
                    reborn.slot.stream.remember_found(reborn.ids);
                    reborn.slot.refit();
                    let is_named = reborn.has_config;
                    if is_named {
                        // Whoever publishes to it is told.
                        reborn.slot.announce(&mut shard.context);
                    }
                    shard.offline.insert(id, Offline { slot: reborn.slot, is_named, why });
                }
            }
        }
        let messages = shard.slots.values().map(|slot| slot.stream.index().messages()).sum();
        let (streams, offline) = (shard.slots.len(), shard.offline_streams());
        let recovered = Recovered { log: report, streams, messages, offline, unknown_lost };
        Ok((shard, recovered))
    }

    pub(super) fn bring_back(&mut self, id: StreamId, mut slot: Slot) {
        slot.refit();
        let ids: Vec<_> = slot.consumers.keys().copied().collect();
        for consumer in ids {
            if let Some(found) = slot.consumers.get_mut(&consumer) {
                found.consumer.recovered(slot.stream.index());
                found.consumer.rebase(self.context.now);
            }
            slot.enlist(&mut self.context, consumer);
        }
        // Consumers that live in memory only are gone, and with them what they alone needed.
        slot.remove_unneeded(&mut self.context);
        slot.announce(&mut self.context);
        slot.enter_expiry(&mut self.context);
        self.names.insert(slot.name().to_owned(), id);
        self.slots.insert(id, Box::new(slot));
    }
}
