//! Each in turn: a crash, an I/O error, a full disk at every operation of a fixed script.

use std::sync::Arc;

use tradewind_store::{Disk as _, FaultDisk};

use crate::{
    attempt::{Outcome, attempt_with},
    check::{Figures, Scene},
    dice::Dice,
    driver::Tuning,
    failure,
    rot::Rot,
    script::script,
    story,
    tap::Tap,
    world::World,
};

/// Crashes at every operation of the disk under the script, with everything that may be left.
pub fn crash_everywhere() -> Outcome {
    attempt_with(None, false, |figures| {
        let (tap, shots) = Tap::new(FaultDisk::new());
        let ops = script();
        assert!(300 <= ops.len(), "{} operations", ops.len());
        let mut world = World::open(Arc::new(tap.clone()), Tuning::SMALL, Some(shots)).unwrap();
        "fixed script".clone_into(&mut world.label);
        world.run(&ops).unwrap();
        let files = tap.list().unwrap();
        assert!(!files.contains(&"0000000001.log".to_owned()), "segments go: {files:?}");
        *figures = Figures { points: tap.n_points(), ..world.figures };
    })
}

/// Operations of the disk in an undisturbed run of the script.
pub fn n_disk_ops() -> u64 {
    failure::n_disk_ops(&script())
}

/// The script into an I/O error, and whether that did harm.
pub fn io_error_at(op: u64) -> (Outcome, bool) {
    let mut harmed = false;
    let run = |figures: &mut Figures| harmed = failure::io_error_at(op, &script(), figures);
    (attempt_with(None, false, run), harmed)
}

/// The script into a full disk; whether a commit waited for room, and how many were refused.
pub fn no_space_at(op: u64) -> (Outcome, bool, u64) {
    let mut seen = (false, 0);
    let run = |figures: &mut Figures| seen = failure::full_at(op, &script(), figures);
    (attempt_with(None, false, run), seen.0, seen.1)
}

/// Stores of different content, each damaged in `each` ways, one after the other; the seed says
/// which.
pub fn rot_cases(seed: u64, each: u64) -> Outcome {
    attempt_with(None, false, |figures| {
        let mut dice = Dice::new(seed);
        let ops = script();
        let disk = FaultDisk::new();
        let mut world = World::open(Arc::new(disk.clone()), Tuning::SMALL, None).unwrap();
        world.label = format!("rot {seed}");
        let n_ops = 30 + dice.index(ops.len() - 30);
        world.run(&ops[..n_ops]).unwrap();
        world.idle().unwrap();
        story::mix_number(disk.ops());
        let now = world.driver().now;
        for _ in 0..each {
            let rot = Rot::draw(&mut dice);
            let (model, label) = (&world.model, &*world.label);
            let scene = Scene { model, now, label, tuning: world.tuning };
            rot.check(&disk, scene, figures);
        }
    })
}
