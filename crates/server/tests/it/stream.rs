//! Streams: their life, and the reading and removing of single messages.

use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use futures_util::{StreamExt, TryStreamExt};

use crate::help::{
    durable, error_code, fails, ms, owned, publish, publish_many, seqs, state, stream, stream_with,
    take,
};
use crate::server::Server;

/// Rows: S4-05, S4-30
#[tokio::test]
async fn s4_05_a_stream_is_created_described_and_deleted() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config {
        name: "ORDERS".into(),
        subjects: owned(&["orders.>"]),
        max_age: std::time::Duration::from_hours(30 * 24),
        description: Some("all orders".into()),
        ..Config::default()
    };
    let stream = stream_with(&js, config).await;
    let info = stream.get_info().await.unwrap();
    assert_eq!(info.config.max_age.as_nanos(), 2_592_000_000_000_000);
    assert_eq!(info.config.description.as_deref(), Some("all orders"));
    assert_eq!(info.config.retention, RetentionPolicy::Limits);
    assert_eq!(info.config.storage, StorageType::File);
    assert_eq!((info.state.messages, info.state.consumer_count), (0, 0));
    assert!(js.delete_stream("ORDERS").await.unwrap().success);
    let error = fails(js.get_stream("ORDERS").await);
    assert_eq!(error_code(&error), 10059);
    assert_eq!(error_code(&fails(js.delete_stream("ORDERS").await)), 10059);
}

/// Rows: S1-27
#[tokio::test]
async fn s1_27_the_same_create_twice_is_fine_and_another_is_refused() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = || Config { name: "S".into(), subjects: owned(&["s"]), ..Config::default() };
    js.get_or_create_stream(config()).await.unwrap();
    publish(&js, "s", "kept").await;
    js.get_or_create_stream(config()).await.unwrap();
    let again = stream_with(&js, config()).await;
    assert_eq!(state(&again).await.messages, 1);
    let other = Config { max_messages: 5, ..config() };
    let error = fails(js.create_stream(other).await);
    assert!(matches!(error.kind(), CreateStreamErrorKind::JetStream(_)), "{error}");
    assert_eq!(error_code(&error), 10058);
}

#[tokio::test]
async fn an_update_changes_what_may_change_and_keeps_the_rest() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s.a"]).await;
    publish(&js, "s.a", "1").await;
    let config = stream.cached_info().config.clone();
    let changed = Config { subjects: owned(&["s.a", "s.b"]), max_messages: 2, ..config.clone() };
    let info = js.update_stream(changed).await.unwrap();
    assert_eq!((info.config.max_messages, info.state.messages), (2, 1));
    publish(&js, "s.b", "2").await;
    publish(&js, "s.b", "3").await;
    assert_eq!(state(&stream).await.first_sequence, 2);
    let error =
        fails(js.update_stream(Config { storage: StorageType::Memory, ..config.clone() }).await);
    assert_eq!(error_code(&error), 10052);
    let missing = Config { name: "T".into(), ..config };
    fails(js.update_stream(missing).await);
}

#[tokio::test]
async fn purge_takes_all_or_a_subject_or_up_to_a_sequence_or_all_but_some() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s.*"]).await;
    for i in 0..20 {
        publish(&js, if i % 2 == 0 { "s.even" } else { "s.odd" }, "x").await;
    }
    assert_eq!(stream.purge().filter("s.even").keep(2).await.unwrap().purged, 8);
    assert_eq!(stream.purge().sequence(5).await.unwrap().purged, 2);
    let now = state(&stream).await;
    assert_eq!((now.messages, now.first_sequence, now.last_sequence), (10, 6, 20));
    assert_eq!(stream.purge().keep(4).await.unwrap().purged, 6);
    assert_eq!(stream.purge().filter("s.odd").await.unwrap().purged, 2);
    assert_eq!(state(&stream).await.subjects_count, 1);
    assert_eq!(stream.purge().await.unwrap().purged, 2);
    let now = state(&stream).await;
    assert_eq!((now.messages, now.first_sequence, now.last_sequence, now.bytes), (0, 21, 20, 0));
    assert_eq!(publish(&js, "s.odd", "x").await.sequence, 21);
}

#[tokio::test]
async fn a_purge_moves_consumers_along() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 10).await;
    let consumer = durable(&stream, "C").await;
    take(&consumer, 3).await;
    stream.purge().sequence(8).await.unwrap();
    assert_eq!(seqs(&take(&consumer, 3).await), [8, 9, 10]);
    let info = crate::help::look(&consumer).await;
    assert_eq!((info.num_pending, info.ack_floor.stream_sequence), (0, 7));
}

#[tokio::test]
async fn a_message_is_read_by_sequence_and_by_subject() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s.*"]).await;
    for (subject, body) in [("s.a", "1"), ("s.b", "2"), ("s.a", "3"), ("s.c", "4")] {
        publish(&js, subject, body).await;
    }
    let message = stream.get_raw_message(2).await.unwrap();
    assert_eq!((message.subject.as_str(), &message.payload[..]), ("s.b", &b"2"[..]));
    assert_eq!(stream.get_last_raw_message_by_subject("s.a").await.unwrap().sequence, 3);
    assert_eq!(stream.get_last_raw_message_by_subject("s.*").await.unwrap().sequence, 4);
    assert_eq!(stream.get_next_raw_message_by_subject("s.a").await.unwrap().sequence, 1);
    assert_eq!(stream.get_first_raw_message_by_subject("s.a", 2).await.unwrap().sequence, 3);
    fails(stream.get_raw_message(9).await);
    assert!(stream.get_last_raw_message_by_subject("s.none").await.is_err());
}

