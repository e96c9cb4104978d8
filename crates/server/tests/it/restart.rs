//! What a server knows again after a clean stop and a new start.

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::kv;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::object_store;
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use futures_util::TryStreamExt;
use tokio::io::AsyncReadExt;

use crate::help::{
    Pull, ack_all, bodies, consumer, durable, eventually, fails, info, look, ms, owned, publish,
    publish_many, seqs, silent, state, stream, stream_with, take,
};
use crate::server::Server;

fn again(server: &mut Server) {
    server.stop();
    server.restart();
}

/// Rows: S0-47, S0-81, S1-02, S1-06, S1-13, S1-14
#[tokio::test]
async fn s1_14_a_file_stream_is_whole_after_a_restart_and_a_memory_stream_is_empty() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let file = stream(&js, "FILE", &["file.*"]).await;
    let memory = Config {
        name: "MEMORY".into(),
        subjects: owned(&["memory"]),
        storage: StorageType::Memory,
        ..Config::default()
    };
    stream_with(&js, memory).await;
    publish_many(&js, "memory", 10).await;
    for i in 1..=100 {
        publish(&js, if i % 2 == 0 { "file.even" } else { "file.odd" }, i.to_string()).await;
    }
    file.delete_message(50).await.unwrap();
    let before = state(&file).await;
    let config = file.get_info().await.unwrap().config;
    again(&mut server);

    let js = server.jetstream().await;
    let file = js.get_stream("FILE").await.unwrap();
    let after = state(&file).await;
    assert_eq!((after.messages, after.bytes), (before.messages, before.bytes));
    assert_eq!((after.first_sequence, after.last_sequence), (1, 100));
    assert_eq!(after.first_timestamp, before.first_timestamp);
    assert_eq!(after.last_timestamp, before.last_timestamp);
    assert_eq!((after.subjects_count, after.deleted_count), (2, Some(1)));
    assert_eq!(file.cached_info().config, config);
    for i in [1, 49, 51, 100] {
        assert_eq!(file.get_raw_message(i).await.unwrap().payload, i.to_string());
    }
    assert!(file.get_raw_message(50).await.is_err());
    assert_eq!(publish(&js, "file.odd", "next").await.sequence, 101);
    if let Ok(memory) = js.get_stream("MEMORY").await {
        assert_eq!(state(&memory).await.messages, 0);
    }
}

/// Rows: S0-51, S1-08, S1-23, S1-24, S1-33, S1-34, S1-35
#[tokio::test]
async fn s1_34_a_durable_goes_on_where_its_acks_ended() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 10).await;
    let config = pull::Config {
        durable_name: Some("C".into()),
        ack_wait: ms(1000),
        filter_subject: "s".into(),
        ..Default::default()
    };
    let worker = consumer(&stream, config).await;
    let messages = take(&worker, 6).await;
    ack_all(&messages[..3]).await;
    ack_all(&messages[4..5]).await;
    again(&mut server);

    let js = server.jetstream().await;
    let worker: Pull = js.get_consumer_from_stream("C", "S").await.unwrap();
    let info_now = look(&worker).await;
    assert_eq!(info_now.ack_floor.stream_sequence, 3);
    assert_eq!((info_now.delivered.stream_sequence, info_now.num_ack_pending), (6, 2));
    assert_eq!(info_now.num_pending, 4);
    let mut rest = seqs(&take(&worker, 6).await);
    rest.sort_unstable();
    assert_eq!(rest, [4, 6, 7, 8, 9, 10], "what was not acknowledged, and what is new");
}

#[tokio::test]
async fn the_count_of_deliveries_survives() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish(&js, "s", "poison").await;
    let config =
        pull::Config { durable_name: Some("C".into()), ack_wait: ms(500), ..Default::default() };
    let worker = consumer(&stream, config).await;
    take(&worker, 1).await.remove(0).double_ack_with(AckKind::Nak(None)).await.unwrap();
    take(&worker, 1).await;
    again(&mut server);
    let js = server.jetstream().await;
    let worker: Pull = js.get_consumer_from_stream("C", "S").await.unwrap();
    let message = take(&worker, 1).await.remove(0);
    assert_eq!(info(&message).delivered, 3);
}

/// Rows: S1-62
#[tokio::test]
async fn s1_62_a_message_id_is_known_after_a_restart() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    let message = || PublishMessage::build().payload("x".into()).message_id("once");
    assert!(!js.send_publish("s", message()).await.unwrap().await.unwrap().duplicate);
    again(&mut server);
    let js = server.jetstream().await;
    let ack = js.send_publish("s", message()).await.unwrap().await.unwrap();
    assert_eq!((ack.sequence, ack.duplicate), (1, true));
}

