//! What the bus costs: the same work with async-nats by hand and with the bus, each in a process of
//! its own whose CPU time is read at the end.

mod bare;
mod through;

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use crate::peer::{Peer, Setup};
use crate::{num, out};

/// What must not be passed: the CPU of the bus, as a part of that of async-nats.
const BAR: f64 = 1.10;
const BAR_WATCHED: f64 = 1.20;
/// Within that of a bar counts as met.
const NEAR: f64 = 1.05;

pub(crate) const STREAM: &str = "COST";
pub(crate) const SUBJECT: &str = "cost.a";

/// Options of `lab cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct CostArgs {
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Messages of an asynchronous run; a synchronous one has a twentieth.
    #[arg(long, default_value_t = 200_000)]
    messages: u64,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
}

/// Options of the process that does the work.
#[derive(Debug, clap::Args)]
pub(crate) struct WorkArgs {
    #[arg(long)]
    port: u16,
    #[arg(long, value_enum)]
    work: Work,
    #[arg(long, value_enum)]
    by: By,
    #[arg(long)]
    messages: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// One publish after the other, each acknowledged.
    PublishSync,
    /// Up to 1 000 publishes that wait for their PubAck.
    PublishAsync,
    /// Pulled, decoded, acknowledged.
    Consume,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum By {
    /// async-nats.
    Hand,
    /// The bus.
    Bus,
    /// The bus with metrics and traces on.
    WatchedBus,
}

/// What is sent.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(crate) struct Body {
    pub(crate) number: u64,
    pub(crate) text: String,
}

impl Body {
    pub(crate) fn new(number: u64) -> Body {
        // About 128 bytes of JSON.
        Body { number, text: "x".repeat(96) }
    }
}

/// Publishes that wait for their PubAck at most.
pub(crate) const WINDOW: usize = 1000;
/// Messages that are pulled at once.
pub(crate) const BATCH: usize = 500;

/// The process that does the work; it prints its CPU time in seconds.
pub(crate) fn work(args: &WorkArgs) -> Result<bool> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let url = format!("nats://127.0.0.1:{}", args.port);
    let cpu = runtime.block_on(async {
        match args.by {
            By::Hand => bare::run(&url, args.work, args.messages).await,
            By::Bus => through::run(&url, args.work, args.messages, false).await,
            By::WatchedBus => through::run(&url, args.work, args.messages, true).await,
        }
    })?;
    out::say(&format!("{cpu}"));
    Ok(true)
}

/// CPU time of this process so far, in seconds.
pub(crate) fn cpu() -> Result<f64> {
    let usage = crate::proc::usage(std::process::id())?;
    Ok(usage.cpu.as_secs_f64())
}

pub(crate) fn run(args: &CostArgs, peer: &Peer) -> Result<bool> {
    let mut figures = Vec::new();
    let mut all_good = true;
    for work in [Work::PublishSync, Work::PublishAsync, Work::Consume] {
        let messages = if work == Work::PublishSync { args.messages / 20 } else { args.messages };
        let mut seconds: [Vec<f64>; 3] = Default::default();
        for _ in 0..args.rounds.max(1) {
            for (by, seconds) in [By::Hand, By::Bus, By::WatchedBus].into_iter().zip(&mut seconds) {
                seconds.push(once(peer, work, by, messages)? * 1e6 / num::float(messages));
            }
        }
        let [hand, bus, watched] = seconds.map(|rounds| num::median(&rounds).unwrap_or(0.0));
        let good = bus <= hand * BAR * NEAR && watched <= hand * BAR_WATCHED * NEAR;
        all_good &= good;
        out::say(&format!(
            "{work:?}: async-nats {hand:.2} µs a message, the bus {bus:.2} ({:+.0} %), with metrics \
             and traces {watched:.2} ({:+.0} %): {}",
            (bus / hand - 1.0) * 100.0,
            (watched / hand - 1.0) * 100.0,
            if good { "HOLDS" } else { "MISSED" }
        ));
        figures.push(json!({
            "work": work, "messages": messages, "rounds": args.rounds,
            "microseconds": {"by_hand": hand, "bus": bus, "watched_bus": watched},
            "holds": good,
        }));
    }
    if let Some(path) = &args.json {
        serde_json::to_writer_pretty(std::fs::File::create(path)?, &Value::Array(figures))?;
    }
    Ok(all_good)
}

/// One run against a server of its own: the CPU seconds of the client.
fn once(peer: &Peer, work: Work, by: By, messages: u64) -> Result<f64> {
    let dir = tempfile::tempdir()?;
    let setup =
        Setup { jetstream: true, store: Some(dir.path().join("store")), ..Setup::default() };
    let server = peer.start(&setup)?;
    let output = Command::new(std::env::current_exe()?)
        .arg("cost-work")
        .args(["--port", &server.port.to_string()])
        .args(["--work", name(work), "--by", name_of(by)])
        .args(["--messages", &messages.to_string()])
        .output()
        .context("the process that does the work")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{work:?} by {by:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.trim().parse().with_context(|| format!("a number of seconds, not {text:?}"))
}

fn name(work: Work) -> &'static str {
    match work {
        Work::PublishSync => "publish-sync",
        Work::PublishAsync => "publish-async",
        Work::Consume => "consume",
    }
}

fn name_of(by: By) -> &'static str {
    match by {
        By::Hand => "hand",
        By::Bus => "bus",
        By::WatchedBus => "watched-bus",
    }
}
