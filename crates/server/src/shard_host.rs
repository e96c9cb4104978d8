//! The thread that runs a shard: takes what is left for it, commits, and sends what goes out.

mod commits;
mod committer;
mod condition;
mod ending;
mod host;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;
use tradewind_jetstream::api::validate::ServerLimits;
use tradewind_jetstream::shard::{OpenShardError, Recovered, Shard, ShardOptions, SyncLevel};
use tradewind_store::{Disk, DiskError, LogOptions, OsDisk};

use self::host::Host;
pub(crate) use self::host::Surroundings;
use crate::clock;
use crate::mailbox::Mailbox;
use crate::medium::Medium;
use crate::options::JetStreamOptions;
use crate::shared::{random_bytes, random_seed};
use crate::store::StoreWatch;

/// Why JetStream does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JetStreamError {
    /// The store directory is a file.
    #[error("storage directory is not a directory")]
    NotADirectory,
    /// The store directory can't be made or read.
    #[error("could not create storage directory - {0}")]
    Directory(#[source] io::Error),
    /// The store can't be opened.
    #[error("{}", with_causes(.0))]
    Open(#[source] OpenShardError),
    /// The disk can't be used.
    #[error("{}", with_causes(.0))]
    Disk(#[source] DiskError),
    /// The thread could not be started.
    #[error("could not start the store thread: {0}")]
    Thread(#[source] io::Error),
}

/// An error and what lies below it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(below) = source {
        text.push_str(": ");
        text.push_str(&below.to_string());
        source = below.source();
    }
    text
}

/// A running shard.
#[derive(Debug)]
pub(crate) struct ShardHost {
    pub(crate) mailbox: Arc<Mailbox>,
    /// Resolves when the thread has ended.
    pub(crate) ended: oneshot::Receiver<()>,
    pub(crate) store: Arc<StoreWatch>,
    /// What the store lies on.
    pub(crate) medium: Medium,
}

/// The directory that belongs to the server, below the one the user named.
pub(crate) fn directory(store_dir: &Path) -> PathBuf {
    store_dir.join("jetstream")
}

fn make_directory(path: &Path) -> Result<(), JetStreamError> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_dir() => Err(JetStreamError::NotADirectory),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => std::fs::create_dir_all(path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                    JetStreamError::NotADirectory
                }
                _ => JetStreamError::Directory(error),
            }),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(JetStreamError::NotADirectory)
        }
        Err(error) => Err(JetStreamError::Directory(error)),
    }
}

/// Where a store is.
pub(crate) struct Place {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) medium: Medium,
}

impl Place {
    /// Below the directory that the user named.
    pub(crate) fn in_directory(store_dir: &Path) -> Result<Place, JetStreamError> {
        let directory = directory(store_dir);
        make_directory(&directory)?;
        let disk = Arc::new(OsDisk::new(&directory).map_err(JetStreamError::Disk)?);
        Ok(Place { disk, medium: Medium::of(&directory) })
    }
}

/// Opens the store and starts its thread.
pub(crate) async fn start(
    place: Place,
    shard_options: ShardOptions,
    surroundings: Surroundings,
) -> Result<(ShardHost, Recovered), JetStreamError> {
    let Place { disk, medium } = place;
    let mut instance = [0; 16];
    random_bytes(&mut instance);
    let seed = shard_options.seed;
    let sync_every = match shard_options.sync {
        SyncLevel::Always => None,
        SyncLevel::Interval(every) => Some(every),
    };
    let store = Arc::clone(&surroundings.store);
    let mailbox = Arc::new(Mailbox::new());
    let (opened, opening) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let inbox = Arc::clone(&mailbox);
    std::thread::Builder::new()
        .name("shard".to_owned())
        .spawn(move || {
            let oracle = Arc::clone(&surroundings.account);
            let log = Arc::clone(&surroundings.log);
            let shard = Shard::open(
                clock::now(),
                disk,
                LogOptions::new(instance),
                shard_options,
                Box::new(move |subject| oracle.has_interest(subject)),
            );
            match shard {
                Ok((shard, recovered)) => {
                    let mut host = Host::new(shard, inbox, surroundings, seed, sync_every);
                    host.begin();
                    if opened.send(Ok(recovered)).is_ok() {
                        // A bug here must not leave publishers waiting for a thread that is gone.
                        let ran = catch_unwind(AssertUnwindSafe(|| host.run()));
                        if ran.is_err() {
                            log.error(
                                "JetStream stopped after an internal error; core NATS goes on",
                            );
                            // Its state is not to be trusted: nothing but this is done with it.
                            let _ = catch_unwind(AssertUnwindSafe(|| host.abandon()));
                        }
                    }
                    host.retire();
                }
                Err(error) => drop(opened.send(Err(error))),
            }
            // Nobody may be waiting any more.
            let _ = end.send(());
        })
        .map_err(JetStreamError::Thread)?;
    match opening.await {
        Ok(recovered) => {
            let recovered = recovered.map_err(JetStreamError::Open)?;
            Ok((ShardHost { mailbox, ended, store, medium }, recovered))
        }
        Err(_) => Err(JetStreamError::Thread(io::Error::other("it ended while opening the store"))),
    }
}

/// What a shard has to know of the options.
pub(crate) fn shard_options(
    options: &JetStreamOptions,
    server_name: String,
    max_payload: usize,
) -> ShardOptions {
    let limit = |limit: i64| if limit < 0 { i64::MAX } else { limit };
    ShardOptions {
        limits: ServerLimits {
            max_memory: limit(options.max_memory),
            max_storage: limit(options.max_file),
            default_max_consumers: options.default_max_consumers,
            ..ServerLimits::default()
        },
        strict: options.strict,
        server_name,
        max_payload: tradewind_subject::int::u64_from(max_payload),
        sync: options.sync.level(),
        seed: random_seed(),
    }
}

#[cfg(test)]
mod tests;
