//! A store, looked at and not opened.

use std::sync::Arc;

use tradewind_store::{Disk, Log, RecoveryReport, StreamId};
use tradewind_subject::Timestamp;

use super::{OpenShardError, Replay, reborn::Reborn};
use crate::shard::{Shard, ShardOptions};

/// What a store holds.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What the log holds, and what is wrong with it.
    pub log: RecoveryReport,
    /// The streams.
    pub streams: Vec<ExaminedStream>,
    /// There may have been other streams, of which nothing is left.
    pub unknown_lost: bool,
}

/// What a store holds of one stream.
#[derive(Clone, Debug)]
pub struct ExaminedStream {
    /// Its number in the store.
    pub id: u64,
    /// Its name, unless that is lost.
    pub name: Option<String>,
    /// Live messages.
    pub messages: u64,
    /// Their bytes, as limits count them.
    pub bytes: u64,
    /// The first sequence.
    pub first_seq: u64,
    /// The last sequence.
    pub last_seq: u64,
    /// Consumers that are kept.
    pub consumers: usize,
    /// What it has lost, if anything.
    pub loss: Option<String>,
}

impl Shard {
    /// Reads the store on `disk` and changes nothing; it may be one that a server is writing to.
    /// Blocks.
    ///
    /// # Errors
    ///
    /// [`OpenShardError`].
    pub fn examine(
        now: Timestamp,
        disk: Arc<dyn Disk>,
        options: &ShardOptions,
    ) -> Result<Examined, OpenShardError> {
        let mut replay = Replay::new(options, now);
        let log = Log::examine(disk, &mut |found| replay.take(&found))?;
        let stream = |(id, reborn): (&StreamId, &Reborn)| {
            let index = reborn.slot.stream.index();
            ExaminedStream {
                id: id.0,
                name: reborn.has_config.then(|| reborn.slot.name().to_owned()),
                messages: index.messages(),
                bytes: index.bytes(),
                first_seq: index.first_seq(),
                last_seq: index.last_seq(),
                consumers: reborn.slot.consumers.len(),
                loss: reborn.loss(now),
            }
        };
        let streams = replay.slots.iter().map(stream).collect();
        Ok(Examined { log, streams, unknown_lost: replay.unknown_lost })
    }
}
