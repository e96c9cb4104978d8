//! A durable pull consumer that confirms most of its acks.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::checker::ConsumerEvent;
use super::{Room, STREAM, reconnect};
use crate::conn::{Conn, is_timeout};
use crate::promises::Stored;
use crate::promises::readback::stored_from;
use crate::wire::{self, Message};

const BATCH: usize = 200;
/// One ack in so many is sent without asking for a confirmation.
const PLAIN_EVERY: u64 = 4;
/// How long unacknowledged messages stay away; short, so that the end of the room can wait for them.
const ACK_WAIT: Duration = Duration::from_secs(5);
const CONFIRM_PATIENCE: Duration = Duration::from_secs(10);

/// The consumer's name on the server.
pub(crate) fn name(consumer: usize) -> String {
    format!("c{consumer}")
}

/// Creates it.
pub(crate) fn create(control: &mut Conn, consumer: usize) -> Result<()> {
    let name = name(consumer);
    let ack_wait = u64::try_from(ACK_WAIT.as_nanos())?;
    let config = json!({
        "stream_name": STREAM,
        "config": {
            "durable_name": name, "ack_policy": "explicit", "deliver_policy": "all",
            "ack_wait": ack_wait, "max_ack_pending": 100_000,
        },
    });
    control.api(&format!("CONSUMER.DURABLE.CREATE.{STREAM}.{name}"), &config)?;
    Ok(())
}

/// Messages not delivered and acks not taken.
pub(crate) fn backlog(control: &mut Conn, consumer: usize) -> Result<u64> {
    let info = control.api(&format!("CONSUMER.INFO.{STREAM}.{}", name(consumer)), &Value::Null)?;
    let pending = info["num_pending"].as_u64().context("no num_pending")?;
    let ack_pending = info["num_ack_pending"].as_u64().context("no num_ack_pending")?;
    Ok(pending + ack_pending)
}

/// Fetches and acks until the room is over.
pub(crate) fn run(room: &Room, consumer: usize) -> Vec<ConsumerEvent> {
    let mut events = Vec::new();
    while !room.is_over() {
        let Some(conn) = reconnect(room) else {
            break;
        };
        // An error is the kill we wait for; acks without an answer stay unknown.
        let _ = Session::new(room, consumer, conn, &mut events).run();
    }
    events
}

struct Session<'a> {
    room: &'a Room,
    conn: Conn,
    events: &'a mut Vec<ConsumerEvent>,
    inbox: String,
    fetch: Vec<u8>,
    /// Acks sent with a reply and not yet confirmed, by stream sequence.
    unconfirmed: BTreeSet<u64>,
}

/// What came on one of the two inboxes.
enum Arrival {
    Message {
        stored: Stored,
        reply: String,
    },
    /// The fetch is over before it was full.
    FetchEnded,
    /// The answer to an ack; false if nobody heard it.
    AckAnswer {
        stream_seq: u64,
        taken: bool,
    },
}

impl<'a> Session<'a> {
    fn new(
        room: &'a Room,
        consumer: usize,
        conn: Conn,
        events: &'a mut Vec<ConsumerEvent>,
    ) -> Session<'a> {
        let inbox = format!("_INBOX.pull{consumer}");
        let body = json!({"batch": BATCH, "expires": 500_000_000_u64}).to_string();
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{}", name(consumer));
        let fetch = wire::publish(&subject, Some(&format!("{inbox}.fetch")), body.as_bytes());
        Session { room, conn, events, inbox, fetch, unconfirmed: BTreeSet::new() }
    }

    fn run(mut self) -> Result<()> {
        self.conn.send(format!("SUB {}.> 1\r\n", self.inbox).as_bytes())?;
        self.conn.stream().set_read_timeout(Some(Duration::from_millis(100)))?;
        while !self.room.is_over() {
            self.fetch_once()?;
        }
        Ok(())
    }

    /// One fetch, acked and confirmed.
    fn fetch_once(&mut self) -> Result<()> {
        self.conn.send(&self.fetch)?;
        let mut n_left = BATCH;
        let mut moved_at = Instant::now();
        while n_left > 0 || !self.unconfirmed.is_empty() {
            let mut acks = Vec::new();
            for arrival in self.arrivals()? {
                moved_at = Instant::now();
                match arrival {
                    Arrival::Message { stored, reply } => {
                        self.events.push(ConsumerEvent::Delivered(stored));
                        acks.extend_from_slice(&self.ack(stored.stream_seq, &reply));
                        n_left = n_left.saturating_sub(1);
                    }
                    Arrival::FetchEnded => n_left = 0,
                    Arrival::AckAnswer { stream_seq, taken } => {
                        if self.unconfirmed.remove(&stream_seq) && taken {
                            self.events.push(ConsumerEvent::Confirmed(stream_seq));
                        }
                    }
                }
            }
            self.conn.send(&acks)?;
            ensure!(moved_at.elapsed() < CONFIRM_PATIENCE, "no answer to a fetch or an ack");
        }
        Ok(())
    }

    fn arrivals(&mut self) -> Result<Vec<Arrival>> {
        let mut arrivals = Vec::new();
        let (inbox_len, seed) = (self.inbox.len(), self.room.seed);
        let pumped = self.conn.pump(|message| {
            arrivals.push(arrival(message, inbox_len, seed)?);
            Ok(())
        });
        match pumped {
            Err(error) if !is_timeout(&error) => Err(error),
            _ => Ok(arrivals),
        }
    }

    /// The frame of an ack, with a reply for most.
    fn ack(&mut self, stream_seq: u64, reply: &str) -> Vec<u8> {
        if stream_seq.is_multiple_of(PLAIN_EVERY) {
            return wire::publish(reply, None, b"+ACK");
        }
        self.unconfirmed.insert(stream_seq);
        wire::publish(reply, Some(&format!("{}.ack.{stream_seq}", self.inbox)), b"+ACK")
    }
}

fn arrival(message: &Message<'_>, inbox_len: usize, seed: u64) -> Result<Arrival> {
    let subject = std::str::from_utf8(message.subject)?;
    if let Some(seq) = subject.get(inbox_len..).and_then(|rest| rest.strip_prefix(".ack.")) {
        let taken = message.status().is_none();
        return Ok(Arrival::AckAnswer { stream_seq: seq.parse()?, taken });
    }
    if message.status().is_some() {
        return Ok(Arrival::FetchEnded);
    }
    let reply = std::str::from_utf8(message.reply.context("a delivery without reply")?)?;
    let stored = stored_from(reply, message.payload, seed)?;
    Ok(Arrival::Message { stored, reply: reply.to_owned() })
}
