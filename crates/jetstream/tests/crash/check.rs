//! What is found after a crash is held against what is known.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tradewind_store::{FaultDisk, Survival};
use tradewind_subject::Timestamp;

use crate::{
    driver::Driver,
    found::Found,
    oracle::{Model, StreamState},
    script::{Send, send},
    world::World,
};

/// How much was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) crashes: u64,
    /// Disks opened; every second one twice, or all of them if it may take long.
    pub(crate) survivors: u64,
    pub(crate) recoveries: u64,
    pub(crate) messages: u64,
    pub(crate) deliveries: u64,
}

/// The state that each stream was found in.
pub(crate) type States = Vec<(&'static str, Option<StreamState>)>;

/// Finds out in which of the states that it may be in each stream is.
pub(crate) fn states(model: &Model, found: &Found) -> Result<States, String> {
    let mut states = Vec::new();
    let known: BTreeSet<&str> = model.streams().collect();
    if let Some(name) = found.streams.keys().find(|name| !known.contains(name.as_str())) {
        return Err(format!("stream {name} was never made"));
    }
    for name in model.streams() {
        let mut mismatches = Vec::new();
        let mut candidates = model.candidates(name);
        let state = candidates.find_map(|candidate| {
            let result = match (candidate, found.streams.get(name)) {
                (None, None) => Ok(None),
                (Some(state), Some(found)) => found.as_state(state).map(Some),
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

/// Opens what is left of a disk and holds it against what is known.
pub(crate) fn survivor(
    disk: &FaultDisk,
    model: &Model,
    now: Timestamp,
    label: &str,
    figures: &mut Figures,
) {
    let (mut world, _) = revive(disk, model, now, label, figures);
    if let Err(stop) = prove(&mut world) {
        world.fail(&format!("{stop:?}"));
    }
    figures.deliveries += world.model.n_deliveries - model.n_deliveries;
}

/// Opens what is left of a disk, and perhaps again after another crash right then.
pub(crate) fn revive(
    disk: &FaultDisk,
    model: &Model,
    now: Timestamp,
    label: &str,
    figures: &mut Figures,
) -> (World, FaultDisk) {
    let open = |disk: &FaultDisk, which: &str| {
        let mut driver = Driver::open(Arc::new(disk.clone()), now).unwrap_or_else(|error| {
            panic!("{label}, operation {}: {which} start: {error:?}", model.op)
        });
        let found = Found::look(&mut driver);
        (driver, found.unwrap_or_else(|| panic!("{label}: {which} start: no answer")))
    };
    // A copy: whoever gave the disk may want to try it again.
    let mut disk = disk.survivor(Survival::Kill);
    let (mut driver, mut found) = open(&disk, "first");
    figures.recoveries += 1;
    figures.survivors += 1;
    if crate::is_thorough() || figures.survivors.is_multiple_of(2) {
        disk = disk.survivor(Survival::PowerNone);
        let first = found;
        (driver, found) = open(&disk, "second");
        assert!(first == found, "{label}: opened twice, {first:#?} became {found:#?}");
        figures.recoveries += 1;
    }
    figures.messages += found.n_messages();
    let mut model = model.clone();
    let states = match states(&model, &found) {
        Ok(states) => states,
        Err(why) => panic!("{label}, operation {}: {why}", model.op),
    };
    model.crashed(states);
    for name in model.streams() {
        if let Some(state) = model.newest(name) {
            let checked = found.streams[name].check_consumers(&model, state);
            checked.unwrap_or_else(|why| panic!("{label}, operation {}: {name}: {why}", model.op));
        }
    }
    let mut world = World::revived(driver, Arc::new(disk.clone()), model);
    label.clone_into(&mut world.label);
    (world, disk)
}

/// What was promised for later is kept: ids are known, what is owed is delivered, sequences go on.
fn prove(world: &mut World) -> Result<(), crate::world::Stop> {
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
