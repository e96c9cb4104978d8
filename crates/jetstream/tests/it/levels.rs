//! What an acknowledgement means, by the stream.

use serde_json::Value;

use crate::help::Host;

/// A default stream on `d`, an async one on `a`, one in memory on `m`.
fn host() -> Host {
    let mut host = Host::new();
    for (config, durability) in [
        (r#"{"name":"D","subjects":["d"]}"#, "disk"),
        (r#"{"name":"A","subjects":["a"],"persist_mode":"async"}"#, "async"),
        (r#"{"name":"M","subjects":["m"],"storage":"memory"}"#, "memory"),
    ] {
        let name: Value = serde_json::from_str(config).unwrap();
        let made = host.api(&format!("STREAM.CREATE.{}", name["name"].as_str().unwrap()), config);
        assert_eq!(made["durability"], durability, "{made}");
    }
    host
}

#[test]
fn only_an_async_or_a_memory_stream_acknowledges_before_the_commit() {
    let mut host = host();

    let durable = host.publish_uncommitted("d", b"x");
    let eager = host.publish_uncommitted("a", b"x");
    let memory = host.publish_uncommitted("m", b"x");

    assert!(durable.is_empty(), "{durable:?}");
    assert_eq!((&eager[0]["seq"], &memory[0]["seq"]), (&1.into(), &1.into()));
    assert!(host.shard().wants_commit(), "for the default stream");
    let commit = host.shard().next_commit().unwrap();
    let now = host.now();
    host.shard().done(now, commit.run());
    assert_eq!(host.answers()[0]["stream"], "D");
    assert!(!host.shard().is_unsynced(), "one commit synced both");
}

#[test]
fn an_async_publish_alone_costs_no_sync() {
    let mut host = host();

    host.publish_uncommitted("a", b"x");

    assert!(!host.shard().wants_commit());
    let commit = host.shard().next_lazy_commit().unwrap();
    let now = host.now();
    host.shard().done(now, commit.run());
    assert!(host.shard().is_unsynced());
    host.kill();
    assert_eq!(host.state("A").messages, 1, "what was written survives the process");
}

#[test]
fn an_async_publish_that_was_not_written_is_lost_and_its_sequence_used_again() {
    let mut host = host();

    host.publish_uncommitted("a", b"x");
    host.kill();

    assert_eq!(host.state("A").last_seq, 0);
    assert_eq!(host.publish_uncommitted("a", b"y")[0]["seq"], 1);
}

#[test]
fn what_the_api_says_of_an_async_stream_waits_for_the_commit() {
    let mut host = host();
    host.publish_uncommitted("a", b"x");

    // The helper commits until it is answered; with the answer, all is on disk.
    assert_eq!(host.state("A").messages, 1);

    assert!(!host.shard().is_unsynced());
}

/// What came while the last commit was under way waits for one that never comes.
#[test]
fn after_an_io_error_no_commit_is_wanted() {
    let mut host = host();
    host.publish_uncommitted("d", b"x");
    let commit = host.shard().next_commit().unwrap();
    host.publish_uncommitted("d", b"y");
    let now = host.now();

    host.shard().poison(now, "the disk is gone");
    host.shard().done(now, commit.run());

    let answers = host.answers();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["error"]["err_code"] == 10077), "{answers:?}");
    assert!(!host.shard().wants_commit() && !host.shard().has_uncommitted());
}
