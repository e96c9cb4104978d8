//! What a stream may hold, and who decides when a message may go.

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use crate::help::{
    ack_all, api_error, consumer, durable, error_code, eventually, fails, ms, owned, publish,
    publish_many, refused, state, stream_with, take,
};
use crate::server::Server;

fn config() -> Config {
    Config { name: "S".into(), subjects: owned(&["s.*"]), ..Config::default() }
}

/// Both kinds of storage follow the same limits.
const STORAGES: [StorageType; 2] = [StorageType::File, StorageType::Memory];

/// Rows: S0-49
#[tokio::test]
async fn s0_49_max_msgs_evicts_the_oldest() {
    for storage in STORAGES {
        let server = Server::start();
        let js = server.jetstream().await;
        let stream = stream_with(&js, Config { max_messages: 10, storage, ..config() }).await;
        publish_many(&js, "s.a", 25).await;
        let now = state(&stream).await;
        assert_eq!((now.messages, now.first_sequence, now.last_sequence), (10, 16, 25));
        assert_eq!(stream.get_raw_message(16).await.unwrap().payload, "16");
        assert!(stream.get_raw_message(15).await.is_err());
    }
}

/// Rows: S0-05, S0-49
#[tokio::test]
async fn s0_05_max_bytes_evicts_the_oldest() {
    for storage in STORAGES {
        let server = Server::start();
        let js = server.jetstream().await;
        let limit = 1024 * 1024;
        let stream = stream_with(&js, Config { max_bytes: limit, storage, ..config() }).await;
        for _ in 0..30 {
            publish(&js, "s.a", vec![b'x'; 100_000]).await;
        }
        let now = state(&stream).await;
        assert!((9..=10).contains(&now.messages), "{storage:?} holds {}", now.messages);
        assert!(i64::try_from(now.bytes).unwrap() <= limit);
        assert_eq!(now.last_sequence, 30);
    }
}

/// Rows: S0-05, S0-49
#[tokio::test]
async fn s0_05_max_age_evicts_the_oldest() {
    for storage in STORAGES {
        let server = Server::start();
        let js = server.jetstream().await;
        let stream = stream_with(
            &js,
            Config { max_age: ms(400), duplicate_window: ms(400), storage, ..config() },
        )
        .await;
        publish_many(&js, "s.a", 5).await;
        assert_eq!(state(&stream).await.messages, 5, "not before its time");
        eventually("all are gone", || async { state(&stream).await.messages == 0 }).await;
        let now = state(&stream).await;
        assert_eq!((now.first_sequence, now.last_sequence), (6, 5));
        assert_eq!(publish(&js, "s.a", "x").await.sequence, 6);
    }
}

#[tokio::test]
async fn max_msgs_per_subject_keeps_the_newest_of_each() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream_with(&js, Config { max_messages_per_subject: 2, ..config() }).await;
    for i in 0..9 {
        publish(&js, ["s.a", "s.b", "s.c"][i % 3], "x").await;
    }
    publish(&js, "s.rare", "x").await;
    let now = state(&stream).await;
    assert_eq!((now.messages, now.first_sequence, now.subjects_count), (7, 4, 4));
}

/// Rows: S1-60
#[tokio::test]
async fn s1_60_discard_new_refuses_and_keeps_what_is_there() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config { max_messages: 3, discard: DiscardPolicy::New, ..config() };
    let stream = stream_with(&js, config).await;
    publish_many(&js, "s.a", 3).await;
    let message = || PublishMessage::build().payload("x".into());
    assert_eq!(refused(&js, "s.a", message()).await, 10077);
    stream.delete_message(2).await.unwrap();
    assert_eq!(publish(&js, "s.a", "x").await.sequence, 4);
    assert_eq!(refused(&js, "s.a", message()).await, 10077);
    assert_eq!(state(&stream).await.first_sequence, 1);
}

#[tokio::test]
async fn discard_new_per_subject_refuses_the_full_subject_alone() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config {
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        discard_new_per_subject: true,
        ..config()
    };
    stream_with(&js, config).await;
    publish(&js, "s.a", "x").await;
    let message = PublishMessage::build().payload("x".into());
    assert_eq!(refused(&js, "s.a", message).await, 10077);
    publish(&js, "s.b", "x").await;
}

