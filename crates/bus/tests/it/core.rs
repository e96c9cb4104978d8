use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tradewind_bus::{Bus, Delivery, Raw, Subscription};

use crate::broker::Broker;
use crate::help::{Seen, eventually};

async fn listen(bus: &Bus, subject: &str) -> (Seen<(String, Value)>, Subscription) {
    let seen = Seen::default();
    let handler = seen.clone();
    let run = bus.subscribe::<Value>(subject).run(move |it: Delivery<Value>| {
        handler.push((it.subject, it.data));
        std::future::ready(())
    });
    (seen, run.await.unwrap())
}

/// Rows: S2-16, S3-16, S3-24, S4-02, S4-10, S4-18, S4-19, S4-22, S4-23, S4-24.
#[tokio::test]
async fn s4_24_wildcards_get_what_matches_and_nothing_else() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let (all, first) = listen(&bus, "events.>").await;
    let (orders, second) = listen(&bus, "events.order.*").await;
    let producer = bus.core_producer().start().await.unwrap();

    let subjects = ["events.order.created", "events.user.created", "events.order.paid", "events"];
    for subject in subjects {
        producer.publish(subject, &json!({"subject": subject})).await.unwrap();
    }

    let all = all.wait_for(3).await;
    let orders = orders.wait_for(2).await;
    let subjects =
        |seen: &[(String, Value)]| seen.iter().map(|it| it.0.clone()).collect::<Vec<String>>();
    assert_eq!(
        subjects(&all),
        ["events.order.created", "events.user.created", "events.order.paid"]
    );
    assert_eq!(subjects(&orders), ["events.order.created", "events.order.paid"]);
    assert_eq!(all[0].1, json!({"subject": "events.order.created"}));
    drop((first, second));
}

/// Rows: S4-19.
#[tokio::test]
async fn s4_19_nothing_is_delivered_after_the_subscription_ended() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let (seen, subscription) = listen(&bus, "events.>").await;
    let producer = bus.core_producer().start().await.unwrap();
    producer.publish("events.a", &1).await.unwrap();
    seen.wait_for(1).await;

    assert!(subscription.drain(Duration::from_secs(5)).await);
    producer.publish("events.a", &2).await.unwrap();
    bus.client().flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;

    assert_eq!(seen.len(), 1);
}

/// Rows: S3-26, S3-41, S4-09, S4-25, S4-26, S4-27, S4-78.
#[tokio::test]
async fn s4_25_each_task_goes_to_exactly_one_member_of_the_group() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let (all, mut counts, mut workers) = (Seen::default(), Vec::new(), Vec::new());
    for _ in 0..2 {
        let (all, count) = (all.clone(), Arc::new(AtomicUsize::new(0)));
        counts.push(Arc::clone(&count));
        let run =
            bus.subscribe::<u32>("work.tasks").group("workers").run(move |it: Delivery<u32>| {
                count.fetch_add(1, Ordering::SeqCst);
                all.push(it.data);
                std::future::ready(())
            });
        workers.push(run.await.unwrap());
    }
    let producer = bus.core_producer().start().await.unwrap();

    for task in 0..1000_u32 {
        producer.publish("work.tasks", &task).await.unwrap();
    }

    let all = all.wait_for(1000).await;
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 1000);
    assert!(counts.iter().all(|it| 0 < it.load(Ordering::SeqCst)));
}

/// Rows: S1-71.
#[tokio::test]
async fn s1_71_fan_out_gives_every_listener_a_copy() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let listeners =
        [listen(&bus, "news").await, listen(&bus, "news").await, listen(&bus, "news").await];

    bus.core_producer().start().await.unwrap().publish("news", &json!("hello")).await.unwrap();

    for (seen, _) in &listeners {
        assert_eq!(seen.wait_for(1).await, [("news".to_owned(), json!("hello"))]);
    }
}

/// Rows: S2-67, S2-68.
#[tokio::test]
async fn s2_68_what_waits_for_a_slow_handler_is_limited_in_messages_and_bytes() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let producer = bus.core_producer().start().await.unwrap();
    for (messages, bytes, fits) in [(10, usize::MAX, 10), (usize::MAX, 10_500, 9)] {
        let (held, subject) = (Arc::new(tokio::sync::Semaphore::new(0)), format!("slow.{fits}"));
        let gate = Arc::clone(&held);
        let run =
            bus.subscribe::<Raw>(&subject).limits(messages, bytes).run(move |_: Delivery<Raw>| {
                let gate = Arc::clone(&gate);
                async move { gate.acquire().await.unwrap().forget() }
            });
        let subscription = run.await.unwrap();

        for _ in 0..50 {
            producer.publish(&subject, &Raw::from(vec![7; 1000])).await.unwrap();
        }
        // One is being handled, `fits` wait, the others are gone.
        eventually("the rest is dropped", || async {
            let stats = subscription.stats();
            stats.delivered == 1 && stats.dropped + 1 + fits >= 50
        })
        .await;
        let dropped = subscription.stats().dropped;
        held.add_permits(100);
        eventually("the others are handled", || async {
            subscription.stats().acked == 50 - dropped
        })
        .await;
        assert!(fits <= 50 - dropped && 50 - dropped <= fits + 2, "{dropped}");
    }
}

#[tokio::test]
async fn a_panic_and_a_body_that_is_no_value_end_nothing() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let seen = Seen::default();
    let handler = seen.clone();
    let run = bus.subscribe::<u32>("numbers").concurrency(4).run(move |it: Delivery<u32>| {
        let handler = handler.clone();
        async move {
            assert_ne!(it.data, 13, "an unlucky number");
            handler.push(it.data);
        }
    });
    let subscription = run.await.unwrap();
    let producer = bus.core_producer().start().await.unwrap();

    producer.publish("numbers", &13).await.unwrap();
    producer.publish("numbers", &Raw::from("no number")).await.unwrap();
    producer.publish("numbers", &14).await.unwrap();

    assert_eq!(seen.wait_for(1).await, [14]);
    eventually("both are counted", || async {
        let stats = subscription.stats();
        (stats.panics, stats.dropped) == (1, 1)
    })
    .await;
}
