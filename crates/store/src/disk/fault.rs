//! A disk that crashes, fails and lies on demand: for tests.

mod content;
mod state;

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tradewind_subject::int;

use crate::disk::{Disk, DiskError, DiskFile, DiskLock, Space};
use content::Content;
use state::{Change, DirChange, Inode, State, apply_to_dir};

/// A directory in memory that knows what is durable and what is merely written.
///
/// Every operation counts, reads too. A [`Fault`] strikes at one of them; [`FaultDisk::survivor`]
/// gives the disk as it is found after the crash. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

/// What goes wrong, and at which operation (counted from 0 since the disk was made).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation and all later ones fail and do nothing.
    Crash(u64),
    /// The same at a sync, of a file or of the directory (syncs counted from 0): all that was to
    /// become durable is not.
    CrashSync(u64),
    /// The operation fails with EIO. A write may have left a half; after a failed sync the pages
    /// count as clean: a later sync succeeds and does not bring them to the disk. The same goes
    /// for the names in the directory.
    Io(u64),
    /// As [`Fault::Io`], and so do all later ones.
    IoFrom(u64),
    /// This sync, of a file or of the directory, fails with EIO (syncs counted from 0).
    IoSync(u64),
    /// From the operation on, whatever needs new room fails with ENOSPC.
    Full(u64),
}

/// What is left of the unsynced state after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// The process died: everything written is there, and a later power loss still takes what
    /// nobody syncs.
    Kill,
    /// Power loss: nothing unsynced is there.
    PowerNone,
    /// Power loss, after the system had written everything back.
    PowerAll,
    /// Power loss: of each file, and of the directory, a prefix of the unsynced changes, the last
    /// one torn at any byte.
    PowerPrefix(u64),
    /// Power loss: any of the unsynced sectors, a prefix of the directory's changes.
    PowerSectors(u64),
}

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    name: String,
    inode: u64,
}

#[derive(Debug)]
struct FaultLock {
    disk: FaultDisk,
    name: String,
}

impl FaultDisk {
    /// An empty disk without faults.
    pub fn new() -> FaultDisk {
        FaultDisk::default()
    }

    /// Plans a fault.
    pub fn plan(&self, fault: Fault) {
        self.state.lock().faults.push(fault);
    }

    /// Forgets all planned faults; a disk that has crashed stays so.
    pub fn heal(&self) {
        self.state.lock().faults.clear();
    }

    /// Whether a planned crash has come.
    pub fn has_crashed(&self) -> bool {
        self.state.lock().crashed
    }

    /// Syncs so far.
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// Operations so far.
    pub fn ops(&self) -> u64 {
        self.state.lock().ops
    }

    /// The same disk as found after a crash now, without locks, faults and open files.
    #[must_use]
    pub fn survivor(&self, survival: Survival) -> FaultDisk {
        let state = self.state.lock();
        let after = match survival {
            Survival::Kill => state.after_kill(),
            _ => state.after_power_loss(survival),
        };
        FaultDisk { state: Arc::new(Mutex::new(after)) }
    }

    /// The bytes of a file, as a reader would see them.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        state.inodes.get(state.live.get(name)?).map(|inode| inode.live.to_vec())
    }

    /// Replaces a file behind the log's back, durably: bit rot, misdirected writes.
    pub fn set_content(&self, name: &str, content: &[u8]) {
        let mut state = self.state.lock();
        let number = state.number_of(name);
        state.durable.insert(name.to_owned(), number);
        state.inodes.insert(number, Inode::of(Content::of(content)));
    }

    /// Removes a file behind the log's back, durably.
    pub fn lose(&self, name: &str) {
        let mut state = self.state.lock();
        state.live.remove(name);
        state.durable.remove(name);
    }
}

