//! What is found after a crash is held against what is known.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tradewind_store::{Disk as _, FaultDisk, Survival};
use tradewind_subject::Timestamp;

use crate::{
    driver::{Alarm, Driver, Tuning},
    found::Found,
    oracle::{Model, StreamState},
    script::{Send, send},
    story,
    world::World,
};

/// How much was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Places where the disk may stop, times what may be left of it then; many leave the same.
    pub points: u64,
    /// Times that the disk stopped.
    pub crashes: u64,
    /// Times that what was left was opened.
    pub recoveries: u64,
    /// Messages found there.
    pub messages: u64,
    /// Messages delivered.
    pub deliveries: u64,
    /// Disks with damage, and how many of them were refused.
    pub damaged: u64,
    /// Of those, how many were reported.
    pub reported: u64,
}

impl Figures {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Figures) {
        self.points += other.points;
        self.crashes += other.crashes;
        self.recoveries += other.recoveries;
        self.messages += other.messages;
        self.deliveries += other.deliveries;
        self.damaged += other.damaged;
        self.reported += other.reported;
    }
}

/// What is known when a disk is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) model: &'a Model,
    pub(crate) now: Timestamp,
    pub(crate) label: &'a str,
    pub(crate) tuning: Tuning,
}

/// The state that each stream was found in.
pub(crate) type States = Vec<(&'static str, Option<StreamState>)>;

impl Scene<'_> {
    #[track_caller]
    pub(crate) fn fail(&self, why: &str) -> ! {
        panic!("{}, operation {}: {why}", self.label, self.model.op)
    }

    /// Opens a disk and looks at all that is there.
    fn open(&self, disk: &FaultDisk, which: &str) -> (Driver, Found) {
        let opened = Driver::open(Arc::new(disk.clone()), self.now, self.tuning);
        let mut driver = match opened {
            Ok(driver) => driver,
            Err(error) => self.fail(&format!("{which} start: {error:?}")),
        };
        if driver.epoch <= self.model.epoch {
            self.fail(&format!("{which} start: the epoch did not go up"));
        }
        if driver.alarm.is_raised() {
            self.fail(&format!("{which} start: a false alarm: {:?}", driver.alarm));
        }
        story::mix_number(disk.ops());
        let Some(found) = Found::look(&mut driver) else {
            self.fail(&format!("{which} start: no answer"))
        };
        (driver, found)
    }

    /// Opens what is left of a disk, and `twice` if asked: the second time without the caches, and
    /// after a power loss right after the first.
    pub(crate) fn revive(
        &self,
        disk: &FaultDisk,
        twice: bool,
        figures: &mut Figures,
    ) -> (World, FaultDisk) {
        // A copy: whoever gave the disk may want to try it again.
        let mut disk = disk.survivor(Survival::Kill);
        let (mut driver, mut found) = self.open(&disk, "first");
        figures.recoveries += 1;
        if twice {
            disk = disk.survivor(Survival::PowerNone);
            wipe_caches(&disk);
            let (first, epoch) = (found, driver.epoch);
            (driver, found) = self.open(&disk, "second");
            if first != found {
                self.fail(&format!("opened twice, {first:#?} became {found:#?}"));
            }
            if driver.epoch <= epoch {
                self.fail("the epoch did not go up");
            }
            figures.crashes += 1;
            figures.recoveries += 1;
        }
        figures.messages += found.n_messages();
        let mut model = self.model.clone();
        match states(&model, &found, &Alarm::default()) {
            Ok(states) => model.crashed(states),
            Err(why) => self.fail(&why),
        }
        for name in model.streams() {
            if let Some(state) = model.newest(name) {
                let checked = found.streams[name].check_consumers(&model, state);
                checked.unwrap_or_else(|why| self.fail(&format!("{name}: {why}")));
            }
        }
        let mut world = World::revived(driver, Arc::new(disk.clone()), self.tuning, model);
        self.label.clone_into(&mut world.label);
        (world, disk)
    }
}

/// What a file is by its name.
pub(crate) fn kind_of(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, kind)| kind)
}

/// Deletes the files that can be made anew from the others.
fn wipe_caches(disk: &FaultDisk) {
    for name in disk.list().unwrap() {
        if kind_of(&name) == "side" {
            disk.lose(&name);
        }
    }
}

