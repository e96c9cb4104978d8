//! A message published twice is stored once: the stream knows its id.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use serde::Serialize;
use tradewind_bus::stream::Config;
use tradewind_bus::{OnDrift, Receipt};
use tradewind_examples::connect;

#[derive(Serialize)]
struct Payment {
    order: u32,
    cents: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let example = connect("04_dedup").await?;
    let bus = &example.bus;
    let config = Config {
        name: "F_DEDUP".to_owned(),
        subjects: vec!["f.dedup.>".to_owned()],
        // How long the stream remembers ids. What comes again later is stored again.
        duplicate_window: Duration::from_mins(2),
        ..Config::default()
    };
    bus.ensure_stream(config, OnDrift::Fail).await?;
    let producer = bus.stream_producer().start().await?;
    let (subject, payment) = ("f.dedup.payments", Payment { order: 7, cents: 1999 });

    // The id is given: what the message is about.
    for _ in 0..2 {
        let message = producer.message(subject).id(format!("payment-{}", payment.order));
        report("id payment-7", &message.publish(&payment).await?);
    }
    // No id is given: it is made of subject and body, so the same words are the same message.
    for _ in 0..2 {
        report("id of content", &producer.publish(subject, &payment).await?);
    }
    // Two payments that happen to say the same: a key tells them apart.
    for key in ["till-1", "till-2"] {
        report(key, &producer.message(subject).key(key).publish(&payment).await?);
    }

    let stored = bus.stream_info("F_DEDUP").await?.state.messages;
    println!("6 published, {stored} stored");
    example.close().await
}

fn report(what: &str, receipt: &Receipt) {
    if let Some(ack) = receipt.stored() {
        println!("{what}: seq={} duplicate={}", ack.sequence, ack.duplicate);
    }
}
