//! From the log back to streams and consumers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use tradewind_store::{
    ConsumerId, Disk, Log, LogOptions, OpenError, Ranges, Record, RecoveryReport, ReplayError,
    Replayed, StreamId,
};
use tradewind_subject::Timestamp;

use super::Shard;
use super::context::{Context, InterestOracle, ShardOptions};
use super::slot::{ConsumerSlot, Slot};
use crate::api::config::{ConsumerConfig, StreamConfig};
use crate::api::json::{FromJson, from_json, to_json};
use crate::consumer::{Consumer, Setup};
use crate::stream::index::Removed;
use crate::stream::publish::PublishHeaders;
use crate::stream::{PublishRecord, Snapshot, Stream};

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
}

/// A record that makes no sense where it stands.
#[derive(Debug, thiserror::Error)]
enum Nonsense {
    #[error("the configuration of stream {0} can't be read: {1}")]
    Config(u64, String),
    #[error("the state of stream {0} can't be read: {1}")]
    State(u64, String),
    #[error("messages {1:?} of stream {0:?} are in no segment")]
    Missing(String, Vec<std::ops::RangeInclusive<u64>>),
    #[error("stream {0} has messages but no configuration")]
    NoConfig(u64),
}

impl From<Nonsense> for ReplayError {
    fn from(nonsense: Nonsense) -> ReplayError {
        ReplayError(Box::new(nonsense))
    }
}

/// How a stream stands in the log.
pub(super) fn stream_body(stream: &Stream, is_new: bool) -> Vec<u8> {
    let config: Value = serde_json::from_slice(&to_json(stream.config())).unwrap_or_default();
    let body = json!({ "created": stream.created().nanos(), "new": is_new, "config": config });
    to_json(&body)
}

/// How a consumer stands in the log.
pub(super) fn consumer_body(consumer: &Consumer, created: Timestamp) -> Vec<u8> {
    let config: Value = serde_json::from_slice(&to_json(consumer.config())).unwrap_or_default();
    to_json(&json!({ "created": created.nanos(), "name": consumer.name(), "config": config }))
}

/// A configuration as it stands in the log.
struct Stored<T> {
    config: T,
    created: Timestamp,
    is_new: bool,
    name: String,
}

