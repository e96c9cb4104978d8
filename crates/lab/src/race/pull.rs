//! A durable pull consumer with explicit acks, fetching in batches.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::durable::{STREAM, SUBJECT, WindowedPublisher, create_stream};
use super::meter::{Load, Measurement, metered};
use crate::conn::{Conn, PATIENCE};
use crate::peer::Server;
use crate::wire;

const SIZE: usize = 128;
const CONSUMER: &str = "puller";
/// About what nats-server delivers and takes acks for in a second.
const MESSAGES_PER_SECOND: u64 = 150_000;

/// Fetches `batch`, acks each message, fetches again, until the stream is read.
pub(crate) fn pull(server: &Server, batch: u64, duration: Duration) -> Result<Measurement> {
    let count = duration.as_secs().max(1) * MESSAGES_PER_SECOND / batch * batch;
    let mut control = server.connect()?;
    create_stream(&mut control, "file")?;
    WindowedPublisher::new(server, SIZE, 1024)?.run_count(count)?;
    let config = json!({
        "stream_name": STREAM,
        "config": {
            "durable_name": CONSUMER, "ack_policy": "explicit", "deliver_policy": "all",
            "filter_subject": SUBJECT, "max_ack_pending": 1000,
        },
    });
    control.api(&format!("CONSUMER.DURABLE.CREATE.{STREAM}.{CONSUMER}"), &config)?;
    let mut conn = server.connect()?;
    conn.send(b"SUB _INBOX.lab 1\r\n")?;
    conn.flush()?;
    let measured = metered(server, || drain(&mut conn, batch, count))?;
    wait_acked(&mut control)?;
    Ok(measured)
}

fn drain(conn: &mut Conn, batch: u64, count: u64) -> Result<Load> {
    let fetch = wire::fetch(STREAM, CONSUMER, "_INBOX.lab", batch);
    let began = Instant::now();
    let mut messages = 0;
    let mut out = fetch.clone();
    while messages < count {
        conn.send(&out)?;
        out.clear();
        let mut n_got = 0;
        while n_got < batch {
            conn.pump(|message| {
                wire::push_ack(&mut out, message)?;
                ensure!(message.payload.len() == SIZE, "a message came altered");
                n_got += 1;
                Ok(())
            })?;
        }
        messages += n_got;
        out.extend_from_slice(&fetch);
    }
    // The last acks, without another fetch.
    out.truncate(out.len() - fetch.len());
    conn.send(&out)?;
    conn.flush()?;
    Ok(Load { messages, elapsed: began.elapsed(), latency: None })
}

/// Every message must have been delivered and every ack taken.
fn wait_acked(control: &mut Conn) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let info = control.api(&format!("CONSUMER.INFO.{STREAM}.{CONSUMER}"), &Value::Null)?;
        let open = info["num_ack_pending"].as_u64().context("no num_ack_pending")?;
        let left = info["num_pending"].as_u64().context("no num_pending")?;
        if open == 0 && left == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{open} acks and {left} messages are missing");
        std::thread::sleep(Duration::from_millis(20));
    }
}