#[tokio::test]
async fn what_was_deleted_stays_deleted() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let kept = stream(&js, "KEPT", &["kept.*"]).await;
    stream(&js, "GONE", &["gone"]).await;
    publish_many(&js, "gone", 5).await;
    publish_many(&js, "kept.a", 5).await;
    publish_many(&js, "kept.b", 5).await;
    durable(&kept, "stays").await;
    durable(&kept, "goes").await;
    kept.purge().filter("kept.a").await.unwrap();
    kept.delete_consumer("goes").await.unwrap();
    js.delete_stream("GONE").await.unwrap();
    again(&mut server);
    let js = server.jetstream().await;
    fails(js.get_stream("GONE").await);
    let kept = js.get_stream("KEPT").await.unwrap();
    let now = state(&kept).await;
    assert_eq!((now.messages, now.first_sequence, now.last_sequence), (5, 6, 10));
    let names: Vec<String> = kept.consumer_names().try_collect().await.unwrap();
    assert_eq!(names, ["stays"]);
    stream(&js, "GONE", &["gone"]).await;
    assert_eq!(publish(&js, "gone", "anew").await.sequence, 1);
}

#[tokio::test]
async fn an_emptied_stream_keeps_counting() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 7).await;
    stream.purge().await.unwrap();
    again(&mut server);
    let js = server.jetstream().await;
    let now = state(&js.get_stream("S").await.unwrap()).await;
    assert_eq!((now.messages, now.first_sequence, now.last_sequence), (0, 8, 7));
    assert_eq!(publish(&js, "s", "x").await.sequence, 8);
}

#[tokio::test]
async fn a_work_queue_knows_what_is_done() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let config = Config {
        name: "W".into(),
        subjects: owned(&["w"]),
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    let queue = stream_with(&js, config).await;
    publish_many(&js, "w", 6).await;
    let worker = durable(&queue, "C").await;
    ack_all(&take(&worker, 4).await).await;
    eventually("two are left", || async { state(&queue).await.messages == 2 }).await;
    again(&mut server);
    let js = server.jetstream().await;
    assert_eq!(state(&js.get_stream("W").await.unwrap()).await.messages, 2);
    let worker: Pull = js.get_consumer_from_stream("C", "W").await.unwrap();
    assert_eq!(seqs(&take(&worker, 2).await), [5, 6]);
}

#[tokio::test]
async fn limits_hold_after_a_restart() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let config = Config {
        name: "S".into(),
        subjects: owned(&["s"]),
        max_messages: 5,
        max_age: std::time::Duration::from_secs(2),
        ..Config::default()
    };
    stream_with(&js, config).await;
    publish_many(&js, "s", 9).await;
    again(&mut server);
    let js = server.jetstream().await;
    let stream = js.get_stream("S").await.unwrap();
    assert_eq!(state(&stream).await.first_sequence, 5);
    publish(&js, "s", "10").await;
    assert_eq!(state(&stream).await.first_sequence, 6);
    eventually("they age out", || async { state(&stream).await.messages == 0 }).await;
}

#[tokio::test]
async fn buckets_and_objects_are_there_again() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let config = kv::Config { bucket: "config".into(), history: 3, ..Default::default() };
    let store = js.create_key_value(config).await.unwrap();
    for value in ["1", "2"] {
        store.put("key", value.into()).await.unwrap();
    }
    store.put("gone", "x".into()).await.unwrap();
    store.delete("gone").await.unwrap();
    let config = object_store::Config { bucket: "files".into(), ..Default::default() };
    let files = js.create_object_store(config).await.unwrap();
    let data = vec![b'x'; 300_000];
    files.put("big", &mut &data[..]).await.unwrap();
    again(&mut server);

    let js = server.jetstream().await;
    let store = js.get_key_value("config").await.unwrap();
    assert_eq!(store.get("key").await.unwrap().unwrap(), "2");
    assert!(store.get("gone").await.unwrap().is_none());
    let history: Vec<_> = store.history("key").await.unwrap().try_collect().await.unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(store.update("key", "3".into(), 2).await.unwrap(), 5);
    let files = js.get_object_store("files").await.unwrap();
    let mut read = Vec::new();
    files.get("big").await.unwrap().read_to_end(&mut read).await.unwrap();
    assert!(read == data);
}

/// Rows: S1-05, S1-45, S4-11
#[tokio::test]
async fn s1_05_client_and_consumer_go_on_by_themselves_after_a_restart() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    let worker = durable(&stream, "C").await;
    let mut core = js.client().subscribe("core").await.unwrap();
    publish_many(&js, "s", 2).await;
    ack_all(&take(&worker, 1).await).await;
    again(&mut server);
    eventually("a publish is acknowledged again", || async {
        match js.publish("s", "3".into()).await {
            Ok(sent) => sent.await.is_ok(),
            Err(_) => false,
        }
    })
    .await;
    let rest = take(&worker, 2).await;
    assert_eq!(bodies(&rest), ["2", "3"]);
    ack_all(&rest).await;
    js.client().publish("core", "still subscribed".into()).await.unwrap();
    assert_eq!(crate::help::next(&mut core).await.payload, "still subscribed");
    silent(&worker, ms(100)).await;
}
