//! Seed 004, sections 1 to 6 in its own words, and its task queue and mail service.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{kv, object_store};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::help::{
    ack_all, bodies, consumer, look, ms, next, owned, publish, quiet, round_trip, soon,
    stream_with, take,
};
use crate::server::Server;

/// Rows: S4-18, S4-22, S4-23, S4-24
#[tokio::test]
async fn s4_22_section_1_publish_and_subscribe() {
    let server = Server::start();
    let (client, sender) = (server.client().await, server.client().await);
    let mut all = client.subscribe("events.>").await.unwrap();
    let mut orders = client.subscribe("events.order.*").await.unwrap();
    round_trip(&client).await;
    sender.publish("events.order.created", "{\"order_id\":\"123\"}".into()).await.unwrap();
    sender.publish("events.user.created", "{\"user_id\":\"123\"}".into()).await.unwrap();
    assert_eq!(next(&mut all).await.payload, "{\"order_id\":\"123\"}");
    assert_eq!(next(&mut all).await.subject.as_str(), "events.user.created");
    assert_eq!(next(&mut orders).await.subject.as_str(), "events.order.created");
    quiet(&client, &mut orders).await;
}

/// Rows: S4-26, S4-27, S4-62
#[tokio::test]
async fn s4_62_section_2_a_hundred_tasks_of_a_queue_group_are_all_done_once() {
    let server = Server::start();
    let mut workers = Vec::new();
    for _ in 0..3 {
        let client = server.client().await;
        let tasks = client.queue_subscribe("work.tasks", "task-workers".into()).await.unwrap();
        round_trip(&client).await;
        workers.push((client, tasks));
    }
    let sender = server.client().await;
    for i in 0..100 {
        sender.publish("work.tasks", format!("task-{i}").into()).await.unwrap();
    }
    round_trip(&sender).await;
    let mut done = BTreeSet::new();
    for (client, mut tasks) in workers {
        client.drain().await.unwrap();
        let mine: Vec<_> = soon("the last task", tasks.by_ref().collect()).await;
        assert!(mine.iter().all(|task: &async_nats::Message| done.insert(task.payload.clone())));
    }
    assert_eq!(done.len(), 100);
}

/// Rows: S4-28, S4-29
#[tokio::test]
async fn s4_28_section_3_request_and_reply() {
    let server = Server::start();
    let responder = server.client().await;
    let mut requests = responder.subscribe("service.ping").await.unwrap();
    round_trip(&responder).await;
    let answering = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            responder.publish(request.reply.unwrap(), "pong".into()).await.unwrap();
        }
    });
    let client = server.client().await;
    for _ in 0..20 {
        let answer = soon("pong", client.request("service.ping", "hello".into())).await.unwrap();
        assert_eq!(answer.payload, "pong");
    }
    answering.abort();
}

/// Rows: S4-04, S4-06, S4-12, S4-13, S4-30, S4-31, S4-32
#[tokio::test]
async fn s4_30_section_4_a_stream_of_orders_and_its_processor() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config {
        name: "ORDERS".into(),
        subjects: owned(&["orders.>"]),
        max_age: Duration::from_hours(30 * 24),
        ..Config::default()
    };
    let stream = stream_with(&js, config).await;
    assert_eq!(publish(&js, "orders.created", "{\"order_id\":\"123\"}").await.sequence, 1);
    assert_eq!(publish(&js, "orders.shipped", "{\"order_id\":\"123\"}").await.sequence, 2);
    assert_eq!(publish(&js, "orders.created", "{\"order_id\":\"124\"}").await.sequence, 3);
    // A name without `durable_name`: an ephemeral of that name.
    let config = pull::Config {
        name: Some("order-processor".into()),
        filter_subject: "orders.created".into(),
        inactive_threshold: Duration::from_secs(30),
        ..Default::default()
    };
    let processor = consumer(&stream, config).await;
    let messages = take(&processor, 2).await;
    assert_eq!(bodies(&messages), ["{\"order_id\":\"123\"}", "{\"order_id\":\"124\"}"]);
    ack_all(&messages).await;
    let info = look(&processor).await;
    assert_eq!((info.name.as_str(), info.num_ack_pending), ("order-processor", 0));
    assert_eq!(info.config.durable_name, None);
}

/// Rows: S4-33, S4-34, S4-35, S4-36
#[tokio::test]
async fn s4_33_section_5_a_key_value_bucket() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = kv::Config { bucket: "config".into(), ..Default::default() };
    let store = js.create_key_value(config).await.unwrap();
    assert_eq!(store.put("feature.flag", "enabled".into()).await.unwrap(), 1);
    let entry = store.entry("feature.flag").await.unwrap().unwrap();
    assert_eq!((&entry.value[..], entry.revision), (&b"enabled"[..], 1));
    store.delete("feature.flag").await.unwrap();
    assert!(store.get("feature.flag").await.unwrap().is_none());
    let stream = js.get_stream("KV_config").await.unwrap();
    assert_eq!(stream.cached_info().config.subjects, ["$KV.config.>"]);
}

/// Rows: S4-37, S4-38, S4-39, S4-40
#[tokio::test]
async fn s4_37_section_6_an_object_store() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = object_store::Config { bucket: "artifacts".into(), ..Default::default() };
    let store = js.create_object_store(config).await.unwrap();
    let pdf = b"%PDF-1.7 ".repeat(50_000);
    let info = store.put("report.pdf", &mut &pdf[..]).await.unwrap();
    assert_eq!((info.size, info.chunks), (450_000, 4));
    let mut data = Vec::new();
    store.get("report.pdf").await.unwrap().read_to_end(&mut data).await.unwrap();
    assert!(data == pdf);
    let listed: Vec<_> = store.list().await.unwrap().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].name.as_str(), listed[0].size), ("report.pdf", 450_000));
    js.get_stream("OBJ_artifacts").await.unwrap();
}

/// Rows: S4-60, S4-61
#[tokio::test]
async fn s4_60_a_user_event_reaches_the_mail_service() {
    let server = Server::start();
    let mail = server.client().await;
    let mut created = mail.subscribe("events.user.created").await.unwrap();
    round_trip(&mail).await;
    let users = server.client().await;
    let event = json!({"user_id": "123", "email": "user@example.com", "timestamp": 1_770_000_000});
    users.publish("events.user.created", event.to_string().into()).await.unwrap();
    let heard: Value = serde_json::from_slice(&next(&mut created).await.payload).unwrap();
    assert_eq!(heard["email"], "user@example.com");
}

/// Rows: S4-65, S4-66, S4-67
#[tokio::test]
async fn s4_67_the_config_centre_tells_its_watchers() {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = kv::Config { bucket: "app-config".into(), ..Default::default() };
    js.create_key_value(config).await.unwrap();
    let store = js.get_key_value("app-config").await.unwrap();
    store.put("database.url", "postgres://...".into()).await.unwrap();
    store.put("api.timeout", "30s".into()).await.unwrap();
    let watching = server.jetstream().await.get_key_value("app-config").await.unwrap();
    let mut watch = watching.watch("api.>").await.unwrap();
    store.put("database.url", "elsewhere".into()).await.unwrap();
    store.put("api.timeout", "5s".into()).await.unwrap();
    let update = soon("an update", watch.next()).await.unwrap().unwrap();
    assert_eq!((update.key.as_str(), &update.value[..]), ("api.timeout", &b"5s"[..]));
    assert!(tokio::time::timeout(ms(50), watch.next()).await.is_err(), "no other key");
}
