//! Command lines and what nats-server 2.15.1 makes of them.

use std::time::Duration;

use super::*;

fn parse(line: &str) -> FlagOutcome {
    let args: Vec<String> = line.split_whitespace().map(ToOwned::to_owned).collect();
    parse_flags("nats-server", "2.15.1", &args)
}

#[track_caller]
fn flags(line: &str) -> Flags {
    match parse(line) {
        FlagOutcome::Run(flags) => *flags,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn refusal(line: &str) -> String {
    match parse(line) {
        FlagOutcome::Refuse { message } => message,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn one_dash_or_two_and_a_value_apart_or_joined_are_the_same() {
    for line in ["-p 4333", "--p 4333", "-p=4333", "--port=4333", "-port 4333", "--port 0x10ed"] {
        assert_eq!(flags(line), Flags { port: Some(4333), ..Flags::default() }, "{line}");
    }
    assert_eq!(flags(""), Flags::default());
    assert_eq!(flags("-p 1 -p -1").port, Some(-1));
}

#[test]
fn every_alias_sets_its_option() {
    let text = |value: &str| Some(value.to_owned());
    let secret = |value: &str| Some(Secret(value.to_owned()));

    for alias in ["-a", "--addr", "--net"] {
        assert_eq!(flags(&format!("{alias} ::1")).host, text("::1"));
    }
    for alias in ["-n", "--name", "--server_name", "-server_name"] {
        assert_eq!(flags(&format!("{alias} x")).server_name, text("x"));
    }
    for alias in ["-c", "-config", "--config"] {
        assert_eq!(flags(&format!("{alias} x.conf")).config_file, text("x.conf"));
    }
    for alias in ["-sd", "--store_dir"] {
        assert_eq!(flags(&format!("{alias}=/d")).store_dir, text("/d"));
    }
    for alias in ["-js", "--js", "-jetstream", "--jetstream=true"] {
        assert_eq!(flags(alias).jetstream, Some(true));
    }
    let rest = flags(
        "-m 8222 -l log -P pid --ports_file_dir d --client_advertise h:1 --user u --pass p \
         --auth t --max_traced_msg_len 10 -T=false --logtime_utc -t -c f",
    );
    assert_eq!(
        rest,
        Flags {
            http_port: Some(8222),
            log_file: text("log"),
            pid_file: text("pid"),
            ports_file_dir: text("d"),
            client_advertise: text("h:1"),
            username: text("u"),
            password: secret("p"),
            token: secret("t"),
            max_traced_msg_len: Some(10),
            logtime: Some(false),
            logtime_utc: Some(true),
            check_config: true,
            config_file: text("f"),
            ..Flags::default()
        }
    );
}

#[test]
fn combined_log_flags_win_over_single_ones() {
    let levels = |line| {
        let flags = flags(line);
        (flags.debug, flags.trace, flags.trace_verbose)
    };

    assert_eq!(levels("-D"), (Some(true), None, None));
    assert_eq!(levels("-V"), (None, Some(true), None));
    assert_eq!(levels("-DV"), (Some(true), Some(true), None));
    assert_eq!(levels("-VV"), (None, Some(true), Some(true)));
    assert_eq!(levels("-DVV"), (Some(true), Some(true), Some(true)));
    assert_eq!(levels("-DV=false -D"), (Some(false), Some(false), None));
}

#[test]
fn our_own_flags_take_sizes_and_intervals() {
    let own = flags(
        "--max_memory_store 1GB --max_file_store=10GiB --log_size_limit 64MB --log_format json \
         --sync_interval 10s --on_io_error exit",
    );

    assert_eq!(own.max_memory_store, Some(1 << 30));
    assert_eq!(own.max_file_store, Some(10 << 30));
    assert_eq!(own.log_size_limit, Some(64 << 20));
    assert_eq!(own.log_format, Some(LogFormat::Json));
    assert_eq!(own.on_io_error, Some(OnIoError::Exit));
    assert_eq!(own.sync_interval, Some(SyncInterval::Every(Duration::from_secs(10))));
    assert_eq!(flags("--sync_interval always").sync_interval, Some(SyncInterval::Always));
}

#[test]
fn a_bad_flag_is_named_above_the_usage() {
    let cases = [
        ("-x", "flag provided but not defined: -x"),
        ("--foo=1", "flag provided but not defined: -foo"),
        ("-DVX", "flag provided but not defined: -DVX"),
        ("-p abc", "invalid value \"abc\" for flag -p: parse error"),
        ("--port=", "invalid value \"\" for flag -port: parse error"),
        (
            "-p 99999999999999999999",
            "invalid value \"99999999999999999999\" for flag -p: value out of range",
        ),
        ("-p", "flag needs an argument: -p"),
        ("-c", "flag needs an argument: -c"),
        ("---x", "bad flag syntax: ---x"),
        ("-=x", "bad flag syntax: -=x"),
        ("-D=maybe", "invalid boolean value \"maybe\" for -D: parse error"),
        ("--log_format xml", "invalid value \"xml\" for flag -log_format: use text or json"),
        (
            "--on_io_error wait",
            "invalid value \"wait\" for flag -on_io_error: use continue or exit",
        ),
        (
            "--sync_interval 5",
            "invalid value \"5\" for flag -sync_interval: time: missing unit in duration \"5\"",
        ),
    ];

    for (line, expected) in cases {
        match parse(line) {
            FlagOutcome::Usage { message, usage } => {
                assert_eq!(message, expected, "{line}");
                assert!(usage.starts_with("Usage: nats-server [options]\n"));
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn help_and_version_win_over_what_else_was_asked() {
    let version = FlagOutcome::Version("nats-server: v2.15.1".to_owned());
    for line in ["-v", "--version", "-v -h", "-help -version", "-p 1 version", "--tls -v"] {
        assert_eq!(parse(line), version, "{line}");
    }
    for line in ["-h", "--help", "help", "help -v", "-h -x=1 version", "-p 1 HELP"] {
        let outcome = parse(line);
        let usage = matches!(outcome, FlagOutcome::Usage { .. });
        assert!(matches!(outcome, FlagOutcome::Help(_)) || usage && line.contains("-x"), "{line}");
    }
}

#[test]
fn stray_words_are_refused() {
    assert_eq!(refusal("foo"), "nats-server: unrecognized command: \"foo\"");
    assert_eq!(refusal("-D true -v"), "nats-server: unrecognized command: \"true\"");
    assert_eq!(refusal("-- -v"), "nats-server: unrecognized command: \"-v\"");
    assert_eq!(refusal("-"), "nats-server: unrecognized command: \"-\"");
    assert_eq!(
        refusal("-t"),
        "nats-server: must specify [-c, --config] option to check configuration file syntax"
    );
}

#[test]
fn a_signal_names_a_command_and_perhaps_a_process() {
    let signal = |command, target: Option<&str>| FlagOutcome::Signal {
        command,
        target: target.map(ToOwned::to_owned),
    };

    assert_eq!(parse("-sl reload"), signal(SignalCommand::Reload, None));
    assert_eq!(parse("--signal ldm=123"), signal(SignalCommand::LameDuck, Some("123")));
    assert_eq!(parse("--signal=stop=/run/x.pid"), signal(SignalCommand::Stop, Some("/run/x.pid")));
    assert_eq!(parse("-sl quit=*"), signal(SignalCommand::Quit, Some("*")));
    assert_eq!(refusal("-sl x"), "nats-server: unknown signal \"x\"");
    assert_eq!(refusal("-sl reload=a=b=c"), "nats-server: invalid signal parameters: [b c]");
}

#[test]
fn flags_that_are_not_supported_refuse_to_start() {
    for line in [
        "--tls",
        "--tlscert f",
        "--cluster nats://h:1",
        "--routes nats://h:1",
        "-s",
        "-r x",
        "--profile 1",
        "-ms 1",
        "--no_advertise",
        "--help_tls",
    ] {
        let message = refusal(line);
        assert!(
            message.contains("is known to nats-server but not supported by tradewind yet: "),
            "{message}"
        );
    }
    assert_eq!(flags("--tls=false --syslog=false --profile 0"), Flags::default());
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    assert!(!format!("{:?}", flags("--pass hidden --auth hidden")).contains("hidden"));
}
