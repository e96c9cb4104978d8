use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tradewind_bus::{
    Backoff, Bus, ConsumeError, Delivery, HandlerError, ManageError, Outcome, Raw, Retry, Start,
};

use crate::broker::Broker;
use crate::help::{Seen, eventually, stream};

/// Publishes the numbers of `range`.
async fn publish(bus: &Bus, subject: &str, range: std::ops::Range<u32>) {
    let producer = bus.producer().ids(tradewind_bus::Ids::OfCall).start().await.unwrap();
    for n in range {
        producer.publish_async(subject, &n).await.unwrap();
    }
    for result in producer.flush_all(Duration::from_secs(20)).await {
        result.unwrap();
    }
}

fn soon(attempts: u32) -> Retry {
    Retry::new(Backoff::fixed(Duration::from_millis(100)), Some(attempts))
}

/// Rows: S0-30, S0-33, S0-35, S1-29, S2-20, S3-37, S3-106, S3-124, S4-12, S4-13.
#[tokio::test]
async fn s0_35_what_is_handled_is_acknowledged_and_does_not_come_again() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..20).await;
    let seen = Seen::default();
    let handler = seen.clone();

    let run = |handler: Seen<u32>| {
        bus.consume::<u32>("ORDERS").durable("work").run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
    };
    let subscription = run(handler.clone()).await.unwrap();
    assert_eq!(seen.wait_for(20).await, (0..20).collect::<Vec<u32>>());
    eventually("20 acknowledged", || async {
        bus.consumer_info("ORDERS", "work").await.unwrap().ack_floor.stream_sequence == 20
    })
    .await;
    assert!(subscription.drain(Duration::from_secs(5)).await);

    // The durable is still there, and goes on where it was.
    publish(&bus, "orders.a", 20..25).await;
    let again = run(handler).await.unwrap();
    assert_eq!(seen.wait_for(25).await, (0..25).collect::<Vec<u32>>());
    assert_eq!(again.stats().redelivered, 0);
}

/// Rows: S0-34, S1-51, S3-123.
#[tokio::test]
async fn s3_123_a_handler_error_is_tried_again_and_holds_up_nobody() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..5).await;
    let seen = Seen::default();
    let handler = seen.clone();

    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .retry(soon(5))
        .run(move |it: Delivery<u32>| {
            handler.push((it.data, it.num_delivered()));
            async move {
                if it.data == 2 && it.num_delivered() < 3 {
                    return Err(HandlerError::retryable("not yet"));
                }
                Ok(())
            }
        })
        .await
        .unwrap();

    let seen = seen.wait_for(7).await;
    assert_eq!(seen[..5], [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(seen[5..], [(2, 2), (2, 3)]);
    assert_eq!(subscription.stats().retried, 2);
}

/// Rows: S0-76, S3-38.
#[tokio::test]
async fn s0_76_a_redelivery_comes_after_its_wait() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let seen = Seen::default();
    let handler = seen.clone();
    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .retry(Retry::new(
            Backoff {
                base: Duration::from_millis(200),
                factor: 2.0,
                max: Duration::from_secs(5),
                jitter: 0.0,
            },
            Some(10),
        ))
        .run(move |it: Delivery<u32>| {
            handler.push((it.num_delivered(), Instant::now()));
            async move {
                match it.num_delivered() {
                    4 => Outcome::RetryAfter(Duration::from_secs(1), "later".to_owned()),
                    5 => Outcome::Ack,
                    _ => Outcome::Retry("again".to_owned()),
                }
            }
        })
        .await
        .unwrap();
    publish(&bus, "orders.a", 0..1).await;

    let seen = seen.wait_for(5).await;

    for (pair, wait) in seen.windows(2).zip([200, 400, 800, 1000]) {
        let took = pair[1].1.duration_since(pair[0].1).as_millis();
        assert!(wait - 20 <= took && took < wait + 300, "{took} ms, not {wait}");
    }
    drop(subscription);
}

/// Rows: S3-122.
#[tokio::test]
async fn s3_122_a_panic_is_caught_counted_and_tried_again() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let seen = Seen::default();
    let handler = seen.clone();
    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .retry(soon(5))
        .run(move |it: Delivery<u32>| {
            handler.push(it.num_delivered());
            async move { assert!(1 < it.num_delivered(), "the first delivery") }
        })
        .await
        .unwrap();
    publish(&bus, "orders.a", 0..1).await;

    assert_eq!(seen.wait_for(2).await, [1, 2]);
    eventually("acknowledged", || async { subscription.stats().acked == 1 }).await;
    assert_eq!(subscription.stats().panics, 1);
}