impl Disk for FaultDisk {
    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        let mut state = self.state.lock();
        state.step("open", name, false)?;
        let inode = state.existing(name)?;
        Ok(Arc::new(FaultFile { disk: self.clone(), name: name.to_owned(), inode }))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        let mut state = self.state.lock();
        state.step("create", name, true)?;
        let number = state.number_of(name);
        if let Some(inode) = state.inodes.get_mut(&number).filter(|inode| 0 < inode.live.len()) {
            inode.change(Change::Resize(0));
        }
        Ok(Arc::new(FaultFile { disk: self.clone(), name: name.to_owned(), inode: number }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut state = self.state.lock();
        state.step("rename", from, false)?;
        let number = state.existing(from)?;
        let change = DirChange::Rename(from.to_owned(), to.to_owned(), number);
        apply_to_dir(&mut state.live, &change);
        state.dir_changes.push(change);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        let mut state = self.state.lock();
        state.step("remove", name, false)?;
        state.existing(name)?;
        let change = DirChange::Unlink(name.to_owned());
        apply_to_dir(&mut state.live, &change);
        state.dir_changes.push(change);
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let mut state = self.state.lock();
        state.step("list", "directory", false)?;
        Ok(state.live.keys().cloned().collect())
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        let mut state = self.state.lock();
        let crashed = state.crashed;
        let done = state.step("sync", "directory", false);
        let changes = if crashed || state.crashed {
            Vec::new()
        } else {
            std::mem::take(&mut state.dir_changes)
        };
        if done.is_ok() {
            for change in &changes {
                apply_to_dir(&mut state.durable, change);
            }
        }
        done
    }

    fn lock(&self, name: &str) -> Result<Arc<dyn DiskLock>, DiskError> {
        let mut state = self.state.lock();
        state.step("lock", name, false)?;
        if !state.locks.insert(name.to_owned()) {
            return Err(DiskError::Locked { name: name.to_owned() });
        }
        state.number_of(name);
        Ok(Arc::new(FaultLock { disk: self.clone(), name: name.to_owned() }))
    }

    fn space(&self) -> Result<Space, DiskError> {
        let mut state = self.state.lock();
        state.step("stat", "directory", false)?;
        let at = state.ops;
        let full = state.faults.iter().any(|fault| matches!(fault, Fault::Full(n) if *n <= at));
        Ok(Space { free: if full { 0 } else { u64::MAX }, total: u64::MAX })
    }
}

impl DiskLock for FaultLock {}

impl Drop for FaultLock {
    fn drop(&mut self) {
        self.disk.state.lock().locks.remove(&self.name);
    }
}

impl FaultFile {
    /// Counts an operation, then runs `act` on the file. On a fault, runs `spoil` instead, but not
    /// if the machine is down.
    fn act<T>(
        &self,
        op: &'static str,
        needs_room: bool,
        spoil: impl FnOnce(&mut Inode),
        act: impl FnOnce(&mut Inode) -> T,
    ) -> Result<T, DiskError> {
        let mut state = self.disk.state.lock();
        let step = state.step(op, &self.name, needs_room);
        let crashed = state.crashed;
        let inode = state.inodes.entry(self.inode).or_default();
        match step {
            Ok(()) => Ok(act(inode)),
            Err(error) => {
                if !crashed && matches!(error, DiskError::Io { .. }) {
                    spoil(inode);
                }
                Err(error)
            }
        }
    }
}

impl DiskFile for FaultFile {
    fn size(&self) -> Result<u64, DiskError> {
        self.act("stat", false, |_| (), |inode| int::u64_from(inode.live.len()))
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        let start = int::usize_from(offset);
        let read = |inode: &mut Inode| inode.live.read(start, len);
        let end = offset + int::u64_from(len);
        let short = || DiskError::Short { name: self.name.clone(), end };
        self.act("read", false, |_| (), read)?.ok_or_else(short)
    }

    fn write_at(&self, offset: u64, bytes: &Bytes) -> Result<(), DiskError> {
        let at = int::usize_from(offset);
        let half = |inode: &mut Inode| {
            inode.change(Change::Write(at, bytes.slice(..bytes.len() / 2)));
        };
        let whole = |inode: &mut Inode| inode.change(Change::Write(at, bytes.clone()));
        let end = at + bytes.len();
        let grows = {
            let state = self.disk.state.lock();
            state.inodes.get(&self.inode).is_none_or(|inode| inode.live.len() < end)
        };
        self.act("write", grows, half, whole)
    }

    fn allocate(&self, len: u64) -> Result<(), DiskError> {
        let grow = |inode: &mut Inode| {
            inode.change(Change::Resize(inode.live.len().max(int::usize_from(len))));
        };
        self.act("allocate", true, |_| (), grow)
    }

    fn truncate(&self, len: u64) -> Result<(), DiskError> {
        let cut = |inode: &mut Inode| inode.change(Change::Resize(int::usize_from(len)));
        self.act("truncate", false, |_| (), cut)
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.act("sync", false, Inode::lose, Inode::sync)
    }
}

#[cfg(test)]
mod tests;
