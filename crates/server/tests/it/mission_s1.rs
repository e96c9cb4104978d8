//! Seed 001: zero loss with `F_RELIABLE` and `F_REL_DURABLE`, and its tests 1 to 3.

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{AckKind, Context};
use async_nats::{ConnectOptions, Event};
use serde_json::json;

use crate::help::{
    Pull, ack_all, api, batch, bodies, consumer, eventually, info, look, ms, owned, publish, seqs,
    silent, soon, state, take,
};
use crate::server::Server;

/// The seed's `ensureStream`.
async fn ensure_stream(js: &Context) -> Stream {
    let config = Config {
        name: "F_RELIABLE".into(),
        subjects: owned(&["f.reliable"]),
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        ..Config::default()
    };
    js.get_or_create_stream(config).await.unwrap()
}

async fn ensure_consumer(stream: &Stream) -> Pull {
    let config = pull::Config {
        durable_name: Some("F_REL_DURABLE".into()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ms(1500),
        ..Default::default()
    };
    consumer(stream, config).await
}

/// Rows: S1-06, S1-07, S1-10, S1-11, S1-22, S1-27
#[tokio::test]
async fn s1_10_stream_and_consumer_are_what_the_seed_draws() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = ensure_stream(&js).await;
    ensure_stream(&js).await;
    ensure_consumer(&stream).await;
    let info = api(&js.client(), "STREAM.INFO.F_RELIABLE", "").await;
    assert_eq!(info["config"]["storage"], "file");
    assert_eq!(info["config"]["retention"], "limits");
    assert_eq!(info["config"]["num_replicas"], 1);
    assert_eq!(info["state"]["consumer_count"], 1);
    let info = api(&js.client(), "CONSUMER.INFO.F_RELIABLE.F_REL_DURABLE", "").await;
    assert_eq!(info["config"]["durable_name"], "F_REL_DURABLE");
    assert_eq!(info["config"]["ack_policy"], "explicit");
    assert_eq!(info["delivered"], json!({"consumer_seq": 0, "stream_seq": 0}));
}

/// Rows: S1-12, S1-20
#[tokio::test]
async fn s1_12_three_are_published_fetched_processed_and_acknowledged() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = ensure_stream(&js).await;
    let consumer = ensure_consumer(&stream).await;
    for i in 1..=3 {
        let body = format!("2026-02-02T17:45:00.{i}+08:00");
        assert_eq!(publish(&js, "f.reliable", body).await.sequence, i);
    }
    let messages = batch(&consumer, 3, ms(2000)).await;
    assert_eq!(seqs(&messages), [1, 2, 3]);
    ack_all(&messages).await;
    let info = look(&consumer).await;
    assert_eq!((info.ack_floor.stream_sequence, info.num_pending), (3, 0));
}

/// Test 1: run, stop, restart the server, run again.
///
/// Rows: S0-47, S1-02, S1-24, S1-42
#[tokio::test]
async fn s1_42_messages_are_there_after_a_restart_of_the_server() {
    let mut server = Server::start();
    for run in 0..3_u64 {
        let js = server.jetstream().await;
        let stream = ensure_stream(&js).await;
        assert_eq!(state(&stream).await.messages, run * 3);
        for i in 1..=3 {
            assert_eq!(publish(&js, "f.reliable", i.to_string()).await.sequence, run * 3 + i);
        }
        server.stop();
        server.restart();
    }
    let js = server.jetstream().await;
    let consumer = ensure_consumer(&ensure_stream(&js).await).await;
    let messages = take(&consumer, 9).await;
    assert_eq!(bodies(&messages), ["1", "2", "3", "1", "2", "3", "1", "2", "3"]);
}

/// Test 2: only the first is acknowledged; the next run starts with the second.
///
/// Rows: S1-08, S1-33, S1-34, S1-35, S1-43, S1-44
#[tokio::test]
async fn s1_43_the_next_run_starts_with_the_second_message() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let stream = ensure_stream(&js).await;
    let consumer = ensure_consumer(&stream).await;
    for body in ["1", "2", "3"] {
        publish(&js, "f.reliable", body).await;
    }
    let messages = batch(&consumer, 3, ms(2000)).await;
    assert_eq!(seqs(&messages), [1, 2, 3]);
    ack_all(&messages[..1]).await;

    // The program runs again while the server goes on.
    let js = server.jetstream().await;
    let consumer: Pull = js.get_consumer_from_stream("F_REL_DURABLE", "F_RELIABLE").await.unwrap();
    let again = take(&consumer, 2).await;
    assert_eq!(seqs(&again), [2, 3]);
    assert!(again.iter().all(|message| info(message).delivered == 2));

    // And once more after the server was restarted too.
    server.stop();
    server.restart();
    let js = server.jetstream().await;
    let consumer: Pull = js.get_consumer_from_stream("F_REL_DURABLE", "F_RELIABLE").await.unwrap();
    assert_eq!(look(&consumer).await.ack_floor.stream_sequence, 1);
    let again = take(&consumer, 2).await;
    assert_eq!(seqs(&again), [2, 3]);
    ack_all(&again).await;
    silent(&consumer, ms(1600)).await;
}

