//! Crashes, I/O errors and full disks at every operation of a disk, under a whole shard.
//!
//! Figures are printed with `--nocapture`. By the environment:
//!
//! * `TRADEWIND_CRASH_FULL`: errors at every operation of the disk and not at some of them only, and
//!   every recovered store opened twice: takes minutes;
//! * `TRADEWIND_CRASH_SEEDS`: how many seeds of random work;
//! * `TRADEWIND_CRASH_SEED`: this seed only;
//! * `TRADEWIND_CRASH_TRACE`: shows every operation and what the server says.

#[cfg(test)]
mod check;
#[cfg(test)]
mod driver;
#[cfg(test)]
mod failure;
#[cfg(test)]
mod found;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod random;
#[cfg(test)]
mod script;
#[cfg(test)]
mod tap;
#[cfg(test)]
mod world;

use std::sync::Arc;

use tradewind_store::{Disk, FaultDisk};

use crate::{
    check::Figures,
    script::script,
    tap::{Tap, survivals},
    world::World,
};

/// Whether it may take minutes.
fn is_thorough() -> bool {
    std::env::var_os("TRADEWIND_CRASH_FULL").is_some()
}

/// Of so many operations of the disk, an error is tried at one.
fn stride() -> usize {
    if is_thorough() { 1 } else { 17 }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn crash_at_every_disk_operation_loses_nothing_acknowledged() {
    let (tap, shots) = Tap::new(FaultDisk::new());
    let ops = script();
    assert!(300 <= ops.len(), "{} operations", ops.len());
    let mut world = World::open(Arc::new(tap.clone()), Some(shots)).unwrap();
    "fixed script".clone_into(&mut world.label);
    world.run(&ops).unwrap();
    let files = tap.list().unwrap();
    assert!(!files.contains(&"0000000001.log".to_owned()), "segments are given back: {files:?}");
    let (n_ops, n_kinds) = (tap.n_ops(), survivals(0).len());
    println!("{} operations, {n_ops} of the disk, {n_kinds} crashes at each", ops.len());
    println!("without those that leave the same behind: {:?}", world.figures);
}

#[test]
fn an_io_error_at_each_operation_refuses_writes_and_loses_nothing() {
    let ops = script();
    let n_ops = failure::n_disk_ops(&ops);
    let (mut figures, mut n_tried, mut n_harmed) = (Figures::default(), 0, 0);
    for op in (0..n_ops).step_by(stride()) {
        n_tried += 1;
        n_harmed += u64::from(failure::io_error_at(op, &ops, &mut figures));
    }
    assert!(n_tried / 2 < n_harmed, "reads apart, every error counts");
    println!("{n_tried} of {n_ops} operations of the disk, {n_harmed} ended it, {figures:?}");
}

#[test]
fn no_space_at_each_operation_loses_nothing_and_heals() {
    let ops = script();
    let n_ops = failure::n_disk_ops(&ops);
    let (mut figures, mut n_tried, mut n_stalls, mut n_refused) = (Figures::default(), 0, 0, 0);
    for op in (0..n_ops).step_by(stride()) {
        n_tried += 1;
        let (stalled, refused) = failure::full_at(op, &ops, &mut figures);
        n_stalls += u64::from(stalled);
        n_refused += refused;
    }
    assert!(0 < n_stalls && 0 < n_refused, "{n_stalls} stalls, {n_refused} refused");
    println!("{n_tried} of {n_ops} operations of the disk, {figures:?}");
    println!("{n_stalls} commits waited for room, {n_refused} requests were refused");
}

#[test]
fn random_work_with_crashes_loses_nothing_acknowledged() {
    let seeds = match number("TRADEWIND_CRASH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TRADEWIND_CRASH_SEEDS").unwrap_or(150),
    };
    let mut figures = Figures::default();
    for seed in seeds.clone() {
        random::run(seed, &mut figures);
    }
    println!("seeds {seeds:?}, {figures:?}");
}

#[test]
fn the_same_seed_does_the_same() {
    let run = |seed| {
        let mut figures = Figures::default();
        random::run(seed, &mut figures);
        figures
    };
    for seed in 1_000..1_005 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
