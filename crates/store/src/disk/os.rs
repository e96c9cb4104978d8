//! A directory of the operating system.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tradewind_subject::int;

use crate::disk::{Disk, DiskError, DiskFile, DiskLock, Space};

/// A real directory: `pread`, `pwrite`, `fallocate`, `fdatasync`, `flock`.
#[derive(Debug)]
pub struct OsDisk {
    path: PathBuf,
    dir: File,
}

#[derive(Debug)]
struct OsFile {
    name: String,
    file: File,
}

impl OsDisk {
    /// Opens the directory, creating it and its parents if need be.
    ///
    /// # Errors
    ///
    /// If it can't be created, read or made durable.
    pub fn new(path: &Path) -> Result<OsDisk, DiskError> {
        let failed = |op, error| DiskError::from_io(op, &path.to_string_lossy(), error);
        fs::create_dir_all(path).map_err(|error| failed("create", error))?;
        let dir = File::open(path).map_err(|error| failed("open", error))?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let synced = File::open(parent).and_then(|parent| parent.sync_all());
            synced.map_err(|error| failed("sync the parent of", error))?;
        }
        Ok(OsDisk { path: path.to_owned(), dir })
    }

    fn open_with(
        &self,
        op: &'static str,
        name: &str,
        options: &OpenOptions,
    ) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = options.open(self.path.join(name));
        let file = file.map_err(|error| DiskError::from_io(op, name, error))?;
        Ok(Arc::new(OsFile { name: name.to_owned(), file }))
    }
}

fn read_write() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o640);
    options
}

impl Disk for OsDisk {
    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.open_with("open", name, &read_write())
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.open_with("create", name, read_write().create(true).truncate(true))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let done = fs::rename(self.path.join(from), self.path.join(to));
        done.map_err(|error| DiskError::from_io("rename", from, error))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        let done = fs::remove_file(self.path.join(name));
        done.map_err(|error| DiskError::from_io("remove", name, error))
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let name = |entry: io::Result<fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        let names = fs::read_dir(&self.path).and_then(|entries| entries.map(name).collect());
        names.map_err(|error| DiskError::from_io("list", &self.path.to_string_lossy(), error))
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        let done = self.dir.sync_all();
        done.map_err(|error| DiskError::from_io("sync", &self.path.to_string_lossy(), error))
    }

    fn lock(&self, name: &str) -> Result<Arc<dyn DiskLock>, DiskError> {
        let file = read_write().create(true).truncate(false).open(self.path.join(name));
        let file = file.map_err(|error| DiskError::from_io("open", name, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Arc::new(OsFile { name: name.to_owned(), file })),
            Err(TryLockError::WouldBlock) => Err(DiskError::Locked { name: name.to_owned() }),
            Err(TryLockError::Error(error)) => Err(DiskError::from_io("lock", name, error)),
        }
    }

    fn space(&self) -> Result<Space, DiskError> {
        let stat = rustix::fs::fstatvfs(&self.dir).map_err(|error| {
            DiskError::from_io("stat", &self.path.to_string_lossy(), error.into())
        })?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Space { free: bytes(stat.f_bavail), total: bytes(stat.f_blocks) })
    }
}

impl DiskLock for OsFile {}

impl OsFile {
    fn failed(&self, op: &'static str) -> impl FnOnce(io::Error) -> DiskError {
        move |error| DiskError::from_io(op, &self.name, error)
    }
}

impl DiskFile for OsFile {
    fn size(&self) -> Result<u64, DiskError> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(self.failed("stat"))
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        let mut read = Vec::with_capacity(len);
        while read.len() < len {
            let at = offset + int::u64_from(read.len());
            // The allocator may have given more than asked for; never read past `len`.
            let wanted = len - read.len();
            let room = rustix::buffer::spare_capacity(&mut read);
            let got = match rustix::io::pread(&self.file, room, at) {
                Ok(got) => got,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(self.failed("read")(error.into())),
            };
            if got == 0 {
                let end = offset + int::u64_from(len);
                return Err(DiskError::Short { name: self.name.clone(), end });
            }
            if wanted < got {
                read.truncate(len);
            }
        }
        Ok(Bytes::from(read))
    }

    fn write_at(&self, offset: u64, bytes: &Bytes) -> Result<(), DiskError> {
        self.file.write_all_at(bytes, offset).map_err(self.failed("write"))
    }

    fn allocate(&self, len: u64) -> Result<(), DiskError> {
        let reserved =
            rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), 0, len);
        match reserved {
            Ok(()) => Ok(()),
            // A file system without reservation: the length alone, blocks come with the writes.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                let size = self.size()?;
                if size < len { self.truncate(len) } else { Ok(()) }
            }
            Err(error) => Err(self.failed("allocate")(error.into())),
        }
    }

    fn truncate(&self, len: u64) -> Result<(), DiskError> {
        self.file.set_len(len).map_err(self.failed("truncate"))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(self.failed("sync"))
    }
}

#[cfg(test)]
mod tests;
