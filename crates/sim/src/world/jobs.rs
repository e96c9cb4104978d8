//! The jobs of the server: run at once, or slowly, beside all that goes on.

use std::time::Duration;

use tradewind_jetstream::shard::{Job, JobDone};

use super::{Stop, World};

/// Nothing takes longer than this.
const ROUNDS_MAX: u32 = 10_000;

/// A commit that was taken and not handed back.
#[derive(Debug)]
pub(super) struct Flight {
    stage: Stage,
    /// It goes on after this step.
    due: u64,
}

#[derive(Debug)]
enum Stage {
    /// The disk has not begun.
    Taken(Job),
    /// The disk is done, and the server does not know.
    Ran(JobDone),
}

impl World {
    /// Until nothing is left to do, or the disk takes its time.
    pub(crate) fn pump(&mut self) -> Result<(), Stop> {
        for _ in 0..ROUNDS_MAX {
            let more = self.turn();
            if self.flights.is_empty()
                && let Some(job) = self.driver().due_commit()
            {
                self.take_off(job)?;
            } else if !more {
                return Ok(());
            }
        }
        self.fail("it never comes to rest")
    }

    fn take_off(&mut self, job: Job) -> Result<(), Stop> {
        if self.delay == 0 {
            return self.run_job(job);
        }
        // Half of them run at once and are heard of late, half run late.
        let due = self.n_steps + self.delay;
        let stage = if due.is_multiple_of(2) {
            let done = job.run();
            self.is_up()?;
            self.look();
            Stage::Ran(done)
        } else {
            Stage::Taken(job)
        };
        self.flights.push_back(Flight { stage, due });
        Ok(())
    }

    /// From now on commits take so many steps.
    pub(crate) fn set_delay(&mut self, steps: u64) {
        self.delay = steps;
    }

    /// Hands back what is due.
    pub(super) fn land(&mut self) -> Result<(), Stop> {
        let n_steps = self.n_steps;
        if let Some(flight) = self.flights.pop_front_if(|flight| flight.due <= n_steps) {
            self.hand_back(flight)?;
            self.pump()?;
        }
        Ok(())
    }

    /// The disk catches up with everything.
    pub(crate) fn finish(&mut self) -> Result<(), Stop> {
        self.delay = 0;
        while let Some(flight) = self.flights.pop_front() {
            self.hand_back(flight)?;
        }
        self.pump()
    }

    fn hand_back(&mut self, flight: Flight) -> Result<(), Stop> {
        match flight.stage {
            Stage::Taken(job) => self.run_job(job),
            Stage::Ran(done) => {
                self.told(done);
                Ok(())
            }
        }
    }

    pub(super) fn run_job(&mut self, job: Job) -> Result<(), Stop> {
        let done = job.run();
        self.is_up()?;
        self.look();
        self.told(done);
        Ok(())
    }

    fn told(&mut self, done: JobDone) {
        self.driver().done(done);
        self.model.is_dead |= self.driver().is_poisoned();
        self.turn();
    }

    /// Housekeeping, one job at a time: some of it ends long after it was taken.
    pub(crate) fn chores(&mut self) -> Result<(), Stop> {
        if let Some(job) = self.chore.take() {
            self.run_job(job)?;
        }
        for n_jobs in 0..3 {
            let Some(job) = self.driver().next_chore() else { break };
            if n_jobs == 0 && self.n_steps.is_multiple_of(2) {
                self.chore = Some(job);
                break;
            }
            self.run_job(job)?;
        }
        Ok(())
    }

    /// Silence, until all is on the disk and the disk says so.
    pub(crate) fn idle(&mut self) -> Result<(), Stop> {
        self.finish()?;
        // What a sync sets free may be written down in its turn.
        for _ in 0..8 {
            self.driver().advance(Duration::from_millis(100));
            self.pump()?;
            self.chores()?;
            if self.driver().is_unsynced() {
                self.sync()?;
            }
            let marks = self.driver().mark_idle();
            if marks {
                self.sync()?;
            }
            let at_rest = !self.driver().is_unsynced() && !self.driver().has_uncommitted();
            if at_rest || self.driver().is_stalled() || self.model.is_dead {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), Stop> {
        match self.driver().next_sync() {
            Some(job) => self.run_job(job),
            None => Ok(()),
        }
    }
}
