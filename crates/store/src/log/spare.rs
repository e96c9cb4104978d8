//! Segments made ahead of need, so that a commit does not wait for the file system, and so that a
//! full disk is noticed one segment early.

use std::sync::Arc;

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
    reserve_bytes: u64,
}

/// What a [`PoolJob`] came to.
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct PoolDone(Result<(), DiskError>);

impl PoolJob {
    /// Makes and zeroes the files that are missing, and looks at the space left. Blocks.
    pub fn run(self) -> PoolDone {
        PoolDone(match self.refill() {
            Ok(()) => Ok(()),
            Err(Trouble::Shortage(_)) => {
                self.files.set_space_low(true);
                Ok(())
            }
            Err(Trouble::Fault(error)) => Err(error),
        })
    }

    fn refill(&self) -> Result<(), Trouble> {
        self.drop_outgrown()?;
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
        let low = self.files.disk.free_bytes()? < self.reserve_bytes;
        self.files.set_space_low(low);
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

impl Log {
    /// A job that refills the pool, if there is anything to do and none is under way.
    ///
    /// While [`Log::space_low`] there always is: it looks whether there is room again.
    pub fn take_pool_job(&mut self) -> Option<PoolJob> {
        if self.pooling || self.poison.is_some() || self.files.manifest.is_none() {
            return None;
        }
        let full = {
            let pool = self.files.pool.lock();
            let fitting = |spare: &Spare| spare.capacity == pool.capacity;
            pool.wanted <= pool.spares.len() && pool.spares.iter().all(fitting)
        };
        if full && !self.space_low() {
            return None;
        }
        self.pooling = true;
        let reserve_bytes = self.options.reserve_bytes;
        Some(PoolJob { files: Arc::clone(&self.files), reserve_bytes })
    }

    /// Takes note of a job's result.
    ///
    /// # Errors
    ///
    /// An I/O error, other than a full disk, poisons the log: a directory sync that failed makes
    /// later ones lie.
    pub fn pooled(&mut self, done: PoolDone) -> Result<(), Poisoned> {
        self.pooling = false;
        done.0.map_err(|error| {
            mark::hit(Mark::PoolFailed);
            self.poison(Poisoned::Disk(error))
        })
    }
}
