//! The files of a store: their names, the pool of spares, and how a segment comes and goes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{
    disk::{Disk, DiskError, DiskFile, DiskLock, Trouble},
    frame::{self, Layout, Salt},
    ids::Lsn,
    manifest::{self, Manifest, ManifestFile},
    mark::{self, Mark},
    mutant::{self, Mutant},
};

/// The file whose lock says that the store is in use.
pub(crate) const LOCK: &str = "lock";
/// The file that is given up when the disk is full.
pub(crate) const RESERVE: &str = "reserve";

/// What a name in the directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Lock,
    Manifest,
    Segment(u32),
    Sidecar(u32),
    Spare(u32),
    /// Room for what must be written when the disk is full.
    Reserve,
    /// A segment as it was found damaged, kept for whoever wants to look at it.
    Damaged(u32),
    /// Not ours, and no sign of somebody's data either.
    Tolerated,
}

impl Name {
    /// `None` for a name that has no business here.
    pub(crate) fn parse(name: &str) -> Option<Name> {
        if manifest::SLOTS.contains(&name) {
            return Some(Name::Manifest);
        }
        match name {
            LOCK => return Some(Name::Lock),
            RESERVE => return Some(Name::Reserve),
            "lost+found" | "quarantine" => return Some(Name::Tolerated),
            _ => (),
        }
        let (number, kind) = name.split_once('.')?;
        let number = number.parse().ok()?;
        let parsed = match kind {
            "log" => (Name::Segment(number), segment_name(number)),
            "side" => (Name::Sidecar(number), sidecar_name(number)),
            "free" => (Name::Spare(number), spare_name(number)),
            "damaged" => (Name::Damaged(number), damaged_name(number)),
            _ => return None,
        };
        (parsed.1 == name).then_some(parsed.0)
    }
}

pub(crate) fn segment_name(segment: u32) -> String {
    format!("{segment:010}.log")
}

pub(crate) fn sidecar_name(segment: u32) -> String {
    format!("{segment:010}.side")
}

pub(crate) fn damaged_name(segment: u32) -> String {
    format!("{segment:010}.damaged")
}

pub(crate) fn spare_name(number: u32) -> String {
    format!("{number:010}.free")
}

/// What the log and its jobs share.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    pub(crate) salt: Salt,
    pub(crate) epoch: u64,
    /// None in memory: nothing is ever recovered from there.
    pub(crate) manifest: Option<Mutex<ManifestFile>>,
    pub(crate) pool: Mutex<Pool>,
    /// The last attempt to get room failed, or the reserve is touched.
    pub(crate) space_low: AtomicBool,
    /// The largest segment that there is room for.
    pub(crate) roomy: AtomicU32,
    /// The size of the disk; not known before the first look.
    pub(crate) disk_bytes: AtomicU64,
    /// Bytes of the reserve.
    pub(crate) reserve: Mutex<u64>,
    /// Held until the last job has ended, so that nobody opens the store before.
    #[expect(dead_code, reason = "held, never looked at")]
    pub(crate) lock: Option<Arc<dyn DiskLock>>,
}

/// Files with room reserved, to become segments. What they contain does not matter: frames of
/// another segment are not believed.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) spares: Vec<Spare>,
    /// The size in demand.
    pub(crate) capacity: u32,
    pub(crate) wanted: usize,
    pub(crate) next_number: u32,
}

#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) name: String,
    pub(crate) capacity: u32,
    pub(crate) file: Arc<dyn DiskFile>,
}

impl Pool {
    fn take(&mut self, capacity: u32) -> Option<Spare> {
        let index = self.spares.iter().position(|spare| spare.capacity == capacity)?;
        Some(self.spares.swap_remove(index))
    }

    fn wants(&self, capacity: u32) -> bool {
        capacity == self.capacity && self.spares.len() < self.wanted
    }

    pub(crate) fn new_name(&mut self) -> String {
        self.next_number += 1;
        spare_name(self.next_number)
    }
}

impl Files {
    /// Makes the file of a segment: named, sized, headed and durable, but not in the manifest.
    ///
    /// A shortage of space leaves no trace, so that it can be tried again.
    pub(crate) fn start_segment(
        &self,
        segment: u32,
        capacity: u32,
        first: Lsn,
    ) -> Result<Arc<dyn DiskFile>, Trouble> {
        let name = segment_name(segment);
        if self.manifest.is_none() {
            return Ok(self.disk.create(&name)?);
        }
        let spare = self.pool.lock().take(capacity);
        let file = match spare {
            Some(spare) => {
                mark::hit(Mark::RolledIntoSpare);
                self.disk.rename(&spare.name, &name)?;
                spare.file
            }
            None => self.allocated_at_last(&name, capacity)?,
        };
        file.write_at(0, &frame::segment_head(self.salt, segment, self.epoch, first))?;
        file.sync()?;
        if !mutant::enabled(Mutant::DirectoryNotSynced) {
            self.disk.sync_dir()?;
        }
        Ok(file)
    }

