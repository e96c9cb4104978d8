//! Order: a stream read from its beginning, one message after the other, none missing.
//!
//! An ordered consumer belongs to the reader alone: nothing is acknowledged, and when anything is
//! missed (a connection that breaks, say) the bus makes another one that begins behind the last
//! message handled.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tradewind_bus::stream::Config;
use tradewind_bus::{Delivery, Ids, OnDrift, Start};
use tradewind_examples::{connect, until};

const STREAM: &str = "F_ORDERED";
const N: usize = 1000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let example = connect("03_ordering").await?;
    let bus = &example.bus;
    let config = Config {
        name: STREAM.to_owned(),
        subjects: vec!["f.ordered.>".to_owned()],
        ..Config::default()
    };
    bus.ensure_stream(config, OnDrift::Fail).await?;
    // Behind what an earlier run left; without `start` it begins with the first message there is.
    let last = bus.stream_info(STREAM).await?.state.last_sequence;
    let start = Start::ByStartSequence(last + 1);

    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = Arc::clone(&seen);
    let builder = bus.consume::<usize>(STREAM).filter("f.ordered.steps").ordered().start(start);
    let _subscription = builder
        .run(move |step: Delivery<usize>| {
            handler.lock().push(step.data);
            std::future::ready(())
        })
        .await?;

    // `ordered` keeps the order also over a reconnect: what was not acknowledged by then is sent
    // again one by one, before anything new.
    let producer = bus.stream_producer().ids(Ids::OfCall).with(|options| options.ordered = true);
    let producer = producer.start().await?;
    for step in 0..N {
        producer.publish_async("f.ordered.steps", &step).await?;
        if step == N / 2 {
            // As if the network had failed.
            bus.client().force_reconnect().await?;
        }
    }
    let results = producer.flush_all(Duration::from_secs(30)).await;
    println!("stored: {}", results.iter().filter(|it| it.is_ok()).count());

    until("all steps", || seen.lock().len() == N).await?;
    let is_in_order = seen.lock().iter().copied().eq(0..N);
    println!("handled: {}, in order and none missing: {is_in_order}", seen.lock().len());
    example.close().await
}
