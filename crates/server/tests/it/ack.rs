//! Acknowledgements and what follows when they do not come.

use std::time::Instant;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use serde_json::Value;

use crate::help::{
    ack_all, batch, consumer, durable, eventually, info, look, ms, next, publish, publish_many,
    seqs, silent, soon, stream, take, take_one,
};
use crate::server::Server;

fn acking(ack_policy: AckPolicy) -> pull::Config {
    pull::Config {
        durable_name: Some("C".into()),
        ack_policy,
        ack_wait: ms(300),
        ..Default::default()
    }
}

/// Rows: S0-35, S0-50, S0-77, S1-15, S1-16, S1-52, S4-12
#[tokio::test]
async fn s0_35_an_ack_moves_the_floor_and_nothing_comes_again() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 5).await;
    let consumer = consumer(&stream, acking(AckPolicy::Explicit)).await;
    let messages = take(&consumer, 5).await;
    for i in [0, 1, 3] {
        messages[i].ack().await.unwrap();
    }
    eventually("the acks are in", || async { look(&consumer).await.num_ack_pending == 2 }).await;
    let info = look(&consumer).await;
    assert_eq!((info.ack_floor.stream_sequence, info.ack_floor.consumer_sequence), (2, 2));
    assert_eq!((info.delivered.stream_sequence, info.num_pending), (5, 0));
    ack_all(&messages).await;
    let info = look(&consumer).await;
    assert_eq!((info.ack_floor.stream_sequence, info.num_ack_pending), (5, 0));
    silent(&consumer, ms(600)).await;
}

/// Rows: S0-34, S0-37, S1-51
#[tokio::test]
async fn s0_34_nak_redelivers_with_num_delivered_2() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 2).await;
    let consumer = durable(&stream, "C").await;
    let first = take_one(&consumer).await;
    let started = Instant::now();
    first.ack_with(AckKind::Nak(None)).await.unwrap();
    let messages = take(&consumer, 2).await;
    assert!(started.elapsed() < ms(3000), "at once, not after ack_wait");
    let mut delivered: Vec<_> =
        messages.iter().map(info).map(|i| (i.stream_sequence, i.delivered)).collect();
    delivered.sort_unstable();
    assert_eq!(delivered, [(1, 2), (2, 1)]);
    assert_eq!(look(&consumer).await.num_redelivered, 1);
}

/// Rows: S0-76
#[tokio::test]
async fn s0_76_nak_with_delay_redelivers_after_it_and_others_pass() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 3).await;
    let consumer = durable(&stream, "C").await;
    let first = take_one(&consumer).await;
    let started = Instant::now();
    first.ack_with(AckKind::Nak(Some(ms(700)))).await.unwrap();
    let others = take(&consumer, 2).await;
    assert_eq!(seqs(&others), [2, 3]);
    ack_all(&others).await;
    let again = take_one(&consumer).await;
    let waited = started.elapsed();
    assert_eq!((info(&again).stream_sequence, info(&again).delivered), (1, 2));
    assert!((ms(600)..ms(3000)).contains(&waited), "{waited:?}");
}

/// Rows: S1-03, S1-04, S1-35
#[tokio::test]
async fn s1_03_without_an_ack_the_message_comes_again_after_ack_wait() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 3).await;
    let consumer = consumer(&stream, acking(AckPolicy::Explicit)).await;
    let messages = take(&consumer, 3).await;
    ack_all(&messages[1..2]).await;
    let again = take(&consumer, 2).await;
    assert_eq!(seqs(&again), [1, 3]);
    let facts: Vec<_> =
        again.iter().map(info).map(|i| (i.consumer_sequence, i.delivered)).collect();
    assert_eq!(facts, [(4, 2), (5, 2)]);
}

#[tokio::test]
async fn in_progress_holds_the_redelivery_off() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish(&js, "s", "long work").await;
    let consumer = consumer(&stream, acking(AckPolicy::Explicit)).await;
    let message = take_one(&consumer).await;
    for _ in 0..5 {
        silent(&consumer, ms(150)).await;
        soon("confirmed", message.double_ack_with(AckKind::Progress)).await.unwrap();
    }
    assert_eq!(look(&consumer).await.num_ack_pending, 1);
    ack_all(&[message]).await;
    silent(&consumer, ms(450)).await;
}

