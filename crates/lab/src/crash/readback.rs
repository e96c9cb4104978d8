//! The end of the room: everything is read back, in order and by number.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::STREAM;
use super::checker::{Content, Stored};
use super::consumer::{content, stored_from};
use crate::conn::Conn;
use crate::num;
use crate::peer::Server;
use crate::wire;

const READER: &str = "reader";
const READ_BATCH: u64 = 1000;
const GET_WINDOW: usize = 256;

/// The whole stream through a fresh consumer.
pub(crate) fn read_all(server: &Server, seed: u64) -> Result<Vec<Stored>> {
    let mut control = server.connect()?;
    let info = control.api(&format!("STREAM.INFO.{STREAM}"), &Value::Null)?;
    let total = info["state"]["messages"].as_u64().context("no message count")?;
    let config = json!({
        "stream_name": STREAM,
        "config": {
            "name": READER, "ack_policy": "none", "deliver_policy": "all",
            "inactive_threshold": 60_000_000_000_u64, "mem_storage": true,
        },
    });
    control.api(&format!("CONSUMER.CREATE.{STREAM}.{READER}"), &config)?;
    let mut conn = server.connect()?;
    conn.send(b"SUB _INBOX.reader 1\r\n")?;
    let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{READER}");
    let mut read = Vec::new();
    while num::wide(read.len()) < total {
        let batch = READ_BATCH.min(total - num::wide(read.len()));
        let body = json!({"batch": batch, "expires": 20_000_000_000_u64}).to_string();
        conn.send(&wire::publish(&subject, Some("_INBOX.reader"), body.as_bytes()))?;
        let goal = read.len() + num::narrow(batch);
        while read.len() < goal {
            conn.pump(|message| {
                let Some(reply) = message.reply else {
                    bail!("the reader got status {:?}", message.status());
                };
                read.push(stored_from(std::str::from_utf8(reply)?, message.payload, seed)?);
                Ok(())
            })
            .with_context(|| format!("{goal} of {total} messages read"))?;
        }
    }
    Ok(read)
}

/// Each of `sequences` by a direct get.
pub(crate) fn get_all(
    server: &Server,
    seed: u64,
    sequences: &[u64],
) -> Result<BTreeMap<u64, Option<Content>>> {
    const INBOX: &str = "_INBOX.get.";
    let mut conn: Conn = server.connect()?;
    conn.send(format!("SUB {INBOX}* 1\r\n").as_bytes())?;
    let subject = format!("$JS.API.DIRECT.GET.{STREAM}");
    let mut found = BTreeMap::new();
    for part in sequences.chunks(GET_WINDOW) {
        let mut frames = Vec::new();
        for seq in part {
            let reply = format!("{INBOX}{seq}");
            let body = format!("{{\"seq\":{seq}}}");
            frames.extend_from_slice(&wire::publish(&subject, Some(&reply), body.as_bytes()));
        }
        conn.send(&frames)?;
        let mut n_left = part.len();
        while n_left > 0 {
            conn.pump(|message| {
                let seq = num::wide(wire::number(&message.subject[INBOX.len()..])?);
                found.insert(seq, got(seq, message, seed)?);
                n_left -= 1;
                Ok(())
            })?;
        }
    }
    Ok(found)
}

fn got(seq: u64, message: &wire::Message<'_>, seed: u64) -> Result<Option<Content>> {
    match message.status() {
        Some(404) => return Ok(None),
        Some(code) => bail!("direct get of {seq}: status {code}"),
        None => (),
    }
    let header = message.header("Nats-Sequence").context("no Nats-Sequence in a direct get")?;
    let same = header.parse() == Ok(seq);
    Ok(Some(if same { content(seed, message.payload) } else { Content::Altered }))
}
