//! `cargo xtask ci`: everything that has to hold before a change is taken, in order.
//!
//! A step that fails does not stop the next ones, unless they need what it builds.

mod steps;
mod tally;

use std::time::Instant;

use anyhow::{Result, ensure};

use self::steps::STEPS;
use self::tally::Tally;
use crate::checkout::Checkout;
use crate::say;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// It can't run on this machine, for this reason.
    Skipped(&'static str),
}

/// One step.
struct Step {
    name: &'static str,
    /// Whether it runs what `build` made.
    needs_build: bool,
    run: fn(&Checkout, &mut Tally) -> Result<Outcome>,
}

struct Line {
    name: &'static str,
    seconds: f64,
    outcome: Outcome,
}

/// Runs the steps named in `wanted`, or all; true if none failed.
pub(crate) fn run(checkout: &Checkout, wanted: &[&str]) -> Result<bool> {
    for name in wanted {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        ensure!(names.contains(name), "no step {name}; there are: {}", names.join(", "));
    }
    let mut tally = Tally::default();
    let mut lines: Vec<Line> = Vec::new();
    for step in STEPS.iter().filter(|it| wanted.is_empty() || wanted.contains(&it.name)) {
        say(&format!("\n=== {} ===", step.name));
        let began = Instant::now();
        let broken = lines.iter().any(|it| it.name == "build" && it.outcome == Outcome::Failed);
        let outcome = if step.needs_build && broken {
            say("not run: the build failed");
            tally.count(false);
            Outcome::Failed
        } else {
            taken(step, checkout, &mut tally)
        };
        if let Outcome::Skipped(why) = outcome {
            say(&format!("SKIPPED: {why}"));
        }
        lines.push(Line { name: step.name, seconds: began.elapsed().as_secs_f64(), outcome });
    }
    say(&summary(&lines));
    say(&format!("{} passed, {} failed", tally.passed, tally.failed));
    Ok(tally.failed == 0)
}

/// Runs `step`; whatever stops it counts as a failure.
fn taken(step: &Step, checkout: &Checkout, tally: &mut Tally) -> Outcome {
    let before = tally.failed;
    let outcome = (step.run)(checkout, tally).unwrap_or_else(|error| {
        say(&format!("{}: {error:#}", step.name));
        Outcome::Failed
    });
    if outcome == Outcome::Failed && tally.failed == before {
        tally.count(false);
    }
    outcome
}

fn summary(lines: &[Line]) -> String {
    let total: f64 = lines.iter().map(|line| line.seconds).sum();
    let mut rows = vec![format!("\n{:<20} {:>8}  outcome", "step", "seconds")];
    rows.extend(lines.iter().map(|Line { name, seconds, outcome }| {
        let outcome = match outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed => "FAILED".to_owned(),
            Outcome::Skipped(why) => format!("SKIPPED: {why}"),
        };
        format!("{name:<20} {seconds:>8.1}  {outcome}")
    }));
    rows.push(format!("{:<20} {total:>8.1}", "all"));
    rows.join("\n")
}
