//! The room of a slow disk: every sync takes long, and now and then the whole server stands still.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::conn::Conn;
use crate::peer::{Peer, Server, Setup};
use crate::promises::{self, Client, Ended, Ledger, Mix, Moments, steps};
use crate::pulse::pulse;
use crate::rng::Rng;
use crate::room::{self, Basics, Expectations, Outcome, Verdict};
use crate::tracer;

const STREAM: &str = "SLOW";
const SYNCS: &str = "fdatasync,fsync,sync_file_range,msync";
/// A core message that waits for a sync would take at least as long as one.
const PULSE_MAX: Duration = Duration::from_millis(100);

/// Options of `lab slow`.
#[derive(Debug, clap::Args)]
pub(crate) struct SlowArgs {
    #[command(flatten)]
    pub(crate) basics: Basics,
    /// How much longer a sync takes, in milliseconds.
    #[arg(long, default_value_t = 200)]
    delay_ms: u64,
    /// How long clients work, in seconds.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Pauses of the whole server.
    #[arg(long, default_value_t = 5)]
    pauses: u32,
}

/// Runs the room.
pub(crate) fn run(args: &SlowArgs, peer: &Peer, seed: u64) -> Result<Outcome> {
    if let Some(why) = tracer::missing() {
        return Ok(Outcome::Skipped(why));
    }
    let home = tempfile::Builder::new().prefix("lab-slow-").tempdir()?;
    let setup = args.basics.setup(&home.path().join("store"))?;
    let mut ledger = Ledger::new(seed);
    let mut expected = Expectations::default();
    promises::prepare(&peer.start(&setup)?, STREAM)?;

    let delay = Duration::from_millis(args.delay_ms);
    let wrapper = tracer::at_each(SYNCS, &format!("delay_enter={}", args.delay_ms * 1000));
    let mut server = peer.start(&Setup { wrapper, ..setup.clone() })?;
    slow_syncs(&server, delay, args.seconds, &mut ledger, &mut expected)?;
    server.kill()?;
    let mut server = restarted(peer, &setup, &mut ledger)?;
    room::go_on()?;
    pauses(&server, args.pauses, &mut ledger, &mut expected)?;
    server.kill()?;
    let server = restarted(peer, &setup, &mut ledger)?;
    promises::drain(&server, STREAM, &mut ledger)?;
    let title =
        format!("syncs of {} ms and {} pauses, {}", args.delay_ms, args.pauses, peer.side.name());
    let mut verdict = Verdict::new(title, &ledger.figures, ledger.findings);
    verdict.expectations = expected;
    Ok(Outcome::Ran(Box::new(verdict)))
}

fn restarted(peer: &Peer, setup: &Setup, ledger: &mut Ledger) -> Result<Server> {
    let server = peer.start(setup).context("restart after a kill")?;
    promises::settle(&server, STREAM, ledger)?;
    Ok(server)
}

fn slow_syncs(
    server: &Server,
    delay: Duration,
    seconds: u64,
    ledger: &mut Ledger,
    expected: &mut Expectations,
) -> Result<()> {
    let mut idle: Vec<Conn> = (0..10).map(|_| server.connect()).collect::<Result<_>>()?;
    let quickest = quickest_ack(server, ledger)?;
    let seen = format!("the quickest of 5 took {quickest:.1?}, a sync takes {delay:.1?}");
    expected.note(delay <= quickest, "no ack before its sync", seen);
    let before = ledger.figures.acked;
    let moments = Moments::for_time(Duration::from_secs(seconds));
    let client = Client { server, stream: STREAM, mix: &Mix::full() };
    let mut beats = None;
    let ended = client.work_beside(ledger, &moments, || {
        beats = Some(pulse(server, Duration::from_secs(seconds))?);
        Ok(())
    });
    let n_acked = ledger.figures.acked - before;
    let seen = format!("{n_acked} acked, {ended:?}");
    let held = matches!(ended, Ok(Ended::Done)) && n_acked > 0;
    expected.note(held, "every publish and removal is answered in the end", seen);
    let beats = beats.unwrap_or_default();
    let held = beats.beats > 0 && beats.lost == 0 && beats.p99 < PULSE_MAX.min(delay / 2);
    expected.note(held, "core NATS does not wait for syncs", beats.words());
    let alive = idle.iter_mut().filter_map(|conn| conn.flush().ok()).count();
    expected.note(alive == 10, "no client is dropped", format!("{alive} of 10 idle ones answer"));
    Ok(())
}

/// The shortest of a few publishes, one after the other.
fn quickest_ack(server: &Server, ledger: &mut Ledger) -> Result<Duration> {
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let mix = Mix { publishes: 1, removals: false, fetches: 0, ..Mix::full() };
        let began = Instant::now();
        Client { server, stream: STREAM, mix: &mix }.work(ledger, &Moments::open())?;
        quickest = quickest.min(began.elapsed());
    }
    Ok(quickest)
}

fn pauses(
    server: &Server,
    count: u32,
    ledger: &mut Ledger,
    expected: &mut Expectations,
) -> Result<()> {
    let mut rng = Rng::new(ledger.seed, 5);
    let moments = Moments::open();
    let client = Client { server, stream: STREAM, mix: &Mix::full() };
    let ended = client.work_beside(ledger, &moments, || {
        for _ in 0..count {
            thread::sleep(Duration::from_millis(rng.between(20, 200)));
            server.freeze()?;
            thread::sleep(Duration::from_millis(rng.between(100, 1_000)));
            server.signal(Signal::CONT)?;
        }
        moments.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    });
    let seen = format!("{ended:?}");
    expected.note(matches!(ended, Ok(Ended::Done)), "a client outlives the pauses", seen);
    let few = steps::publish_few(server, STREAM, ledger, (20, 0))?;
    expected.note(few.acked == 20, "work goes on after the pauses", few.words);
    Ok(())
}
