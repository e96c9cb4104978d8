//! Opening a log: what is there, what of it is true, and a fresh segment to go on with.

mod copy;
mod error;
mod inventory;
mod loss;
mod salvage;
mod walk;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    disk::{Disk, DiskError},
    files,
    frame::Salt,
    ids::Lsn,
    log::{
        Log, LogOptions,
        chains::Chains,
        scan::Scan,
        segment::{self, Segment},
    },
    manifest::{Entry, Manifest, Role, SLOTS},
    mark::{self, Mark},
    mutant::{self, Mutant},
};
use inventory::Inventory;
use loss::Suspicion;
use walk::Piece;

pub use error::{Corruption, Cut, Found, Lost, OpenError, RecoveryReport, ReplayError, Replayed};

type Replay<'r> = dyn FnMut(Found<'_>) -> Result<(), ReplayError> + 'r;

/// A log while it is being read.
struct Recovery<'r> {
    disk: Arc<dyn Disk>,
    salt: Salt,
    epoch: u64,
    /// Everything up to here was once synced.
    durable: Lsn,
    log_start: Lsn,
    sidecars: BTreeSet<u32>,
    replay: &'r mut Replay<'r>,
    chains: Chains,
    suspicion: Suspicion,
    damage: Vec<Corruption>,
    next: Lsn,
    last_fact: Lsn,
    n_records: u64,
    n_sidecars: usize,
    cut: Option<Cut>,
}

/// The segments, as they were found.
#[derive(Default)]
struct FoundSegments {
    sealed: Vec<Segment>,
    tail: Option<OldTail>,
}

/// The segment that was being written.
struct OldTail {
    entry: Entry,
    /// What goes into its copy, and what is known of that.
    pieces: Vec<Piece>,
    copy: Segment,
}

