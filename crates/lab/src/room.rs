//! What the rooms that break servers have in common: options, how to repeat, how to end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::{Value, json};

use crate::peer::{Peer, Setup, Side};
use crate::promises::{Figures, Findings};
use crate::race::about;
use crate::rng::Rng;
use crate::{out, proc};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Options of every such room.
#[derive(Debug, clap::Args)]
pub(crate) struct Basics {
    /// Which server.
    #[arg(long, value_enum, default_value = "ours")]
    pub(crate) server: Side,
    /// nats-server with `sync_interval: always`.
    #[arg(long)]
    pub(crate) sync_always: bool,
    /// Same seed, same values and moments; without it a new one.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Fail where the room can't run.
    #[arg(long)]
    pub(crate) must_run: bool,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Basics {
    /// How to start the server on `store`.
    pub(crate) fn setup(&self, store: &Path) -> Result<Setup> {
        Ok(Setup {
            jetstream: true,
            store: Some(store.to_path_buf()),
            port: Some(crate::peer::free_port()?),
            sync_always: self.sync_always && self.server == Side::Theirs,
            ..Setup::default()
        })
    }
}

/// What a room ends with.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran.
    Ran(Box<Verdict>),
    /// It can't run here, for this reason.
    Skipped(String),
}

/// What a room found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) title: String,
    pub(crate) figures: Vec<(String, u64)>,
    pub(crate) findings: Findings,
    pub(crate) expectations: Expectations,
    /// More for the file of figures.
    pub(crate) more: Value,
}

impl Verdict {
    /// With the figures and findings of a ledger.
    pub(crate) fn new(title: String, figures: &Figures, findings: Findings) -> Verdict {
        let figures = figures.by_name().map(|(name, count)| (name.to_owned(), count)).to_vec();
        Verdict { title, figures, findings, ..Verdict::default() }
    }
}

/// Named things a server has to do, and what it did.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Expectations(Vec<Expectation>);

#[derive(Debug, Serialize)]
struct Expectation {
    what: String,
    held: bool,
    seen: String,
}

impl Expectations {
    /// Notes one; says so at once.
    pub(crate) fn note(&mut self, held: bool, what: &str, seen: impl Into<String>) {
        let seen = seen.into();
        out::note(&format!("{} {what}: {seen}", if held { "  held  " } else { "  BROKEN" }));
        self.0.push(Expectation { what: what.to_owned(), held, seen });
    }

    /// Notes what came of an attempt; an error breaks it.
    pub(crate) fn tried(&mut self, what: &str, seen: Result<(bool, String)>) {
        let (held, seen) = seen.unwrap_or_else(|error| (false, format!("{error:#}")));
        self.note(held, what, seen);
    }

    pub(crate) fn all_held(&self) -> bool {
        self.0.iter().all(|it| it.held)
    }
}

/// Runs a room with a seed, prints what it found; false if a promise was broken.
pub(crate) fn enter(
    basics: &Basics,
    peer: &Peer,
    room: impl FnOnce(&Peer, u64) -> Result<Outcome>,
) -> Result<bool> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))?;
    }
    let seed = basics.seed.unwrap_or_else(fresh_seed);
    let repeat = repeat_command(basics, seed);
    out::note(&format!("seed {seed}, {}; again: {repeat}", peer.binary.display()));
    let began = Instant::now();
    let verdict = match room(peer, seed) {
        Ok(Outcome::Ran(verdict)) => verdict,
        Ok(Outcome::Skipped(why)) => return Ok(skipped(basics, &why)),
        Err(error) => return Err(error.context(format!("seed {seed}; again: {repeat}"))),
    };
    let seconds = began.elapsed().as_secs_f64();
    let clean = print(&verdict, seconds, &repeat);
    if let Some(path) = &basics.json {
        let figures: Value =
            verdict.figures.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        let all = json!({
            "title": verdict.title, "seed": seed, "again": repeat, "server": about(peer)?,
            "clean": clean, "seconds": seconds, "kernel": proc::kernel(), "figures": figures,
            "findings": verdict.findings, "expectations": verdict.expectations,
            "more": verdict.more,
        });
        serde_json::to_writer_pretty(File::create(path)?, &all)?;
    }
    Ok(clean)
}

/// Says so loudly; false if that is a failure.
pub(crate) fn skipped(basics: &Basics, why: &str) -> bool {
    out::say(&format!("SKIPPED: {why}"));
    !basics.must_run
}

fn print(verdict: &Verdict, seconds: f64, repeat: &str) -> bool {
    out::say(&format!("{}, {seconds:.1} s", verdict.title));
    for (name, count) in &verdict.figures {
        out::say(&format!("{name:<22} {count:>10}"));
    }
    for (name, count) in verdict.findings.violations.by_name() {
        out::say(&format!("{name:<22} {count:>10}"));
    }
    for example in &verdict.findings.examples {
        out::say(&format!("  {example}"));
    }
    for Expectation { what, held, seen } in &verdict.expectations.0 {
        out::say(&format!("{} {what}: {seen}", if *held { "held  " } else { "BROKEN" }));
    }
    let clean = verdict.findings.violations.is_clean() && verdict.expectations.all_held();
    out::say(&format!("again: {repeat}"));
    out::say(if clean { "CLEAN" } else { "VIOLATED" });
    clean
}

/// Whether somebody wants the room to end.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Whether what is left on disk tells about a mistake of ours.
///
/// nats-server is known to break promises; its stores are no evidence of anything.
pub(crate) fn is_evidence(peer: &Peer, failed: bool, findings: &Findings) -> bool {
    !is_interrupted() && (failed || peer.side == Side::Ours && !findings.violations.is_clean())
}

/// Ends a room that was interrupted, so that what it mounted and started is taken down.
pub(crate) fn go_on() -> Result<()> {
    if is_interrupted() {
        bail!("interrupted");
    }
    Ok(())
}

/// Whether a program is there.
pub(crate) fn has_program(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
}

/// Runs a program to its end; its words are the error's.
pub(crate) fn succeed(program: &str, args: &[&std::ffi::OsStr]) -> Result<()> {
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| anyhow::anyhow!("{program}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {args:?}: {}: {}", output.status, said.trim());
    }
    Ok(())
}

/// The command as it was typed, with the seed.
fn repeat_command(basics: &Basics, seed: u64) -> String {
    let mut words = vec!["lab".to_owned()];
    words.extend(std::env::args().skip(1));
    if basics.seed.is_none() {
        words.extend(["--seed".to_owned(), seed.to_string()]);
    }
    words.join(" ")
}

/// A seed nobody had before.
fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.map_or(0, |now| u64::from(now.subsec_nanos()) ^ (now.as_secs() << 30));
    Rng::new(nanos, u64::from(std::process::id())).next() >> 16
}
