//! Giving back the oldest segments.

use std::sync::Arc;

use crate::{
    disk::{DiskError, DiskFile},
    files::{self, Files},
    ids::{Lsn, Position},
    log::{
        Log, Poisoned,
        segment::{Segment, SegmentInfo},
    },
    mark::{self, Mark},
    mutant::{self, Mutant},
};

/// Takes segments out of the manifest, then their files into the pool or away. Hand the result to
/// [`Log::reclaimed`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct ReclaimJob {
    files: Arc<Files>,
    segments: Vec<Retired>,
    durable: Lsn,
}

#[derive(Debug)]
struct Retired {
    id: u32,
    capacity: u32,
    file: Option<Arc<dyn DiskFile>>,
}

/// What a [`ReclaimJob`] came to.
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct ReclaimDone(Result<(), DiskError>);

/// Why segments can't be released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// A message lives there.
    #[error("segment {segment} still holds {bytes} live bytes")]
    Live {
        /// The segment.
        segment: u32,
        /// Bytes of messages that nobody has released.
        bytes: u64,
    },
    /// The segment is the one being written, or unknown.
    #[error("segment {segment} is not sealed")]
    NotSealed {
        /// The segment.
        segment: u32,
    },
}

impl ReclaimJob {
    /// Does it. Blocks.
    pub fn run(mut self) -> ReclaimDone {
        ReclaimDone(self.retire())
    }

    fn retire(&mut self) -> Result<(), DiskError> {
        mark::hit(Mark::Reclaimed);
        if mutant::enabled(Mutant::UnlinkedFirst) {
            self.retire_files()?;
        }
        let gone = |id: u32| self.segments.iter().any(|segment| segment.id == id);
        self.files.edit_manifest(|manifest| {
            manifest.entries.retain(|entry| !gone(entry.segment));
            manifest.durable = manifest.durable.max(self.durable);
        })?;
        self.retire_files()
    }

    fn retire_files(&mut self) -> Result<(), DiskError> {
        for Retired { id, capacity, file } in self.segments.drain(..) {
            if let Some(file) = file {
                self.files.retire(id, capacity, &file)?;
            }
        }
        Ok(())
    }
}

impl Log {
    /// The segments, oldest first.
    pub fn segments(&self) -> impl Iterator<Item = SegmentInfo> {
        let sealed = self.sealed.values().map(|segment| segment.info(true));
        sealed.chain(self.tail.iter().map(|segment| segment.info(false)))
    }

    /// The oldest segment.
    pub fn oldest_segment(&self) -> Option<SegmentInfo> {
        self.segments().next()
    }

    /// The segment that holds a record.
    pub fn segment_of(&self, lsn: Lsn) -> Option<u32> {
        let holds = |info: &SegmentInfo| info.first <= lsn && (lsn <= info.last || !info.sealed);
        self.segments().find(holds).map(|info| info.id)
    }

    /// The message at this position is of no more use to anybody.
    ///
    /// In memory this frees the segment when it was the last one there.
    pub fn released(&mut self, at: Position, len: u32) {
        self.released_bytes(at.segment, u64::from(len));
    }

    /// Like [`Log::released`], for many messages of one segment at once.
    pub fn released_bytes(&mut self, segment: u32, bytes: u64) {
        let memory = self.files.manifest.is_none();
        let Some(found) = self.segment_mut(segment) else { return };
        debug_assert!(bytes <= found.live, "released once");
        found.live = found.live.saturating_sub(bytes);
        if memory && found.live == 0 {
            self.maybe_dead.push(segment);
            if !self.in_flight {
                self.free_dead();
            }
        }
    }

    /// Gives back all segments up to this one, as soon as everything appended until now is synced.
    ///
    /// Call it when no message lives there, and after appending a new snapshot of every object
    /// whose last one, or whose changes since, are there.
    ///
    /// # Errors
    ///
    /// If a message lives there, or the segment is still written to.
    pub fn release_through(&mut self, segment: u32) -> Result<(), ReleaseError> {
        if !self.sealed.contains_key(&segment) {
            return Err(ReleaseError::NotSealed { segment });
        }
        if let Some(found) = self.sealed.range(..=segment).find(|(_, found)| 0 < found.live) {
            return Err(ReleaseError::Live { segment: *found.0, bytes: found.1.live });
        }
        let after = self.appended();
        self.release = Some((segment, after));
        Ok(())
    }

    /// The job that gives back released segments; `None` until it is safe, or while one is under
    /// way.
    pub fn take_reclaim(&mut self) -> Option<ReclaimJob> {
        let (through, after) = self.release?;
        let early = mutant::enabled(Mutant::ReleasedEarly);
        let safe = (early || after <= self.synced) && Some(through) <= self.sealed_through;
        if !safe || self.reclaiming || self.poison.is_some() {
            return None;
        }
        self.release = None;
        self.reclaiming = true;
        let kept = self.sealed.split_off(&(through + 1));
        let gone = std::mem::replace(&mut self.sealed, kept);
        self.tail_frames.drop_through(through);
        self.bytes_total -= gone.values().map(|segment| u64::from(segment.capacity)).sum::<u64>();
        let retired = |(id, segment): (u32, Segment)| Retired {
            id,
            capacity: segment.capacity,
            file: segment.file,
        };
        let segments = gone.into_iter().map(retired).collect();
        Some(ReclaimJob { files: Arc::clone(&self.files), segments, durable: self.synced })
    }

    /// Takes note of a job's result.
    ///
    /// # Errors
    ///
    /// An I/O error poisons the log.
    pub fn reclaimed(&mut self, done: ReclaimDone) -> Result<(), Poisoned> {
        self.reclaiming = false;
        done.0.map_err(|error| {
            mark::hit(Mark::ReclaimFailed);
            self.poison(Poisoned::Disk(error))
        })
    }

    /// In memory, frees sealed segments without live messages; elsewhere that is the sweeper's.
    pub(crate) fn free_dead(&mut self) {
        if self.files.manifest.is_some() {
            return;
        }
        let durable = self.durable;
        let mut waiting = std::mem::take(&mut self.maybe_dead);
        waiting.retain(|id| {
            let Some(found) = self.sealed.get(id).filter(|found| found.live == 0) else {
                return false;
            };
            if found.file.is_none() || durable < found.last {
                return true;
            }
            self.bytes_total -= u64::from(found.capacity);
            self.sealed.remove(id);
            // The memory disk has the file under this name; it can't fail to forget it.
            _ = self.files.disk.remove(&files::segment_name(*id));
            false
        });
        self.maybe_dead = waiting;
    }
}
