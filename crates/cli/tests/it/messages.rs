use serde_json::{Value, json};

use crate::fixture::{Server, steady};

#[test]
fn a_subscriber_shows_what_is_published() {
    let server = Server::start();
    let subscriber = server.background("sub greet.> --count 3");
    assert!(subscriber.first.contains("Subscribing on greet.>"), "{}", subscriber.first);

    server.ok("pub greet.a hello");
    server.ok("pub greet.b hello__{{Count}} -H A:1 -H B:x --reply answers");
    let piped = server.run_with("pub greet.c", b"from stdin");
    assert!(piped.stderr.contains("Published 10 bytes to \"greet.c\""), "{}", piped.stderr);
    piped.ok();

    let expected = "\
[#1] Received on \"greet.a\"
hello

[#2] Received on \"greet.b\" with reply \"answers\"
A: 1
B: x

hello 1

[#3] Received on \"greet.c\"
from stdin

";
    assert_eq!(subscriber.output(), expected);
}

#[test]
fn messages_in_json_are_one_line_each() {
    let server = Server::start();
    server.ok("stream add A --subjects a");
    server.ok("pub a one -H K:v -J --quiet");
    server.run_with("pub a -J --quiet", b"\xff\x00").ok();

    let lines = server.ok("sub a --all --count 2 --json");

    let messages: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(messages[0]["subject"], "a");
    assert_eq!(messages[0]["data"], "one");
    assert_eq!(messages[0]["headers"], json!({"K": ["v"]}));
    assert_eq!(messages[0]["jetstream"]["stream_seq"], 1);
    assert_eq!(messages[1]["data_base64"], "/wA=");
}

#[test]
fn publishing_says_how_much_in_json() {
    let server = Server::start();
    let summary: Value = serde_json::from_str(&server.ok("pub a 12345 --count 3 --json")).unwrap();
    assert_eq!(summary, json!({"subject": "a", "messages": 3, "bytes": 15}));
}

#[test]
fn every_line_of_stdin_can_be_a_message() {
    let server = Server::start();
    server.ok("stream add A --subjects a");

    server.run_with("pub a --send-on newline -J", b"one\ntwo {{Count}}\nthree").ok();

    assert_eq!(server.ok("stream view A --raw"), "one\ntwo 2\nthree\n");
}

#[test]
fn jetstream_acknowledges_once() {
    let server = Server::start();
    server.ok("stream add A --subjects a");

    let first = server.ok("pub a x -J -H Nats-Msg-Id:1");
    let second = server.ok("pub a x -J -H Nats-Msg-Id:1");

    assert_eq!(first, "Stored in Stream: A Sequence: 1\n");
    assert_eq!(second, "Stored in Stream: A Sequence: 1 Duplicate: true\n");
    let error = server.run("pub nothing x -J").error(1);
    assert!(error.contains("no stream takes messages on nothing"), "{error}");
    assert!(error.contains("tradewind stream add <stream> --subjects 'nothing'"), "{error}");
}

#[test]
fn requests_are_answered_by_echo_body_and_command() {
    let server = Server::start();
    let cases = [
        ("--echo", "hello\n"),
        ("got__{{.Request}}__{{Count}}", "got hello 0\n"),
        ("--command echo__{{1}}__{{.Request}}", "x hello\n\n"),
        ("--command printenv__NATS_REQUEST_BODY", "hello\n\n"),
    ];
    for (flags, expected) in cases {
        let service = server.background(&format!("reply svc.* {flags} --count 1"));
        assert!(service.first.contains("Listening on \"svc.*\""), "{}", service.first);
        assert_eq!(server.ok("req svc.x hello --raw"), expected, "{flags}");
        service.output();
    }
}

#[test]
fn echoed_requests_keep_their_headers() {
    let server = Server::start();
    let service = server.background("reply svc --echo --count 1");
    let reply: Value = serde_json::from_str(&server.ok("req svc hi -H A:b --json")).unwrap();
    assert_eq!(reply["data"], "hi");
    assert_eq!(reply["headers"], json!({"A": ["b"], "NATS-Reply-Counter": ["0"]}));
    assert!(service.output().contains("A: b\n\nhi\n"));
}

#[test]
fn a_request_without_responders_fails_at_once() {
    let server = Server::start();
    let error = server.run("req nobody x").error(1);
    assert!(error.contains("nobody listens on nobody: no responders"), "{error}");
}

#[test]
fn round_trips_are_measured() {
    let server = Server::start();
    let url = &server.url;
    let text = steady(&server.ok("rtt"));
    assert!(text.starts_with(&format!("{url}:\n\n   {url}: ")), "{text}");
    let targets: Value = serde_json::from_str(&server.ok("rtt 3 --json")).unwrap();
    assert_eq!(targets[0]["url"], url.as_str());
    assert!(0 < targets[0]["results"][0]["rtt"].as_u64().unwrap());
}
