//! What a consumer's configuration does to its deliveries.

use std::time::Instant;

use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy, pull};
use async_nats::jetstream::stream::Stream;
use futures_util::StreamExt;

use crate::help::{
    ack_all, batch, consumer, eventually, fails, info, look, ms, publish, publish_many, seqs,
    silent, soon, stream, take,
};
use crate::server::Server;

async fn first_seqs(stream: &Stream, name: &str, deliver_policy: DeliverPolicy) -> Vec<u64> {
    let config = pull::Config {
        durable_name: Some(name.into()),
        deliver_policy,
        filter_subject: "s.*".into(),
        ..Default::default()
    };
    let consumer = consumer(stream, config).await;
    seqs(&batch(&consumer, 100, ms(150)).await)
}

/// Rows: S0-52
#[tokio::test]
async fn s0_52_each_deliver_policy_starts_where_it_says() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s.*"]).await;
    for i in 1..=10 {
        publish(&js, if i % 3 == 0 { "s.third" } else { "s.other" }, "x").await;
    }
    let start_time = stream.get_raw_message(7).await.unwrap().time;
    let table = [
        ("all", DeliverPolicy::All, (1..=10).collect()),
        ("last", DeliverPolicy::Last, vec![10]),
        ("new", DeliverPolicy::New, vec![]),
        ("seq", DeliverPolicy::ByStartSequence { start_sequence: 4 }, (4..=10).collect()),
        ("past", DeliverPolicy::ByStartSequence { start_sequence: 99 }, vec![]),
        ("time", DeliverPolicy::ByStartTime { start_time }, (7..=10).collect()),
        ("subject", DeliverPolicy::LastPerSubject, vec![9, 10]),
    ];
    for (name, policy, expected) in table {
        assert_eq!(first_seqs(&stream, name, policy).await, expected, "{name}");
    }
    publish(&js, "s.later", "x").await;
    for name in ["new", "last", "subject", "all"] {
        let consumer: crate::help::Pull = stream.get_consumer(name).await.unwrap();
        assert_eq!(seqs(&take(&consumer, 1).await), [11], "{name} goes on");
    }
}

/// Rows: S0-81
#[tokio::test]
async fn s0_81_replay_original_keeps_the_pauses_between_messages() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish(&js, "s", "1").await;
    let gap = ms(400);
    let marker = durable_silence(&js, gap).await;
    publish(&js, "s", "2").await;
    let timed = |replay_policy| {
        let config = pull::Config { replay_policy, ..Default::default() };
        let stream = stream.clone();
        async move {
            let consumer = consumer(&stream, config).await;
            let started = Instant::now();
            assert_eq!(seqs(&take(&consumer, 2).await), [1, 2]);
            started.elapsed()
        }
    };
    let original = timed(ReplayPolicy::Original).await;
    let instant = timed(ReplayPolicy::Instant).await;
    assert!(original >= gap.mul_f32(0.8), "{original:?} after {marker:?}");
    assert!(instant < original, "{instant:?}");
}

/// Waits for a pull on an empty stream to expire: time that passes at the server.
async fn durable_silence(js: &async_nats::jetstream::Context, time: std::time::Duration) -> bool {
    let empty = stream(js, "EMPTY", &["empty"]).await;
    silent(&crate::help::durable(&empty, "C").await, time).await;
    true
}

#[tokio::test]
async fn headers_only_gives_the_size_and_no_body() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish(&js, "s", "twelve bytes").await;
    let consumer =
        consumer(&stream, pull::Config { headers_only: true, ..Default::default() }).await;
    let message = take(&consumer, 1).await.remove(0);
    assert!(message.payload.is_empty());
    let headers = message.headers.as_ref().expect("headers");
    assert_eq!(headers.get("Nats-Msg-Size").unwrap().as_str(), "12");
}

#[tokio::test]
async fn max_ack_pending_holds_back_until_acks_come() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 10).await;
    let config =
        pull::Config { durable_name: Some("C".into()), max_ack_pending: 3, ..Default::default() };
    let consumer = consumer(&stream, config).await;
    let first = batch(&consumer, 10, ms(150)).await;
    assert_eq!(seqs(&first), [1, 2, 3]);
    silent(&consumer, ms(100)).await;
    ack_all(&first[..2]).await;
    assert_eq!(seqs(&batch(&consumer, 10, ms(150)).await), [4, 5]);
    assert_eq!(look(&consumer).await.num_ack_pending, 3);
}

#[tokio::test]
async fn an_ephemeral_goes_away_when_it_is_not_used() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    let config = pull::Config { inactive_threshold: ms(200), ..Default::default() };
    let consumer = consumer(&stream, config).await;
    let name = consumer.cached_info().name.clone();
    assert!(consumer.cached_info().config.durable_name.is_none());
    eventually("it is gone", || async { stream.consumer_info(&name).await.is_err() }).await;
    drop(consumer);
}

#[tokio::test]
async fn a_request_above_the_consumers_limits_is_refused() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 10).await;
    let config = pull::Config { max_batch: 5, ..Default::default() };
    let consumer = consumer(&stream, config).await;
    let mut fetch = consumer.fetch().max_messages(6).messages().await.unwrap();
    let error = fails(soon("an answer", fetch.next()).await.unwrap());
    assert!(error.to_string().contains("Exceeded MaxRequestBatch of 5"), "{error}");
    assert_eq!(take(&consumer, 5).await.len(), 5);
}

/// Rows: S1-72
#[tokio::test]
async fn s1_72_an_ordered_consumer_gives_all_messages_in_order() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 300).await;
    let ordered = stream.create_consumer(pull::OrderedConfig::default()).await.unwrap();
    let mut messages = ordered.messages().await.unwrap();
    for expected in 1..=300 {
        let message = soon("a message", messages.next()).await.unwrap().unwrap();
        assert_eq!(info(&message).stream_sequence, expected);
    }
    publish(&js, "s", "live").await;
    assert_eq!(soon("a message", messages.next()).await.unwrap().unwrap().payload, "live");
}

/// Rows: S1-72
#[tokio::test]
async fn s1_72_an_ordered_consumer_survives_its_consumers_deletion() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 10).await;
    let ordered = stream.create_consumer(pull::OrderedConfig::default()).await.unwrap();
    let mut messages = ordered.messages().await.unwrap();
    for _ in 0..10 {
        soon("a message", messages.next()).await.unwrap().unwrap();
    }
    let names: Vec<_> = stream.consumer_names().map(Result::unwrap).collect().await;
    stream.delete_consumer(&names[0]).await.unwrap();
    publish(&js, "s", "eleven").await;
    let message = soon("a message", messages.next()).await.unwrap().unwrap();
    assert_eq!((info(&message).stream_sequence, &message.payload[..]), (11, &b"eleven"[..]));
}
