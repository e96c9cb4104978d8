//! The pid file and the ports file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::process::{Server, poll};

#[test]
fn the_pid_file_holds_digits_for_the_owner_and_stays() {
    let mut server = Server::start(&[]);
    let file = server.dir.path().join("pid");
    assert_eq!(fs::read_to_string(&file).unwrap(), server.pid().to_string());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    server.signal(Signal::TERM);

    assert_eq!(server.ended(), Some(0));
    assert!(file.exists());
}

#[test]
fn the_ports_file_lists_urls_and_goes_with_a_clean_stop() {
    let mut server = Server::start(&[]);
    let keys: Vec<&String> = server.ports().as_object().unwrap().keys().collect();
    assert_eq!(keys, ["nats", "monitoring"]);
    let url = server.ports()["nats"][0].as_str().unwrap();
    assert_eq!(url, format!("nats://127.0.0.1:{}", server.port()));
    let names = fs::read_dir(server.dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("tmp")));

    server.signal(Signal::INT);

    assert_eq!(server.ended(), Some(0));
    assert!(!server.ports_file().exists());
}

#[test]
fn a_listener_on_all_interfaces_has_a_url_for_each_address() {
    let server = Server::start(&["-a", "0.0.0.0", "-m", "0"]);
    let urls = server.ports()["nats"].as_array().unwrap();
    let loopback = format!("nats://127.0.0.1:{}", server.port());
    assert!(urls.iter().any(|url| *url == loopback.as_str()), "{urls:?}");
    assert!(urls.iter().all(|url| !url.as_str().unwrap().contains("0.0.0.0")), "{urls:?}");
    assert!(server.ports().get("monitoring").is_none());
}

#[test]
fn the_ports_file_stays_after_sigkill() {
    let mut server = Server::start(&[]);
    server.signal(Signal::KILL);
    assert_eq!(server.ended(), None);
    assert!(server.ports_file().exists());
}

#[test]
fn a_port_in_use_is_named() {
    let server = Server::start(&[]);
    let port = server.port().to_string();
    let args = ["-a", "127.0.0.1", "-p", &port];
    let (code, _, err) = crate::process::outcome(server.dir.path(), &args);
    assert_eq!(code, Some(1));
    let text = format!(
        "[FTL] Error listening on port: 127.0.0.1:{port}, \
         \"listen tcp 127.0.0.1:{port}: bind: address already in use\""
    );
    assert!(err.contains(&text), "{err}");

    let args = ["-a", "127.0.0.1", "-p", "-1", "-m", &port];
    let (code, _, err) = crate::process::outcome(server.dir.path(), &args);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("[FTL] Can't start monitoring: can't listen to the monitor port"),
        "{err}"
    );
}

#[test]
fn a_log_that_grows_too_long_is_set_aside() {
    let server = Server::start(&["--log_size_limit", "500"]);
    let set_aside = || {
        let names = fs::read_dir(server.dir.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let backups: Vec<String> = names.filter(|name| name.starts_with("log.")).collect();
        (!backups.is_empty()).then_some(backups)
    };
    assert!(!poll("a backup", set_aside).is_empty());
    server.logged("Rotated log, backup saved as \"log.");
    let mode = fs::metadata(server.dir.path().join("log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}
