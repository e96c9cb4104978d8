use std::path::{Path, PathBuf};
use std::time::Duration;

use tradewind_conf::{Config, FlagOutcome, Flags, NoSource, parse, parse_flags};
use tradewind_server::{LogTarget, SyncPolicy};

use super::{Defaults, Resolved, resolve};

fn read(text: &str, args: &str) -> Result<Resolved, Vec<String>> {
    let document = parse(text, &mut NoSource).unwrap();
    let config = Config::read(&document).unwrap();
    let args: Vec<String> = args.split_whitespace().map(ToOwned::to_owned).collect();
    let FlagOutcome::Run(flags) = parse_flags("nats-server", "1", &args) else {
        panic!("not a start: {args:?}");
    };
    let flags: Flags = *flags;
    let defaults = Defaults {
        temp_dir: PathBuf::from("/tmp"),
        memory: Some(300),
        storage: Box::new(|dir| (dir == Path::new("/s")).then_some(400)),
    };
    resolve(config, &flags, &defaults)
}

fn problems(text: &str, args: &str) -> String {
    read(text, args).map(|_| ()).unwrap_err().join("\n")
}

#[test]
fn the_command_line_goes_before_the_file() {
    let file = "listen: \"localhost:4333\", server_name: file, debug: true, pid_file: /a";
    let found = read(file, "-p -1 -a ::1 -n flag -D=false -P /b -l x.log").unwrap();
    assert_eq!((found.options.host.as_str(), found.options.port), ("::1", 0));
    assert_eq!(found.options.server_name, "flag");
    assert_eq!(found.options.log.target, LogTarget::File("x.log".into()));
    assert!(!found.options.log.debug);
    assert_eq!(found.pid_file, Some("/b".into()));

    let found = read(file, "").unwrap();
    assert_eq!((found.options.host.as_str(), found.options.port), ("localhost", 4333));
    assert_eq!(found.options.log.target, LogTarget::Stderr);
    assert!(found.options.log.debug);
}

#[test]
fn zero_and_absent_are_the_defaults_of_nats_server() {
    for text in ["", "max_payload: 0, max_pending: 0, ping_max: 0, max_control_line: 0, port: 0"] {
        let options = read(text, "").unwrap().options;
        assert_eq!(options.port, 4222);
        assert_eq!((options.max_payload, options.max_pending), (1 << 20, 64 << 20));
        assert_eq!((options.ping_max, options.max_control_line), (2, 4096));
        assert_eq!(options.max_connections, 65_536);
        assert!(options.http.is_none() && options.jetstream.is_none());
    }
    assert_eq!(read("max_connections: -1", "").unwrap().options.max_connections, 0);
}

#[test]
fn monitoring_listens_where_clients_do_unless_told_otherwise() {
    let http = |text, args| read(text, args).unwrap().options.http;
    assert_eq!(http("host: \"127.0.0.1\"", "-m 8222"), Some(("127.0.0.1".into(), 8222)));
    assert_eq!(http("http: \"[::1]:-1\"", ""), Some(("::1".into(), 0)));
    assert_eq!(http("http_port: 8222", "-m 0"), None);
}

#[test]
fn jetstream_takes_limits_from_flag_file_and_system_in_this_order() {
    let jetstream = |text, args| read(text, args).unwrap().options.jetstream;
    assert_eq!(jetstream("", "-sd /x"), None, "a directory alone turns nothing on");
    let found = jetstream("", "-js -sd /s").unwrap();
    assert_eq!((found.max_memory, found.max_file), (300, 400));
    assert_eq!(found.sync, SyncPolicy::Always);
    let file = "jetstream { store_dir: /f, max_mem: 1KB, max_file: 2KB, sync_interval: \"10s\" }";
    let found = jetstream(file, "--max_memory_store 7 -sd /g").unwrap();
    assert_eq!((found.max_memory, found.max_file), (7, 2048));
    assert_eq!(found.store_dir, PathBuf::from("/g"));
    assert_eq!(found.sync, SyncPolicy::Interval(Duration::from_secs(10)));
    assert_eq!(jetstream(file, "-js=false"), None);
}

#[test]
fn jetstream_without_a_directory_goes_to_the_temporary_one_with_a_warning() {
    let found = read("jetstream: enabled", "").unwrap();
    assert_eq!(found.options.jetstream.unwrap().store_dir, PathBuf::from("/tmp/nats"));
    assert_eq!(
        found.warnings,
        ["Temporary storage directory used, data could be lost on system reboot"]
    );
}

#[test]
fn what_does_not_go_together_is_refused_in_nats_server_s_words() {
    let cases = [
        (
            "max_payload: 2000000, max_pending: 1000000",
            "max_payload (2000000) cannot be higher than max_pending (1000000)",
        ),
        (
            "lame_duck_grace_period: \"3m\"",
            "lame duck grace period (3m0s) should be strictly lower than lame duck duration (2m0s)",
        ),
        ("no_auth_user: x", "no_auth_user: \"x\" present, but users/nkeys are not defined"),
    ];
    for (text, problem) in cases {
        assert_eq!(problems(text, ""), problem);
    }
    assert_eq!(
        problems("", "-p 70000"),
        "Error listening on port: 0.0.0.0:70000, \"listen tcp: address 70000: invalid port\""
    );
    assert_eq!(problems("", "--user u --auth t"), "Cannot have a user/pass and token");
}

#[test]
fn a_key_that_is_read_and_not_obeyed_is_refused() {
    for text in [
        "no_header_support: true",
        "feature_flags { js_ack_fc_v2: true }",
        "jetstream { limits { max_ack_pending: 5 } }",
        "jetstream { limits { duplicate_window: \"1m\" } }",
        "authorization { users: [] }",
    ] {
        let problems = problems(text, "");
        assert!(problems.contains("1:"), "{text}: {problems}");
    }
    assert!(read("feature_flags { js_raft_delete_range: true }", "").is_ok());
}

#[test]
fn the_advertised_address_may_leave_out_the_port() {
    let advertised = |args| read("", args).unwrap().options.client_advertise;
    assert_eq!(advertised("--client_advertise a.b:5"), Some(("a.b".into(), 5)));
    assert_eq!(advertised("--client_advertise [::1]:5"), Some(("::1".into(), 5)));
    assert_eq!(advertised("--client_advertise a.b"), Some(("a.b".into(), 4222)));
    assert!(problems("", "--client_advertise a:b").starts_with("Error setting server INFO"));
}
