//! What a server is not meant to be sent.

use std::fs;

use serde_json::json;

use crate::help::{api, api_error, api_json, publish, round_trip, stream};
use crate::raw::Raw;
use crate::server::{Server, run};

const UNKNOWN: &str = "-ERR 'Unknown Protocol Operation'\r\n";

/// Lines that end the connection, and what is said before it closes.
const LINES: &[(&str, &str)] = &[
    ("HELLO\r\n", UNKNOWN),
    ("\r\n", UNKNOWN),
    ("PUB\r\n", UNKNOWN),
    ("SUB\r\n", UNKNOWN),
    ("UNSUB\r\n", UNKNOWN),
    ("MSG a 1 1\r\nx\r\n", UNKNOWN),
    ("PUB a 2\r\nxyz\r\n", UNKNOWN),
    ("PUB a 1\r\nx\n\r\n", UNKNOWN),
    ("PUB a\r\n", ""),
    ("PUB a -1\r\n", ""),
    ("PUB a one\r\n", ""),
    ("PUB a b c 1\r\n", ""),
    ("PUB a 1234567890\r\n", ""),
    ("HPUB a 10 5\r\n", ""),
    ("SUB a\r\n", ""),
    ("SUB a b c d\r\n", ""),
    ("CONNECT\r\n", ""),
    ("CONNECT {\r\n", ""),
    ("CONNECT {\"verbose\":5}\r\n", ""),
    ("-ERR 'no'\r\n", ""),
];

#[tokio::test]
async fn malformed_lines_close_their_connection_and_no_other() {
    let server = Server::core_only();
    let mut witness = Raw::hello(&server).await;
    for (line, said) in LINES {
        let mut raw = Raw::hello(&server).await;
        raw.send(line).await;
        assert_eq!(raw.rest().await, *said, "{line:?}");
    }
    witness.send("SUB a 1\r\nPUB a 1\r\nx\r\n").await;
    assert_eq!(witness.frame().await.body, "x");
}

#[tokio::test]
async fn a_control_line_has_its_longest() {
    let server = Server::core_only();
    let mut raw = Raw::hello(&server).await;
    let subject = "a".repeat(4096 - 2);
    raw.send(format!("SUB {subject} 1\r\n")).await;
    raw.ping().await;
    raw.send(format!("SUB {subject}aa 1\r\n")).await;
    assert_eq!(raw.rest().await, "-ERR 'maximum control line exceeded'\r\n");
    // A line without end is not waited for.
    let mut raw = Raw::hello(&server).await;
    raw.send(format!("PUB {subject}{subject}")).await;
    assert_eq!(raw.rest().await, "-ERR 'maximum control line exceeded'\r\n");
}

#[tokio::test]
async fn bad_subjects_are_told_and_the_connection_lives() {
    let server = Server::core_only();
    let mut raw = Raw::hello(&server).await;
    for subject in ["a..b", ".a", "a.", "a.>.b", ".", ">.a"] {
        raw.send(format!("SUB {subject} 1\r\n")).await;
        assert_eq!(raw.lines_until_pong().await, ["-ERR 'Invalid Subject'"], "{subject}");
    }
    // Wildcards inside a token are letters.
    raw.send("SUB a.b*.c> 1\r\nPUB a.b*.c> 1\r\nx\r\n").await;
    assert_eq!(raw.frame().await.subject, "a.b*.c>");
}

#[tokio::test]
async fn a_pedantic_client_is_told_of_a_wildcard_in_its_publish() {
    let server = Server::core_only();
    let mut raw = Raw::open(&server).await;
    raw.send("CONNECT {\"verbose\":false,\"pedantic\":true}\r\nPUB a.* 1\r\nx\r\n").await;
    assert_eq!(raw.lines_until_pong().await, ["-ERR 'Invalid Publish Subject'"]);
}

#[tokio::test]
async fn connects_that_cannot_be_are_refused() {
    let server = Server::core_only();
    for (connect, said) in [
        ("{\"protocol\":2}", "-ERR 'invalid client protocol'\r\n"),
        (
            "{\"verbose\":false,\"no_responders\":true,\"headers\":false}",
            "-ERR 'no responders requires headers support'\r\n",
        ),
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(format!("CONNECT {connect}\r\n")).await;
        assert_eq!(raw.rest().await, said);
    }
}