fn read_stored<T: FromJson>(bytes: &[u8]) -> Result<Stored<T>, String> {
    let fields: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let config = fields.get("config").map(to_json).unwrap_or_default();
    let config = from_json(&config).map_err(|error| error.to_string())?;
    let created = fields.get("created").and_then(Value::as_i64).ok_or("no time of creation")?;
    Ok(Stored {
        config,
        created: Timestamp(created),
        is_new: fields.get("new").and_then(Value::as_bool).unwrap_or(false),
        name: fields.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
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
}

/// A stream whose records are being read.
struct Reborn {
    slot: Slot,
    /// Records before its snapshot are in segments that are gone: until the snapshot comes, only
    /// its messages count.
    is_partial: bool,
    has_config: bool,
    /// Configurations of consumers whose state comes next.
    consumers: BTreeMap<ConsumerId, Stored<ConsumerConfig>>,
    /// Messages that the last snapshot counts as live and that are in no segment: they left after
    /// it, and another snapshot says so, or they are lost.
    missing: Vec<std::ops::RangeInclusive<u64>>,
}

impl Reborn {
    fn partial(id: StreamId) -> Reborn {
        let slot = Slot::new(id, Stream::new(StreamConfig::default(), Timestamp(0)));
        Reborn {
            slot,
            is_partial: true,
            has_config: false,
            consumers: BTreeMap::new(),
            missing: Vec::new(),
        }
    }
}

impl Replay<'_> {
    fn take(&mut self, replayed: &Replayed<'_>) -> Result<(), ReplayError> {
        let id = replayed.record.stream();
        self.last_id = self.last_id.max(id.0);
        if let Record::StreamGone { .. } = replayed.record {
            if let Some(gone) = self.slots.remove(&id) {
                self.release_all(&gone.slot);
            }
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
            Record::Publish { .. } => publish(reborn, replayed, removed),
            Record::Skip { last, .. } if !reborn.is_partial => stream.apply_skip(last),
            Record::PurgeTo { seq, .. } if !reborn.is_partial => {
                stream.apply_purge_to(seq, removed);
            }
            Record::Remove { ranges, .. } => remove(stream, ranges, removed),
            Record::StreamPut { config, .. } => put(reborn, replayed, config, removed)?,
            Record::StreamState { state, .. } => restore(reborn, state, removed)?,
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
                if let Some(slot) = reborn.slot.consumers.get_mut(&consumer) {
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

fn put(
    reborn: &mut Reborn,
    replayed: &Replayed<'_>,
    config: &[u8],
    removed: &mut Vec<Removed>,
) -> Result<(), ReplayError> {
    let id = reborn.slot.id;
    let stored = read_stored::<StreamConfig>(config).map_err(|why| Nonsense::Config(id.0, why))?;
    if stored.is_new {
        *reborn = Reborn {
            slot: Slot::new(id, Stream::new(stored.config, stored.created)),
            is_partial: false,
            has_config: true,
            consumers: BTreeMap::new(),
            missing: Vec::new(),
        };
        reborn.slot.snapshot = replayed.lsn;
    } else if reborn.is_partial {
        reborn.slot.adopt(stored.config, stored.created);
        reborn.has_config = true;
        reborn.slot.snapshot = replayed.lsn;
    } else {
        reborn.slot.retention = stored.config.retention;
        reborn.slot.stream.update(stored.config, removed);
    }
    Ok(())
}

fn publish(reborn: &mut Reborn, replayed: &Replayed<'_>, removed: &mut Vec<Removed>) {
    let Record::Publish { seq, ts, subject, headers, payload, .. } = replayed.record else {
        return;
    };
    let headers = PublishHeaders::parse(headers);
    let record = PublishRecord {
        seq,
        ts,
        subject,
        headers: &headers,
        payload_len: payload.len(),
        position: replayed.position,
        len: replayed.len,
    };
    if reborn.is_partial {
        reborn.slot.stream.load(&record);
    } else {
        reborn.slot.stream.apply_publish(&record, removed);
    }
}

fn remove(stream: &mut Stream, ranges: Ranges<'_>, removed: &mut Vec<Removed>) {
    for range in ranges.iter() {
        stream.apply_remove(&[range.first..=range.last], removed);
    }
}

fn restore(
    reborn: &mut Reborn,
    state: &[u8],
    removed: &mut Vec<Removed>,
) -> Result<(), ReplayError> {
    let id = reborn.slot.id.0;
    let snapshot =
        Snapshot::decode(state).map_err(|error| Nonsense::State(id, error.to_string()))?;
    if !reborn.has_config {
        // The first half of this snapshot was in a segment that is gone; a whole one follows.
        return Ok(());
    }
    reborn.missing = reborn.slot.stream.reconcile(&snapshot, removed);
    reborn.is_partial = false;
    Ok(())
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
        let mut replay = Replay {
            options: &options,
            now,
            slots: BTreeMap::new(),
            released: BTreeMap::new(),
            last_id: 0,
            removed: Vec::new(),
        };
        let (mut log, report) =
            Log::open(disk, log_options, &mut |replayed| replay.take(&replayed))?;
        let Replay { slots: reborn, released, last_id, .. } = replay;
        if let Some((id, _)) = reborn.iter().find(|(_, reborn)| reborn.is_partial) {
            return Err(OpenError::Replay(Nonsense::NoConfig(id.0).into()).into());
        }
        if let Some(reborn) = reborn.values().find(|reborn| !reborn.missing.is_empty()) {
            let (name, missing) = (reborn.slot.name().to_owned(), reborn.missing.clone());
            return Err(OpenError::Replay(Nonsense::Missing(name, missing).into()).into());
        }
        for (segment, bytes) in released {
            log.released_bytes(segment, bytes);
        }
        let mut context = Context::new(options, log, interest);
        context.now = now;
        context.last_id = last_id;
        let mut shard =
            Shard { slots: BTreeMap::new(), names: BTreeMap::new(), context, is_closing: false };
        for (id, reborn) in reborn {
            shard.bring_back(id, reborn.slot);
        }
        let messages = shard.slots.values().map(|slot| slot.stream.index().messages()).sum();
        let recovered = Recovered { log: report, streams: shard.slots.len(), messages };
        Ok((shard, recovered))
    }

    fn bring_back(&mut self, id: StreamId, mut slot: Slot) {
        slot.refit();
        slot.all_durable();
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
        self.slots.insert(id, slot);
    }
}
