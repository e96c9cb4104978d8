//! The room of endurance: what a store costs in space and time when it is used for long.
//!
//! * `sustain`: the rate of durable publishes over a minute, against its first seconds;
//! * `restart`: time from `exec` to the first answer with a full store, and without sidecars;
//! * `churn`: a store through which many times its limits have gone: its size, and what a publish
//!   takes while it is given back;
//! * `ids`: message ids that outlive their messages: the store's size, and that a restart knows them.

mod churn;
mod ids;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::peer::{Peer, Server, Setup};
use crate::race::durable::{INBOX, STREAM, SUBJECT, WindowedPublisher, create_stream, stored};
use crate::race::frames::{Lines, sized_publish};
use crate::{num, out};

/// Options of `lab endure`.
#[derive(Debug, clap::Args)]
pub(crate) struct EndureArgs {
    #[command(subcommand)]
    scene: Scene,
    /// Write the figures to this file.
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Scene {
    /// Durable publishes for long, past all that is kept in reserve.
    Sustain {
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Bytes of a message.
        #[arg(long, default_value_t = 1024)]
        size: usize,
        #[arg(long, default_value_t = 1024)]
        window: usize,
    },
    /// The restart of a full store after kill -9.
    Restart {
        #[arg(long, default_value_t = 5_000_000)]
        messages: u64,
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Many times the limits through a work queue, a bucket of keys, a stream by age and one that is
    /// purged.
    Churn {
        /// How many times the limits.
        #[arg(long, default_value_t = 20)]
        times: u64,
        /// What lives in each, in MiB.
        #[arg(long, default_value_t = 32)]
        mib: u64,
    },
    /// Messages with ids that all still count, though most of the messages are gone.
    Ids {
        #[arg(long, default_value_t = 5_000_000)]
        messages: u64,
    },
}

/// Runs the scene on each peer in turn; false if ours is beyond a bound.
pub(crate) fn run(args: &EndureArgs, peers: &[Peer]) -> Result<bool> {
    let mut figures = Vec::new();
    let mut held = true;
    for peer in peers {
        let (is_within, figure) = match args.scene {
            Scene::Sustain { seconds, size, window } => sustain(peer, seconds, size, window)?,
            Scene::Restart { messages, rounds } => restart(peer, messages, rounds)?,
            Scene::Churn { times, mib } => churn::run(peer, times, mib << 20)?,
            Scene::Ids { messages } => ids::run(peer, messages)?,
        };
        held &= is_within || peer.side == crate::peer::Side::Theirs;
        figures.push(figure);
    }
    if let Some(path) = &args.json {
        serde_json::to_writer_pretty(std::fs::File::create(path)?, &figures)?;
    }
    Ok(held)
}

fn store() -> Result<(tempfile::TempDir, Setup)> {
    let store = tempfile::Builder::new().prefix("lab-store-").tempdir()?;
    let path = Some(store.path().to_path_buf());
    let patience = Some(Duration::from_mins(2));
    Ok((store, Setup { jetstream: true, store: path, patience, ..Setup::default() }))
}

/// Bytes of all files below a directory, as they take up the disk.
fn files(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        // It may be gone by now.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { files(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}

/// The least rate there may be after the first seconds, as a share of theirs.
const SUSTAINED: f64 = 0.8;
/// Seconds that make a rate.
const STEP: u64 = 5;

fn sustain(peer: &Peer, seconds: u64, size: usize, window: usize) -> Result<(bool, Value)> {
    let (_store, setup) = store()?;
    let server = peer.start(&setup)?;
    // Bounded, so that the disk is not filled: the oldest go.
    let config = json!({
        "name": STREAM, "subjects": [SUBJECT], "storage": "file", "max_bytes": 4_u64 << 30,
    });
    server.connect()?.api(&format!("STREAM.CREATE.{STREAM}"), &config)?;
    let mut publisher = WindowedPublisher::new(&server, size, window)?;
    let mut rates = Vec::new();
    for _ in 0..(seconds / STEP).max(2) {
        let load = publisher.run_for(Duration::from_secs(STEP))?;
        rates.push(num::float(load.messages) / load.elapsed.as_secs_f64());
    }
    let rest = rates[1..].iter().sum::<f64>() / num::float(num::wide(rates.len() - 1));
    let least = rates[1..].iter().copied().fold(f64::MAX, f64::min);
    let share = rest / rates[0];
    out::say(&format!(
        "{}: {size} B, window {window}: first {STEP} s {:.0}/s, the rest {rest:.0}/s ({:.0} %), the \
         slowest {STEP} s {least:.0}/s",
        peer.side.name(),
        rates[0],
        share * 100.0,
    ));
    let figure = json!({
        "server": peer.side.name(), "size": size, "window": window, "rates": rates, "share": share,
    });
    Ok((SUSTAINED * 0.95 <= share, figure))
}

fn restart(peer: &Peer, messages: u64, rounds: usize) -> Result<(bool, Value)> {
    let (store, setup) = store()?;
    let mut server = peer.start(&setup)?;
    create_stream(&mut server.connect()?, "file")?;
    let line = sized_publish(SUBJECT, Some(INBOX), 128);
    let lines = Lines::repeated(&line, 4096);
    WindowedPublisher::with_lines(&server, INBOX, lines, 4096)?.run_count(messages)?;
    // Whatever is done in the background has time for it.
    std::thread::sleep(Duration::from_secs(5));
    let mut ready = Vec::new();
    let mut without = Vec::new();
    for _ in 0..rounds {
        server.kill()?;
        server = timed_start(peer, &setup, messages, &mut ready)?;
        if remove_sidecars(store.path())? {
            server.kill()?;
            remove_sidecars(store.path())?;
            server = timed_start(peer, &setup, messages, &mut without)?;
            std::thread::sleep(Duration::from_secs(5));
        }
    }
    let of = |times: &[f64]| num::median(times).unwrap_or(f64::NAN);
    let side = peer.side.name();
    out::say(&format!("{side}: {messages} messages ready in {:.0} ms", of(&ready)));
    if !without.is_empty() {
        out::say(&format!("{side}: without sidecars in {:.0} ms", of(&without)));
    }
    let figure = json!({ "server": side, "messages": messages, "ms": ready, "without": without });
    Ok((true, figure))
}

fn timed_start(peer: &Peer, setup: &Setup, messages: u64, times: &mut Vec<f64>) -> Result<Server> {
    let began = Instant::now();
    let server = peer.start(setup)?;
    let mut control = server.connect()?;
    let kept = loop {
        match stored(&mut control) {
            Ok(kept) => break kept,
            Err(error) if began.elapsed() > Duration::from_mins(2) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    times.push(began.elapsed().as_secs_f64() * 1e3);
    ensure!(kept == messages, "{messages} messages before the restart, {kept} after");
    Ok(server)
}

/// Whether there were any.
fn remove_sidecars(store: &Path) -> Result<bool> {
    let mut found = false;
    let directory = store.join("jetstream");
    for entry in std::fs::read_dir(&directory).context("no store below the directory")? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "side") {
            std::fs::remove_file(path)?;
            found = true;
        }
    }
    Ok(found)
}
