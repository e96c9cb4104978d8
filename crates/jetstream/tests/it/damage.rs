//! A stream that lost something is offline; the others serve.

use bytes::Bytes;
use serde_json::Value;
use tradewind_store::{Disk, MemDisk};

use crate::help::Host;

/// Two streams with six messages each, and a bit flipped in one of the first's.
fn damaged() -> MemDisk {
    let mut host = Host::new();
    for name in ["A", "B"] {
        let config = format!(r#"{{"name":"{name}","subjects":["{name}"]}}"#);
        host.api(&format!("STREAM.CREATE.{name}"), &config);
    }
    for _ in 0..6 {
        host.publish_to("A", &[]);
        host.publish_to("B", &[]);
    }
    let disk = host.stop();
    let names = disk.list().unwrap();
    let copy = MemDisk::new();
    let mut n_flipped = 0;
    for name in &names {
        let file = disk.open(name).unwrap();
        let size = usize::try_from(file.size().unwrap()).unwrap();
        let mut bytes = file.read_at(0, size).unwrap().to_vec();
        // What a sidecar tells of is not read at a start.
        let is_read = name
            .strip_suffix(".log")
            .is_some_and(|number| !names.contains(&format!("{number}.side")));
        let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"Asome payload"));
        if let Some(at) = at.filter(|_| is_read && n_flipped == 0) {
            bytes[at + 3] ^= 1;
            n_flipped += 1;
        }
        copy.create(name).unwrap().write_at(0, &Bytes::from(bytes)).unwrap();
    }
    assert_eq!(n_flipped, 1);
    copy
}

fn error(answer: &Value) -> u64 {
    answer["error"]["err_code"].as_u64().unwrap_or(0)
}

#[test]
fn a_damaged_stream_is_offline_alone() {
    let mut host = Host::on(damaged());

    let offline = host.shard().offline_streams();
    assert_eq!(offline.len(), 1, "{offline:?}");
    assert_eq!(offline[0].name.as_deref(), Some("A"));
    assert_eq!(error(&host.api("STREAM.INFO.A", "")), 10194);
    assert_eq!(error(&host.publish_to("A", &[])), 10194);
    let again = r#"{"name":"C","subjects":["A"]}"#;
    assert_eq!(error(&host.api("STREAM.CREATE.C", again)), 10065, "its subjects are taken");
    let listed = host.api("STREAM.LIST", "");
    assert!(listed["offline"]["A"].is_string(), "{listed}");
    assert_eq!(host.state("B").messages, 6);
    assert_eq!(host.publish_to("B", &[])["seq"], 7);
}

#[test]
fn it_stays_offline_over_restarts_and_the_others_keep_what_they_got() {
    let mut host = Host::on(damaged());
    host.publish_to("B", &[]);

    host.restart();
    host.restart();

    assert_eq!(host.shard().offline_streams().len(), 1);
    assert_eq!(host.state("B").messages, 7);
}

#[test]
fn it_goes_on_with_what_is_left_once_the_loss_is_accepted() {
    let mut host = Host::on(damaged());
    assert_eq!(host.shard().accept_loss("B"), Ok(false));

    assert_eq!(host.shard().accept_loss("A"), Ok(true));
    host.restart();

    assert!(host.shard().offline_streams().is_empty());
    let state = host.state("A");
    assert_eq!((state.messages, state.deleted.len(), state.last_seq), (5, 1, 6));
}

#[test]
fn it_can_be_deleted() {
    let mut host = Host::on(damaged());

    assert_eq!(host.api("STREAM.DELETE.A", "")["success"], true);
    host.restart();

    assert!(host.shard().offline_streams().is_empty());
    assert_eq!(error(&host.api("STREAM.INFO.A", "")), 10059);
    assert_eq!(host.state("B").messages, 6);
}
