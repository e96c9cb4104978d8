//! async-nats, by hand.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::{self, stream};
use async_nats::{Client, HeaderMap};
use futures_util::StreamExt as _;

use super::{BATCH, Body, STREAM, SUBJECT, WINDOW, Work, cpu};

pub(super) async fn run(url: &str, work: Work, messages: u64) -> Result<f64> {
    let client = async_nats::connect(url).await?;
    let context = jetstream::new(client.clone());
    let config = stream::Config {
        name: STREAM.to_owned(),
        subjects: vec![SUBJECT.to_owned()],
        ..stream::Config::default()
    };
    context.create_stream(config).await?;
    match work {
        Work::PublishSync => publish(&context, messages, 1).await,
        Work::PublishAsync => publish(&context, messages, WINDOW).await,
        Work::Consume => {
            publish(&context, messages, WINDOW).await?;
            consume(&client, &context, messages).await
        }
    }
}

/// With up to `window` publishes that wait for their PubAck.
pub(super) async fn publish(
    context: &jetstream::Context,
    messages: u64,
    window: usize,
) -> Result<f64> {
    let before = cpu()?;
    let mut waiting: VecDeque<PublishAckFuture> = VecDeque::new();
    for number in 0..messages {
        let body = serde_json::to_vec(&Body::new(number))?;
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", number.to_string());
        headers.insert("Content-Type", "application/json");
        let ack = context.publish_with_headers(SUBJECT, headers, body.into()).await?;
        waiting.push_back(ack);
        if window <= waiting.len() {
            waiting.pop_front().context("one waits")?.await?;
        }
    }
    for ack in waiting {
        ack.await?;
    }
    Ok(cpu()? - before)
}

async fn consume(_: &Client, context: &jetstream::Context, messages: u64) -> Result<f64> {
    let before = cpu()?;
    let stream = context.get_stream(STREAM).await?;
    let config = pull::Config {
        durable_name: Some("cost".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let mut deliveries = consumer.stream().max_messages_per_batch(BATCH).messages().await?;
    let mut sum = 0;
    for _ in 0..messages {
        let message = deliveries.next().await.context("a message")?;
        let message = message.map_err(|error| anyhow::anyhow!("{error}"))?;
        let body: Body = serde_json::from_slice(&message.payload)?;
        sum += body.number;
        message.ack().await.map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    anyhow::ensure!(sum == messages * (messages - 1) / 2, "not every number once");
    Ok(cpu()? - before)
}
