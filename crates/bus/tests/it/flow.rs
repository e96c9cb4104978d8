use std::time::{Duration, Instant};

use tradewind_bus::{Bus, Config, ConnectError, Delivery, Mode};

use crate::broker::Broker;
use crate::help::{Seen, eventually};

/// Rows: S2-10, S2-11, S2-59, S4-17.
#[tokio::test]
async fn s2_59_an_address_where_nobody_answers_fails_in_time_and_is_named() {
    let broker = Broker::start().await;
    assert!(broker.bus().await.is_connected());

    // A listener that never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", silent.local_addr().unwrap());
    let mut config = Config::new([url.clone()]);
    config.connection.connect_timeout = Duration::from_millis(500);
    config.connection.retry_first_connect = false;
    let since = Instant::now();
    let error = Bus::connect(config).await.unwrap_err();

    assert!(matches!(&error, ConnectError::Unreachable { urls, .. } if *urls == url), "{error}");
    assert!((400..1500).contains(&since.elapsed().as_millis()), "{:?}", since.elapsed());
}

/// Rows: S1-47.
#[tokio::test]
async fn s1_47_a_bus_that_is_there_before_its_server_connects_when_it_comes() {
    let mut broker = Broker::start().await;
    if broker.is_cluster() {
        return eprintln!("SKIPPED on the cluster: it is not stopped");
    }
    broker.stop().await;
    let bus =
        broker.bus_with(|it| it.connection.connect_timeout = Duration::from_millis(200)).await;
    assert!(!bus.is_connected());

    broker.start_again().await;

    eventually("connected", || async { bus.is_connected() }).await;
    assert!(bus.health().await.round_trip.is_some());
}

/// Rows: S2-26, S4-11, S4-87, S4-94.
#[tokio::test]
async fn s4_87_is_connected_follows_the_connection() {
    let mut broker = Broker::start().await;
    if broker.is_cluster() {
        return eprintln!("SKIPPED on the cluster: it is not stopped");
    }
    let bus = broker.bus().await;
    assert!(bus.is_connected());

    broker.stop().await;
    eventually("not connected", || async { !bus.is_connected() }).await;
    assert_eq!(bus.health().await.round_trip, None);
    broker.start_again().await;
    eventually("connected again", || async { bus.is_connected() }).await;

    let health = bus.health().await;
    assert_eq!(health.reconnects, 1);
    assert!(health.round_trip.is_some());
}

/// Rows: S2-60, S2-24, S1-48.
#[tokio::test]
async fn s2_60_a_bus_gives_up_after_max_reconnects_and_then_is_closed() {
    let mut broker = Broker::start().await;
    if broker.is_cluster() {
        return eprintln!("SKIPPED on the cluster: it is not stopped");
    }
    let limited = broker.bus_with(|it| it.connection.max_reconnects = Some(3)).await;
    let endless = broker.bus().await;

    broker.stop().await;

    eventually("closed", || async { limited.is_closed() }).await;
    let producer = limited.core_producer().start().await.unwrap();
    assert_eq!(producer.publish("a", &1).await.unwrap_err().to_string(), "the bus is closed");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!endless.is_closed());
    broker.start_again().await;
    eventually("connected again", || async { endless.is_connected() }).await;
}

/// Rows: S3-102.
#[tokio::test]
async fn s3_102_a_pool_uses_its_connections_in_turn() {
    let broker = Broker::start().await;
    let pooled = broker.bus_with(|it| (it.pool, it.mode) = (3, Some(Mode::Core))).await;
    let producer = pooled.producer().start().await.unwrap();
    let other = broker.bus().await;
    let seen = Seen::default();
    let handler = seen.clone();
    let subscription = other
        .subscribe::<u32>("pooled")
        .run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
        .await
        .unwrap();

    broker.spread_interest().await;
    for n in 0..30 {
        producer.publish("pooled", &n).await.unwrap();
    }

    seen.wait_for(30).await;
    drop(subscription);
}

/// Rows: S3-48, S3-101.
#[tokio::test]
async fn s3_48_the_second_url_is_used_if_the_first_does_not_answer() {
    let broker = Broker::start().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bus = broker.bus_with(|it| it.server_urls.insert(0, format!("nats://{nobody}"))).await;

    assert!(bus.is_connected());
}
