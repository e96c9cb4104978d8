//! The room of power loss: the store's file system is shut down without flushing, again and again.
//!
//! The cut (`EXT4_IOC_SHUTDOWN`) is not quite a power cut: a sync that is in
//! flight may return 0 although nothing reached the disk. So three cuts take
//! turns, none of which blames a server for that: the server is frozen first
//! and all its answers count; or it runs, and answers that came after the cut
//! began don't count; or it even lives on for a while on the dead disk, where
//! what is asked *and* answered after the cut counts again: an ack from there
//! is a lie.

mod calibrate;
mod lifecycle;

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::json;

pub(crate) use self::calibrate::{WriterArgs, writer};
use self::lifecycle::Lifecycle;
use crate::out;
use crate::peer::{Peer, Server, Setup, Side};
use crate::promises::{self, Client, Ledger, Mix, Moments};
use crate::rng::Rng;
use crate::room::{self, Basics, Outcome, Verdict};
use crate::volume::{Cutter, Volume, scratch};

const STREAM: &str = "POWER";

/// Options of `lab power`.
#[derive(Debug, clap::Args)]
pub(crate) struct PowerArgs {
    #[command(flatten)]
    pub(crate) basics: Basics,
    /// Power losses.
    #[arg(long, default_value_t = 50)]
    cycles: u32,
    /// Bounds of the time between the restart's check and the cut, in milliseconds.
    #[arg(long, default_value_t = 10)]
    min_ms: u64,
    #[arg(long, default_value_t = 150)]
    max_ms: u64,
    /// Size of the file system, in MiB.
    #[arg(long, default_value_t = 512)]
    mib: u64,
    /// Go on after a violation; nats-server always does.
    #[arg(long)]
    keep_going: bool,
    /// No server: a writer that syncs before it acks must lose nothing, one that does not must lose.
    #[arg(long)]
    calibrate: bool,
}

/// The state of the server when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Frozen,
    Running,
    LivesOn,
}

impl Cut {
    fn of(cycle: u32) -> Cut {
        match cycle % 3 {
            0 => Cut::Frozen,
            1 => Cut::Running,
            _ => Cut::LivesOn,
        }
    }

    /// Cuts the power, and ends the server.
    fn make(
        self,
        server: &Server,
        cutter: Cutter,
        moments: &Moments,
        lives_on: Duration,
    ) -> Result<()> {
        let unused = AtomicBool::new(false);
        match self {
            Cut::Frozen => {
                server.freeze()?;
                cutter.cut(&unused, &unused)?;
            }
            Cut::Running => cutter.cut(&moments.cut_begun, &unused)?,
            Cut::LivesOn => {
                cutter.cut(&moments.cut_begun, &moments.cut_done)?;
                thread::sleep(lives_on);
            }
        }
        server.signal(Signal::KILL)
    }
}

/// Runs the room.
pub(crate) fn run(args: &PowerArgs, peer: &Peer, seed: u64) -> Result<Outcome> {
    ensure!(args.min_ms <= args.max_ms, "--min-ms is above --max-ms");
    if args.calibrate {
        return calibrate::run(args.cycles, seed);
    }
    let volume = Volume::create(&scratch(), args.mib << 20)?;
    let setup = args.basics.setup(&volume.store())?;
    let keep_going = args.keep_going || peer.side == Side::Theirs;
    let mut room = PowerRoom {
        args,
        peer,
        setup,
        volume,
        ledger: Ledger::new(seed),
        lifecycle: Lifecycle::default(),
        rng: Rng::new(seed, 3),
        tally: Tally::default(),
    };
    let played = room.play(keep_going);
    let PowerRoom { volume, ledger, tally, .. } = room;
    if room::is_evidence(peer, played.is_err(), &ledger.findings) {
        out::note(&format!("image kept as {}", volume.keep()?.display()));
    }
    played?;
    let cycles = tally.cycles;
    let title = format!(
        "{cycles} power losses, {}{}",
        peer.side.name(),
        if args.basics.sync_always { " with sync_interval: always" } else { "" }
    );
    let mut verdict = Verdict::new(title, &ledger.figures, ledger.findings);
    verdict.figures.push(("kills before the cut".into(), tally.kills.into()));
    let lossy = tally.lossy_cycles;
    verdict.figures.push(("cycles with a finding".into(), lossy.into()));
    verdict.more = json!({"cycles": cycles, "kills": tally.kills, "lossy_cycles": lossy});
    Ok(Outcome::Ran(Box::new(verdict)))
}

