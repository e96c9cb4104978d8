//! What a server holds after a restart, as a client reads it.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::session::{CONSUMER, Client, Mix, Moments};
use super::{Content, Ledger, Stored, readback};
use crate::conn::Conn;
use crate::peer::Server;

/// How long a stream may need to be there after the server greets.
const BACK_PATIENCE: Duration = Duration::from_secs(20);
const DRAIN_PATIENCE: Duration = Duration::from_mins(1);
const STREAM_NOT_FOUND: u64 = 10059;
const CONSUMER_NOT_FOUND: u64 = 10014;

/// All that can be read of a stream and its consumer.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) exists: bool,
    pub(crate) last_seq: u64,
    /// The whole stream in its own order.
    pub(crate) stored: Vec<Stored>,
    /// Sequences asked for by number; `None` if nothing was there.
    pub(crate) gets: BTreeMap<u64, Option<Content>>,
    pub(crate) consumer: Option<ConsumerState>,
}

/// Where the consumer says it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConsumerState {
    pub(crate) delivered_seq: u64,
    pub(crate) ack_floor: u64,
    /// Not delivered or not acked.
    pub(crate) backlog: u64,
}

/// Creates the stream and its consumer.
pub(crate) fn prepare(server: &Server, stream: &str) -> Result<()> {
    let mut conn = server.connect()?;
    let config = json!({
        "name": stream, "subjects": [format!("{}.>", stream.to_lowercase())], "storage": "file",
        "retention": "limits", "num_replicas": 1, "allow_direct": true,
        "duplicate_window": 600_000_000_000_u64,
    });
    conn.api(&format!("STREAM.CREATE.{stream}"), &config)?;
    let config = json!({
        "stream_name": stream,
        "config": {
            "durable_name": CONSUMER, "ack_policy": "explicit", "deliver_policy": "all",
            "ack_wait": 2_000_000_000_u64, "max_ack_pending": 100_000,
        },
    });
    conn.api(&format!("CONSUMER.DURABLE.CREATE.{stream}.{CONSUMER}"), &config)?;
    Ok(())
}

/// Reads everything and lets the ledger judge it; makes anew what is missing.
pub(crate) fn settle(server: &Server, stream: &str, ledger: &mut Ledger) -> Result<()> {
    let reading = read(server, stream, ledger)?;
    ledger.settle(&reading);
    if !reading.exists || reading.consumer.is_none() {
        prepare(server, stream)?;
    }
    Ok(())
}

/// The same, leaving the server as it is.
pub(crate) fn judge(server: &Server, stream: &str, ledger: &mut Ledger) -> Result<()> {
    let reading = read(server, stream, ledger)?;
    ledger.settle(&reading);
    Ok(())
}

fn read(server: &Server, stream: &str, ledger: &Ledger) -> Result<Reading> {
    let mut conn = server.connect()?;
    let info = answered(&mut conn, &format!("STREAM.INFO.{stream}"))?;
    match info["error"]["err_code"].as_u64() {
        Some(STREAM_NOT_FOUND) => return Ok(Reading::default()),
        Some(_) => bail!("STREAM.INFO: {}", info["error"]),
        None => (),
    }
    let last_seq = info["state"]["last_seq"].as_u64().context("no last_seq")?;
    let stored = readback::read_all(&mut conn, stream, ledger.seed)?;
    let gets = readback::get_all(&mut conn, stream, ledger.seed, &ledger.to_ask())?;
    let consumer = consumer_state(&mut conn, stream)?;
    Ok(Reading { exists: true, last_seq, stored, gets, consumer })
}

fn consumer_state(conn: &mut Conn, stream: &str) -> Result<Option<ConsumerState>> {
    let info = answered(conn, &format!("CONSUMER.INFO.{stream}.{CONSUMER}"))?;
    match info["error"]["err_code"].as_u64() {
        Some(CONSUMER_NOT_FOUND) => return Ok(None),
        Some(_) => bail!("CONSUMER.INFO: {}", info["error"]),
        None => (),
    }
    let number = |value: &Value| value.as_u64().context("a number is missing in CONSUMER.INFO");
    Ok(Some(ConsumerState {
        delivered_seq: number(&info["delivered"]["stream_seq"])?,
        ack_floor: number(&info["ack_floor"]["stream_seq"])?,
        backlog: number(&info["num_pending"])? + number(&info["num_ack_pending"])?,
    }))
}

/// An answer of any kind, errors included; a server that does not answer yet is asked again.
pub(crate) fn answered(conn: &mut Conn, call: &str) -> Result<Value> {
    let deadline = Instant::now() + BACK_PATIENCE;
    loop {
        match conn.ask(call, &Value::Null) {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Consumes what is left, so that the ledger can tell what was passed over.
pub(crate) fn drain(server: &Server, stream: &str, ledger: &mut Ledger) -> Result<()> {
    let deadline = Instant::now() + DRAIN_PATIENCE;
    let mut conn = server.connect()?;
    loop {
        let state = consumer_state(&mut conn, stream)?;
        if state.is_none_or(|state| state.backlog == 0) {
            break;
        }
        ensure!(Instant::now() < deadline, "the consumer does not come to its end: {state:?}");
        let moments = Moments::for_time(Duration::from_millis(300));
        Client { server, stream, mix: &Mix::consume_only() }.work(ledger, &moments)?;
    }
    ledger.close();
    Ok(())
}
