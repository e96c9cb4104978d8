//! What signals do.

use std::fs;
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Server, outcome, poll};

#[test]
fn sigint_and_sigterm_stop_cleanly() {
    for (signal, name) in [(Signal::INT, "interrupt"), (Signal::TERM, "terminated")] {
        let mut server = Server::start(&[]);
        let mut client = server.client("\"protocol\":1");
        while !client.line().starts_with("INFO") {}

        server.signal(signal);

        assert_eq!(server.ended(), Some(0));
        assert_eq!(client.line(), "", "closed without a word");
        let log = server.log();
        let tail: Vec<&str> = log.lines().skip_while(|line| !line.contains("Trapped")).collect();
        assert!(tail[0].ends_with(&format!("[INF] Trapped \"{name}\" signal")), "{log}");
        assert!(tail[1].ends_with("[INF] Initiating Shutdown..."), "{log}");
        assert!(tail.last().unwrap().ends_with("[INF] Server Exiting.."), "{log}");
    }
}

#[test]
fn a_stop_closes_jetstream_first() {
    let mut server = Server::start(&["-js", "-sd", "store"]);
    server.signal(Signal::TERM);
    assert_eq!(server.ended(), Some(0));
    let log = server.log();
    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text} in {log}"));
    assert!(place("Initiating JetStream Shutdown...") < place("JetStream Shutdown\n"));
    assert!(place("JetStream Shutdown\n") < place("Server Exiting.."));
}

#[test]
fn sigusr1_opens_the_log_anew() {
    let server = Server::start(&[]);
    let log = server.dir.path().join("log");
    fs::rename(&log, server.dir.path().join("old")).unwrap();

    server.signal(Signal::USR1);

    server.logged("[INF] File log re-opened");
    let old = fs::read_to_string(server.dir.path().join("old")).unwrap();
    assert!(old.contains("Trapped \"user defined signal 1\" signal"), "{old}");
}

#[test]
fn sigusr2_without_clients_ends_at_once() {
    let mut server = Server::start(&[]);
    server.signal(Signal::USR2);
    assert_eq!(server.ended(), Some(0));
    assert!(server.log().contains("Entering lame duck mode, stop accepting new clients"));
}

#[test]
fn sigusr2_tells_clients_waits_and_closes_them() {
    let config = "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"2s\"";
    let mut server = Server::with_config(config, &[]);
    let mut old = server.client("\"protocol\":0");
    let mut new = server.client("\"protocol\":1");
    assert!(new.line().contains("connect_info"));

    server.signal(Signal::USR2);

    let line = new.line();
    let info: Value = serde_json::from_str(line.strip_prefix("INFO ").unwrap()).unwrap();
    assert_eq!(info["ldm"], true);
    let port = server.port();
    poll("the listener to close", || TcpStream::connect(("127.0.0.1", port)).err());
    let (status, _, body) = server.http("GET", "/healthz");
    assert_eq!(status, 500, "{body}");
    // SIGTERM is no reason to hurry.
    server.signal(Signal::TERM);
    server.logged("Trapped \"terminated\" signal");
    assert_eq!(new.rest(), [""; 0], "closed after the grace period");
    assert_eq!(old.rest(), [""; 0], "protocol 0 is told nothing");
    assert_eq!(server.ended(), Some(0));
    assert!(server.log().contains("Closing existing clients"));
}

#[test]
fn sigint_ends_lame_duck_mode() {
    let mut server = Server::start(&[]);
    let _client = server.client("\"protocol\":1");
    server.signal(Signal::USR2);
    server.logged("Entering lame duck mode");
    server.signal(Signal::INT);
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn sighup_takes_over_the_log_level_and_nothing_that_needs_a_restart() {
    let server = Server::with_config("debug: false", &[]);
    let file = server.dir.path().join("c.conf");
    let reload = |config: &str, expected: &str| {
        fs::write(&file, config).unwrap();
        server.signal(Signal::HUP);
        server.logged(expected);
    };
    reload("debug: true", "[INF] Reloaded: debug = true");
    server.logged("[INF] Reloaded server configuration (sha256:");
    server.client("\"protocol\":0");
    server.logged("[DBG] 127.0.0.1:");
    let failed = "[ERR] Failed to reload server configuration: ";
    reload("bogus: 1", &format!("{failed}c.conf:1:0: unknown field \"bogus\""));
    reload("max_payload: 9", &format!("{failed}config reload not supported yet for max_payload: "));
    assert_eq!(server.json("/varz")["max_payload"], 1_048_576);
}

#[test]
fn sighup_without_a_file_is_an_error_in_the_log() {
    let server = Server::start(&[]);
    server.signal(Signal::HUP);
    server.logged(
        "[ERR] Failed to reload server configuration: \
         can only reload config when a file is provided using -c or --config",
    );
}

#[test]
fn the_signal_flag_reaches_a_server_by_pid_and_by_pid_file() {
    let mut server = Server::start(&[]);
    let reopen = format!("reopen={}", server.pid());
    assert_eq!(outcome(server.dir.path(), &["--signal", &reopen]).0, Some(0));
    server.logged("File log re-opened");
    assert_eq!(outcome(server.dir.path(), &["-sl", "quit=pid"]).0, Some(0));
    assert_eq!(server.ended(), Some(0));
    poll("the last line", || server.log().contains("Server Exiting..").then_some(()));
}
