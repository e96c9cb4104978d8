//! The seam under the log: a flat directory of files.

mod fault;
mod mem;
mod os;

use std::{fmt::Debug, io, sync::Arc};

use bytes::Bytes;

use crate::mutant::{self, Mutant};

pub use {
    fault::{Fault, FaultDisk, Survival},
    mem::MemDisk,
    os::OsDisk,
};

/// A directory of files, without sub-directories.
///
/// Every method blocks; callers run where blocking is allowed, never on an async worker.
pub trait Disk: Debug + Send + Sync {
    /// Opens a file that exists, for reading and writing.
    ///
    /// # Errors
    ///
    /// [`DiskError::NotFound`] only if there is no such file.
    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError>;

    /// Opens a file, empty: a file of that name loses its content.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError>;

    /// Renames `from` over `to`. Durable only after [`Disk::sync_dir`].
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file. Files that are open stay readable.
    ///
    /// # Errors
    ///
    /// [`DiskError::NotFound`] only if there is no such file.
    fn remove(&self, name: &str) -> Result<(), DiskError>;

    /// The names of all entries, in no particular order.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    fn list(&self) -> Result<Vec<String>, DiskError>;

    /// Makes earlier creates, renames and removes survive a power loss.
    ///
    /// # Errors
    ///
    /// After an error nothing is known about the directory; it must not be tried again.
    fn sync_dir(&self) -> Result<(), DiskError>;

    /// Takes the exclusive lock `name`, creating the file if need be; held as long as the value.
    ///
    /// # Errors
    ///
    /// [`DiskError::Locked`] if somebody else holds it.
    fn lock(&self, name: &str) -> Result<Arc<dyn DiskLock>, DiskError>;

    /// How much room there is.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    fn space(&self) -> Result<Space, DiskError>;
}

/// Room on a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What can still be written.
    pub free: u64,
    /// The size of the disk.
    pub total: u64,
}

/// A held lock; dropping it releases.
pub trait DiskLock: Debug + Send + Sync {}

/// One open file of a [`Disk`].
pub trait DiskFile: Debug + Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    fn size(&self) -> Result<u64, DiskError>;

    /// Reads exactly `len` bytes.
    ///
    /// # Errors
    ///
    /// [`DiskError::Short`] if the file ends before.
    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, DiskError>;

    /// Writes all of `bytes`. Durable only after [`DiskFile::sync`]. May keep a reference.
    ///
    /// # Errors
    ///
    /// After an error any part of it may have been written.
    fn write_at(&self, offset: u64, bytes: &Bytes) -> Result<(), DiskError>;

    /// Makes the file at least `len` bytes long and reserves the room; new bytes read as zero.
    ///
    /// # Errors
    ///
    /// [`DiskError::NoSpace`] leaves the file's content as it was.
    fn allocate(&self, len: u64) -> Result<(), DiskError>;

    /// Sets the length.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    fn truncate(&self, len: u64) -> Result<(), DiskError>;

    /// Makes what was written, and the length, survive a power loss.
    ///
    /// # Errors
    ///
    /// After an error the state of the file is unknown: syncing again may succeed without the
    /// data being on disk.
    fn sync(&self) -> Result<(), DiskError>;
}

/// What a disk can answer instead of doing what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// There is no such file.
    #[error("{name}: no such file")]
    NotFound {
        /// The file.
        name: String,
    },
    /// Another process has the lock.
    #[error("{name}: locked by another process")]
    Locked {
        /// The lock file.
        name: String,
    },
    /// The disk or the quota is full.
    #[error("{name}: no space left")]
    NoSpace {
        /// The file.
        name: String,
    },
    /// The process or the system has no file descriptor left.
    #[error("{name}: too many open files")]
    TooManyFiles {
        /// The file.
        name: String,
    },
    /// The file is shorter than what was to be read.
    #[error("{name}: ends before byte {end}")]
    Short {
        /// The file.
        name: String,
        /// Where the read would have ended.
        end: u64,
    },
    /// Everything else, above all EIO.
    #[error("{op} {name}")]
    Io {
        /// What was being done.
        op: &'static str,
        /// The file.
        name: String,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
}

impl DiskError {
    /// The kind of `source`, met while doing `op` to `name`.
    pub fn from_io(op: &'static str, name: &str, source: io::Error) -> DiskError {
        let name = name.to_owned();
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        match source.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
                DiskError::TooManyFiles { name }
            }
            _ if full.contains(&source.kind()) => DiskError::NoSpace { name },
            _ if source.kind() == io::ErrorKind::NotFound => DiskError::NotFound { name },
            _ => DiskError::Io { op, name, source: Arc::new(source) },
        }
    }
}

/// A [`DiskError`], judged by whether anything is lost.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There was no room, or no file descriptor, and nothing was changed: try again later.
    Shortage(DiskError),
    /// The state of the disk is unknown: never try again.
    Fault(DiskError),
}

impl Trouble {
    /// Judges the error of a call that changes nothing when it fails.
    pub(crate) fn of_reserving(error: DiskError) -> Trouble {
        match error {
            DiskError::NoSpace { .. } if mutant::enabled(Mutant::NoSpacePoisons) => {
                Trouble::Fault(error)
            }
            DiskError::NoSpace { .. } | DiskError::TooManyFiles { .. } => Trouble::Shortage(error),
            _ => Trouble::Fault(error),
        }
    }
}

impl From<DiskError> for Trouble {
    fn from(error: DiskError) -> Trouble {
        Trouble::Fault(error)
    }
}

impl Trouble {
    /// The error, without the judgement.
    pub(crate) fn into_error(self) -> DiskError {
        match self {
            Trouble::Shortage(error) | Trouble::Fault(error) => error,
        }
    }
}

impl From<Trouble> for DiskError {
    fn from(trouble: Trouble) -> DiskError {
        trouble.into_error()
    }
}
