use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tradewind_bus::{Ids, Mode, PublishError, Raw, Receipt};

use crate::broker::Broker;
use crate::help::{Seen, stream};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u32,
    item: String,
}

fn order(id: u32) -> Order {
    Order { id, item: "tea".to_owned() }
}

/// Rows: S0-28, S0-29, S2-12, S2-19, S3-32, S4-31.
#[tokio::test]
async fn s4_31_a_publish_returns_stream_and_sequence_when_it_is_stored() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let producer = bus.producer().start().await.unwrap();

    for sequence in 1..=3 {
        let id = u32::try_from(sequence).unwrap();
        let receipt = producer.publish("orders.created", &order(id)).await.unwrap();
        let ack = receipt.stored().expect("JetStream stores");
        assert_eq!((ack.stream.as_str(), ack.sequence, ack.duplicate), ("ORDERS", sequence, false));
    }

    let stored = bus.context().get_stream("ORDERS").await.unwrap();
    let first = stored.get_raw_message(1).await.unwrap();
    assert_eq!(serde_json::from_slice::<Order>(&first.payload).unwrap(), order(1));
    assert_eq!(first.headers.get("Content-Type").unwrap().as_str(), "application/json");
}

/// Rows: S0-29.
#[tokio::test]
async fn s0_29_a_subject_of_no_stream_is_an_error_that_names_it() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let producer = bus.producer().start().await.unwrap();

    let error = producer.publish("nobody.listens", &1).await.unwrap_err();

    assert!(matches!(&error, PublishError::NoStream { subject } if subject == "nobody.listens"));
    assert!(error.to_string().contains("nobody.listens"), "{error}");
}

/// Rows: S2-05, S2-21, S1-73.
#[tokio::test]
async fn s2_21_the_same_content_is_stored_once_and_the_key_makes_it_two() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let producer = bus.producer().start().await.unwrap();

    let first = producer.publish("orders.created", &order(1)).await.unwrap();
    let again = producer.publish("orders.created", &order(1)).await.unwrap();
    let other = producer.message("orders.created").key("b").publish(&order(1)).await.unwrap();
    let named = producer.message("orders.created").id("n-1").publish(&order(1)).await.unwrap();
    let by_call = bus.producer().ids(Ids::OfCall).start().await.unwrap();
    let call = by_call.publish("orders.created", &order(1)).await.unwrap();

    let ack = |receipt: &Receipt| {
        let ack = receipt.stored().unwrap();
        (ack.sequence, ack.duplicate)
    };
    assert_eq!(ack(&first), (1, false));
    assert_eq!(ack(&again), (1, true));
    assert_eq!((ack(&other), ack(&named), ack(&call)), ((2, false), (3, false), (4, false)));
    assert_eq!(bus.stream_info("ORDERS").await.unwrap().state.messages, 4);
}

/// Rows: S0-71, S0-72, S2-36.
#[tokio::test]
async fn s0_71_a_thousand_publishes_are_in_flight_and_each_has_its_result() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let producer = bus.producer().start().await.unwrap();

    for id in 0..1000 {
        let subject = if id == 500 { "nobody.listens" } else { "orders.created" };
        producer.publish_async(subject, &order(id)).await.unwrap();
    }
    let results = producer.flush_all(Duration::from_secs(20)).await;

    assert_eq!(results.len(), 1000);
    for (id, result) in results.iter().enumerate() {
        match result {
            Ok(_) => assert_ne!(id, 500),
            Err(error) => {
                assert_eq!(id, 500, "{error}");
                assert!(matches!(error, PublishError::NoStream { .. }));
            }
        }
    }
    assert_eq!(bus.stream_info("ORDERS").await.unwrap().state.messages, 999);
    assert!(producer.flush_all(Duration::from_secs(1)).await.is_empty(), "told once");
}

/// Rows: S2-66, S3-103.
#[tokio::test]
async fn s2_66_more_than_max_outstanding_waits_and_does_not_fail() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let producer = bus.producer().with(|it| it.max_outstanding = 10).start().await.unwrap();

    let mut most = 0;
    for id in 0..500 {
        producer.publish_async("orders.created", &order(id)).await.unwrap();
        most = most.max(producer.outstanding());
    }
    let results = producer.flush_all(Duration::from_secs(20)).await;

    assert!(most <= 10, "{most}");
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(bus.stream_info("ORDERS").await.unwrap().state.messages, 500);
}