#[tokio::test]
async fn term_ends_a_message_and_says_so() {
    let server = Server::start();
    let js = server.jetstream().await;
    let mut advisories =
        js.client().subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>").await.unwrap();
    let stream = stream(&js, "S", &["s"]).await;
    publish(&js, "s", "poison").await;
    let consumer = consumer(&stream, acking(AckPolicy::Explicit)).await;
    take_one(&consumer).await.ack_with(AckKind::Term).await.unwrap();
    let advisory = next(&mut advisories).await;
    assert_eq!(advisory.subject.as_str(), "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.S.C");
    let body: Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(body["type"], "io.nats.jetstream.advisory.v1.terminated");
    assert_eq!((&body["stream_seq"], &body["deliveries"]), (&1.into(), &1.into()));
    silent(&consumer, ms(500)).await;
    let info = look(&consumer).await;
    assert_eq!((info.num_ack_pending, info.ack_floor.stream_sequence), (0, 1));
}

#[tokio::test]
async fn a_double_ack_is_answered_every_time() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish(&js, "s", "x").await;
    let consumer = durable(&stream, "C").await;
    let message = take_one(&consumer).await;
    for _ in 0..2 {
        soon("a confirmation", message.double_ack()).await.unwrap();
        assert_eq!(look(&consumer).await.ack_floor.stream_sequence, 1);
    }
}

/// Rows: S0-53, S1-17
#[tokio::test]
async fn s1_17_ack_all_takes_all_before_it_along() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 10).await;
    let config = pull::Config { ack_wait: ms(30_000), ..acking(AckPolicy::All) };
    let consumer = consumer(&stream, config).await;
    let messages = take(&consumer, 10).await;
    ack_all(&messages[4..5]).await;
    let info = look(&consumer).await;
    assert_eq!((info.ack_floor.stream_sequence, info.num_ack_pending), (5, 5));
    ack_all(&messages[9..]).await;
    assert_eq!(look(&consumer).await.num_ack_pending, 0);
}

/// Rows: S0-53, S1-18
#[tokio::test]
async fn s1_18_ack_none_never_redelivers() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 5).await;
    let config = pull::Config { ack_wait: ms(0), ..acking(AckPolicy::None) };
    let consumer = consumer(&stream, config).await;
    take(&consumer, 5).await;
    let info = look(&consumer).await;
    assert_eq!((info.num_ack_pending, info.ack_floor.stream_sequence), (0, 5));
    assert_eq!(info.delivered.stream_sequence, 5);
    silent(&consumer, ms(400)).await;
}

#[tokio::test]
async fn after_max_deliver_an_advisory_comes_and_the_message_stays() {
    let server = Server::start();
    let js = server.jetstream().await;
    let mut advisories =
        js.client().subscribe("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>").await.unwrap();
    let stream = stream(&js, "S", &["s"]).await;
    publish(&js, "s", "poison").await;
    let config = pull::Config { max_deliver: 3, ack_wait: ms(100), ..acking(AckPolicy::Explicit) };
    let consumer = consumer(&stream, config).await;
    for expected in 1..=3 {
        assert_eq!(info(&take_one(&consumer).await).delivered, expected);
    }
    silent(&consumer, ms(400)).await;
    let advisory = next(&mut advisories).await;
    assert_eq!(advisory.subject.as_str(), "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.C");
    let body: Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(body["type"], "io.nats.jetstream.advisory.v1.max_deliver");
    assert_eq!((&body["stream"], &body["consumer"]), (&"S".into(), &"C".into()));
    assert_eq!((&body["stream_seq"], &body["deliveries"]), (&1.into(), &3.into()));
    assert!(stream.get_raw_message(1).await.is_ok());
}

#[tokio::test]
async fn backoff_lengthens_the_wait_from_delivery_to_delivery() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish(&js, "s", "x").await;
    let config = pull::Config {
        backoff: vec![ms(100), ms(300), ms(600)],
        max_deliver: 4,
        ..acking(AckPolicy::Explicit)
    };
    let consumer = consumer(&stream, config).await;
    take_one(&consumer).await;
    let mut last = Instant::now();
    for (delivered, at_least, below) in [(2, 80, 290), (3, 250, 590), (4, 500, 1500)] {
        let message = take_one(&consumer).await;
        let waited = last.elapsed();
        last = Instant::now();
        assert_eq!(info(&message).delivered, delivered);
        assert!(waited >= ms(at_least), "delivery {delivered} after {waited:?}");
        assert!(waited < ms(below + 1000), "delivery {delivered} after {waited:?}");
    }
    let config = look(&consumer).await.config;
    assert_eq!((config.ack_wait, config.backoff.len()), (ms(100), 3));
}

#[tokio::test]
async fn a_redelivery_goes_out_before_what_is_new() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 5).await;
    let consumer = durable(&stream, "C").await;
    let messages = take(&consumer, 2).await;
    for message in &messages {
        soon("confirmed", message.double_ack_with(AckKind::Nak(None))).await.unwrap();
    }
    let again = batch(&consumer, 5, ms(300)).await;
    assert_eq!(seqs(&again), [1, 2, 3, 4, 5]);
}
