//! The commit log of one store directory.
//!
//! A [`Log`] is a state machine: records are appended in memory, and go to the disk in jobs
//! ([`CommitJob`], [`PoolJob`], [`CopyJob`] and others) that the owner runs where blocking is allowed. It
//! owns no thread and no clock, and reaches the disk through [`Disk`] only. It does not know what
//! streams and consumers are: it keeps their records, in order, and gives them back.
//!
//! What holds:
//!
//! * a record at or below [`Log::durable`] is replayed after any crash, in its place;
//! * what was synced and is damaged is told on opening, stream by stream, and never just a shorter log;
//! * a message stays in one segment or another until it is released;
//! * after a failed write or sync nothing is written any more.
//!
//! `FORMAT.md` describes the files.
//!
//! ```
//! use std::sync::Arc;
//! use tradewind_store::{Durability, Found, Log, LogOptions, MemDisk, Record, StreamId, Wish};
//!
//! let disk = Arc::new(MemDisk::new());
//! let (mut log, _) = Log::open(disk.clone(), LogOptions::new([1; 16]), &mut |_| Ok(()))?;
//! let put = Record::StreamPut { stream: StreamId(1), config: b"{}" };
//! let appended = log.append(Wish::Eager, &put)?;
//! let job = log.take_commit(Durability::Sync).expect("something is pending");
//! assert_eq!(log.committed(job.run())?, appended.lsn);
//! drop(log);
//!
//! let mut n_records = 0;
//! Log::open(disk, LogOptions::new([1; 16]), &mut |found| {
//!     if let Found::Record(replayed) = found {
//!         assert_eq!(replayed.record, put);
//!         n_records += 1;
//!     }
//!     Ok(())
//! })?;
//! assert_eq!(n_records, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod disk;
mod files;
mod frame;
mod ids;
mod log;
mod manifest;
pub mod mark;
pub mod mutant;
mod record;

pub use disk::{
    Disk, DiskError, DiskFile, DiskLock, Fault, FaultDisk, MemDisk, OsDisk, Space, Survival,
};
pub use ids::{ConsumerId, Lsn, Position, StreamId};
pub use log::{
    AppendError, Appended, CommitDone, CommitJob, Copied, CopyDone, CopyJob, Corruption, Cut,
    Durability, Found, InspectDone, InspectJob, Kept, Log, LogOptions, Lost, Moved, OpenError,
    Poisoned, PoolDone, PoolJob, Read, ReadJob, RecoveryReport, ReplayError, Replayed, RetireDone,
    RetireJob, Scrub, SegmentInfo, Span, SwapDone, SwapJob, Sweep, SweepKind, Target, Wish,
};
pub use manifest::Role;
pub use record::{
    Burned, Corrupt, RECORD_BYTES_MAX, Ranges, Record, RemoveReason, SeqRange, StoredMessage,
    decode_message, decode_record,
};
