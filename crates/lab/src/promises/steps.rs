//! Single steps of a client, for rooms that look at each answer.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ledger::Removal;
use super::session::{Client, Ended, Mix, Moments};
use super::{Content, Ledger, ValueId, readback};
use crate::num;
use crate::peer::Server;

/// What became of a few publishes.
#[derive(Debug)]
pub(crate) struct Few {
    pub(crate) acked: u64,
    pub(crate) refused: u64,
    /// The first refusal.
    pub(crate) words: String,
}

/// Publishes `count` messages, nothing else.
pub(crate) fn publish_few(
    server: &Server,
    stream: &str,
    ledger: &mut Ledger,
    (count, padding): (u64, usize),
) -> Result<Few> {
    let before = ledger.figures;
    let mix = Mix { publishes: count, removals: false, fetches: 0, padding, ..Mix::full() };
    let ended = Client { server, stream, mix: &mix }.work(ledger, &Moments::open())?;
    Ok(Few {
        acked: ledger.figures.acked - before.acked,
        refused: ledger.figures.refused - before.refused,
        words: match ended {
            Ended::Refused(words) => words,
            Ended::Done => "no refusal".to_owned(),
            Ended::Cut => "the connection was lost".to_owned(),
        },
    })
}

/// Deletes the message in the middle; the answer.
pub(crate) fn delete_one(server: &Server, stream: &str, ledger: &mut Ledger) -> Result<Value> {
    let middle = ledger.n_live() / 2;
    let (seq, _) = ledger.live().nth(middle).context("nothing to delete")?;
    let body = json!({"seq": seq, "no_erase": true});
    remove(server, &format!("STREAM.MSG.DELETE.{stream}"), &body, ledger, Removal::Message(seq))
}

/// Purges all but the newest `kept`; the answer.
pub(crate) fn purge_to(
    server: &Server,
    stream: &str,
    ledger: &mut Ledger,
    kept: usize,
) -> Result<Value> {
    let (seq, _) = ledger.live().rev().nth(kept).context("nothing to purge")?;
    let body = json!({"seq": seq});
    remove(server, &format!("STREAM.PURGE.{stream}"), &body, ledger, Removal::Below(seq))
}

fn remove(
    server: &Server,
    call: &str,
    body: &Value,
    ledger: &mut Ledger,
    removal: Removal,
) -> Result<Value> {
    ledger.removing(removal);
    let answer = server.connect()?.ask(call, body)?;
    if answer["success"] == true {
        ledger.removed(removal);
    }
    Ok(answer)
}

/// Gets up to `count` acknowledged messages by number; whether all were as sent, in words too.
pub(crate) fn get_some(
    server: &Server,
    stream: &str,
    ledger: &Ledger,
    count: usize,
) -> Result<(bool, String)> {
    let step = (ledger.n_live() / count).max(1);
    let asked: Vec<(u64, u64)> = ledger.live().step_by(step).take(count).collect();
    let sequences: Vec<u64> = asked.iter().map(|(seq, _)| *seq).collect();
    let gets = readback::get_all(&mut server.connect()?, stream, ledger.seed, &sequences)?;
    let as_sent = asked.iter().filter(|(seq, counter)| {
        let id = ValueId { publisher: 0, counter: *counter };
        gets.get(seq) == Some(&Some(Content::Value(id)))
    });
    let (n_good, n_asked) = (as_sent.count(), asked.len());
    Ok((n_good == n_asked, format!("{n_good} of {n_asked} as sent")))
}

/// Lets the consumer fetch a few; how many acks were confirmed.
pub(crate) fn consume(server: &Server, stream: &str, ledger: &mut Ledger) -> Result<u64> {
    let before = ledger.figures.confirmed;
    let moments = Moments::for_time(std::time::Duration::from_millis(500));
    let mix = Mix { fetches: 40, ..Mix::consume_only() };
    Client { server, stream, mix: &mix }.work(ledger, &moments)?;
    Ok(ledger.figures.confirmed - before)
}

/// The size of `count` values with `padding`, nearly.
pub(crate) fn bytes_of(count: u64, padding: usize) -> u64 {
    count * (300 + num::wide(padding))
}
