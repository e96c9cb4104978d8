//! The room of `kill -9`: one store, a server that dies at random moments, and clients that go on.

mod checker;
mod consumer;
mod foreign;
mod publisher;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;
use tempfile::TempDir;

use self::checker::{ConsumerEvent, History, PublisherHistory, Report, check};
use self::publisher::Pace;
use crate::conn::Conn;
use crate::out;
use crate::peer::{Peer, Server, Setup};
use crate::promises::readback;
use crate::rng::Rng;
use crate::room::{self, Basics, Outcome, Verdict};

const STREAM: &str = "KILL";
const DRAIN_PATIENCE: Duration = Duration::from_mins(10);

/// Options of `lab kill`.
#[derive(Debug, clap::Args)]
pub(crate) struct KillArgs {
    /// Kills.
    #[arg(long, default_value_t = 20)]
    cycles: u32,
    #[command(flatten)]
    pub(crate) basics: Basics,
    /// Whose client library: our own few lines, or a foreign one.
    #[arg(long, value_enum, default_value = "raw")]
    client: ClientKind,
    #[arg(long, default_value_t = 2)]
    publishers: u32,
    /// Publishes in flight per publisher.
    #[arg(long, default_value_t = 256)]
    window: u64,
    /// Publishes a second per publisher; 0 is no limit.
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Durable pull consumers.
    #[arg(long, default_value_t = 2)]
    consumers: usize,
    /// Bounds of the time between start and kill, in milliseconds.
    #[arg(long, default_value_t = 5)]
    min_ms: u64,
    #[arg(long, default_value_t = 500)]
    max_ms: u64,
}

/// Who publishes and consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ClientKind {
    Raw,
    AsyncNats,
}

impl ClientKind {
    fn publish(self, room: &Room, n: u32, pace: Pace, acked: &AtomicU64) -> PublisherHistory {
        match self {
            ClientKind::Raw => publisher::run(room, n, pace, acked),
            ClientKind::AsyncNats => foreign::publish(room, n, pace, acked),
        }
    }

    fn consume(self, room: &Room, n: usize) -> Vec<ConsumerEvent> {
        match self {
            ClientKind::Raw => consumer::run(room, n),
            ClientKind::AsyncNats => foreign::consume(room, n),
        }
    }
}

/// What the clients share.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) seed: u64,
    port: u16,
    publishers_done: AtomicBool,
    over: AtomicBool,
}

impl Room {
    /// Whether no more publishes are wanted.
    pub(crate) fn publishers_done(&self) -> bool {
        self.publishers_done.load(Ordering::Relaxed)
    }

