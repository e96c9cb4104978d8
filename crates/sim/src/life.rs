//! A plan is carried out: life after life of one store, each ended by a crash.

use std::{sync::Arc, time::Duration};

use tradewind_store::{Fault, FaultDisk, Survival};
use tradewind_subject::Timestamp;

use crate::{
    check::{self, Figures, Scene},
    coverage::{self, Kind},
    driver::Driver,
    failure,
    found::Found,
    plan::{End, Hazard, Life, Plan, Step, Trip},
    rot, story,
    world::{Stop, World},
};

/// A store without room refuses so often before it gets some.
const REFUSALS: u64 = 4;

/// Carries out a plan; panics at the first thing that is wrong.
pub(crate) fn run(plan: &Plan, figures: &mut Figures) {
    let seed = plan.seed;
    let mut disk = FaultDisk::new();
    let mut world = World::open(Arc::new(disk.clone()), plan.tuning, None).unwrap();
    world.label = format!("seed {seed}");
    world.run(&plan.begin).unwrap();
    for (index, life) in plan.lives.iter().enumerate() {
        world.label = format!("seed {seed}, life {index}");
        story::tell(|| format!("-- life {index}: {:?}", life.hazard));
        live(&mut world, &disk, life);
        (world, disk) = end(world, &disk, &life.end, figures);
    }
    figures.deliveries += world.model.n_deliveries;
}

/// Until the crash, or until the steps are done.
fn live(world: &mut World, disk: &FaultDisk, life: &Life) {
    let now = disk.ops();
    let (fault, kind) = match life.hazard {
        Hazard::None => (None, Kind::NoFault),
        Hazard::Crash(after) => {
            world.crash = Some(disk.clone());
            (Some(Fault::Crash(now + after)), Kind::CrashInRun)
        }
        Hazard::CrashSync(after) => {
            world.crash = Some(disk.clone());
            (Some(Fault::CrashSync(disk.syncs() + after)), Kind::CrashAtSync)
        }
        Hazard::Io(after) => (Some(Fault::Io(now + after)), Kind::IoOnce),
        Hazard::IoSync(after) => (Some(Fault::IoSync(disk.syncs() + after)), Kind::IoAtSync),
        Hazard::IoFrom(after) => (Some(Fault::IoFrom(now + after)), Kind::IoForGood),
        Hazard::Full { after, .. } => (Some(Fault::Full(now + after)), Kind::NoSpace),
    };
    coverage::note(kind);
    if let Some(fault) = fault {
        disk.plan(fault);
    }
    let stop = match life.hazard {
        Hazard::Full { heals, .. } => live_without_room(world, disk, &life.steps, heals),
        Hazard::Io(_) | Hazard::IoFrom(_) | Hazard::IoSync(_) => {
            world.is_lenient = true;
            run_steps(world, &life.steps)
        }
        Hazard::None | Hazard::Crash(_) | Hazard::CrashSync(_) => run_steps(world, &life.steps),
    };
    match stop {
        Ok(()) | Err(Stop::Crashed) => (),
        Err(Stop::Stalled) if world.is_lenient => (),
        Err(Stop::Stalled) => world.fail("there is room, and it stalls"),
        Err(Stop::Closed(_)) if world.is_lenient => (),
        Err(Stop::Closed(error)) => world.fail(&format!("{error:?}")),
    }
    if world.model.is_dead && world.driver.is_some() {
        coverage::note(Kind::Poisoned);
        if !world.is_lenient {
            world.fail("the store took damage from nothing");
        }
        failure::refuses_writes(world);
    }
}

fn run_steps(world: &mut World, steps: &[Step]) -> Result<(), Stop> {
    for step in steps {
        if 0 < step.delay {
            coverage::note(Kind::SlowCommit);
        }
        world.set_delay(step.delay);
        world.step(&step.ops)?;
        if world.model.is_dead {
            break;
        }
    }
    Ok(())
}

/// One operation at a time: whoever is refused must know what.
fn live_without_room(
    world: &mut World,
    disk: &FaultDisk,
    steps: &[Step],
    heals: bool,
) -> Result<(), Stop> {
    world.model.is_full = true;
    world.is_lenient = true;
    for op in steps.iter().flat_map(|step| &step.ops) {
        world.step(std::slice::from_ref(op))?;
        if world.model.is_dead {
            world.fail("a full disk is no I/O error");
        }
        if !world.model.is_full {
            continue;
        }
        if 0 < world.model.unanswered() || REFUSALS < world.model.n_refused {
            if !heals {
                break;
            }
            failure::get_room(world, disk);
        }
    }
    Ok(())
}

