//! Taking segments out of the manifest, and then their files away.

use std::sync::Arc;

use super::{Sweep, SweepKind, copy::Target};
use crate::{
    disk::{DiskError, DiskFile, Trouble},
    files::{self, Files},
    ids::Lsn,
    log::{Log, Poisoned, segment::Segment},
    manifest::{Entry, Role},
    mark::{self, Mark},
    mutant::{self, Mutant},
};

/// Changes the manifest for a sweep. Run it where blocking is allowed, and hand the result to
/// [`Log::swapped`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct SwapJob {
    files: Arc<Files>,
    sweep: Sweep,
    target: Option<Segment>,
    durable: Lsn,
}

/// What a [`SwapJob`] came to.
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct SwapDone(SwapJob, Result<(), Trouble>);

/// Takes away the files of segments that no manifest names any more. Hand the result to
/// [`Log::retired`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct RetireJob {
    files: Arc<Files>,
    segments: Vec<Retired>,
}

#[derive(Debug)]
struct Retired {
    id: u32,
    capacity: u32,
    has_sidecar: bool,
    file: Option<Arc<dyn DiskFile>>,
}

/// What a [`RetireJob`] came to.
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct RetireDone(Result<(), DiskError>);

impl SwapJob {
    /// Does it. Blocks.
    pub fn run(self) -> SwapDone {
        let early = mutant::enabled(Mutant::UnlinkedFirst) && self.sweep.kind != SweepKind::Adopt;
        let gone = if early { self.unlink() } else { Ok(()) };
        let done = gone.map_err(Trouble::Fault).and_then(|()| self.swap());
        SwapDone(self, done)
    }

    /// Mutant: the files go before the manifest stops naming them.
    fn unlink(&self) -> Result<(), DiskError> {
        let names = self.sweep.sources.iter().map(|id| files::segment_name(*id));
        names.into_iter().try_for_each(|name| self.files.disk.remove(&name))
    }

    fn swap(&self) -> Result<(), Trouble> {
        let is_source = |entry: &Entry| self.sweep.sources.contains(&entry.segment);
        self.files.edit_manifest(|manifest| {
            match self.sweep.kind {
                SweepKind::Adopt => {
                    for entry in manifest.entries.iter_mut().filter(|entry| is_source(entry)) {
                        entry.role = Role::Cold;
                    }
                }
                SweepKind::Drop | SweepKind::Copy => {
                    manifest.entries.retain(|entry| !is_source(entry));
                }
            }
            if let Some(target) = &self.target {
                let seal = Some(target.seal());
                manifest.insert(Entry { seal, ..target.entry() });
                manifest.next_segment = manifest.next_segment.max(target.id + 1);
            }
            manifest.durable = manifest.durable.max(self.durable);
        })
    }
}

impl RetireJob {
    /// Does it. Blocks.
    pub fn run(mut self) -> RetireDone {
        RetireDone(self.retire())
    }

    fn retire(&mut self) -> Result<(), DiskError> {
        for Retired { id, capacity, has_sidecar, file } in self.segments.drain(..) {
            if has_sidecar {
                self.files.remove_sidecar(id)?;
            }
            if let Some(file) = file.filter(|_| !mutant::enabled(Mutant::UnlinkedFirst)) {
                self.files.retire(id, capacity, &file)?;
            }
        }
        Ok(())
    }
}

impl Log {
    /// The change of the manifest for a sweep, with the copy that was made of what lives in its
    /// sources.
    ///
    /// Before, every fact must have been appended again that is known only from the sources, and
    /// synced: see [`Log::synced`].
    pub fn swap(&mut self, sweep: Sweep, target: Option<Box<Target>>) -> SwapJob {
        self.sweeping = true;
        let live = |id: &u32| self.segment(*id).map_or(0, |segment| segment.live);
        let is_dead = sweep.sources.iter().all(|id| live(id) == 0);
        debug_assert!(sweep.kind != SweepKind::Drop || is_dead, "nothing lives in what is dropped");
        SwapJob {
            files: Arc::clone(&self.files),
            sweep,
            target: target.map(|target| target.0),
            durable: self.synced,
        }
    }

    /// At a clean stop: a job that writes into the manifest how far the log goes, so that a tail of
    /// which the end is gone is known to be damaged. None if the manifest knows, or the log has no
    /// time for it.
    pub fn take_witness(&mut self) -> Option<SwapJob> {
        let known = self.files.manifest.as_ref()?.lock().state().durable;
        if self.sweeping || self.poison.is_some() || self.synced <= known {
            return None;
        }
        let sources = Vec::new();
        let (kind, log_through, freed_bytes) = (SweepKind::Adopt, Lsn::ZERO, 0);
        Some(self.swap(Sweep { sources, kind, log_through, freed_bytes, excess_bytes: 0 }, None))
    }

    /// Takes note of a job's result. Messages that were copied can be read at both places until
    /// [`Log::retire`]; false if there was no room for the change, which is then given up.
    ///
    /// # Errors
    ///
    /// An I/O error poisons the log.
    pub fn swapped(&mut self, done: SwapDone) -> Result<bool, Poisoned> {
        let SwapDone(SwapJob { sweep, target, .. }, result) = done;
        match result {
            Err(Trouble::Fault(error)) => return Err(self.poison(Poisoned::Disk(error))),
            Err(Trouble::Shortage(_)) => {
                self.files.set_space_low(true);
                self.sweeping = false;
                return Ok(false);
            }
            Ok(()) => (),
        }
        mark::hit(match sweep.kind {
            SweepKind::Adopt if sweep.sources.is_empty() => Mark::Witnessed,
            SweepKind::Drop => Mark::Dropped,
            SweepKind::Adopt => Mark::Adopted,
            SweepKind::Copy => Mark::Swapped,
        });
        if sweep.kind == SweepKind::Adopt {
            for id in &sweep.sources {
                if let Some(mut segment) = self.take_segment(*id) {
                    segment.role = Role::Cold;
                    self.cold.insert(*id, segment);
                }
            }
            self.sweeping = false;
        }
        if let Some(target) = target {
            self.cold.insert(target.id, target);
        }
        Ok(true)
    }

    /// Takes away the sources of a sweep that is over, once no message is looked for there.
    pub fn retire(&mut self, sources: &[u32]) -> RetireJob {
        let last = self.last_of(sources);
        debug_assert!(last <= self.synced, "what is given back was written");
        let segments: Vec<Retired> = sources
            .iter()
            .filter_map(|id| {
                self.tail_frames.drop_segment(*id);
                let Segment { id, capacity, has_sidecar, file, .. } = self.take_segment(*id)?;
                Some(Retired { id, capacity, has_sidecar, file })
            })
            .collect();
        RetireJob { files: Arc::clone(&self.files), segments }
    }

    /// Takes note of a job's result.
    ///
    /// # Errors
    ///
    /// An I/O error poisons the log.
    pub fn retired(&mut self, done: RetireDone) -> Result<(), Poisoned> {
        self.sweeping = false;
        done.0.map_err(|error| {
            mark::hit(Mark::ChoreFailed);
            self.poison(Poisoned::Disk(error))
        })
    }
}
