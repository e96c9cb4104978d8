//! Pull consumers: what a fetch brings and when.

use std::collections::BTreeSet;
use std::time::Instant;

use async_nats::jetstream::consumer::pull;
use futures_util::StreamExt;

use crate::help::{
    ack_all, batch, bodies, consumer, durable, eventually, info, look, ms, owned, publish,
    publish_many, seqs, silent, soon, stream, take, take_one,
};
use crate::server::Server;

/// Rows: S0-31, S0-33
#[tokio::test]
async fn s0_31_a_fetch_of_10_returns_as_soon_as_10_are_there() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 25).await;
    let consumer = durable(&stream, "C").await;
    let started = Instant::now();
    let first = batch(&consumer, 10, ms(5000)).await;
    let second = batch(&consumer, 10, ms(5000)).await;
    assert!(started.elapsed() < ms(4000), "no waiting for the time limit");
    assert_eq!(seqs(&first), (1..=10).collect::<Vec<_>>());
    assert_eq!(seqs(&second), (11..=20).collect::<Vec<_>>());
    assert_eq!(bodies(&first), ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
}

/// Rows: S0-31, S1-20
#[tokio::test]
async fn s0_31_a_fetch_of_more_than_there_is_ends_at_its_time_limit() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 3).await;
    let consumer = durable(&stream, "C").await;
    let started = Instant::now();
    assert_eq!(seqs(&batch(&consumer, 10, ms(400)).await), [1, 2, 3]);
    let waited = started.elapsed();
    assert!((ms(350)..ms(3000)).contains(&waited), "{waited:?}");
}

/// Rows: S0-32
#[tokio::test]
async fn s0_32_ten_fetches_from_an_empty_stream_time_out_and_the_next_works() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    let consumer = durable(&stream, "C").await;
    for _ in 0..10 {
        silent(&consumer, ms(50)).await;
    }
    publish(&js, "s", "at last").await;
    assert_eq!(take_one(&consumer).await.payload, "at last");
}

#[tokio::test]
async fn a_waiting_fetch_gets_what_is_published_meanwhile() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    let consumer = durable(&stream, "C").await;
    let waiting = tokio::spawn(async move { take(&consumer, 3).await });
    let probe: crate::help::Pull = stream.get_consumer("C").await.unwrap();
    eventually("the pull is waiting", || async { look(&probe).await.num_waiting == 1 }).await;
    publish_many(&js, "s", 3).await;
    assert_eq!(seqs(&soon("the fetch", waiting).await.unwrap()), [1, 2, 3]);
}

/// Rows: S1-09
#[tokio::test]
async fn s1_09_no_more_is_delivered_than_was_asked_for() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 100).await;
    let consumer = durable(&stream, "C").await;
    take(&consumer, 7).await;
    let info = look(&consumer).await;
    assert_eq!((info.delivered.stream_sequence, info.num_ack_pending), (7, 7));
    assert_eq!(info.num_pending, 93);
}

#[tokio::test]
async fn no_wait_brings_what_is_there_and_ends() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    let consumer = durable(&stream, "C").await;
    let started = Instant::now();
    for count in [0_u64, 4] {
        publish_many(&js, "s", count).await;
        let mut fetch = consumer.fetch().max_messages(10).messages().await.unwrap();
        let mut got = 0;
        while let Some(message) = soon("the end of a fetch", fetch.next()).await {
            message.unwrap().ack().await.unwrap();
            got += 1;
        }
        assert_eq!(got, count);
    }
    assert!(started.elapsed() < ms(3000));
}

#[tokio::test]
async fn a_fetch_by_bytes_stops_before_the_limit_is_passed() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    for _ in 0..10 {
        publish(&js, "s", vec![b'x'; 1000]).await;
    }
    let consumer = durable(&stream, "C").await;
    let fetch = consumer.fetch().max_messages(10).max_bytes(3500).messages().await.unwrap();
    let got: Vec<_> = soon("the fetch", fetch.collect::<Vec<_>>()).await;
    assert_eq!(got.iter().filter(|message| message.is_ok()).count(), 3);
}

#[tokio::test]
async fn an_endless_pull_goes_through_many_batches() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s"]).await;
    publish_many(&js, "s", 500).await;
    let consumer = durable(&stream, "C").await;
    let pull = consumer.stream().max_messages_per_batch(20).heartbeat(ms(500)).expires(ms(2000));
    let mut messages = pull.messages().await.unwrap();
    for expected in 1..=500 {
        let message = soon("a message", messages.next()).await.unwrap().unwrap();
        assert_eq!(info(&message).stream_sequence, expected);
        message.ack().await.unwrap();
    }
    eventually("all acks are in", || async {
        look(&consumer).await.ack_floor.stream_sequence == 500
    })
    .await;
}