/// Finds out in which of the states that it may be in each stream is, but for those that `alarm`
/// says are lost.
pub(crate) fn states(model: &Model, found: &Found, alarm: &Alarm) -> Result<States, String> {
    let mut states = Vec::new();
    let known: BTreeSet<&str> = model.streams().collect();
    if let Some(name) = found.streams.keys().find(|name| !known.contains(name.as_str())) {
        return Err(format!("stream {name} was never made"));
    }
    for name in model.streams() {
        if alarm.excuses(name, found.streams.contains_key(name)) {
            continue;
        }
        let mut mismatches = Vec::new();
        let mut candidates = model.candidates(name).map(|state| model.without_volatile(state));
        let state = candidates.find_map(|candidate| {
            let result = match (candidate.as_deref(), found.streams.get(name)) {
                (None, None) => Ok(None),
                (Some(state), Some(found)) => found
                    .has_consumers_of(model, state)
                    .and_then(|()| found.as_state(state))
                    .map(Some),
                (None, Some(_)) => Err("the stream should not be there".to_owned()),
                (Some(_), None) => Err("the stream is not there".to_owned()),
            };
            result.map_err(|why| mismatches.push(why)).ok()
        });
        let Some(state) = state else {
            let found = found.streams.get(name);
            return Err(format!(
                "stream {name} is in no state it was in: {mismatches:#?}\n{found:?}"
            ));
        };
        states.push((name, state));
    }
    Ok(states)
}

/// Opens what is left of a disk, holds it against what is known and lets it go on.
pub(crate) fn survivor(disk: &FaultDisk, scene: Scene<'_>, figures: &mut Figures) {
    figures.crashes += 1;
    let (mut world, _) = scene.revive(disk, figures.crashes.is_multiple_of(2), figures);
    prove(&mut world, figures);
}

/// What was promised for later is kept: ids are known, what is owed is delivered, sequences go on.
pub(crate) fn prove(world: &mut World, figures: &mut Figures) {
    let n_before = world.model.n_deliveries;
    if let Err(stop) = try_to_prove(world) {
        world.fail(&format!("{stop:?}"));
    }
    figures.deliveries += world.model.n_deliveries - n_before;
}

fn try_to_prove(world: &mut World) -> Result<(), crate::world::Stop> {
    world.model.op += 1;
    resend_ids(world);
    world.pump()?;
    // Longer than any wait for an ack.
    world.driver().advance(Duration::from_secs(61));
    world.pump()?;
    let streams = world.model.streams();
    let ids = streams
        .filter_map(|name| world.model.newest(name))
        .flat_map(|state| state.consumers.values().copied().collect::<Vec<_>>());
    let owed: Vec<(usize, BTreeSet<u64>)> = ids.map(|id| (id, world.model.owed(id))).collect();
    let came = world.drain(true)?;
    for (id, owed) in owed {
        let came = came.get(&id).cloned().unwrap_or_default();
        if let Some(seq) = owed.iter().find(|seq| !came.contains(seq)) {
            let spec = world.model.consumers[id].spec;
            world.fail(&format!("{seq} is never delivered again by {spec:?}"));
        }
    }
    for subject in ["orders.eu.1", "work.a", "news.world", "state.1", "short.a", "strict.a"] {
        world.model.op += 1;
        world.publish(&Send { headers: true, ..send(subject, 10) });
    }
    world.pump()?;
    if 0 < world.model.unanswered() {
        world.fail("questions are not answered");
    }
    Ok(())
}

/// Publishes what has an id again; all of it is known to be a duplicate.
fn resend_ids(world: &mut World) {
    for name in world.model.streams() {
        let Some(state) = world.model.newest(name) else { continue };
        let now = world.model.now;
        let recent = state.ids.iter().filter(|(_, id)| now < id.at + state.window());
        let recent: Vec<_> = recent.map(|(id, at)| (id.clone(), at.clone())).collect();
        for (id, at) in recent {
            let number = id.strip_prefix("id-").unwrap().parse().unwrap();
            let subject = crate::script::literal(&at.subject);
            world.publish(&Send { id: number, ..send(subject, 5) });
        }
    }
}