/// Rows: S0-73, S1-57, S2-40.
#[tokio::test]
async fn s1_57_handlers_run_at_once_and_no_more_than_asked_for() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..40).await;
    let (seen, running, most) =
        (Seen::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (handler, counted, peak) = (seen.clone(), Arc::clone(&running), Arc::clone(&most));

    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .concurrency(4)
        .run(move |it: Delivery<u32>| {
            let (handler, counted, peak) =
                (handler.clone(), Arc::clone(&counted), Arc::clone(&peak));
            async move {
                peak.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                counted.fetch_sub(1, Ordering::SeqCst);
                handler.push(it.data);
            }
        })
        .await
        .unwrap();

    let all: HashSet<u32> = seen.wait_for(40).await.into_iter().collect();
    assert_eq!(all.len(), 40);
    assert_eq!(most.load(Ordering::SeqCst), 4);
    drop(subscription);
}

#[tokio::test]
async fn messages_of_one_key_are_handled_in_order() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    for key in 0..5 {
        publish(&bus, &format!("orders.{key}"), 0..10).await;
    }
    let seen = Seen::default();
    let handler = seen.clone();

    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .concurrency(8)
        .lanes_by(|message| message.subject.as_bytes().to_vec())
        .run(move |it: Delivery<u32>| {
            let handler = handler.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(u64::from(it.data % 3))).await;
                handler.push((it.subject, it.data));
            }
        })
        .await
        .unwrap();

    let seen = seen.wait_for(50).await;
    for key in 0..5 {
        let subject = format!("orders.{key}");
        let of_key: Vec<u32> = seen.iter().filter(|it| it.0 == subject).map(|it| it.1).collect();
        assert_eq!(of_key, (0..10).collect::<Vec<u32>>(), "{subject}");
    }
    drop(subscription);
}

/// Rows: S3-39.
#[tokio::test]
async fn s3_39_in_order_keeps_the_order_on_a_retry() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..6).await;
    let seen = Seen::default();
    let handler = seen.clone();

    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .in_order()
        .retry(soon(5))
        .run(move |it: Delivery<u32>| {
            handler.push((it.data, it.num_delivered()));
            async move {
                if it.data == 2 && it.num_delivered() == 1 {
                    return Outcome::Retry("once".to_owned());
                }
                Outcome::Ack
            }
        })
        .await
        .unwrap();

    let expected = [(0, 1), (1, 1), (2, 1), (2, 2), (3, 1), (4, 1), (5, 1)];
    assert_eq!(seen.wait_for(7).await, expected);
    assert_eq!(bus.consumer_info("ORDERS", "work").await.unwrap().config.max_ack_pending, 1);
    drop(subscription);
}

/// Rows: S0-31, S0-32, S1-20, S1-49, S1-54, S1-55, S1-66, S4-06.
#[tokio::test]
async fn s0_31_a_fetch_returns_what_is_there_or_waits_and_survives_an_empty_stream() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let wanted = bus.consume::<u32>("ORDERS").durable("work").filter("orders.a");
    let mut fetcher = wanted.fetcher().await.unwrap();

    for _ in 0..3 {
        let since = Instant::now();
        let none = fetcher.fetch(3, Duration::from_millis(200)).await.unwrap();
        assert!(none.is_empty());
        let took = since.elapsed().as_millis();
        assert!((190..600).contains(&took), "{took}");
    }
    publish(&bus, "orders.a", 0..5).await;
    let since = Instant::now();
    let three = fetcher.fetch(3, Duration::from_secs(5)).await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(2), "as soon as they are there");
    let data: Vec<u32> = three.iter().map(|it| it.delivery.as_ref().unwrap().data).collect();
    assert_eq!(data, [0, 1, 2]);
    for message in &three {
        message.double_ack().await.unwrap();
    }
    let rest = fetcher.fetch(10, Duration::from_millis(300)).await.unwrap();
    assert_eq!(rest.len(), 2);
    rest[0].nak(Duration::from_millis(50)).await.unwrap();
    rest[1].ack().await.unwrap();
    let again = fetcher.fetch(1, Duration::from_secs(2)).await.unwrap();
    assert_eq!(again[0].delivery.as_ref().unwrap().num_delivered(), 2);
    again[0].ack().await.unwrap();
    let info = bus.consumer_info("ORDERS", "work").await.unwrap();
    assert_eq!((info.config.filter_subject.as_str(), info.num_pending), ("orders.a", 0));
}

