//! A disk that photographs itself before every operation.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
};

use bytes::Bytes;
use tradewind_store::{Disk, DiskError, DiskFile, DiskLock, FaultDisk, Survival};

/// What would be left of the disk if it stopped before an operation.
#[derive(Debug)]
pub(crate) struct Shot {
    pub(crate) op: u64,
    pub(crate) survival: Survival,
    pub(crate) disk: FaultDisk,
    /// Tells contents apart.
    pub(crate) hash: u64,
}

/// How much may be left in how many ways.
const N_SURVIVALS: usize = 16;

#[derive(Debug)]
struct Camera {
    disk: FaultDisk,
    op: AtomicU64,
    shots: Sender<Shot>,
}

/// The disk: every operation goes to the one behind it.
#[derive(Clone, Debug)]
pub(crate) struct Tap(Arc<Camera>);

#[derive(Debug)]
struct TapFile {
    camera: Arc<Camera>,
    file: Arc<dyn DiskFile>,
}

/// All that may be left when the disk stops now.
pub(crate) fn survivals(op: u64) -> [Survival; N_SURVIVALS] {
    let all = [Survival::Kill, Survival::PowerNone, Survival::PowerAll];
    std::array::from_fn(|index| {
        let seed = op ^ u64::try_from(index * 0x5555).unwrap();
        match all.get(index) {
            Some(survival) => *survival,
            None if index < 6 => Survival::PowerPrefix(seed),
            None => Survival::PowerSectors(seed),
        }
    })
}

impl Tap {
    /// Operations that change the disk, times what may be left when it stops before one.
    pub(crate) fn n_points(&self) -> u64 {
        self.0.op.load(Ordering::Relaxed) * u64::try_from(N_SURVIVALS).unwrap()
    }

    pub(crate) fn new(disk: FaultDisk) -> (Tap, Receiver<Shot>) {
        let (shots, receiver) = channel();
        (Tap(Arc::new(Camera { disk, op: AtomicU64::new(0), shots })), receiver)
    }
}

impl Camera {
    fn shoot(&self) {
        let op = self.op.fetch_add(1, Ordering::Relaxed);
        let mut seen = BTreeSet::new();
        for survival in survivals(op) {
            let disk = self.disk.survivor(survival);
            let hash = hash_of(&disk);
            if seen.insert(hash) {
                // The receiver lives as long as the run.
                _ = self.shots.send(Shot { op, survival, disk, hash });
            }
        }
    }
}

fn hash_of(disk: &FaultDisk) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut names = disk.list().unwrap();
    names.sort();
    for name in names {
        hasher.write(name.as_bytes());
        let content = disk.content(&name).unwrap();
        hasher.write_usize(content.len());
        hasher.write(&content);
    }
    hasher.finish()
}

impl Disk for Tap {
    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        let file = self.0.disk.open(name)?;
        Ok(Arc::new(TapFile { camera: Arc::clone(&self.0), file }))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>, DiskError> {
        self.0.shoot();
        let file = self.0.disk.create(name)?;
        Ok(Arc::new(TapFile { camera: Arc::clone(&self.0), file }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.shoot();
        self.0.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.0.shoot();
        self.0.disk.remove(name)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.0.disk.list()
    }

    fn sync_dir(&self) -> Result<(), DiskError> {
        self.0.shoot();
        self.0.disk.sync_dir()
    }

    fn lock(&self, name: &str) -> Result<Arc<dyn DiskLock>, DiskError> {
        self.0.shoot();
        self.0.disk.lock(name)
    }

    fn space(&self) -> Result<tradewind_store::Space, DiskError> {
        self.0.disk.space()
    }
}

/// Reading changes nothing: a crash before it is the crash before what comes next.
impl DiskFile for TapFile {
    fn size(&self) -> Result<u64, DiskError> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        self.file.read_at(offset, len)
    }

    fn write_at(&self, offset: u64, bytes: &Bytes) -> Result<(), DiskError> {
        self.camera.shoot();
        self.file.write_at(offset, bytes)
    }

    fn allocate(&self, len: u64) -> Result<(), DiskError> {
        self.camera.shoot();
        self.file.allocate(len)
    }

    fn truncate(&self, len: u64) -> Result<(), DiskError> {
        self.camera.shoot();
        self.file.truncate(len)
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.camera.shoot();
        self.file.sync()
    }
}
