//! What is in the directory.

use std::sync::Arc;

use parking_lot::Mutex;
use tradewind_subject::int;

use super::{OpenError, corrupt};
use crate::{
    disk::{Disk, DiskError, DiskLock},
    files::{self, Files, Name, Pool},
    frame::{FORMAT, Layout, Salt},
    ids::Lsn,
    log::{
        LogOptions,
        segment::{self, Segment},
    },
    manifest::{Manifest, ManifestFile, Role, SLOTS, Slot},
    mark::{self, Mark},
    mutant::{self, Mutant},
};

/// The names in the directory, all of them known.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) segments: Vec<u32>,
    pub(super) sidecars: Vec<u32>,
    spares: Vec<u32>,
    has_reserve: bool,
}

impl Inventory {
    pub(super) fn of(names: &[String]) -> Result<Inventory, OpenError> {
        let mut inventory = Inventory::default();
        for name in names {
            match Name::parse(name) {
                Some(Name::Lock | Name::Manifest | Name::Damaged(_) | Name::Tolerated) => (),
                Some(Name::Sidecar(segment)) => inventory.sidecars.push(segment),
                Some(Name::Reserve) => inventory.has_reserve = true,
                Some(Name::Segment(segment)) => inventory.segments.push(segment),
                Some(Name::Spare(number)) => inventory.spares.push(number),
                None => {
                    let signs = ["jetstream", "meta.inf", "meta.sum", "streams", "msgs", "obs"];
                    let nats = signs.contains(&name.as_str());
                    return Err(OpenError::Foreign { name: name.clone(), nats });
                }
            }
        }
        inventory.segments.sort_unstable();
        inventory.spares.sort_unstable();
        Ok(inventory)
    }

    /// The latest manifest, opened to be changed; `None` if there never was one.
    pub(super) fn manifest(&self, disk: &dyn Disk) -> Result<Option<ManifestFile>, OpenError> {
        let Some(latest) = self.latest(disk)? else { return Ok(None) };
        let [first, second] = SLOTS.map(|slot| match disk.open(slot) {
            // Both hold the same: it is made anew from the other one.
            Err(DiskError::NotFound { .. }) => {
                mark::hit(Mark::MissingManifest);
                let file = disk.create(slot)?;
                disk.sync_dir().map(|()| file)
            }
            opened => opened,
        });
        Ok(Some(ManifestFile::new(latest, [first?, second?])?))
    }

    /// What the latest manifest says; `None` if there never was one.
    pub(super) fn latest(&self, disk: &dyn Disk) -> Result<Option<Manifest>, OpenError> {
        let mut latest: Option<Manifest> = None;
        for slot in SLOTS {
            let file = match disk.open(slot) {
                Err(DiskError::NotFound { .. }) => continue,
                opened => opened?,
            };
            let bytes = file.read_at(0, int::usize_from(file.size()?))?;
            match Manifest::decode(&bytes) {
                Slot::Newer(needs) => return Err(OpenError::Newer { needs, reads: FORMAT }),
                Slot::Unreadable => mark::hit(Mark::OneSlotUnreadable),
                Slot::Valid(found) => {
                    if latest.as_ref().is_none_or(|latest| latest.generation < found.generation) {
                        latest = Some(found);
                    }
                }
            }
        }
        if latest.is_none() && !self.segments.is_empty() {
            mark::hit(Mark::NoManifest);
            return Err(corrupt(SLOTS[0], 0, Lsn::ZERO, "there is no readable manifest"));
        }
        Ok(latest)
    }

    /// Starts a store; its manifest is first written when the recovery, of nothing, ends.
    pub(super) fn create(disk: &dyn Disk, instance: [u8; 16]) -> Result<ManifestFile, OpenError> {
        mark::hit(Mark::NewStore);
        for slot in SLOTS {
            // Left by a start that failed: the name may not be durable, and using it again would
            // not make it so.
            match disk.remove(slot) {
                Ok(()) | Err(DiskError::NotFound { .. }) => (),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(ManifestFile::create(disk, Manifest::new(instance))?)
    }

    /// What log and jobs will share, in a new epoch.
    pub(super) fn files(
        &self,
        (disk, lock): (Arc<dyn Disk>, Arc<dyn DiskLock>),
        manifest: ManifestFile,
        options: &LogOptions,
        sealed: &[Segment],
    ) -> Result<Files, OpenError> {
        let of_log = sealed.iter().filter(|segment| segment.role == Role::Log);
        let total = of_log.map(|segment| u64::from(segment.capacity)).sum();
        let capacity = segment::next_capacity(&options.segment_bytes, total);
        let next_number = self.spares.last().copied().unwrap_or_default();
        let wanted = options.spare_segments;
        let pool = Pool { spares: Vec::new(), capacity, wanted, next_number };
        for number in &self.spares {
            // Its last life may have ended in a failed sync: that the room is there proves nothing.
            mark::hit(Mark::SpareRemoved);
            disk.remove(&files::spare_name(*number))?;
        }
        if self.has_reserve {
            disk.remove(files::RESERVE)?;
        }
        let state = manifest.state();
        Ok(Files {
            disk,
            layout: Layout::DISK,
            salt: Salt::new(state.instance),
            epoch: state.epoch + u64::from(!mutant::enabled(Mutant::EpochNotRaised)),
            manifest: Some(Mutex::new(manifest)),
            pool: Mutex::new(pool),
            space_low: false.into(),
            roomy: u32::MAX.into(),
            disk_bytes: u64::MAX.into(),
            reserve: Mutex::new(0),
            lock: Some(lock),
        })
    }
}