/// Rows: S1-53.
#[tokio::test]
async fn s1_53_a_delivery_says_where_it_stands() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..5).await;
    let mut fetcher = bus.consume::<u32>("ORDERS").durable("work").fetcher().await.unwrap();

    let two = fetcher.fetch(2, Duration::from_secs(5)).await.unwrap();
    let meta = two[1].delivery.as_ref().unwrap().meta.clone().unwrap();

    assert_eq!((meta.stream.as_str(), meta.consumer.as_str()), ("ORDERS", "work"));
    assert_eq!((meta.stream_sequence, meta.consumer_sequence, meta.num_pending), (2, 2, 3));
    assert!(meta.age() < Duration::from_secs(20));
}

/// Rows: S0-36, S0-37, S0-38, S0-39, S2-23.
#[tokio::test]
async fn s0_36_a_push_consumer_is_sent_to_in_order_and_stays_when_its_subscription_ends() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..30).await;
    let seen = Seen::default();
    let handler = seen.clone();
    let run = |name: &str, handler: Seen<u32>| {
        bus.consume::<u32>("ORDERS").durable(name).push(None).run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
    };

    let subscription = run("neofeeds-consumer-push", handler.clone()).await.unwrap();
    assert_eq!(seen.wait_for(30).await, (0..30).collect::<Vec<u32>>());
    eventually("all acknowledged", || async { subscription.stats().acked == 30 }).await;
    drop(subscription);
    tokio::time::sleep(Duration::from_millis(100)).await;
    publish(&bus, "orders.a", 30..35).await;
    assert_eq!(seen.len(), 30, "nothing after the subscription ended");
    let again = run("neofeeds-consumer-push", handler).await.unwrap();
    assert_eq!(seen.wait_for(35).await, (0..35).collect::<Vec<u32>>());
    drop(again);

    let pulled = bus.consume::<u32>("ORDERS").durable("neofeeds-consumer-push").fetcher().await;
    let error = pulled.unwrap_err();
    assert!(
        matches!(&error, ConsumeError::Manage(ManageError::OtherKind { found: "push", .. })),
        "{error}"
    );
}

#[tokio::test]
async fn members_of_a_push_group_share_the_messages() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let (all, each) =
        (Seen::default(), [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))]);
    let mut subscriptions = Vec::new();
    for count in &each {
        let (all, count) = (all.clone(), Arc::clone(count));
        let builder = bus.consume::<u32>("ORDERS").durable("shared").push(Some("workers"));
        let run = builder.run(move |it: Delivery<u32>| {
            all.push(it.data);
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(())
        });
        subscriptions.push(run.await.unwrap());
    }
    publish(&bus, "orders.a", 0..200).await;

    let all: HashSet<u32> = all.wait_for(200).await.into_iter().collect();
    assert_eq!(all.len(), 200);
    assert!(each.iter().all(|it| 0 < it.load(Ordering::SeqCst)));
}

/// Rows: S1-25, S1-65, S4-25.
#[tokio::test]
async fn s1_25_instances_of_one_durable_share_its_messages() {
    let broker = Broker::start().await;
    let buses = [broker.bus().await, broker.bus().await, broker.bus().await];
    stream(&broker, &buses[0], "ORDERS", &["orders.>"]).await;
    let (all, mut counts, mut subscriptions) = (Seen::default(), Vec::new(), Vec::new());
    for bus in &buses {
        let (all, count) = (all.clone(), Arc::new(AtomicUsize::new(0)));
        counts.push(Arc::clone(&count));
        let builder = bus.consume::<u32>("ORDERS").durable("work").with(|it| it.batch_size = 10);
        let run = builder.run(move |it: Delivery<u32>| {
            let (all, count) = (all.clone(), Arc::clone(&count));
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                count.fetch_add(1, Ordering::SeqCst);
                all.push(it.data);
            }
        });
        subscriptions.push(run.await.unwrap());
    }
    publish(&buses[0], "orders.a", 0..900).await;

    let all = all.wait_for(900).await;
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 900, "no two handle one message");
    for count in counts {
        let share = count.load(Ordering::SeqCst);
        assert!((210..=390).contains(&share), "{share} of 900 is not a third ± 30 %");
    }
    assert!(subscriptions.iter().all(|it| it.stats().redelivered == 0));
}