/// Rows: S0-73, S1-25
#[tokio::test]
async fn s0_73_four_consumers_of_one_durable_share_the_messages() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["neo.datafeed.*"]).await;
    publish_many(&js, "neo.datafeed.update", 400).await;
    durable(&stream, "shared").await;
    let mut workers = Vec::new();
    for _ in 0..4 {
        let js = server.jetstream().await;
        workers.push(tokio::spawn(async move {
            let consumer: crate::help::Pull =
                js.get_consumer_from_stream("shared", "S").await.unwrap();
            let mut mine = Vec::new();
            loop {
                let messages = batch(&consumer, 10, ms(300)).await;
                if messages.is_empty() {
                    return mine;
                }
                ack_all(&messages).await;
                assert!(messages.iter().all(|message| info(message).delivered == 1));
                mine.extend(seqs(&messages));
            }
        }));
    }
    let (mut union, mut total, mut busy) = (BTreeSet::new(), 0, 0);
    for worker in workers {
        let mine = soon("a worker", worker).await.unwrap();
        total += mine.len();
        busy += usize::from(!mine.is_empty());
        union.extend(mine);
    }
    assert_eq!((union.len(), total), (400, 400), "each message to exactly one worker");
    assert!(busy >= 2, "more than one worker got messages");
}

/// Rows: S1-53
#[tokio::test]
async fn s1_53_the_reply_tells_sequences_pending_and_time() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s.*"]).await;
    for subject in ["s.a", "s.b", "s.a", "s.b", "s.b"] {
        publish(&js, subject, "x").await;
    }
    let config = pull::Config {
        durable_name: Some("C".into()),
        filter_subject: "s.b".into(),
        ..Default::default()
    };
    let consumer = consumer(&stream, config).await;
    let messages = take(&consumer, 3).await;
    let facts: Vec<_> = messages
        .iter()
        .map(info)
        .map(|i| (i.stream_sequence, i.consumer_sequence, i.delivered, i.pending))
        .collect();
    assert_eq!(facts, [(2, 1, 1, 2), (4, 2, 1, 1), (5, 3, 1, 0)]);
    for message in &messages {
        let info = info(message);
        assert_eq!((info.stream, info.consumer, info.domain), ("S", "C", None));
        let stored = stream.get_raw_message(info.stream_sequence).await.unwrap();
        assert_eq!(info.published, stored.time);
    }
}

/// Rows: S0-30
#[tokio::test]
async fn s0_30_a_second_subscriber_binds_to_the_durable_that_is_there() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "neo-events", &["neo.datafeed.*", "neo.flow.*"]).await;
    let config = || pull::Config {
        durable_name: Some("neofeeds-consumer".into()),
        filter_subject: "neo.datafeed.*".into(),
        ..Default::default()
    };
    publish(&js, "neo.datafeed.update", "1").await;
    publish(&js, "neo.flow.triggered", "no").await;
    publish(&js, "neo.datafeed.update", "2").await;
    let first = stream.get_or_create_consumer("neofeeds-consumer", config()).await.unwrap();
    ack_all(&take(&first, 1).await).await;
    let second = stream.get_or_create_consumer("neofeeds-consumer", config()).await.unwrap();
    let third = consumer(&stream, config()).await;
    let info = look(&third).await;
    assert_eq!(info.config.durable_name.as_deref(), Some("neofeeds-consumer"));
    assert_eq!(info.config.filter_subject, "neo.datafeed.*");
    assert_eq!(info.ack_floor.stream_sequence, 1, "not created anew");
    assert_eq!(bodies(&take(&second, 1).await), ["2"]);
    silent(&third, ms(100)).await;
}

/// Rows: S0-02
#[tokio::test]
async fn s0_02_three_consumers_with_filters_see_only_their_subjects() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream =
        stream(&js, "neo-events", &["neo.datafeed.*", "neo.flow.*", "neo.accounts.*"]).await;
    for _ in 0..20 {
        for subject in ["neo.datafeed.update", "neo.flow.triggered", "neo.accounts.new"] {
            publish(&js, subject, "x").await;
        }
    }
    for kind in ["datafeed", "flow", "accounts"] {
        let config = pull::Config {
            durable_name: Some(kind.into()),
            filter_subject: format!("neo.{kind}.*"),
            ..Default::default()
        };
        let consumer = consumer(&stream, config).await;
        assert_eq!(look(&consumer).await.num_pending, 20);
        let messages = take(&consumer, 20).await;
        let prefix = format!("neo.{kind}.");
        assert!(messages.iter().all(|message| message.subject.starts_with(&prefix)));
        silent(&consumer, ms(50)).await;
    }
}

#[tokio::test]
async fn several_filters_of_one_consumer_keep_the_order_of_the_stream() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "S", &["s.>"]).await;
    for subject in ["s.a.1", "s.b.1", "s.c.1", "s.b.2", "s.a.2", "s.d"] {
        publish(&js, subject, "x").await;
    }
    let config = pull::Config {
        durable_name: Some("C".into()),
        filter_subjects: owned(&["s.a.*", "s.b.*", "s.d"]),
        ..Default::default()
    };
    let consumer = consumer(&stream, config).await;
    assert_eq!(seqs(&take(&consumer, 5).await), [1, 2, 4, 5, 6]);
    silent(&consumer, ms(50)).await;
}
