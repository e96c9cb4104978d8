use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tradewind_bus::idempotency::{Begun, MemoryStore, SqliteStore, Store};
use tradewind_bus::{Backoff, Delivery, HandlerError, Ids, Outcome, Retry};

use crate::broker::Broker;
use crate::help::{Seen, eventually, stream};

fn soon() -> Retry {
    Retry::new(Backoff::fixed(Duration::from_millis(50)), Some(10))
}

/// Rows: S0-44, S1-62.
#[tokio::test]
async fn s0_44_a_message_that_was_handled_is_acknowledged_and_not_handled_again() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(dir.path().join("ids.db")).await.unwrap());
    let producer = bus.producer().start().await.unwrap();
    producer.message("orders.a").id("n-1").publish(&1).await.unwrap();
    let seen = Seen::default();

    for durable in ["first", "second"] {
        let handler = seen.clone();
        let builder = bus.consume::<u32>("ORDERS").durable(durable);
        let subscription = builder
            .idempotent(Arc::clone(&store), Duration::from_secs(30))
            .run(move |it: Delivery<u32>| {
                handler.push(it.data);
                std::future::ready(())
            })
            .await
            .unwrap();
        eventually("acknowledged", || async { subscription.stats().acked == 1 }).await;
        let expected = u64::from(durable == "second");
        assert_eq!(subscription.stats().duplicates, expected);
    }
    assert_eq!(seen.all(), [1]);
    assert!(store.is_done("n-1").await.unwrap());
}

/// Rows: S0-45.
#[tokio::test]
async fn s0_45_a_failure_is_not_marked_and_handled_again() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let n_calls = Arc::new(AtomicUsize::new(0));
    let calls = Arc::clone(&n_calls);
    let builder = bus.consume::<u32>("ORDERS").durable("work").retry(soon());
    let subscription = builder
        .idempotent(Arc::clone(&store), Duration::from_secs(30))
        .run(move |_: Delivery<u32>| {
            let n = calls.fetch_add(1, Ordering::SeqCst);
            std::future::ready(match n {
                0 => Outcome::Retry("the database is away".to_owned()),
                _ => Outcome::Ack,
            })
        })
        .await
        .unwrap();
    let producer = bus.producer().start().await.unwrap();
    producer.message("orders.a").id("n-1").publish(&1).await.unwrap();

    eventually("acknowledged", || async { subscription.stats().acked == 1 }).await;
    assert_eq!(n_calls.load(Ordering::SeqCst), 2);
    assert!(store.is_done("n-1").await.unwrap());
}

/// Rows: S0-46, S1-61.
#[tokio::test]
async fn s0_46_with_the_transactional_form_no_effect_is_had_twice() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("ids.db")).await.unwrap();
    sqlx::query("CREATE TABLE effects (n INTEGER)").execute(store.pool()).await.unwrap();
    let (effects, pool) = (store.clone(), store.pool().clone());
    let builder = bus.consume::<u32>("ORDERS").durable("work").retry(soon()).concurrency(4);
    let subscription = builder
        .run(move |it: Delivery<u32>| {
            let effects = effects.clone();
            async move {
                let id = it.id().expect("stored messages have one");
                if let Begun::Fresh(mut transaction) = effects.begin(&id).await? {
                    sqlx::query("INSERT INTO effects (n) VALUES (?)")
                        .bind(it.data)
                        .execute(transaction.connection())
                        .await?;
                    transaction.commit().await?;
                }
                if it.num_delivered() == 1 && it.data.is_multiple_of(3) {
                    return Err(HandlerError::retryable("a crash before the acknowledgement"));
                }
                Ok(())
            }
        })
        .await
        .unwrap();
    let producer = bus.producer().ids(Ids::OfCall).start().await.unwrap();
    for n in 0..30_u32 {
        producer.publish("orders.a", &n).await.unwrap();
    }

    eventually("all acknowledged", || async { subscription.stats().acked == 30 }).await;
    let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT n, COUNT(*) FROM effects GROUP BY n")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(rows.len(), 30);
    assert!(rows.iter().all(|row| row.1 == 1), "{rows:?}");
    assert_eq!(subscription.stats().redelivered, 10);
}
