//! What is written and what is durable.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use bytes::Bytes;
use tradewind_subject::int;

use super::{Fault, Survival, content::Content};
use crate::disk::DiskError;

/// The unit in which a power loss keeps or drops unsynced data.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) next_inode: u64,
    pub(super) live: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    pub(super) dir_changes: Vec<DirChange>,
    pub(super) locks: BTreeSet<String>,
    pub(super) ops: u64,
    pub(super) syncs: u64,
    pub(super) faults: Vec<Fault>,
    pub(super) crashed: bool,
}

#[derive(Clone, Debug)]
pub(super) enum DirChange {
    Link(String, u64),
    Rename(String, String, u64),
    Unlink(String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) live: Content,
    durable: Content,
    unsynced: Vec<Change>,
    /// A sync failed: what is read is not what is on the disk, even if nothing is unsynced.
    diverged: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write(usize, Bytes),
    Resize(usize),
}

impl State {
    /// Counts an operation, and strikes if a fault is due.
    pub(super) fn step(
        &mut self,
        op: &'static str,
        name: &str,
        needs_room: bool,
    ) -> Result<(), DiskError> {
        let at = self.ops;
        self.ops += 1;
        let sync = (op == "sync").then_some(self.syncs);
        self.syncs += u64::from(sync.is_some());
        self.crashed |= self.faults.iter().any(|fault| match fault {
            Fault::Crash(op) => *op == at,
            Fault::CrashSync(number) => sync == Some(*number),
            _ => false,
        });
        let broken = |fault: &Fault| match fault {
            Fault::Io(op) => *op == at,
            Fault::IoFrom(op) => *op <= at,
            Fault::IoSync(number) => sync == Some(*number),
            Fault::Crash(_) | Fault::CrashSync(_) | Fault::Full(_) => false,
        };
        let full = |fault: &Fault| matches!(fault, Fault::Full(from) if *from <= at);
        if self.crashed || self.faults.iter().any(broken) {
            let source = io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
            return Err(DiskError::from_io(op, name, source));
        }
        if needs_room && self.faults.iter().any(full) {
            return Err(DiskError::NoSpace { name: name.to_owned() });
        }
        Ok(())
    }

    /// The inode of `name`, made if there is none.
    pub(super) fn number_of(&mut self, name: &str) -> u64 {
        if let Some(number) = self.live.get(name) {
            return *number;
        }
        let number = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(number, Inode::default());
        self.live.insert(name.to_owned(), number);
        self.dir_changes.push(DirChange::Link(name.to_owned(), number));
        number
    }

    pub(super) fn existing(&self, name: &str) -> Result<u64, DiskError> {
        let number = self.live.get(name).copied();
        number.ok_or_else(|| DiskError::NotFound { name: name.to_owned() })
    }

    /// What the next process finds on a machine that stayed up.
    pub(super) fn after_kill(&self) -> State {
        State {
            inodes: self.inodes.clone(),
            next_inode: self.next_inode,
            live: self.live.clone(),
            durable: self.durable.clone(),
            dir_changes: self.dir_changes.clone(),
            ..State::default()
        }
    }

    /// What is found when the machine comes up again.
    pub(super) fn after_power_loss(&self, survival: Survival) -> State {
        let mut dice = Dice::new(survival);
        let live = self.surviving_names(survival, &mut dice);
        let mut inodes = BTreeMap::new();
        for number in live.values() {
            if let Some(inode) = self.inodes.get(number) {
                inodes.insert(*number, Inode::of(inode.surviving(survival, &mut dice)));
            }
        }
        let (next_inode, durable) = (self.next_inode, live.clone());
        State { inodes, next_inode, live, durable, ..State::default() }
    }

    fn surviving_names(&self, survival: Survival, dice: &mut Dice) -> BTreeMap<String, u64> {
        let n_changes = self.dir_changes.len();
        let n_kept = match survival {
            Survival::PowerNone => 0,
            Survival::Kill | Survival::PowerAll => n_changes,
            Survival::PowerPrefix(_) | Survival::PowerSectors(_) => dice.below(n_changes + 1),
        };
        let mut names = self.durable.clone();
        for change in &self.dir_changes[..n_kept] {
            apply_to_dir(&mut names, change);
        }
        names
    }
}

pub(super) fn apply_to_dir(names: &mut BTreeMap<String, u64>, change: &DirChange) {
    match change {
        DirChange::Link(name, number) => {
            names.insert(name.clone(), *number);
        }
        DirChange::Rename(from, to, number) => {
            names.remove(from);
            names.insert(to.clone(), *number);
        }
        DirChange::Unlink(name) => {
            names.remove(name);
        }
    }
}

impl Inode {
    /// A file that is on the disk as it is read.
    pub(super) fn of(content: Content) -> Inode {
        Inode { live: content.clone(), durable: content, unsynced: Vec::new(), diverged: false }
    }

    pub(super) fn sync(&mut self) {
        if !self.diverged {
            self.durable = self.live.clone();
            self.unsynced.clear();
            return;
        }
        for change in std::mem::take(&mut self.unsynced) {
            apply(&mut self.durable, &change);
        }
    }

    /// A sync that failed: the pages count as clean.
    pub(super) fn lose(&mut self) {
        self.diverged |= !self.unsynced.is_empty();
        self.unsynced.clear();
    }

    pub(super) fn change(&mut self, change: Change) {
        apply(&mut self.live, &change);
        self.unsynced.push(change);
    }

    fn surviving(&self, survival: Survival, dice: &mut Dice) -> Content {
        if self.unsynced.is_empty() && !self.diverged {
            return self.live.clone();
        }
        let mut content = self.durable.clone();
        match survival {
            Survival::Kill | Survival::PowerNone => (),
            Survival::PowerAll => self.unsynced.iter().for_each(|c| apply(&mut content, c)),
            Survival::PowerPrefix(_) => {
                let n_kept = dice.below(self.unsynced.len() + 1);
                self.unsynced[..n_kept].iter().for_each(|c| apply(&mut content, c));
                if let Some(Change::Write(at, bytes)) = self.unsynced.get(n_kept) {
                    let torn = dice.below(bytes.len() + 1);
                    apply(&mut content, &Change::Write(*at, bytes.slice(..torn)));
                }
            }
            Survival::PowerSectors(_) => {
                for change in &self.unsynced {
                    match change {
                        Change::Resize(_) if dice.below(2) == 0 => apply(&mut content, change),
                        Change::Resize(_) => (),
                        Change::Write(at, bytes) => keep_sectors(&mut content, *at, bytes, dice),
                    }
                }
            }
        }
        content
    }
}

fn keep_sectors(content: &mut Content, at: usize, bytes: &Bytes, dice: &mut Dice) {
    let mut from = 0;
    while from < bytes.len() {
        let to = (SECTOR - (at + from) % SECTOR + from).min(bytes.len());
        if dice.below(2) == 0 {
            apply(content, &Change::Write(at + from, bytes.slice(from..to)));
        }
        from = to;
    }
}

fn apply(content: &mut Content, change: &Change) {
    match change {
        Change::Write(at, bytes) => content.write(*at, bytes),
        Change::Resize(len) => content.resize(*len),
    }
}

/// A small generator of numbers, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn new(survival: Survival) -> Dice {
        match survival {
            Survival::PowerPrefix(seed) | Survival::PowerSectors(seed) => Dice(seed),
            _ => Dice(0),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        int::usize_from(z ^ (z >> 31)) % bound.max(1)
    }
}
