//! Seed 000, its Go samples step by step: the stream `neo-events` and who uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::jetstream::{AckKind, Context};
use serde_json::json;

use crate::help::{
    Pull, ack_all, batch, bodies, consumer, eventually, info, look, ms, owned, publish, seqs,
    silent, soon, state, stream_with, take,
};
use crate::server::Server;

const UPDATE: &str = "{\"feedId\":\"BTC/USD\",\"price\":\"45000\",\"decimals\":8}";

pub(crate) async fn neo_events(js: &Context) -> Stream {
    let config = Config {
        name: "neo-events".into(),
        subjects: owned(&["neo.datafeed.*", "neo.flow.*", "neo.accounts.*"]),
        max_age: Duration::from_hours(7 * 24),
        max_bytes: 10 * 1024 * 1024 * 1024,
        ..Config::default()
    };
    stream_with(js, config).await
}

pub(crate) async fn neofeeds(stream: &Stream) -> Pull {
    let config = pull::Config {
        durable_name: Some("neofeeds-consumer".into()),
        filter_subject: "neo.datafeed.*".into(),
        ..Default::default()
    };
    consumer(stream, config).await
}

/// Rows: S0-03, S0-04, S0-05
#[tokio::test]
async fn s0_04_the_stream_has_its_subjects_seven_days_and_ten_gigabytes() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = neo_events(&js).await;
    let raw = crate::help::api(&js.client(), "STREAM.INFO.neo-events", "").await;
    let config = &raw["config"];
    assert_eq!(config["max_age"], json!(604_800_000_000_000_u64));
    assert_eq!(config["max_bytes"], json!(10_737_418_240_u64));
    assert_eq!(config["subjects"], json!(["neo.datafeed.*", "neo.flow.*", "neo.accounts.*"]));
    assert_eq!((&config["storage"], &config["retention"]), (&json!("file"), &json!("limits")));
    for (i, subject) in ["neo.datafeed.x", "neo.flow.x", "neo.accounts.x"].iter().enumerate() {
        let ack = publish(&js, subject, "x").await;
        assert_eq!(
            (ack.stream.as_str(), ack.sequence),
            ("neo-events", 1 + u64::try_from(i).unwrap())
        );
    }
    let consumer = neofeeds(&stream).await;
    assert_eq!(look(&consumer).await.num_pending, 1);
}

/// Rows: S0-27, S0-28, S0-33
#[tokio::test]
async fn s0_28_a_published_update_is_acknowledged_and_read_back_byte_for_byte() {
    let server = Server::start();
    let js = server.jetstream().await;
    assert_eq!(js.query_account().await.unwrap().streams, 0);
    let stream = neo_events(&js).await;
    let ack = publish(&js, "neo.datafeed.update", UPDATE).await;
    assert_eq!((ack.stream.as_str(), ack.sequence, ack.duplicate), ("neo-events", 1, false));
    let consumer = neofeeds(&stream).await;
    let messages = batch(&consumer, 10, ms(200)).await;
    assert_eq!(bodies(&messages), [UPDATE]);
    assert_eq!(messages[0].subject.as_str(), "neo.datafeed.update");
}

/// The seed's loop: fetch 10, ack what works, nak what does not.
///
/// Rows: S0-30, S0-31, S0-34, S0-35
#[tokio::test]
async fn s0_30_the_pull_loop_processes_everything_in_the_end() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = neo_events(&js).await;
    for i in 0..35 {
        publish(&js, "neo.datafeed.update", i.to_string()).await;
    }
    let consumer = neofeeds(&stream).await;
    let mut tries: BTreeMap<u64, i64> = BTreeMap::new();
    let mut done = BTreeSet::new();
    while done.len() < 35 {
        let messages = batch(&consumer, 10, ms(500)).await;
        assert!(!messages.is_empty() && messages.len() <= 10);
        for message in messages {
            let seq = info(&message).stream_sequence;
            let count = tries.entry(seq).or_default();
            *count += 1;
            assert_eq!(info(&message).delivered, *count);
            // Every fifth message fails the first time.
            if seq.is_multiple_of(5) && *count == 1 {
                message.ack_with(AckKind::Nak(None)).await.unwrap();
            } else {
                message.double_ack().await.unwrap();
                assert!(done.insert(seq));
            }
        }
    }
    assert_eq!(tries.values().sum::<i64>(), 35 + 7);
    let info = look(&consumer).await;
    assert_eq!((info.ack_floor.stream_sequence, info.num_ack_pending), (35, 0));
}