/// Rows: S4-83
#[tokio::test]
async fn s4_83_a_message_above_max_msg_size_is_refused() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream_with(&js, Config { max_message_size: 100, ..config() }).await;
    publish(&js, "s.a", vec![b'x'; 100]).await;
    let message = PublishMessage::build().payload(vec![b'x'; 101].into());
    assert_eq!(refused(&js, "s.a", message).await, 10054);
}

/// Rows: S1-60
#[tokio::test]
async fn s1_60_a_work_queue_keeps_a_message_until_its_ack() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config { retention: RetentionPolicy::WorkQueue, ..config() };
    let stream = stream_with(&js, config).await;
    publish_many(&js, "s.a", 5).await;
    let worker = durable(&stream, "worker").await;
    let messages = take(&worker, 5).await;
    assert_eq!(state(&stream).await.messages, 5);
    ack_all(&messages[..3]).await;
    eventually("acked messages go", || async { state(&stream).await.messages == 2 }).await;
    ack_all(&messages[3..]).await;
    eventually("all messages go", || async { state(&stream).await.messages == 0 }).await;
    let second = pull::Config { durable_name: Some("other".into()), ..Default::default() };
    assert_eq!(error_code(&fails(stream.create_consumer(second).await)), 10099);
}

#[tokio::test]
async fn a_work_queue_takes_consumers_whose_filters_do_not_meet() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config { retention: RetentionPolicy::WorkQueue, ..config() };
    let stream = stream_with(&js, config).await;
    let filtered = |name: &str, filter: &str| pull::Config {
        durable_name: Some(name.to_owned()),
        filter_subject: filter.to_owned(),
        ..Default::default()
    };
    let a = consumer(&stream, filtered("a", "s.a")).await;
    consumer(&stream, filtered("b", "s.b")).await;
    assert_eq!(error_code(&fails(stream.create_consumer(filtered("c", "s.*")).await)), 10100);
    publish(&js, "s.a", "for a").await;
    publish(&js, "s.b", "for b").await;
    ack_all(&take(&a, 1).await).await;
    eventually("only b's is left", || async { state(&stream).await.messages == 1 }).await;
}

/// Rows: S1-60
#[tokio::test]
async fn s1_60_interest_keeps_a_message_until_all_consumers_have_acked() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config { retention: RetentionPolicy::Interest, ..config() };
    let stream = stream_with(&js, config).await;
    assert_eq!(publish(&js, "s.a", "nobody is interested").await.sequence, 1);
    assert_eq!(state(&stream).await.messages, 0);
    let (one, two) = (durable(&stream, "one").await, durable(&stream, "two").await);
    publish_many(&js, "s.a", 2).await;
    ack_all(&take(&one, 2).await).await;
    assert_eq!(state(&stream).await.messages, 2);
    ack_all(&take(&two, 1).await).await;
    eventually("the first goes", || async { state(&stream).await.messages == 1 }).await;
    stream.delete_consumer("two").await.unwrap();
    eventually("the rest goes", || async { state(&stream).await.messages == 0 }).await;
}

#[tokio::test]
async fn a_sealed_stream_takes_and_gives_up_nothing() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream_with(&js, config()).await;
    publish(&js, "s.a", "x").await;
    let sealed = Config { sealed: true, ..stream.cached_info().config.clone() };
    assert!(js.update_stream(sealed).await.unwrap().config.sealed);
    let message = PublishMessage::build().payload("x".into());
    assert_eq!(refused(&js, "s.a", message).await, 10109);
    assert_eq!(api_error(&js.client(), "STREAM.PURGE.S", "").await, 10109);
    assert_eq!(stream.get_raw_message(1).await.unwrap().payload, "x");
}

#[tokio::test]
async fn deny_delete_and_deny_purge_protect_the_messages() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config { deny_delete: true, deny_purge: true, ..config() };
    let stream = stream_with(&js, config).await;
    publish(&js, "s.a", "x").await;
    let client = js.client();
    assert_eq!(api_error(&client, "STREAM.MSG.DELETE.S", "{\"seq\":1}").await, 10057);
    assert_eq!(api_error(&client, "STREAM.PURGE.S", "").await, 10110);
    assert_eq!(state(&stream).await.messages, 1);
}
