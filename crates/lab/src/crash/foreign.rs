//! The same publisher and consumer on async-nats: what our own client code hides, it does not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::context::{Context, PublishErrorKind};
use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::checker::{Ack, ConsumerEvent, PublisherHistory};
use super::publisher::{Pace, allowance};
use super::{Room, STREAM, consumer};
use crate::num;
use crate::promises::readback::stored_from;
use crate::promises::{ValueId, encode};

/// How long an answer is waited for: long for a server that lives, short for one that was killed.
const PATIENCE: Duration = Duration::from_secs(2);
const BATCH: usize = 200;

/// Publishes until told to stop, then waits for the last acks.
pub(crate) fn publish(
    room: &Room,
    publisher: u32,
    pace: Pace,
    acked: &AtomicU64,
) -> PublisherHistory {
    let mut history = PublisherHistory::default();
    let _ = block_on(async {
        let mut context = async_nats::jetstream::new(connect(room).await?);
        context.set_timeout(PATIENCE);
        publish_all(room, publisher, pace, &context, (acked, &mut history)).await;
        Ok(())
    });
    history
}

async fn publish_all(
    room: &Room,
    publisher: u32,
    pace: Pace,
    context: &Context,
    (acked, history): (&AtomicU64, &mut PublisherHistory),
) {
    let mut in_flight = FuturesUnordered::new();
    let began = Instant::now();
    while !room.publishers_done() || !in_flight.is_empty() {
        while !room.publishers_done()
            && num::wide(in_flight.len()) < pace.window
            && history.attempted < allowance(pace, began.elapsed())
        {
            let counter = history.attempted;
            history.attempted += 1;
            let value = encode(room.seed, ValueId { publisher, counter }, 0);
            let sent = context.publish(format!("kill.p{publisher}"), value.into()).await;
            if let Ok(answer) = sent {
                in_flight.push(async move { (counter, answer.await) });
            }
        }
        match tokio::time::timeout(Duration::from_millis(5), in_flight.next()).await {
            Ok(Some((counter, Ok(ack)))) => {
                history.acks.push(Ack { counter, stream_seq: ack.sequence });
                acked.store(num::wide(history.acks.len()), Ordering::Relaxed);
            }
            Ok(Some((_, Err(error)))) if error.kind() == PublishErrorKind::Other => {
                history.refused += 1;
            }
            // Unknown: no answer in time, or no connection.
            Ok(Some(_)) | Err(_) => (),
            Ok(None) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

/// Fetches and acks until the room is over.
pub(crate) fn consume(room: &Room, n: usize) -> Vec<ConsumerEvent> {
    let mut events = Vec::new();
    while !room.is_over() {
        // An error is the kill we wait for; acks without an answer stay unknown.
        let _ = block_on(async {
            let client = connect(room).await?;
            let context = async_nats::jetstream::new(client.clone());
            let pull: PullConsumer =
                context.get_consumer_from_stream(consumer::name(n), STREAM).await?;
            while !room.is_over() {
                fetch_once(room, &client, &pull, &mut events).await?;
            }
            Ok(())
        });
    }
    events
}

async fn fetch_once(
    room: &Room,
    client: &Client,
    pull: &PullConsumer,
    events: &mut Vec<ConsumerEvent>,
) -> Result<()> {
    let fetch = pull.fetch().max_messages(BATCH).expires(Duration::from_millis(500));
    let mut messages = fetch.messages().await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut acks = FuturesUnordered::new();
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| anyhow::anyhow!("{error}"))?;
        let Some(reply) = message.reply.clone() else { continue };
        let stored = stored_from(&reply, &message.payload, room.seed)?;
        events.push(ConsumerEvent::Delivered(stored));
        // A request, because that tells an answer from "no responders".
        acks.push(async move { (stored.stream_seq, client.request(reply, "+ACK".into()).await) });
    }
    while let Ok(Some((seq, answer))) = tokio::time::timeout(PATIENCE, acks.next()).await {
        if answer.is_ok() {
            events.push(ConsumerEvent::Confirmed(seq));
        }
    }
    Ok(())
}

async fn connect(room: &Room) -> Result<Client> {
    let options = ConnectOptions::new()
        .request_timeout(Some(PATIENCE))
        .reconnect_delay_callback(|_| Duration::from_millis(2));
    loop {
        match options.clone().connect(format!("127.0.0.1:{}", room.port)).await {
            Ok(client) => return Ok(client),
            Err(error) if room.is_over() => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
