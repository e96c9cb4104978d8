//! The rooms: each says whether it found what it looks for.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tradewind_sim::{
    Coverage, Figures, Mutant, Plan, attempt, attempt_on, crash_everywhere, io_error_at,
    n_disk_ops, no_space_at, rot_cases, shrink,
};

use crate::{
    args::{CoverageArgs, MutantArgs, RotArgs, RunArgs, ScriptArgs},
    fleet,
    report::{self, Progress},
};

/// Violations after which a room goes on no more.
const FAILURES_MAX: u64 = 10;
/// Crashes of a run that nothing else ends.
const CRASHES: u64 = 50_000;
/// Damages of one store.
const ROTS_EACH: u64 = 100;

pub(crate) fn one(seed: u64, told: bool, shrinks: bool) -> bool {
    let mut plan = Plan::of_seed(seed);
    if shrinks {
        plan = shrink(&plan);
    }
    let outcome = attempt(&plan, told || shrinks);
    outcome.lines.iter().for_each(|line| println!("{line}"));
    println!(
        "seed {seed}, {} steps, trace {:016x}, {:?}",
        plan.n_steps(),
        outcome.trace,
        outcome.figures
    );
    if let Some(why) = &outcome.failure {
        report::failure(seed, why);
    }
    outcome.failure.is_none()
}

pub(crate) fn run(args: &RunArgs, is_json: bool) -> bool {
    let open_end = args.seeds.end == u64::MAX && args.minutes.is_none();
    let crashes = args.crashes.unwrap_or(if open_end { CRASHES } else { u64::MAX });
    let minutes = args.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let (mut figures, mut coverage) = (Figures::default(), Coverage::default());
    let (mut n_seeds, mut failures) = (0, Vec::new());
    let mut progress = Progress::new();
    let work = |seed| attempt(&Plan::of_seed(seed), false);
    fleet::each(args.seeds.clone(), args.threads, work, |seed, outcome| {
        n_seeds += 1;
        figures.add(&outcome.figures);
        coverage.count(outcome.seen);
        if let Some(why) = outcome.failure {
            report::failure(seed, &why);
            failures.push(seed);
        }
        progress.say(|| {
            let n_failed = failures.len();
            format!("{n_seeds} seeds, {} crashes, {n_failed} violations", figures.crashes)
        });
        let in_time = minutes.is_none_or(|limit| progress.seconds() < limit.as_secs_f64());
        figures.crashes < crashes && in_time && count(failures.len()) < FAILURES_MAX
    });
    let seconds = progress.seconds();
    if !is_json {
        report::table(&coverage);
    }
    let rare = coverage.rare();
    let passed = failures.is_empty() && (!args.covered || rare.is_empty());
    let per_second = rate(figures.crashes, seconds);
    println!(
        "\n{n_seeds} seeds, {} crashes and {} recoveries in {seconds:.1} s ({per_second:.0} crashes/s), \
         {} messages found, {} delivered, {} violations",
        figures.crashes,
        figures.recoveries,
        figures.messages,
        figures.deliveries,
        failures.len(),
    );
    println!(
        "{} damaged stores, {} of them reported, the others whole",
        figures.damaged, figures.reported
    );
    let more = json!({
        "seeds": n_seeds,
        "seconds": seconds,
        "crashes_per_second": per_second,
        "violations": failures,
        "figures": report::figures(&figures),
        "coverage": report::coverage(&coverage),
    });
    report::close("run", passed, is_json, more);
    passed
}

