//! A publisher that survives its server: it connects again and goes on with the next counter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::checker::{Ack, PublisherHistory};
use super::{Room, reconnect};
use crate::conn::{Conn, PATIENCE, is_timeout};
use crate::num;
use crate::promises::{ValueId, encode};
use crate::wire::{self, Message};

/// How it publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) window: u64,
    /// Messages a second; 0 is no limit.
    pub(crate) rate: u64,
}

/// Publishes until told to stop, then waits for the last acks.
pub(crate) fn run(room: &Room, publisher: u32, pace: Pace, acked: &AtomicU64) -> PublisherHistory {
    let mut history = PublisherHistory::default();
    while !room.publishers_done() {
        let Some(conn) = reconnect(room) else {
            break;
        };
        // An error is the kill we wait for; what was in flight stays unknown.
        let _ = session(room, publisher, pace, conn, &mut history);
        acked.store(num::wide(history.acks.len()), Ordering::Relaxed);
    }
    history
}

fn session(
    room: &Room,
    publisher: u32,
    pace: Pace,
    mut conn: Conn,
    history: &mut PublisherHistory,
) -> Result<()> {
    let inbox = format!("_INBOX.kill{publisher}.");
    let subject = format!("kill.p{publisher}");
    conn.send(format!("SUB {inbox}* 1\r\n").as_bytes())?;
    conn.stream().set_read_timeout(Some(Duration::from_millis(2)))?;
    let began = Instant::now();
    let (mut sent, mut answered) = (0, 0);
    let mut heard_at = Instant::now();
    loop {
        let allowed = allowance(pace, began.elapsed()).saturating_sub(sent);
        let room_left = (pace.window - (sent - answered)).min(allowed);
        if room_left > 0 && !room.publishers_done() {
            let mut frames = Vec::new();
            for _ in 0..room_left {
                let counter = history.attempted;
                history.attempted += 1;
                let value = encode(room.seed, ValueId { publisher, counter }, 0);
                let reply = format!("{inbox}{counter}");
                frames.extend_from_slice(&wire::publish(&subject, Some(&reply), &value));
            }
            sent += room_left;
            conn.send(&frames)?;
        }
        if room.publishers_done() && sent == answered {
            return Ok(());
        }
        let pumped = conn.pump(|message| {
            answered += 1;
            heard_at = Instant::now();
            take_answer(message, inbox.len(), history)
        });
        match pumped {
            Err(error) if !is_timeout(&error) => return Err(error),
            _ if sent > answered && heard_at.elapsed() > PATIENCE => bail!("no acks"),
            _ => (),
        }
    }
}

/// How many publishes a connection of this age may have sent.
pub(crate) fn allowance(pace: Pace, age: Duration) -> u64 {
    if pace.rate == 0 {
        return u64::MAX;
    }
    let micros = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
    micros.saturating_mul(pace.rate) / 1_000_000
}

fn take_answer(
    message: &Message<'_>,
    inbox_len: usize,
    history: &mut PublisherHistory,
) -> Result<()> {
    let counter = message.subject.get(inbox_len..).context("an answer to another inbox")?;
    let counter = num::wide(wire::number(counter)?);
    let answer: Option<Value> = serde_json::from_slice(message.payload).ok();
    let ack = answer.filter(|answer| answer.get("error").is_none());
    match ack.and_then(|ack| ack["seq"].as_u64()) {
        Some(stream_seq) => history.acks.push(Ack { counter, stream_seq }),
        // A status, such as "no responders" while the stream is not back yet, or a refusal.
        None => history.refused += 1,
    }
    Ok(())
}
