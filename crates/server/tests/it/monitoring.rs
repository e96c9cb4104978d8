//! The monitoring port.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::help::{durable, publish_many, soon, stream, take};
use crate::server::Server;

async fn get(server: &Server, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(server.monitoring()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("an answer", socket.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, body.to_owned())
}

pub(crate) async fn json(server: &Server, path: &str) -> Value {
    let (status, body) = get(server, path).await;
    assert_eq!(status, 200, "{path}: {body}");
    // A long answer may come in chunks.
    let start = body.find('{').expect("an object");
    let end = body.rfind('}').expect("an object");
    serde_json::from_str(&body[start..=end])
        .unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

/// Rows: S0-78
#[tokio::test]
async fn s0_78_healthz_varz_and_jsz_tell_that_jetstream_is_on() {
    let server = Server::with_config("http: \"127.0.0.1:-1\"");
    assert_eq!(json(&server, "/healthz").await["status"], "ok");
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 5).await;
    take(&durable(&stream, "C").await, 2).await;

    let varz = json(&server, "/varz").await;
    assert_eq!(varz["port"], server.addr().port());
    assert_eq!(varz["connections"], 1);
    assert!(varz["jetstream"]["config"]["store_dir"].is_string());
    let jsz = json(&server, "/jsz").await;
    assert_eq!(
        (&jsz["streams"], &jsz["consumers"], &jsz["messages"]),
        (&1.into(), &1.into(), &5.into())
    );
    assert!(jsz.get("disabled").is_none());
    let (status, _) = get(&server, "/").await;
    assert_eq!(status, 200);
    assert_eq!(get(&server, "/nothing/here").await.0, 404);
}

#[tokio::test]
async fn connz_lists_who_is_connected_and_counts_their_messages() {
    let server = Server::with_config("http: \"127.0.0.1:-1\"");
    let options = async_nats::ConnectOptions::new().name("the-worker");
    let client = server.client_with(options).await;
    let mut sub = client.subscribe("jobs.*").await.unwrap();
    for _ in 0..3 {
        client.publish("jobs.one", "12345".into()).await.unwrap();
        crate::help::next(&mut sub).await;
    }
    let connz = json(&server, "/connz?subs=1").await;
    let connection = &connz["connections"][0];
    assert_eq!(connection["name"], "the-worker");
    assert_eq!((&connection["in_msgs"], &connection["in_bytes"]), (&3.into(), &15.into()));
    assert_eq!((&connection["out_msgs"], &connection["out_bytes"]), (&3.into(), &15.into()));
    assert_eq!(connection["subscriptions_list"], serde_json::json!(["jobs.*"]));
    assert_eq!(connection["lang"], "rust");
}