#[tokio::test]
async fn headers_without_the_promise_of_headers_close_the_connection() {
    let server = Server::core_only();
    let mut raw = Raw::open(&server).await;
    raw.send("CONNECT {\"verbose\":false}\r\nHPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n").await;
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn bad_json_and_unknown_fields_are_10025() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    let client = js.client();
    for (subject, body) in [
        ("STREAM.CREATE.T", "{\"name\":"),
        ("STREAM.CREATE.T", "not json"),
        ("STREAM.CREATE.T", "{\"name\":\"T\"} and more"),
        ("STREAM.CREATE.T", "{\"name\":\"T\",\"max_mesages\":5}"),
        ("STREAM.CREATE.T", "{\"name\":5}"),
        ("STREAM.UPDATE.S", "{\"name\":\"S\",\"unknown\":true}"),
        ("STREAM.PURGE.S", "{\"sequence\":5}"),
        ("STREAM.MSG.GET.S", "{\"seqs\":5}"),
        ("STREAM.MSG.DELETE.S", "[1]"),
        ("CONSUMER.CREATE.S", "{\"stream_name\":\"S\",\"config\":{\"ack\":\"all\"}}"),
        ("CONSUMER.CREATE.S.C", "{\"stream_name\":\"S\",\"config\":{\"ack_policy\":\"maybe\"}}"),
        ("STREAM.NAMES", "{\"offset\":\"x\"}"),
    ] {
        assert_eq!(api_error(&client, subject, body).await, 10025, "{subject} {body}");
    }
    let names = api(&client, "STREAM.NAMES", "").await;
    assert_eq!(names["streams"], json!(["S"]), "nothing came of it");
}

#[tokio::test]
async fn requests_that_cannot_be_have_their_codes() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    let client = js.client();
    for (subject, body, code) in [
        ("STREAM.INFO.NONE", "", 10059),
        ("STREAM.PURGE.NONE", "", 10059),
        ("STREAM.DELETE.NONE", "", 10059),
        ("STREAM.DELETE.S", "{\"x\":1}", 10038),
        ("STREAM.CREATE.T", "{\"name\":\"U\"}", 10056),
        ("STREAM.CREATE.T", "", 10056),
        ("STREAM.CREATE.T", "{\"name\":\"T\",\"subjects\":[\"s\"]}", 10065),
        ("STREAM.CREATE.T", "{\"name\":\"T\",\"subjects\":[\"a..b\"]}", 10052),
        ("STREAM.CREATE.T", "{\"name\":\"T\",\"subjects\":[\"a.>.b\"]}", 10052),
        ("STREAM.CREATE.T", "{\"name\":\"T\",\"subjects\":[\"$JS.API.>\"]}", 10052),
        ("STREAM.CREATE.T", "{\"name\":\"T\",\"subjects\":[\"t\"],\"num_replicas\":3}", 10074),
        ("STREAM.MSG.GET.S", "{\"seq\":9}", 10037),
        ("STREAM.MSG.GET.S", "", 10003),
        ("STREAM.MSG.GET.S", "{}", 10003),
        ("STREAM.PURGE.S", "{\"seq\":1,\"keep\":1}", 10003),
        ("CONSUMER.INFO.S.NONE", "", 10014),
        ("CONSUMER.INFO.NONE.C", "", 10059),
        ("CONSUMER.DELETE.S.NONE", "", 10014),
    ] {
        assert_eq!(api_error(&client, subject, body).await, code, "{subject} {body}");
    }
}

