//! Everything that happens to one store, made up from a seed before any of it happens.

mod make;

use tradewind_store::Survival;

use crate::{driver::Tuning, rot::Rot, script::Op};

/// The lives of one store.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) seed: u64,
    pub(crate) tuning: Tuning,
    pub(crate) begin: Vec<Op>,
    pub(crate) lives: Vec<Life>,
}

/// From one start to the next crash.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) hazard: Hazard,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

/// Operations that come at once, and how many steps a commit takes from then on.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) ops: Vec<Op>,
    pub(crate) delay: u64,
}

/// What goes wrong with the disk, so many operations of it after the life began.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hazard {
    None,
    Crash(u64),
    /// At a sync, counted from the beginning of the life.
    CrashSync(u64),
    Io(u64),
    IoFrom(u64),
    /// A sync, counted from the beginning of the life.
    IoSync(u64),
    /// Without room; it comes back after a few refusals, or at the crash.
    Full {
        after: u64,
        heals: bool,
    },
}

/// How a life ends.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// A bit flips under the running server.
    pub(crate) decays: Option<u64>,
    /// Damage to the files while the server is down, after a clean stop.
    pub(crate) rots: Vec<Rot>,
    pub(crate) survival: Survival,
    /// What else may be left; looked at, and forgotten.
    pub(crate) others: Vec<Survival>,
    /// Starts that don't come to their end.
    pub(crate) starts: Vec<(Trip, Survival)>,
    pub(crate) twice: bool,
    pub(crate) proves: bool,
}

/// What ends a start, at which operation of the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trip {
    Crash(u64),
    CrashSync(u64),
    Io(u64),
    Full(u64),
}

impl Plan {
    /// The plan of a seed.
    pub fn of_seed(seed: u64) -> Plan {
        make::plan(seed)
    }

    /// The number of steps.
    pub fn n_steps(&self) -> usize {
        self.lives.iter().map(|life| life.steps.len()).sum()
    }

    /// The same plan without the steps `from..to`, counted over all lives.
    #[must_use]
    pub fn without(&self, from: usize, to: usize) -> Plan {
        let mut plan = self.clone();
        let mut at = 0;
        for life in &mut plan.lives {
            life.steps.retain(|_| {
                at += 1;
                !(from..to).contains(&(at - 1))
            });
        }
        plan
    }

    /// The same plan without one life; `None` if there is no such life or it is the only one.
    pub fn without_life(&self, index: usize) -> Option<Plan> {
        let mut plan = self.clone();
        (index < plan.lives.len() && 1 < plan.lives.len()).then(|| {
            plan.lives.remove(index);
            plan
        })
    }

    /// How many lives there are.
    pub fn n_lives(&self) -> usize {
        self.lives.len()
    }
}
