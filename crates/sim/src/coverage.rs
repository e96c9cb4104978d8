//! What the runs came by: faults that were injected, and marks in the engine.

use std::cell::Cell;

use tradewind_store::mark::{self, Mark};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    NoFault,
    CrashInRun,
    CrashAtSync,
    CrashInRecovery,
    CrashAtSyncInRecovery,
    IoOnce,
    IoAtSync,
    IoForGood,
    IoInRecovery,
    Poisoned,
    NoSpace,
    NoSpaceInRecovery,
    SlowCommit,
    Kill,
    PowerNone,
    PowerAll,
    PowerPrefix,
    PowerSectors,
    Decay,
    Rot,
}

const KINDS: [(Kind, &str); 20] = [
    (Kind::NoFault, "crash between operations of the disk"),
    (Kind::CrashInRun, "crash at an operation of the disk"),
    (Kind::CrashAtSync, "crash at a sync"),
    (Kind::CrashInRecovery, "crash while recovering"),
    (Kind::CrashAtSyncInRecovery, "crash at a sync while recovering"),
    (Kind::IoOnce, "EIO once"),
    (Kind::IoAtSync, "EIO at a sync"),
    (Kind::IoForGood, "EIO from then on"),
    (Kind::IoInRecovery, "EIO while recovering"),
    (Kind::Poisoned, "store poisoned"),
    (Kind::NoSpace, "ENOSPC"),
    (Kind::NoSpaceInRecovery, "ENOSPC while recovering"),
    (Kind::SlowCommit, "commit slower than its clients"),
    (Kind::Kill, "process killed"),
    (Kind::PowerNone, "power loss, nothing unsynced survives"),
    (Kind::PowerAll, "power loss, all survives"),
    (Kind::PowerPrefix, "power loss, a prefix survives"),
    (Kind::PowerSectors, "power loss, any sectors survive"),
    (Kind::Decay, "bits flipped under the running server"),
    (Kind::Rot, "files damaged while down"),
];

thread_local! {
    static FAULTS: Cell<u32> = const { Cell::new(0) };
}

/// The seed had this kind of fault.
#[expect(clippy::as_conversions, reason = "the number of a variant")]
pub(crate) fn note(kind: Kind) {
    FAULTS.set(FAULTS.get() | 1 << (kind as u8));
}

/// What one seed came by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    faults: u32,
    marks: u64,
}

/// What this thread came by since it last asked.
pub(crate) fn take() -> Seen {
    Seen { faults: FAULTS.replace(0), marks: mark::take() }
}

/// How many seeds came by what.
#[derive(Clone, Debug)]
pub struct Coverage {
    n_seeds: u64,
    faults: [u64; KINDS.len()],
    marks: [u64; Mark::ALL.len()],
}

impl Default for Coverage {
    fn default() -> Coverage {
        Coverage { n_seeds: 0, faults: [0; KINDS.len()], marks: [0; Mark::ALL.len()] }
    }
}

impl Coverage {
    /// Counts one seed.
    pub fn count(&mut self, seen: Seen) {
        self.n_seeds += 1;
        for (bit, n) in self.faults.iter_mut().enumerate() {
            *n += u64::from(seen.faults >> bit & 1);
        }
        for (bit, n) in self.marks.iter_mut().enumerate() {
            *n += seen.marks >> bit & 1;
        }
    }

    /// Adds that of other seeds.
    pub fn add(&mut self, other: &Coverage) {
        self.n_seeds += other.n_seeds;
        self.faults.iter_mut().zip(other.faults).for_each(|(n, more)| *n += more);
        self.marks.iter_mut().zip(other.marks).for_each(|(n, more)| *n += more);
    }

    /// The names, and in how many percent of the seeds each came up.
    pub fn rows(&self) -> Vec<(&'static str, f64)> {
        let faults = KINDS.iter().zip(self.faults).map(|((_, name), n)| (*name, n));
        let marks = Mark::ALL.iter().zip(self.marks).map(|(mark, n)| (mark.name(), n));
        faults.chain(marks).map(|(name, n)| (name, percent(n, self.n_seeds))).collect()
    }

    /// Rows below one percent.
    pub fn rare(&self) -> Vec<(&'static str, f64)> {
        self.rows().into_iter().filter(|(_, percent)| *percent < 1.0).collect()
    }
}

fn percent(n: u64, of: u64) -> f64 {
    let [n, of] = [n, of.max(1)].map(|count| f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    100.0 * n / of
}
