//! Publishing to a stream and its acknowledgement.

use std::time::Instant;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;

use crate::help::{fails, ms, next, owned, publish, refused, soon, state, stream, stream_with};
use crate::raw::Raw;
use crate::server::Server;

/// Rows: S0-28, S0-29, S4-31
#[tokio::test]
async fn s4_31_acks_carry_the_stream_and_the_sequences_1_2_3() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "ORDERS", &["orders.>"]).await;
    for expected in 1..=3 {
        let ack = publish(&js, "orders.created", "{\"order_id\":\"123\"}").await;
        assert_eq!((ack.stream.as_str(), ack.sequence), ("ORDERS", expected));
        assert!(!ack.duplicate && ack.domain.is_empty());
    }
    assert_eq!(state(&stream).await.messages, 3);
}

#[tokio::test]
async fn an_ack_is_the_same_bytes_as_nats_servers() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB acks 1\r\n").await;
    raw.publish("s", "acks", "x").await;
    assert_eq!(raw.frame().await.body, "{\"stream\":\"S\",\"seq\":1}");
    let headers = "NATS/1.0\r\nNats-Msg-Id: a\r\n\r\n";
    for body in ["{\"stream\":\"S\",\"seq\":2}", "{\"stream\":\"S\",\"seq\":2,\"duplicate\": true}"]
    {
        let (n_header, n_all) = (headers.len(), headers.len() + 1);
        raw.send(format!("HPUB s acks {n_header} {n_all}\r\n{headers}x\r\n")).await;
        assert_eq!(raw.frame().await.body, body);
    }
    let headers = "NATS/1.0\r\nNats-Expected-Last-Sequence: 9\r\n\r\n";
    raw.send(format!("HPUB s acks {0} {0}\r\n{headers}\r\n", headers.len())).await;
    assert_eq!(
        raw.frame().await.body,
        "{\"error\":{\"code\":400,\"err_code\":10071,\"description\":\"wrong last sequence: 2\"},\
         \"stream\":\"S\",\"seq\":0}"
    );
}

/// Rows: S0-03, S0-29
#[tokio::test]
async fn s0_29_a_subject_of_no_stream_is_an_error_and_no_hang() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "neo-events", &["neo.datafeed.*"]).await;
    let started = Instant::now();
    let sent = js.publish("neo.other.x", "lost".into()).await.unwrap();
    assert_eq!(fails(sent.await).kind(), PublishErrorKind::StreamNotFound);
    assert!(started.elapsed() < ms(2000));
}

/// Rows: S0-71, S0-72, S4-79
#[tokio::test]
async fn s0_71_a_thousand_publishes_in_flight_are_all_acknowledged_in_order() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "EVENTS", &["neo.datafeed.*"]).await;
    let mut futures = Vec::new();
    for i in 0..1000 {
        let event = format!("{{\"feedId\":\"BTC/USD\",\"price\":\"{i}\"}}");
        futures.push(js.publish("neo.datafeed.update", event.into()).await.unwrap());
    }
    for expected in 1..=1000 {
        assert_eq!(
            soon("an ack", async { futures.remove(0).await }).await.unwrap().sequence,
            expected
        );
    }
    assert_eq!(state(&stream).await.last_sequence, 1000);
}

/// Rows: S0-72
#[tokio::test]
async fn s0_72_one_failed_publish_of_many_fails_alone() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream_with(
        &js,
        Config {
            name: "S".into(),
            subjects: owned(&["s"]),
            max_message_size: 8,
            ..Config::default()
        },
    )
    .await;
    let mut futures = Vec::new();
    for body in ["short", "much too long for it", "again"] {
        futures.push(js.publish("s", body.into()).await.unwrap());
    }
    let mut seqs = Vec::new();
    for future in futures {
        seqs.push(soon("an answer", async { future.await }).await.map(|ack| ack.sequence).ok());
    }
    assert_eq!(seqs, [Some(1), None, Some(2)]);
    let long = PublishMessage::build().payload("much too long for it".into());
    assert_eq!(refused(&js, "s", long).await, 10054);
}

#[tokio::test]
async fn a_plain_publish_is_stored_too_and_a_subscriber_sees_it() {
    let server = Server::start();
    let js = server.jetstream().await;
    let mut stored = stream(&js, "S", &["s.*"]).await;
    let client = js.client();
    let mut sub = client.subscribe("s.>").await.unwrap();
    client.publish("s.a", "core".into()).await.unwrap();
    assert_eq!(next(&mut sub).await.payload, "core");
    publish(&js, "s.b", "js").await;
    assert_eq!(stored.info().await.unwrap().state.messages, 2);
    assert_eq!(next(&mut sub).await.payload, "js");
}

/// Rows: S4-83
#[tokio::test]
async fn a_body_of_one_mebibyte_comes_back_whole() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    let body: Vec<u8> = (0..1_048_576_u32).map(|i| i.to_le_bytes()[1]).collect();
    publish(&js, "s", body.clone()).await;
    let stored = stream.get_raw_message(1).await.unwrap();
    assert!(stored.payload == body, "the same bytes");
}

#[tokio::test]
async fn a_stream_without_acks_answers_nothing_and_stores() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config =
        Config { name: "S".into(), subjects: owned(&["s"]), no_ack: true, ..Config::default() };
    let stream = stream_with(&js, config).await;
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB acks 1\r\n").await;
    raw.publish("s", "acks", "x").await;
    crate::help::eventually("the message is stored", || async {
        state(&stream).await.messages == 1
    })
    .await;
    raw.ping().await;
}
