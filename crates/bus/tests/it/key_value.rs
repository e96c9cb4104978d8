use serde::{Deserialize, Serialize};
use tradewind_bus::{Entry, KeyValueError, Update, kv};

use crate::broker::Broker;
use crate::help::Seen;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Setting {
    value: String,
}

fn setting(value: &str) -> Setting {
    Setting { value: value.to_owned() }
}

fn config(broker: &Broker, bucket: &str) -> kv::Config {
    kv::Config {
        bucket: bucket.to_owned(),
        history: 5,
        num_replicas: broker.replicas(),
        ..kv::Config::default()
    }
}

/// Rows: S4-07, S4-33, S4-34, S4-35, S4-36, S4-65, S4-66.
#[tokio::test]
async fn s4_34_values_are_put_got_and_deleted() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let bucket = bus.create_key_value::<Setting>(config(&broker, "config")).await.unwrap();

    assert_eq!(bucket.put("feature.flag", &setting("enabled")).await.unwrap(), 1);
    assert_eq!(bucket.get("feature.flag").await.unwrap(), Some(setting("enabled")));
    assert_eq!(bucket.put("feature.flag", &setting("disabled")).await.unwrap(), 2);
    bucket.delete("feature.flag").await.unwrap();

    assert_eq!(bucket.get("feature.flag").await.unwrap(), None);
    let history = bucket.history("feature.flag").await.unwrap();
    let values: Vec<Option<Setting>> = history.into_iter().map(|it| it.value).collect();
    assert_eq!(values, [Some(setting("enabled")), Some(setting("disabled")), None]);
    let info = bus.stream_info("KV_config").await.unwrap();
    assert_eq!(info.config.subjects, ["$KV.config.>"]);
}

/// Rows: S4-64.
#[tokio::test]
async fn s4_64_a_bucket_that_is_not_there_is_named() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;

    let error = bus.key_value::<Setting>("app-config").await.unwrap_err();

    assert!(matches!(&error, KeyValueError::NoBucket(name) if name == "app-config"), "{error}");
}

#[tokio::test]
async fn two_who_change_one_value_do_not_both_succeed() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let bucket = bus.create_key_value::<Setting>(config(&broker, "config")).await.unwrap();

    let revision = bucket.create("a", &setting("1")).await.unwrap();
    let exists = bucket.create("a", &setting("2")).await.unwrap_err();
    assert!(matches!(exists, KeyValueError::Conflict { .. }), "{exists}");
    bucket.update("a", &setting("2"), revision).await.unwrap();
    let late = bucket.update("a", &setting("3"), revision).await.unwrap_err();
    assert!(matches!(late, KeyValueError::Conflict { .. }), "{late}");
    assert_eq!(bucket.get("a").await.unwrap(), Some(setting("2")));
}

/// Rows: S4-67.
#[tokio::test]
async fn s4_67_a_watcher_is_told_what_is_there_then_the_marker_then_what_comes() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let bucket = bus.create_key_value::<Setting>(config(&broker, "app-config")).await.unwrap();
    bucket.put("api.timeout", &setting("5s")).await.unwrap();
    bucket.put("database.url", &setting("postgres://")).await.unwrap();
    let seen = Seen::default();
    let handler = seen.clone();

    let watch = bucket
        .watch("api.>", move |update: Update<Setting>| {
            handler.push(update);
            std::future::ready(())
        })
        .await
        .unwrap();
    seen.wait_for(2).await;
    bucket.put("api.retries", &setting("3")).await.unwrap();
    bucket.put("database.pool", &setting("8")).await.unwrap();
    bucket.delete("api.timeout").await.unwrap();

    let changed = |key: &str, value: Option<&str>, revision| {
        let (key, value) = (key.to_owned(), value.map(setting));
        Update::Changed(Entry { key, value, revision })
    };
    let expected = [
        changed("api.timeout", Some("5s"), 1),
        Update::UpToDate,
        changed("api.retries", Some("3"), 3),
        changed("api.timeout", None, 5),
    ];
    assert_eq!(seen.wait_for(4).await, expected);
    drop(watch);
}
