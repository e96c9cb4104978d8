//! What only our server promises when the system gives less than it is asked for, and the levels of
//! durability that it names.

use async_nats::jetstream::stream::Config;
use serde_json::{Value, json};

use crate::help::{api_json, eventually, publish, soon, stream};
use crate::monitoring;
use crate::raw::Raw;
use crate::server::Server;

#[tokio::test]
async fn the_level_of_a_stream_is_shown_wherever_it_is_looked_at() {
    if Server::is_reference() {
        return;
    }
    let server = Server::with_config("http: \"127.0.0.1:-1\", jetstream { sync_interval: 10s }");
    let client = server.client().await;
    let mut shown = Vec::new();
    for config in [
        json!({"name": "OS"}),
        json!({"name": "ASYNC", "persist_mode": "async"}),
        json!({"name": "MEMORY", "storage": "memory"}),
    ] {
        let name = config["name"].as_str().unwrap().to_owned();
        api_json(&client, &format!("STREAM.CREATE.{name}"), config).await;
        let info = api_json(&client, &format!("STREAM.INFO.{name}"), json!("")).await;
        shown.push(info["durability"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(shown, ["os:10s", "async", "memory"]);
    let jsz = monitoring::json(&server, "/jsz?streams=1").await;
    let details = jsz["account_details"][0]["stream_detail"].as_array().unwrap();
    let mut levels: Vec<&str> = details.iter().filter_map(|it| it["durability"].as_str()).collect();
    levels.sort_unstable();
    assert_eq!(levels, ["async", "memory", "os:10s"]);
    assert_eq!(jsz["config"]["sync_interval"], 10_000_000_000_u64);
    assert_eq!(jsz["config"]["sync_always"], Value::Null);
    assert!(jsz["config"]["store_medium"].is_string(), "{jsz}");
    let log = server.log();
    let warning = log.lines().find(|line| line.contains("os:10s")).expect("a line");
    assert!(warning.contains("[WRN]"), "{warning}");
}

#[tokio::test]
async fn a_client_of_the_reference_reads_the_info_of_a_stream_with_a_level() {
    if Server::is_reference() {
        return;
    }
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config { name: "S".into(), subjects: vec!["s".into()], ..Config::default() };
    js.create_stream(config).await.unwrap();
    publish(&js, "s", "x").await;
    let info = js.get_stream("S").await.unwrap().get_info().await.unwrap();
    assert_eq!(info.state.messages, 1);
}

/// Of 96 descriptors the server needs some twenty, and leaves 24 to the store.
#[tokio::test]
async fn without_descriptors_those_who_are_here_go_on_and_the_store_too() {
    if Server::is_reference() {
        return;
    }
    let server = Server::after("ulimit -n 96", "");
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    let mut crowd = Vec::new();
    for _ in 0..30 {
        let mut raw = Raw::open(&server).await;
        raw.send("CONNECT {\"verbose\":false}\r\n").await;
        raw.lines_until_pong().await;
        crowd.push(raw);
    }

    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(tokio::net::TcpStream::connect(server.addr()).await.unwrap());
    }

    publish(&js, "s", "one of those who are here").await;
    assert!(server.log().contains("Only 96 file descriptors"), "{}", server.log());
    assert!(server.log().matches("Error accepting").count() <= 1, "{}", server.log());
    drop((sockets, crowd));
    eventually("somebody new gets in", || async {
        let connecting = async_nats::ConnectOptions::new().connect(server.url());
        matches!(tokio::time::timeout(crate::help::ms(500), connecting).await, Ok(Ok(_)))
    })
    .await;
    publish(&js, "s", "and goes on").await;
}

/// A write beyond the largest file that is allowed fails: to the store an I/O error like any other.
#[tokio::test]
async fn with_on_io_error_exit_the_process_ends_when_the_store_fails() {
    if Server::is_reference() {
        return;
    }
    let config = "jetstream { on_io_error: exit }";
    let mut server = Server::after("trap '' XFSZ; ulimit -f 10240", config);
    let client = server.client().await;
    let js = async_nats::jetstream::new(client.clone());
    stream(&js, "S", &["s"]).await;
    let payload = vec![0; 500_000];
    let filling = async {
        while let Ok(sent) = js.publish("s", payload.clone().into()).await
            && sent.await.is_ok()
        {}
    };

    soon("the store fails", filling).await;

    let status = server.wait_exit();
    assert_eq!(status.code(), Some(1), "{}", server.log());
    assert!(server.log().contains("on_io_error: exit"), "{}", server.log());
    assert!(server.log().contains("Server Exiting"), "{}", server.log());
}
