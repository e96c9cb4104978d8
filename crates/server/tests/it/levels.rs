//! How durable a stream is: `persist_mode`.

use async_nats::jetstream::stream::{Config, PersistenceMode};
use serde_json::json;

use crate::help::{api_json, durable, publish_many, seqs, state, stream_with, take};
use crate::server::Server;

fn async_stream() -> Config {
    Config {
        name: "A".into(),
        subjects: vec!["a".into()],
        persist_mode: Some(PersistenceMode::Async),
        ..Config::default()
    }
}

#[tokio::test]
async fn an_async_stream_is_like_any_other_to_its_clients() {
    let mut server = Server::start();
    let js = server.jetstream().await;
    let mut stream = stream_with(&js, async_stream()).await;
    assert_eq!(stream.info().await.unwrap().config.persist_mode, Some(PersistenceMode::Async));
    let reader = durable(&stream, "C").await;

    publish_many(&js, "a", 100).await;

    assert_eq!(seqs(&take(&reader, 100).await), (1..=100).collect::<Vec<_>>());
    server.stop();
    server.restart();
    let js = server.jetstream().await;
    assert_eq!(state(&js.get_stream("A").await.unwrap()).await.messages, 100);
}

#[tokio::test]
async fn what_an_async_stream_may_not_be_is_refused_in_the_same_words() {
    let server = Server::start();
    let client = server.client().await;
    let create = |config| api_json(&client, "STREAM.CREATE.S", config);
    for (config, words) in [
        (json!({"storage": "memory"}), "async persist mode is only supported on file storage"),
        (json!({"num_replicas": 3}), "async persist mode is not supported on replicated streams"),
        (
            json!({"allow_atomic": true}),
            "async persist mode is not supported with atomic batch publish",
        ),
    ] {
        let mut config = config;
        config["name"] = "S".into();
        config["persist_mode"] = "async".into();
        let answer = create(config).await;
        assert_eq!(answer["error"]["err_code"], 10052, "{answer}");
        assert_eq!(answer["error"]["description"], words);
    }
    create(json!({"name": "S"})).await;
    let changed = json!({"name": "S", "persist_mode": "async"});
    let answer = api_json(&client, "STREAM.UPDATE.S", changed).await;
    let words = "stream configuration update can not change persist mode";
    assert_eq!(answer["error"]["description"], words, "{answer}");
}