#[tokio::test]
async fn a_processor_that_remembers_ids_works_once_per_id() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = neo_events(&js).await;
    for id in ["r-1", "r-2", "r-1", "r-3", "r-2"] {
        let event = json!({"requestId": id, "feedId": "BTC/USD"}).to_string();
        publish(&js, "neo.datafeed.update", event).await;
    }
    let consumer = neofeeds(&stream).await;
    let (mut processed, mut skipped) = (BTreeSet::new(), 0);
    for message in take(&consumer, 5).await {
        let event: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        if !processed.insert(event["requestId"].as_str().unwrap().to_owned()) {
            skipped += 1;
        }
        message.double_ack().await.unwrap();
    }
    assert_eq!((processed.len(), skipped), (3, 2));
    assert_eq!(look(&consumer).await.num_ack_pending, 0);
}

/// Rows: S0-01, S1-04
#[tokio::test]
async fn s0_01_consumers_that_die_at_any_point_lose_nothing() {
    const COUNT: u64 = 1000;
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = neo_events(&js).await;
    crate::help::publish_many(&js, "neo.datafeed.update", COUNT).await;
    let config = pull::Config {
        durable_name: Some("neofeeds-consumer".into()),
        ack_wait: ms(300),
        ..Default::default()
    };
    consumer(&stream, config).await;
    let mut seen = BTreeSet::new();
    for life in 0..12 {
        // Each life is a new connection that fetches, acknowledges a part and is gone.
        let js = server.jetstream().await;
        let worker: Pull =
            js.get_consumer_from_stream("neofeeds-consumer", "neo-events").await.unwrap();
        let messages = batch(&worker, 90, ms(200)).await;
        let n_acked = (life * 37) % 90;
        for message in messages.iter().take(n_acked) {
            message.double_ack().await.unwrap();
            seen.insert(info(message).stream_sequence);
        }
        soon("the connection ends", js.client().drain()).await.unwrap();
    }
    let worker: Pull = stream.get_consumer("neofeeds-consumer").await.unwrap();
    eventually("all are acknowledged", || {
        let worker = worker.clone();
        async move {
            ack_all(&batch(&worker, 200, ms(200)).await).await;
            look(&worker).await.ack_floor.stream_sequence == COUNT
        }
    })
    .await;
    assert!(seen.len() > 100);
    silent(&worker, ms(400)).await;
}

/// Rows: S0-53
#[tokio::test]
async fn s0_53_each_ack_policy_has_its_floor() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = neo_events(&js).await;
    crate::help::publish_many(&js, "neo.datafeed.update", 10).await;
    // After an ack of the fifth of ten delivered: floor and pending.
    let table = [
        ("explicit", AckPolicy::Explicit, 0, 9),
        ("all", AckPolicy::All, 5, 5),
        ("none", AckPolicy::None, 10, 0),
    ];
    for (name, ack_policy, floor, pending) in table {
        let config =
            pull::Config { durable_name: Some(name.into()), ack_policy, ..Default::default() };
        let consumer = consumer(&stream, config).await;
        let messages = take(&consumer, 10).await;
        if !matches!(ack_policy, AckPolicy::None) {
            messages[4].double_ack().await.unwrap();
        }
        let info = look(&consumer).await;
        assert_eq!(
            (info.ack_floor.stream_sequence, info.num_ack_pending),
            (floor, pending),
            "{name}"
        );
    }
}

#[tokio::test]
async fn headers_travel_with_a_message_through_stream_and_consumer() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = neo_events(&js).await;
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let sent = js.publish_with_headers("neo.flow.triggered", headers.clone(), "x".into()).await;
    sent.unwrap().await.unwrap();
    let consumer = crate::help::durable(&stream, "flows").await;
    let messages = take(&consumer, 1).await;
    assert_eq!(messages[0].headers.as_ref(), Some(&headers));
    assert_eq!((seqs(&messages), state(&stream).await.messages), (vec![1], 1));
}
