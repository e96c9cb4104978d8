//! Opening a log: what is there, what of it is true, and a fresh segment to go on with.

mod copy;
mod error;
mod inventory;

use std::sync::Arc;

use tradewind_subject::int;

use crate::{
    disk::{Disk, DiskError},
    files,
    frame::{Frame, Layout, Salt, is_segment_head},
    ids::{Lsn, Position},
    log::{
        Log, LogOptions,
        chains::Chains,
        scan::{Damage, Scan},
        segment::{self, Segment},
    },
    manifest::{Entry, SLOTS},
    mark::{self, Mark},
    mutant::{self, Mutant},
    record::{Record, codec::Body},
};
use inventory::Inventory;

pub use error::{Corruption, Cut, OpenError, RecoveryReport, ReplayError, Replayed};

type Replay<'r> = dyn FnMut(Replayed<'_>) -> Result<(), ReplayError> + 'r;

/// A log while it is being read.
struct Recovery<'r> {
    salt: Salt,
    epoch: u64,
    /// Everything up to here was once synced.
    durable: Lsn,
    scans: Vec<Scan>,
    replay: &'r mut Replay<'r>,
    chains: Chains,
    next: Lsn,
    last_fact: Lsn,
    n_records: u64,
    cut: Option<Cut>,
}

impl Log {
    /// Opens the log of a directory, or starts one if the directory is empty. Blocks; for start-up
    /// only.
    ///
    /// Every record goes through `replay` in the order of its LSN, once all frames before it were
    /// found valid; after an error, forget what was replayed. Nothing on the disk is changed
    /// before the last record was replayed, and nothing at all if that fails.
    ///
    /// # Errors
    ///
    /// If the directory is locked, foreign, newer or damaged, if the disk fails, or `replay` does.
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
        let mut recovery = Recovery {
            salt: Salt::new(state.instance),
            epoch: state.epoch,
            durable: state.durable,
            scans: Vec::new(),
            replay,
            chains: Chains::default(),
            next: state.entries.first().map_or_else(|| state.durable.next(), |entry| entry.first),
            last_fact: Lsn::ZERO,
            n_records: 0,
            cut: None,
        };
        recovery.refuse_unlisted(&*disk, &inventory, state.next_segment)?;
        recovery.open_listed(&*disk, &state.entries)?;
        let mut sealed = Vec::new();
        let mut tail = None;
        for (index, entry) in state.entries.iter().enumerate() {
            if entry.seal.is_some() {
                sealed.push(recovery.read_sealed(index, *entry)?);
            } else {
                let kept = mutant::enabled(Mutant::TailTrusted);
                let copy = if kept { entry.segment } else { state.next_segment };
                let frames = recovery.read_tail(index, copy)?;
                tail = Some((*entry, frames));
            }
        }
        let files = inventory.files((disk, lock), manifest, &options, &sealed)?;
        let log = Log::new(Arc::new(files), options, state.next_segment);
        log.adopt(recovery, sealed, tail.as_ref(), &inventory)
    }

    /// Goes on where the recovery ended: in a fresh segment, in a new epoch.
    fn adopt(
        mut self,
        recovery: Recovery<'_>,
        sealed: Vec<Segment>,
        tail: Option<&(Entry, Vec<(Frame, u64)>)>,
        inventory: &Inventory,
    ) -> Result<(Log, RecoveryReport), OpenError> {
        let last = recovery.next.prev();
        self.next = recovery.next;
        (self.durable, self.synced) = (last, last);
        (self.watermark, self.witnessed) = (last, last);
        self.last_fact = recovery.last_fact;
        self.chains = recovery.chains;
        self.bytes_total = sealed.iter().map(|segment| u64::from(segment.capacity)).sum();
        self.sealed_through = sealed.last().map(|segment| segment.id);
        self.sealed = sealed.into_iter().map(|segment| (segment.id, segment)).collect();
        if let Some(manifest) = &self.files.manifest {
            manifest.lock().refresh()?;
        }
        let leftover = |id: &&u32| self.next_segment <= **id;
        for segment in inventory.segments.iter().filter(leftover) {
            // A name that is already there may not be durable, and using it again would not make
            // it so.
            mark::hit(Mark::LeftoverRemoved);
            self.files.disk.remove(&files::segment_name(*segment))?;
        }
        let frames = tail.map_or(&[][..], |(_, frames)| frames);
        let n_known = self.next_segment;
        self.tail = match tail {
            Some((entry, _)) if mutant::enabled(Mutant::TailTrusted) => {
                self.keep_tail(*entry, frames)?
            }
            _ => self.copy_tail(frames)?,
        };
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
        let Recovery { scans, n_records, cut, .. } = recovery;
        let n_segments = scans.len();
        // What the durable manifest no longer names.
        drop(scans);
        let unnamed = |id: &&u32| **id < n_known && self.segment(**id).is_none();
        for segment in inventory.segments.iter().filter(unnamed) {
            if let Some((entry, _)) = tail.filter(|(entry, _)| entry.segment == *segment) {
                mark::hit(Mark::OldTailKept);
                let file = self.files.disk.open(&files::segment_name(*segment))?;
                self.files.retire(*segment, entry.capacity, &file)?;
            } else {
                mark::hit(Mark::UnnamedRemoved);
                self.files.disk.remove(&files::segment_name(*segment))?;
            }
        }
        let report = RecoveryReport { epoch: self.files.epoch, n_segments, n_records, last, cut };
        Ok((self, report))
    }
}