/// Rows: S1-72.
#[tokio::test]
async fn s1_72_an_ordered_consumer_reads_everything_in_order() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..500).await;
    let seen = Seen::default();
    let handler = seen.clone();

    let builder = bus.consume::<u32>("ORDERS").ordered().start(Start::ByStartSequence(101));
    let subscription = builder
        .run(move |it: Delivery<u32>| {
            handler.push(it.data);
            std::future::ready(())
        })
        .await
        .unwrap();
    publish(&bus, "orders.a", 500..600).await;

    assert_eq!(seen.wait_for(500).await, (100..600).collect::<Vec<u32>>());
    drop(subscription);
}

#[tokio::test]
async fn a_batch_handler_gets_several_and_says_what_became_of_each() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..25).await;
    let seen = Seen::default();
    let handler = seen.clone();

    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .retry(soon(5))
        .run_batches(10, Duration::from_millis(200), move |batch: Vec<Delivery<u32>>| {
            handler.push(batch.iter().map(|it| (it.data, it.num_delivered())).collect::<Vec<_>>());
            let outcome = |it: &Delivery<u32>| match (it.data, it.num_delivered()) {
                (3, 1) => Outcome::Retry("once more".to_owned()),
                _ => Outcome::Ack,
            };
            let outcomes = batch.iter().map(outcome).collect();
            async move { outcomes }
        })
        .await
        .unwrap();

    eventually("25 acknowledged", || async { subscription.stats().acked == 25 }).await;
    let batches = seen.all();
    assert_eq!(batches[0].len(), 10);
    assert_eq!(batches.concat().len(), 26);
    assert!(batches.concat().contains(&(3, 2)));
}

/// Rows: S4-81.
#[tokio::test]
async fn s4_81_a_long_handler_is_spoken_for_and_so_are_those_that_wait_behind_it() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..3).await;
    let seen = Seen::default();
    let handler = seen.clone();

    let subscription = bus
        .consume::<u32>("ORDERS")
        .durable("work")
        .with(|it| it.ack_wait = Duration::from_millis(500))
        .run(move |it: Delivery<u32>| {
            let handler = handler.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(1200)).await;
                handler.push((it.data, it.num_delivered()));
            }
        })
        .await
        .unwrap();

    assert_eq!(seen.wait_for(3).await, [(0, 1), (1, 1), (2, 1)]);
    assert_eq!(subscription.stats().redelivered, 0);
}

/// Rows: S1-03, S2-76, S3-108.
#[tokio::test]
async fn s2_76_what_nobody_settles_comes_again_after_ack_wait() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..1).await;
    let builder = bus.consume::<u32>("ORDERS").durable("work");
    let builder = builder.with(|it| it.ack_wait = Duration::from_millis(500));
    let mut fetcher = builder.fetcher().await.unwrap();

    let first = fetcher.fetch(1, Duration::from_secs(5)).await.unwrap();
    let since = Instant::now();
    let second = fetcher.fetch(1, Duration::from_secs(5)).await.unwrap();

    assert_eq!(first.len(), 1);
    assert_eq!(second[0].delivery.as_ref().unwrap().num_delivered(), 2);
    let took = since.elapsed().as_millis();
    assert!((400..1200).contains(&took), "{took} ms");
}