#[derive(Debug, Default)]
struct Tally {
    cycles: u32,
    kills: u32,
    lossy_cycles: u32,
}

struct PowerRoom<'a> {
    args: &'a PowerArgs,
    peer: &'a Peer,
    setup: Setup,
    volume: Volume,
    ledger: Ledger,
    lifecycle: Lifecycle,
    rng: Rng,
    tally: Tally,
}

impl PowerRoom<'_> {
    fn play(&mut self, keep_going: bool) -> Result<()> {
        let server = self.start()?;
        promises::prepare(&server, STREAM)?;
        let mut server = Some(server);
        for cycle in 1..=self.args.cycles {
            room::go_on()?;
            let running = match server.take() {
                Some(server) => server,
                None => self.start().with_context(|| format!("after power loss {}", cycle - 1))?,
            };
            let before = self.findings();
            self.cycle(running, Cut::of(cycle)).with_context(|| format!("cycle {cycle}"))?;
            self.tally.cycles = cycle;
            if self.findings() > before {
                self.tally.lossy_cycles += 1;
                if !keep_going {
                    return Ok(());
                }
            }
            if cycle % 50 == 0 {
                let acked = self.ledger.figures.acked;
                out::note(&format!("{cycle}/{}: {acked} acked", self.args.cycles));
            }
        }
        let server = self.start()?;
        promises::settle(&server, STREAM, &mut self.ledger)?;
        promises::drain(&server, STREAM, &mut self.ledger)
    }

    fn findings(&self) -> u64 {
        self.ledger.findings.violations.by_name().iter().map(|(_, count)| count).sum()
    }

    fn start(&self) -> Result<Server> {
        self.peer.start(&self.setup)
    }

    /// One life of the server; sometimes two, so that what a restart found in
    /// the page cache and served has to be on the disk.
    fn cycle(&mut self, mut server: Server, cut: Cut) -> Result<()> {
        promises::settle(&server, STREAM, &mut self.ledger)?;
        self.lifecycle.check(&server, &mut self.ledger.findings)?;
        if self.rng.between(0, 3) == 0 {
            let moment = self.moment();
            self.work(&server, &Moments::open(), || {
                thread::sleep(moment);
                server.signal(Signal::KILL)
            })?;
            server.kill()?;
            self.tally.kills += 1;
            server = self.start().context("restart after a kill")?;
            promises::settle(&server, STREAM, &mut self.ledger)?;
        }
        let cutter = self.volume.arm()?;
        if self.rng.between(0, 2) == 0 {
            // Nothing may follow that would sync it by the way.
            self.lifecycle.step(&server)?;
            cut.make(&server, cutter, &Moments::open(), Duration::ZERO)?;
        } else {
            let moments = Moments::open();
            let (moment, lives_on) = (self.moment(), self.moment());
            self.work(&server, &moments, || {
                thread::sleep(moment);
                cut.make(&server, cutter, &moments, lives_on)
            })?;
        }
        server.kill()?;
        self.volume.unmount()?;
        self.volume.mount()
    }

    fn work(
        &mut self,
        server: &Server,
        moments: &Moments,
        breaker: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let client = Client { server, stream: STREAM, mix: &Mix::full() };
        client.work_beside(&mut self.ledger, moments, breaker).map(|_| ())
    }

    fn moment(&mut self) -> Duration {
        Duration::from_millis(self.rng.between(self.args.min_ms, self.args.max_ms))
    }
}
