//! Segments made ahead of need, so that a commit does not wait for the file system, and room set
//! aside, so that a full disk is noticed early and does not stand in the way of what makes room.

use std::sync::{Arc, atomic::Ordering};

use tradewind_subject::int;

use crate::{
    disk::{DiskError, Trouble},
    files::{self, Files, Spare},
    log::{Log, Poisoned},
    mark::{self, Mark},
};

/// Refills the pool of spare segments. Run it when the disk has nothing better to do, and hand the
/// result to [`Log::pooled`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct PoolJob {
    files: Arc<Files>,
    /// What to set aside.
    reserve_bytes: u64,
    segment_bytes: [u32; 4],
}

/// What a [`PoolJob`] came to.
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct PoolDone(Result<Filled, DiskError>);

#[derive(Debug)]
enum Filled {
    /// As far as there is room.
    Done,
    /// There are no descriptors for it.
    Short,
}

impl PoolJob {
    /// Makes and zeroes the files that are missing, and looks at the space left. Blocks.
    pub fn run(self) -> PoolDone {
        PoolDone(match self.refill() {
            Ok(()) => Ok(Filled::Done),
            Err(Trouble::Shortage(DiskError::TooManyFiles { .. })) => Ok(Filled::Short),
            Err(Trouble::Shortage(shortage)) => {
                self.files.note_shortage(&shortage);
                Ok(Filled::Done)
            }
            Err(Trouble::Fault(error)) => Err(error),
        })
    }

    fn refill(&self) -> Result<(), Trouble> {
        let space = self.files.disk.space()?;
        self.files.disk_bytes.store(space.total, Ordering::Relaxed);
        // A disk of a few megabytes can't have a reserve of many.
        let reserve = self.reserve_bytes.min(space.total / SHARE_OF_RESERVE);
        self.files.set_room(roomy(&self.segment_bytes, space.free));
        self.drop_outgrown()?;
        self.make_reserve(reserve, space.free)?;
        while let Some((name, capacity)) = self.missing() {
            let file = self.files.allocated(&name, capacity)?;
            let zeroes = files::zeroes();
            let mut at = 0;
            while at < int::usize_from_u32(capacity) {
                let len = zeroes.len().min(int::usize_from_u32(capacity) - at);
                file.write_at(int::u64_from(at), &zeroes.slice(..len))?;
                at += len;
            }
            file.sync()?;
            mark::hit(Mark::PoolFilled);
            self.files.pool.lock().spares.push(Spare { name, capacity, file });
        }
        let is_low = self.files.disk.space()?.free < reserve || !self.files.has_reserve(reserve);
        self.files.set_space_low(is_low);
        Ok(())
    }

    /// Sets the reserve aside, or more of it, once there is more room than that.
    fn make_reserve(&self, bytes: u64, free: u64) -> Result<(), Trouble> {
        let mut reserve = self.files.reserve.lock();
        let missing = bytes.saturating_sub(*reserve);
        if missing == 0 || free < missing.saturating_mul(2) {
            return Ok(());
        }
        let file = match *reserve {
            0 => self.files.disk.create(files::RESERVE).map_err(Trouble::of_reserving)?,
            _ => self.files.disk.open(files::RESERVE).map_err(Trouble::of_reserving)?,
        };
        if let Err(error) = file.allocate(bytes) {
            self.files.disk.remove(files::RESERVE)?;
            *reserve = 0;
            return Err(Trouble::of_reserving(error));
        }
        *reserve = bytes;
        Ok(())
    }

    fn drop_outgrown(&self) -> Result<(), DiskError> {
        let outgrown = {
            let mut pool = self.files.pool.lock();
            let capacity = pool.capacity;
            let (kept, outgrown) =
                pool.spares.drain(..).partition(|spare| spare.capacity == capacity);
            pool.spares = kept;
            let outgrown: Vec<Spare> = outgrown;
            outgrown
        };
        outgrown.iter().try_for_each(|spare| self.files.disk.remove(&spare.name))
    }

    /// The name and size of the next file to make.
    fn missing(&self) -> Option<(String, u32)> {
        let mut pool = self.files.pool.lock();
        (pool.spares.len() < pool.wanted).then(|| (pool.new_name(), pool.capacity))
    }
}

/// The reserve is at most this part of the disk.
const SHARE_OF_RESERVE: u64 = 16;
/// A segment is at most this part of the free room.
const SHARE_OF_SEGMENT: u64 = 8;

/// The largest segment that leaves room for others.
fn roomy(sizes: &[u32; 4], free: u64) -> u32 {
    let fits = |size: &&u32| u64::from(**size) <= free / SHARE_OF_SEGMENT;
    *sizes.iter().rev().find(fits).unwrap_or(&sizes[0])
}

impl Log {
    /// A job that refills the pool, if there is anything to do and none is under way.
    ///
    /// While [`Log::space_low`] there always is: it looks whether there is room again.
    pub fn take_pool_job(&mut self) -> Option<PoolJob> {
        if self.pooling || self.poison.is_some() || self.files.manifest.is_none() {
            return None;
        }
        let reserve_bytes = self.reserve_bytes;
        let has_reserve = self.files.has_reserve(reserve_bytes);
        let full = has_reserve && {
            let pool = self.files.pool.lock();
            let fitting = |spare: &Spare| spare.capacity == pool.capacity;
            pool.wanted <= pool.spares.len() && pool.spares.iter().all(fitting)
        };
        // Without descriptors, once a segment.
        if !self.space_low() && (full || self.pool_short_at == Some(self.n_rolls)) {
            return None;
        }
        self.pooling = true;
        let segment_bytes = self.options.segment_bytes;
        Some(PoolJob { files: Arc::clone(&self.files), reserve_bytes, segment_bytes })
    }

    /// What to set aside: a small store has a small reserve.
    pub(super) fn wanted_reserve(&self) -> u64 {
        let least = u64::from(self.options.segment_bytes[0]);
        let most = self.options.reserve_bytes;
        // It grows in a few large steps.
        (self.file_bytes() / 4).next_power_of_two().max(least).min(most)
    }

    /// Takes note of a job's result.
    ///
    /// # Errors
    ///
    /// An I/O error, other than a full disk, poisons the log: a directory sync that failed makes
    /// later ones lie.
    pub fn pooled(&mut self, done: PoolDone) -> Result<(), Poisoned> {
        self.pooling = false;
        match done.0 {
            Ok(Filled::Done) => Ok(()),
            Ok(Filled::Short) => {
                self.pool_short_at = Some(self.n_rolls);
                Ok(())
            }
            Err(error) => {
                mark::hit(Mark::ChoreFailed);
                Err(self.poison(Poisoned::Disk(error)))
            }
        }
    }
}
