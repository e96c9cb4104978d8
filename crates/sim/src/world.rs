//! The server under test, its disk, and what is known of it.

mod jobs;
mod perform;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use tradewind_jetstream::shard::{Job, OpenShardError};
use tradewind_store::{Disk, FaultDisk};
use tradewind_subject::Timestamp;

use crate::{
    check::{self, Figures, Scene},
    driver::{Driver, Tuning},
    found::Found,
    oracle::Model,
    script::Op,
    story,
    tap::Shot,
    world::jobs::Flight,
};

/// Syncs that a clean stop may take.
const SYNCS_MAX: u32 = 100;

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The disk crashed.
    Crashed,
    /// A server that was to stop finds no room to write what it still has to.
    Stalled,
    /// The store can't be opened.
    Closed(OpenShardError),
}

/// A server, its disk, and what is known of it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) driver: Option<Driver>,
    disk: Arc<dyn Disk>,
    pub(crate) tuning: Tuning,
    pub(crate) model: Model,
    /// Photographs of the disk, to be looked at.
    shots: Option<Receiver<Shot>>,
    looked: BTreeSet<(u64, u64)>,
    pub(crate) figures: Figures,
    /// The disk that is to crash.
    pub(crate) crash: Option<FaultDisk>,
    pub(crate) label: String,
    /// Reads may fail.
    pub(crate) is_lenient: bool,
    n_steps: u64,
    n_replies: u64,
    /// Commits are handed back only after so many steps.
    delay: u64,
    /// Jobs that were taken and not handed back.
    flights: VecDeque<Flight>,
    /// Housekeeping that runs beside the rest.
    chore: Option<Job>,
}

