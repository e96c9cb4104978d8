//! What the pages `docs/bus.md` and `docs/bus.zh.md` show is what compiles here.
#![expect(dead_code, reason = "it is compiled, and read by the test below")]
#![expect(unused_variables, reason = "a page shows calls, not programs")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tradewind_bus::idempotency::{Begun, SqliteStore};
use tradewind_bus::{
    Backoff, Bus, Compression, Config, DeadLetterPolicy, Delivery, Format, HandlerError, Ids, Mode,
    Outcome, Producer, Raw, Retry, Update, kv, objects,
};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    id: u32,
}

async fn audit(_: Delivery<Order>) {}
async fn welcome(_: Delivery<Order>) {}
async fn ship(_: Delivery<Order>) -> Result<(), HandlerError> {
    Ok(())
}

async fn modes(bus: &Bus, order: &Order) -> Result<()> {
    // Core
    let everyone = bus.subscribe::<Order>("events.order.*").run(audit).await?;
    let one_of_us = bus.subscribe::<Order>("events.order.new").group("mail").run(welcome).await?;
    bus.core_producer().start().await?.publish("events.order.new", order).await?;

    // JetStream
    bus.stream_producer().start().await?.publish("orders.new", order).await?;
    let workers = bus.consume::<Order>("ORDERS").durable("shipping").run(ship).await?;
    let reader = bus.consume::<Order>("ORDERS").ordered().run(audit).await?;
    Ok(())
}

async fn make_producer(bus: &Bus) -> Result<Producer> {
    let producer = bus.stream_producer().ids(Ids::OfCall).with(|options| {
        options.format = Format::MessagePack;
        options.compression = Compression::Zstd;
        options.publish_timeout = Duration::from_secs(30);
        options.max_outstanding = 10_000;
        options.ordered = true;
    });
    let producer = producer.start().await?;
    Ok(producer)
}

async fn produce(producer: &Producer, order: &Order, orders: &[Order]) -> Result<()> {
    let receipt = producer.publish("orders.new", order).await?;
    producer.message("orders.new").id("order-7").header("X-Trace", "9").publish(order).await?;
    producer.message("orders.new").expect_last_subject_sequence(0).publish(order).await?;

    for order in orders {
        producer.publish_async("orders.new", order).await?;
    }
    for result in producer.flush_all(Duration::from_secs(30)).await {
        result?;
    }

    let mut batch = producer.atomic()?;
    batch.add("orders.new", order)?.add("orders.paid", order)?;
    batch.commit().await?;
    Ok(())
}

async fn consume(bus: &Bus) -> Result<()> {
    let consumer = bus.consume::<Order>("ORDERS").durable("shipping").filter("orders.new");
    let consumer = consumer.concurrency(8).lanes_by(|message| message.subject.as_bytes().to_vec());
    let consumer = consumer.with(|options| {
        options.batch_size = 8;
        options.ack_wait = Duration::from_secs(30);
        options.max_ack_pending = Some(1000);
    });
    let subscription = consumer.run(ship).await?;
    subscription.drain(Duration::from_secs(30)).await;
    Ok(())
}

async fn fetch(bus: &Bus) -> Result<()> {
    let mut fetcher = bus.consume::<Order>("ORDERS").durable("by-hand").fetcher().await?;
    for message in fetcher.fetch(50, Duration::from_secs(5)).await? {
        match &message.delivery {
            Ok(delivery) => message.double_ack().await?,
            Err(why) => message.terminate().await?,
        }
    }
    Ok(())
}

async fn handler(order: Delivery<Order>) -> Outcome {
    match order.data.id {
        0 => Outcome::DeadLetter("zero is no order".to_owned()),
        1 => Outcome::RetryAfter(Duration::from_mins(1), "not yet".to_owned()),
        2 => Outcome::Retry("the shop is away".to_owned()),
        _ => Outcome::Ack,
    }
}

async fn dead_letters(bus: &Bus) -> Result<()> {
    let waits = Backoff {
        base: Duration::from_secs(1),
        factor: 2.0,
        ..Backoff::fixed(Duration::from_mins(5))
    };
    let policy = DeadLetterPolicy::new().duplicate_window(Duration::from_hours(24));
    let consumer = bus.consume::<Order>("ORDERS").durable("shipping");
    let consumer = consumer.retry(Retry::new(waits, Some(5)).attempts(3)).dead_letters(policy);
    let subscription = consumer.run(handler).await?;

    let letters = bus.dead_letters("ORDERS-dlq").await?;
    for letter in letters.list(1, 100).await? {
        println!("{} {}: {}", letter.subject, letter.reason, letter.error);
        letters.replay(letter.sequence).await?.result?;
    }
    Ok(())
}