pub(crate) fn script(args: &ScriptArgs, is_json: bool) -> bool {
    let mut progress = Progress::new();
    let crashes = crash_everywhere();
    let mut failures: Vec<String> = crashes.failure.into_iter().collect();
    println!(
        "crashes: {} points and remains, {} different and looked at",
        crashes.figures.points, crashes.figures.crashes
    );
    let n_ops = n_disk_ops();
    let numbers = 0..n_ops.div_ceil(args.stride);
    let mut io = (Figures::default(), 0_u64, 0_u64);
    fleet::each(
        numbers.clone(),
        args.threads,
        |n| io_error_at(n * args.stride),
        |n, found| {
            let (outcome, harmed) = found;
            io.0.add(&outcome.figures);
            io.1 += 1;
            io.2 += u64::from(harmed);
            failures.extend(outcome.failure);
            progress.say(|| format!("EIO at operation {} of {n_ops}", n * args.stride));
            count(failures.len()) < FAILURES_MAX
        },
    );
    println!("EIO: {} operations of {n_ops}, {} harmed, {:?}", io.1, io.2, io.0);
    if io.2 < io.1 / 2 {
        failures.push("reads apart, every I/O error counts".to_owned());
    }
    let mut full = (Figures::default(), 0_u64, 0_u64, 0_u64);
    fleet::each(
        numbers,
        args.threads,
        |n| no_space_at(n * args.stride),
        |n, found| {
            let (outcome, stalled, n_refused) = found;
            full.0.add(&outcome.figures);
            full.1 += 1;
            full.2 += u64::from(stalled);
            full.3 += n_refused;
            failures.extend(outcome.failure);
            progress.say(|| format!("ENOSPC at operation {} of {n_ops}", n * args.stride));
            count(failures.len()) < FAILURES_MAX
        },
    );
    println!(
        "ENOSPC: {} operations of {n_ops}, {} commits waited, {} requests refused, {:?}",
        full.1, full.2, full.3, full.0
    );
    if full.2 == 0 || full.3 == 0 {
        failures.push("no commit ever waited for room, or nobody was refused".to_owned());
    }
    for why in &failures {
        println!(
            "\nVIOLATION: {why}\n  repeat: cargo run --profile sim -p tradewind-sim -- script"
        );
    }
    let passed = failures.is_empty();
    let more = json!({
        "seconds": progress.seconds(),
        "disk_operations": n_ops,
        "crashes": report::figures(&crashes.figures),
        "eio": { "tried": io.1, "harmed": io.2, "figures": report::figures(&io.0) },
        "enospc": {
            "tried": full.1, "stalled": full.2, "refused": full.3, "figures": report::figures(&full.0),
        },
        "violations": failures,
    });
    report::close("script", passed, is_json, more);
    passed
}

pub(crate) fn rot(args: &RotArgs, is_json: bool) -> bool {
    let mut progress = Progress::new();
    let (mut figures, mut failures) = (Figures::default(), Vec::new());
    let work = |seed| rot_cases(seed, ROTS_EACH);
    fleet::each(0..u64::MAX, args.threads, work, |seed, outcome| {
        figures.add(&outcome.figures);
        if let Some(why) = outcome.failure {
            println!("\nVIOLATION: {why}\n  seed {seed} of `sim rot`");
            failures.push(why);
        }
        progress.say(|| format!("{} cases", figures.damaged));
        figures.damaged < args.cases && count(failures.len()) < FAILURES_MAX
    });
    println!(
        "{} damaged stores in {:.1} s: {} reported, {} whole, {} silent losses or wrong bytes",
        figures.damaged,
        progress.seconds(),
        figures.reported,
        figures.damaged - figures.reported,
        failures.len()
    );
    let passed = failures.is_empty();
    let more = json!({ "figures": report::figures(&figures), "violations": failures });
    report::close("rot", passed, is_json, more);
    passed
}

pub(crate) fn mutants(args: &MutantArgs, is_json: bool) -> bool {
    let mut progress = Progress::new();
    let (mut n_missed, mut results) = (0, Map::new());
    let wanted = |mutant: &Mutant| args.only.as_ref().is_none_or(|name| name == mutant.name());
    for mutant in Mutant::ALL.into_iter().filter(wanted) {
        let mut caught: Option<(u64, String)> = None;
        let work = |seed| attempt_on(mutant, &Plan::of_seed(seed));
        fleet::each(0..args.seeds, args.threads, work, |seed, outcome| {
            if let Some(why) = outcome.failure {
                caught = Some((seed, why));
            }
            progress.say(|| format!("{} at seed {seed}", mutant.name()));
            caught.is_none()
        });
        let line = match &caught {
            Some((seed, why)) => {
                let why: String = why.chars().take(110).filter(|c| !c.is_control()).collect();
                format!("caught at seed {seed}: {why}")
            }
            None => "MISSED".to_owned(),
        };
        println!("{:26} {line}", mutant.name());
        n_missed += u64::from(caught.is_none());
        results.insert(mutant.name().to_owned(), json!(caught.map(|(seed, _)| seed)));
    }
    let passed = n_missed == 0 && !results.is_empty();
    println!("{} seeded bugs, {n_missed} missed, {:.1} s", results.len(), progress.seconds());
    let more = json!({ "caught_at_seed": Value::Object(results) });
    report::close("mutants", passed, is_json, more);
    passed
}

pub(crate) fn coverage(args: &CoverageArgs, is_json: bool) -> bool {
    let run_args = RunArgs {
        seeds: 0..args.seeds,
        crashes: None,
        minutes: None,
        threads: args.threads,
        covered: true,
    };
    run(&run_args, is_json)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn rate(n: u64, seconds: f64) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX)) / seconds.max(0.001)
}
