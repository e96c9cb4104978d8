use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tradewind_bus::{
    Backoff, Bus, DeadLetterPolicy, Delivery, HandlerError, Outcome, Raw, Retry, Subscription,
};

use crate::broker::Broker;
use crate::help::{Seen, eventually, stream};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Update {
    feed: String,
}

fn update(feed: &str) -> Update {
    Update { feed: feed.to_owned() }
}

async fn neo_events(broker: &Broker) -> Bus {
    let bus = broker.bus().await;
    let subjects = ["neo.datafeed.*", "neo.flow.*", "neo.accounts.*"];
    stream(broker, &bus, "neo-events", &subjects).await;
    bus
}

fn policy() -> DeadLetterPolicy {
    DeadLetterPolicy::new().stream("neo-events-dlq").subject("neo.dlq.datafeed")
}

fn retry() -> Retry {
    Retry::new(Backoff::fixed(Duration::from_millis(100)), Some(3))
}

/// Fails for `poison`; what was seen.
async fn consume(bus: &Bus) -> (Seen<(String, u64)>, Subscription) {
    let seen = Seen::default();
    let handler = seen.clone();
    let builder = bus.consume::<Update>("neo-events").durable("neofeeds-consumer");
    let builder = builder.filter("neo.datafeed.*").retry(retry()).dead_letters(policy());
    let run = builder.run(move |it: Delivery<Update>| {
        handler.push((it.data.feed.clone(), it.num_delivered()));
        async move {
            match it.data.feed.as_str() {
                "poison" => Err(HandlerError::retryable("it can't be digested")),
                "hopeless" => Err(HandlerError::permanent("no such feed")),
                _ => Ok(()),
            }
        }
    });
    (seen, run.await.unwrap())
}

/// Rows: S0-75, S0-77, S2-53, S2-75, S3-107.
#[tokio::test]
async fn s0_75_a_poison_message_is_one_dead_letter_after_three_deliveries() {
    let broker = Broker::start().await;
    let bus = neo_events(&broker).await;
    let (seen, subscription) = consume(&bus).await;
    let producer = bus.producer().start().await.unwrap();

    for feed in ["BTC", "poison", "ETH"] {
        producer.publish("neo.datafeed.update", &update(feed)).await.unwrap();
    }

    seen.wait_for(5).await;
    eventually("one dead letter", || async { subscription.stats().dead_lettered == 1 }).await;
    let seen = seen.all();
    let poison: Vec<u64> = seen.iter().filter(|it| it.0 == "poison").map(|it| it.1).collect();
    assert_eq!(poison, [1, 2, 3]);
    let letters = bus.dead_letters("neo-events-dlq").await.unwrap();
    let all = letters.list(1, 10).await.unwrap();
    assert_eq!(all.len(), 1);
    let letter = &all[0];
    assert_eq!(letter.reason, "max_deliver");
    assert!(letter.error.contains("it can't be digested"), "{}", letter.error);
    assert_eq!(
        (letter.stream.as_str(), letter.consumer.as_str()),
        ("neo-events", "neofeeds-consumer")
    );
    assert_eq!((letter.subject.as_str(), letter.stream_sequence), ("neo.datafeed.update", 2));
    assert_eq!(letter.num_delivered, 3);
    assert_eq!(serde_json::from_slice::<Update>(&letter.body).unwrap(), update("poison"));
    eventually("the original is acknowledged", || async {
        let info = bus.consumer_info("neo-events", "neofeeds-consumer").await.unwrap();
        info.num_ack_pending == 0 && info.ack_floor.stream_sequence == 3
    })
    .await;
}

/// Rows: S0-42.
#[tokio::test]
async fn s0_42_malformed_json_and_permanent_errors_are_dead_at_once() {
    let broker = Broker::start().await;
    let bus = neo_events(&broker).await;
    let (seen, subscription) = consume(&bus).await;
    let producer = bus.producer().start().await.unwrap();

    producer.publish("neo.datafeed.update", &Raw::from("{\"feed\":")).await.unwrap();
    producer.publish("neo.datafeed.update", &update("hopeless")).await.unwrap();

    eventually("two dead letters", || async { subscription.stats().dead_lettered == 2 }).await;
    assert_eq!(seen.all(), [("hopeless".to_owned(), 1)]);
    let letters = bus.dead_letters("neo-events-dlq").await.unwrap().list(1, 10).await.unwrap();
    assert!(letters.iter().all(|it| it.reason == "permanent_error"));
    assert!(letters[0].error.contains("JSON"), "{}", letters[0].error);
    assert_eq!(&letters[0].body[..], b"{\"feed\":");
    assert_eq!(letters[1].error, "no such feed");
}

