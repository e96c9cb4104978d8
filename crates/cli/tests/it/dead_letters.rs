use serde_json::{Value, json};
use tradewind_bus::dead_letter_headers as names;
use tradewind_bus::{Bus, Compression, Config, Ids, Mode, Raw};

use crate::fixture::{Server, steady};

/// A server with the stream ORDERS and one for its dead letters.
fn server() -> Server {
    let server = Server::start();
    server.ok("stream add ORDERS --subjects orders.>");
    server.ok("stream add ORDERS-dlq --subjects dlq.ORDERS.> --description dead__letters");
    server
}

/// A message of ORDERS that died.
struct Letter<'a> {
    subject: &'a str,
    sequence: u64,
    consumer: &'a str,
    reason: &'a str,
    error: &'a str,
}

const BROKEN: Letter<'_> = Letter {
    subject: "orders.new",
    sequence: 7,
    consumer: "work",
    reason: "max_deliver",
    error: "no such customer",
};

impl Letter<'_> {
    fn headers(&self) -> [(&'static str, String); 7] {
        [
            (names::REASON, self.reason.to_owned()),
            (names::ERROR, self.error.to_owned()),
            (names::STREAM, "ORDERS".to_owned()),
            (names::CONSUMER, self.consumer.to_owned()),
            (names::SUBJECT, self.subject.to_owned()),
            (names::SEQUENCE, self.sequence.to_string()),
            (names::NUM_DELIVERED, "3".to_owned()),
        ]
    }

    /// The headers as flags of `pub`.
    fn flags(&self) -> String {
        let flag =
            |(name, value): (&str, String)| format!(" -H {name}:{}", value.replace(' ', "__"));
        self.headers().map(flag).concat()
    }

    /// Puts it, with `body`, among the dead letters.
    fn bury(&self, server: &Server, body: &[u8]) {
        let flags = self.flags();
        let subject = format!("dlq.ORDERS.{}", self.consumer);
        server.run_with(&format!("pub {subject} -H X-Trace:t1{flags} -J -q"), body).ok();
    }
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_streams_of_dead_letters_are_found_by_name_or_description() {
    let server = Server::start();
    assert_eq!(server.ok("dlq ls"), "No streams of dead letters found\n");
    server.ok("stream add ORDERS --subjects orders.>");
    server.ok("stream add graves --subjects dlq.ORDERS.> --description dead__letters");
    server.ok("stream add JOBS-dlq --subjects dlq.JOBS.>");
    BROKEN.bury(&server, b"x");

    let table = server.ok("dlq list");
    assert!(table.contains("│ Stream   │ Dead Letters │ Size "), "{table}");
    assert!(table.contains("│ graves   │ 1            │"), "{table}");
    let found = parsed(&server.ok("dlq ls --output json"));
    let counts: Vec<_> =
        found.as_array().unwrap().iter().map(|it| (&it["stream"], &it["dead_letters"])).collect();
    assert_eq!(counts, [(&json!("JOBS-dlq"), &json!(0)), (&json!("graves"), &json!(1))]);
}

/// Rows: S1-74.
#[test]
fn s1_74_dead_letters_are_listed_with_their_reason() {
    let server = server();
    assert_eq!(server.ok("dlq ls ORDERS-dlq"), "No dead letters found in ORDERS-dlq\n");
    BROKEN.bury(&server, b"1");
    let long = "the customer of this order is not in any of the tables there are";
    Letter { reason: "permanent_error", error: long, ..BROKEN }.bury(&server, b"2");
    Letter { consumer: "mail", ..BROKEN }.bury(&server, b"3");

    let table = steady(&server.ok("dlq ls ORDERS-dlq"));
    let expected = [
        "│ Sequence │ Time                │ Reason          │ Stream │ Consumer │ Subject    │ Deliveries │ Error",
        "│ 1        │ <time> <time> │ max_deliver     │ ORDERS │ work     │ orders.new │ 3          │ no such customer",
        "│ 2        │ <time> <time> │ permanent_error │ ORDERS │ work     │ orders.new │ 3          │ the customer of...ables there are",
    ];
    for line in expected {
        assert!(table.contains(line), "{line}\n{table}");
    }
    let sequences = |flags: &str| -> Vec<u64> {
        let found = parsed(&server.ok(&format!("dlq ls ORDERS-dlq --json {flags}")));
        found.as_array().unwrap().iter().map(|it| it["sequence"].as_u64().unwrap()).collect()
    };
    assert_eq!(sequences("--from 2"), [2, 3]);
    assert_eq!(sequences("--limit 2"), [1, 2]);
    assert_eq!(sequences("--reason max_deliver"), [1, 3]);
    assert_eq!(sequences("--reason max_deliver --consumer mail"), [3]);
    let rest = server.run("dlq ls ORDERS-dlq --limit 1 --reason max_deliver");
    let more = "More: tradewind dlq ls ORDERS-dlq --from 2 --limit 1 --reason max_deliver\n";
    assert!(rest.stderr.ends_with(more), "{}", rest.stderr);
}

/// Rows: S1-74.
#[test]
fn s1_74_a_dead_letter_is_shown_with_its_headers_and_body() {
    let server = server();
    BROKEN.bury(&server, b"{\"id\":1}");
    BROKEN.bury(&server, b"\x00\xffAB");

    let shown = steady(&server.ok("dlq view ORDERS-dlq 1"));
    assert!(shown.starts_with("Dead letter ORDERS-dlq#1 @ <time> <time>\n"), "{shown}");
    for line in ["Reason: max_deliver\n", "Stream: ORDERS seq 7\n", "X-Trace: t1\n"] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(shown.ends_with("\nBody:\n\n{\n  \"id\": 1\n}\n"), "{shown}");
    assert_eq!(server.ok("dlq info ORDERS-dlq 1 --raw"), "{\"id\":1}");
    let hex = "\n00000000  00 ff 41 42                                      ..AB\n";
    assert!(server.ok("dlq view ORDERS-dlq 2").ends_with(hex));
    let letter = parsed(&server.ok("dlq view ORDERS-dlq 1 --json"));
    assert_eq!(letter["data"], "{\"id\":1}");
    assert_eq!(letter["headers"]["X-Trace"], json!(["t1"]));
    assert_eq!((&letter["stream_sequence"], &letter["num_delivered"]), (&json!(7), &json!(3)));
    assert_eq!(
        server.run("dlq view ORDERS-dlq 9").error(1),
        "tradewind: error: ORDERS-dlq has no dead letter 9
  list them with: tradewind dlq ls ORDERS-dlq
"
    );
}

#[test]
fn compressed_bodies_are_shown_as_they_were() {
    let server = server();
    let body = "a long story ".repeat(500);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let config = Config { mode: Some(Mode::JetStream), ..Config::new([&server.url]) };
        let bus = Bus::connect(config).await.unwrap();
        let producer = bus.producer().ids(Ids::OfCall);
        let producer = producer.with(|it| it.compression = Compression::Zstd);
        let producer = producer.start().await.unwrap();
        let mut message = producer.message("dlq.ORDERS.work");
        for (name, value) in BROKEN.headers() {
            message = message.header(name, value);
        }
        message.publish(&Raw::from(body.clone())).await.unwrap();
    });

    assert!(server.ok("stream info ORDERS-dlq").contains("Bytes: "));
    assert_eq!(server.ok("dlq view ORDERS-dlq 1 --raw"), body);
    assert_eq!(parsed(&server.ok("dlq view ORDERS-dlq 1 --json"))["data"], body);

    let flags = "-H Content-Encoding:zstd -H Nats-DLQ-Subject:orders.new";
    server.ok(&format!("pub dlq.ORDERS.work nonsense {flags} -J -q"));
    let broken = server.run("dlq view ORDERS-dlq 2");
    assert!(broken.stderr.contains("the body is shown as it is stored"), "{}", broken.stderr);
    assert!(broken.ok().contains("nonsense"));
    server.run("dlq view ORDERS-dlq 2 --raw").error(1);
}

