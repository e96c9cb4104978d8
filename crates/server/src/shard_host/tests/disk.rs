//! A disk in memory that hangs, fills up and breaks when told to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tradewind_store::{Disk, DiskError, DiskFile, DiskLock, MemDisk, Space};

#[derive(Clone, Debug, Default)]
pub(super) struct TestDisk {
    inner: Arc<MemDisk>,
    faults: Arc<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    hanging: Mutex<bool>,
    released: Condvar,
    sync_takes_ms: AtomicU64,
    full: AtomicBool,
    broken: AtomicBool,
}

#[derive(Debug)]
struct TestFile {
    name: String,
    inner: Arc<dyn DiskFile>,
    faults: Arc<Faults>,
}

impl TestDisk {
    /// From now on a sync does not come back.
    pub(super) fn hang(&self) {
        *self.faults.hanging.lock() = true;
    }

    /// They come back.
    pub(super) fn release(&self) {
        *self.faults.hanging.lock() = false;
        self.faults.released.notify_all();
    }

    /// A sync takes so long.
    pub(super) fn slow_down(&self, sync: Duration) {
        let ms = u64::try_from(sync.as_millis()).unwrap();
        self.faults.sync_takes_ms.store(ms, Ordering::Relaxed);
    }

    /// Whether there is no room for anything new.
    pub(super) fn set_full(&self, full: bool) {
        self.faults.full.store(full, Ordering::Relaxed);
    }

    /// Every write and sync fails with EIO.
    pub(super) fn break_down(&self) {
        self.faults.broken.store(true, Ordering::Relaxed);
    }

    fn wrap(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(TestFile { name: name.to_owned(), inner: file, faults: Arc::clone(&self.faults) })
    }
}

impl Faults {
    fn check(&self, op: &'static str, name: &str) -> Result<(), DiskError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(DiskError::from_io(op, name, io::Error::from_raw_os_error(5)));
        }
        Ok(())
    }
}

impl Disk for TestDisk {
    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(self.wrap(name, self.inner.open(name)?))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(self.wrap(name, self.inner.create(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.inner.remove(name)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.inner.list()
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        self.inner.sync_dir()
    }

    fn lock(&self, name: &str) -> Result<Arc<dyn DiskLock>, DiskError> {
        self.inner.lock(name)
    }

    fn space(&self) -> Result<Space, DiskError> {
        let space = self.inner.space()?;
        let is_full = self.faults.full.load(Ordering::Relaxed);
        Ok(Space { free: if is_full { 0 } else { space.free }, ..space })
    }
}

impl DiskFile for TestFile {
    fn size(&self) -> Result<u64, DiskError> {
        self.inner.size()
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        self.inner.read_at(offset, len)
    }

    fn write_at(&self, offset: u64, bytes: &Bytes) -> Result<(), DiskError> {
        self.faults.check("write", &self.name)?;
        self.inner.write_at(offset, bytes)
    }

    fn allocate(&self, len: u64) -> Result<(), DiskError> {
        if self.faults.full.load(Ordering::Relaxed) && self.inner.size()? < len {
            return Err(DiskError::NoSpace { name: self.name.clone() });
        }
        self.inner.allocate(len)
    }

    fn truncate(&self, len: u64) -> Result<(), DiskError> {
        self.inner.truncate(len)
    }

    fn sync(&self) -> Result<(), DiskError> {
        let takes = self.faults.sync_takes_ms.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(takes));
        let mut hanging = self.faults.hanging.lock();
        while *hanging {
            self.faults.released.wait(&mut hanging);
        }
        self.faults.check("sync", &self.name)?;
        self.inner.sync()
    }
}