/// The crash, what is found after it, and the next life.
fn end(mut world: World, disk: &FaultDisk, end: &End, figures: &mut Figures) -> (World, FaultDisk) {
    let is_sound = !disk.has_crashed() && !world.is_lenient && !world.model.is_dead;
    if is_sound {
        decay_and_rot(&mut world, disk, end, figures);
    }
    let now = world.driver.as_ref().map_or(world.model.now, |driver| driver.now.nanos());
    let now = Timestamp(now.max(world.model.latest));
    let World { model, label, tuning, driver, .. } = world;
    drop(driver);
    let scene = Scene { model: &model, now, label: &label, tuning };
    for survival in &end.others {
        note_survival(*survival);
        let label = format!("{label}, {survival:?}");
        figures.crashes += 1;
        Scene { label: &label, ..scene }.revive(&disk.survivor(*survival), false, figures);
    }
    note_survival(end.survival);
    story::tell(|| format!("-- crash: {:?}", end.survival));
    figures.crashes += 1;
    let disk = start_in_vain(disk.survivor(end.survival), scene, &end.starts, figures);
    if end.proves {
        check::survivor(&disk, scene, figures);
    }
    let (mut world, disk) = scene.revive(&disk, end.twice, figures);
    settle(&mut world);
    (world, disk)
}

fn note_survival(survival: Survival) {
    coverage::note(match survival {
        Survival::Kill => Kind::Kill,
        Survival::PowerNone => Kind::PowerNone,
        Survival::PowerAll => Kind::PowerAll,
        Survival::PowerPrefix(_) => Kind::PowerPrefix,
        Survival::PowerSectors(_) => Kind::PowerSectors,
    });
}

/// Damage that comes while the server runs, and while it does not.
fn decay_and_rot(world: &mut World, disk: &FaultDisk, end: &End, figures: &mut Figures) {
    if end.rots.is_empty() && end.decays.is_none() {
        return;
    }
    disk.heal();
    world.crash = None;
    world.idle().unwrap();
    if let Some(seed) = end.decays
        && let Some((name, content)) = rot::decay(disk, seed)
    {
        coverage::note(Kind::Decay);
        story::tell(|| format!("-- bits of {name} flip"));
        let Some(found) = Found::look(world.driver()) else { world.fail("no answer") };
        for name in world.model.streams() {
            let (Some(state), Some(found)) = (world.model.newest(name), found.streams.get(name))
            else {
                continue;
            };
            if let Err(why) = found.as_state(state) {
                world.fail(&format!("after bits flipped: {why}"));
            }
        }
        disk.set_content(&name, &content);
    }
    let now = Timestamp(world.driver().now.nanos().max(world.model.latest));
    for rot in &end.rots {
        coverage::note(Kind::Rot);
        let scene = Scene { model: &world.model, now, label: &world.label, tuning: world.tuning };
        rot.check(disk, scene, figures);
    }
}

/// Starts that don't come to their end.
fn start_in_vain(
    mut disk: FaultDisk,
    scene: Scene<'_>,
    starts: &[(Trip, Survival)],
    figures: &mut Figures,
) -> FaultDisk {
    for (trip, survival) in starts {
        let (fault, kind) = match *trip {
            Trip::Crash(op) => (Fault::Crash(op), Kind::CrashInRecovery),
            Trip::CrashSync(op) => (Fault::CrashSync(op), Kind::CrashAtSyncInRecovery),
            Trip::Io(op) => (Fault::Io(op), Kind::IoInRecovery),
            Trip::Full(op) => (Fault::Full(op), Kind::NoSpaceInRecovery),
        };
        coverage::note(kind);
        note_survival(*survival);
        story::tell(|| format!("-- start with {fault:?}, then {survival:?}"));
        disk.plan(fault);
        let opened = Driver::open(Arc::new(disk.clone()), scene.now, scene.tuning);
        story::mix_number(disk.ops());
        disk.heal();
        disk = disk.survivor(*survival);
        figures.crashes += 1;
        figures.recoveries += 1;
        drop(opened);
    }
    disk
}

/// Finds out what became of everything that was not promised.
fn settle(world: &mut World) {
    world.driver().advance(Duration::from_secs(61));
    world.pump().unwrap();
    world.drain(false).unwrap();
    world.model.consumers.iter_mut().for_each(crate::oracle::ConsumerModel::resolve);
}
