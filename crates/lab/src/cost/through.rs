//! The same through the bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::sync::Notify;
use tradewind_bus::{Bus, Config, Delivery, Mode, OnDrift, Producer, stream};

use super::{BATCH, Body, STREAM, SUBJECT, WINDOW, Work, cpu};

pub(super) async fn run(url: &str, work: Work, messages: u64, is_watched: bool) -> Result<f64> {
    let mut config = Config { mode: Some(Mode::JetStream), ..Config::new([url]) };
    config.producer.max_outstanding = WINDOW;
    config.consumer.batch_size = BATCH;
    if is_watched {
        // Nobody listens there: what is measured is the client's work, not the collector's.
        config.telemetry.enabled = true;
        config.telemetry.otlp_endpoint = Some("http://127.0.0.1:9".to_owned());
        config.telemetry.prometheus = Some(([127, 0, 0, 1], 0).into());
    }
    let bus = Bus::connect(config).await?;
    let config = stream::Config {
        name: STREAM.to_owned(),
        subjects: vec![SUBJECT.to_owned()],
        ..stream::Config::default()
    };
    bus.ensure_stream(config, OnDrift::Fail).await?;
    let producer = bus.producer().start().await?;
    match work {
        Work::PublishSync => publish_sync(&producer, messages).await,
        Work::PublishAsync => publish_async(&producer, messages).await,
        Work::Consume => {
            publish_async(&producer, messages).await?;
            consume(&bus, messages).await
        }
    }
}

async fn publish_sync(producer: &Producer, messages: u64) -> Result<f64> {
    let before = cpu()?;
    for number in 0..messages {
        let message = producer.message(SUBJECT).id(number.to_string());
        message.publish(&Body::new(number)).await?;
    }
    Ok(cpu()? - before)
}

async fn publish_async(producer: &Producer, messages: u64) -> Result<f64> {
    let before = cpu()?;
    for number in 0..messages {
        let message = producer.message(SUBJECT).id(number.to_string());
        message.publish_async(&Body::new(number)).await?;
    }
    for result in producer.flush_all(std::time::Duration::from_mins(1)).await {
        result?;
    }
    Ok(cpu()? - before)
}

async fn consume(bus: &Bus, messages: u64) -> Result<f64> {
    let before = cpu()?;
    let (sum, count, done) =
        (Arc::new(AtomicU64::new(0)), AtomicU64::new(0), Arc::new(Notify::new()));
    let (added, all_done) = (Arc::clone(&sum), Arc::clone(&done));
    let subscription = bus
        .consume::<Body>(STREAM)
        .durable("cost")
        .run(move |it: Delivery<Body>| {
            added.fetch_add(it.data.number, Ordering::Relaxed);
            if count.fetch_add(1, Ordering::Relaxed) + 1 == messages {
                all_done.notify_one();
            }
            std::future::ready(())
        })
        .await?;
    done.notified().await;
    subscription.drain(std::time::Duration::from_secs(10)).await;
    let sum = sum.load(Ordering::Relaxed);
    anyhow::ensure!(sum == messages * (messages - 1) / 2, "not every number once");
    Ok(cpu()? - before)
}
