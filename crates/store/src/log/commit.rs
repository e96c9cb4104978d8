//! The one way to the disk: a group of frames, written and synced.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use crate::{
    disk::{DiskError, DiskFile, Trouble},
    files::Files,
    ids::Lsn,
    log::{Log, Poisoned},
    manifest::{Entry, Seal},
    mark::{self, Mark},
    mutant::{self, Mutant},
};

/// Room is given in blocks.
const BLOCK_BYTES: u32 = 4096;

/// How far a commit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// To the operating system: survives the process, not a power loss.
    Os,
    /// To the disk.
    Sync,
}

/// One thing to do, in order.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame, into the current segment.
    Write { offset: u32, bytes: Bytes, last: Lsn, watermark: Lsn },
    /// The current segment is full; a new one becomes current.
    Roll { sealed: Option<(u32, Seal)>, next: Entry },
}

/// Frames on their way to the disk. Run it where blocking is allowed, and hand the result to
/// [`Log::committed`]; until then the log gives out no other.
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct CommitJob {
    files: Arc<Files>,
    durability: Durability,
    steps: VecDeque<Step>,
    progress: Progress,
}

/// What a [`CommitJob`] came to.
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct CommitDone {
    progress: Progress,
    outcome: Outcome,
}

#[derive(Debug, Default)]
struct Progress {
    /// The current segment's file.
    file: Option<Arc<dyn DiskFile>>,
    created: Vec<(u32, Arc<dyn DiskFile>)>,
    sealed: Option<u32>,
    written: Lsn,
    synced: Lsn,
    /// The watermark of the last frame written, and of the last one synced.
    watermark: Lsn,
    witnessed: Lsn,
}

#[derive(Debug)]
enum Outcome {
    Finished,
    /// No room for a segment; what is left was not touched and can be tried again.
    Stalled(CommitJob),
    Failed(DiskError),
}

impl CommitJob {
    /// Writes the frames, makes new segments where they need one, and syncs. Blocks.
    pub fn run(mut self) -> CommitDone {
        while let Some(step) = self.steps.pop_front() {
            match self.take(&step) {
                Ok(()) => (),
                Err(Trouble::Fault(error)) => return self.done(Outcome::Failed(error)),
                Err(Trouble::Shortage(_)) if mutant::enabled(Mutant::NoSpaceAcknowledged) => {
                    return self.pretended();
                }
                Err(Trouble::Shortage(_)) => {
                    mark::hit(Mark::Stalled);
                    self.files.set_space_low(true);
                    self.steps.push_front(step);
                    return self.stalled();
                }
            }
        }
        let synced = if self.durability == Durability::Sync { self.sync() } else { Ok(()) };
        match synced {
            Ok(()) => self.done(Outcome::Finished),
            Err(error) => self.done(Outcome::Failed(error)),
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), Trouble> {
        match step {
            Step::Write { offset, bytes, last, watermark } => {
                let file = self.progress.file.as_ref();
                let lost = || DiskError::NotFound { name: "segment".to_owned() };
                file.ok_or_else(lost)?.write_at(u64::from(*offset), bytes)?;
                self.progress.written = *last;
                self.progress.watermark = *watermark;
            }
            Step::Roll { sealed, next } => self.roll(*sealed, *next)?,
        }
        Ok(())
    }

    /// The old segment is synced before the manifest says so, the new one before it is named.
    fn roll(&mut self, sealed: Option<(u32, Seal)>, next: Entry) -> Result<(), Trouble> {
        self.sync()?;
        let file = self.files.start_segment(next.segment, next.capacity, next.first)?;
        let durable = self.progress.synced;
        self.files.edit_manifest(|manifest| {
            if let Some((segment, seal)) = sealed
                && let Some(entry) = manifest.entries.iter_mut().find(|e| e.segment == segment)
            {
                entry.seal = Some(seal);
            }
            manifest.entries.push(next);
            manifest.next_segment = manifest.next_segment.max(next.segment + 1);
            manifest.durable = manifest.durable.max(durable);
        })?;
        mark::hit(Mark::Rolled);
        self.progress.sealed = sealed.map(|(segment, _)| segment).or(self.progress.sealed);
        self.progress.created.push((next.segment, Arc::clone(&file)));
        self.progress.file = Some(file);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        if let Some(file) =
            self.progress.file.as_ref().filter(|_| !mutant::enabled(Mutant::AckBeforeSync))
        {
            let synced = file.sync();
            if synced.is_err() && mutant::enabled(Mutant::SyncRetried) {
                file.sync()?;
            } else {
                synced?;
            }
        }
        self.progress.synced = self.progress.written;
        self.progress.witnessed = self.progress.watermark;
        Ok(())
    }

    fn done(self, outcome: Outcome) -> CommitDone {
        CommitDone { progress: self.progress, outcome }
    }

    /// Mutant: what finds no room counts as written.
    fn pretended(mut self) -> CommitDone {
        let written = |step: &Step| match step {
            Step::Write { last, watermark, .. } => Some((*last, *watermark)),
            Step::Roll { .. } => None,
        };
        if let Some((last, watermark)) = self.steps.iter().rev().find_map(written) {
            (self.progress.written, self.progress.synced) = (last, last);
            (self.progress.watermark, self.progress.witnessed) = (watermark, watermark);
        }
        self.done(Outcome::Finished)
    }

    fn stalled(mut self) -> CommitDone {
        let file = self.progress.file.clone();
        let Progress { written, synced, watermark, witnessed, .. } = self.progress;
        let rest = Progress { file, written, synced, watermark, witnessed, ..Progress::default() };
        let progress = std::mem::replace(&mut self.progress, rest);
        CommitDone { progress, outcome: Outcome::Stalled(self) }
    }
}

impl Log {
    /// Everything appended so far, as one job; `None` while one is under way, if there is nothing
    /// to do, and once the log is poisoned.
    ///
    /// After a commit that found no room ([`Log::is_stalled`]) this gives the rest of it again.
    pub fn take_commit(&mut self, durability: Durability) -> Option<CommitJob> {
        if self.in_flight || self.poison.is_some() {
            return None;
        }
        if let Some(mut job) = self.stalled.take() {
            job.durability = job.durability.max(durability);
            self.in_flight = true;
            return Some(job);
        }
        self.close_frame();
        let unsynced = durability == Durability::Sync && self.synced < self.durable;
        if self.queue.steps.is_empty() && !unsynced {
            return None;
        }
        self.in_flight = true;
        let steps = self.queue.take();
        let progress = Progress {
            file: self.write_file.clone(),
            written: self.durable,
            synced: self.synced,
            watermark: self.watermark,
            witnessed: self.witnessed,
            ..Progress::default()
        };
        Some(CommitJob { files: Arc::clone(&self.files), durability, steps, progress })
    }

