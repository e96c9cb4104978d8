//! The room of idle connections: many, with two subscriptions each, held open and still alive at the end.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::conn::Conn;
use crate::peer::{Peer, Setup};
use crate::race::memory::open_idle;
use crate::{num, out, proc};

/// File descriptors a holder needs beside its connections.
const SPARE_FILES: u64 = 64;
/// What servers and kernel do after the last connection.
const SETTLE: Duration = Duration::from_secs(2);

/// Options of `lab idle`.
#[derive(Debug, clap::Args)]
pub(crate) struct IdleArgs {
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// How long they are held.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
}

/// Options of the helper process that holds a part of the connections.
#[derive(Debug, clap::Args)]
pub(crate) struct HoldArgs {
    #[arg(long)]
    port: u16,
    #[arg(long)]
    first: usize,
    #[arg(long)]
    count: usize,
}

/// Runs the room on each peer in turn.
pub(crate) fn run(args: &IdleArgs, peers: &[Peer]) -> Result<bool> {
    let mut figures = Vec::new();
    for peer in peers {
        figures.push(hold_on(args, peer)?);
    }
    if let Some(path) = &args.json {
        serde_json::to_writer_pretty(std::fs::File::create(path)?, &figures)?;
    }
    Ok(true)
}

fn hold_on(args: &IdleArgs, peer: &Peer) -> Result<serde_json::Value> {
    let server = peer.start(&Setup::default())?;
    let before = server.usage()?;
    let began = Instant::now();
    let per_holder = num::narrow(proc::raise_open_files()?.saturating_sub(SPARE_FILES)).max(1);
    let mut holders = Vec::new();
    for first in (0..args.connections).step_by(per_holder) {
        let count = per_holder.min(args.connections - first);
        holders.push(Holder::start(server.port, first, count)?);
    }
    for holder in &mut holders {
        holder.expect("open")?;
    }
    let opened_in = began.elapsed();
    std::thread::sleep(SETTLE);
    let held = server.usage()?;
    std::thread::sleep(Duration::from_secs(args.seconds));
    let after = server.usage()?;
    let pinged = Instant::now();
    for holder in &mut holders {
        holder.ask()?;
    }
    for holder in &mut holders {
        holder.expect("alive")?;
    }
    let answered_in = pinged.elapsed();
    let count = num::float(num::wide(args.connections));
    let grown = held.rss_bytes.saturating_sub(before.rss_bytes);
    let per_connection_kib = num::float(grown) / 1024.0 / count;
    let cpu = after.cpu.saturating_sub(held.cpu);
    let (rss_before, rss) = (proc::mib(before.rss_bytes), proc::mib(after.rss_bytes));
    out::say(&format!(
        "{:<6} {} connections open in {:.2} s, held {} s, all answered PING in {:.2} s; RSS \
         {rss_before:.1} → {rss:.1} MiB, {per_connection_kib:.1} KiB per connection; CPU while \
         idle {:.2} s",
        peer.side.name(),
        args.connections,
        opened_in.as_secs_f64(),
        args.seconds,
        answered_in.as_secs_f64(),
        cpu.as_secs_f64(),
    ));
    Ok(json!({
        "server": peer.side.name(), "connections": args.connections,
        "open_seconds": opened_in.as_secs_f64(), "ping_seconds": answered_in.as_secs_f64(),
        "rss_mib_before": rss_before, "rss_mib": rss,
        "kib_per_connection": per_connection_kib, "idle_cpu_seconds": cpu.as_secs_f64(),
    }))
}

/// A helper process with a part of the connections: one process may not have enough files.
#[derive(Debug)]
struct Holder {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Holder {
    fn start(port: u16, first: usize, count: usize) -> Result<Holder> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("hold")
            .args(["--port", &port.to_string(), "--first", &first.to_string()])
            .args(["--count", &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(child.stdout.take().context("no pipe")?);
        Ok(Holder { child, said })
    }

    /// Waits for a word of the helper.
    fn expect(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        ensure!(line.trim() == word, "the helper did not say {word:?}: {}", line.trim());
        Ok(())
    }

    fn ask(&mut self) -> Result<()> {
        self.child.stdin.as_mut().context("no pipe")?.write_all(b"\n")?;
        Ok(())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Nothing can be done about a helper that is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The helper: opens, says so, waits for a line, and tells whether all are alive.
pub(crate) fn hold(args: &HoldArgs) -> Result<bool> {
    let mut conns: Vec<Conn> = Vec::new();
    for index in args.first..args.first + args.count {
        let conn = open_idle(args.port, index);
        conns.push(conn.with_context(|| format!("connection {index}"))?);
    }
    out::say("open");
    if std::io::stdin().read_line(&mut String::new())? == 0 {
        bail!("nobody asked");
    }
    // All PINGs first: the answers then come side by side.
    for conn in &mut conns {
        conn.send(b"PING\r\n")?;
    }
    for (index, conn) in conns.iter_mut().enumerate() {
        conn.wait_pong().with_context(|| format!("connection {index} is dead"))?;
    }
    out::say("alive");
    Ok(true)
}
