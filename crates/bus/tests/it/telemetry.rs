//! What is measured of real traffic, as a scrape shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tradewind_bus::{Backoff, Bus, Delivery, Outcome, Retry};

use crate::broker::Broker;
use crate::help::{eventually, stream};

async fn watched(broker: &Broker) -> Bus {
    let change = |config: &mut tradewind_bus::Config| {
        config.telemetry.enabled = true;
        config.telemetry.prometheus = Some(([127, 0, 0, 1], 0).into());
    };
    broker.bus_with(change).await
}

/// The sums of all series of a name.
async fn scrape(bus: &Bus) -> BTreeMap<String, f64> {
    let address = bus.prometheus_address().expect("an endpoint");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: bus\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let mut sums = BTreeMap::new();
    for line in answer.lines().filter(|line| line.starts_with("nats_")) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap().to_owned();
        *sums.entry(name).or_insert(0.0) += value.parse::<f64>().unwrap();
    }
    sums
}

/// Rows: S2-43, S2-44, S2-45, S2-46, S2-48, S2-49, S2-50, S1-67, S3-90.
#[tokio::test]
async fn s2_43_the_metrics_equal_what_was_done() {
    let broker = Broker::start().await;
    let bus = watched(&broker).await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let retry = Retry::new(Backoff::fixed(Duration::from_millis(50)), Some(10));
    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .retry(retry)
        .run(|it: Delivery<u32>| {
            std::future::ready(match (it.data, it.num_delivered()) {
                (7, 1) => Outcome::Retry("once".to_owned()),
                _ => Outcome::Ack,
            })
        })
        .await
        .unwrap();
    let producer = bus.producer().start().await.unwrap();
    for n in 0..20_u32 {
        producer.publish("orders.a", &n).await.unwrap();
    }
    producer.publish("orders.a", &3_u32).await.unwrap();
    eventually("all acknowledged", || async { subscription.stats().acked == 20 }).await;

    let sums = scrape(&bus).await;

    let expected = [
        ("nats_messages_published_total", 21.0),
        ("nats_publish_latency_milliseconds_count", 21.0),
        ("nats_persistence_write_latency_milliseconds_count", 21.0),
        ("nats_e2e_latency_milliseconds_count", 21.0),
        ("nats_messages_redelivered_total", 1.0),
        ("nats_messages_duplicates_total", 1.0),
        ("nats_consumer_backlog", 0.0),
        ("nats_handler_duration_milliseconds_count", 21.0),
    ];
    for (name, value) in expected {
        assert_eq!(sums.get(name), Some(&value), "{name} in {sums:?}");
    }
}

/// Rows: S2-47.
#[tokio::test]
async fn s2_47_reconnects_are_counted() {
    let mut broker = Broker::start().await;
    if broker.is_cluster() {
        return eprintln!("SKIPPED on the cluster: it is not stopped");
    }
    let bus = watched(&broker).await;
    for n in 1..=2 {
        broker.stop().await;
        broker.start_again().await;
        eventually("connected again", || async { bus.health().await.reconnects == n }).await;
    }

    assert_eq!(scrape(&bus).await.get("nats_client_reconnects_total"), Some(&2.0));
}
