//! Key-value buckets.

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{
    Config, CreateErrorKind, Operation, Store, UpdateErrorKind, Watch,
};
use futures_util::{StreamExt, TryStreamExt};

use crate::help::{eventually, fails, ms, soon, state};
use crate::server::Server;

async fn bucket(js: &Context, config: Config) -> Store {
    js.create_key_value(config).await.expect("the bucket is created")
}

async fn config_bucket(history: i64) -> (Server, Context, Store) {
    let server = Server::start();
    let js = server.jetstream().await;
    let kv = bucket(&js, Config { bucket: "config".into(), history, ..Config::default() }).await;
    (server, js, kv)
}

/// Rows: S4-07, S4-33, S4-34, S4-35, S4-65, S4-66
#[tokio::test]
async fn s4_34_put_gives_a_revision_and_get_the_value() {
    let (_server, js, kv) = config_bucket(1).await;
    assert_eq!(kv.put("feature.flag", "enabled".into()).await.unwrap(), 1);
    assert_eq!(kv.get("feature.flag").await.unwrap().unwrap(), "enabled");
    assert_eq!(kv.put("database.url", "postgres://...".into()).await.unwrap(), 2);
    assert_eq!(kv.put("feature.flag", "disabled".into()).await.unwrap(), 3);
    let entry = kv.entry("feature.flag").await.unwrap().unwrap();
    assert_eq!((entry.revision, &entry.value[..]), (3, &b"disabled"[..]));
    assert_eq!((entry.bucket.as_str(), entry.key.as_str()), ("config", "feature.flag"));
    assert_eq!(entry.operation, Operation::Put);
    assert!(kv.get("missing").await.unwrap().is_none());

    let stream = js.get_stream("KV_config").await.unwrap();
    let config = &stream.cached_info().config;
    assert_eq!(config.subjects, ["$KV.config.>"]);
    assert!(config.allow_direct && config.allow_rollup && config.deny_delete);
    assert_eq!((config.max_messages_per_subject, state(&stream).await.messages), (1, 2));
}

/// Rows: S4-36
#[tokio::test]
async fn s4_36_a_deleted_key_is_not_found_and_leaves_a_marker() {
    let (_server, _js, kv) = config_bucket(5).await;
    kv.put("key", "value".into()).await.unwrap();
    kv.delete("key").await.unwrap();
    assert!(kv.get("key").await.unwrap().is_none());
    let history: Vec<_> = kv.history("key").await.unwrap().try_collect().await.unwrap();
    let operations: Vec<_> = history.iter().map(|entry| entry.operation).collect();
    assert_eq!(operations, [Operation::Put, Operation::Delete]);
    assert_eq!(kv.put("key", "again".into()).await.unwrap(), 3);
    assert_eq!(kv.get("key").await.unwrap().unwrap(), "again");
}

#[tokio::test]
async fn a_purge_leaves_nothing_but_its_marker() {
    let (_server, js, kv) = config_bucket(5).await;
    for value in ["1", "2", "3"] {
        kv.put("key", value.into()).await.unwrap();
    }
    kv.put("other", "stays".into()).await.unwrap();
    kv.purge("key").await.unwrap();
    let history: Vec<_> = kv.history("key").await.unwrap().try_collect().await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!((history[0].operation, history[0].revision), (Operation::Purge, 5));
    assert_eq!(state(&js.get_stream("KV_config").await.unwrap()).await.messages, 2);
}

#[tokio::test]
async fn create_takes_only_keys_that_are_not_there() {
    let (_server, _js, kv) = config_bucket(5).await;
    assert_eq!(kv.create("key", "1".into()).await.unwrap(), 1);
    let error = fails(kv.create("key", "2".into()).await);
    assert_eq!(error.kind(), CreateErrorKind::AlreadyExists);
    kv.delete("key").await.unwrap();
    assert_eq!(kv.create("key", "3".into()).await.unwrap(), 3);
    kv.purge("key").await.unwrap();
    assert_eq!(kv.create("key", "4".into()).await.unwrap(), 5);
}

#[tokio::test]
async fn update_takes_only_the_revision_that_is_there() {
    let (_server, _js, kv) = config_bucket(5).await;
    let first = kv.put("key", "1".into()).await.unwrap();
    kv.put("other", "x".into()).await.unwrap();
    let second = kv.update("key", "2".into(), first).await.unwrap();
    assert_eq!(second, 3);
    let error = fails(kv.update("key", "3".into(), first).await);
    assert_eq!(error.kind(), UpdateErrorKind::WrongLastRevision);
    assert!(kv.delete_expect_revision("key", Some(first)).await.is_err());
    kv.delete_expect_revision("key", Some(second)).await.unwrap();
    assert!(kv.get("key").await.unwrap().is_none());
}

