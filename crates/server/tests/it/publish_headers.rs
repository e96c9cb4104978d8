//! Headers that make a publish conditional.

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;

use crate::help::{
    durable, eventually, ms, owned, publish, refused, soon, state, stream, stream_with, take_one,
};
use crate::server::Server;

fn message(body: &str) -> PublishMessage {
    PublishMessage::build().payload(body.to_owned().into())
}

/// Publishes a message that must be taken.
async fn taken(
    js: &async_nats::jetstream::Context,
    subject: &str,
    message: PublishMessage,
) -> (u64, bool) {
    let sent = js.send_publish(subject.to_owned(), message).await.unwrap();
    let ack = soon("an ack", async { sent.await }).await.unwrap();
    (ack.sequence, ack.duplicate)
}

/// Rows: S1-62, S1-73
#[tokio::test]
async fn s1_73_a_message_id_is_stored_once_within_the_window() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s.*"]).await;
    assert_eq!(taken(&js, "s.a", message("1").message_id("id-1")).await, (1, false));
    assert_eq!(taken(&js, "s.b", message("2").message_id("id-1")).await, (1, true));
    assert_eq!(taken(&js, "s.a", message("3").message_id("id-2")).await, (2, false));
    assert_eq!(taken(&js, "s.a", message("4").message_id("")).await, (3, false));
    assert_eq!(taken(&js, "s.a", message("5").message_id("")).await, (4, false));
    assert_eq!(state(&stream).await.messages, 4);
}

/// Rows: S1-62
#[tokio::test]
async fn s1_62_a_message_id_is_free_again_after_the_window() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config {
        name: "S".into(),
        subjects: owned(&["s"]),
        duplicate_window: ms(200),
        ..Config::default()
    };
    let stream = stream_with(&js, config).await;
    assert_eq!(taken(&js, "s", message("1").message_id("id")).await, (1, false));
    assert_eq!(taken(&js, "s", message("1").message_id("id")).await, (1, true));
    eventually("the id is forgotten", || async {
        taken(&js, "s", message("1").message_id("id")).await == (2, false)
    })
    .await;
    assert_eq!(state(&stream).await.messages, 2);
}

#[tokio::test]
async fn the_expected_stream_must_be_the_one() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    assert_eq!(refused(&js, "s", message("").expected_stream("T")).await, 10060);
    assert_eq!(taken(&js, "s", message("").expected_stream("S")).await.0, 1);
}

#[tokio::test]
async fn the_expected_last_sequence_must_be_the_streams_last() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s.*"]).await;
    assert_eq!(taken(&js, "s.a", message("").expected_last_sequence(0)).await.0, 1);
    assert_eq!(refused(&js, "s.a", message("").expected_last_sequence(0)).await, 10071);
    assert_eq!(refused(&js, "s.a", message("").expected_last_sequence(2)).await, 10071);
    assert_eq!(taken(&js, "s.b", message("").expected_last_sequence(1)).await.0, 2);
}

#[tokio::test]
async fn the_expected_last_sequence_of_a_subject_counts_that_subject_alone() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s.*"]).await;
    let expecting = |seq| message("").expected_last_subject_sequence(seq);
    assert_eq!(taken(&js, "s.a", expecting(0)).await.0, 1);
    assert_eq!(taken(&js, "s.b", expecting(0)).await.0, 2);
    assert_eq!(refused(&js, "s.a", expecting(0)).await, 10071);
    assert_eq!(refused(&js, "s.a", expecting(2)).await, 10071);
    assert_eq!(taken(&js, "s.a", expecting(1)).await.0, 3);
    // Another subject, here with a wildcard, may be named.
    let named = expecting(3).header("Nats-Expected-Last-Subject-Sequence-Subject", "s.*");
    assert_eq!(taken(&js, "s.b", named).await.0, 4);
}

#[tokio::test]
async fn the_expected_last_message_id_must_be_the_last_one() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    assert_eq!(refused(&js, "s", message("").expected_last_message_id("a")).await, 10070);
    assert_eq!(taken(&js, "s", message("").message_id("a")).await.0, 1);
    assert_eq!(refused(&js, "s", message("").expected_last_message_id("b")).await, 10070);
    assert_eq!(taken(&js, "s", message("").expected_last_message_id("a")).await.0, 2);
}

#[tokio::test]
async fn a_wrong_expectation_is_told_before_a_duplicate() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    let publish = || message("").message_id("a").expected_last_sequence(0);
    assert_eq!(taken(&js, "s", publish()).await, (1, false));
    assert_eq!(refused(&js, "s", publish()).await, 10071);
}

#[tokio::test]
async fn a_rollup_leaves_only_itself_of_its_subject_or_of_the_stream() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config {
        name: "S".into(),
        subjects: owned(&["s.*"]),
        allow_rollup: true,
        ..Config::default()
    };
    let stream = stream_with(&js, config).await;
    for subject in ["s.a", "s.b", "s.a", "s.b"] {
        publish(&js, subject, "x").await;
    }
    assert_eq!(taken(&js, "s.a", message("").header("Nats-Rollup", "sub")).await.0, 5);
    let now = state(&stream).await;
    assert_eq!((now.messages, now.first_sequence, now.subjects_count), (3, 2, 2));
    assert_eq!(taken(&js, "s.a", message("").header("Nats-Rollup", "all")).await.0, 6);
    let now = state(&stream).await;
    assert_eq!((now.messages, now.first_sequence, now.last_sequence), (1, 6, 6));
    assert_eq!(refused(&js, "s.a", message("").header("Nats-Rollup", "some")).await, 10111);
}

#[tokio::test]
async fn a_rollup_needs_the_permission_of_the_stream() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    assert_eq!(refused(&js, "s", message("").header("Nats-Rollup", "sub")).await, 10111);
}

#[tokio::test]
async fn headers_come_back_as_they_were_sent() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("X-Trace", "abc: def");
    headers.append("Many", "1");
    headers.append("Many", "2");
    taken(&js, "s", message("body").headers(headers.clone())).await;
    let consumer = durable(&stream, "C").await;
    let message = take_one(&consumer).await;
    assert_eq!(message.headers.as_ref(), Some(&headers));
    assert_eq!(message.payload, "body");
}