    /// Whether everything is drained.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// A connection as soon as there is a server again; `None` if the room ended first.
fn reconnect(room: &Room) -> Option<Conn> {
    while !room.is_over() {
        if let Ok(conn) = Conn::open(room.port) {
            return Some(conn);
        }
        thread::sleep(Duration::from_millis(2));
    }
    None
}

/// Runs the room.
pub(crate) fn run(args: &KillArgs, peer: &Peer, seed: u64) -> Result<Outcome> {
    ensure!(args.min_ms <= args.max_ms, "--min-ms is above --max-ms");
    ensure!(args.window > 0 && args.publishers > 0, "nothing to publish");
    let store = tempfile::Builder::new().prefix("lab-kill-").tempdir()?;
    let report = match play(args, peer, seed, &store) {
        Ok(report) => report,
        Err(error) => {
            return Err(error.context(format!("store kept in {}", store.keep().display())));
        }
    };
    if room::is_evidence(peer, false, &report.findings) {
        out::say(&format!("store kept in {}", store.keep().display()));
    }
    Ok(Outcome::Ran(Box::new(verdict(report, args, peer))))
}

fn verdict(report: Report, args: &KillArgs, peer: &Peer) -> Verdict {
    let figures = [
        ("attempted", report.attempted),
        ("acked", report.acked),
        ("refused", report.refused),
        ("read back", report.read),
        ("stored without ack", report.recovered),
        ("delivered", report.delivered),
        ("acks confirmed", report.confirmed),
        ("redelivered", report.redelivered),
    ];
    Verdict {
        title: format!("{} kills, {}, {:?} clients", args.cycles, peer.side.name(), args.client),
        figures: figures.map(|(name, count)| (name.to_owned(), count)).to_vec(),
        findings: report.findings,
        more: json!({
            "cycles": args.cycles, "publishers": args.publishers, "window": args.window,
            "consumers": args.consumers, "client": format!("{:?}", args.client),
        }),
        ..Verdict::default()
    }
}

fn play(args: &KillArgs, peer: &Peer, seed: u64, store: &TempDir) -> Result<Report> {
    let setup = args.basics.setup(store.path())?;
    let port = setup.port.context("no port")?;
    let mut server = peer.start(&setup)?;
    prepare(&server, args.consumers)?;
    let room =
        Room { seed, port, publishers_done: AtomicBool::new(false), over: AtomicBool::new(false) };
    let acked: Vec<AtomicU64> = (0..args.publishers).map(|_| AtomicU64::new(0)).collect();
    let pace = Pace { window: args.window, rate: args.rate };
    let mut history = thread::scope(|scope| -> Result<History> {
        let (room, client) = (&room, args.client);
        let publishers: Vec<_> = (0..args.publishers)
            .zip(&acked)
            .map(|(n, acked)| scope.spawn(move || client.publish(room, n, pace, acked)))
            .collect();
        let consumers: Vec<_> =
            (0..args.consumers).map(|n| scope.spawn(move || client.consume(room, n))).collect();
        let killed = kill_repeatedly(args, (peer, &setup), seed, &mut server, &acked);
        room.publishers_done.store(true, Ordering::Relaxed);
        if killed.is_err() {
            room.over.store(true, Ordering::Relaxed);
        }
        let mut history = History::default();
        for thread in publishers {
            history.publishers.push(thread.join().map_err(|_| anyhow!("a publisher panicked"))?);
        }
        let drained = killed.and_then(|()| drain(&server, args.consumers));
        room.over.store(true, Ordering::Relaxed);
        for thread in consumers {
            history.consumers.push(thread.join().map_err(|_| anyhow!("a consumer panicked"))?);
        }
        drained.map(|()| history)
    })?;
    out::note("reading back");
    history.read = readback::read_all(&mut server.connect()?, STREAM, seed)?;
    let acks = history.publishers.iter().flat_map(|publisher| &publisher.acks);
    let sequences: Vec<u64> = acks.map(|ack| ack.stream_seq).collect();
    history.gets = readback::get_all(&mut server.connect()?, STREAM, seed, &sequences)?;
    Ok(check(&history))
}

fn prepare(server: &Server, n_consumers: usize) -> Result<()> {
    let mut control = server.connect()?;
    let config = json!({
        "name": STREAM, "subjects": ["kill.>"], "storage": "file", "retention": "limits",
        "num_replicas": 1, "allow_direct": true,
    });
    control.api(&format!("STREAM.CREATE.{STREAM}"), &config)?;
    for consumer in 0..n_consumers {
        consumer::create(&mut control, consumer)?;
    }
    Ok(())
}

fn kill_repeatedly(
    args: &KillArgs,
    (peer, setup): (&Peer, &Setup),
    seed: u64,
    server: &mut Server,
    acked: &[AtomicU64],
) -> Result<()> {
    let mut rng = Rng::new(seed, u64::MAX);
    for cycle in 1..=args.cycles {
        let moment = rng.between(args.min_ms, args.max_ms);
        thread::sleep(Duration::from_millis(moment));
        server.kill()?;
        *server = peer.start(setup).with_context(|| format!("restart after kill {cycle}"))?;
        if cycle % 10 == 0 || cycle == args.cycles {
            let total: u64 = acked.iter().map(|acked| acked.load(Ordering::Relaxed)).sum();
            let millis = server.started_in.as_millis();
            out::note(&format!("kill {cycle}/{}: {total} acked, back in {millis} ms", args.cycles));
        }
    }
    Ok(())
}

/// Waits until every consumer has got and acked everything.
fn drain(server: &Server, n_consumers: usize) -> Result<()> {
    out::note("draining");
    let mut control = server.connect()?;
    let deadline = Instant::now() + DRAIN_PATIENCE;
    for consumer in 0..n_consumers {
        let mut backlog = consumer::backlog(&mut control, consumer)?;
        while backlog > 0 {
            if Instant::now() > deadline {
                // The checker tells what is missing.
                out::note(&format!("{} still has {backlog} open", consumer::name(consumer)));
                break;
            }
            thread::sleep(Duration::from_millis(100));
            backlog = consumer::backlog(&mut control, consumer)?;
        }
    }
    Ok(())
}
