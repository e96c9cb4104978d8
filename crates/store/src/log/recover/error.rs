//! What opening a log can say.

use crate::{
    disk::{DiskError, Trouble},
    ids::{Lsn, Position, StreamId},
    record::Record,
};

/// What the owner of a log is told on opening it, in order.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Found<'a> {
    /// A record.
    Record(Replayed<'a>),
    /// Records that are gone.
    Lost(Lost),
}

/// A stream has lost records to damage: before the next one of its own, or for good.
///
/// Nobody knows what they said. A snapshot of the stream that comes later makes good for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The stream; none if there may have been streams of which nothing else is left.
    pub stream: Option<StreamId>,
    /// The damage that took them, as a place in [`RecoveryReport::damage`].
    pub damage: usize,
}

/// A record found in the log, with its place there.
#[derive(Clone, Copy, Debug)]
pub struct Replayed<'a> {
    /// Its number.
    pub lsn: Lsn,
    /// Where it lies from now on.
    pub position: Position,
    /// Its length there.
    pub len: u32,
    /// What it says; the payload of a message may be missing.
    pub record: Record<'a>,
    /// Length of the message's payload.
    pub payload_len: usize,
    /// It is in a cold segment: everything else about its stream comes after all of these.
    pub is_cold: bool,
}

/// What the owner of the log could not make sense of.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ReplayError(#[from] pub Box<dyn std::error::Error + Send + Sync>);

/// What was found on opening.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Counts openings.
    pub epoch: u64,
    /// Segments.
    pub n_segments: usize,
    /// Segments that were not read, because their sidecars say it all.
    pub n_sidecars: usize,
    /// Records replayed.
    pub n_records: u64,
    /// The last record.
    pub last: Lsn,
    /// Frames that were being written when the log ended. Nobody was told that they were stored.
    pub cut: Option<Cut>,
    /// What is damaged of that which had been stored.
    pub damage: Vec<Corruption>,
}

/// Where the frames that were valid end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment's file.
    pub file: String,
    /// Where the first frame was that was not taken.
    pub offset: u64,
    /// Its first record.
    pub lsn: Lsn,
}

/// Why a log can't be opened. Nothing in the directory was changed, but for leftovers of earlier
/// starts if the disk failed at the end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error("the store is in use by another process")]
    Locked,
    /// There is something that does not belong to a store of ours.
    #[error(
        "the store directory contains {name:?}, which is not Tradewind's{}: \
         point the store at an empty directory",
        if *.nats { " but nats-server's" } else { "" }
    )]
    Foreign {
        /// The entry.
        name: String,
        /// Whether it looks like the store of a nats-server.
        nats: bool,
    },
    /// It was written by a version that this one can't read.
    #[error("the store has format {needs}, this version reads up to {reads}")]
    Newer {
        /// The format to understand.
        needs: u16,
        /// What we understand.
        reads: u16,
    },
    /// Something that all depends on is not there any more.
    #[error(transparent)]
    Corrupt(Box<Corruption>),
    /// The disk failed.
    #[error("reading the store failed")]
    Disk(#[source] DiskError),
    /// The owner could not make sense of a record.
    #[error("replaying the store failed")]
    Replay(
        #[source]
        #[from]
        ReplayError,
    ),
}

/// Damage to what had been synced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is damaged: {what} ({file} at byte {offset}, log sequence {lsn})")]
#[non_exhaustive]
pub struct Corruption {
    /// The file.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// The first record that is missing.
    pub lsn: Lsn,
    /// What is wrong.
    pub what: &'static str,
    /// Streams that have lost records to it.
    pub streams: Vec<StreamId>,
}

impl From<DiskError> for OpenError {
    fn from(error: DiskError) -> OpenError {
        match error {
            DiskError::Locked { .. } => OpenError::Locked,
            error => OpenError::Disk(error),
        }
    }
}

impl From<Trouble> for OpenError {
    fn from(trouble: Trouble) -> OpenError {
        DiskError::from(trouble).into()
    }
}