/// Rows: S1-74.
#[test]
fn s1_74_dead_letters_go_back_to_where_they_came_from() {
    let server = server();
    for body in ["a", "b", "c"] {
        BROKEN.bury(&server, body.as_bytes());
    }
    assert_eq!(
        server.ok("dlq replay ORDERS-dlq --all --dry-run"),
        "1: would go to orders.new\n2: would go to orders.new\n3: would go to orders.new\n"
    );
    assert_eq!(server.ok("dlq replay ORDERS-dlq 2"), "2: orders.new, ORDERS seq 1\n");
    let rest = json_lines(&server.ok("dlq replay ORDERS-dlq --all --json"));

    assert_eq!(
        rest[0],
        json!({"sequence": 1, "subject": "orders.new", "stream": "ORDERS", "stream_sequence": 2, "duplicate": false})
    );
    let replayed: Vec<_> = rest.iter().map(|it| it["sequence"].as_u64().unwrap()).collect();
    assert_eq!(replayed, [1, 3]);
    let stored = json_lines(&server.ok("stream view ORDERS --json"));
    let bodies: Vec<_> = stored.iter().map(|it| it["data"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["b", "a", "c"]);
    assert_eq!(stored[0]["headers"]["X-Trace"], json!(["t1"]));
    assert!(stored[0]["headers"].get(names::REASON).is_none());
    assert_eq!(server.ok("dlq replay ORDERS-dlq --all"), "No dead letters in ORDERS-dlq\n");
}

#[test]
fn a_replay_that_fails_in_part_says_so_and_exits_with_1() {
    let server = server();
    BROKEN.bury(&server, b"a");
    Letter { subject: "nobody.takes.it", ..BROKEN }.bury(&server, b"b");
    server.ok("pub dlq.ORDERS.work stray -J -q");
    BROKEN.bury(&server, b"d");

    let run = server.run("dlq replay ORDERS-dlq --all");
    let lines: Vec<String> =
        String::from_utf8(run.stdout.clone()).unwrap().lines().map(str::to_owned).collect();
    let error = run.error(1);

    assert_eq!(lines[0], "1: orders.new, ORDERS seq 1");
    assert!(lines[1].starts_with("2: failed: "), "{lines:?}");
    assert_eq!(lines[2], "3: failed: message 3 of ORDERS-dlq is no dead letter");
    assert_eq!(lines[3], "4: orders.new, ORDERS seq 2");
    assert!(
        error.starts_with("tradewind: error: 2 dead letters of 4 failed; the first of them"),
        "{error}"
    );
    let left = parsed(&server.ok("dlq ls --json"));
    assert_eq!(left[0]["dead_letters"], 2);
    let one = server.run("dlq replay ORDERS-dlq 9 --json");
    let said = json!({"sequence": 9, "error": "ORDERS-dlq has no dead letter 9"});
    assert_eq!(json_lines(&String::from_utf8(one.stdout.clone()).unwrap()), [said]);
    assert!(one.error(1).contains("ORDERS-dlq has no dead letter 9\n  list them with:"));
}

#[test]
fn many_dead_letters_go_back_page_by_page() {
    let server = server();
    let flags = BROKEN.flags();
    server.ok(&format!("pub dlq.ORDERS.work x --count 230 -J -q{flags}"));
    server.ok("dlq rm ORDERS-dlq 5 150 5");

    let lines = server.ok("dlq replay ORDERS-dlq --all");

    assert_eq!(lines.lines().count(), 228);
    assert_eq!(lines.lines().last(), Some("230: orders.new, ORDERS seq 228"));
    assert_eq!(parsed(&server.ok("dlq ls --json"))[0]["dead_letters"], 0);
}

#[test]
fn dead_letters_are_deleted_one_by_one_or_all() {
    let server = server();
    for body in ["a", "b", "c", "d"] {
        BROKEN.bury(&server, body.as_bytes());
    }
    assert_eq!(server.ok("dlq rm ORDERS-dlq 2 3"), "Deleted 2 dead letters from ORDERS-dlq\n");
    assert!(server.run("dlq rm ORDERS-dlq 1 9").error(1).contains("has no dead letter 9"));
    let refused = server.run("dlq purge ORDERS-dlq").error(2);
    assert!(
        refused.contains("Really delete 2 dead letters from ORDERS-dlq? Nobody can answer"),
        "{refused}"
    );
    assert!(refused.contains("say yes beforehand with --force"), "{refused}");

    let purged = parsed(&server.ok("dlq purge ORDERS-dlq -f --json"));
    assert_eq!(purged, json!({"stream": "ORDERS-dlq", "purged": 2}));
    assert_eq!(server.ok("dlq ls ORDERS-dlq"), "No dead letters found in ORDERS-dlq\n");
}

#[test]
fn other_streams_are_left_alone() {
    let server = server();
    server.ok("pub orders.new x -J -q");
    for line in [
        "dlq ls ORDERS",
        "dlq view ORDERS 1",
        "dlq replay ORDERS --all",
        "dlq rm ORDERS 1",
        "dlq purge ORDERS --force",
    ] {
        assert_eq!(
            server.run(line).error(1),
            "tradewind: error: ORDERS is not a stream of dead letters
  list those with: tradewind dlq ls
",
            "{line}"
        );
    }
    assert_eq!(json_lines(&server.ok("stream view ORDERS --json")).len(), 1);
}

#[test]
fn wrong_usage_of_dead_letters_is_refused() {
    let server = server();
    let cases = [
        (
            "dlq replay ORDERS-dlq",
            2,
            "which dead letters are to be replayed is missing\n  name their sequences",
        ),
        ("dlq replay ORDERS-dlq 1 --all", 2, "cannot be used with"),
        ("dlq rm ORDERS-dlq", 2, "<SEQ>"),
        ("dlq view ORDERS-dlq x", 2, "invalid value 'x'"),
        ("dlq ls --reason max_deliver", 2, "required"),
        ("dlq ls a.b", 2, "\"a.b\" is not a name"),
        (
            "dlq ls NOPE",
            1,
            "there is no stream NOPE\n  list the streams of dead letters with: tradewind dlq ls",
        ),
    ];
    for (line, code, expected) in cases {
        let error = server.run(line).error(code);
        assert!(error.starts_with("tradewind: error: "), "{line}: {error}");
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn the_connection_is_that_of_the_command_line() {
    let server = Server::start_with(&["--user", "alice", "--pass", "secret"]);
    let ok = |line: &str| server.ok(&format!("--user alice --password secret {line}"));
    ok("stream add S-dlq --subjects dlq.S.>");
    ok("stream add S --subjects s");
    ok("pub dlq.S.c x -H Nats-DLQ-Subject:s -J -q");

    assert_eq!(ok("dlq replay S-dlq 1"), "1: s, S seq 1\n");
}
