//! What is shown.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tradewind_sim::{Coverage, Figures};

/// A word now and then about long work.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    last: Instant,
}

impl Progress {
    const EVERY: Duration = Duration::from_secs(10);

    pub(crate) fn new() -> Progress {
        Progress { start: Instant::now(), last: Instant::now() }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Says `what`, unless something was said a moment ago.
    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if Progress::EVERY <= self.last.elapsed() {
            self.last = Instant::now();
            eprintln!("{:6.0} s  {}", self.seconds(), what());
        }
    }
}

pub(crate) fn figures(figures: &Figures) -> Value {
    json!({
        "crash_points": figures.points,
        "crashes": figures.crashes,
        "recoveries": figures.recoveries,
        "messages_found": figures.messages,
        "deliveries": figures.deliveries,
        "damaged": figures.damaged,
        "reported": figures.reported,
    })
}

pub(crate) fn table(coverage: &Coverage) {
    println!("\npercent of the seeds that came by");
    for (name, percent) in coverage.rows() {
        let rare = if percent < 1.0 { "  < 1 %" } else { "" };
        println!("{percent:7.2}  {name}{rare}");
    }
}

pub(crate) fn coverage(coverage: &Coverage) -> Value {
    coverage.rows().into_iter().map(|(name, percent)| (name.to_owned(), json!(percent))).collect()
}

/// What is wrong, and how to see it again.
pub(crate) fn failure(seed: u64, why: &str) {
    println!("\nVIOLATION, seed {seed}: {why}");
    println!("  repeat: cargo run --profile sim -p tradewind-sim -- --seed {seed} --trace");
}

/// The last line.
pub(crate) fn close(room: &str, passed: bool, is_json: bool, more: Value) {
    if is_json {
        let mut all = json!({ "room": room, "passed": passed });
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
        println!("{all}");
    } else {
        println!("{room}: {}", if passed { "passed" } else { "FAILED" });
    }
}