#[tokio::test]
async fn names_that_cannot_be_are_refused() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s"]).await;
    let client = js.client();
    let long = "n".repeat(256);
    let names = ["a b", "a/b", "a\\b", long.as_str()];
    for name in names {
        // A name with a blank cannot stand in a subject: the name of the subject is another.
        let on = if name.contains(' ') { "T" } else { name };
        let body = json!({"name": name, "subjects": ["t"]}).to_string();
        let code = api_error(&client, &format!("STREAM.CREATE.{on}"), body).await;
        assert!([10052, 10056, 10128].contains(&code), "{name:?}: {code}");
        let config = json!({"stream_name": "S", "config": {"durable_name": name}}).to_string();
        let code = api_error(&client, "CONSUMER.CREATE.S.C", config).await;
        assert!([10012, 10017, 10052, 10127].contains(&code), "{name:?}: {code}");
    }
    let info = api(&client, "INFO", "").await;
    assert_eq!((&info["streams"], &info["consumers"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn consumers_that_cannot_be_are_refused() {
    let server = Server::start();
    let js = server.jetstream().await;
    stream(&js, "S", &["s.*"]).await;
    let client = js.client();
    for (code, config) in [
        (10136, json!({"filter_subject": "s.a", "filter_subjects": ["s.b"]})),
        (10138, json!({"filter_subjects": ["s.a", "s.*"]})),
        (10139, json!({"filter_subjects": ["s.a", ""]})),
        (10094, json!({"deliver_policy": "by_start_sequence"})),
        (10094, json!({"deliver_policy": "last_per_subject"})),
        (10116, json!({"max_deliver": 1, "backoff": [1_000_000_000, 2_000_000_000_u64]})),
        (10115, json!({"max_expires": 1})),
    ] {
        let mut config = config;
        config["durable_name"] = "C".into();
        config["ack_policy"] = "explicit".into();
        let body = json!({"stream_name": "S", "config": config}).to_string();
        assert_eq!(api_error(&client, "CONSUMER.CREATE.S.C", body.clone()).await, code, "{body}");
    }
}

#[tokio::test]
async fn an_unknown_api_subject_is_not_answered() {
    let server = Server::start();
    let client = server.client().await;
    let request = async_nats::Request::new().timeout(Some(crate::help::ms(300)));
    let error = client.send_request("$JS.API.STREAM.NONSENSE", request).await;
    let error = crate::help::fails(error);
    assert_eq!(error.kind(), async_nats::RequestErrorKind::TimedOut);
}

#[tokio::test]
async fn garbage_of_all_kinds_leaves_the_server_running() {
    let server = Server::start();
    let js = server.jetstream().await;
    let stored = stream(&js, "S", &["s"]).await;
    publish(&js, "s", "kept").await;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..50 {
        let mut bytes = Vec::new();
        for _ in 0..200 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes.push(seed.to_le_bytes()[3]);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        let mut raw = Raw::open(&server).await;
        raw.send(&bytes).await;
        raw.rest_bytes().await;
    }
    for body in [vec![0xff; 100], vec![b'['; 100_000], b"{\"name\":\"\\ud800\"}".to_vec()] {
        let answer = api(&js.client(), "STREAM.CREATE.T", body).await;
        assert!(answer["error"].is_object(), "{answer}");
    }
    round_trip(&js.client()).await;
    assert_eq!(stored.get_raw_message(1).await.unwrap().payload, "kept");
    let made = api_json(&js.client(), "STREAM.CREATE.T", json!({"name": "T"})).await;
    assert_eq!(made["did_create"], true);
}

#[tokio::test]
async fn a_bad_config_ends_the_start_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    for (text, reason) in [
        ("no_such_key: 1", "no_such_key"),
        ("port: 4222\nauthorization { users = [ { user: a", ""),
        ("max_payload: \"a lot\"", "bad.conf:1"),
    ] {
        let path = dir.path().join("bad.conf");
        fs::write(&path, text).unwrap();
        let end = run(&["-p", "-1", "-c", path.to_str().unwrap()]);
        assert_eq!(end.code, Some(1), "{text}: {end:?}");
        assert!(end.stderr.contains(reason), "{text}: {end:?}");
    }
    let end = run(&["-p", "-1", "-c", "/does/not/exist.conf"]);
    assert_eq!(end.code, Some(1), "{end:?}");
}

#[tokio::test]
async fn what_cannot_be_opened_ends_the_start() {
    let server = Server::core_only();
    let port = server.addr().port().to_string();
    let end = run(&["-a", "127.0.0.1", "-p", &port]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert!(end.stderr.contains(&port), "the message names the port: {end:?}");

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    let end = run(&["-p", "-1", "-js", "-sd", file.to_str().unwrap()]);
    assert_eq!(end.code, Some(1), "{end:?}");
    assert!(end.stderr.contains("not a directory"), "{end:?}");
}

/// Rows: S4-84
#[tokio::test]
async fn s4_84_version_is_one_line_and_an_unknown_flag_is_told() {
    let end = run(&["--version"]);
    assert_eq!(end.code, Some(0));
    assert!(end.stdout.starts_with("nats-server: v2."), "{end:?}");
    let end = run(&["--no-such-flag"]);
    assert!(end.stderr.contains("no-such-flag"), "{end:?}");
}