/// Test 3: the connection is lost and found; both are told, and the work goes on.
///
/// Rows: S1-05, S1-45, S4-11
#[tokio::test]
async fn s1_45_the_client_reconnects_by_itself_and_works_on() {
    let mut server = Server::start();
    let (sender, mut events) = tokio::sync::mpsc::channel(64);
    let options = ConnectOptions::new().event_callback(move |event| {
        let sender = sender.clone();
        async move { drop(sender.send(event).await) }
    });
    let client = server.client_with(options).await;
    let js = async_nats::jetstream::new(client.clone());
    let stream = ensure_stream(&js).await;
    let consumer = ensure_consumer(&stream).await;
    publish(&js, "f.reliable", "before").await;
    for round in 0..3 {
        server.stop();
        while soon("disconnected", events.recv()).await != Some(Event::Disconnected) {}
        server.restart();
        while soon("connected", events.recv()).await != Some(Event::Connected) {}
        eventually("a publish works", || async {
            match js.publish("f.reliable", format!("after {round}").into()).await {
                Ok(sent) => sent.await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
    }
    let messages = take(&consumer, 4).await;
    assert_eq!(bodies(&messages), ["before", "after 0", "after 1", "after 2"]);
    ack_all(&messages).await;
}

/// Rows: S1-47
#[tokio::test]
async fn s1_47_a_client_that_comes_first_waits_for_its_server() {
    let mut server = Server::start();
    server.stop();
    let options = ConnectOptions::new().retry_on_initial_connect();
    let client = server.client_with(options).await;
    server.restart();
    eventually("it is connected", || async { client.flush().await.is_ok() }).await;
    let js = async_nats::jetstream::new(client);
    eventually("the server answers", || async { js.query_account().await.is_ok() }).await;
}

/// Rows: S1-19
#[tokio::test]
async fn s1_19_binding_to_a_missing_stream_or_consumer_is_an_error() {
    let server = Server::start();
    let js = server.jetstream().await;
    assert!(js.get_stream("F_RELIABLE").await.is_err());
    ensure_stream(&js).await;
    let missing = js.get_consumer_from_stream::<pull::Config, _, _>("F_REL_DURABLE", "F_RELIABLE");
    assert!(missing.await.is_err());
}

/// Rows: S1-50, S1-51
#[tokio::test]
async fn s1_51_one_message_that_fails_does_not_hold_up_the_batch() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = ensure_stream(&js).await;
    let consumer = ensure_consumer(&stream).await;
    crate::help::publish_many(&js, "f.reliable", 100).await;
    let messages = batch(&consumer, 100, ms(5000)).await;
    for message in &messages {
        // What fails is simply not acknowledged.
        if info(message).stream_sequence != 42 {
            message.double_ack().await.unwrap();
        }
    }
    assert_eq!(look(&consumer).await.num_ack_pending, 1);
    assert_eq!(look(&consumer).await.ack_floor.stream_sequence, 41);
    let again = take(&consumer, 1).await;
    assert_eq!((seqs(&again), info(&again[0]).delivered), (vec![42], 2));
    ack_all(&again).await;
    assert_eq!(look(&consumer).await.ack_floor.stream_sequence, 100);
}

/// Rows: S1-57
#[tokio::test]
async fn s1_57_acks_of_a_worker_pool_come_in_any_order() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = ensure_stream(&js).await;
    let consumer = ensure_consumer(&stream).await;
    crate::help::publish_many(&js, "f.reliable", 50).await;
    let mut workers = Vec::new();
    for message in take(&consumer, 50).await.into_iter().rev() {
        workers.push(tokio::spawn(async move { message.double_ack().await.unwrap() }));
    }
    for worker in workers {
        soon("an ack", worker).await.unwrap();
    }
    let info = look(&consumer).await;
    assert_eq!((info.ack_floor.stream_sequence, info.num_ack_pending), (50, 0));
}

/// Rows: S1-61
#[tokio::test]
async fn s1_61_a_lost_ack_is_a_duplicate_delivery() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = ensure_stream(&js).await;
    let consumer = ensure_consumer(&stream).await;
    publish(&js, "f.reliable", "x").await;
    drop(take(&consumer, 1).await);
    let again = take(&consumer, 1).await.remove(0);
    assert_eq!((info(&again).stream_sequence, info(&again).delivered), (1, 2));
    again.double_ack_with(AckKind::Ack).await.unwrap();
    silent(&consumer, ms(1600)).await;
}

/// Rows: S1-58
#[tokio::test]
async fn s1_58_the_store_is_where_sd_says() {
    let server = Server::start();
    let js = server.jetstream().await;
    publish_one(&js).await;
    assert!(server.store_dir().read_dir().unwrap().next().is_some());
}

async fn publish_one(js: &Context) {
    ensure_stream(js).await;
    publish(js, "f.reliable", "x").await;
}
