//! Reading a sealed segment from start to end: for its sidecar, and to find damage before somebody
//! misses what it took.

use std::sync::Arc;

use tradewind_subject::int;

use crate::{
    disk::{DiskError, DiskFile, Trouble},
    files::{self, Files},
    frame::{self, Layout},
    ids::{Lsn, Position},
    log::{
        Corruption, Log, Poisoned,
        scan::Scan,
        segment::{Segment, SegmentInfo},
        sidecar::{Builder, Identity, Place},
    },
    manifest::Role,
};

/// Checks one segment, and writes its sidecar if it has none. Run it where blocking is allowed, and
/// hand the result to [`Log::inspected`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct InspectJob {
    files: Arc<Files>,
    file: Arc<dyn DiskFile>,
    identity: Identity,
    wants_sidecar: bool,
}

/// What an [`InspectJob`] came to.
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct InspectDone {
    segment: u32,
    outcome: Result<Verdict, DiskError>,
}

/// What there is to look through for damage.
#[derive(Debug)]
pub enum Scrub {
    /// A segment.
    Job {
        /// Its first record.
        first: Lsn,
        /// The job.
        job: InspectJob,
    },
    /// Nothing is left: start over.
    End,
    /// Something, but not now.
    Busy,
}

#[derive(Debug)]
enum Verdict {
    Sound { has_sidecar: bool },
    Damaged { offset: u32, what: &'static str },
}

impl InspectJob {
    /// Does it. Blocks.
    pub fn run(self) -> InspectDone {
        InspectDone { segment: self.identity.segment, outcome: self.inspect() }
    }

    fn inspect(&self) -> Result<Verdict, DiskError> {
        let damaged = |offset, what| Ok(Verdict::Damaged { offset, what });
        let Identity { segment, seal, .. } = self.identity;
        let salt = self.files.salt;
        let name = files::segment_name(segment);
        let mut scan = Scan::new(name, segment, Arc::clone(&self.file), salt)?;
        if scan.len < int::usize_from_u32(seal.len) {
            return damaged(int::u32_saturating(scan.len), "a segment is truncated");
        }
        scan.len = int::usize_from_u32(seal.len);
        let mut builder = Builder::default();
        let (mut at, mut content) = (Layout::DISK.segment_head, 0);
        while at < seal.len {
            let frame = match scan.frame(int::usize_from_u32(at)) {
                Ok(Some(frame)) => frame,
                Ok(None) => return damaged(at, "a frame is damaged"),
                Err(DiskError::Io { .. } | DiskError::Short { .. }) => {
                    return damaged(at, "a frame can't be read");
                }
                Err(error) => return Err(error),
            };
            if self.wants_sidecar {
                for (offset, len, decoded) in frame.records() {
                    let record = &frame.bytes[offset..offset + len];
                    let offset = at + int::u32_saturating(offset);
                    let place = Place { lsn: decoded.lsn, offset, len: int::u32_saturating(len) };
                    builder.add(place, record, &decoded);
                }
            }
            content = frame::add_sum(content, frame.trailer);
            at += int::u32_saturating(frame.bytes.len());
        }
        if content != seal.content {
            return damaged(0, "a segment is not what was sealed");
        }
        let mut has_sidecar = !self.wants_sidecar;
        if self.wants_sidecar {
            let sidecar = builder.finish(salt, &self.identity);
            has_sidecar =
                self.files.write_sidecar(segment, &sidecar).map_err(Trouble::into_error)?;
        }
        Ok(Verdict::Sound { has_sidecar })
    }
}

impl Log {
    /// A job for the oldest sealed segment without a sidecar, if there is one.
    pub fn take_index_job(&mut self) -> Option<InspectJob> {
        if self.space_low() || self.indexed_at == Some(self.n_rolls) {
            return None;
        }
        let mut all = self.cold.values().chain(self.sealed.values());
        let next = all.find(|it| !it.has_sidecar && !it.is_damaged && !it.is_unreadable);
        let Some(Segment { id, .. }) = next else {
            self.indexed_at = Some(self.n_rolls);
            return None;
        };
        self.inspect(*id)
    }

    /// What looks for damage in the sealed segment that starts next behind `after`.
    pub fn take_scrub_job(&mut self, after: Lsn) -> Scrub {
        if !self.can_inspect() {
            return Scrub::Busy;
        }
        let next = self
            .segments()
            .find(|it| it.sealed && after < it.first && !it.is_damaged && !it.is_unreadable);
        match next {
            None => Scrub::End,
            Some(SegmentInfo { id, first, .. }) => match self.inspect(id) {
                Some(job) => Scrub::Job { first, job },
                None => Scrub::Busy,
            },
        }
    }

    fn can_inspect(&self) -> bool {
        let is_busy = self.sweeping || self.inspecting || self.poison.is_some();
        !is_busy && self.files.manifest.is_some()
    }

    fn inspect(&mut self, segment: u32) -> Option<InspectJob> {
        if !self.can_inspect() {
            return None;
        }
        let found = self.segment(segment)?;
        let is_sealed = found.role == Role::Cold || Some(segment) <= self.sealed_through;
        let file = found.file.as_ref().filter(|_| is_sealed)?;
        let job = InspectJob {
            files: Arc::clone(&self.files),
            file: Arc::clone(file),
            identity: Identity::of(found),
            wants_sidecar: !found.has_sidecar,
        };
        self.inspecting = true;
        Some(job)
    }

    /// Takes note of a job's result.
    ///
    /// # Errors
    ///
    /// An I/O error, other than one of reading, poisons the log.
    pub fn inspected(&mut self, done: InspectDone) -> Result<(), Poisoned> {
        self.inspecting = false;
        let InspectDone { segment, outcome } = done;
        match outcome {
            Ok(Verdict::Sound { has_sidecar }) => {
                if !has_sidecar {
                    // Tried again with the next segment.
                    self.indexed_at = Some(self.n_rolls);
                }
                if let Some(found) = self.segment_mut(segment) {
                    found.has_sidecar = has_sidecar;
                }
                Ok(())
            }
            Ok(Verdict::Damaged { offset, what }) => {
                self.note_damage(Position { segment, offset }, what);
                Ok(())
            }
            Err(DiskError::TooManyFiles { .. }) => {
                self.indexed_at = Some(self.n_rolls);
                Ok(())
            }
            Err(error) => Err(self.poison(Poisoned::Disk(error))),
        }
    }

    /// Something that was stored can't be read any more: its segment stays as it is.
    pub fn note_damage(&mut self, at: Position, what: &'static str) {
        let Some(segment) = self.segment_mut(at.segment) else { return };
        if std::mem::replace(&mut segment.is_unreadable, true) {
            return;
        }
        let streams = segment.spans.iter().map(|span| span.stream).collect();
        let Segment { first, .. } = *segment;
        let file = files::segment_name(at.segment);
        let offset = u64::from(at.offset);
        self.damage.push(Corruption { file, offset, lsn: first, what, streams });
    }

    /// Damage found since the last call, besides what the opening reported.
    pub fn take_damage(&mut self) -> Vec<Corruption> {
        std::mem::take(&mut self.damage)
    }
}
