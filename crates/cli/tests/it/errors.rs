use crate::fixture::{Server, TRADEWIND, dead_url, run_in};

#[test]
fn a_refused_connection_names_the_server_and_says_how_to_start_one() {
    let directory = tempfile::tempdir().unwrap();
    let url = dead_url();
    let error = run_in(directory.path(), &url, "stream ls", b"").error(1);
    let expected = format!(
        "tradewind: error: no server answers at {url}: connection refused
  start one with: tradewind serve -js; or name another with --server
"
    );
    assert_eq!(error, expected);
}

#[test]
fn api_errors_come_with_a_remedy() {
    let server = Server::start();
    let cases = [
        (
            "stream info NOPE",
            "tradewind: error: can't load stream NOPE: stream not found (10059)
  list the streams with: tradewind stream ls
",
        ),
        (
            "consumer ls NOPE",
            "tradewind: error: can't list the consumers of stream NOPE: stream not found (10059)
  list the streams with: tradewind stream ls
",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(server.run(line).error(1), expected, "{line}");
    }
    server.ok("stream add A --subjects a");
    let other = server.run("stream add A --subjects b").error(1);
    assert!(other.contains("(10058)\n  the stream exists with another configuration"), "{other}");
    let overlap = server.run("stream add B --subjects a").error(1);
    assert!(overlap.contains("subjects overlap with an existing stream (10065)"), "{overlap}");
}

#[test]
fn wrong_usage_exits_with_2() {
    let server = Server::start();
    let cases = [
        ("bogus", "unrecognized subcommand 'bogus'"),
        ("stream ls --nope", "unexpected argument '--nope'"),
        ("stream add A", "the subjects of the stream are missing\n  give --subjects"),
        ("stream add --subjects a", "the name of the stream is missing"),
        ("stream add A --subjects a --max-age 5", "\"5\" is not a duration"),
        ("stream add A --subjects a --max-bytes x", "\"x\" is not a size"),
        ("stream add a.b --subjects a", "\"a.b\" is not a name"),
        ("stream info a.b", "\"a.b\" is not a name"),
        ("consumer add A", "the name of the consumer is missing"),
        ("stream rm A", "say yes beforehand with --force"),
        ("pub a x -H nope", "header \"nope\" is not of the form"),
        ("pub a {{Nope}}", "no template function {{Nope}}"),
        ("stream ls --output xml", "the formats are table and json"),
        ("--context x stream ls", "--context (NATS_CONTEXT) is not supported yet"),
        ("--server ws://x stream ls", "websocket connections are not supported"),
        ("--password x stream ls", "--password needs --user"),
    ];
    for (line, expected) in cases {
        let error = server.run(line).error(2);
        assert!(error.starts_with("tradewind: error: "), "{line}: {error}");
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn help_is_data_and_missing_words_are_not() {
    let server = Server::start();
    let help = server.ok("stream add --help");
    assert!(help.contains("Examples:\n  tradewind stream add ORDERS"), "{help}");
    assert!(server.ok("--help").contains("quickstart"));
    assert!(server.ok("--version").starts_with("tradewind "));
    assert!(server.run("stream").error(2).contains("Usage: tradewind stream"));
}

#[test]
fn credentials_are_asked_for_and_used() {
    let server = Server::start_with(&["--user", "alice", "--pass", "secret"]);
    let refused = server.run("stream ls").error(1);
    assert!(refused.contains("refuses these credentials"), "{refused}");
    assert!(refused.contains("give --user and --password"), "{refused}");

    server.ok("--user alice --password secret stream ls");
    let url = server.url.replace("nats://", "nats://alice:secret@");
    server.ok(&format!("-s {url} stream ls"));
    server.ok(&format!("-s {url} rtt 1"));
    assert!(server.run("--user alice --password wrong stream ls").code == Some(1));
}

#[test]
fn tokens_are_users_without_a_password() {
    let server = Server::start_with(&["--auth", "t0ken"]);
    server.run("stream ls").error(1);
    server.ok("--user t0ken stream ls");
    server.ok("--token t0ken stream ls");
}

#[cfg(unix)]
#[test]
fn links_named_as_the_programs_of_nats_are_those_programs() {
    let directory = tempfile::tempdir().unwrap();
    let run = |name: &str, argument: &str| {
        let link = directory.path().join(name);
        std::os::unix::fs::symlink(TRADEWIND, &link).unwrap();
        std::process::Command::new(link).arg(argument).output().unwrap()
    };

    let server = run("nats-server", "--version");
    assert!(String::from_utf8(server.stdout).unwrap().starts_with("nats-server: v"));
    let command_line = run("nats", "bogus");
    assert_eq!(command_line.status.code(), Some(2));
    assert!(String::from_utf8(command_line.stderr).unwrap().starts_with("nats: error: "));
}

#[test]
fn what_is_forbidden_is_an_error_also_without_inboxes() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("server.conf");
    let text = r#"authorization { users: [
        { user: a, password: p, permissions: { publish: { allow: ["ok"] }, subscribe: { allow: ["ok"] } } }
    ] }"#;
    std::fs::write(&config, text).unwrap();
    let server = Server::start_with(&["-c", config.to_str().unwrap()]);

    server.ok("--user a --password p pub ok x");
    let publish = server.run("--user a --password p pub secret x").error(1);
    assert!(
        publish.contains("error: Permissions Violation for Publish to \"secret\""),
        "{publish}"
    );
    let subscribe = server.run("--user a --password p sub secret").error(1);
    assert!(
        subscribe.contains("error: Permissions Violation for Subscription to \"secret\""),
        "{subscribe}"
    );
}