impl World {
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        tuning: Tuning,
        shots: Option<Receiver<Shot>>,
    ) -> Result<World, Stop> {
        let now = Timestamp(1_700_000_000_000_000_000);
        let driver = Driver::open(Arc::clone(&disk), now, tuning).map_err(Stop::Closed)?;
        let mut world = World::revived(driver, disk, tuning, Model::default());
        world.shots = shots;
        // What was photographed may be from before the first epoch.
        let epoch = std::mem::take(&mut world.model.epoch);
        world.look();
        world.model.epoch = epoch;
        Ok(world)
    }

    /// Around a server that was just opened, and found to be as `model` says.
    pub(crate) fn revived(
        driver: Driver,
        disk: Arc<dyn Disk>,
        tuning: Tuning,
        mut model: Model,
    ) -> World {
        (model.epoch, model.now) = (driver.epoch, driver.now.nanos());
        World {
            driver: Some(driver),
            disk,
            tuning,
            model,
            shots: None,
            looked: BTreeSet::new(),
            figures: Figures::default(),
            crash: None,
            label: String::new(),
            is_lenient: false,
            n_steps: 0,
            n_replies: 0,
            delay: 0,
            flights: VecDeque::new(),
            chore: None,
        }
    }

    pub(crate) fn driver(&mut self) -> &mut Driver {
        self.driver.as_mut().unwrap()
    }

    #[track_caller]
    pub(crate) fn fail(&self, why: &str) -> ! {
        panic!("{}: operation {}: {why}", self.label, self.model.op)
    }

    /// Does all of it, groups as groups.
    pub(crate) fn run(&mut self, ops: &[Op]) -> Result<(), Stop> {
        let mut rest = ops;
        while let Some((op, after)) = rest.split_first() {
            rest = after;
            match op {
                Op::Group(n) => {
                    let (group, after) = rest.split_at((*n).min(rest.len()));
                    rest = after;
                    self.step(group)?;
                }
                _ => self.step(std::slice::from_ref(op))?,
            }
            if self.model.is_dead {
                break;
            }
        }
        Ok(())
    }

    /// Operations that come at once, and all that follows from them.
    pub(crate) fn step(&mut self, ops: &[Op]) -> Result<(), Stop> {
        for op in ops {
            self.model.op += 1;
            story::tell(|| format!("{} {op:?}", self.model.op));
            self.perform(op)?;
        }
        self.pump()?;
        self.n_steps += 1;
        self.land()?;
        self.chores()?;
        self.driver().advance(Duration::from_millis(1));
        Ok(())
    }

    fn turn(&mut self) -> bool {
        let now = self.driver().now.nanos();
        self.model.expire(now);
        let (mails, more) = self.driver().turn();
        for mail in mails {
            mail.note();
            if let Err(why) = self.model.receive(&mail) {
                self.fail(&why);
            }
        }
        more
    }

    /// Whatever the server would say after a crash, nobody hears it.
    fn is_up(&self) -> Result<(), Stop> {
        let crashed = self.crash.as_ref().is_some_and(FaultDisk::has_crashed);
        if crashed { Err(Stop::Crashed) } else { Ok(()) }
    }

    /// Checks what would be left if the disk had stopped at one of its last operations.
    fn look(&mut self) {
        let Some(shots) = &self.shots else { return };
        for shot in shots.try_iter() {
            if self.looked.insert((shot.hash, self.model.version)) {
                let at = self.driver.as_ref().map_or_else(Timestamp::default, |d| d.now);
                let label = format!("crash at disk operation {}, {:?}", shot.op, shot.survival);
                let tuning = self.tuning;
                let scene = Scene { model: &self.model, now: at, label: &label, tuning };
                check::survivor(&shot.disk, scene, &mut self.figures);
            }
        }
    }

    fn sync_all(&mut self) -> Result<(), Stop> {
        // The last sync may have found segments to give back, and snapshots to write for that.
        let mut n_syncs = 0;
        while !self.driver().is_stalled()
            && let Some(job) = self.driver().next_sync()
        {
            self.run_job(job)?;
            n_syncs += 1;
            if SYNCS_MAX < n_syncs {
                self.fail("a clean stop never comes to its end");
            }
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Stop> {
        self.finish()?;
        if self.driver().is_stalled() {
            // What it has to write it can't: that would be a crash.
            return Ok(());
        }
        self.driver().close();
        self.turn();
        self.sync()?;
        self.sync()?;
        if self.driver().mark_idle() {
            self.sync()?;
        }
        if let Some(job) = self.chore.take() {
            self.run_job(job)?;
        }
        self.sync_all()?;
        if self.driver().is_stalled() {
            return Err(Stop::Stalled);
        }
        if self.model.is_dead {
            return Ok(());
        }
        self.finish()?;
        if self.model.is_dead {
            return Ok(());
        }
        let before = Found::look(self.driver());
        self.is_up()?;
        if let Some(job) = self.driver().next_witness() {
            self.run_job(job)?;
        }
        if self.model.is_dead {
            return Ok(());
        }
        // Whoever stops a server and starts it again sets its clock right.
        let now = Timestamp(self.driver().now.nanos().max(self.model.latest));
        self.driver = None;
        self.model.stopped();
        self.model.now = now.nanos();
        let opened = Driver::open(Arc::clone(&self.disk), now, self.tuning);
        self.is_up()?;
        let driver = opened.map_err(Stop::Closed)?;
        if driver.epoch <= self.model.epoch {
            self.fail("the epoch did not go up");
        }
        let epoch = driver.epoch;
        self.driver = Some(driver);
        self.look();
        self.model.epoch = epoch;
        let after = Found::look(self.driver());
        self.is_up()?;
        self.look();
        if self.is_lenient {
            return Ok(());
        }
        let (Some(before), Some(after)) = (before, after) else { self.fail("no answer") };
        let (before, after) = (before.lasting(), after.lasting());
        if before != after {
            self.fail(&format!("a restart changed\n{before:#?}\nto\n{after:#?}"));
        }
        let states = check::states(&self.model, &after, &crate::driver::Alarm::default());
        match states {
            Ok(_) => Ok(()),
            Err(why) => self.fail(&why),
        }
    }

    /// Pulls and pushes until nothing comes any more; what came, by consumer.
    pub(crate) fn drain(&mut self, acks: bool) -> Result<BTreeMap<usize, BTreeSet<u64>>, Stop> {
        let mut came: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        self.finish()?;
        for _ in 0..200 {
            let before = self.model.n_deliveries;
            self.model.op += 1;
            let mut acked = false;
            for stream in self.model.streams() {
                let Some(state) = self.model.newest(stream) else { continue };
                for (name, id) in state.consumers.clone() {
                    if self.model.consumers[id].spec.deliver_to.is_empty() {
                        self.pull(stream, name, 100);
                        self.pump()?;
                    }
                    let waiting = self.model.waiting(id).clone();
                    came.entry(id).or_default().extend(waiting.keys());
                    for (seq, to) in waiting.into_iter().filter(|_| acks) {
                        acked = true;
                        self.model.acked(id, &[seq], false);
                        self.driver().send(&to, "", b"", b"+ACK");
                    }
                }
            }
            self.pump()?;
            if before == self.model.n_deliveries && !acked {
                return Ok(came);
            }
        }
        self.fail("deliveries never end")
    }
}
