//! Core NATS at its limits: sizes, connections, keep-alive, slow consumers.

use async_nats::client::PublishErrorKind;

use crate::help::{fails, ms};
use crate::raw::Raw;
use crate::server::Server;

/// Rows: S4-83
#[tokio::test]
async fn s4_83_a_payload_above_the_limit_is_refused_by_client_and_server() {
    let server = Server::with_config("max_payload: 1024");
    let client = server.client().await;
    assert_eq!(client.max_payload(), 1024);
    let error = fails(client.publish("big", vec![b'x'; 1025].into()).await);
    assert_eq!(error.kind(), PublishErrorKind::MaxPayloadExceeded);
    client.publish("big", vec![b'x'; 1024].into()).await.unwrap();
    client.flush().await.unwrap();

    let mut raw = Raw::hello(&server).await;
    raw.send("PUB big 1025\r\n").await;
    assert_eq!(raw.rest().await, "-ERR 'Maximum Payload Violation'\r\n");
}

#[tokio::test]
async fn a_header_counts_as_payload() {
    let server = Server::with_config("max_payload: 32");
    let mut raw = Raw::hello(&server).await;
    raw.send("HPUB a 18 33\r\n").await;
    assert_eq!(raw.rest().await, "-ERR 'Maximum Payload Violation'\r\n");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let server = Server::with_config("max_connections: 1");
    let mut first = Raw::hello(&server).await;
    let mut second = Raw::open(&server).await;
    assert_eq!(second.rest().await, "-ERR 'maximum connections exceeded'\r\n");
    first.ping().await;
}

/// Rows: S4-51
#[tokio::test]
async fn s4_51_a_client_that_answers_no_ping_is_closed_as_stale() {
    let server = Server::with_config("ping_interval: \"100ms\"\nping_max: 2");
    let mut raw = Raw::hello(&server).await;
    // `rest` answers nothing.
    let said = raw.rest().await;
    assert_eq!(said, "PING\r\nPING\r\n-ERR 'Stale Connection'\r\n");
}

/// Rows: S4-50
#[tokio::test]
async fn s4_50_a_client_that_answers_pings_is_kept() {
    let server = Server::with_config("ping_interval: \"100ms\"\nping_max: 2");
    let mut raw = Raw::hello(&server).await;
    // `line` answers pings and waits for something else.
    assert!(tokio::time::timeout(ms(600), raw.line()).await.is_err(), "nothing but pings comes");
    raw.ping().await;
}

#[tokio::test]
async fn a_subscriber_that_reads_nothing_is_closed_and_the_others_go_on() {
    let server = Server::with_config("max_pending: 1048576");
    let mut deaf = Raw::hello(&server).await;
    deaf.send("SUB flood 1\r\n").await;
    deaf.ping().await;
    let sender = server.client().await;
    let other = server.client().await;
    let mut sub = other.subscribe("flood").await.unwrap();
    crate::help::round_trip(&other).await;
    for _ in 0..400 {
        sender.publish("flood", vec![b'x'; 64 * 1024].into()).await.unwrap();
        crate::help::next(&mut sub).await;
    }
    // 25 MB were for it, of which the sockets hold some and the server at most 1 MiB.
    let read = deaf.rest_bytes().await.len();
    assert!(read < 400 * 64 * 1024, "cut off after {read} bytes");
}

#[tokio::test]
async fn every_connection_gets_its_own_client_id() {
    let server = Server::core_only();
    let (one, two) = (Raw::open(&server).await, Raw::open(&server).await);
    assert_ne!(one.info["client_id"], two.info["client_id"]);
    assert_eq!(one.info["server_id"], two.info["server_id"]);
}
