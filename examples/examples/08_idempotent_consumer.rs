//! Effects once: a message that is delivered again is not handled again.
//!
//! JetStream delivers at least once: when an acknowledgement is lost, the message comes back. A
//! store that survives remembers the ids of what was handled.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tradewind_bus::idempotency::{SqliteStore, Store};
use tradewind_bus::stream::Config;
use tradewind_bus::{Bus, Delivery, Ids, OnDrift, Subscription};
use tradewind_examples::{connect, until};

#[derive(Serialize, Deserialize)]
struct Payment {
    cents: u64,
}

const STREAM: &str = "F_IDEMPOTENT";
const CONSUMER: &str = "ledger";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let example = connect("08_idempotent_consumer").await?;
    let (bus, dir) = (&example.bus, tempfile::tempdir()?);
    let subjects = vec!["f.idempotent.>".to_owned()];
    let config = Config { name: STREAM.to_owned(), subjects, ..Config::default() };
    bus.ensure_stream(config, OnDrift::Fail).await?;
    // What an earlier run published is not of this one.
    bus.context().get_stream(STREAM).await?.purge().await?;

    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path().join("handled.db")).await?);
    let balance = Arc::new(AtomicU64::new(0));
    let ledger = ledger(bus, &store, &balance).await?;
    let producer = bus.stream_producer().ids(Ids::OfCall).start().await?;
    for cents in [100, 200, 300] {
        producer.publish("f.idempotent.payments", &Payment { cents }).await?;
    }
    until("payments", || ledger.stats().acked == 3).await?;
    println!("3 payments: {} cents", balance.load(Ordering::Relaxed));
    ledger.drain(Duration::from_secs(5)).await;

    // The worst that can happen to acknowledgements: all of them are lost. Whoever consumes under
    // this name now gets every message again.
    bus.delete_consumer(STREAM, CONSUMER).await?;
    let ledger = self::ledger(bus, &store, &balance).await?;
    until("payments again", || ledger.stats().duplicates == 3).await?;
    println!("delivered again: {}, not handled again: 3", ledger.stats().delivered);
    println!("still: {} cents", balance.load(Ordering::Relaxed));
    ledger.drain(Duration::from_secs(5)).await;
    bus.delete_consumer(STREAM, CONSUMER).await?;
    example.close().await
}

/// Nobody else handles a message while the lease lasts: give it longer than a handler may take.
///
/// One gap is left: a crash between the effect and the store's note has the effect twice. An effect
/// in the same database has no gap: see `SqliteStore::begin`.
async fn ledger(
    bus: &Bus,
    store: &Arc<dyn Store>,
    balance: &Arc<AtomicU64>,
) -> anyhow::Result<Subscription> {
    let balance = Arc::clone(balance);
    let builder = bus.consume::<Payment>(STREAM).durable(CONSUMER);
    let builder = builder.idempotent(Arc::clone(store), Duration::from_mins(1));
    let run = builder.run(move |payment: Delivery<Payment>| {
        balance.fetch_add(payment.data.cents, Ordering::Relaxed);
        std::future::ready(())
    });
    Ok(run.await?)
}
