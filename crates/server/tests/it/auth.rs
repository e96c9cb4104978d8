//! Who may connect, and what they may do.

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions};
use nkeys::KeyPair;

use crate::help::{fails, next, round_trip, soon};
use crate::raw::Raw;
use crate::server::Server;

async fn connect(server: &Server, options: ConnectOptions) -> Result<Client, ConnectError> {
    soon("an answer to CONNECT", options.connect(server.url())).await
}

fn user(name: &str, password: &str) -> ConnectOptions {
    ConnectOptions::with_user_and_password(name.into(), password.into())
}

fn refused(result: Result<Client, ConnectError>) {
    assert_eq!(fails(result).kind(), ConnectErrorKind::AuthorizationViolation);
}

async fn works(client: &Client) {
    client.flush().await.unwrap();
    round_trip(client).await;
}

/// Rows: S4-54
#[tokio::test]
async fn s4_54_a_user_needs_the_right_password() {
    let server = Server::with_config("authorization { user: derek, password: s3cr3t }");
    works(&connect(&server, user("derek", "s3cr3t")).await.unwrap()).await;
    refused(connect(&server, user("derek", "wrong")).await);
    refused(connect(&server, user("other", "s3cr3t")).await);
    refused(connect(&server, ConnectOptions::new()).await);
    let raw = Raw::open(&server).await;
    assert_eq!(raw.info["auth_required"], true);
}

/// Rows: S4-54
#[tokio::test]
async fn s4_54_a_password_may_be_kept_as_bcrypt() {
    let server = Server::with_config(
        "authorization { users = [ { user: \"bea\", \
         password: \"$2a$04$abcdefghijklmnopqrstuuoBpIrM0OnplXjsOI8DWYJTHUhJDuUv.\" } ] }",
    );
    works(&connect(&server, user("bea", "s3cret pass")).await.unwrap()).await;
    refused(connect(&server, user("bea", "s3cret Pass")).await);
}

/// Rows: S4-54
#[tokio::test]
async fn s4_54_a_token_opens_the_door() {
    let server = Server::with_config("authorization { token: \"T0pSecret\" }");
    let good = connect(&server, ConnectOptions::with_token("T0pSecret".into())).await.unwrap();
    works(&good).await;
    refused(connect(&server, ConnectOptions::with_token("t0psecret".into())).await);
    refused(connect(&server, user("T0pSecret", "")).await);
}

