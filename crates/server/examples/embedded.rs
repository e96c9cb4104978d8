//! A durable event stream inside a program, with no server to install.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use async_nats::{ConnectOptions, jetstream, jetstream::stream::Config};
use tradewind_server::{Options, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "embedded-data".to_owned());
    let server = Server::start(Options::embedded(dir)).await?;

    let token = server.token().unwrap_or_default().to_owned();
    let options = ConnectOptions::with_token(token);
    let client = options.connect(server.client_address().to_string()).await?;
    let events = jetstream::new(client.clone());
    let subjects = vec!["events.>".into()];
    let config = Config { name: "EVENTS".into(), subjects, ..Config::default() };
    let mut stream = events.get_or_create_stream(config).await?;

    let ack = events.publish("events.started", "hello".into()).await?.await?;
    let messages = stream.info().await?.state.messages;
    println!("event {} is on disk; the stream has {messages}", ack.sequence);

    client.drain().await?;
    server.shutdown().await;
    Ok(())
}