/// A handler that never returns, and is not spoken for any longer: the server gives its message up
/// and says so, and that word makes the dead letter.
#[tokio::test]
async fn a_message_whose_handler_never_returns_is_one_dead_letter() {
    let broker = Broker::start().await;
    let bus = neo_events(&broker).await;
    let builder = bus.consume::<Update>("neo-events").durable("neofeeds-consumer");
    let builder = builder
        .retry(retry())
        .dead_letters(policy())
        .concurrency(8)
        .with(|it| it.ack_wait = Duration::from_millis(50));
    let subscription = builder
        .run(|it: Delivery<Update>| async move {
            if it.data.feed == "hang" {
                std::future::pending::<()>().await;
            }
        })
        .await
        .unwrap();
    let producer = bus.producer().start().await.unwrap();

    producer.publish("neo.datafeed.update", &update("hang")).await.unwrap();
    producer.publish("neo.datafeed.update", &update("BTC")).await.unwrap();

    let letters = bus.dead_letters("neo-events-dlq").await.unwrap();
    eventually("one dead letter", || async { letters.count().await.unwrap() == 1 }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let all = letters.list(1, 10).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].reason.as_str(), all[0].stream_sequence), ("max_deliver", 1));
    assert!(all[0].error.contains("never settled"), "{}", all[0].error);
    drop(subscription);
}

/// The process dies after the dead letter and before the acknowledgement: whoever comes next does
/// not make a second one.
#[tokio::test]
async fn a_dead_letter_is_stored_once_whatever_happens_in_between() {
    let broker = Broker::start().await;
    let bus = neo_events(&broker).await;
    let producer = bus.producer().start().await.unwrap();
    producer.publish("neo.datafeed.update", &update("hopeless")).await.unwrap();
    let (_, subscription) = consume(&bus).await;
    eventually("one dead letter", || async { subscription.stats().dead_lettered == 1 }).await;
    subscription.drain(Duration::from_secs(5)).await;
    // The acknowledgement is lost: another consumer of that name starts from the beginning.
    bus.delete_consumer("neo-events", "neofeeds-consumer").await.unwrap();

    let (_, again) = consume(&bus).await;
    eventually("buried again", || async { again.stats().dead_lettered == 1 }).await;

    assert_eq!(bus.dead_letters("neo-events-dlq").await.unwrap().count().await.unwrap(), 1);
}

/// Rows: S1-74.
#[tokio::test]
async fn s1_74_a_dead_letter_is_replayed_to_where_it_came_from() {
    let broker = Broker::start().await;
    let bus = neo_events(&broker).await;
    let is_mended = Arc::new(AtomicBool::new(false));
    let (seen, mended) = (Seen::default(), Arc::clone(&is_mended));
    let handler = seen.clone();
    let builder = bus.consume::<Update>("neo-events").durable("neofeeds-consumer");
    let subscription = builder
        .dead_letters(policy())
        .run(move |it: Delivery<Update>| {
            let outcome = if mended.load(Ordering::SeqCst) {
                Outcome::Ack
            } else {
                Outcome::DeadLetter("not before it is mended".to_owned())
            };
            handler.push(it.data.feed);
            std::future::ready(outcome)
        })
        .await
        .unwrap();
    let producer = bus.producer().start().await.unwrap();
    producer
        .message("neo.datafeed.update")
        .header("X-Trace", "7")
        .publish(&update("a"))
        .await
        .unwrap();
    producer.publish("neo.datafeed.update", &update("b")).await.unwrap();
    eventually("two dead letters", || async { subscription.stats().dead_lettered == 2 }).await;

    is_mended.store(true, Ordering::SeqCst);
    let letters = bus.dead_letters("neo-events-dlq").await.unwrap();
    let first = letters.list(1, 1).await.unwrap().remove(0);
    let replayed = letters.replay(first.sequence).await.unwrap();

    assert_eq!(replayed.result.unwrap().sequence, 3);
    seen.wait_for(3).await;
    eventually("acknowledged", || async { subscription.stats().acked == 1 }).await;
    assert_eq!(letters.count().await.unwrap(), 1);
    let gone = letters.view(first.sequence).await.unwrap_err();
    assert!(gone.to_string().contains("is not there"), "{gone}");
    let stored =
        bus.context().get_stream("neo-events").await.unwrap().get_raw_message(3).await.unwrap();
    assert_eq!(stored.headers.get("X-Trace").unwrap().as_str(), "7");
    assert!(stored.headers.get("Nats-DLQ-Reason").is_none());
    assert_eq!(letters.purge().await.unwrap(), 1);
    assert_eq!(letters.count().await.unwrap(), 0);
}
