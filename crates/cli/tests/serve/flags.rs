//! Flags that do something else than start, and what is refused.

use std::process::Command;

use tempfile::TempDir;

use crate::process::{PROGRAM, outcome};

#[test]
fn version_and_help_go_to_standard_output_with_exit_code_0() {
    let dir = TempDir::new().unwrap();
    for flag in ["-v", "--version"] {
        let (code, out, err) = outcome(dir.path(), &[flag]);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert!(out.starts_with("nats-server: v2.15.1"), "{out}");
    }
    for flag in ["-h", "--help", "-help"] {
        let (code, out, err) = outcome(dir.path(), &[flag]);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        assert!(out.contains("--server_name"), "{out}");
    }
}

#[test]
fn a_bad_flag_shows_the_usage_and_exits_with_0_as_nats_server_does() {
    let dir = TempDir::new().unwrap();
    let cases = [
        (&["--bogus"][..], "flag provided but not defined: -bogus\n"),
        (&["-p", "abc"], "invalid value \"abc\" for flag -p: parse error\n"),
        (&["-p"], "flag needs an argument: -p\n"),
    ];
    for (args, message) in cases {
        let (code, out, err) = outcome(dir.path(), args);
        assert_eq!((code, err.as_str()), (Some(0), message));
        assert!(out.contains("Usage:"), "{out}");
    }
}

#[test]
fn what_can_not_be_started_exits_with_1_and_says_why() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let cases = [
        (&["word"][..], "unrecognized command: \"word\""),
        (&["-t"], "must specify [-c, --config] option"),
        (&["-c", "none.conf"], "open none.conf: no such file or directory"),
        (&["-p", "70000"], "address 70000: invalid port"),
        (&["-n", "a b"], "server name cannot contain spaces"),
        (
            &["-p", "-1", "-a", "999.999.999.999"],
            "[FTL] Error listening on port: 999.999.999.999:0, \
             \"listen tcp: lookup 999.999.999.999: no such host\"",
        ),
        (
            &["-p", "-1", "-js", "-sd", "file"],
            "[FTL] Can't start JetStream: storage directory is not a directory",
        ),
        (
            &["-p", "-1", "-P", "none/pid"],
            "[FTL] Could not write pidfile: open none/pid: no such file or directory",
        ),
        (&["-l", "none/log"], "error opening file: open none/log: no such file or directory"),
        (&["--cluster", "nats://a:1"], "not supported by tradewind yet"),
    ];
    for (args, message) in cases {
        let (code, out, err) = outcome(dir.path(), args);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}: {err}");
        assert!(err.contains(message), "{args:?}: {err}");
    }
}

#[test]
fn a_link_named_nats_server_is_one() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("nats-server");
    std::os::unix::fs::symlink(PROGRAM, &link).unwrap();
    let output = Command::new(&link).arg("-v").output().unwrap();
    assert_eq!(output.stdout, b"nats-server: v2.15.1\n");
    let output = Command::new(&link).args(["-c", "none.conf"]).output().unwrap();
    assert_eq!(output.stderr, b"nats-server: open none.conf: no such file or directory\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_signal_to_nobody_exits_with_1() {
    let dir = TempDir::new().unwrap();
    let cases = [
        ("stop=99999999", "\nsignal \"stop\" 99999999: no such process\n"),
        ("term=nofile", "invalid pid: nofile\n"),
        ("bogus=1", "unknown signal \"bogus\"\n"),
    ];
    for (signal, message) in cases {
        let (code, _, err) = outcome(dir.path(), &["--signal", signal]);
        assert_eq!((code, err), (Some(1), format!("tradewind: {message}")));
    }
}
