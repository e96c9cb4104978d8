//! Core NATS: what goes out of a publish and into a subscription.

use std::collections::BTreeSet;

use async_nats::{ConnectOptions, HeaderMap};
use futures_util::StreamExt;

use crate::help::{next, quiet, round_trip, soon};
use crate::raw::{CONNECT, Frame, Raw};
use crate::server::Server;

/// Rows: S0-26, S0-78, S4-17
#[tokio::test]
async fn s0_26_a_client_connects_and_info_says_what_the_server_can() {
    let server = Server::start();
    let client = server.client().await;
    let info = client.server_info();
    assert!(info.headers && info.jetstream && !info.auth_required);
    assert_eq!((info.proto, info.max_payload), (1, 1024 * 1024));
    assert_eq!((info.host.as_str(), info.port), ("127.0.0.1", server.addr().port()));
    assert!(info.server_id.starts_with('N') && info.client_id > 0);
    assert!(client.is_server_compatible(2, 14, 0), "clients switch features on 2.14");
    client.drain().await.unwrap();
}

#[tokio::test]
async fn without_js_info_has_no_jetstream() {
    let server = Server::core_only();
    let raw = Raw::open(&server).await;
    assert!(raw.info.get("jetstream").is_none(), "{}", raw.info);
    assert_eq!(raw.info["client_ip"], "127.0.0.1");
}

/// Rows: S4-02, S4-18, S4-19
#[tokio::test]
async fn s4_19_subject_payload_headers_and_reply_arrive_as_sent() {
    let server = Server::core_only();
    let client = server.client().await;
    let mut sub = client.subscribe("events.>").await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Trace", "one");
    headers.append("Trace", "two");
    let sent = client.publish_with_reply_and_headers(
        "events.user.created",
        "answers.here",
        headers,
        "{\"user_id\":\"123\"}".into(),
    );
    sent.await.unwrap();
    let message = next(&mut sub).await;
    assert_eq!(message.subject.as_str(), "events.user.created");
    assert_eq!(message.reply.as_deref(), Some("answers.here"));
    assert_eq!(&message.payload[..], b"{\"user_id\":\"123\"}");
    let headers = message.headers.expect("headers");
    let values: Vec<&str> = headers.get_all("Trace").map(async_nats::HeaderValue::as_str).collect();
    assert_eq!(values, ["one", "two"]);
}

/// Rows: S4-19
#[tokio::test]
async fn s4_19_nothing_comes_after_unsubscribe() {
    let server = Server::core_only();
    let client = server.client().await;
    let mut sub = client.subscribe("events.>").await.unwrap();
    client.publish("events.a", "1".into()).await.unwrap();
    assert_eq!(next(&mut sub).await.payload, "1");
    sub.unsubscribe().await.unwrap();
    client.publish("events.a", "2".into()).await.unwrap();
    assert!(soon("the end", sub.next()).await.is_none());
}

#[tokio::test]
async fn unsubscribe_after_ends_with_the_message_of_that_number() {
    let server = Server::core_only();
    let client = server.client().await;
    let mut sub = client.subscribe("count").await.unwrap();
    sub.unsubscribe_after(3).await.unwrap();
    for i in 1..=5 {
        client.publish("count", i.to_string().into()).await.unwrap();
    }
    let bodies: Vec<_> = soon("the end", sub.map(|message| message.payload).collect()).await;
    assert_eq!(bodies, ["1", "2", "3"]);
}

/// Each subject beside the filters that match it.
const MATCHES: &[(&str, &[&str])] = &[
    ("events.user.created", &["events.>", "events.user.*", "events.*.created", "*.*.*", ">"]),
    ("events.user.updated", &["events.>", "events.user.*", "*.*.*", ">"]),
    ("events.order.shipped.confirmed", &["events.>", "events.order.>", ">"]),
    ("events", &[">", "*"]),
    ("neo.datafeed", &["neo.*", "neo.>", ">"]),
    ("neo.datafeed.update", &["neo.>", "neo.datafeed.*", "*.*.*", ">"]),
    ("neo.flow.triggered", &["neo.>", "*.*.*", ">"]),
];