/// Rows: S3-104.
#[tokio::test]
async fn s3_104_a_failed_publish_is_told_with_its_message() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let failed = Seen::default();
    let seen = failed.clone();
    let producer = bus
        .producer()
        .on_error(move |message, error| {
            seen.push((message.subject, message.body, error.to_string()));
        })
        .start()
        .await
        .unwrap();

    producer.publish_async("nobody.listens", &json!({"a": 1})).await.unwrap();
    producer.flush_all(Duration::from_secs(10)).await;

    let failed = failed.all();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].0.as_str(), &failed[0].1[..]), ("nobody.listens", &b"{\"a\":1}"[..]));
    assert!(failed[0].2.contains("no stream"), "{}", failed[0].2);
}

/// Rows: S4-79.
#[tokio::test]
async fn s4_79_a_batch_has_a_result_for_each_message() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let producer = bus.producer().start().await.unwrap();
    let orders: Vec<Order> = (0..50).map(order).collect();

    let results = producer.publish_batch("orders.created", &orders).await;

    let sequences: Vec<u64> =
        results.iter().map(|it| it.as_ref().unwrap().stored().unwrap().sequence).collect();
    assert_eq!(sequences, (1..=50).collect::<Vec<u64>>());
}

/// Rows: S4-79.
#[tokio::test]
async fn s4_79_an_atomic_batch_is_stored_whole_or_not_at_all() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let config = tradewind_bus::stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        num_replicas: broker.replicas(),
        allow_atomic_publish: broker.is_theirs(),
        ..Default::default()
    };
    bus.ensure_stream(config, tradewind_bus::OnDrift::Fail).await.unwrap();
    let producer = bus.producer().start().await.unwrap();

    let mut batch = producer.atomic().unwrap();
    for id in 0..5 {
        batch.add("orders.created", &order(id)).unwrap();
    }
    let committed = batch.commit().await;

    let stored = bus.stream_info("ORDERS").await.unwrap().state.messages;
    if broker.is_theirs() {
        assert_eq!(committed.unwrap().sequence, 5);
        assert_eq!(stored, 5);
    } else {
        let error = committed.unwrap_err().to_string();
        assert!(error.contains("atomic publish is disabled"), "{error}");
        assert_eq!(stored, 0);
    }
    let core = bus.core_producer().start().await.unwrap();
    assert!(matches!(core.atomic(), Err(PublishError::NeedsJetStream { .. })));
}

/// Rows: S2-39, S2-64, S2-65.
#[tokio::test]
async fn s2_39_bodies_are_compressed_from_the_limit_on_if_they_get_smaller() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    for compression in [
        tradewind_bus::Compression::Zstd,
        tradewind_bus::Compression::Lz4,
        tradewind_bus::Compression::S2,
    ] {
        let with = bus.producer().ids(Ids::OfCall).with(|it| it.compression = compression);
        let producer = with.start().await.unwrap();
        let mut state = 1_u32;
        let random = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_be_bytes()[0]
        });
        let random: Vec<u8> = random.take(4096).collect();
        let bodies = [vec![b'a'; 1023], vec![b'a'; 1024], random];

        for (body, is_compressed) in bodies.into_iter().zip([false, true, false]) {
            let raw = Raw::from(body.clone());
            let receipt = producer.publish("orders.created", &raw).await.unwrap();
            let stored = bus.context().get_stream("ORDERS").await.unwrap();
            let message = stored.get_raw_message(receipt.stored().unwrap().sequence).await.unwrap();
            assert_eq!(message.headers.get("Content-Encoding").is_some(), is_compressed);
            assert_eq!(message.payload.len() < body.len(), is_compressed);
        }
    }
    let seen = Seen::default();
    let handler = seen.clone();
    let subscription = bus
        .consume::<Raw>("ORDERS")
        .durable("all")
        .run(move |delivery: tradewind_bus::Delivery<Raw>| {
            handler.push(delivery.data.0.len());
            std::future::ready(())
        })
        .await
        .unwrap();
    assert_eq!(seen.wait_for(9).await, [1023, 1024, 4096].repeat(3));
    drop(subscription);
}

