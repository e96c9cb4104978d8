//! Stores written by earlier versions are opened by this one, for ever.
//!
//! `fixtures/store-1` holds the files of a store of format 1 and what was in it. It is not made again
//! but by hand, when a format changes: `TRADEWIND_MAKE_FIXTURE=1 cargo test -p tradewind-jetstream
//! fixture` writes a new one.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use tradewind_store::{Disk, MemDisk};

use crate::help::Host;

const CONTENT: &str = "content.txt";

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/store-1"))
}

/// A store with everything in it that has a form on disk.
fn make() -> Host {
    let mut host = Host::new();
    let kv = r#"{"name":"KV_a","subjects":["$KV.a.>"],"max_msgs_per_subject":2,"allow_rollup_hdrs":true}"#;
    for (name, config) in [
        ("ORDERS", r#"{"name":"ORDERS","subjects":["orders.>"],"allow_msg_ttl":true}"#),
        ("KV_a", kv),
        ("WORK", r#"{"name":"WORK","subjects":["work.*"],"retention":"workqueue"}"#),
        ("GONE", r#"{"name":"GONE","subjects":["gone"]}"#),
    ] {
        host.api(&format!("STREAM.CREATE.{name}"), config);
    }
    let durable =
        r#"{"stream_name":"ORDERS","config":{"durable_name":"all","ack_policy":"explicit"}}"#;
    host.api("CONSUMER.DURABLE.CREATE.ORDERS.all", durable);
    for n in 0..60 {
        let id = format!("Nats-Msg-Id: {n}");
        host.publish_to(&format!("orders.{}", n % 7), &[&id, "Region: eu"]);
        host.publish_to(&format!("$KV.a.key{}", n % 5), &[]);
        host.publish_to("work.a", &[]);
        host.publish_to("gone", &[]);
    }
    host.publish_to("orders.short", &["Nats-TTL: 100s"]);
    host.api("STREAM.MSG.DELETE.ORDERS", r#"{"seq":11}"#);
    host.api("STREAM.PURGE.ORDERS", r#"{"filter":"orders.3"}"#);
    host.api("STREAM.PURGE.WORK", r#"{"keep":20}"#);
    host.api("STREAM.DELETE.GONE", "");
    for n in 0..20 {
        host.publish_to(&format!("$KV.a.key{}", n % 3), &[]);
    }
    // Time for the sweeper.
    for second in 1..10 {
        host.at(second);
    }
    host.publish_to("$KV.a.last", &[]);
    host
}

#[test]
fn a_store_of_format_1_is_what_it_was() {
    let directory = directory();
    if std::env::var_os("TRADEWIND_MAKE_FIXTURE").is_some() {
        let mut host = make();
        let content = host.everything();
        let disk = host.stop();
        fs::create_dir_all(&directory).unwrap();
        let names = disk.list().unwrap().into_iter();
        for name in names.filter(|name| name.strip_suffix(".free").is_none()) {
            let file = disk.open(&name).unwrap();
            let bytes = file.read_at(0, file.size().unwrap().try_into().unwrap()).unwrap();
            fs::write(directory.join(&name), bytes).unwrap();
        }
        fs::write(directory.join(CONTENT), content).unwrap();
    }
    let expected = fs::read_to_string(directory.join(CONTENT)).unwrap();
    let mut kinds = Vec::new();
    let disk = MemDisk::new();
    for entry in fs::read_dir(&directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == CONTENT {
            continue;
        }
        let bytes = Bytes::from(fs::read(directory.join(&name)).unwrap());
        disk.create(&name).unwrap().write_at(0, &bytes).unwrap();
        kinds.extend(name.rsplit_once('.').map(|(_, kind)| kind.to_owned()));
    }
    for kind in ["log", "side"] {
        assert!(kinds.iter().any(|it| it == kind), "the fixture has a {kind} file");
    }

    let mut host = Host::on(disk);

    assert!(host.shard().damage().is_empty());
    assert!(host.shard().segments().any(|it| it.role == tradewind_store::Role::Cold));
    let found = host.everything();
    let differ = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert_eq!(differ, None);
    assert_eq!(found.lines().count(), expected.lines().count());
}
