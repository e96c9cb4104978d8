//! Request and reply.

use std::time::Instant;

use async_nats::{RequestErrorKind, StatusCode};
use futures_util::StreamExt;

use crate::help::{fails, ms, next, round_trip, soon};
use crate::raw::Raw;
use crate::server::Server;

/// Rows: S4-03, S4-28, S4-29
#[tokio::test]
async fn s4_29_a_request_gets_the_answer_of_the_responder() {
    let server = Server::core_only();
    let responder = server.client().await;
    let mut requests = responder.subscribe("service.ping").await.unwrap();
    round_trip(&responder).await;
    let answering = tokio::spawn(async move {
        let request = next(&mut requests).await;
        assert_eq!(request.payload, "hello");
        responder.publish(request.reply.unwrap(), "pong".into()).await.unwrap();
        responder.flush().await.unwrap();
    });
    let client = server.client().await;
    let answer = soon("an answer", client.request("service.ping", "hello".into())).await.unwrap();
    assert_eq!(answer.payload, "pong");
    answering.await.unwrap();
}

/// Rows: S4-29
#[tokio::test]
async fn s4_29_without_a_responder_the_error_comes_at_once() {
    let server = Server::core_only();
    let client = server.client().await;
    let started = Instant::now();
    let error = fails(client.request("nobody.home", "".into()).await);
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
    assert!(started.elapsed() < ms(1000), "no waiting for the time limit");
}

/// Rows: S4-29
#[tokio::test]
async fn s4_29_a_silent_responder_is_a_timeout() {
    let server = Server::core_only();
    let client = server.client().await;
    let mut mute = client.subscribe("service.mute").await.unwrap();
    let request = async_nats::Request::new().payload("x".into()).timeout(Some(ms(200)));
    let error = fails(client.send_request("service.mute", request).await);
    assert_eq!(error.kind(), RequestErrorKind::TimedOut);
    assert_eq!(next(&mut mute).await.payload, "x");
}

#[tokio::test]
async fn no_responders_is_a_503_with_the_subject_that_was_asked() {
    let server = Server::core_only();
    let mut raw = Raw::hello(&server).await;
    raw.send("SUB answers.* 3\r\n").await;
    raw.publish("lost.cause", "answers.1", "x").await;
    let frame = raw.frame().await;
    assert_eq!((frame.subject.as_str(), frame.sid.as_str()), ("answers.1", "3"));
    assert_eq!(frame.headers, "NATS/1.0 503\r\nNats-Subject: lost.cause\r\n\r\n");
    assert_eq!(frame.body, "");
}

#[tokio::test]
async fn no_responders_comes_only_to_those_who_asked_for_it() {
    let server = Server::core_only();
    let mut raw = Raw::open(&server).await;
    raw.send("CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\nSUB a 1\r\n")
        .await;
    raw.publish("lost", "a", "x").await;
    raw.ping().await;
}

/// Rows: S4-28
#[tokio::test]
async fn s4_28_many_answers_to_one_request_all_arrive() {
    let server = Server::core_only();
    let client = server.client().await;
    let mut requests = client.subscribe("who").await.unwrap();
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.unwrap();
    client.publish_with_reply("who", inbox, "".into()).await.unwrap();
    let reply = next(&mut requests).await.reply.unwrap();
    for i in 0..5 {
        client.publish(reply.clone(), i.to_string().into()).await.unwrap();
    }
    for i in 0..5 {
        assert_eq!(next(&mut answers).await.payload, i.to_string());
    }
}

#[tokio::test]
async fn requests_are_shared_by_a_queue_group_of_responders() {
    let server = Server::core_only();
    let mut workers = Vec::new();
    for name in ["a", "b", "c"] {
        let client = server.client().await;
        let mut requests = client.queue_subscribe("svc", "q".into()).await.unwrap();
        round_trip(&client).await;
        workers.push(tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                client.publish(request.reply.unwrap(), name.into()).await.unwrap();
            }
        }));
    }
    let client = server.client().await;
    let mut names = std::collections::BTreeMap::new();
    for _ in 0..300 {
        let answer = soon("an answer", client.request("svc", "".into())).await.unwrap();
        *names.entry(answer.payload).or_insert(0_u32) += 1;
    }
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.values().all(|&count| count > 50), "{names:?}");
    workers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_status_is_not_mistaken_for_an_answer() {
    let server = Server::core_only();
    let client = server.client().await;
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.unwrap();
    client.publish_with_reply("nobody", inbox, "".into()).await.unwrap();
    let message = next(&mut answers).await;
    assert_eq!(message.status, Some(StatusCode::NO_RESPONDERS));
    assert_eq!(message.description, None);
}
