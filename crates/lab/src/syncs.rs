//! The room of syncs: watches the system calls of a server under `strace`.

mod judge;
mod spread;
mod trace;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use self::judge::{MARKER, prove, share};
use self::trace::Call;
use crate::conn::Conn;
use crate::peer::{Peer, Server, Setup, Side};
use crate::race::durable::{Crowd, INBOX, SUBJECT, WindowedPublisher, create_stream};
use crate::race::frames::Lines;
use crate::{num, out, wire};

/// Everything a message passes on its way in, to the file and out.
const ALL_CALLS: &str = "trace=fdatasync,fsync,sendto,sendmsg,write,writev,pwrite64,pwritev,\
pwritev2,read,readv,recvfrom,recvmsg";
const SYNCS_ONLY: &str = "trace=fdatasync,fsync";
const ACKS_PER_SYNC: f64 = 50.0;
const SHARE: f64 = 0.9;

/// Options of `lab syncs`.
#[derive(Debug, clap::Args)]
pub(crate) struct SyncsArgs {
    /// Which server.
    #[arg(long, value_enum, default_value = "ours")]
    server: Side,
    /// nats-server with `sync_interval: always`.
    #[arg(long)]
    sync_always: bool,
    /// Publishes of the proof, one in flight.
    #[arg(long, default_value_t = 1_000)]
    publishes: u64,
    /// Window of the single publisher that shares syncs.
    #[arg(long, default_value_t = 1024)]
    window: usize,
    /// Connections with one publish in flight each.
    #[arg(long, default_value_t = 200)]
    connections: usize,
    /// Publishes of each of the two sharing loads.
    #[arg(long, default_value_t = 100_000)]
    shared_publishes: u64,
    /// Streams that are compared with one, at windows 1, 64 and 1024.
    #[arg(long, default_value_t = 1_000)]
    streams: usize,
    /// Rounds of that comparison.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Only the proof.
    #[arg(long)]
    proof_only: bool,
    /// Keep the trace of the proof.
    #[arg(long, value_name = "FILE")]
    keep_trace: Option<PathBuf>,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl SyncsArgs {
    /// The server to run.
    pub(crate) fn side(&self) -> Side {
        self.server
    }
}

/// Who publishes.
#[derive(Clone, Copy, Debug)]
enum Load {
    Window(usize),
    Connections(usize),
    /// A window whose messages go to each of many streams in turn.
    Spread {
        streams: usize,
        window: usize,
    },
}

/// Runs the room; false if an ack left early or syncs are not shared.
pub(crate) fn run(args: &SyncsArgs, peer: &Peer) -> Result<bool> {
    let strace = Command::new("strace").arg("--version").stdout(Stdio::null()).status();
    ensure!(strace.is_ok(), "strace is not installed; remedy: apt-get install strace");
    let watch = Watch { peer, sync_always: args.sync_always && peer.side == Side::Theirs };
    let count = args.publishes;
    let (calls, _) = watch.traced(Load::Window(1), count, ALL_CALLS, args.keep_trace.as_deref())?;
    let proof = prove(&calls);
    let holds = proof.holds(count);
    out::say(&format!(
        "{count} publishes, 1 in flight, {}: {} acks after the sync that covers them, {} before \
         it, {} without data seen on a file: {}",
        peer.side.name(),
        proof.covered,
        proof.early,
        proof.unwritten,
        verdict(holds)
    ));
    for example in &proof.examples {
        out::say(&format!("  {example}"));
    }
    let mut figures = json!({"server": peer.side.name(), "proof": proof, "proof_holds": holds});
    let mut all_good = holds;
    if !args.proof_only {
        let window = (Load::Window(args.window), format!("window {}", args.window));
        let crowd = (Load::Connections(args.connections), format!("{} × 1", args.connections));
        for (load, title) in [window, crowd] {
            let (good, shared) = watch.sharing(load, args.shared_publishes, &title)?;
            all_good &= good;
            figures[title] = shared;
        }
        let (good, spread) = spread::run(&watch, args.streams, args.rounds)?;
        all_good &= good;
        figures["spread"] = spread;
    }
    if let Some(path) = &args.json {
        serde_json::to_writer_pretty(fs::File::create(path)?, &figures)?;
    }
    Ok(all_good)
}

fn verdict(good: bool) -> &'static str {
    if good { "HOLDS" } else { "VIOLATED" }
}

/// How to start what is watched.
struct Watch<'a> {
    peer: &'a Peer,
    sync_always: bool,
}

