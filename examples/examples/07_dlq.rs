//! A message that can't be handled: tried three times, kept as a dead letter, looked at, replayed.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tradewind_bus::stream::Config;
use tradewind_bus::{
    Backoff, Bus, DeadLetterPolicy, Delivery, HandlerError, Ids, OnDrift, Retry, Subscription,
};
use tradewind_examples::{connect, until, until_acked};

#[derive(Serialize, Deserialize)]
struct Order {
    id: u32,
}

const STREAM: &str = "F_POISON";
const POISON: u32 = 2;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let example = connect("07_dlq").await?;
    let bus = &example.bus;
    let subjects = vec!["f.poison.>".to_owned()];
    let config = Config { name: STREAM.to_owned(), subjects, ..Config::default() };
    bus.ensure_stream(config, OnDrift::Fail).await?;
    let is_mended = Arc::new(AtomicBool::new(false));
    let shipping = shipping(bus, &is_mended).await?;

    let producer = bus.stream_producer().ids(Ids::OfCall).start().await?;
    for id in 1..=3 {
        producer.publish("f.poison.orders", &Order { id }).await?;
    }
    until("a dead letter", || shipping.stats().dead_lettered == 1).await?;
    // The others were not held up.
    until_acked(&shipping, 2).await?;

    // Dead letters are messages of a stream, `F_POISON-dlq`, with the reason in their headers.
    let letters = bus.dead_letters("F_POISON-dlq").await?;
    for letter in letters.list(1, 10).await? {
        let body = String::from_utf8_lossy(&letter.body);
        println!("dead letter {}: {} {body}", letter.sequence, letter.subject);
        println!("  {} after {} deliveries: {}", letter.reason, letter.num_delivered, letter.error);
    }

    // Somebody mends the fault, and sends the letter back to where it came from.
    is_mended.store(true, Ordering::Relaxed);
    for letter in letters.list(1, 10).await? {
        let ack = letters.replay(letter.sequence).await?.result?;
        println!("replayed: {} of {}", ack.sequence, ack.stream);
    }
    until_acked(&shipping, 3).await?;
    println!("dead letters left: {}", letters.count().await?);
    example.close().await
}

async fn shipping(bus: &Bus, is_mended: &Arc<AtomicBool>) -> anyhow::Result<Subscription> {
    let is_mended = Arc::clone(is_mended);
    // Three deliveries, a tenth of a second apart; the default waits grow from one second on.
    let retry = Retry::new(Backoff::fixed(Duration::from_millis(100)), Some(3));
    let builder = bus.consume::<Order>(STREAM).durable("shipping").retry(retry);
    let run = builder.dead_letters(DeadLetterPolicy::new()).run(move |order: Delivery<Order>| {
        let is_mended = is_mended.load(Ordering::Relaxed);
        async move {
            let (id, nth) = (order.data.id, order.num_delivered());
            if id == POISON && !is_mended {
                println!("order {id}, delivery {nth}: no address");
                // `HandlerError::permanent` would make it a dead letter at once.
                return Err(HandlerError::retryable("no address"));
            }
            println!("order {id}, delivery {nth}: shipped");
            Ok(())
        }
    });
    Ok(run.await?)
}
