//! Verdicts on configuration files.

use std::fs;

use tempfile::TempDir;

use crate::process::{Server, outcome};

fn verdict(config: &str, args: &[&str]) -> (Option<i32>, String) {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("c.conf"), config).unwrap();
    let (code, out, err) = outcome(dir.path(), &[&["-c", "c.conf"], args].concat());
    assert_eq!(out, "");
    (code, err)
}

#[test]
fn a_good_configuration_is_valid_on_standard_error_with_its_digest() {
    let (code, err) = verdict("max_payload: 2000000\nmax_pending: 1000000\n", &["-t"]);
    assert_eq!(code, Some(0));
    let digest = "b82208cdbfbdafe8747d5f58fc3709579aa3eadc2b5c65c2ba8bd17f9306d3f1";
    assert_eq!(err, format!("tradewind: configuration file c.conf is valid (sha256:{digest})\n"));
}

#[test]
fn a_bad_configuration_is_refused_with_its_place() {
    let warned = "c.conf:1:0: invalid use of field \"ping_interval\": \
                  ping_interval should be converted to a duration";
    let cases = [
        ("foo: 1", "c.conf:1:0: unknown field \"foo\""),
        ("a: {", "Parse error on line "),
        ("", "c.conf: config has no values or is empty"),
        ("ping_interval: 5", warned),
        ("port: \"x\"", "c.conf:1:0: "),
        ("cluster { port: 1 }", "\"cluster\" is known to nats-server but not supported"),
    ];
    for (config, message) in cases {
        let (code, err) = verdict(config, &["-t"]);
        assert_eq!(code, Some(1), "{config}");
        assert!(err.starts_with("tradewind: ") && err.contains(message), "{config}: {err}");
    }
}

#[test]
fn what_guards_something_and_is_not_supported_keeps_the_server_from_starting() {
    for config in [
        "accounts { A { users [ { user: a, password: b } ] } }",
        "tls { cert_file: a, key_file: b }",
        "authorization { auth_callout { } }",
        "jetstream { key: secret }",
        "authorization { users: [] }",
        "no_header_support: true",
    ] {
        let (code, err) = verdict(config, &["-p", "-1"]);
        assert_eq!(code, Some(1), "{config}");
        assert!(err.contains("c.conf:1:"), "{config}: {err}");
    }
}

#[test]
fn options_that_contradict_each_other_are_found_at_the_start_only() {
    let config = "max_payload: 2000000\nmax_pending: 1000000\n";
    let (code, err) = verdict(config, &["-p", "-1"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        err,
        "tradewind: max_payload (2000000) cannot be higher than max_pending (1000000)\n"
    );
}

#[test]
fn the_log_names_the_file_and_the_listeners_and_ends_with_ready() {
    let server = Server::with_config("server_name: n", &[]);
    let log = server.log();
    let lines: Vec<&str> = log.lines().map(|line| line.split("] ").last().unwrap()).collect();
    let place = |start: &str| {
        let found = lines.iter().position(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("{start} in {log}"))
    };
    let order = [
        place("Starting nats-server"),
        place("  Version:  2.15.1"),
        place("  Name:     n"),
        place("Using configuration file: c.conf (sha256:"),
        place("Starting http monitor on 127.0.0.1:"),
        place(&format!("Listening for client connections on 127.0.0.1:{}", server.port())),
        place("Server is ready"),
    ];
    assert!(order.is_sorted(), "{log}");
    let prefix = format!("[{}] ", server.pid());
    assert!(log.lines().all(|line| line.starts_with(&prefix)), "{log}");
}

#[test]
fn jetstream_names_its_directory_in_the_log() {
    let server = Server::start(&["-js", "-sd", "store"]);
    let log = server.log();
    assert!(log.contains("[INF]   Store Directory: \"store/jetstream\""), "{log}");
    assert!(log.contains(" to start JetStream"), "{log}");
    assert_eq!(server.json("/jsz")["config"]["store_dir"], "store/jetstream");
}
