//! Which files make up the store: two slots with the same content, written one after the other.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tradewind_subject::int;

use crate::{
    disk::{Disk, DiskError, DiskFile, Trouble},
    frame,
    ids::Lsn,
    mutant::{self, Mutant},
};

/// The slots. Both hold the same; of generation `n`, slot `n % 2` is written first, so that a crash
/// tears one of them at most.
pub(crate) const SLOTS: [&str; 2] = ["manifest.0", "manifest.1"];

const MAGIC: [u8; 8] = *b"TWMANIF\0";
const HEAD: usize = 72;
const ENTRY: usize = 48;
const CRC: usize = 4;
/// Slots grow by this, so that a full disk does not stand in the way of a small change.
const SLOT_STEP: u64 = 64 << 10;

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A part of the log: all its records count.
    Log,
    /// Messages that outlived their part of the log: nothing else in it counts.
    Cold,
}

impl Role {
    /// As it stands in the manifest.
    fn code(self) -> u8 {
        match self {
            Role::Log => 1,
            Role::Cold => 2,
        }
    }
}

/// A segment the manifest knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) segment: u32,
    pub(crate) role: Role,
    /// Size of the file.
    pub(crate) capacity: u32,
    pub(crate) first: Lsn,
    pub(crate) seal: Option<Seal>,
}

/// What is known of a segment that will not be written any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Bytes up to the end of its last frame.
    pub(crate) len: u32,
    /// Sum of the sums of its frames.
    pub(crate) content: u32,
    pub(crate) last: Lsn,
}

/// The state of the store's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) generation: u64,
    pub(crate) instance: [u8; 16],
    pub(crate) epoch: u64,
    /// Everything up to here was synced when this was written.
    pub(crate) durable: Lsn,
    pub(crate) next_segment: u32,
    /// In the order of their LSNs, which do not overlap: the cold ones, then the log, all sealed but
    /// the last.
    pub(crate) entries: Vec<Entry>,
}

/// What a slot holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Valid(Manifest),
    /// Nothing that can be read: never written, torn or damaged.
    Unreadable,
    /// Valid, and only for versions from this one on.
    Newer(u16),
}

impl Manifest {
    pub(crate) fn new(instance: [u8; 16]) -> Manifest {
        let (durable, entries) = (Lsn::ZERO, Vec::new());
        Manifest { generation: 0, instance, epoch: 0, durable, next_segment: 1, entries }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let len = HEAD + self.entries.len() * ENTRY + CRC;
        let start = self.log_start();
        let mut out = BytesMut::with_capacity(len);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&frame::FORMAT.to_le_bytes());
        out.extend_from_slice(&frame::FORMAT.to_le_bytes());
        out.extend_from_slice(&int::u32_saturating(len).to_le_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.instance);
        for number in [self.epoch, self.durable.0, start.0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.next_segment.to_le_bytes());
        out.extend_from_slice(&int::u32_saturating(self.entries.len()).to_le_bytes());
        for entry in &self.entries {
            let seal = entry.seal.unwrap_or(Seal { len: 0, content: 0, last: Lsn::ZERO });
            out.extend_from_slice(&entry.segment.to_le_bytes());
            out.extend_from_slice(&[entry.role.code(), u8::from(entry.seal.is_some()), 0, 0]);
            for number in [entry.capacity, seal.len, seal.content, 0] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            for number in [entry.first.0, seal.last.0, 0] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out.freeze()
    }

    /// The first LSN of the log.
    pub(crate) fn log_start(&self) -> Lsn {
        let log = self.entries.iter().find(|entry| entry.role == Role::Log);
        log.map_or_else(|| self.durable.next(), |entry| entry.first)
    }

    /// Puts a segment where its LSNs belong.
    pub(crate) fn insert(&mut self, entry: Entry) {
        let at = self.entries.partition_point(|other| other.first < entry.first);
        self.entries.insert(at, entry);
    }

    pub(crate) fn decode(bytes: &[u8]) -> Slot {
        Manifest::checked(bytes).unwrap_or(Slot::Unreadable)
    }