    /// A new file with room reserved.
    pub(crate) fn allocated(
        &self,
        name: &str,
        capacity: u32,
    ) -> Result<Arc<dyn DiskFile>, Trouble> {
        let file = self.disk.create(name).map_err(Trouble::of_reserving)?;
        let Err(error) = file.allocate(u64::from(capacity)) else { return Ok(file) };
        self.disk.remove(name)?;
        Err(Trouble::of_reserving(error))
    }

    /// As [`Files::allocated`], at the cost of the reserve if there is no other room.
    fn allocated_at_last(&self, name: &str, capacity: u32) -> Result<Arc<dyn DiskFile>, Trouble> {
        let shortage = match self.allocated(name, capacity) {
            Err(Trouble::Shortage(DiskError::NoSpace { name })) => DiskError::NoSpace { name },
            other => return other,
        };
        self.set_space_low(true);
        let mut reserve = self.reserve.lock();
        if std::mem::take(&mut *reserve) == 0 {
            return Err(Trouble::Shortage(shortage));
        }
        self.disk.remove(RESERVE)?;
        self.allocated(name, capacity)
    }

    /// Writes a sidecar, if there is room for it.
    pub(crate) fn write_sidecar(&self, segment: u32, bytes: &Bytes) -> Result<bool, Trouble> {
        let name = sidecar_name(segment);
        let len = u32::try_from(bytes.len());
        let file = match len.map(|len| self.allocated(&name, len)) {
            Ok(Ok(file)) => file,
            Err(_) => return Ok(false),
            Ok(Err(Trouble::Shortage(shortage))) => {
                self.note_shortage(&shortage);
                return Ok(false);
            }
            Ok(Err(fault)) => return Err(fault),
        };
        file.write_at(0, bytes)?;
        file.sync()?;
        Ok(true)
    }

    pub(crate) fn remove_sidecar(&self, segment: u32) -> Result<(), DiskError> {
        self.disk.remove(&sidecar_name(segment))
    }

    /// Whether a reserve of `bytes` is there, if there has to be one.
    pub(crate) fn has_reserve(&self, bytes: u64) -> bool {
        bytes <= *self.reserve.lock()
    }

    pub(crate) fn set_room(&self, segment: u32) {
        self.roomy.store(segment, Ordering::Relaxed);
        let mut pool = self.pool.lock();
        pool.capacity = pool.capacity.min(segment);
    }

    /// Changes the manifest, durably. Does nothing in memory.
    pub(crate) fn edit_manifest(&self, change: impl FnOnce(&mut Manifest)) -> Result<(), Trouble> {
        self.manifest.as_ref().map_or(Ok(()), |manifest| manifest.lock().edit(change))
    }

    /// Takes back the file of a segment that the durable manifest does not name: into the pool,
    /// or away. A file that somebody still reads is never written again.
    pub(crate) fn retire(
        &self,
        segment: u32,
        capacity: u32,
        file: &Arc<dyn DiskFile>,
    ) -> Result<(), DiskError> {
        let name = segment_name(segment);
        let mut pool = self.pool.lock();
        let is_low = self.space_low.load(Ordering::Relaxed);
        if is_low || !pool.wants(capacity) || 1 < Arc::strong_count(file) {
            return self.disk.remove(&name);
        }
        mark::hit(Mark::RetiredToPool);
        let spare = pool.new_name();
        self.disk.rename(&name, &spare)?;
        pool.spares.push(Spare { name: spare, capacity, file: Arc::clone(file) });
        Ok(())
    }

    /// There is no room; or no descriptor, which says nothing about room.
    pub(crate) fn note_shortage(&self, shortage: &DiskError) {
        if matches!(shortage, DiskError::NoSpace { .. }) {
            self.set_space_low(true);
        }
    }

    pub(crate) fn set_space_low(&self, low: bool) {
        self.space_low.store(low, Ordering::Relaxed);
    }
}

/// A buffer of zeroes to fill files with.
pub(crate) fn zeroes() -> Bytes {
    static ZEROES: [u8; 64 << 10] = [0; 64 << 10];
    Bytes::from_static(&ZEROES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_as_we_write_them_are_ours() {
        assert_eq!(Name::parse("0000000007.log"), Some(Name::Segment(7)));
        assert_eq!(Name::parse("0000000007.free"), Some(Name::Spare(7)));
        assert_eq!(Name::parse("0000000007.side"), Some(Name::Sidecar(7)));
        assert_eq!(Name::parse("0000000007.damaged"), Some(Name::Damaged(7)));
        assert_eq!(Name::parse("reserve"), Some(Name::Reserve));
        assert_eq!(Name::parse("manifest.1"), Some(Name::Manifest));
        assert_eq!(Name::parse("lost+found"), Some(Name::Tolerated));
        for foreign in ["7.log", "0000000007.LOG", "jetstream", "manifest.2", "+000000007.log", ""]
        {
            assert_eq!(Name::parse(foreign), None, "{foreign}");
        }
    }
}