    /// Asks for no more room than what is written down already needs: the reserve may have that.
    fn shrink(&mut self, job: &mut CommitJob) {
        self.close_frame();
        let mut queue = std::mem::take(&mut self.queue.steps);
        for step in job.steps.iter_mut().chain(&mut queue) {
            let Step::Roll { next, .. } = step else { continue };
            let Some(segment) = self.segment_mut(next.segment) else { continue };
            let capacity = segment.end.next_multiple_of(BLOCK_BYTES).min(segment.capacity);
            let given_back = segment.capacity - capacity;
            segment.capacity = capacity;
            next.capacity = capacity;
            self.bytes_total -= u64::from(given_back);
        }
        self.queue.steps = queue;
    }

    /// Takes note of a job's result. Returns up to where records may be acknowledged, at the
    /// durability that the jobs were taken with.
    ///
    /// # Errors
    ///
    /// If the job failed, or the log was poisoned before: nothing of the group is acknowledged.
    pub fn committed(&mut self, done: CommitDone) -> Result<Lsn, Poisoned> {
        self.in_flight = false;
        let CommitDone { progress, outcome } = done;
        for (id, file) in progress.created {
            if let Some(segment) = self.segment_mut(id) {
                segment.file = Some(file);
            }
        }
        if let Outcome::Failed(error) = outcome {
            mark::hit(Mark::CommitFailed);
            return Err(self.poison(Poisoned::Disk(error)));
        }
        if let Some(poison) = &self.poison {
            return Err(poison.clone());
        }
        if let Outcome::Stalled(mut job) = outcome {
            self.shrink(&mut job);
            self.stalled = Some(job);
        }
        self.write_file = progress.file;
        self.sealed_through = progress.sealed.or(self.sealed_through);
        self.durable = progress.written;
        self.synced = progress.synced;
        self.watermark = progress.watermark;
        self.witnessed = progress.witnessed;
        self.tail_frames.trim(self.durable);
        self.free_dead();
        Ok(self.durable)
    }
}