/// Rows: S2-37, S2-74, S3-109.
#[tokio::test]
async fn s2_74_the_server_stops_at_max_ack_pending() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..150).await;
    let builder = bus.consume::<u32>("ORDERS").durable("work");
    let builder = builder.with(|it| it.max_ack_pending = Some(100));
    let mut fetcher = builder.fetcher().await.unwrap();

    let unsettled = fetcher.fetch(150, Duration::from_millis(700)).await.unwrap();

    assert_eq!(unsettled.len(), 100);
    assert_eq!(bus.consumer_info("ORDERS", "work").await.unwrap().num_ack_pending, 100);
    unsettled[0].ack().await.unwrap();
    assert_eq!(fetcher.fetch(5, Duration::from_millis(700)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn drain_waits_for_handlers_and_gives_back_what_was_not_begun() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    publish(&bus, "orders.a", 0..10).await;
    let (begun, done) = (Seen::default(), Seen::default());
    let (begins, ends) = (begun.clone(), done.clone());
    let builder = bus.consume::<u32>("ORDERS").durable("work");
    let subscription = builder
        .run(move |it: Delivery<u32>| {
            let (begins, ends) = (begins.clone(), ends.clone());
            async move {
                begins.push(it.data);
                tokio::time::sleep(Duration::from_millis(300)).await;
                ends.push(it.data);
            }
        })
        .await
        .unwrap();
    begun.wait_for(2).await;

    assert!(subscription.drain(Duration::from_secs(5)).await);

    assert_eq!(begun.all(), done.all());
    let mut fetcher = bus.consume::<u32>("ORDERS").durable("work").fetcher().await.unwrap();
    let rest = fetcher.fetch(20, Duration::from_secs(1)).await.unwrap();
    assert_eq!(rest.len() + done.len(), 10, "at once, not after ack_wait");
}

/// Rows: S1-19, S0-38.
#[tokio::test]
async fn s1_19_a_stream_that_is_missing_is_named() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;

    let error = bus.consume::<u32>("NONE").durable("work").fetcher().await.unwrap_err();

    assert_eq!(error.to_string(), "stream \"NONE\" is not there; create it first");
}

#[tokio::test]
async fn options_that_a_way_to_consume_does_not_have_are_refused_with_a_sentence() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;
    let store: Arc<dyn tradewind_bus::idempotency::Store> =
        Arc::new(tradewind_bus::idempotency::MemoryStore::default());
    let builder = || {
        let builder = bus.consume::<u32>("ORDERS").durable("work");
        builder.idempotent(Arc::clone(&store), Duration::from_secs(30))
    };

    let fetched = builder().fetcher().await.unwrap_err().to_string();
    assert!(fetched.contains("a fetcher takes no idempotency store"), "{fetched}");
    let batch = |_: Vec<Delivery<u32>>| std::future::ready(Vec::<Outcome>::new());
    let batched = builder().run_batches(5, Duration::from_millis(1), batch).await;
    let batched = batched.unwrap_err().to_string();
    assert!(batched.contains("batches take no idempotency store"), "{batched}");
    let handler = |_: Delivery<u32>| std::future::ready(());
    let ordered = builder().ordered().run(handler).await.unwrap_err().to_string();
    assert!(ordered.contains("an ordered consumer has no idempotency store"), "{ordered}");
}

/// Rows: S4-32.
#[tokio::test]
async fn s4_32_a_named_consumer_is_durable_and_only_ephemeral_ones_are_not() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    stream(&broker, &bus, "ORDERS", &["orders.>"]).await;

    let named = bus.consume::<Raw>("ORDERS").durable("order-processor").filter("orders.created");
    drop(named.fetcher().await.unwrap());
    let info = bus.consumer_info("ORDERS", "order-processor").await.unwrap();
    assert_eq!(info.config.durable_name.as_deref(), Some("order-processor"));
    assert_eq!(info.config.filter_subject, "orders.created");

    let error = bus.consume::<Raw>("ORDERS").fetcher().await.unwrap_err().to_string();
    assert!(error.contains("durable(") && error.contains("ephemeral()"), "{error}");
    let unnamed = bus.consume::<Raw>("ORDERS").ephemeral().fetcher().await;
    assert!(unnamed.is_ok());
}

/// Rows: S3-34, S3-35, S3-36, S3-110.
#[tokio::test]
async fn s3_34_one_call_registers_a_handler_in_either_mode() {
    let broker = Broker::start().await;
    for mode in [tradewind_bus::Mode::Core, tradewind_bus::Mode::JetStream] {
        let bus = broker.bus_with(|config| config.mode = Some(mode)).await;
        let name = format!("S{mode:?}");
        let topic = format!("topic.{mode:?}");
        stream(&broker, &bus, &name, &[&topic]).await;
        let seen = Seen::default();
        let handler = seen.clone();
        let subscription = bus
            .register(&topic, "coze-group", move |it: Delivery<u32>| {
                handler.push(it.data);
                std::future::ready(())
            })
            .await
            .unwrap();

        bus.producer().start().await.unwrap().publish(&topic, &5).await.unwrap();

        assert_eq!(seen.wait_for(1).await, [5]);
        let durable = bus.consumer_info(&name, "coze-group").await;
        assert_eq!(durable.is_ok(), mode == tradewind_bus::Mode::JetStream);
        drop(subscription);
    }
}
