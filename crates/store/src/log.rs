//! One shard's log: what is appended, what is durable, and where to read it.

mod append;
mod chains;
mod commit;
mod inspect;
mod options;
mod read;
mod recover;
mod scan;
mod segment;
mod sidecar;
mod spans;
mod spare;
mod sweep;
mod tail;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use bytes::BytesMut;
use parking_lot::Mutex;

use crate::{
    disk::{DiskError, DiskFile, MemDisk},
    files::{Files, Pool},
    frame::{Layout, Salt},
    ids::Lsn,
};
use append::{CHUNK_BYTES_MIN, OpenFrame, Queue};
use chains::Chains;
use segment::Segment;
use tail::Tail;

pub use {
    append::{AppendError, Appended, Wish},
    commit::{CommitDone, CommitJob, Durability},
    inspect::{InspectDone, InspectJob, Scrub},
    options::LogOptions,
    read::{Read, ReadJob},
    recover::{Corruption, Cut, Found, Lost, OpenError, RecoveryReport, ReplayError, Replayed},
    segment::SegmentInfo,
    spans::Span,
    spare::{PoolDone, PoolJob},
    sweep::{
        Copied, CopyDone, CopyJob, Kept, Moved, RetireDone, RetireJob, SwapDone, SwapJob, Sweep,
        SweepKind, Target,
    },
};

/// Why a log takes nothing any more. There is no way back but to open it again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Poisoned {
    /// A write or a sync failed: what is on the disk is unknown, and asking again would be lied to.
    #[error("the store stopped taking writes after an I/O error")]
    Disk(#[source] DiskError),
    /// The owner found its own state wrong.
    #[error("the store stopped taking writes: {0}")]
    Owner(String),
}

/// The commit log of one directory. Owns no thread and no clock; touches the disk only in
/// [`Log::open`] and in the jobs it gives out.
#[derive(Debug)]
pub struct Log {
    files: Arc<Files>,
    options: LogOptions,

    next: Lsn,
    /// Up to here records may be acknowledged, at the durability asked for.
    durable: Lsn,
    synced: Lsn,
    /// The watermark of the last frame written, and of the last one synced.
    watermark: Lsn,
    witnessed: Lsn,
    /// The last record that is not an idle marker.
    last_fact: Lsn,
    /// Bytes of all records ever appended.
    appended_bytes: u64,
    chains: Chains,

    /// The log but its tail; numbers rise with LSNs.
    sealed: BTreeMap<u32, Segment>,
    /// What outlived its part of the log.
    cold: BTreeMap<u32, Segment>,
    tail: Option<Segment>,
    n_rolls: u64,
    /// The roll since which there were no descriptors to refill the pool.
    pool_short_at: Option<u64>,
    /// The roll since which no segment can be given a sidecar.
    indexed_at: Option<u64>,
    /// What to set aside; looked at with every roll.
    reserve_bytes: u64,
    next_segment: u32,
    /// The size of all segments.
    bytes_total: u64,
    /// The last segment whose seal is in the manifest.
    sealed_through: Option<u32>,
    maybe_dead: Vec<u32>,

    /// The open frame, and room behind it. Frames are split off the front.
    buffer: BytesMut,
    chunk_bytes: usize,
    open_frame: Option<OpenFrame>,
    queue: Queue,
    tail_frames: Tail,

    /// The file that the next commit starts in.
    write_file: Option<Arc<dyn DiskFile>>,
    in_flight: bool,
    stalled: Option<CommitJob>,
    pooling: bool,
    sweeping: bool,
    inspecting: bool,
    damage: Vec<Corruption>,
    poison: Option<Poisoned>,
}

