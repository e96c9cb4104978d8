//! Much goes through a store, little stays.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::conn::Conn;
use crate::peer::{Peer, Server};
use crate::race::durable::{INBOX, WindowedPublisher};
use crate::race::frames::{Lines, sized_publish};
use crate::{num, out, wire};

const SIZE: usize = 1024;
const KEYS: u64 = 100_000;
const WINDOW: usize = 1024;
/// Files may be twice what lives, and this more.
const SPARE_BYTES: u64 = 512 << 20;
/// A publish may take so much longer while space is given back.
const SLOWER: f64 = 3.0;
const QUIET: Duration = Duration::from_secs(3);

pub(super) fn run(peer: &Peer, times: u64, limit: u64) -> Result<(bool, Value)> {
    let (store, setup) = super::store()?;
    let server = peer.start(&setup)?;
    let mut control = server.connect()?;
    create(&mut control, limit)?;
    let quiet = probe(&server, QUIET)?;
    let count = limit / num::wide(SIZE);
    let inbox = "_INBOX.keys";
    let key = |n: u64| sized_publish(&format!("$KV.churn.{n:06}"), Some(inbox), SIZE);
    let keys = Lines::joined(&(0..KEYS).map(key).collect::<Vec<_>>())?;
    let mut keys = WindowedPublisher::with_lines(&server, inbox, keys, WINDOW)?;
    let mut queue = publisher(&server, "churn.work")?;
    let mut aged = publisher(&server, "churn.aged")?;
    let mut purged = publisher(&server, "churn.purged")?;
    let mut worker = Worker::new(&server)?;
    let began = Instant::now();
    let mut largest = 0;
    for _ in 0..times {
        queue.run_count(count)?;
        worker.drain(count)?;
        // As many bytes as the others, so that each key is written many times over.
        keys.run_count(count)?;
        aged.run_count(count)?;
        purged.run_count(count)?;
        control.api("STREAM.PURGE.PURGED", &Value::Null)?;
        largest = largest.max(super::files(store.path())?);
    }
    let churned = began.elapsed();
    let busy = probe(&server, QUIET)?;
    // What is given back in the background is given back.
    std::thread::sleep(Duration::from_secs(10));
    let (live, used) = (live(&mut control)?, super::files(store.path())?);
    let bound = 2 * live + SPARE_BYTES;
    let (side, mib) = (peer.side.name(), |bytes: u64| bytes >> 20);
    out::say(&format!(
        "{side}: {times} times {} MiB through four streams in {:.1} s: {} MiB live, files {} MiB \
         (at most {} MiB before; bound {} MiB)",
        mib(limit),
        churned.as_secs_f64(),
        mib(live),
        mib(used),
        mib(largest),
        mib(bound),
    ));
    out::say(&format!(
        "{side}: publish p50/p99 quiet {:.0}/{:.0} µs, while space is given back {:.0}/{:.0} µs",
        quiet.0, quiet.1, busy.0, busy.1
    ));
    let held = used <= bound && busy.1 <= quiet.1 * SLOWER;
    let figure = json!({
        "server": side, "times": times, "limit": limit, "seconds": churned.as_secs_f64(),
        "live": live, "files": used, "largest": largest, "bound": bound,
        "quiet_us": [quiet.0, quiet.1], "busy_us": [busy.0, busy.1],
    });
    Ok((held, figure))
}

fn create(control: &mut Conn, limit: u64) -> Result<()> {
    let age = 2_000_000_000_u64;
    for config in [
        json!({"name": "WORK", "subjects": ["churn.work"], "retention": "workqueue"}),
        json!({"name": "KV_churn", "subjects": ["$KV.churn.>"], "max_msgs_per_subject": 1}),
        json!({"name": "AGED", "subjects": ["churn.aged"], "max_age": age, "max_bytes": limit}),
        json!({"name": "PURGED", "subjects": ["churn.purged"]}),
        json!({"name": "PROBE", "subjects": ["churn.probe"], "max_msgs": 1000}),
    ] {
        let name = config["name"].as_str().unwrap_or_default().to_owned();
        control.api(&format!("STREAM.CREATE.{name}"), &config)?;
    }
    let consumer = json!({
        "stream_name": "WORK",
        "config": {"durable_name": "w", "ack_policy": "explicit", "max_ack_pending": 5000},
    });
    control.api("CONSUMER.DURABLE.CREATE.WORK.w", &consumer)?;
    Ok(())
}

fn publisher(server: &Server, subject: &str) -> Result<WindowedPublisher> {
    let inbox = format!("_INBOX.{subject}");
    let line = sized_publish(subject, Some(&inbox), SIZE);
    WindowedPublisher::with_lines(server, &inbox, Lines::repeated(&line, WINDOW), WINDOW)
}

/// Median and 99th percentile of a publish, in microseconds, one at a time.
fn probe(server: &Server, duration: Duration) -> Result<(f64, f64)> {
    let line = sized_publish("churn.probe", Some(INBOX), 128);
    let lines = Lines::repeated(&line, 1);
    let mut publisher = WindowedPublisher::with_lines(server, INBOX, lines, 1)?;
    let load = publisher.run_for(duration)?;
    let latency = load.latency.ok_or_else(|| anyhow::anyhow!("one in flight has a latency"))?;
    let micros = |quantile| num::float(latency.value_at_quantile(quantile)) / 1e3;
    Ok((micros(0.5), micros(0.99)))
}

/// Takes messages off the work queue.
struct Worker {
    conn: Conn,
}

const BATCH: u64 = 1000;

impl Worker {
    fn new(server: &Server) -> Result<Worker> {
        let mut conn = server.connect()?;
        conn.send(b"SUB _INBOX.worker 1\r\n")?;
        conn.flush()?;
        Ok(Worker { conn })
    }

    fn drain(&mut self, count: u64) -> Result<()> {
        let mut left = count;
        while 0 < left {
            let wanted = left.min(BATCH);
            self.conn.send(&wire::fetch("WORK", "w", "_INBOX.worker", wanted))?;
            let mut acks = Vec::new();
            let mut n_got = 0;
            while n_got < wanted {
                self.conn.pump(|message| {
                    wire::push_ack(&mut acks, message)?;
                    n_got += 1;
                    Ok(())
                })?;
            }
            self.conn.send(&acks)?;
            left -= wanted;
        }
        self.conn.flush()
    }
}

/// Bytes that all streams count.
fn live(control: &mut Conn) -> Result<u64> {
    let mut bytes = 0;
    for name in ["WORK", "KV_churn", "AGED", "PURGED", "PROBE"] {
        let info = control.api(&format!("STREAM.INFO.{name}"), &Value::Null)?;
        bytes += info["state"]["bytes"].as_u64().unwrap_or(0);
    }
    Ok(bytes)
}