impl Log {
    /// Opens the log of a directory, or starts one if the directory is empty. Blocks; for start-up
    /// only.
    ///
    /// First the messages of cold segments go through `replay`, then every record of the log, both
    /// in the order of their LSNs, and what is lost in between. After an error, forget what was
    /// replayed. Nothing on the disk is changed before the last record was replayed, and nothing at
    /// all if that fails.
    ///
    /// # Errors
    ///
    /// If the directory is locked, foreign or newer, if the manifest is damaged, if the disk fails,
    /// or `replay` does. Other damage is for `replay` to judge.
    pub fn open<'r>(
        disk: Arc<dyn Disk>,
        options: LogOptions,
        replay: &'r mut Replay<'r>,
    ) -> Result<(Log, RecoveryReport), OpenError> {
        Inventory::of(&disk.list()?)?;
        let lock = disk.lock(files::LOCK)?;
        let inventory = Inventory::of(&disk.list()?)?;
        let manifest = match inventory.manifest(&*disk)? {
            Some(manifest) => manifest,
            None => Inventory::create(&*disk, options.instance)?,
        };
        let state = manifest.state().clone();
        let mut recovery = Recovery::new(Arc::clone(&disk), &state, &inventory, replay);
        recovery.refuse_unlisted(&inventory, state.next_segment)?;
        let found = recovery.read(&state)?;
        let files = inventory.files((disk, lock), manifest, &options, &found.sealed)?;
        let log = Log::new(Arc::new(files), options, state.next_segment);
        log.adopt(recovery, found, &inventory)
    }

    /// Reads all of a log, sidecars aside, and changes nothing: not even a lock is taken, so that
    /// it can be the log of somebody who is writing to it. Blocks.
    ///
    /// What `replay` gets, and the report, are those of [`Log::open`].
    ///
    /// # Errors
    ///
    /// As for [`Log::open`].
    pub fn examine<'r>(
        disk: Arc<dyn Disk>,
        replay: &'r mut Replay<'r>,
    ) -> Result<RecoveryReport, OpenError> {
        /// While its owner gives back segments, a manifest is soon out of date.
        const TRIES: usize = 8;
        let mut n_tries = 0;
        let (mut inventory, state) = loop {
            n_tries += 1;
            let inventory = Inventory::of(&disk.list()?)?;
            let state = inventory.latest(&*disk)?.unwrap_or_else(|| Manifest::new([0; 16]));
            let is_there = |entry: &Entry| inventory.segments.contains(&entry.segment);
            if n_tries == TRIES || state.entries.iter().all(is_there) {
                break (inventory, state);
            }
        };
        inventory.sidecars.clear();
        let mut recovery = Recovery::new(disk, &state, &inventory, replay);
        let found = recovery.read(&state)?;
        let n_segments = found.sealed.len() + usize::from(found.tail.is_some());
        let Recovery { n_records, n_sidecars, next, cut, damage, epoch, .. } = recovery;
        let last = next.prev();
        Ok(RecoveryReport { epoch, n_segments, n_sidecars, n_records, last, cut, damage })
    }

    /// Goes on where the recovery ended: in a fresh segment, in a new epoch.
    fn adopt(
        mut self,
        recovery: Recovery<'_>,
        found: FoundSegments,
        inventory: &Inventory,
    ) -> Result<(Log, RecoveryReport), OpenError> {
        let last = recovery.next.prev();
        self.next = recovery.next;
        (self.durable, self.synced) = (last, last);
        (self.watermark, self.witnessed) = (last, last);
        self.last_fact = recovery.last_fact;
        self.chains = recovery.chains;
        let FoundSegments { sealed, tail } = found;
        let n_segments = sealed.len() + usize::from(tail.is_some());
        for segment in sealed {
            match segment.role {
                Role::Log => self.sealed.insert(segment.id, segment),
                Role::Cold => self.cold.insert(segment.id, segment),
            };
        }
        self.bytes_total = self.sealed.values().map(|segment| u64::from(segment.capacity)).sum();
        self.sealed_through = self.sealed.last_key_value().map(|(id, _)| *id);
        if let Some(manifest) = &self.files.manifest {
            manifest.lock().refresh()?;
        }
        let n_known = self.next_segment;
        for segment in inventory.segments.iter().filter(|id| n_known <= **id) {
            // A name that is already there may not be durable, and using it again would not make
            // it so.
            mark::hit(Mark::LeftoverRemoved);
            self.files.disk.remove(&files::segment_name(*segment))?;
        }
        let is_damaged = tail.as_ref().is_some_and(|tail| tail.copy.is_damaged);
        let (old, copy) = match tail {
            Some(OldTail { entry, pieces, copy }) if mutant::enabled(Mutant::TailTrusted) => {
                (Some(entry), self.keep_tail(entry, copy, &pieces)?)
            }
            Some(OldTail { entry, pieces, copy }) => (Some(entry), self.copy_tail(copy, &pieces)?),
            None => (None, None),
        };
        self.tail = copy;
        self.write_file = self.tail.as_ref().and_then(|tail| tail.file.clone());
        let next_segment = self.next_segment;
        self.files.edit_manifest(|manifest| {
            manifest.epoch = self.files.epoch;
            manifest.durable = manifest.durable.max(last);
            manifest.next_segment = next_segment;
            manifest.entries.retain(|entry| entry.seal.is_some());
            manifest.entries.extend(self.tail.as_ref().map(Segment::entry));
        })?;
        self.files.pool.lock().capacity =
            segment::next_capacity(&self.options.segment_bytes, self.bytes_total);
        self.reserve_bytes = self.wanted_reserve();
        let Recovery { n_records, n_sidecars, cut, damage, .. } = recovery;
        self.clear_away(inventory, n_known, (old, is_damaged))?;
        let epoch = self.files.epoch;
        let report = RecoveryReport { epoch, n_segments, n_sidecars, n_records, last, cut, damage };
        Ok((self, report))
    }

    /// Gives back what the durable manifest no longer names.
    fn clear_away(
        &self,
        inventory: &Inventory,
        n_known: u32,
        (old, is_damaged): (Option<Entry>, bool),
    ) -> Result<(), DiskError> {
        let disk = &self.files.disk;
        // That of a damaged segment may be all that is left of it; a bad one is written anew.
        for sidecar in inventory.sidecars.iter().filter(|id| self.segment(**id).is_none()) {
            disk.remove(&files::sidecar_name(*sidecar))?;
        }
        let unnamed = |id: &&u32| **id < n_known && self.segment(**id).is_none();
        for segment in inventory.segments.iter().filter(unnamed) {
            let name = files::segment_name(*segment);
            match old.filter(|entry| entry.segment == *segment) {
                Some(_) if is_damaged => {
                    mark::hit(Mark::DamagedTailKept);
                    disk.rename(&name, &files::damaged_name(*segment))?;
                }
                Some(entry) => {
                    mark::hit(Mark::OldTailKept);
                    let file = disk.open(&name)?;
                    self.files.retire(*segment, entry.capacity, &file)?;
                }
                None => {
                    mark::hit(Mark::UnnamedRemoved);
                    disk.remove(&name)?;
                }
            }
        }
        Ok(())
    }
}