/// Rows: S0-48, S0-54, S0-55, S4-10, S4-23, S4-24, S4-71, S4-72
#[tokio::test]
async fn s4_72_a_star_is_one_token_and_a_gt_one_or_more() {
    let server = Server::core_only();
    let client = server.client().await;
    let filters: BTreeSet<&str> = MATCHES.iter().flat_map(|(_, f)| f.iter().copied()).collect();
    let mut subs = Vec::new();
    for filter in filters {
        subs.push((filter, client.subscribe(filter).await.unwrap()));
    }
    for (subject, _) in MATCHES {
        client.publish(*subject, "".into()).await.unwrap();
    }
    client.publish("end", "".into()).await.unwrap();
    round_trip(&client).await;
    for (filter, sub) in &mut subs {
        let expected = MATCHES.iter().filter(|(_, f)| f.contains(filter)).map(|(s, _)| *s);
        for subject in expected {
            assert_eq!(next(sub).await.subject.as_str(), subject, "{filter}");
        }
        if matches!(*filter, ">" | "*") {
            assert_eq!(next(sub).await.subject.as_str(), "end", "{filter}");
        }
        if *filter != ">" {
            quiet(&client, sub).await;
        }
    }
}

/// Rows: S1-71, S4-09, S4-25, S4-26, S4-27
#[tokio::test]
async fn s4_25_a_thousand_tasks_go_to_exactly_one_of_two_workers_each() {
    let server = Server::core_only();
    let (one, two, sender) = (server.client().await, server.client().await, server.client().await);
    let mut first = one.queue_subscribe("work.tasks", "workers".into()).await.unwrap();
    let mut second = two.queue_subscribe("work.tasks", "workers".into()).await.unwrap();
    let mut plain = sender.subscribe("work.*").await.unwrap();
    round_trip(&one).await;
    round_trip(&two).await;
    for i in 0..1000 {
        sender.publish("work.tasks", format!("task-{i}").into()).await.unwrap();
    }
    let (mut seen, mut by_first, mut by_second) = (BTreeSet::new(), 0, 0);
    for _ in 0..1000 {
        let message = tokio::select! {
            message = next(&mut first) => { by_first += 1; message }
            message = next(&mut second) => { by_second += 1; message }
        };
        assert!(seen.insert(message.payload), "each task comes once");
        next(&mut plain).await;
    }
    assert!(by_first > 300 && by_second > 300, "balanced: {by_first} and {by_second}");
    quiet(&one, &mut first).await;
    quiet(&two, &mut second).await;
}

#[tokio::test]
async fn every_queue_group_gets_its_own_copy() {
    let server = Server::core_only();
    let client = server.client().await;
    let mut billing = client.queue_subscribe("orders", "billing".into()).await.unwrap();
    let mut mail = client.queue_subscribe("orders", "mail".into()).await.unwrap();
    client.publish("orders", "1".into()).await.unwrap();
    assert_eq!(next(&mut billing).await.payload, "1");
    assert_eq!(next(&mut mail).await.payload, "1");
}

#[tokio::test]
async fn without_echo_our_own_messages_stay_away() {
    let server = Server::core_only();
    let silent = server.client_with(ConnectOptions::new().no_echo()).await;
    let other = server.client().await;
    let mut own = silent.subscribe("said").await.unwrap();
    silent.flush().await.unwrap();
    let mut theirs = other.subscribe("said").await.unwrap();
    round_trip(&other).await;
    silent.publish("said", "by me".into()).await.unwrap();
    assert_eq!(next(&mut theirs).await.payload, "by me");
    other.publish("said", "by another".into()).await.unwrap();
    assert_eq!(next(&mut own).await.payload, "by another");
}

/// Rows: S1-71
#[tokio::test]
async fn s1_71_messages_of_one_publisher_arrive_in_their_order_at_every_subscriber() {
    let server = Server::core_only();
    let sender = server.client().await;
    let (one, two) = (server.client().await, server.client().await);
    let mut subs = [one.subscribe("order").await.unwrap(), two.subscribe("order").await.unwrap()];
    round_trip(&one).await;
    round_trip(&two).await;
    for i in 0..2000 {
        sender.publish("order", format!("{i}").into()).await.unwrap();
    }
    for sub in &mut subs {
        for i in 0..2000 {
            assert_eq!(next(sub).await.payload, format!("{i}"));
        }
    }
}

