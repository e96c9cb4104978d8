//! A cluster: streams on three servers, a bus that knows all of them, and a node that goes away.
//!
//! ```sh
//! export NATS_SERVER_URL=nats://10.0.0.1:4222,nats://10.0.0.2:4222,nats://10.0.0.3:4222
//! cargo run --example 12_cluster    # and stop a node while it runs
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it does")]

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tradewind_bus::stream::Config;
use tradewind_bus::{Bus, Delivery, Ids, OnDrift};
use tradewind_examples::{server_config, until};

const STREAM: &str = "EXAMPLE_CLUSTER";
const N: usize = 100;
const HELP: &str = "12_cluster needs a NATS cluster of three servers with JetStream: start one, and \
     set NATS_SERVER_URL to their URLs, separated by commas";

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Some(config) = server_config()? else {
        eprintln!("{HELP}");
        return Ok(ExitCode::from(2));
    };
    // All URLs: whichever is lost, another one is tried.
    let bus = Bus::connect(config).await?;
    let config = Config {
        name: STREAM.to_owned(),
        subjects: vec!["example.cluster.>".to_owned()],
        // A publish returns when two of three have the message.
        num_replicas: 3,
        ..Config::default()
    };
    bus.ensure_stream(config, OnDrift::Fail).await?;

    let handled = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&handled);
    let builder = bus.consume::<usize>(STREAM).durable("reader");
    // What was on its way to a connection that broke comes again after this; 30 s by default.
    let builder = builder.with(|options| options.ack_wait = Duration::from_secs(2));
    let subscription = builder
        .run(move |it: Delivery<usize>| {
            // At least once: what was handled and not acknowledged in time comes again.
            noted.lock().insert(it.data);
            std::future::ready(())
        })
        .await?;

    let producer = bus.stream_producer().ids(Ids::OfCall).start().await?;
    for n in 0..N {
        if n == N / 2 {
            // What a bus sees of a node that goes away. Stop one, to see it for real.
            bus.client().force_reconnect().await?;
        }
        // It waits and tries again, under one id, until the cluster has it.
        producer.publish("example.cluster.events", &n).await?;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    until("all events", || handled.lock().len() == N).await?;

    let health = bus.health().await;
    println!("stored: {N}, handled: {}", handled.lock().len());
    println!("reconnected: {}", 0 < health.reconnects);
    println!("replicas: {}", bus.stream_info(STREAM).await?.config.num_replicas);
    subscription.drain(Duration::from_secs(5)).await;
    bus.delete_stream(STREAM).await?;
    bus.close().await;
    Ok(ExitCode::SUCCESS)
}