#[tokio::test]
async fn a_deleted_message_is_gone_and_counted() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 5).await;
    assert!(stream.delete_message(3).await.unwrap());
    assert!(stream.get_raw_message(3).await.is_err());
    assert!(stream.delete_message(3).await.is_err());
    let info = stream.info_builder().with_deleted(true).fetch().await.unwrap().info;
    assert_eq!((info.state.messages, info.state.deleted_count), (4, Some(1)));
    assert_eq!(info.state.deleted, Some(vec![3]));
    assert_eq!(seqs(&take(&durable(&stream, "C").await, 4).await), [1, 2, 4, 5]);
    assert!(stream.delete_message(1).await.unwrap());
    let now = state(&stream).await;
    assert_eq!((now.first_sequence, now.last_sequence, now.messages), (2, 5, 3));
}

#[tokio::test]
async fn direct_get_needs_its_switch_and_gives_the_same_messages() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config {
        name: "S".into(),
        subjects: owned(&["s.*"]),
        allow_direct: true,
        ..Config::default()
    };
    let direct = stream_with(&js, config).await;
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Color", "blue");
    for (subject, body) in [("s.a", "1"), ("s.b", "2"), ("s.a", "3")] {
        let sent = js.publish_with_headers(subject, headers.clone(), body.into()).await.unwrap();
        sent.await.unwrap();
    }
    let message = direct.direct_get(1).await.unwrap();
    assert_eq!((message.subject.as_str(), &message.payload[..]), ("s.a", &b"1"[..]));
    assert_eq!(message.headers.get("Color").unwrap().as_str(), "blue");
    assert_eq!(message.time, direct.get_raw_message(1).await.unwrap().time);
    assert_eq!(direct.direct_get_last_for_subject("s.a").await.unwrap().sequence, 3);
    assert_eq!(direct.direct_get_first_for_subject("s.b").await.unwrap().sequence, 2);
    assert_eq!(direct.direct_get_next_for_subject("s.a", Some(2)).await.unwrap().sequence, 3);
    assert!(direct.direct_get(9).await.is_err());
    assert!(direct.direct_get_last_for_subject("s.none").await.is_err());

    let plain = stream(&js, "T", &["t"]).await;
    publish(&js, "t", "x").await;
    assert!(plain.direct_get(1).await.is_err());
}

#[tokio::test]
async fn a_stream_is_found_by_a_subject_of_its_own() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "A", &["a.>"]).await;
    stream(&js, "B", &["b.*", "c"]).await;
    assert_eq!(js.stream_by_subject("a.x.y").await.unwrap(), "A");
    assert_eq!(js.stream_by_subject("c").await.unwrap(), "B");
    assert!(js.stream_by_subject("d").await.is_err());
}

#[tokio::test]
async fn names_and_infos_come_page_by_page() {
    let server = Server::start();
    let js = server.jetstream().await;
    // One page holds 256 infos and 1024 names.
    for i in 0..300 {
        let config =
            Config { name: format!("S{i:03}"), storage: StorageType::Memory, ..Config::default() };
        stream_with(&js, config).await;
    }
    let expected: Vec<String> = (0..300).map(|i| format!("S{i:03}")).collect();
    let mut names: Vec<String> = js.stream_names().try_collect().await.unwrap();
    // The client hands out each page from its end.
    names.sort();
    assert_eq!(names, expected);
    let mut infos: Vec<String> =
        js.streams().map_ok(|info| info.config.name).try_collect().await.unwrap();
    infos.sort();
    assert_eq!(infos, expected);
    assert_eq!(js.query_account().await.unwrap().streams, 300);
}

#[tokio::test]
async fn consumers_are_listed_described_and_deleted() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    for name in ["c1", "c2", "c3"] {
        durable(&stream, name).await;
    }
    let mut names: Vec<String> = stream.consumer_names().try_collect().await.unwrap();
    names.sort();
    assert_eq!(names, ["c1", "c2", "c3"]);
    let infos: Vec<_> = stream.consumers().map(Result::unwrap).collect().await;
    assert!(infos.iter().all(|info| info.stream_name == "S" && info.config.ack_wait == ms(30_000)));
    assert!(stream.delete_consumer("c2").await.unwrap().success);
    assert_eq!(error_code(&fails(stream.delete_consumer("c2").await)), 10014);
    fails(stream.consumer_info("c2").await);
    assert_eq!(state(&stream).await.consumer_count, 2);
}

#[tokio::test]
async fn subjects_of_a_stream_are_counted_each() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s.*"]).await;
    for subject in ["s.a", "s.b", "s.a"] {
        publish(&js, subject, "x").await;
    }
    let info = stream.info_with_subjects("s.>").await.unwrap();
    let mut subjects: Vec<_> = info.try_collect().await.unwrap();
    subjects.sort();
    assert_eq!(subjects, [("s.a".to_owned(), 2), ("s.b".to_owned(), 1)]);
}