    fn checked(bytes: &[u8]) -> Option<Slot> {
        let len = int::usize_from_u32(u32_at(bytes, 12)?);
        let covered = bytes.get(..len.checked_sub(CRC)?)?;
        if !covered.starts_with(&MAGIC) || crc32c::crc32c(covered) != u32_at(bytes, len - CRC)? {
            return None;
        }
        let reader = u16::from_le_bytes(*covered.get(10..)?.first_chunk()?);
        if frame::FORMAT < reader {
            return Some(Slot::Newer(reader));
        }
        let (entries, rest) = covered.get(HEAD..)?.as_chunks::<ENTRY>();
        if !rest.is_empty() || entries.len() != int::usize_from_u32(u32_at(covered, 68)?) {
            return None;
        }
        Some(Slot::Valid(Manifest {
            generation: u64_at(covered, 16)?,
            instance: *covered.get(24..)?.first_chunk()?,
            epoch: u64_at(covered, 40)?,
            durable: Lsn(u64_at(covered, 48)?),
            next_segment: u32_at(covered, 64)?,
            entries: entries.iter().map(|entry| decode_entry(entry)).collect::<Option<_>>()?,
        }))
    }
}

fn decode_entry(bytes: &[u8]) -> Option<Entry> {
    let (role, sealed) = match bytes.get(4..6)? {
        [1, 0] => (Role::Log, false),
        [1, 1] => (Role::Log, true),
        [2, 1] => (Role::Cold, true),
        _ => return None,
    };
    let (len, content) = (u32_at(bytes, 12)?, u32_at(bytes, 16)?);
    let seal = Seal { len, content, last: Lsn(u64_at(bytes, 32)?) };
    Some(Entry {
        segment: u32_at(bytes, 0)?,
        role,
        capacity: u32_at(bytes, 8)?,
        first: Lsn(u64_at(bytes, 24)?),
        seal: sealed.then_some(seal),
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The manifest and the two files it is kept in.
#[derive(Debug)]
pub(crate) struct ManifestFile {
    state: Manifest,
    slots: [Arc<dyn DiskFile>; 2],
    allocated: [u64; 2],
    /// A write or sync failed: what the slots hold is unknown, and they are left alone.
    failed: Option<DiskError>,
}

impl ManifestFile {
    pub(crate) fn new(
        state: Manifest,
        slots: [Arc<dyn DiskFile>; 2],
    ) -> Result<ManifestFile, DiskError> {
        let allocated = [slots[0].size()?, slots[1].size()?];
        Ok(ManifestFile { state, slots, allocated, failed: None })
    }

    /// Makes both slots, with room, and their names durable. The state is not written yet.
    pub(crate) fn create(disk: &dyn Disk, state: Manifest) -> Result<ManifestFile, DiskError> {
        let slots = [disk.create(SLOTS[0])?, disk.create(SLOTS[1])?];
        for slot in &slots {
            slot.allocate(SLOT_STEP)?;
            slot.sync()?;
        }
        disk.sync_dir()?;
        ManifestFile::new(state, slots)
    }

    pub(crate) fn state(&self) -> &Manifest {
        &self.state
    }

    /// Changes the manifest and makes the change durable.
    ///
    /// A shortage of space leaves everything as it was; after any other error all later calls fail.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Manifest)) -> Result<(), Trouble> {
        if let Some(error) = &self.failed {
            return Err(Trouble::Fault(error.clone()));
        }
        let mut next = self.state.clone();
        change(&mut next);
        next.generation += 1;
        self.write(&next)?;
        self.state = next;
        Ok(())
    }

    /// Makes durable what was read from the slots, in both.
    ///
    /// After a failed sync in an earlier life it may be in memory only, and the other slot may have
    /// the last state that is on the disk: that one is written second.
    pub(crate) fn refresh(&mut self) -> Result<(), Trouble> {
        if self.state.generation == 0 {
            return Ok(());
        }
        let state = self.state.clone();
        self.write(&state)
    }

    fn write(&mut self, state: &Manifest) -> Result<(), Trouble> {
        let bytes = state.encode();
        let wanted = int::u64_from(bytes.len()).next_multiple_of(SLOT_STEP);
        for (slot, allocated) in self.slots.iter().zip(&mut self.allocated) {
            if *allocated < wanted {
                slot.allocate(wanted).map_err(Trouble::of_reserving)?;
                *allocated = wanted;
            }
        }
        let first = usize::from(state.generation % 2 == 1);
        let lazy = mutant::enabled(Mutant::ManifestNotSynced);
        for slot in [&self.slots[first], &self.slots[1 - first]] {
            let sync = || if lazy { Ok(()) } else { slot.sync() };
            let written = slot.write_at(0, &bytes).and_then(|()| sync());
            written.map_err(|error| {
                self.failed = Some(error.clone());
                Trouble::Fault(error)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Fault, FaultDisk, Survival};

    fn manifest() -> Manifest {
        let old = Seal { len: 90, content: 0xef, last: Lsn(3) };
        let seal = Seal { len: 900, content: 0xabcd, last: Lsn(12) };
        Manifest {
            generation: 9,
            instance: [3; 16],
            epoch: 4,
            durable: Lsn(12),
            next_segment: 8,
            entries: vec![
                Entry {
                    segment: 9,
                    role: Role::Cold,
                    capacity: 99,
                    first: Lsn(1),
                    seal: Some(old),
                },
                Entry {
                    segment: 6,
                    role: Role::Log,
                    capacity: 1024,
                    first: Lsn(5),
                    seal: Some(seal),
                },
                Entry { segment: 7, role: Role::Log, capacity: 2048, first: Lsn(13), seal: None },
            ],
        }
    }

    #[test]
    fn a_manifest_comes_back_as_it_was() {
        let mut bytes = manifest().encode().to_vec();
        bytes.resize(4096, 0);

        assert_eq!(Manifest::decode(&bytes), Slot::Valid(manifest()));
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let bytes = manifest().encode();

        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Manifest::decode(&flipped), Slot::Unreadable, "bit {bit}");
        }
    }

    #[test]
    fn a_manifest_for_newer_readers_is_recognised() {
        let mut bytes = manifest().encode().to_vec();
        bytes[10] = 2;
        let covered = bytes.len() - CRC;
        let crc = crc32c::crc32c(&bytes[..covered]);
        bytes[covered..].copy_from_slice(&crc.to_le_bytes());

        assert_eq!(Manifest::decode(&bytes), Slot::Newer(2));
    }

    #[test]
    fn a_crash_between_the_slots_leaves_one_with_each_state() {
        let disk = FaultDisk::new();
        let mut file = ManifestFile::create(&disk, Manifest::new([1; 16])).unwrap();
        file.edit(|manifest| manifest.epoch = 1).unwrap();
        // Write and sync of the first slot, write of the second.
        disk.plan(Fault::Crash(disk.ops() + 3));

        file.edit(|manifest| manifest.epoch = 2).unwrap_err();

        let left = disk.survivor(Survival::PowerNone);
        let epoch = |slot: &str| match Manifest::decode(&left.content(slot).unwrap()) {
            Slot::Valid(manifest) => manifest.epoch,
            other => panic!("{slot}: {other:?}"),
        };
        assert_eq!((epoch(SLOTS[0]), epoch(SLOTS[1])), (2, 1));
    }

    #[test]
    fn both_slots_have_the_last_edit() {
        let disk = crate::disk::MemDisk::new();
        let mut file = ManifestFile::create(&disk, Manifest::new([1; 16])).unwrap();

        file.edit(|manifest| manifest.epoch = 1).unwrap();
        file.edit(|manifest| manifest.epoch = 2).unwrap();

        for slot in SLOTS {
            let bytes = disk.open(slot).unwrap().read_at(0, 4096).unwrap();
            assert_eq!(Manifest::decode(&bytes), Slot::Valid(file.state().clone()), "{slot}");
        }
    }

    /// The page cache shows generation 2, the disk has 1 in the other slot only. Without the refresh,
    /// the next edit would tear the last state that is on the disk.
    #[test]
    fn what_was_read_is_durable_after_a_refresh() {
        let disk = FaultDisk::new();
        let mut file = ManifestFile::create(&disk, Manifest::new([1; 16])).unwrap();
        file.edit(|manifest| manifest.epoch = 1).unwrap();
        disk.plan(Fault::Io(disk.ops() + 1));
        file.edit(|manifest| manifest.epoch = 2).unwrap_err();
        file.edit(|manifest| manifest.epoch = 3).unwrap_err();
        let Slot::Valid(read) = Manifest::decode(&disk.content(SLOTS[0]).unwrap()) else {
            panic!("the page cache has it");
        };
        let slots = [disk.open(SLOTS[0]).unwrap(), disk.open(SLOTS[1]).unwrap()];

        let mut file = ManifestFile::new(read.clone(), slots).unwrap();
        file.refresh().unwrap();

        let after = disk.survivor(Survival::PowerNone).content(SLOTS[0]).unwrap();
        assert_eq!(Manifest::decode(&after), Slot::Valid(read));
    }
}
