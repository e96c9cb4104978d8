//! Files in memory that keep references to what was written: for memory streams.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tradewind_subject::int;

use crate::disk::{Disk, DiskError, DiskFile, DiskLock, Space};

/// A directory in memory. Holes cost nothing, and a write keeps the caller's buffer, uncopied.
#[derive(Clone, Debug, Default)]
pub struct MemDisk {
    entries: Arc<Mutex<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    files: BTreeMap<String, Arc<MemFile>>,
    /// Held locks; a dead reference is a lock that was dropped.
    locks: BTreeMap<String, std::sync::Weak<MemLock>>,
}

#[derive(Debug)]
struct MemLock;

#[derive(Debug)]
struct MemFile {
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
struct Content {
    len: u64,
    /// What was written, sorted by offset, without overlap.
    extents: Vec<(u64, Bytes)>,
}

impl MemDisk {
    /// An empty directory.
    pub fn new() -> MemDisk {
        MemDisk::default()
    }
}

fn not_found(name: &str) -> DiskError {
    DiskError::NotFound { name: name.to_owned() }
}

impl Disk for MemDisk {
    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        let entries = self.entries.lock();
        let file = entries.files.get(name).ok_or_else(|| not_found(name))?;
        let file: Arc<MemFile> = Arc::clone(file);
        Ok(file)
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = Arc::new(MemFile { content: Mutex::default() });
        self.entries.lock().files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut entries = self.entries.lock();
        let file = entries.files.remove(from).ok_or_else(|| not_found(from))?;
        entries.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        let removed = self.entries.lock().files.remove(name);
        removed.map(drop).ok_or_else(|| not_found(name))
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.entries.lock().files.keys().cloned().collect())
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        Ok(())
    }

    fn lock(&self, name: &str) -> Result<Arc<dyn DiskLock>, DiskError> {
        let mut entries = self.entries.lock();
        if entries.locks.get(name).is_some_and(|held| held.upgrade().is_some()) {
            return Err(DiskError::Locked { name: name.to_owned() });
        }
        let lock = Arc::new(MemLock);
        entries.locks.insert(name.to_owned(), Arc::downgrade(&lock));
        Ok(lock)
    }

    fn space(&self) -> Result<Space, DiskError> {
        Ok(Space { free: u64::MAX, total: u64::MAX })
    }
}

impl DiskLock for MemLock {}

impl DiskFile for MemFile {
    fn size(&self) -> Result<u64, DiskError> {
        Ok(self.content.lock().len)
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        let content = self.content.lock();
        let end = offset + int::u64_from(len);
        if content.len < end {
            return Err(DiskError::Short { name: "memory".to_owned(), end });
        }
        let first = content.extents.partition_point(|(at, bytes)| end_of(*at, bytes) <= offset);
        if let Some((at, bytes)) = content.extents.get(first)
            && *at <= offset
            && end <= end_of(*at, bytes)
        {
            let from = int::usize_from(offset - at);
            return Ok(bytes.slice(from..from + len));
        }
        let mut copy = BytesMut::zeroed(len);
        for (at, bytes) in content.extents[first..].iter().take_while(|(at, _)| *at < end) {
            let (from, to) = (offset.max(*at), end.min(end_of(*at, bytes)));
            let source = int::usize_from(from - at)..int::usize_from(to - at);
            let target = int::usize_from(from - offset)..int::usize_from(to - offset);
            copy[target].copy_from_slice(&bytes[source]);
        }
        Ok(copy.freeze())
    }

    fn write_at(&self, offset: u64, bytes: &Bytes) -> Result<(), DiskError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut content = self.content.lock();
        let end = end_of(offset, bytes);
        content.clear(offset, end);
        content.len = content.len.max(end);
        let index = content.extents.partition_point(|(at, _)| *at < offset);
        content.extents.insert(index, (offset, bytes.clone()));
        Ok(())
    }

    fn allocate(&self, len: u64) -> Result<(), DiskError> {
        let mut content = self.content.lock();
        content.len = content.len.max(len);
        Ok(())
    }

    fn truncate(&self, len: u64) -> Result<(), DiskError> {
        let mut content = self.content.lock();
        content.clear(len, u64::MAX);
        content.len = len;
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        Ok(())
    }
}

impl Content {
    /// Makes a hole from `start` to `end`.
    fn clear(&mut self, start: u64, end: u64) {
        let first = self.extents.partition_point(|(at, bytes)| end_of(*at, bytes) <= start);
        let last = self.extents.partition_point(|(at, _)| *at < end).max(first);
        let mut kept = Vec::new();
        for (at, bytes) in self.extents.drain(first..last) {
            if at < start {
                kept.push((at, bytes.slice(..int::usize_from(start - at))));
            }
            if end < end_of(at, &bytes) {
                kept.push((end, bytes.slice(int::usize_from(end - at)..)));
            }
        }
        self.extents.splice(first..first, kept);
    }
}

fn end_of(at: u64, bytes: &Bytes) -> u64 {
    at + int::u64_from(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_memory_file_reads_like_a_flat_one(
            writes in prop::collection::vec((0_usize..64, 1_usize..32, 1_u8..), 0..12),
            cut in prop::option::of(0_usize..80),
        ) {
            let disk = MemDisk::new();
            let file = disk.create("x").unwrap();
            let mut flat: Vec<u8> = Vec::new();
            for (at, len, byte) in writes {
                file.write_at(int::u64_from(at), &Bytes::from(vec![byte; len])).unwrap();
                flat.resize(flat.len().max(at + len), 0);
                flat[at..at + len].fill(byte);
            }
            if let Some(cut) = cut {
                file.truncate(int::u64_from(cut)).unwrap();
                flat.resize(cut, 0);
            }

            prop_assert_eq!(file.size().unwrap(), int::u64_from(flat.len()));
            for start in 0..flat.len() {
                let read = file.read_at(int::u64_from(start), flat.len() - start).unwrap();
                prop_assert_eq!(&read[..], &flat[start..]);
            }
        }
    }
}