async fn idempotent(bus: &Bus) -> Result<()> {
    let store = Arc::new(SqliteStore::open("handled.db").await?);
    let consumer = bus.consume::<Order>("ORDERS").durable("shipping");
    let subscription = consumer.idempotent(store, Duration::from_mins(5)).run(ship).await?;
    Ok(())
}

async fn ledger(store: &SqliteStore, order: Delivery<Order>) -> Result<(), HandlerError> {
    if let Begun::Fresh(mut transaction) = store.begin(&order.id().unwrap_or_default()).await? {
        let database = transaction.connection(); // sqlx: the effect goes here
        transaction.commit().await?;
    }
    Ok(())
}

async fn key_value(bus: &Bus) -> Result<()> {
    let config = kv::Config { bucket: "app-config".into(), history: 5, ..kv::Config::default() };
    let settings = bus.create_key_value::<String>(config).await?;
    let revision = settings.put("api.timeout", &"30s".to_owned()).await?;
    settings.update("api.timeout", &"45s".to_owned(), revision).await?; // or Conflict
    let watch = settings.watch("api.>", |update| async move {
        if let Update::Changed(entry) = update {
            println!("{} is now {:?}", entry.key, entry.value);
        }
    });
    let watch = watch.await?;
    Ok(())
}

async fn objects(bus: &Bus) -> Result<()> {
    let config = objects::Config { bucket: "releases".into(), ..objects::Config::default() };
    let releases = bus.create_object_store(config).await?;
    releases.put_file("v1.2.3", Path::new("app-v1.2.3.bin")).await?;
    releases.get_to_file("v1.2.3", Path::new("app.bin"), 0o755).await?;
    Ok(())
}

async fn requests(bus: &Bus) -> Result<()> {
    let service = bus.subscribe::<u32>("double").group("doublers");
    let service = service.respond(|number: Delivery<u32>| async move { Some(2 * number.data) });
    let service = service.await?;
    let answer = bus.request::<u32>("double", &21, Duration::from_secs(2)).await?;
    let all = bus.gather::<String>("who", &Raw::from("?"), 10, Duration::from_secs(1)).await?;
    Ok(())
}

async fn configuration() -> Result<()> {
    let mut config = Config::load()?;
    config.client_id = Some("shipping-1".to_owned());
    config.mode = Some(Mode::JetStream);
    let bus = Bus::connect(config).await?;
    Ok(())
}

async fn recovery(bus: &Bus) -> Result<()> {
    let health = bus.health().await;
    println!("{} {} {:?}", health.is_connected, health.reconnects, health.round_trip);
    bus.close().await;
    Ok(())
}

/// Lines without their indentation: a page has them further left.
fn trimmed(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

/// The file that the pages show is one.
#[test]
fn the_pages_show_a_configuration_that_fits_together() {
    let root = env!("CARGO_MANIFEST_DIR");
    for page in ["bus.md", "bus.zh.md"] {
        let text = std::fs::read_to_string(format!("{root}/../docs/{page}")).unwrap();
        let file = text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
        // There is no such file here.
        let file = file.replace("password_file: /run/secrets/nats", "password: secret");
        let config = Config::from_yaml(&file).unwrap();
        assert_eq!(config.check().unwrap(), [], "{page}");
        assert_eq!(config.effective_mode(), Mode::JetStream);
        assert_eq!((config.stream.replicas, config.consumer.max_deliver), (Some(3), Some(5)));
    }
}

/// The first program is that of `examples/newcomer.rs`, the others are above.
#[test]
fn the_pages_show_what_compiles() {
    let ours = trimmed(include_str!("page.rs"));
    let root = env!("CARGO_MANIFEST_DIR");
    let mut counts = Vec::new();
    for page in ["bus.md", "bus.zh.md"] {
        let text = std::fs::read_to_string(format!("{root}/../docs/{page}")).unwrap();
        let blocks = text.split("```rust\n").skip(2);
        let snippets = blocks.map(|it| it.split("```").next().unwrap());
        let mut n_snippets = 0;
        for snippet in snippets {
            let lines = trimmed(snippet);
            let is_there = ours.windows(lines.len()).any(|window| window == lines);
            assert!(is_there, "{page} shows what is not in this file:\n{snippet}");
            n_snippets += 1;
        }
        counts.push(n_snippets);
    }
    assert!(10 < counts[0] && counts[0] == counts[1], "{counts:?}");
}
