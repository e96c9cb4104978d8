use std::collections::HashSet;
use std::time::{Duration, Instant};

use tradewind_bus::{Delivery, Ids, Start};

use crate::broker::Broker;
use crate::help::{Seen, eventually, stream};

/// Rows: S1-05, S1-33, S2-04, S2-27, S2-71.
#[tokio::test]
async fn s2_27_publishing_and_consuming_go_on_after_restarts_and_nothing_is_lost() {
    let mut broker = Broker::start().await;
    if broker.is_cluster() {
        return eprintln!("SKIPPED on the shared cluster: the chaos room restarts its own");
    }
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let seen = Seen::default();
    let handler = seen.clone();
    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
        .await
        .unwrap();
    let producer = bus.producer().start().await.unwrap();
    let publishing = tokio::spawn(async move {
        for n in 0..3000_u32 {
            producer.publish_async("orders.a", &n).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        producer.flush_all(Duration::from_secs(30)).await
    });

    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        broker.stop().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        broker.start_again().await;
    }

    let results = publishing.await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{:?}", results.iter().find(|it| it.is_err()));
    eventually("all are seen", || async {
        seen.all().into_iter().collect::<HashSet<u32>>().len() == 3000
    })
    .await;
    assert_eq!(bus.stream_info("ORDERS").await.unwrap().state.messages, 3000, "each once");
    assert!(1 <= subscription.stats().recoveries);
}

/// Rows: S2-27.
#[tokio::test]
async fn s2_27_a_server_that_forgot_everything_gets_stream_and_consumer_again() {
    let mut broker = Broker::start().await;
    if broker.is_cluster() {
        return eprintln!("SKIPPED on the cluster: it is not wiped");
    }
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let seen = Seen::default();
    let handler = seen.clone();
    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
        .await
        .unwrap();
    let producer = bus.producer().ids(Ids::OfCall).start().await.unwrap();
    producer.publish("orders.a", &1).await.unwrap();
    seen.wait_for(1).await;

    broker.stop().await;
    broker.wipe();
    broker.start_again().await;
    producer.publish("orders.a", &2).await.unwrap();

    assert_eq!(seen.wait_for(2).await, [1, 2]);
    assert!(bus.consumer_info("ORDERS", "work").await.is_ok());
    drop(subscription);
}

/// Rows: S2-27.
#[tokio::test]
async fn s2_27_a_consumer_that_was_deleted_is_made_again() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let seen = Seen::default();
    let handler = seen.clone();
    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .with(|it| it.deliver_policy = Start::All)
        .run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
        .await
        .unwrap();

    bus.delete_consumer("ORDERS", "work").await.unwrap();
    let since = Instant::now();
    let producer = bus.producer().start().await.unwrap();
    producer.publish("orders.a", &1).await.unwrap();

    seen.wait_for(1).await;
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    assert!(1 <= subscription.stats().recoveries);
}

/// Rows: S1-72.
#[tokio::test]
async fn s1_72_an_ordered_consumer_goes_on_after_a_restart_without_a_gap() {
    let mut broker = Broker::start().await;
    if broker.is_cluster() {
        return eprintln!("SKIPPED on the cluster: it is not restarted");
    }
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let seen = Seen::default();
    let handler = seen.clone();
    let subscription = bus
        .consume::<u32>("ORDERS")
        .ordered()
        .run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
        .await
        .unwrap();
    let producer = bus.producer().start().await.unwrap();
    for n in 0..50_u32 {
        producer.publish("orders.a", &n).await.unwrap();
    }
    seen.wait_for(50).await;

    broker.stop().await;
    broker.start_again().await;
    for n in 50..100_u32 {
        producer.publish("orders.a", &n).await.unwrap();
    }

    assert_eq!(seen.wait_for(100).await, (0..100).collect::<Vec<u32>>());
    drop(subscription);
}

#[tokio::test]
async fn an_ordered_consumer_of_new_messages_misses_none_that_came_while_it_was_away() {
    let mut broker = Broker::start().await;
    if broker.is_cluster() {
        return eprintln!("SKIPPED on the cluster: it is not restarted");
    }
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let producer = bus.producer().start().await.unwrap();
    producer.publish("orders.a", &0_u32).await.unwrap();
    let seen = Seen::default();
    let handler = seen.clone();
    let cut = broker.bus().await;
    let subscription = cut
        .consume::<u32>("ORDERS")
        .ordered()
        .start(Start::New)
        .run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
        .await
        .unwrap();

    broker.stop().await;
    broker.start_again().await;
    for n in 1..=20_u32 {
        producer.publish("orders.a", &n).await.unwrap();
    }

    assert_eq!(seen.wait_for(20).await, (1..=20).collect::<Vec<u32>>());
    drop(subscription);
}

/// Order across a reconnect, as an option.
#[tokio::test]
async fn an_ordered_producer_keeps_the_order_across_restarts() {
    let mut broker = Broker::start().await;
    if broker.is_cluster() {
        return eprintln!("SKIPPED on the cluster: it is not restarted");
    }
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let producer = bus.producer().with(|it| it.ordered = true).start().await.unwrap();
    let publisher = producer.clone();
    let publishing = tokio::spawn(async move {
        for n in 0..1500_u32 {
            publisher.publish_async("orders.a", &n).await.unwrap();
            if n.is_multiple_of(4) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        broker.stop().await;
        broker.start_again().await;
    }
    publishing.await.unwrap();
    let results = producer.flush_all(Duration::from_secs(30)).await;
    assert!(results.iter().all(Result::is_ok));

    let seen = Seen::default();
    let handler = seen.clone();
    let subscription = bus
        .consume::<u32>("ORDERS")
        .ordered()
        .run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
        .await
        .unwrap();
    assert_eq!(seen.wait_for(1500).await, (0..1500).collect::<Vec<u32>>());
    drop(subscription);
}
