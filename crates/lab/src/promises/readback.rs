//! The end of the room: everything is read back, in order and by number.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Content, Stored, content};
use crate::conn::Conn;
use crate::num;
use crate::wire;

const READER: &str = "reader";
const READ_BATCH: u64 = 1000;
const GET_WINDOW: usize = 256;

/// The whole stream through a fresh consumer, which is removed afterwards.
pub(crate) fn read_all(conn: &mut Conn, stream: &str, seed: u64) -> Result<Vec<Stored>> {
    let info = conn.api(&format!("STREAM.INFO.{stream}"), &Value::Null)?;
    let total = info["state"]["messages"].as_u64().context("no message count")?;
    if total == 0 {
        return Ok(Vec::new());
    }
    let config = json!({
        "stream_name": stream,
        "config": {
            "name": READER, "ack_policy": "none", "deliver_policy": "all",
            "inactive_threshold": 60_000_000_000_u64, "mem_storage": true,
        },
    });
    conn.api(&format!("CONSUMER.CREATE.{stream}.{READER}"), &config)?;
    conn.send(b"SUB _INBOX.reader 71\r\n")?;
    let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{READER}");
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
    conn.send(b"UNSUB 71\r\n")?;
    conn.api(&format!("CONSUMER.DELETE.{stream}.{READER}"), &Value::Null)?;
    Ok(read)
}

/// Each of `sequences` by a direct get.
pub(crate) fn get_all(
    conn: &mut Conn,
    stream: &str,
    seed: u64,
    sequences: &[u64],
) -> Result<BTreeMap<u64, Option<Content>>> {
    const INBOX: &str = "_INBOX.get.";
    conn.send(format!("SUB {INBOX}* 72\r\n").as_bytes())?;
    let subject = format!("$JS.API.DIRECT.GET.{stream}");
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
    conn.send(b"UNSUB 72\r\n")?;
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

/// A delivery's place and content.
pub(crate) fn stored_from(reply: &str, payload: &[u8], seed: u64) -> Result<Stored> {
    let stream_seq = stream_seq(reply).with_context(|| format!("not an ack subject: {reply}"))?;
    Ok(Stored { stream_seq, content: content(seed, payload) })
}

/// The stream sequence in `$JS.ACK.…`, in its short form or with domain and account.
fn stream_seq(reply: &str) -> Result<u64> {
    let tokens: Vec<&str> = reply.split('.').collect();
    let at = match (tokens.len(), tokens.first(), tokens.get(1)) {
        (9, Some(&"$JS"), Some(&"ACK")) => 5,
        (11.., Some(&"$JS"), Some(&"ACK")) => 7,
        _ => bail!("{} tokens", tokens.len()),
    };
    Ok(num::wide(wire::number(tokens[at].as_bytes())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_sequence_is_found_in_both_forms_of_an_ack_subject() {
        assert_eq!(stream_seq("$JS.ACK.S.c.1.42.7.1700000000.9").unwrap(), 42);
        assert_eq!(stream_seq("$JS.ACK.hub.ACC.S.c.1.42.7.1700000000.9.x").unwrap(), 42);
        assert_eq!(stream_seq("$JS.ACK.hub.ACC.S.c.1.42.7.1700000000.9").unwrap(), 42);
        for bad in ["", "a.b", "$JS.ACK.S.c.1.x.7.1700000000.9", "$JS.API.S.c.1.42.7.170.9"] {
            assert!(stream_seq(bad).is_err(), "{bad}");
        }
    }
}