/// Of ten clients that race for one key, one wins.
#[tokio::test]
async fn of_ten_concurrent_creates_one_wins() {
    let (server, _js, _kv) = config_bucket(1).await;
    let mut tasks = Vec::new();
    for i in 0..10 {
        let js = server.jetstream().await;
        let kv = js.get_key_value("config").await.unwrap();
        tasks.push(tokio::spawn(
            async move { kv.create("leader", i.to_string().into()).await.is_ok() },
        ));
    }
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(soon("an answer", task).await.unwrap());
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn history_holds_as_many_values_as_asked_for() {
    let (_server, _js, kv) = config_bucket(3).await;
    for i in 1..=5 {
        kv.put("key", i.to_string().into()).await.unwrap();
    }
    let history: Vec<_> = kv.history("key").await.unwrap().try_collect().await.unwrap();
    let values: Vec<_> = history.iter().map(|entry| entry.value.clone()).collect();
    assert_eq!(values, ["3", "4", "5"]);
    assert_eq!(kv.entry_for_revision("key", 4).await.unwrap().unwrap().value, "4");
    assert!(kv.entry_for_revision("key", 1).await.unwrap().is_none());
    let status = kv.status().await.unwrap();
    assert_eq!((status.bucket(), status.history()), ("config", 3));
}

#[tokio::test]
async fn keys_lists_what_is_there_once() {
    let (_server, _js, kv) = config_bucket(5).await;
    for key in ["a", "b.c", "a", "gone", "b.d"] {
        kv.put(key, "x".into()).await.unwrap();
    }
    kv.delete("gone").await.unwrap();
    let mut keys: Vec<String> = kv.keys().await.unwrap().try_collect().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["a", "b.c", "b.d"]);
}

async fn seen(watch: &mut Watch) -> (String, String, bool) {
    let entry = soon("an update", watch.next()).await.unwrap().unwrap();
    let value = std::str::from_utf8(&entry.value).unwrap().to_owned();
    (entry.key, value, entry.seen_current)
}

/// Rows: S4-67
#[tokio::test]
async fn s4_67_a_watch_gives_the_values_that_are_there_and_then_the_changes() {
    let (_server, _js, kv) = config_bucket(5).await;
    kv.put("api.timeout", "10s".into()).await.unwrap();
    kv.put("api.timeout", "30s".into()).await.unwrap();
    kv.put("api.retries", "3".into()).await.unwrap();
    kv.put("database.url", "postgres://...".into()).await.unwrap();
    let mut watch = kv.watch_with_history("api.>").await.unwrap();
    assert_eq!(seen(&mut watch).await, ("api.timeout".into(), "30s".into(), false));
    assert_eq!(seen(&mut watch).await, ("api.retries".into(), "3".into(), true));
    kv.put("database.url", "other".into()).await.unwrap();
    kv.put("api.timeout", "5s".into()).await.unwrap();
    assert_eq!(seen(&mut watch).await, ("api.timeout".into(), "5s".into(), true));
    kv.delete("api.retries").await.unwrap();
    let entry = soon("a deletion", watch.next()).await.unwrap().unwrap();
    assert_eq!((entry.key.as_str(), entry.operation), ("api.retries", Operation::Delete));
}

#[tokio::test]
async fn a_watch_for_changes_alone_starts_with_the_next() {
    let (_server, _js, kv) = config_bucket(1).await;
    kv.put("a", "old".into()).await.unwrap();
    let mut watch = kv.watch_all().await.unwrap();
    kv.put("a", "new".into()).await.unwrap();
    let (key, value, _) = seen(&mut watch).await;
    assert_eq!((key.as_str(), value.as_str()), ("a", "new"));
}

#[tokio::test]
async fn a_value_ends_with_the_age_of_its_bucket() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config { bucket: "short".into(), max_age: ms(300), ..Config::default() };
    let kv = bucket(&js, config).await;
    kv.put("key", "x".into()).await.unwrap();
    assert!(kv.get("key").await.unwrap().is_some());
    eventually("it has gone", || async { kv.get("key").await.unwrap().is_none() }).await;
}

#[tokio::test]
async fn a_bucket_has_limits() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config =
        Config { bucket: "small".into(), max_value_size: 10, max_bytes: 500, ..Config::default() };
    let kv = bucket(&js, config).await;
    assert!(kv.put("key", vec![b'x'; 2000].into()).await.is_err());
    let mut stored = 0;
    while kv.put(format!("key-{stored}"), "x".into()).await.is_ok() {
        stored += 1;
        assert!(stored < 100, "a full bucket refuses");
    }
    assert_eq!(kv.get("key-0").await.unwrap().unwrap(), "x", "and keeps what it has");
}

/// Rows: S4-64
#[tokio::test]
async fn s4_64_a_bucket_is_opened_by_name_and_a_missing_one_is_an_error() {
    let (server, js, kv) = config_bucket(1).await;
    kv.put("a", "1".into()).await.unwrap();
    let other = server.jetstream().await.get_key_value("config").await.unwrap();
    assert_eq!(other.get("a").await.unwrap().unwrap(), "1");
    assert!(js.get_key_value("app-config").await.is_err());
    js.delete_key_value("config").await.unwrap();
    assert!(js.get_key_value("config").await.is_err());
}
