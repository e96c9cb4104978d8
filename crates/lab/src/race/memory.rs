//! Memory of idle connections, and the restart of a full store after `kill -9`.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::durable::{INBOX, STREAM, SUBJECT, WindowedPublisher, create_stream, stored};
use super::frames::{Lines, sized_publish};
use super::meter::{Measurement, Metric};
use crate::conn::Conn;
use crate::num;
use crate::peer::{Peer, Server, Setup};
use crate::proc;

/// Servers give memory back, and send their first PING, a little later.
const SETTLE: Duration = Duration::from_secs(3);
const RESTART_SUBJECTS: u64 = 100_000;
const RESTART_SIZE: usize = 128;
const RESTART_WINDOW: usize = 4096;

/// Resident memory per idle connection with two subscriptions.
pub(crate) fn idle(server: &Server, n_connections: usize) -> Result<Measurement> {
    // One connection first: what the first one costs is not per connection.
    let first = open_idle(server.port, 0)?;
    std::thread::sleep(SETTLE);
    let before = server.usage()?;
    let mut conns = Vec::new();
    for index in 1..=n_connections {
        conns.push(open_idle(server.port, index)?);
    }
    std::thread::sleep(SETTLE);
    let after = server.usage()?;
    for conn in conns.iter_mut().chain([first].iter_mut()) {
        conn.flush()?;
    }
    let grown = after.rss_bytes.saturating_sub(before.rss_bytes);
    let per_connection = num::float(grown) / num::float(num::wide(n_connections)) / 1024.0;
    Ok(Measurement {
        figures: vec![(Metric::PerConnection, per_connection)],
        cpu_per_million: None,
        rss_mib: proc::mib(after.rss_bytes),
    })
}

/// A connection with two subscriptions of its own.
pub(crate) fn open_idle(port: u16, index: usize) -> Result<Conn> {
    let mut conn = Conn::open(port)?;
    let subscribe = format!("SUB idle.{index}.orders.* 1\r\nSUB _INBOX.idle{index}.> 2\r\n");
    conn.send(subscribe.as_bytes())?;
    conn.flush()?;
    Ok(conn)
}

/// Fills a stream, kills the server, and times it from `exec` to the first stream info.
pub(crate) fn restart(peer: &Peer, messages: u64) -> Result<Measurement> {
    let store = tempfile::Builder::new().prefix("lab-store-").tempdir()?;
    let setup =
        Setup { jetstream: true, store: Some(store.path().to_path_buf()), ..Setup::default() };
    let mut server = peer.start(&setup)?;
    fill(&server, messages)?;
    server.kill()?;
    drop(server);

    let began = Instant::now();
    let server = peer.start(&setup)?;
    let kept = stored_when_ready(&server, began)?;
    let ready = began.elapsed();
    ensure!(kept == messages, "{messages} messages before the restart, {kept} after");
    let usage = server.usage()?;
    Ok(Measurement {
        figures: vec![
            (Metric::Ready, ready.as_secs_f64() * 1e3),
            (Metric::Memory, proc::mib(usage.rss_bytes)),
        ],
        cpu_per_million: Some(usage.cpu.as_secs_f64() / (num::float(messages) / 1e6)),
        rss_mib: proc::mib(usage.rss_bytes),
    })
}

/// A server may greet before its streams are back.
fn stored_when_ready(server: &Server, began: Instant) -> Result<u64> {
    let mut control = server.connect()?;
    loop {
        match stored(&mut control) {
            Ok(kept) => return Ok(kept),
            Err(error) if began.elapsed() > Duration::from_mins(2) => {
                return Err(error.context(format!("no info of stream {STREAM} after the restart")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn fill(server: &Server, messages: u64) -> Result<()> {
    create_stream(&mut server.connect()?, "file")?;
    let lines: Vec<Vec<u8>> = (0..RESTART_SUBJECTS)
        .map(|n| {
            let subject = format!("{SUBJECT}.{n:06}");
            sized_publish(&subject, Some(INBOX), RESTART_SIZE)
        })
        .collect();
    let lines = Lines::joined(&lines)?;
    WindowedPublisher::with_lines(server, INBOX, lines, RESTART_WINDOW)?.run_count(messages)?;
    Ok(())
}