#[tokio::test]
async fn a_subject_with_an_empty_token_reaches_nobody() {
    let server = Server::core_only();
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB > 1\r\nPUB a..b 1\r\nx\r\nPUB .a 1\r\nx\r\nPUB a. 1\r\nx\r\nPUB a 1\r\nx\r\n")
        .await;
    assert_eq!(raw.frame().await.subject, "a");
    raw.ping().await;
}

#[tokio::test]
async fn telnet_users_get_ok_without_connect() {
    let server = Server::core_only();
    let mut raw = Raw::open(&server).await;
    raw.send("sub greet.* 7\npub greet.joe 5\r\nhello\r\nPiNg\r\n").await;
    for expected in ["+OK", "+OK", "MSG greet.joe 7 5", "hello", "PONG"] {
        assert_eq!(raw.line().await, expected);
    }
}

#[tokio::test]
async fn headers_are_taken_off_for_clients_without_them() {
    let server = Server::core_only();
    let mut old = Raw::open(&server).await;
    old.send("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB h 1\r\n").await;
    old.ping().await;
    let mut new = Raw::hello(&server).await;
    new.send("SUB h 9\r\nHPUB h 18 23\r\nNATS/1.0\r\nA: b\r\n\r\nhello\r\n").await;
    let frame = new.frame().await;
    assert_eq!(
        (frame.headers.as_str(), frame.body.as_str()),
        ("NATS/1.0\r\nA: b\r\n\r\n", "hello")
    );
    assert_eq!(old.line().await, "MSG h 1 5");
    assert_eq!(old.line().await, "hello");
}

#[tokio::test]
async fn a_sid_in_use_is_not_taken_again_and_unsub_counts_from_the_start() {
    let server = Server::core_only();
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB a 1\r\nSUB b 1\r\nPUB b 1\r\nx\r\nPUB a 1\r\ny\r\n").await;
    assert_eq!(raw.frame().await.subject, "a");
    raw.send("UNSUB 1 1\r\nPUB a 1\r\nz\r\n").await;
    raw.ping().await;
}

/// What a client sends to show every verb once; its answers depend on nothing outside.
const SCRIPT: &str = "SUB one.* 1\r\nSUB two q 2\r\nPUB one.a 5\r\nhello\r\n\
    PUB one.b re.ply 0\r\n\r\nHPUB two answer 17 19\r\nNATS/1.0\r\nA:b\r\n\r\nhi\r\n\
    PUB\tnobody.there  lost 2\r\nok\r\nUNSUB 1 3\r\nPUB one.c 12\r\nwith\r\nbreaks\r\n\
    PUB one.d 1\r\nx\r\nUNSUB 2\r\nSUB lost 3\r\nPUB nobody.there lost 2\r\nok\r\n\
    SUB bad..subject 4\r\npub two 1\r\nx\r\nPING\r\n";

#[tokio::test]
async fn any_split_of_the_input_gives_the_same_output() {
    let server = Server::core_only();
    let mut outputs = Vec::new();
    for size in [SCRIPT.len(), 1, 2, 3, 7, 64] {
        let mut raw = Raw::open(&server).await;
        for piece in CONNECT.as_bytes().chunks(size).chain(SCRIPT.as_bytes().chunks(size)) {
            raw.send(piece).await;
        }
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line| line != "PONG") {
            lines.push(raw.line().await);
        }
        outputs.push(lines);
    }
    let expected = [
        "MSG one.a 1 5",
        "hello",
        "MSG one.b 1 re.ply 0",
        "",
        "HMSG two 2 answer 17 19",
        "NATS/1.0",
        "A:b",
        "",
        "hi",
        "MSG one.c 1 12",
        "with",
        "breaks",
        "HMSG lost 3 44 44",
        "NATS/1.0 503",
        "Nats-Subject: nobody.there",
        "",
        "",
        "-ERR 'Invalid Subject'",
        "PONG",
    ];
    for output in outputs {
        assert_eq!(output, expected);
    }
}

#[tokio::test]
async fn a_second_connect_drops_all_subscriptions() {
    let server = Server::core_only();
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB a 1\r\n").await;
    raw.send(CONNECT).await;
    raw.send("PUB a 1\r\nx\r\nSUB a 1\r\nPUB a 1\r\ny\r\n").await;
    let expected = Frame {
        subject: "a".into(),
        sid: "1".into(),
        reply: None,
        headers: String::new(),
        body: "y".into(),
    };
    assert_eq!(raw.frame().await, expected);
}
