//! Messages with a time to live of their own.

use crate::help::{Host, State};

/// Overwrites one message again and again, over some segments.
fn fill_segments(host: &mut Host, subject: &str) {
    for _ in 0..100 {
        host.publish(subject, &[]);
    }
}

fn host(storage: &str) -> Host {
    let mut host = Host::new();
    let config = format!(
        r#"{{"name":"S","subjects":["s.*","fill"],"allow_msg_ttl":true,"max_msgs_per_subject":1,
            "max_age":60000000000,"duplicate_window":1000000000,"storage":"{storage}"}}"#
    );
    let made = host.api("STREAM.CREATE.S", &config);
    assert_eq!(made["config"]["metadata"]["_nats.req.level"], "1", "{made}");
    host
}

#[test]
fn messages_expire_by_their_own_lifetime_before_and_after_a_restart() {
    let mut host = host("file");
    // The first segment is given back, and its records are lost, after those with a lifetime came.
    host.publish("fill", &[]);
    fill_segments(&mut host, "s.pad");
    for (subject, ttl) in [("s.a", "9"), ("s.b", "never"), ("s.c", "3s"), ("s.d", "20")] {
        host.publish(subject, &[&format!("Nats-TTL: {ttl}")]);
    }
    fill_segments(&mut host, "fill");

    assert_eq!(host.at(2).state("S").messages, 6);
    assert_eq!(host.at(3).state("S").messages, 5);
    host.restart();
    assert_eq!(host.at(8).state("S").messages, 5);
    assert_eq!(host.at(9).state("S").messages, 4);
    host.restart();
    assert_eq!(host.at(59).state("S").messages, 3);
    let deleted = (104..=205).collect();
    let left = State { messages: 1, first_seq: 103, last_seq: 205, deleted };
    assert_eq!(host.at(60).state("S"), left);
    host.restart();
    assert_eq!(host.at(99).state("S"), left);
}

#[test]
fn a_later_message_may_expire_first() {
    for storage in ["file", "memory"] {
        let mut host = host(storage);
        host.publish("s.a", &[]);
        host.publish("s.b", &["Nats-TTL: 20"]);
        host.publish("s.c", &["Nats-TTL: 5"]);

        let left = State { messages: 2, first_seq: 1, last_seq: 3, deleted: vec![3] };
        assert_eq!(host.at(5).state("S"), left, "{storage}");
        host.publish("s.d", &["Nats-TTL: 1"]);
        assert_eq!(host.at(6).state("S").messages, 2, "{storage}");
    }
}

#[test]
fn a_lifetime_is_stored_as_it_was_asked_for() {
    let mut host = host("file");
    host.publish("s.a", &["A: b", "Nats-TTL: 1h30m"]);

    let found = host.api("STREAM.MSG.GET.S", r#"{"seq":1}"#);

    // NATS/1.0, A: b, Nats-TTL: 1h30m
    let block = "TkFUUy8xLjANCkE6IGINCk5hdHMtVFRMOiAxaDMwbQ0KDQo=";
    assert_eq!(found["message"]["hdrs"], block);
}