impl<'r> Recovery<'r> {
    fn new(
        disk: Arc<dyn Disk>,
        state: &Manifest,
        inventory: &Inventory,
        replay: &'r mut Replay<'r>,
    ) -> Recovery<'r> {
        Recovery {
            disk,
            salt: Salt::new(state.instance),
            epoch: state.epoch,
            durable: state.durable,
            log_start: state.log_start(),
            sidecars: inventory.sidecars.iter().copied().collect(),
            replay,
            chains: Chains::default(),
            suspicion: Suspicion::default(),
            damage: Vec::new(),
            next: state.log_start(),
            last_fact: Lsn::ZERO,
            n_records: 0,
            n_sidecars: 0,
            cut: None,
        }
    }

    /// A file that the manifest does not name, from after it was written: a leftover of a start or
    /// of a roll that did not come to its end, unless somebody wrote frames to it.
    fn refuse_unlisted(&self, inventory: &Inventory, next_segment: u32) -> Result<(), OpenError> {
        for segment in inventory.segments.iter().filter(|id| next_segment <= **id) {
            mark::hit(Mark::UnlistedTolerated);
            let name = files::segment_name(*segment);
            let file = self.disk.open(&name)?;
            let mut scan = Scan::new(name, *segment, file, self.salt)?;
            let mut at = 0;
            while let Some((found, header)) = scan.next_header(at)? {
                if !header.copied {
                    let what = "the manifest is older than a segment";
                    return Err(corrupt(SLOTS[0], 0, header.first, what));
                }
                at = found + header.frame_len();
            }
        }
        Ok(())
    }

    /// Reads all that the manifest names.
    fn read(&mut self, state: &Manifest) -> Result<FoundSegments, OpenError> {
        let mut found = FoundSegments::default();
        for (index, entry) in state.entries.iter().enumerate() {
            match entry.seal {
                Some(seal) => found.sealed.push(self.read_sealed(*entry, seal)?),
                None if index + 1 == state.entries.len() => {
                    let kept = mutant::enabled(Mutant::TailTrusted);
                    let id = if kept { entry.segment } else { state.next_segment };
                    let (pieces, copy) = self.read_tail(*entry, id)?;
                    found.tail = Some(OldTail { entry: *entry, pieces, copy });
                }
                None => {
                    let what = "a segment before the last is not sealed";
                    return Err(corrupt(SLOTS[0], 0, entry.first, what));
                }
            }
        }
        self.end()?;
        Ok(found)
    }
}

/// Damage that no chain can tell more about.
fn corrupt(file: &str, offset: u64, lsn: Lsn, what: &'static str) -> OpenError {
    let (file, streams) = (file.to_owned(), Vec::new());
    OpenError::Corrupt(Box::new(Corruption { file, offset, lsn, what, streams }))
}
