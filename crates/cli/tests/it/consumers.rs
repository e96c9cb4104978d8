use serde_json::{Value, json};

use crate::fixture::{Server, steady};

fn server_with_orders(count: u32) -> Server {
    let server = Server::start();
    server.ok("stream add ORDERS --subjects ORDERS.*");
    server.ok(&format!("pub ORDERS.new order__{{{{Count}}}} -J --quiet --count {count}"));
    server
}

#[test]
fn a_consumer_is_shown_as_nats_shows_it() {
    let server = server_with_orders(3);

    let created =
        server.ok("consumer add ORDERS workers --filter ORDERS.new --max-deliver 5 --wait 10s");

    let expected = "\
Information for Consumer ORDERS > workers created <time> <time>

Configuration:

                    Name: workers
               Pull Mode: true
          Filter Subject: ORDERS.new
          Deliver Policy: All
              Ack Policy: Explicit
                Ack Wait: <time>
           Replay Policy: Instant
      Maximum Deliveries: 5
         Max Ack Pending: 1,000
       Max Waiting Pulls: 512

State:

            Host Version: 2.15.1
      Required API Level: 0 hosted at level 5
  Last Delivered Message: Consumer sequence: 0 Stream sequence: 0
    Acknowledgment Floor: Consumer sequence: 0 Stream sequence: 0
        Outstanding Acks: 0 out of maximum 1,000
    Redelivered Messages: 0
    Unprocessed Messages: 3
           Waiting Pulls: 0 of maximum 512

";
    assert_eq!(steady(&created), expected);
}

#[test]
fn next_acknowledges_what_it_shows() {
    let server = server_with_orders(3);
    server.ok("consumer add ORDERS c --pull --defaults");

    let shown = server.ok("consumer next ORDERS c --count 2");

    let expected = "\
[<time>] subj: ORDERS.new / tries: 1 / cons seq: 1 / str seq: 1 / pending: 2

order 1

Acknowledged message

[<time>] subj: ORDERS.new / tries: 1 / cons seq: 2 / str seq: 2 / pending: 1

order 2

Acknowledged message

";
    assert_eq!(steady(&shown), expected);
    let info: Value = serde_json::from_str(&server.ok("consumer info ORDERS c --json")).unwrap();
    assert_eq!(info["ack_floor"]["stream_seq"], 2);
    assert_eq!(info["num_ack_pending"], 0);
}

#[test]
fn what_is_not_acknowledged_comes_again() {
    let server = server_with_orders(2);
    server.ok("consumer add ORDERS c");

    assert_eq!(server.ok("consumer next ORDERS c --nak --raw"), "order 1\n");
    let again: Value =
        serde_json::from_str(&server.ok("consumer next ORDERS c --json --no-ack")).unwrap();
    assert_eq!(again["jetstream"]["delivered"], 2);
    assert_eq!(again["data"], "order 1");
    assert_eq!(server.ok("consumer next ORDERS c --term --raw"), "order 2\n");

    let info: Value = serde_json::from_str(&server.ok("consumer info ORDERS c --json")).unwrap();
    assert_eq!(info["num_ack_pending"], 1);
    let error = server.run("consumer next ORDERS c --wait 100ms").error(1);
    assert!(error.contains("no message came within"), "{error}");
}

#[test]
fn consumers_are_listed_and_deleted() {
    let server = server_with_orders(1);
    assert_eq!(server.ok("consumer ls ORDERS"), "No Consumers defined\n");
    server.ok("consumer add ORDERS b --ack none");
    server.ok("consumer add ORDERS a --target t --deliver-group g --description pushed");

    assert_eq!(server.ok("consumer ls ORDERS --names"), "a\nb\n");
    let table = server.ok("con list ORDERS");
    let heading =
        "│ Name │ Description │ Created             │ Ack Pending │ Unprocessed │ Last Delivery │";
    assert!(table.contains(heading), "{table}");
    assert!(table.contains("│ a    │ pushed      │"), "{table}");
    server.ok("consumer rm ORDERS a --force");
    let names: Value = serde_json::from_str(&server.ok("consumer ls ORDERS --json")).unwrap();
    assert_eq!(names, json!(["b"]));
    let error = server.run("consumer info ORDERS a").error(1);
    assert!(
        error.contains("can't load consumer ORDERS > a: consumer not found (10014)"),
        "{error}"
    );
}

#[test]
fn pull_and_push_consumers_are_subscribed_to() {
    let server = server_with_orders(3);
    server.ok("consumer add ORDERS pull");
    server.ok("consumer add ORDERS push --target t --ack explicit");

    for consumer in ["pull", "push"] {
        let shown = server.ok(&format!("consumer sub ORDERS {consumer} --raw --count 3"));
        assert_eq!(shown, "order 1\norder 2\norder 3\n", "{consumer}");
        let info = server.ok(&format!("consumer info ORDERS {consumer} --json"));
        let info: Value = serde_json::from_str(&info).unwrap();
        assert_eq!(info["ack_floor"]["stream_seq"], 3, "{consumer}");
    }
    let error = server.run("consumer next ORDERS push").error(1);
    assert!(error.contains("ORDERS > push is not a pull consumer"), "{error}");
}

#[test]
fn sub_reads_streams_from_where_it_is_told() {
    let server = server_with_orders(4);
    let cases = [
        ("--stream ORDERS --all --count 2", "order 1\norder 2\n"),
        ("ORDERS.* --last --terminate-at-end", "order 4\n"),
        ("ORDERS.* --last-per-subject --terminate-at-end", "order 4\n"),
        ("ORDERS.* --start-sequence 3 --terminate-at-end", "order 3\norder 4\n"),
        ("ORDERS.* --since 1h --count 1", "order 1\n"),
        ("ORDERS.* --new --terminate-at-end", ""),
        ("ORDERS.* --durable d --count 3", "order 1\norder 2\norder 3\n"),
        ("ORDERS.* --durable d --count 1", "order 4\n"),
    ];
    for (flags, expected) in cases {
        assert_eq!(server.ok(&format!("sub {flags} --raw")), expected, "{flags}");
    }
}
