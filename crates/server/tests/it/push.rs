//! Push consumers.

use std::collections::BTreeSet;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::push::{self, Messages};
use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Context, Message};
use futures_util::StreamExt;
use serde_json::json;

use crate::help::{
    api, api_error, api_json, consumer, eventually, fails, info, ms, publish, publish_many,
    round_trip, seqs, soon, stream,
};
use crate::raw::Raw;
use crate::server::Server;

fn durable_push(name: &str, deliver_subject: String) -> push::Config {
    push::Config {
        durable_name: Some(name.into()),
        deliver_subject,
        filter_subject: "neo.datafeed.*".into(),
        ..Default::default()
    }
}

async fn open(stream: &Stream, config: push::Config) -> (Consumer<push::Config>, Messages) {
    let consumer = stream.create_consumer(config).await.unwrap();
    let messages = consumer.messages().await.unwrap();
    (consumer, messages)
}

async fn pop(messages: &mut Messages) -> Message {
    soon("a pushed message", messages.next()).await.unwrap().unwrap()
}

async fn setting() -> (Server, Context, Stream) {
    let server = Server::start();
    let js = server.jetstream().await;
    let stream = stream(&js, "neo-events", &["neo.datafeed.*", "neo.flow.*"]).await;
    (server, js, stream)
}

/// Rows: S0-36, S0-37, S0-38
#[tokio::test]
async fn s0_36_a_push_consumer_delivers_in_order_and_is_acknowledged_by_hand() {
    let (_server, js, stream) = setting().await;
    publish_many(&js, "neo.datafeed.update", 20).await;
    publish(&js, "neo.flow.triggered", "not for us").await;
    let config = durable_push("neofeeds-consumer-push", js.client().new_inbox());
    let (consumer, mut messages) = open(&stream, config).await;
    for expected in 1..=20 {
        let message = pop(&mut messages).await;
        assert_eq!(info(&message).stream_sequence, expected);
        message.ack().await.unwrap();
    }
    publish(&js, "neo.datafeed.update", "live").await;
    let message = pop(&mut messages).await;
    assert_eq!(message.payload, "live");
    message.double_ack().await.unwrap();
    let info = consumer.get_info().await.unwrap();
    assert!(info.push_bound);
    assert_eq!((info.ack_floor.stream_sequence, info.num_ack_pending), (22, 0));
}

/// Rows: S0-37
#[tokio::test]
async fn s0_37_a_pushed_message_that_is_naked_comes_again() {
    let (_server, js, stream) = setting().await;
    publish(&js, "neo.datafeed.update", "x").await;
    let config = durable_push("C", js.client().new_inbox());
    let (_consumer, mut messages) = open(&stream, config).await;
    let first = pop(&mut messages).await;
    first.ack_with(AckKind::Nak(None)).await.unwrap();
    let second = pop(&mut messages).await;
    assert_eq!((info(&second).stream_sequence, info(&second).delivered), (1, 2));
    second.double_ack().await.unwrap();
}

/// Rows: S0-38, S0-39
#[tokio::test]
async fn s0_39_a_durable_survives_unsubscribe_and_goes_on_with_the_next() {
    let (server, js, stream) = setting().await;
    publish_many(&js, "neo.datafeed.update", 3).await;
    let config = durable_push("C", "deliver.here".into());
    let (consumer, mut messages) = open(&stream, config).await;
    for _ in 0..3 {
        pop(&mut messages).await.double_ack().await.unwrap();
    }
    drop(messages);
    eventually("nobody is bound", || async { !consumer.get_info().await.unwrap().push_bound })
        .await;
    publish(&js, "neo.datafeed.update", "four").await;

    let other = server.jetstream().await;
    let again: Consumer<push::Config> =
        other.get_consumer_from_stream("C", "neo-events").await.unwrap();
    let mut messages = again.messages().await.unwrap();
    let message = pop(&mut messages).await;
    assert_eq!((info(&message).stream_sequence, &message.payload[..]), (4, &b"four"[..]));
}

/// Rows: S0-38
#[tokio::test]
async fn s0_38_one_durable_is_not_pull_and_push_at_once() {
    let (_server, _js, stream) = setting().await;
    let config = pull::Config {
        durable_name: Some("neofeeds-consumer".into()),
        filter_subject: "neo.datafeed.*".into(),
        ..Default::default()
    };
    consumer(&stream, config).await;
    let push = durable_push("neofeeds-consumer", "deliver.here".into());
    let error = fails(stream.create_consumer(push).await);
    assert_eq!(crate::help::error_code(&error), 10012, "{error}");
}

#[tokio::test]
async fn the_members_of_a_deliver_group_share_the_messages() {
    let (server, js, stream) = setting().await;
    let config = push::Config {
        deliver_group: Some("workers".into()),
        ..durable_push("C", "deliver.group".into())
    };
    stream.create_consumer(config).await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..3 {
        let js = server.jetstream().await;
        let consumer: Consumer<push::Config> =
            js.get_consumer_from_stream("C", "neo-events").await.unwrap();
        streams.push(consumer.messages().await.unwrap());
        round_trip(&js.client()).await;
    }
    publish_many(&js, "neo.datafeed.update", 90).await;
    let (mut all, mut counts) = (BTreeSet::new(), [0; 3]);
    for _ in 0..90 {
        let [one, two, three] = &mut streams[..] else { unreachable!() };
        let (i, message) = tokio::select! {
            message = pop(one) => (0, message),
            message = pop(two) => (1, message),
            message = pop(three) => (2, message),
        };
        message.ack().await.unwrap();
        counts[i] += 1;
        assert!(all.insert(info(&message).stream_sequence), "once");
    }
    assert!(counts.iter().all(|&count| count > 5), "{counts:?}");
}