#[tokio::test]
async fn an_nkey_user_signs_the_nonce() {
    let (known, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let config = format!("authorization {{ users = [ {{ nkey: {} }} ] }}", known.public_key());
    let server = Server::with_config(&config);
    assert!(Raw::open(&server).await.info["nonce"].is_string());
    let seed = known.seed().unwrap();
    works(&connect(&server, ConnectOptions::with_nkey(seed)).await.unwrap()).await;
    let seed = stranger.seed().unwrap();
    refused(connect(&server, ConnectOptions::with_nkey(seed)).await);

    // The right key under a signature of something else.
    let mut raw = Raw::open(&server).await;
    let (key, sig) = (known.public_key(), "A".repeat(86));
    raw.send(format!("CONNECT {{\"nkey\":\"{key}\",\"sig\":\"{sig}\"}}\r\nPING\r\n")).await;
    assert_eq!(raw.rest().await, "-ERR 'Authorization Violation'\r\n");
}

#[tokio::test]
async fn whoever_sends_anything_before_connect_is_sent_away() {
    let server = Server::with_config("authorization { user: derek, password: s3cr3t }");
    let mut raw = Raw::open(&server).await;
    raw.send("SUB > 1\r\n").await;
    assert_eq!(raw.rest().await, "-ERR 'Authorization Violation'\r\n");
}

#[tokio::test]
async fn whoever_says_nothing_is_timed_out() {
    let server =
        Server::with_config("authorization { user: derek, password: s3cr3t, timeout: 0.3 }");
    let mut raw = Raw::open(&server).await;
    assert_eq!(raw.rest().await, "-ERR 'Authentication Timeout'\r\n");
}

#[tokio::test]
async fn no_auth_user_is_who_comes_without_a_name() {
    let server = Server::with_config(
        "no_auth_user: guest\nauthorization { users = [\n\
         { user: guest, password: g, permissions: { publish: \"open.>\" } }\n\
         { user: admin, password: a } ] }",
    );
    let mut raw = Raw::open(&server).await;
    assert!(raw.info.get("auth_required").is_none());
    raw.send("CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPUB shut 1\r\nx\r\n").await;
    assert_eq!(raw.line().await, "-ERR 'Permissions Violation for Publish to \"shut\"'");
    works(&connect(&server, user("admin", "a")).await.unwrap()).await;
}

const RULES: &str = "authorization { users = [
    { user: all, password: p }
    { user: some, password: p, permissions: {
        publish: { allow: [\"orders.>\", \"free\"], deny: \"orders.secret\" }
        subscribe: { allow: [\"orders.*\", \"_INBOX.>\", \"work q.*\"], deny: \"orders.secret\" }
    } }
    { user: service, password: p, permissions: {
        publish: { deny: \">\" }, subscribe: \"svc\", allow_responses: true
    } }
] }";

async fn login(server: &Server, name: &str) -> Raw {
    let mut raw = Raw::open(server).await;
    raw.send(format!(
        "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\
         \"user\":\"{name}\",\"pass\":\"p\"}}\r\n"
    ))
    .await;
    raw.ping().await;
    raw
}

#[tokio::test]
async fn a_publish_outside_the_permissions_is_refused_and_goes_nowhere() {
    let server = Server::with_config(RULES);
    let all = connect(&server, user("all", "p")).await.unwrap();
    let mut seen = all.subscribe(">").await.unwrap();
    round_trip(&all).await;
    next(&mut seen).await;
    let mut raw = login(&server, "some").await;
    for (subject, allowed) in [
        ("orders.new", true),
        ("orders.eu.new", true),
        ("orders.secret", false),
        ("orders", false),
        ("free", true),
        ("other", false),
    ] {
        raw.send(format!("PUB {subject} 1\r\nx\r\n")).await;
        let refusal = format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'");
        let expected = if allowed { Vec::new() } else { vec![refusal] };
        assert_eq!(raw.lines_until_pong().await, expected);
        if allowed {
            assert_eq!(next(&mut seen).await.subject.as_str(), subject);
        }
    }
    raw.ping().await;
}

#[tokio::test]
async fn a_subscription_outside_the_permissions_is_refused() {
    let server = Server::with_config(RULES);
    let mut raw = login(&server, "some").await;
    let refusal =
        |what: &str| vec![format!("-ERR 'Permissions Violation for Subscription to {what}'")];
    for (line, expected) in [
        ("SUB orders.new 1", vec![]),
        ("SUB orders.* 2", vec![]),
        ("SUB orders.secret 3", refusal("\"orders.secret\"")),
        ("SUB > 5", refusal("\">\"")),
        ("SUB work q.one 6", vec![]),
        ("SUB work other 7", refusal("\"work\" using queue \"other\"")),
        ("SUB work 8", refusal("\"work\"")),
    ] {
        raw.send(format!("{line}\r\n")).await;
        assert_eq!(raw.lines_until_pong().await, expected, "{line}");
    }
}

#[tokio::test]
async fn what_is_denied_is_not_delivered_to_a_wider_subscription() {
    let server = Server::with_config(RULES);
    let mut some = login(&server, "some").await;
    some.send("SUB orders.* 1\r\n").await;
    some.ping().await;
    let mut all = login(&server, "all").await;
    all.send("PUB orders.secret 1\r\ns\r\nPUB orders.new 1\r\nn\r\n").await;
    assert_eq!(some.frame().await.subject, "orders.new");
}

#[tokio::test]
async fn a_service_may_answer_once_and_publish_nothing_else() {
    let server = Server::with_config(RULES);
    let mut service = login(&server, "service").await;
    service.send("SUB svc 1\r\n").await;
    service.ping().await;
    let mut client = login(&server, "all").await;
    client.send("SUB answers 1\r\n").await;
    client.publish("svc", "answers", "?").await;
    assert_eq!(service.frame().await.reply.as_deref(), Some("answers"));
    service.send("PUB answers 1\r\n!\r\n").await;
    assert_eq!(client.frame().await.body, "!");
    let refusal = |s: &str| vec![format!("-ERR 'Permissions Violation for Publish to \"{s}\"'")];
    service.send("PUB answers 1\r\n!\r\n").await;
    assert_eq!(service.lines_until_pong().await, refusal("answers"));
    service.send("PUB other 1\r\n!\r\n").await;
    assert_eq!(service.lines_until_pong().await, refusal("other"));
}

#[tokio::test]
async fn the_official_client_hears_of_its_violation_and_lives_on() {
    let server = Server::with_config(RULES);
    let (sender, mut events) = tokio::sync::mpsc::channel(8);
    let options = user("some", "p").event_callback(move |event| {
        let sender = sender.clone();
        async move { drop(sender.send(event.to_string()).await) }
    });
    let client = connect(&server, options).await.unwrap();
    client.publish("forbidden", "x".into()).await.unwrap();
    loop {
        let event = soon("an event", events.recv()).await.unwrap();
        if event.to_lowercase().contains("permissions violation for publish to \"forbidden\"") {
            break;
        }
    }
    let mut orders = client.subscribe("orders.*").await.unwrap();
    client.publish("orders.new", "x".into()).await.unwrap();
    assert_eq!(next(&mut orders).await.payload, "x");
}
