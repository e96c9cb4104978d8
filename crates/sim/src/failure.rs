//! I/O errors and full disks at every operation.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tradewind_store::{Fault, FaultDisk, Survival};
use tradewind_subject::Timestamp;

use crate::{
    check::{self, Figures, Scene},
    driver::Tuning,
    oracle::Expect,
    script::{Op, Send, send},
    world::{Stop, World},
};

/// The number of disk operations of an undisturbed run.
pub(crate) fn n_disk_ops(ops: &[Op]) -> u64 {
    let disk = FaultDisk::new();
    let mut world = World::open(Arc::new(disk.clone()), Tuning::SMALL, None).unwrap();
    world.run(ops).unwrap();
    disk.ops()
}

/// Runs the script into an I/O error; whether it did harm.
pub(crate) fn io_error_at(op: u64, ops: &[Op], figures: &mut Figures) -> bool {
    let disk = FaultDisk::new();
    disk.plan(Fault::Io(op));
    let label = format!("EIO at disk operation {op}");
    let Ok(mut world) = World::open(Arc::new(disk.clone()), Tuning::SMALL, None) else {
        return true;
    };
    world.label.clone_from(&label);
    world.is_lenient = true;
    let run = world.run(ops);
    let closed = matches!(run, Err(Stop::Closed(_)));
    if let Err(Stop::Crashed) = run {
        world.fail("nothing crashes here");
    }
    if world.model.is_dead && !closed {
        refuses_writes(&mut world);
    }
    let now = world.driver.as_ref().map_or(world.model.now, |driver| driver.now.nanos());
    let harmed = world.model.is_dead || closed;
    // Not before: what the server still has to say counts.
    world.driver = None;
    disk.heal();
    for survival in [Survival::Kill, Survival::PowerNone, Survival::PowerAll] {
        let label = format!("{label}, {survival:?}");
        let (model, now) = (&world.model, Timestamp(now));
        let scene = Scene { model, now, label: &label, tuning: world.tuning };
        check::survivor(&disk.survivor(survival), scene, figures);
    }
    harmed
}

/// A store that takes no writes says so to whoever wants some.
pub(crate) fn refuses_writes(world: &mut World) {
    world.model.forget_unanswered();
    let mut must_answer = Vec::new();
    for subject in ["orders.eu.1", "work.a", "state.1"] {
        if world.driver().captures(subject) {
            let reply = world.reply();
            world.model.expect(reply.clone(), Expect::Refusal);
            must_answer.push(reply.clone());
            world.driver().send(subject, &reply, b"", b"refused");
        }
    }
    let stream = |name: &str| json!({ "name": name, "subjects": [format!("{name}.>")] });
    for (verb, body) in [
        ("STREAM.CREATE.OTHER", Some(stream("OTHER"))),
        ("STREAM.PURGE.ORDERS", None),
        ("STREAM.MSG.DELETE.STATE", Some(json!({ "seq": 1 }))),
        ("CONSUMER.DELETE.ORDERS.all", None),
        ("CONSUMER.DELETE.WORK.worker", None),
        ("STREAM.DELETE.WORK", None),
    ] {
        let stream = verb.split('.').nth(2).unwrap();
        if world.model.newest(stream).is_some_and(|state| state.live.is_empty()) {
            // Nothing would have to be written.
            continue;
        }
        let reply = world.reply();
        world.model.expect(reply.clone(), Expect::Refusal);
        let body = body.map(|body| serde_json::to_vec(&body).unwrap()).unwrap_or_default();
        must_answer.push(reply.clone());
        world.driver().send(&format!("$JS.API.{verb}"), &reply, b"", &body);
    }
    let waiting: Vec<String> = (world.model.streams().collect::<Vec<_>>().into_iter())
        .filter_map(|name| world.model.newest(name).cloned())
        .flat_map(|state| state.consumers.values().copied().collect::<Vec<_>>())
        .filter(|id| world.model.is_kept(*id))
        .filter_map(|id| world.model.waiting(id).values().next().cloned())
        .collect();
    // Twice: the second time nothing changes.
    for to in waiting.iter().chain(&waiting) {
        let reply = world.reply();
        world.model.expect(reply.clone(), Expect::Refusal);
        world.driver().send(to, &reply, b"", b"+ACK");
    }
    world.pump().unwrap();
    // What is too old can't leave any more.
    world.driver().advance(Duration::from_secs(3));
    world.pump().unwrap();
    if let Some(reply) = must_answer.iter().find(|reply| world.model.is_expected(reply)) {
        world.fail(&format!("{reply} is not answered by a store that takes no writes"));
    }
}

/// Runs the script into a disk without room, which gets some later.
pub(crate) fn full_at(op: u64, ops: &[Op], figures: &mut Figures) -> (bool, u64) {
    let disk = FaultDisk::new();
    disk.plan(Fault::Full(op));
    let label = format!("disk full at operation {op}");
    let Ok(mut world) = World::open(Arc::new(disk.clone()), Tuning::SMALL, None) else {
        return (false, 0);
    };
    world.label.clone_from(&label);
    world.is_lenient = true;
    world.model.is_full = true;
    let mut stalled = false;
    let mut left = 60;
    for op in ops.iter().filter(|op| !matches!(op, Op::Group(_))) {
        if let Err(stop) = world.step(std::slice::from_ref(op)) {
            assert!(!matches!(stop, Stop::Crashed), "{label}: {stop:?}");
            break;
        }
        assert!(!world.model.is_dead, "{label}: a full disk is no I/O error");
        if !world.model.is_full {
            left -= 1;
            if left == 0 {
                break;
            }
        } else if 0 < world.model.unanswered() || 4 < world.model.n_refused {
            stalled |= 0 < world.model.unanswered();
            get_room(&mut world, &disk);
        }
    }
    let n_refused = world.model.n_refused;
    let now = world.driver.as_ref().map_or(world.model.now, |driver| driver.now.nanos());
    world.driver = None;
    disk.heal();
    for survival in [Survival::Kill, Survival::PowerNone] {
        let label = format!("{label}, {survival:?}");
        let (model, now) = (&world.model, Timestamp(now));
        let scene = Scene { model, now, label: &label, tuning: world.tuning };
        check::survivor(&disk.survivor(survival), scene, figures);
    }
    (stalled, n_refused)
}

/// Somebody makes room: nobody has to tell the server.
pub(crate) fn get_room(world: &mut World, disk: &FaultDisk) {
    disk.heal();
    for _ in 0..3 {
        world.driver().advance(Duration::from_millis(20));
        world.pump().unwrap();
        world.chores().unwrap();
    }
    if 0 < world.model.unanswered() {
        world.fail("there is room again, and questions are still not answered");
    }
    world.model.is_full = false;
    world.is_lenient = false;
    world.model.op += 1;
    world.model.now = world.driver().now.nanos();
    world.publish(&Send { headers: true, ..send("state.1", 10) });
    world.pump().unwrap();
    if 0 < world.model.unanswered() {
        world.fail("there is room again, and a publish is not answered");
    }
}