#[tokio::test]
async fn nothing_is_pushed_while_nobody_listens() {
    let (_server, js, stream) = setting().await;
    publish_many(&js, "neo.datafeed.update", 5).await;
    let config = durable_push("C", "deliver.late".into());
    let consumer = stream.create_consumer(config).await.unwrap();
    let info = consumer.get_info().await.unwrap();
    assert_eq!((info.delivered.stream_sequence, info.push_bound), (0, false));
    let mut messages = consumer.messages().await.unwrap();
    let mut got = Vec::new();
    for _ in 0..5 {
        got.push(pop(&mut messages).await);
    }
    assert_eq!(seqs(&got), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn idle_heartbeats_tell_the_last_sequences() {
    let (server, js, _) = setting().await;
    let config = json!({
        "durable_name": "C", "ack_policy": "none", "deliver_subject": "out",
        "idle_heartbeat": 100_000_000,
    });
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB out 1\r\n").await;
    raw.ping().await;
    publish_many(&js, "neo.datafeed.update", 2).await;
    let body = json!({"stream_name": "neo-events", "config": config});
    api_json(&js.client(), "CONSUMER.CREATE.neo-events.C", body).await;
    assert_eq!(raw.frame().await.body, "1");
    assert_eq!(raw.frame().await.body, "2");
    for _ in 0..2 {
        let frame = raw.frame().await;
        assert_eq!(
            frame.headers,
            "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 2\r\nNats-Last-Stream: 2\r\n\r\n"
        );
        assert_eq!((frame.subject.as_str(), frame.reply), ("out", None));
    }
}

/// Rows: S1-63
#[tokio::test]
async fn s1_63_flow_control_stops_the_server_until_it_is_answered() {
    const COUNT: usize = 400;
    let (server, js, _) = setting().await;
    for _ in 0..COUNT {
        publish(&js, "neo.datafeed.update", vec![b'x'; 10_000]).await;
    }
    let config = json!({
        "durable_name": "C", "ack_policy": "none", "deliver_subject": "out",
        "idle_heartbeat": 200_000_000, "flow_control": true,
    });
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB out 1\r\n").await;
    raw.ping().await;
    let body = json!({"stream_name": "neo-events", "config": config});
    api_json(&js.client(), "CONSUMER.CREATE.neo-events.C", body).await;

    let (mut got, mut asked, mut stalled) = (0, 0, false);
    let mut held = None;
    while got < COUNT {
        let frame = raw.frame().await;
        if frame.headers.is_empty() {
            got += 1;
        } else if frame.headers.starts_with("NATS/1.0 100 FlowControl Request\r\n") {
            asked += 1;
            let subject = frame.reply.expect("where to answer");
            assert!(subject.starts_with("$JS.FC.neo-events.C."), "{subject}");
            // The first question is left open until the server says that it stands still.
            if asked == 1 {
                held = Some(subject);
            } else {
                raw.publish(&subject, "", "").await;
            }
        } else if frame.headers.contains("Nats-Consumer-Stalled: ") {
            stalled = true;
            assert!(got < COUNT, "held back");
            if let Some(subject) = held.take() {
                raw.publish(&subject, "", "").await;
            }
        }
    }
    assert!(asked >= 1 && stalled, "asked {asked} times, stalled: {stalled}");
}

#[tokio::test]
async fn the_official_client_gets_all_through_flow_control() {
    let (_server, js, stream) = setting().await;
    for _ in 0..400 {
        publish(&js, "neo.datafeed.update", vec![b'x'; 10_000]).await;
    }
    let config = push::Config {
        flow_control: true,
        idle_heartbeat: ms(500),
        ..durable_push("C", js.client().new_inbox())
    };
    let (_consumer, mut messages) = open(&stream, config).await;
    for expected in 1..=400 {
        let message = pop(&mut messages).await;
        assert_eq!(info(&message).stream_sequence, expected);
        message.ack().await.unwrap();
    }
}

/// Rows: S1-72
#[tokio::test]
async fn s1_72_an_ordered_push_consumer_gives_all_messages_in_order() {
    let (_server, js, stream) = setting().await;
    publish_many(&js, "neo.datafeed.update", 300).await;
    let config =
        push::OrderedConfig { deliver_subject: js.client().new_inbox(), ..Default::default() };
    let ordered = stream.create_consumer(config).await.unwrap();
    let mut messages = ordered.messages().await.unwrap();
    for expected in 1..=300 {
        let message = soon("a message", messages.next()).await.unwrap().unwrap();
        assert_eq!(info(&message).stream_sequence, expected);
    }
}

#[tokio::test]
async fn impossible_push_consumers_are_refused() {
    let (_server, js, _) = setting().await;
    let client = js.client();
    let create = "CONSUMER.CREATE.neo-events.C";
    let table = [
        (10108, json!({"deliver_subject": "out", "flow_control": true})),
        (10083, json!({"deliver_subject": "out", "idle_heartbeat": 1_000_000})),
        (10088, json!({"ack_policy": "explicit", "idle_heartbeat": 1_000_000_000})),
        (10089, json!({"ack_policy": "explicit", "flow_control": true})),
        (10079, json!({"deliver_subject": "out.*"})),
        (10081, json!({"deliver_subject": "neo.datafeed.x"})),
        (10080, json!({"deliver_subject": "out", "max_waiting": 5})),
    ];
    for (code, mut config) in table {
        config["durable_name"] = "C".into();
        let body = json!({"stream_name": "neo-events", "config": config});
        assert_eq!(api_error(&client, create, body.to_string()).await, code, "{body}");
    }
    let names = api(&client, "CONSUMER.NAMES.neo-events", "").await;
    assert_eq!(names["consumers"], json!([]));
}
