//! Every point at which a disk can stop, fail or fill up.

use tradewind_store::{Fault, FaultDisk, Lsn, Survival};

use crate::script::{Opened, Script, open};

const N_STEPS: u32 = 420;

/// The number of disk operations of an undisturbed script.
fn n_ops(seed: u64) -> u64 {
    let disk = FaultDisk::new();
    let mut script = Script::new(disk.clone(), seed);
    script.run(N_STEPS).unwrap();
    let [drops, adoptions, copies] = script.n_sweeps;
    assert!(0 < drops && 1 < adoptions + copies, "{:?}", script.n_sweeps);
    assert!(2 < script.n_indexed, "{} sidecars", script.n_indexed);
    disk.ops()
}

/// What was acknowledged is there after a crash, and stays.
fn check_survivor(script: &Script, disk: &FaultDisk, survival: Survival, context: &str) {
    let context = &format!("{context}, {survival:?}");
    let after = disk.survivor(survival);
    let acked = if survival == Survival::Kill { script.written } else { script.synced };
    let Opened { mut log, facts, report, .. } = match open(&after) {
        Ok(opened) => opened,
        Err(error) => panic!("{context}: {error:?}"),
    };
    script.check(&facts, acked, context);
    assert!(acked <= report.last, "{context}");
    // A recovered log is as good as any: what it says is durable.
    let after = after.survivor(Survival::PowerNone);
    let at = log.append_idle().unwrap();
    drop(log);
    let Opened { mut log, facts: again, .. } = open(&after).unwrap();
    assert_eq!(facts, again, "{context}: opened twice");
    assert_eq!(log.append_idle().unwrap(), at, "{context}: opened twice");
}

fn survivals(op: u64) -> [Survival; 7] {
    [
        Survival::Kill,
        Survival::PowerNone,
        Survival::PowerAll,
        Survival::PowerPrefix(op),
        Survival::PowerPrefix(op ^ 0x5555),
        Survival::PowerSectors(op),
        Survival::PowerSectors(op ^ 0x5555),
    ]
}

#[test]
fn a_crash_at_any_operation_loses_nothing_acknowledged() {
    let seed = 11;
    let n_ops = n_ops(seed);
    assert!(500 < n_ops);
    for op in 0..n_ops {
        let disk = FaultDisk::new();
        disk.plan(Fault::Crash(op));
        let mut script = Script::new(disk.clone(), seed);
        script.run(N_STEPS).unwrap_err();

        for survival in survivals(op) {
            check_survivor(&script, &disk, survival, &format!("crash at {op}"));
        }
    }
}

#[test]
fn an_io_error_at_any_operation_poisons_and_loses_nothing_acknowledged() {
    let seed = 12;
    for op in 0..n_ops(seed) {
        let disk = FaultDisk::new();
        disk.plan(Fault::Io(op));
        let mut script = Script::new(disk.clone(), seed);
        // A read that fails does no harm.
        if script.run(N_STEPS).is_ok() {
            continue;
        }

        if let Some(log) = &mut script.log {
            assert!(log.poisoned().is_some(), "op {op}");
            assert!(log.append_idle().is_err(), "op {op}");
            assert!(log.take_commit(tradewind_store::Durability::Sync).is_none(), "op {op}");
        }
        script.log = None;
        for survival in [Survival::Kill, Survival::PowerNone, Survival::PowerAll] {
            check_survivor(&script, &disk, survival, &format!("EIO at {op}"));
        }
        // The pages that the failed sync left behind look as if they were on the disk.
        disk.heal();
        script.reopen().unwrap();
        check_survivor(&script, &disk, Survival::PowerNone, &format!("restart after EIO at {op}"));
    }
}

/// After a failed sync the page cache shows what is not on the disk. A start that believes it, and
/// loses power half way, must not have made it worse.
#[test]
fn a_crash_while_starting_after_an_io_error_loses_nothing_acknowledged() {
    let seed = 14;
    for op in (0..n_ops(seed)).step_by(7) {
        for later in [4, 9, 11, 13, 15, 18, 22] {
            let disk = FaultDisk::new();
            disk.plan(Fault::Io(op));
            let mut script = Script::new(disk.clone(), seed);
            if script.run(N_STEPS).is_ok() {
                break;
            }
            script.log = None;

            disk.plan(Fault::Crash(disk.ops() + later));
            _ = script.reopen();

            for survival in [Survival::PowerNone, Survival::PowerSectors(later)] {
                let context = format!("crash {later} after EIO at {op}");
                check_survivor(&script, &disk, survival, &context);
            }
        }
    }
}

#[test]
fn a_full_disk_stalls_commits_and_loses_nothing() {
    let seed = 13;
    let mut n_stalls = 0;
    for op in (0..n_ops(seed)).step_by(4) {
        let disk = FaultDisk::new();
        let mut script = Script::new(disk.clone(), seed);
        disk.plan(Fault::Full(op));
        while script.run(N_STEPS).is_err() {
            assert!(script.log.is_none(), "a full disk poisons nothing");
            disk.heal();
        }
        disk.heal();
        script.settle().unwrap();

        n_stalls += script.n_stalls;
        assert_eq!(script.facts.last().unwrap().lsn.max(Lsn(1)), last_fact(&script));
        check_survivor(&script, &disk, Survival::PowerNone, &format!("full at {op}"));
    }
    assert!(10 < n_stalls);
}

fn last_fact(script: &Script) -> Lsn {
    let synced = |fact: &&crate::script::Fact| fact.lsn <= script.synced;
    script.facts.iter().rfind(synced).unwrap().lsn
}