impl Watch<'_> {
    /// Acks per sync with a tracer that stops only syncs, and the share of
    /// what was waiting with one that sees all calls and so slows all down.
    fn sharing(&self, load: Load, count: u64, title: &str) -> Result<(bool, serde_json::Value)> {
        let (n_syncs, _) = self.counted(load, count)?;
        let per_sync = num::float(count) / num::float(n_syncs.max(1));
        let sharing = share(&self.traced(load, count.min(20_000), ALL_CALLS, None)?.0);
        let share = sharing.share();
        let good = n_syncs > 0 && (per_sync >= ACKS_PER_SYNC || share >= SHARE);
        out::say(&format!(
            "{title}: {count} acks, {n_syncs} syncs, {per_sync:.1} acks per sync; of what waited \
             when a sync began it took {:.1} % ({} syncs traced in full): {}",
            share * 100.0,
            sharing.syncs,
            verdict(good)
        ));
        let figures = json!({
            "acks": count, "syncs": n_syncs, "acks_per_sync": per_sync, "share": share,
            "sharing": sharing, "holds": good,
        });
        Ok((good, figures))
    }

    /// The syncs of a fresh server while `count` messages are published, and how long that took.
    fn counted(&self, load: Load, count: u64) -> Result<(u64, Duration)> {
        let (calls, took) = self.traced(load, count, SYNCS_ONLY, None)?;
        Ok((num::wide(calls.iter().filter(|call| call.is_sync()).count()), took))
    }

    /// The calls of a fresh server while `count` messages are published, and how long that took.
    fn traced(
        &self,
        load: Load,
        count: u64,
        calls: &str,
        keep: Option<&Path>,
    ) -> Result<(Vec<Call>, Duration)> {
        let home = tempfile::Builder::new().prefix("lab-trace-").tempdir()?;
        let file = home.path().join("trace");
        let mut wrapper: Vec<OsString> =
            ["strace", "-D", "-f", "-q", "-ttt", "-yy", "--seccomp-bpf", "-s", "4194304"]
                .map(OsString::from)
                .to_vec();
        wrapper.extend(["-e", "signal=none", "-e", calls, "-o"].map(OsString::from));
        wrapper.push(file.clone().into());
        let setup =
            Setup { jetstream: true, sync_always: self.sync_always, wrapper, ..Setup::default() };
        let mut server = self.peer.start(&setup)?;
        load.create(&mut server.connect()?)?;
        let from = seconds_now()?;
        let took = publish(&server, load, count)?;
        let to = seconds_now()?;
        server.stop()?;
        let trace = finished_trace(&file, server.pid())?;
        if let Some(keep) = keep {
            fs::write(keep, &trace)?;
        }
        let mut calls = trace::parse(&trace);
        calls.retain(|call| (from..=to).contains(&call.at));
        Ok((calls, took))
    }
}

impl Load {
    /// Creates what it publishes to.
    fn create(self, conn: &mut Conn) -> Result<()> {
        let Load::Spread { streams, .. } = self else { return create_stream(conn, "file") };
        for number in 0..streams {
            let config = json!({
                "name": format!("LAB-{number}"), "subjects": [format!("{SUBJECT}.{number:06}")],
            });
            conn.api(&format!("STREAM.CREATE.LAB-{number}"), &config)?;
        }
        Ok(())
    }
}

fn publish(server: &Server, load: Load, count: u64) -> Result<Duration> {
    let line = |subject: &str, reply: &str, number: u64| {
        wire::publish(subject, Some(reply), format!("{MARKER}{number:012}{:96}", "").as_bytes())
    };
    let windowed = |window: usize, subject: &dyn Fn(u64) -> String| {
        let lines: Vec<Vec<u8>> = (1..=count).map(|n| line(&subject(n), INBOX, n)).collect();
        WindowedPublisher::with_lines(server, INBOX, Lines::joined(&lines)?, window)?
            .run_count(count)
    };
    let done = match load {
        Load::Window(window) => windowed(window, &|_| SUBJECT.to_owned())?,
        Load::Spread { streams, window } => {
            windowed(window, &|n| format!("{SUBJECT}.{:06}", n % num::wide(streams)))?
        }
        Load::Connections(connections) => {
            let line = |index, sent: u64| line(SUBJECT, &format!("_INBOX.crowd.{index}"), sent + 1);
            Crowd::connect(server, connections, line)?.run(|_, sent| sent < count)?
        }
    };
    ensure!(done.messages == count, "{} acks for {count} publishes", done.messages);
    Ok(done.elapsed)
}

fn seconds_now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

/// The tracer writes its last lines after the server is gone.
fn finished_trace(file: &Path, pid: u32) -> Result<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let trace = fs::read(file).context("no trace: strace could not attach")?;
        let trace = String::from_utf8_lossy(&trace).into_owned();
        let last = trace.lines().next_back().unwrap_or("");
        if last.trim_start().starts_with(&pid.to_string()) && last.contains(" +++ ") {
            return Ok(trace);
        }
        ensure!(Instant::now() < deadline, "strace did not finish its trace");
        std::thread::sleep(Duration::from_millis(50));
    }
}
