//! No loss: stored before the publish returns, delivered until it is acknowledged.
//!
//! ```sh
//! cargo run --example 01_reliability
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use jiff::Zoned;
use tradewind_bus::stream::{Config, RetentionPolicy, StorageType};
use tradewind_bus::{Bus, OnDrift, Raw};
use tradewind_examples::{connect, wait_for_signal};

const STREAM: &str = "F_RELIABLE";
const SUBJECT: &str = "f.reliable";
const DURABLE: &str = "F_REL_DURABLE";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let signal = wait_for_signal()?;
    let example = connect("01_reliability").await?;
    let bus = &example.bus;
    ensure_stream(bus).await?;

    // Each publish returns when its message is on the disk.
    let producer = bus.stream_producer().start().await?;
    for _ in 0..3 {
        producer.publish(SUBJECT, &Raw::from(rfc3339_nano(&Zoned::now()))).await?;
    }

    // A durable consumer: the server remembers under this name what was acknowledged, so that
    // another run, or another instance, goes on there. Asking for messages, instead of being sent
    // them, means never to get more than one can handle.
    let mut consumer =
        bus.consume::<Raw>(STREAM).durable(DURABLE).filter(SUBJECT).fetcher().await?;
    for message in consumer.fetch(3, Duration::from_secs(2)).await? {
        let Ok(delivery) = &message.delivery else { continue };
        let sequence = delivery.meta.as_ref().map_or(0, |meta| meta.stream_sequence);
        log(&format!("收到消息 seq={sequence} data={}", delivery.data.as_str()?));
        // Only now it counts as handled. Without this line it would come again.
        message.double_ack().await?;
    }
    log("可靠性演示完成；等待信号...");

    signal.await;
    example.close().await
}

/// Kept on disk, and kept after it was acknowledged: others may want to read it, too.
async fn ensure_stream(bus: &Bus) -> anyhow::Result<()> {
    let config = Config {
        name: STREAM.to_owned(),
        subjects: vec![SUBJECT.to_owned()],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        ..Config::default()
    };
    bus.ensure_stream(config, OnDrift::Fail).await?;
    Ok(())
}

fn rfc3339_nano(time: &Zoned) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%9f%:z").to_string()
}

fn log(text: &str) {
    println!("{} {text}", Zoned::now().strftime("%Y/%m/%d %H:%M:%S"));
}
