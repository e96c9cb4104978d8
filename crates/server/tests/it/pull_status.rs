//! The status lines that end a pull, byte for byte.

use serde_json::json;

use crate::help::{Pull, api_json, durable, eventually, look, ms, publish_many, stream};
use crate::raw::Raw;
use crate::server::Server;

/// A raw client with sid 1 on `in.>`, a stream `S` on `s`, a consumer `C`.
async fn setting(count: u64) -> (Server, Raw, Pull) {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", count).await;
    let consumer = durable(&stream, "C").await;
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB in.> 1\r\n").await;
    (server, raw, consumer)
}

const NEXT: &str = "$JS.API.CONSUMER.MSG.NEXT.S.C";

#[tokio::test]
async fn no_wait_on_an_empty_consumer_is_404() {
    let (_server, mut raw, _) = setting(0).await;
    raw.publish(NEXT, "in.1", "{\"batch\":5,\"no_wait\":true}").await;
    let frame = raw.frame().await;
    assert_eq!((frame.subject.as_str(), frame.reply), ("in.1", None));
    assert_eq!(
        (frame.headers.as_str(), frame.body.as_str()),
        ("NATS/1.0 404 No Messages\r\n\r\n", "")
    );
}

#[tokio::test]
async fn an_expired_pull_is_408_with_what_is_left() {
    let (_server, mut raw, _) = setting(2).await;
    raw.publish(NEXT, "in.1", "{\"batch\":5,\"expires\":100000000}").await;
    assert_eq!(raw.frame().await.body, "1");
    assert_eq!(raw.frame().await.body, "2");
    assert_eq!(
        raw.frame().await.headers,
        "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\nNats-Pending-Bytes: 0\r\n\r\n"
    );
}

#[tokio::test]
async fn an_empty_body_is_one_message_and_a_number_so_many() {
    let (_server, mut raw, _) = setting(4).await;
    raw.publish(NEXT, "in.1", "").await;
    let frame = raw.frame().await;
    assert_eq!((frame.subject.as_str(), frame.body.as_str()), ("s", "1"));
    let reply = frame.reply.unwrap();
    let words: Vec<&str> = reply.split('.').collect();
    assert_eq!(words[..7], ["$JS", "ACK", "S", "C", "1", "1", "1"]);
    assert_eq!((words.len(), words[8]), (9, "3"));
    raw.publish(NEXT, "in.2", "2").await;
    assert_eq!(raw.frame().await.body, "2");
    assert_eq!(raw.frame().await.body, "3");
    raw.ping().await;
}

#[tokio::test]
async fn too_many_bytes_is_409() {
    let (_server, mut raw, _) = setting(3).await;
    raw.publish(NEXT, "in.1", "{\"batch\":3,\"max_bytes\":10,\"expires\":1000000000}").await;
    assert_eq!(
        raw.frame().await.headers,
        "NATS/1.0 409 Message Size Exceeds MaxBytes\r\n\
         Nats-Pending-Messages: 3\r\nNats-Pending-Bytes: 10\r\n\r\n"
    );
}

#[tokio::test]
async fn a_deleted_consumer_ends_its_pulls_with_409() {
    let (server, mut raw, consumer) = setting(0).await;
    let client = server.client().await;
    raw.publish(NEXT, "in.1", "{\"batch\":1,\"expires\":20000000000}").await;
    eventually("the pull waits", || async { look(&consumer).await.num_waiting == 1 }).await;
    api_json(&client, "CONSUMER.DELETE.S.C", json!({})).await;
    assert_eq!(raw.frame().await.headers, "NATS/1.0 409 Consumer Deleted\r\n\r\n");
    raw.publish(NEXT, "in.2", "").await;
    assert!(raw.frame().await.headers.starts_with("NATS/1.0 503\r\n"));
}

#[tokio::test]
async fn more_waiting_pulls_than_allowed_are_409() {
    let server = Server::start();
    let client = server.client().await;
    api_json(&client, "STREAM.CREATE.S", json!({"name": "S", "subjects": ["s"]})).await;
    let config = json!({"durable_name": "C", "ack_policy": "explicit", "max_waiting": 1});
    let made =
        api_json(&client, "CONSUMER.CREATE.S.C", json!({"stream_name": "S", "config": config}));
    assert_eq!(made.await["config"]["max_waiting"], 1);
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB in.> 1\r\n").await;
    raw.publish(NEXT, "in.1", "{\"batch\":1,\"expires\":20000000000}").await;
    raw.publish(NEXT, "in.2", "{\"batch\":1,\"expires\":20000000000}").await;
    let frame = raw.frame().await;
    assert_eq!(frame.headers, "NATS/1.0 409 Exceeded MaxWaiting\r\n\r\n");
    assert_eq!(frame.subject, "in.2");
}

#[tokio::test]
async fn a_pull_from_a_push_consumer_is_409() {
    let server = Server::start();
    let client = server.client().await;
    api_json(&client, "STREAM.CREATE.S", json!({"name": "S", "subjects": ["s"]})).await;
    let config = json!({"durable_name": "C", "ack_policy": "explicit", "deliver_subject": "out"});
    let body = json!({"stream_name": "S", "config": config});
    api_json(&client, "CONSUMER.CREATE.S.C", body).await;
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB in.> 1\r\n").await;
    raw.publish(NEXT, "in.1", "").await;
    assert_eq!(raw.frame().await.headers, "NATS/1.0 409 Consumer is push based\r\n\r\n");
}

#[tokio::test]
async fn bad_pull_requests_are_400() {
    let (_server, mut raw, _) = setting(1).await;
    raw.publish(NEXT, "in.1", "{\"batch\":").await;
    assert!(raw.frame().await.headers.starts_with("NATS/1.0 400 Bad Request"));
    let heartbeat = "{\"batch\":1,\"expires\":1000000000,\"idle_heartbeat\":900000000}";
    raw.publish(NEXT, "in.2", heartbeat).await;
    assert!(raw.frame().await.headers.starts_with("NATS/1.0 400 Bad Request"));
}

#[tokio::test]
async fn a_waiting_pull_gets_heartbeats() {
    let (_server, mut raw, _) = setting(0).await;
    let body = "{\"batch\":1,\"expires\":1000000000,\"idle_heartbeat\":100000000}";
    raw.publish(NEXT, "in.1", body).await;
    for _ in 0..3 {
        let headers = raw.frame().await.headers;
        assert!(headers.starts_with("NATS/1.0 100 Idle Heartbeat\r\n"), "{headers}");
        assert!(headers.contains("Nats-Last-Consumer: 0\r\nNats-Last-Stream: 0\r\n"), "{headers}");
    }
}

#[tokio::test]
async fn ack_next_acknowledges_and_pulls_to_its_reply() {
    let (_server, mut raw, consumer) = setting(2).await;
    raw.publish(NEXT, "in.1", "").await;
    let first = raw.frame().await.reply.unwrap();
    raw.publish(&first, "in.2", "+NXT").await;
    assert_eq!(raw.frame().await.body, "2");
    eventually("the first is acknowledged", || async {
        look(&consumer).await.ack_floor.stream_sequence == 1
    })
    .await;
    crate::help::silent(&consumer, ms(50)).await;
}