/// Rows: S4-83.
#[tokio::test]
async fn s4_83_a_message_larger_than_max_payload_names_both_sizes() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let producer = bus.producer().start().await.unwrap();

    let error = producer.publish("orders.created", &Raw::from(vec![0; 2 << 20])).await.unwrap_err();

    let text = error.to_string();
    assert!(text.contains("2097152") && text.contains("1048576"), "{text}");
    assert!(text.contains("object store"), "{text}");
}

/// Rows: S2-58.
#[tokio::test]
async fn s2_58_the_prefix_is_put_in_front_of_every_subject() {
    let broker = Broker::start().await;
    for prefix in ["app.", "app"] {
        let bus = broker.bus_with(|config| config.subject_prefix = prefix.to_owned()).await;
        let plain = broker.bus().await;
        let seen = Seen::default();
        let handler = seen.clone();
        let subscription = plain
            .subscribe::<u32>("app.x")
            .run(move |it: tradewind_bus::Delivery<u32>| {
                handler.push((it.subject, it.data));
                std::future::ready(())
            })
            .await
            .unwrap();

        broker.spread_interest().await;
        bus.core_producer().start().await.unwrap().publish("x", &7).await.unwrap();

        assert_eq!(seen.wait_for(1).await, [("app.x".to_owned(), 7)]);
        drop(subscription);
    }
}

/// Rows: S3-30, S3-31, S3-33.
#[tokio::test]
async fn s3_30_one_producer_serves_both_modes_and_many_tasks() {
    let broker = Broker::start().await;
    for mode in [Mode::Core, Mode::JetStream] {
        let bus = broker.bus_with(|config| config.mode = Some(mode)).await;
        stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
        let producer = bus.producer().ids(Ids::OfCall).start().await.unwrap();
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let producer = producer.clone();
                tokio::spawn(async move {
                    for n in 0..10 {
                        producer.publish("orders.created", &(task * 100 + n)).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(producer.mode(), mode);
    }
    // A stream takes Core messages, too: nobody is told.
    let bus = broker.bus().await;
    crate::help::eventually("160 messages", || async {
        bus.stream_info("ORDERS").await.unwrap().state.messages == 160
    })
    .await;
}

#[tokio::test]
async fn an_option_of_jetstream_on_a_core_message_is_refused_with_a_sentence() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let producer = bus.core_producer().start().await.unwrap();

    let error = producer.message("a.b").expect_last_sequence(4).publish(&1).await.unwrap_err();

    assert!(error.to_string().contains("expect_last_sequence needs JetStream"), "{error}");
}

#[tokio::test]
async fn an_expectation_that_is_not_met_is_refused_at_once() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let producer = bus.producer().start().await.unwrap();
    producer.publish("orders.a", &1).await.unwrap();

    let error = producer.message("orders.a").expect_last_sequence(9).publish(&2).await.unwrap_err();

    assert!(matches!(error, PublishError::Refused { err_code: 10071, .. }), "{error}");
    producer.message("orders.a").expect_last_subject_sequence(1).publish(&3).await.unwrap();
}

#[tokio::test]
async fn subjects_to_publish_to_have_no_wildcards() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let producer = bus.producer().start().await.unwrap();

    for subject in ["", "a..b", "a.*", "a.>", "a b", ".a", "a."] {
        let error = producer.publish(subject, &1).await.unwrap_err();
        assert!(matches!(&error, PublishError::Subject(it) if it == subject), "{error}");
    }
}

/// Rows: S2-13, S3-125.
#[tokio::test]
async fn s3_125_a_bus_is_closed_once_and_then_publishes_nothing() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let producer = bus.producer().start().await.unwrap();
    let core = bus.core_producer().start().await.unwrap();

    bus.close().await;
    bus.close().await;

    assert!(bus.is_closed());
    assert!(matches!(producer.publish("orders.a", &1).await, Err(PublishError::Closed)));
    assert!(matches!(core.publish("orders.a", &1).await, Err(PublishError::Closed)));
}