impl Recovery<'_> {
    /// A file that the manifest does not name, from after it was written: a leftover of a start or
    /// of a roll that did not come to its end, unless somebody wrote frames to it.
    fn refuse_unlisted(
        &self,
        disk: &dyn Disk,
        inventory: &Inventory,
        next_segment: u32,
    ) -> Result<(), OpenError> {
        if mutant::enabled(Mutant::StaleManifest) {
            return Ok(());
        }
        for segment in inventory.segments.iter().filter(|id| next_segment <= **id) {
            mark::hit(Mark::UnlistedTolerated);
            let name = files::segment_name(*segment);
            let mut scan =
                Scan::new(name, *segment, disk.open(&files::segment_name(*segment))?, self.salt)?;
            let mut at = 0;
            while let Some((found, header)) = scan.next_header(at)? {
                if !header.copied {
                    mark::hit(Mark::OldManifest);
                    let what = "the manifest is older than a segment";
                    return Err(corrupt(SLOTS[0], 0, header.first, what));
                }
                at = found + header.frame_len();
            }
        }
        Ok(())
    }

    fn open_listed(&mut self, disk: &dyn Disk, entries: &[Entry]) -> Result<(), OpenError> {
        for (index, entry) in entries.iter().enumerate() {
            let name = files::segment_name(entry.segment);
            let file = match disk.open(&name) {
                Err(DiskError::NotFound { .. }) => {
                    mark::hit(Mark::MissingSegment);
                    return Err(corrupt(&name, 0, entry.first, "a segment is missing"));
                }
                opened => opened?,
            };
            let mut scan = Scan::new(name, entry.segment, file, self.salt)?;
            let what = if scan.len < int::usize_from_u32(entry.capacity) {
                mark::hit(Mark::TruncatedSegment);
                Some("a segment is truncated")
            } else if !is_segment_head(&scan.bytes(0, 64)?, self.salt, entry.segment) {
                mark::hit(Mark::DamagedHead);
                Some("the head of a segment is damaged")
            } else if entry.seal.is_none() && index + 1 != entries.len() {
                Some("a segment before the last is not sealed")
            } else {
                None
            };
            if let Some(what) = what {
                return Err(corrupt(&scan.name, 0, entry.first, what));
            }
            scan.len = entry.seal.map_or(scan.len, |seal| int::usize_from_u32(seal.len));
            self.scans.push(scan);
        }
        Ok(())
    }

    /// Replays a sealed segment; all of it was synced, so anything wrong is damage.
    fn read_sealed(&mut self, index: usize, entry: Entry) -> Result<Segment, OpenError> {
        let head = Layout::DISK.segment_head;
        let mut segment = Segment::new(entry.segment, entry.capacity, entry.first, head);
        mark::hit(Mark::SealedRead);
        if entry.first != self.next {
            return Err(self.damage(index, 0, "records are missing before a segment")?);
        }
        while int::usize_from_u32(segment.end) < self.scans[index].len {
            let at = int::usize_from_u32(segment.end);
            let Some(frame) = self.frame(index, at)? else {
                mark::hit(Mark::DamagedSealed);
                if mutant::enabled(Mutant::SealNotChecked) {
                    self.next = entry.seal.map_or(self.next, |seal| seal.last.next());
                    segment.file = Some(Arc::clone(&self.scans[index].file));
                    return Ok(segment);
                }
                return Err(self.damage(index, at, "a frame is damaged")?);
            };
            let start = Position { segment: entry.segment, offset: segment.end };
            segment.live += self.replay(&frame, start)?;
            let len = int::u32_saturating(frame.bytes.len());
            segment.add_frame(len, frame.trailer, frame.last());
        }
        if entry.seal != Some(segment.seal()) {
            return Err(self.damage(index, 0, "a segment is not what was sealed")?);
        }
        segment.file = Some(Arc::clone(&self.scans[index].file));
        Ok(segment)
    }

    /// Replays the segment that was being written, as the segment that its copy will be.
    ///
    /// Its frames end where one is torn, unless something on the disk says that this was synced.
    fn read_tail(&mut self, index: usize, copy: u32) -> Result<Vec<(Frame, u64)>, OpenError> {
        let mut frames = Vec::new();
        let mut at = int::usize_from_u32(Layout::DISK.segment_head);
        while let Some(frame) = self.frame(index, at)? {
            let start = Position { segment: copy, offset: int::u32_saturating(at) };
            let live = self.replay(&frame, start)?;
            at += frame.bytes.len();
            frames.push((frame, live));
        }
        if self.scans[index].header(at)?.is_some() {
            mark::hit(Mark::TornEnd);
        }
        if mutant::enabled(Mutant::CutAtFirstBad) {
            return Ok(frames);
        }
        if self.next <= self.durable {
            mark::hit(Mark::DamagedTail);
            return Err(self.damage(index, at, "synced records are damaged")?);
        }
        let mut from = at;
        while let Some((found, header)) = self.scans[index].next_header(from)? {
            if self.next <= header.watermark || self.epoch < header.epoch {
                mark::hit(Mark::DamagedTail);
                return Err(self.damage(index, at, "synced records are damaged")?);
            }
            mark::hit(Mark::TornBeforeOthers);
            let file = self.scans[index].name.clone();
            self.cut = Some(Cut { file, offset: int::u64_from(at), lsn: self.next });
            from = found + 1;
        }
        Ok(frames)
    }

    /// The frame at a place, if it is valid and the next one.
    fn frame(&mut self, index: usize, at: usize) -> Result<Option<Frame>, OpenError> {
        let frame = self.scans[index].frame(at)?;
        let (next, epoch) = (self.next, self.epoch);
        let fits = |frame: &Frame| frame.header.first == next && frame.header.epoch <= epoch;
        Ok(frame.filter(fits))
    }

    /// Replays a frame, and returns the bytes of its messages.
    fn replay(&mut self, frame: &Frame, start: Position) -> Result<u64, OpenError> {
        let mut live = 0;
        for (offset, len, decoded) in frame.records() {
            self.next = decoded.lsn.next();
            let Body::Record(record) = decoded.body else {
                mark::hit(Mark::ReplayIdle);
                self.chains.start_round();
                continue;
            };
            mark::hit(Mark::of_replayed(&record));
            let stream = record.stream();
            let name = || files::segment_name(start.segment);
            if self.chains.last(stream).is_some_and(|last| last != decoded.prev) {
                let what = "a stream's record is missing";
                return Err(corrupt(&name(), u64::from(start.offset), decoded.lsn, what));
            }
            let gone = matches!(record, Record::StreamGone { .. });
            self.chains.advance(stream, decoded.lsn, gone);
            self.last_fact = decoded.lsn;
            self.n_records += 1;
            let len = int::u32_saturating(len);
            if matches!(record, Record::Publish { .. }) {
                live += u64::from(len);
            }
            let offset = start.offset + int::u32_saturating(offset);
            let position = Position { segment: start.segment, offset };
            (self.replay)(Replayed { lsn: decoded.lsn, position, len, record })?;
        }
        Ok(live)
    }

    /// Describes damage: what is next should have been at this place.
    fn damage(
        &mut self,
        index: usize,
        at: usize,
        what: &'static str,
    ) -> Result<OpenError, OpenError> {
        let mut damage = Damage::new(self.next);
        let mut from = at;
        for scan in &mut self.scans[index..] {
            damage.look(scan, from)?;
            from = 0;
        }
        Ok(OpenError::Corrupt(Box::new(Corruption {
            file: self.scans[index].name.clone(),
            offset: int::u64_from(at),
            lsn: self.next,
            what,
            streams: damage.streams.into_iter().collect(),
        })))
    }
}

/// Damage that no chain can tell more about.
fn corrupt(file: &str, offset: u64, lsn: Lsn, what: &'static str) -> OpenError {
    let (file, streams) = (file.to_owned(), Vec::new());
    OpenError::Corrupt(Box::new(Corruption { file, offset, lsn, what, streams }))
}
