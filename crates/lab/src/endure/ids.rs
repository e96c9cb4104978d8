//! Messages with ids, most of them gone soon: the ids have to outlive them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::peer::Peer;
use crate::race::durable::{INBOX, STREAM, SUBJECT, WindowedPublisher, stored};
use crate::race::frames::Lines;
use crate::{out, wire};

/// What a stream of the newest messages keeps.
const KEPT: u64 = 1000;
const ROUND: u64 = 100_000;
const WINDOW: usize = 4096;
/// Files may be four times what the ids are in the log, and this more.
const SPARE_BYTES: u64 = 512 << 20;
/// An id of 22 letters with its sequence and time.
const ID_BYTES: u64 = 28;

pub(super) fn run(peer: &Peer, count: u64) -> Result<(bool, Value)> {
    let count = count.next_multiple_of(ROUND);
    let (store, setup) = super::store()?;
    let mut server = peer.start(&setup)?;
    // All ids count until the end.
    let config = json!({
        "name": STREAM, "subjects": [SUBJECT], "max_msgs": KEPT,
        "duplicate_window": 3_600_000_000_000_u64,
    });
    server.connect()?.api(&format!("STREAM.CREATE.{STREAM}"), &config)?;
    let began = Instant::now();
    let mut largest = 0;
    for round in 0..count / ROUND {
        let lines: Vec<Vec<u8>> = (0..ROUND).map(|n| message(round * ROUND + n)).collect();
        let lines = Lines::joined(&lines)?;
        WindowedPublisher::with_lines(&server, INBOX, lines, WINDOW)?.run_count(ROUND)?;
        largest = largest.max(super::files(store.path())?);
    }
    let took = began.elapsed();
    // What is given back in the background is given back.
    std::thread::sleep(Duration::from_secs(5));
    let used = super::files(store.path())?;
    let bound = 4 * count * ID_BYTES + SPARE_BYTES;
    server.kill()?;
    let began = Instant::now();
    server = peer.start(&setup)?;
    let mut control = server.connect()?;
    let kept = stored(&mut control)?;
    let back = began.elapsed();
    ensure!(kept == KEPT, "{kept} messages after the restart");
    // The first id is as old as they get.
    let mut is_known = true;
    for number in [0, count / 2, count - 1] {
        let (headers, payload) = parts(number);
        is_known &= control.request_with(SUBJECT, &headers, &payload)?["duplicate"] == true;
    }
    let side = peer.side.name();
    out::say(&format!(
        "{side}: {count} messages with ids in {:.1} s, {KEPT} live: files {} MiB (at most {} MiB \
         before; bound {} MiB), back in {:.0} ms, ids {}",
        took.as_secs_f64(),
        used >> 20,
        largest >> 20,
        bound >> 20,
        back.as_secs_f64() * 1e3,
        if is_known { "known" } else { "FORGOTTEN" },
    ));
    let figure = json!({
        "server": side, "messages": count, "seconds": took.as_secs_f64(), "files": used,
        "largest": largest, "bound": bound, "back_ms": back.as_secs_f64() * 1e3,
        "known": is_known,
    });
    Ok((is_known && used <= bound, figure))
}

fn message(number: u64) -> Vec<u8> {
    let (headers, payload) = parts(number);
    wire::publish_with(SUBJECT, INBOX, &headers, &payload)
}

fn parts(number: u64) -> (String, Vec<u8>) {
    (format!("NATS/1.0\r\nNats-Msg-Id: endure{number:016}\r\n\r\n"), vec![b'x'; 128])
}
