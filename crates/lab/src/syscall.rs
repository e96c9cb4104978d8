//! The room of system calls: the server is killed as it enters its Nth write, sync, rename, …
//!
//! `strace` counts per thread and call; so does N. A run that is not killed has
//! passed the last of them, and the next call is taken.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::json;

use crate::peer::{Launch, Peer, Server, Setup, was_killed};
use crate::promises::{self, Client, Ended, Ledger, Mix, Moments};
use crate::room::{self, Basics, Outcome, Verdict};
use crate::{out, tracer};

const STREAM: &str = "CALLS";
/// All by which a server changes its files.
const CALLS: [&str; 14] = [
    "pwrite64",
    "pwritev",
    "pwritev2",
    "write",
    "fdatasync",
    "fsync",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "openat",
];

/// Options of `lab syscall`.
#[derive(Debug, clap::Args)]
pub(crate) struct SyscallArgs {
    #[command(flatten)]
    pub(crate) basics: Basics,
    /// N goes up by this.
    #[arg(long, default_value_t = 1)]
    stride: u64,
    /// Only this call.
    #[arg(long)]
    call: Option<String>,
    /// The first N.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// The last N.
    #[arg(long, default_value_t = 2_000)]
    to: u64,
    /// Publishes per run.
    #[arg(long, default_value_t = 60)]
    publishes: u64,
}

/// Runs the room.
pub(crate) fn run(args: &SyscallArgs, peer: &Peer, seed: u64) -> Result<Outcome> {
    if let Some(why) = tracer::missing() {
        return Ok(Outcome::Skipped(why));
    }
    let home = tempfile::Builder::new().prefix("lab-syscall-").tempdir()?;
    let mut room = SyscallRoom {
        args,
        peer,
        setup: args.basics.setup(&home.path().join("store"))?,
        ledger: Ledger::new(seed),
        kills: BTreeMap::new(),
    };
    let played = room.play();
    let SyscallRoom { ledger, kills, .. } = room;
    if room::is_evidence(peer, played.is_err(), &ledger.findings) {
        out::note(&format!("store kept in {}", home.keep().display()));
    }
    played?;
    let total: u64 = kills.values().sum();
    let title = format!("{total} kills at system calls, {}", peer.side.name());
    let mut verdict = Verdict::new(title, &ledger.figures, ledger.findings);
    for (call, count) in &kills {
        verdict.figures.push((format!("killed at {call}"), *count));
    }
    verdict.more = json!({"kills": kills});
    Ok(Outcome::Ran(Box::new(verdict)))
}

struct SyscallRoom<'a> {
    args: &'a SyscallArgs,
    peer: &'a Peer,
    setup: Setup,
    ledger: Ledger,
    kills: BTreeMap<String, u64>,
}

impl SyscallRoom<'_> {
    fn play(&mut self) -> Result<()> {
        promises::prepare(&self.peer.start(&self.setup)?, STREAM)?;
        let known = tracer::known(&CALLS)?;
        let calls =
            known.into_iter().filter(|it| self.args.call.as_deref().is_none_or(|c| c == *it));
        for call in calls.collect::<Vec<_>>() {
            let mut n = self.args.from;
            while n <= self.args.to && self.one(call, n).with_context(|| format!("{call} #{n}"))? {
                *self.kills.entry(call.to_owned()).or_default() += 1;
                n += self.args.stride;
                if !self.ledger.findings.violations.is_clean()
                    && self.peer.side == crate::peer::Side::Ours
                {
                    out::note(&format!("stopped after {call} #{}", n - self.args.stride));
                    return Ok(());
                }
            }
            let kills = self.kills.get(call).copied().unwrap_or(0);
            out::note(&format!("{call}: {kills} kills, N up to {n}"));
        }
        let server = self.peer.start(&self.setup)?;
        promises::settle(&server, STREAM, &mut self.ledger)?;
        promises::drain(&server, STREAM, &mut self.ledger)
    }

    /// One run to the Nth call, and the check after it; false if it was not killed.
    fn one(&mut self, call: &str, n: u64) -> Result<bool> {
        room::go_on()?;
        let wrapper = tracer::at_nth(call, "signal=KILL", n);
        let killed = match self.peer.launch(&Setup { wrapper, ..self.setup.clone() })? {
            Launch::Ended { status, said } => {
                anyhow::ensure!(was_killed(status), "did not start ({status}): {said}");
                true
            }
            Launch::Up(server) => self.work(server)?,
        };
        let mut server = self.peer.start(&self.setup).context("restart")?;
        promises::settle(&server, STREAM, &mut self.ledger)?;
        server.kill()?;
        Ok(killed)
    }

    fn work(&mut self, mut server: Server) -> Result<bool> {
        let mix = Mix { window: 8, publishes: self.args.publishes, ..Mix::full() };
        let client = Client { server: &server, stream: STREAM, mix: &mix };
        let ended = client.work(&mut self.ledger, &Moments::open());
        // It may die before the connection is made.
        if matches!(&ended, Ok(Ended::Cut)) || ended.is_err() && server.was_killed()? {
            return Ok(true);
        }
        ended?;
        if !server.has_ended()? {
            server.stop()?;
        }
        server.was_killed()
    }
}
