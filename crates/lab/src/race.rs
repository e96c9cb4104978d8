//! The race: the same load on our server and on nats-server, in turn.

mod core;
pub(crate) mod durable;
pub(crate) mod frames;
pub(crate) mod memory;
pub(crate) mod meter;
mod pull;
mod report;
mod request;
mod rows;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use self::meter::Measurement;
use self::report::RowResult;
use self::rows::{Knobs, ROWS, Row};
use crate::peer::{Peer, Setup, Side};
use crate::{num, out, proc};

/// Options of `lab race`.
#[derive(Debug, clap::Args)]
pub(crate) struct RaceArgs {
    /// Alternating rounds; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load per measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only these rows, by key.
    #[arg(long, value_delimiter = ',', value_name = "ROW")]
    only: Vec<String>,
    /// Messages in the store of the restart row.
    #[arg(long, default_value_t = 1_000_000)]
    restart_messages: u64,
    /// Print the keys of the rows and stop.
    #[arg(long)]
    list: bool,
    /// End with code 1 if a bar is missed.
    #[arg(long)]
    check: bool,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the race; false if `--check` found a bar missed.
pub(crate) fn run(args: &RaceArgs, ours: &Peer, theirs: Option<&Peer>) -> Result<bool> {
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    ensure!((0.1..=600.0).contains(&args.seconds), "--seconds must be between 0.1 and 600");
    let mut results: Vec<RowResult> = chosen(&args.only)?.into_iter().map(RowResult::new).collect();
    let knobs = Knobs {
        duration: Duration::from_secs_f64(args.seconds),
        restart_messages: args.restart_messages,
    };
    let load_before = proc::load_average();
    let probe = sync_probe()?;
    for round in 1..=args.rounds {
        for result in &mut results {
            one_round(result, (ours, theirs), knobs, &format!("round {round}/{}", args.rounds));
        }
    }
    let lines: Vec<_> = results.iter().flat_map(RowResult::lines).collect();
    out::say(&report::table(&lines));
    out::say(
        "Ratio: ours ÷ theirs, median over the rounds; ↓ less is better. CPU: seconds of the \
         server per million messages.",
    );
    let load_after = proc::load_average();
    out::say(&format!(
        "fdatasync of 4 KiB: p50 {probe:.0} µs. Load average {load_before:.2} → {load_after:.2}."
    ));
    let bars: Vec<_> = lines.iter().filter_map(|line| line.bar).collect();
    let all_met = bars.iter().all(|(_, met)| *met);
    let failures: Vec<String> = results
        .iter()
        .flat_map(|result| {
            let key = result.row.key;
            result.failures.iter().map(move |(side, why)| format!("{key}, {}: {why}", side.name()))
        })
        .collect();
    for failure in &failures {
        out::say(&format!("FAILED {failure}"));
    }
    if let Some(path) = &args.json {
        let figures = json!({
            "rounds": args.rounds, "seconds": args.seconds, "kernel": proc::kernel(),
            "cpus": std::thread::available_parallelism().map_or(0, usize::from),
            "load_average": [load_before, load_after], "sync_probe_us": probe,
            "ours": about(ours)?, "theirs": theirs.map(about).transpose()?,
            "lines": lines, "failures": failures, "bars_met": all_met,
        });
        serde_json::to_writer_pretty(File::create(path)?, &figures)?;
    }
    Ok(!args.check || (all_met && failures.is_empty()))
}

/// Prints the rows by key.
pub(crate) fn list(args: &RaceArgs) -> bool {
    if args.list {
        for row in ROWS {
            out::say(&format!("{:<14} {}", row.key, row.title));
        }
    }
    args.list
}

fn chosen(only: &[String]) -> Result<Vec<&'static Row>> {
    if let Some(unknown) = only.iter().find(|key| ROWS.iter().all(|row| row.key != key.as_str())) {
        let known: Vec<_> = ROWS.iter().map(|row| row.key).collect();
        bail!("no row {unknown:?}; there are {}", known.join(", "));
    }
    let wanted = |row: &&Row| only.is_empty() || only.iter().any(|key| key == row.key);
    Ok(ROWS.iter().filter(wanted).collect())
}

fn one_round(result: &mut RowResult, peers: (&Peer, Option<&Peer>), knobs: Knobs, round: &str) {
    let row = result.row;
    for peer in [Some(peers.0), peers.1].into_iter().flatten() {
        let name = peer.side.name();
        match row.measure(peer, knobs) {
            Ok(measured) => {
                out::note(&format!("{round}  {:<14} {name:<6} {}", row.key, brief(&measured)));
                match peer.side {
                    Side::Ours => result.ours.push(measured),
                    Side::Theirs => result.theirs.push(measured),
                }
            }
            Err(error) => {
                out::note(&format!("{round}  {:<14} {name:<6} FAILED: {error:#}", row.key));
                result.failures.push((peer.side, format!("{error:#}")));
            }
        }
    }
}

fn brief(measured: &Measurement) -> String {
    let figures = measured.figures.iter();
    let figures: Vec<_> =
        figures.map(|(metric, value)| format!("{value:.1} {}", metric.unit())).collect();
    format!("{}  (load {:.2})", figures.join(", "), proc::load_average())
}

/// Name, version and path of a server.
pub(crate) fn about(peer: &Peer) -> Result<Value> {
    let server = peer.start(&Setup::default())?;
    let version = server.connect()?.info("version")?;
    Ok(json!({"binary": peer.binary, "version": version}))
}

/// The median of appending 4 KiB to a file and syncing it, in microseconds.
fn sync_probe() -> Result<f64> {
    let mut file = tempfile::tempfile()?;
    let page = [1; 4096];
    let mut micros = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        micros.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(num::median(&micros).unwrap_or(0.0))
}