impl Log {
    /// A log in memory: the same, without envelopes, and gone with the value.
    ///
    /// Commit after each group, inline: it costs no system call.
    pub fn memory() -> Log {
        let options = LogOptions::in_memory();
        let files = Files {
            disk: Arc::new(MemDisk::new()),
            layout: Layout::MEMORY,
            salt: Salt::new(options.instance),
            epoch: 0,
            manifest: None,
            pool: Mutex::new(Pool::default()),
            space_low: false.into(),
            roomy: u32::MAX.into(),
            disk_bytes: u64::MAX.into(),
            reserve: Mutex::new(0),
            lock: None,
        };
        Log::new(Arc::new(files), options, 1)
    }

    fn new(files: Arc<Files>, options: LogOptions, next_segment: u32) -> Log {
        Log {
            files,
            next: Lsn::ZERO.next(),
            durable: Lsn::ZERO,
            synced: Lsn::ZERO,
            watermark: Lsn::ZERO,
            witnessed: Lsn::ZERO,
            last_fact: Lsn::ZERO,
            appended_bytes: 0,
            chains: Chains::default(),
            sealed: BTreeMap::new(),
            cold: BTreeMap::new(),
            tail: None,
            n_rolls: 0,
            pool_short_at: None,
            indexed_at: None,
            reserve_bytes: 0,
            next_segment,
            bytes_total: 0,
            sealed_through: None,
            maybe_dead: Vec::new(),
            buffer: BytesMut::new(),
            chunk_bytes: CHUNK_BYTES_MIN,
            open_frame: None,
            queue: Queue::default(),
            tail_frames: Tail::new(options.tail_bytes),
            write_file: None,
            in_flight: false,
            stalled: None,
            pooling: false,
            sweeping: false,
            inspecting: false,
            damage: Vec::new(),
            poison: None,
            options,
        }
    }

    /// Whether somebody waits for something that no commit has taken yet.
    pub fn has_eager(&self) -> bool {
        self.queue.eager
    }

    /// Whether something is pending that nobody waits for.
    pub fn has_lazy(&self) -> bool {
        self.queue.lazy
    }

    /// Bytes that no commit has taken yet.
    pub fn pending_bytes(&self) -> usize {
        self.queue.bytes + self.buffer.len()
    }

    /// Up to where records may be acknowledged.
    pub fn durable(&self) -> Lsn {
        self.durable
    }

    /// Up to where records survive a power loss.
    pub fn synced(&self) -> Lsn {
        self.synced
    }

    /// The last record appended.
    pub fn appended(&self) -> Lsn {
        self.next.prev()
    }

    /// Bytes of records appended since the log was opened.
    pub fn appended_bytes(&self) -> u64 {
        self.appended_bytes
    }

    /// Whether the disk is nearly full: refuse what can be refused, publishes first.
    pub fn space_low(&self) -> bool {
        self.stalled.is_some() || self.files.space_low.load(Ordering::Relaxed)
    }

    /// Whether a commit waits for room on the disk. Nothing of it is lost: take it again later.
    pub fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// Memory held by the frames written last.
    pub fn tail_bytes(&self) -> usize {
        self.tail_frames.bytes()
    }

    /// Changes how much memory the frames written last may hold.
    pub fn set_tail_budget(&mut self, bytes: usize) {
        self.tail_frames.budget = bytes;
        self.tail_frames.trim(self.durable);
    }

    /// Stops taking writes, for good. Returns the first reason, which may be an earlier one.
    pub fn poison(&mut self, why: Poisoned) -> Poisoned {
        self.poison.get_or_insert(why).clone()
    }

    /// Why the log takes no writes, if so.
    pub fn poisoned(&self) -> Option<&Poisoned> {
        self.poison.as_ref()
    }

    fn segment(&self, id: u32) -> Option<&Segment> {
        let tail = self.tail.as_ref().filter(|tail| tail.id == id);
        tail.or_else(|| self.sealed.get(&id)).or_else(|| self.cold.get(&id))
    }

    fn segment_mut(&mut self, id: u32) -> Option<&mut Segment> {
        let tail = self.tail.as_mut().filter(|tail| tail.id == id);
        tail.or_else(|| self.sealed.get_mut(&id)).or_else(|| self.cold.get_mut(&id))
    }
}

#[cfg(test)]
mod tests;
