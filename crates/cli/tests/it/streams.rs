use serde_json::{Value, json};

use crate::fixture::{Server, steady};

#[test]
fn a_stream_is_shown_as_nats_shows_it() {
    let server = Server::start();

    let created = server.ok("stream add ORDERS --subjects ORDERS.* --max-age 7d --max-bytes 10GB");

    let expected = "\
Stream ORDERS was created

Information for Stream ORDERS created <time> <time>

                     Subjects: ORDERS.*
                     Replicas: 1
                      Storage: File

Options:

                    Retention: Limits
              Acknowledgments: true
               Discard Policy: Old
             Duplicate Window: 2m0s
                   Direct Get: true
  Allows Atomic Batch Publish: false
    Allows Fast Batch Publish: false
              Allows Counters: false
            Allows Msg Delete: true
       Allows Per-Message TTL: false
                 Allows Purge: true
             Allows Schedules: false
               Allows Rollups: false

Limits:

             Maximum Messages: unlimited
          Maximum Per Subject: unlimited
                Maximum Bytes: 10 GiB
                  Maximum Age: 7d0h0m0s
         Maximum Message Size: unlimited
            Maximum Consumers: unlimited

State:

                 Host Version: 2.15.1
           Required API Level: 0 hosted at level 5
                     Messages: 0
                        Bytes: 0 B
               First Sequence: 0
                Last Sequence: 0
             Active Consumers: 0

";
    assert_eq!(steady(&created), expected);
}

#[test]
fn streams_are_listed_in_a_table() {
    let server = Server::start();
    assert_eq!(server.ok("stream ls"), "No Streams defined\n");
    server.ok("stream add ORDERS --subjects ORDERS.* --description my__orders");
    server.ok("kv add CONFIG");

    let table = server.ok("stream ls");

    let headings: Vec<&str> = table.lines().filter(|line| line.contains("Name")).collect();
    let expected =
        "│ Name   │ Description │ Created             │ Messages │ Size │ Last Message │";
    assert_eq!(headings, [expected]);
    assert!(table.contains("│ ORDERS │ my orders   │"), "{table}");
    assert!(table.contains("│ 0        │ 0 B  │ never        │"), "{table}");
    assert!(!table.contains("KV_CONFIG"), "{table}");
    assert_eq!(server.ok("stream ls --names --all"), "KV_CONFIG\nORDERS\n");
    assert_eq!(server.ok("stream ls --names --subject ORDERS.x"), "ORDERS\n");
    let names: Value = serde_json::from_str(&server.ok("stream ls --json")).unwrap();
    assert_eq!(names, json!(["ORDERS"]));
}

#[test]
fn info_in_json_is_what_the_server_says() {
    let server = Server::start();
    server.ok("stream add A --subjects a,b --storage memory --retention work --replicas 1");

    let info: Value = serde_json::from_str(&server.ok("stream info A --json")).unwrap();

    assert_eq!(info["config"]["subjects"], json!(["a", "b"]));
    assert_eq!(info["config"]["storage"], "memory");
    assert_eq!(info["config"]["retention"], "workqueue");
    assert_eq!(info["config"]["duplicate_window"], 120_000_000_000_i64);
    assert_eq!(info["state"]["messages"], 0);
    assert_eq!(info.get("type"), None);
    let same: Value = serde_json::from_str(&server.ok("--output json stream state A")).unwrap();
    assert_eq!(same["messages"], 0);
}

#[test]
fn a_configuration_goes_through_a_file() {
    let server = Server::start();
    server.ok("stream add A --subjects a --max-msgs 7 --output a.json");
    assert_eq!(server.ok("stream ls"), "No Streams defined\n", "it was only written");

    server.ok("stream add A --config a.json --description from__file");
    std::fs::write(server.directory.path().join("info.json"), server.ok("stream info A -j"))
        .unwrap();
    server.ok("stream rm A -f");
    server.ok("stream add B --config info.json");

    let info: Value = serde_json::from_str(&server.ok("stream info B --json")).unwrap();
    assert_eq!(info["config"]["max_msgs"], 7);
    assert_eq!(info["config"]["description"], "from file");
}

#[test]
fn messages_are_viewed_with_and_without_direct_gets() {
    for direct in ["--allow-direct", "--no-allow-direct"] {
        let server = Server::start();
        server.ok(&format!("stream add A --subjects a.* {direct}"));
        server.ok("pub a.{{Count}} body__{{Count}} --count 5 -J -H K:{{Count}}");

        let page = server.run("stream view A 2 --id 2");

        assert!(page.stderr.contains("More: tradewind stream view A 2 --id 4"), "{}", page.stderr);
        let expected = "\
[2] Subject: a.2 Received: <time> <time>
K: 2

body 2

[3] Subject: a.3 Received: <time> <time>
K: 3

body 3

";
        assert_eq!(steady(&page.ok()), expected, "{direct}");
        assert_eq!(server.ok("stream view A --raw --subject a.4"), "body 4\n");
        assert_eq!(server.ok("stream view A --raw --since 1h").lines().count(), 5);
        let lines = server.ok("stream view A 1 --json");
        let message: Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(message["headers"], json!({"K": ["1"]}));
        assert_eq!(message["data"], "body 1");
    }
}

#[test]
fn one_message_is_got_and_deleted() {
    let server = Server::start();
    server.ok("stream add A --subjects a.*");
    server.ok("pub a.{{Count}} body__{{Count}} --count 3 -J");

    let item = server.ok("stream get A 2");
    assert!(item.starts_with("Item: A#2 received "), "{item}");
    assert!(item.ends_with(" on Subject a.2\n\nbody 2\n"), "{item}");
    let last: Value =
        serde_json::from_str(&server.ok("stream get A --last-for a.3 --json")).unwrap();
    assert_eq!((&last["seq"], &last["data"]), (&json!(3), &json!("Ym9keSAz")));

    server.ok("stream rmm A 2 --force");
    let error = server.run("stream get A 2").error(1);
    assert!(error.contains("can't get message 2 of stream A: no message found (10037)"), "{error}");
    assert_eq!(server.ok("stream view A --raw"), "body 1\nbody 3\n");
}

#[test]
fn purges_say_what_they_removed() {
    let server = Server::start();
    server.ok("stream add A --subjects a.*");
    server.ok("pub a.{{Count}} x --count 9 -J --quiet");

    let one = server.ok("stream purge A --subject a.3 -f");
    assert!(one.starts_with("Purged 1 message from A\n\nState for Stream A created"), "{one}");
    assert!(server.ok("stream purge A --seq 3 -f").starts_with("Purged 2 messages"));
    assert!(server.ok("stream purge A --keep 2 -f").starts_with("Purged 4 messages"));
    let all: Value = serde_json::from_str(&server.ok("stream purge A -f --json")).unwrap();
    assert_eq!(all, json!({"success": true, "purged": 2}));
}
