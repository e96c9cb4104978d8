//! A server inside a program: several at once, gone when they are told, never ending their host.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::net::TcpStream;

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, stream::Config};
use tradewind_server::{Options, Server, StartError};

async fn connect(server: &Server) -> async_nats::Client {
    let token = server.token().unwrap().to_owned();
    let address = server.client_address().to_string();
    ConnectOptions::with_token(token).connect(address).await.unwrap()
}

#[tokio::test]
async fn what_an_embedded_server_kept_is_there_when_it_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=3 {
        let server = Server::start(Options::embedded(dir.path())).await.unwrap();
        let js = jetstream::new(connect(&server).await);
        let config = Config { name: "S".into(), subjects: vec!["s.>".into()], ..Config::default() };
        let mut stream = js.get_or_create_stream(config).await.unwrap();

        js.publish("s.a", "x".into()).await.unwrap().await.unwrap();

        assert_eq!(stream.info().await.unwrap().state.messages, round);
        server.shutdown().await;
    }
}

#[tokio::test]
async fn nobody_gets_in_without_the_token_and_nobody_after_the_shutdown() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Options::embedded(dir.path())).await.unwrap();
    let address = server.client_address();

    assert!(address.ip().is_loopback());
    assert!(async_nats::connect(address.to_string()).await.is_err());

    server.shutdown().await;
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn two_servers_live_side_by_side_but_not_on_one_store() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Server::start(Options::embedded(one.path())).await.unwrap();
    let second = Server::start(Options::embedded(two.path())).await.unwrap();
    assert_ne!(first.token(), second.token());

    let refused = Server::start(Options::embedded(one.path())).await.unwrap_err();

    assert!(matches!(refused, StartError::JetStream(_)), "{refused}");
    assert!(refused.to_string().contains("in use"), "{refused}");
    second.shutdown().await;
    first.shutdown().await;
}
