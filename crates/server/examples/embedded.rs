//! A durable event stream inside a program, with no server to install.

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, stream::Config};
use tradewind_server::{Options, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "embedded-data".to_owned());
    let server = Server::start(Options::embedded(dir)).await?;

    let token = server.token().unwrap_or_default().to_owned();
    let client =
        ConnectOptions::with_token(token).connect(server.client_address().to_string()).await?;
    let events = jetstream::new(client.clone());
    let config =
        Config { name: "EVENTS".into(), subjects: vec!["events.>".into()], ..Config::default() };
    let mut stream = events.get_or_create_stream(config).await?;

    let ack = events.publish("events.started", "hello".into()).await?.await?;
    println!(
        "event {} is on disk; the stream has {}",
        ack.sequence,
        stream.info().await?.state.messages
    );

    client.drain().await?;
    server.shutdown().await;
    Ok(())
}
