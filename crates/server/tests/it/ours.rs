//! What only our server promises: nothing confirmed is lost, whatever the moment of the crash.
//!
//! nats-server confirms before it syncs, and keeps a consumer's state back for a while, so these
//! tests pass over when it is the server under test.

use std::collections::BTreeMap;
use std::fs;

use async_nats::jetstream::Context;
use async_nats::jetstream::kv;
use async_nats::jetstream::message::PublishMessage;
use futures_util::TryStreamExt;
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::help::{
    Pull, ack_all, durable, eventually, info, look, ms, publish, publish_many, seqs, silent, soon,
    state, stream, take, take_one,
};
use crate::raw::Raw;
use crate::server::{Server, run};

/// Publishes with 256 in flight until the server dies; gives what was acknowledged.
async fn publish_until_the_end(js: Context, worker: u64) -> BTreeMap<u64, String> {
    let mut acked = BTreeMap::new();
    let mut in_flight = FuturesUnordered::new();
    for i in 0.. {
        let body = format!("{worker}-{i}");
        let Ok(sent) = js.publish("s", body.clone().into()).await else { break };
        in_flight.push(async move { (body, sent.await) });
        if in_flight.len() < 256 {
            continue;
        }
        match in_flight.next().await {
            Some((body, Ok(ack))) => acked.insert(ack.sequence, body),
            _ => break,
        };
    }
    while let Some((body, result)) = in_flight.next().await {
        if let Ok(ack) = result {
            acked.insert(ack.sequence, body);
        }
    }
    acked
}

/// Rows: S1-01, S1-02, S1-59
#[tokio::test]
async fn s1_01_every_acknowledged_publish_survives_kill_9() {
    if Server::is_reference() {
        return;
    }
    let mut server = Server::start();
    stream(&server.jetstream().await, "S", &["s"]).await;
    let mut acked = BTreeMap::new();
    for round in 1..=4_u64 {
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let connecting =
                    server.client_with(async_nats::ConnectOptions::new().max_reconnects(1));
                (round * 10 + worker, connecting)
            })
            .collect();
        let mut tasks = Vec::new();
        for (worker, connecting) in workers {
            let mut js = async_nats::jetstream::new(connecting.await);
            js.set_timeout(ms(500));
            tasks.push(tokio::spawn(publish_until_the_end(js, worker)));
        }
        let watch = server.jetstream().await.get_stream("S").await.unwrap();
        let target = state(&watch).await.messages + round * 700;
        eventually("enough is stored", || async { state(&watch).await.messages > target }).await;
        server.kill9();
        for task in tasks {
            acked.extend(soon("a publisher gives up", task).await.unwrap());
        }
        server.restart();
    }
    let stream = server.jetstream().await.get_stream("S").await.unwrap();
    let last = state(&stream).await.last_sequence;
    assert!(acked.len() > 1000, "{} acknowledged", acked.len());
    let reader = durable(&stream, "all").await;
    let mut stored = BTreeMap::new();
    while stored.len() < usize::try_from(last).unwrap() {
        let left = usize::try_from(last).unwrap() - stored.len();
        for message in take(&reader, left.min(500)).await {
            let body = String::from_utf8(message.payload.to_vec()).unwrap();
            stored.insert(info(&message).stream_sequence, body);
            message.ack().await.unwrap();
        }
    }
    for (seq, body) in &acked {
        assert_eq!(stored.get(seq), Some(body), "sequence {seq}");
    }
}

/// Rows: S1-01, S1-34
#[tokio::test]
async fn s1_34_a_confirmed_ack_is_never_redelivered_after_kill_9() {
    if Server::is_reference() {
        return;
    }
    let mut server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 100).await;
    durable(&stream, "C").await;
    let mut expected: Vec<u64> = (1..=100).collect();
    for round in 0..5 {
        let js = server.jetstream().await;
        let worker: Pull = js.get_consumer_from_stream("C", "S").await.unwrap();
        let messages = take(&worker, expected.len().min(12)).await;
        // Every other one is confirmed; the rest has to come again.
        for message in messages.iter().skip(round % 2).step_by(2) {
            message.double_ack().await.unwrap();
            expected.retain(|&seq| seq != info(message).stream_sequence);
        }
        server.crash();
    }
    let js = server.jetstream().await;
    let worker: Pull = js.get_consumer_from_stream("C", "S").await.unwrap();
    let info = look(&worker).await;
    let left = u64::try_from(info.num_ack_pending).unwrap() + info.num_pending;
    assert_eq!(left, u64::try_from(expected.len()).unwrap());
    assert_eq!(info.ack_floor.stream_sequence, expected[0] - 1);
}

#[tokio::test]
async fn all_that_was_answered_is_there_after_kill_9_at_once() {
    if Server::is_reference() {
        return;
    }
    let mut server = Server::start();
    let js = server.jetstream().await;
    let kept = stream(&js, "KEPT", &["kept.*"]).await;
    stream(&js, "GONE", &["gone"]).await;
    publish_many(&js, "kept.a", 10).await;
    durable(&kept, "C").await;
    durable(&kept, "D").await;
    kept.delete_message(3).await.unwrap();
    kept.purge().filter("kept.a").keep(5).await.unwrap();
    kept.delete_consumer("D").await.unwrap();
    js.delete_stream("GONE").await.unwrap();
    server.crash();
    let js = server.jetstream().await;
    let names: Vec<String> = js.stream_names().try_collect().await.unwrap();
    assert_eq!(names, ["KEPT"]);
    let kept = js.get_stream("KEPT").await.unwrap();
    let now = state(&kept).await;
    assert_eq!((now.messages, now.first_sequence, now.last_sequence), (5, 6, 10));
    let names: Vec<String> = kept.consumer_names().try_collect().await.unwrap();
    assert_eq!(names, ["C"]);
    let worker: Pull = kept.get_consumer("C").await.unwrap();
    assert_eq!(seqs(&take(&worker, 5).await), [6, 7, 8, 9, 10]);
}

