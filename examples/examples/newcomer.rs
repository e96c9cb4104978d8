//! Orders: stored, handled at least once, tried three times, then kept as dead letters.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tradewind_bus::stream::Config;
use tradewind_bus::{Backoff, Bus, DeadLetterPolicy, Delivery, HandlerError, OnDrift, Retry};

#[derive(Serialize, Deserialize)]
struct Order {
    id: u32,
    address: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bus = Bus::embedded("orders-data").await?;
    let (name, subjects) = ("ORDERS".to_owned(), vec!["orders.>".to_owned()]);
    bus.ensure_stream(Config { name, subjects, ..Config::default() }, OnDrift::Fail).await?;

    let retry = Retry::new(Backoff::fixed(Duration::from_millis(200)), Some(3));
    let consumer = bus.consume::<Order>("ORDERS").durable("shipping").retry(retry);
    let shipping = consumer.dead_letters(DeadLetterPolicy::new()).run(ship).await?;

    let orders = bus.stream_producer().start().await?;
    orders.publish("orders.new", &Order { id: 1, address: Some("Bath".into()) }).await?;
    orders.publish("orders.new", &Order { id: 2, address: None }).await?;

    tokio::signal::ctrl_c().await?;
    shipping.drain(Duration::from_secs(5)).await;
    bus.close().await;
    Ok(())
}

async fn ship(order: Delivery<Order>) -> Result<(), HandlerError> {
    let nth = order.num_delivered();
    let Order { id, address } = order.data;
    println!("order {id}, delivery {nth}: {address:?}");
    address.map(|_| ()).ok_or_else(|| HandlerError::retryable("no address"))
}
