//! What can be done to a store without serving it: look at it, show what it says, and decide about
//! streams that lost something.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tradewind_jetstream::shard::{Shard, ShardOptions, SyncLevel};
use tradewind_store::{Disk, Found, Log, LogOptions, OpenError, OsDisk, Record, ReplayError};

pub use tradewind_jetstream::shard::{Examined, ExaminedStream, OfflineStream, OpenShardError};
pub use tradewind_store::{Corruption, Cut, RecoveryReport};

use crate::clock;
use crate::shard_host::directory;
use crate::shared::{random_bytes, random_seed};

/// Why nothing can be done to a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// There is no store in the directory.
    #[error("{} is no store of a Tradewind server: it has no manifest", .0.display())]
    NoStore(PathBuf),
    /// The disk can't be used.
    #[error(transparent)]
    Disk(#[from] tradewind_store::DiskError),
    /// The store can't be opened.
    #[error(transparent)]
    Open(#[from] OpenShardError),
    /// There is no stream of this name that lost something.
    #[error("no stream {0:?} has lost anything")]
    NotOffline(String),
    /// The store did not take a change.
    #[error("{0}")]
    Refused(String),
}

impl From<OpenError> for MaintenanceError {
    fn from(error: OpenError) -> MaintenanceError {
        MaintenanceError::Open(error.into())
    }
}

/// One record of a store, for people to read.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number in the log.
    pub lsn: u64,
    /// The segment it is in.
    pub segment: u32,
    /// Where it begins there.
    pub offset: u32,
    /// Its length.
    pub len: u32,
    /// Whether it was moved out of the log.
    pub is_cold: bool,
    /// The stream it is about.
    pub stream: u64,
    /// What kind it is of.
    pub kind: &'static str,
    /// What it says, shortened.
    pub text: String,
}

/// The directory with the files of the store: `path`, or what a server made below it.
///
/// # Errors
///
/// If neither has a manifest.
pub fn locate(path: &Path) -> Result<PathBuf, MaintenanceError> {
    let below = directory(path);
    let has_manifest =
        |path: &Path| ["manifest.0", "manifest.1"].iter().any(|name| path.join(name).is_file());
    [path, &below]
        .into_iter()
        .find(|path| has_manifest(path))
        .map(Path::to_path_buf)
        .ok_or_else(|| MaintenanceError::NoStore(path.to_owned()))
}

fn open(path: &Path) -> Result<Arc<dyn Disk>, MaintenanceError> {
    Ok(Arc::new(OsDisk::new(&locate(path)?)?))
}

fn options() -> ShardOptions {
    ShardOptions {
        limits: tradewind_jetstream::api::validate::ServerLimits::default(),
        strict: true,
        server_name: "maintenance".to_owned(),
        max_payload: u64::MAX,
        sync: SyncLevel::Always,
        seed: random_seed(),
    }
}

/// Reads everything and says what is there and what is wrong. Changes nothing, also while a server
/// is writing to the store.
///
/// # Errors
///
/// If there is no store, or nothing of it can be read.
pub fn verify(path: &Path) -> Result<Examined, MaintenanceError> {
    Ok(Shard::examine(clock::now(), open(path)?, &options())?)
}

/// Shows every record, in order. Changes nothing.
///
/// # Errors
///
/// As [`verify`]; and whatever `show` says, which ends it.
pub fn dump(
    path: &Path,
    show: &mut dyn FnMut(&Line) -> std::io::Result<()>,
) -> Result<RecoveryReport, MaintenanceError> {
    let report = Log::examine(open(path)?, &mut |found| {
        let Found::Record(found) = found else { return Ok(()) };
        let (kind, text) = describe(&found.record, found.payload_len);
        let line = Line {
            lsn: found.lsn.0,
            segment: found.position.segment,
            offset: found.position.offset,
            len: found.len,
            is_cold: found.is_cold,
            stream: found.record.stream().0,
            kind,
            text,
        };
        show(&line).map_err(|error| ReplayError(error.into()))
    })?;
    Ok(report)
}

/// Streams that lost something, once the loss of those named is accepted: they go on with what is
/// left of them. Nobody else may have the store open.
///
/// # Errors
///
/// If the store can't be opened, or a stream is not one of those.
pub fn repair(path: &Path, accept: &[String]) -> Result<Vec<OfflineStream>, MaintenanceError> {
    let mut instance = [0; 16];
    random_bytes(&mut instance);
    let log = LogOptions::new(instance);
    let nobody = Box::new(|_: &[u8]| false);
    let (mut shard, _) = Shard::open(clock::now(), open(path)?, log, options(), nobody)?;
    for name in accept {
        if !shard.accept_loss(name).map_err(MaintenanceError::Refused)? {
            return Err(MaintenanceError::NotOffline(name.clone()));
        }
    }
    while let Some(job) = shard.next_sync().or_else(|| shard.next_witness()) {
        shard.done(clock::now(), job.run());
    }
    match shard.poisoned() {
        Some(why) => Err(MaintenanceError::Refused(why.to_string())),
        None => Ok(shard.offline_streams()),
    }
}

fn describe(record: &Record<'_>, payload_len: usize) -> (&'static str, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match record {
        Record::Publish { seq, ts, subject, headers, .. } => {
            let (subject, headers) = (text(subject), headers.len());
            let at = ts.nanos();
            (
                "publish",
                format!("seq {seq} {subject} headers {headers} payload {payload_len} at {at}"),
            )
        }
        Record::Skip { first, last, burned, .. } => {
            let id = burned.map_or_else(String::new, |it| format!(" id {}", text(it.id)));
            ("skip", format!("{first}-{last}{id}"))
        }
        Record::Remove { why, ranges, .. } => ("remove", format!("{why:?} {ranges:?}")),
        Record::PurgeTo { seq, .. } => ("purge", format!("below {seq}")),
        Record::StreamPut { config, .. } => ("stream", text(config)),
        Record::StreamGone { .. } => ("stream gone", String::new()),
        Record::ConsumerPut { consumer, config, .. } => {
            ("consumer", format!("{} {}", consumer.0, text(config)))
        }
        Record::ConsumerGone { consumer, removes, .. } => {
            ("consumer gone", format!("{} removes {removes:?}", consumer.0))
        }
        Record::ConsumerDelta { consumer, delta, removes, .. } => {
            ("progress", format!("{} {} bytes, removes {removes:?}", consumer.0, delta.len()))
        }
        Record::StreamState { state, .. } => ("stream state", format!("{} bytes", state.len())),
        Record::ConsumerState { consumer, state, .. } => {
            ("consumer state", format!("{} {} bytes", consumer.0, state.len()))
        }
        Record::MessageIds { ids, .. } => ("message ids", format!("{} bytes", ids.len())),
        _ => ("unknown", String::new()),
    }
}