/// Rows: S1-62
#[tokio::test]
async fn s1_62_a_message_id_is_known_after_kill_9() {
    if Server::is_reference() {
        return;
    }
    let mut server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    for i in 1..=3 {
        let message = || PublishMessage::build().payload("x".into()).message_id(i.to_string());
        js.send_publish("s", message()).await.unwrap().await.unwrap();
        server.crash();
        let js = server.jetstream().await;
        let ack = js.send_publish("s", message()).await.unwrap().await.unwrap();
        assert_eq!((ack.sequence, ack.duplicate), (i, true));
    }
}

#[tokio::test]
async fn a_value_that_was_put_is_there_after_kill_9() {
    if Server::is_reference() {
        return;
    }
    let mut server = Server::start();
    let js = server.jetstream().await;
    let config = kv::Config { bucket: "config".into(), history: 3, ..Default::default() };
    js.create_key_value(config).await.unwrap();
    for i in 1..=5_u64 {
        let store = server.jetstream().await.get_key_value("config").await.unwrap();
        let value = i.to_string();
        assert_eq!(store.put("key", value.clone().into()).await.unwrap(), i);
        server.crash();
        let store = server.jetstream().await.get_key_value("config").await.unwrap();
        assert_eq!(store.get("key").await.unwrap().unwrap(), value);
    }
}

#[tokio::test]
async fn a_crash_during_recovery_after_a_crash_loses_nothing() {
    if Server::is_reference() {
        return;
    }
    let mut server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 500).await;
    for _ in 0..5 {
        server.crash();
    }
    let js = server.jetstream().await;
    assert_eq!(publish(&js, "s", "x").await.sequence, 501);
    let worker = durable(&js.get_stream("S").await.unwrap(), "C").await;
    let messages = take(&worker, 501).await;
    ack_all(&messages[500..]).await;
    assert_eq!(seqs(&messages), (1..=501).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_second_server_on_the_same_store_refuses_to_start() {
    if Server::is_reference() {
        return;
    }
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    let store = server.store_dir();
    let end = run(&["-a", "127.0.0.1", "-p", "-1", "-js", "-sd", store.to_str().unwrap()]);
    assert_ne!(end.code, Some(0), "{end:?}");
    assert!(!end.stderr.is_empty(), "it says why");
    publish(&js, "s", "the first goes on").await;
    assert_eq!(take_one(&durable(&stream, "C").await).await.payload, "the first goes on");
}

#[tokio::test]
async fn a_store_that_another_program_wrote_is_left_as_it_is() {
    if Server::is_reference() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // The layout of nats-server's file store.
    let meta = dir.path().join("jetstream/$G/streams/ORDERS/meta.inf");
    fs::create_dir_all(meta.parent().unwrap()).unwrap();
    fs::write(&meta, "{\"name\":\"ORDERS\"}").unwrap();
    let end = run(&["-a", "127.0.0.1", "-p", "-1", "-js", "-sd", dir.path().to_str().unwrap()]);
    assert_ne!(end.code, Some(0), "{end:?}");
    assert!(!end.stderr.is_empty(), "it says why");
    assert_eq!(fs::read_to_string(&meta).unwrap(), "{\"name\":\"ORDERS\"}");
}

/// nats-server lets `orders.>` through, because `>` as a token matches `*`.
#[tokio::test]
async fn a_subscription_wider_than_what_is_allowed_is_refused() {
    if Server::is_reference() {
        return;
    }
    let server = Server::with_config(
        "authorization { users = [ { user: u, password: p,\n\
         permissions: { subscribe: { allow: [\"orders.*\"] } } } ] }",
    );
    let mut raw = Raw::open(&server).await;
    raw.send("CONNECT {\"verbose\":false,\"pedantic\":false,\"user\":\"u\",\"pass\":\"p\"}\r\n")
        .await;
    raw.send("SUB orders.> 1\r\n").await;
    let refusal = "-ERR 'Permissions Violation for Subscription to \"orders.>\"'";
    assert_eq!(raw.lines_until_pong().await, [refusal]);
}

/// Rows: S1-03
#[tokio::test]
async fn s1_03_ack_wait_runs_on_after_kill_9() {
    if Server::is_reference() {
        return;
    }
    let mut server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 3).await;
    let config = async_nats::jetstream::consumer::pull::Config {
        durable_name: Some("C".into()),
        ack_wait: ms(500),
        ..Default::default()
    };
    let worker = crate::help::consumer(&stream, config).await;
    ack_all(&take(&worker, 3).await[1..2]).await;
    server.crash();
    let js = server.jetstream().await;
    let worker: Pull = js.get_consumer_from_stream("C", "S").await.unwrap();
    let mut again = take(&worker, 2).await;
    again.sort_by_key(|message| info(message).stream_sequence);
    assert_eq!(seqs(&again), [1, 3]);
    ack_all(&again).await;
    silent(&worker, ms(700)).await;
}
