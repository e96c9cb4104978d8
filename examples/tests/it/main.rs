//! Every example, run as a program: what it prints and how it ends.
//!
//! `TRADEWIND_BUS_CLUSTER` names the servers of a cluster for 12_cluster, as for the suite of the
//! bus.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "every function here is part of a test"
)]

mod page;
mod run;

use std::time::Duration;

use jiff::Timestamp;
use tradewind_bus::async_nats::jetstream::consumer::AckPolicy;
use tradewind_bus::stream::{RetentionPolicy, StorageType};
use tradewind_bus::{Bus, Config, Mode};
use tradewind_server::{Options, Server};

use self::run::{Example, lines};

/// Examples that end by themselves and need nothing.
const ON_ANY_SERVER: [&str; 10] = [
    "02_modes",
    "03_ordering",
    "04_dedup",
    "05_worker_queue",
    "06_request_reply",
    "07_dlq",
    "08_idempotent_consumer",
    "09_config_centre",
    "10_file_distribution",
    "11_embedded",
];

/// A server that anybody may use, until the test ends.
async fn server() -> (Server, String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options::embedded(dir.path().join("store"));
    options.auth = Options::default().auth;
    let server = Server::start(options).await.unwrap();
    let url = format!("nats://{}", server.client_address());
    (server, url, dir)
}

/// Checks one line of 01 but for its times: `2026/02/02 17:45:00 …`; what follows the time.
#[track_caller]
fn behind_time(line: &str) -> &str {
    let (time, text) = line.split_at_checked(20).expect("a time");
    let masked: String =
        time.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
    assert_eq!(masked, "0000/00/00 00:00:00 ", "{line}");
    text
}

/// The lines of 01, sequences from `first` on.
#[track_caller]
fn check_reliability(lines: &[String], first: u64) {
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, sequence) in lines.iter().zip(first..first + 3) {
        let rest = behind_time(line).strip_prefix(&format!("收到消息 seq={sequence} data="));
        let time = rest.expect(line);
        let nanos = time.split_once('.').expect("a fraction").1;
        let n_digits = nanos.chars().take_while(char::is_ascii_digit).count();
        assert_eq!(n_digits, 9, "{time}: nanoseconds");
        time.parse::<Timestamp>().expect("RFC 3339");
    }
    assert_eq!(behind_time(&lines[3]), "可靠性演示完成；等待信号...");
}

/// Rows: S1-26, S1-39, S1-40, S1-41.
#[test]
fn s1_40_the_first_example_prints_what_its_page_says_and_ends_by_a_signal() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut example = Example::new("01_reliability").start();

        let printed = example.read_lines(4);
        check_reliability(&printed, 1);
        assert!(example.is_running(), "it waits for a signal");
        example.signal(signal);

        assert_eq!(example.end().code, Some(0));
    }
}

/// Rows: S1-10, S1-11, S1-12, S1-30, S1-31.
#[tokio::test(flavor = "multi_thread")]
async fn s1_10_the_first_example_makes_this_stream_and_this_consumer() {
    let (_server, url, _dir) = server().await;
    for first in [1, 4] {
        let mut example = Example::new("01_reliability").on(&url).start();
        check_reliability(&example.read_lines(4), first);
        example.signal(rustix::process::Signal::INT);
        assert_eq!(example.end().code, Some(0));
    }

    let bus = Bus::connect(Config { mode: Some(Mode::JetStream), ..Config::new([url]) });
    let bus = bus.await.unwrap();
    let stream = bus.stream_info("F_RELIABLE").await.unwrap();
    assert_eq!(stream.config.storage, StorageType::File);
    assert_eq!(stream.config.retention, RetentionPolicy::Limits);
    assert_eq!(stream.state.messages, 6);
    let consumer = bus.consumer_info("F_RELIABLE", "F_REL_DURABLE").await.unwrap();
    assert_eq!(consumer.config.durable_name.as_deref(), Some("F_REL_DURABLE"));
    assert_eq!(consumer.config.ack_policy, AckPolicy::Explicit);
    assert_eq!(consumer.config.deliver_subject, None, "it is pulled from");
    assert_eq!((consumer.ack_floor.stream_sequence, consumer.num_ack_pending), (6, 0));
}

/// Rows: S1-71, S4-60, S4-61.
#[test]
fn s1_71_everyone_gets_a_copy_and_one_of_a_group_does() {
    let ended = Example::new("02_modes").run();

    let (mails, rest): (Vec<&String>, Vec<&String>) =
        ended.lines.iter().partition(|line| line.starts_with("welcome mail to "));
    for n in 0..10 {
        let start = format!("welcome mail to user{n}@example.com (user {}, created ", 123 + n);
        assert_eq!(mails.iter().filter(|line| line.starts_with(&start)).count(), 1, "{start}");
    }
    let expected = [
        "fan-out: 10 events, 2 listeners, 20 copies [10, 10]",
        "queue: 10 events, a group of 2, 10 copies",
    ];
    assert_eq!(rest, expected);
}

/// Rows: S1-72.
#[test]
fn s1_72_an_ordered_consumer_misses_nothing_over_a_reconnect() {
    let ended = Example::new("03_ordering").run();

    let expected = ["stored: 1000", "handled: 1000, in order and none missing: true"];
    assert_eq!(ended.lines, expected);
}

/// Rows: S1-73.
#[test]
fn s1_73_a_message_that_is_sent_twice_is_stored_once() {
    let ended = Example::new("04_dedup").run();

    let expected = "
        id payment-7: seq=1 duplicate=false
        id payment-7: seq=1 duplicate=true
        id of content: seq=2 duplicate=false
        id of content: seq=2 duplicate=true
        till-1: seq=3 duplicate=false
        till-2: seq=4 duplicate=false
        6 published, 4 stored";
    assert_eq!(ended.lines, lines(expected));
}

/// Rows: S4-62, S4-63.
#[test]
fn s4_62_workers_share_a_hundred_tasks() {
    let ended = Example::new("05_worker_queue").run();

    let start = "100 tasks of one second, 4 workers with 5 hands: ";
    let seconds = ended.lines[1].strip_prefix(start).and_then(|it| it.strip_suffix(" s"));
    let seconds: f64 = seconds.expect(start).parse().unwrap();
    assert!((5.0..9.0).contains(&seconds), "100 tasks, 20 at a time: {seconds} s");
    let expected = "
        stored: 100
        every worker had some: true
        different tasks done: 100
        left in the stream: 0";
    let others = [&ended.lines[..1], &ended.lines[2..]].concat();
    assert_eq!(others, lines(expected));
}

#[test]
fn requests_have_answers_or_say_why_not() {
    let ended = Example::new("06_request_reply").run();

    let expected = "
        3 tea: 750 cents
        unicorn: no answer on \"service.price\" within 300ms
        weather: nobody answers on \"service.weather\": start a responder there
        healthy: north, south";
    assert_eq!(ended.lines, lines(expected));
}

/// Rows: S1-74.
#[test]
fn s1_74_a_poison_message_becomes_a_dead_letter_and_is_replayed() {
    let mut ended = Example::new("07_dlq").run();

    // Whether it was acknowledged or delivered first, is not said.
    let replayed = ended.lines.iter().position(|line| line == "replayed: 4 of F_POISON");
    ended.lines.remove(replayed.expect("it is replayed"));
    let expected = "
        order 1, delivery 1: shipped
        order 2, delivery 1: no address
        order 3, delivery 1: shipped
        order 2, delivery 2: no address
        order 2, delivery 3: no address
        dead letter 1: f.poison.orders {\"id\":2}
          max_deliver after 3 deliveries: no address
        order 2, delivery 1: shipped
        dead letters left: 0";
    assert_eq!(ended.lines, lines(expected));
}

#[test]
fn a_message_that_is_delivered_again_is_not_handled_again() {
    let ended = Example::new("08_idempotent_consumer").run();

    let expected = "
        3 payments: 600 cents
        delivered again: 3, not handled again: 3
        still: 600 cents";
    assert_eq!(ended.lines, lines(expected));
}

/// Rows: S4-64, S4-65, S4-66, S4-67.
#[test]
fn s4_65_settings_are_put_got_and_watched() {
    let ended = Example::new("09_config_centre").run();

    let expected = "
        there is no bucket \"app-config\"; create it first
        database.url = postgres://db.example.com/app
        api.timeout = 30s
        that was all so far
        api.timeout = 45s
        api.timeout was changed by another
        api.timeout is gone";
    let mut printed = ended.lines;
    // The watcher and the one who changes print at the same time.
    printed[4..6].sort();
    assert_eq!(printed, lines(expected));
}

/// Rows: S4-68, S4-69, S4-70.
#[test]
fn s4_70_nodes_get_the_file_with_its_mode() {
    let ended = Example::new("10_file_distribution").run();

    let expected = "
        uploaded v1.2.3: 600000 bytes
        node-1: equal: true, mode 755
        node-2: equal: true, mode 755
        node-3: equal: true, mode 755";
    assert_eq!(ended.lines, lines(expected));
}

#[test]
fn a_bus_without_a_server_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();

    let first = Example::new("11_embedded").keeping(dir.path()).run();
    let second = Example::new("11_embedded").keeping(dir.path()).run();

    let expected = "
        a new stream: 0 jobs
        done: job 1
        done: job 2
        left for the next run: 1";
    assert_eq!(first.lines, lines(expected));
    let expected = "
        the stream is there: 3 jobs
        done: job 3
        done: job 4
        left for the next run: 2";
    assert_eq!(second.lines, lines(expected));
}

/// An example is not surprised by what an earlier run of it left on a server.
#[tokio::test(flavor = "multi_thread")]
async fn examples_run_twice_on_one_server() {
    let (_server, url, dir) = server().await;

    for _ in 0..2 {
        for name in ON_ANY_SERVER {
            Example::new(name).on(&url).keeping(dir.path()).run();
        }
    }
}

#[test]
fn the_cluster_example_says_what_it_needs() {
    let ended = Example::new("12_cluster").start().end();

    assert_eq!(ended.code, Some(2));
    assert!(ended.lines.is_empty(), "{:?}", ended.lines);
    assert!(ended.errors.contains("NATS_SERVER_URL"), "{}", ended.errors);
}

#[test]
fn the_cluster_example_runs_on_a_cluster() {
    let Ok(urls) = std::env::var("TRADEWIND_BUS_CLUSTER") else {
        eprintln!("SKIPPED: 12_cluster, for TRADEWIND_BUS_CLUSTER names no cluster");
        return;
    };

    let example = Example::new("12_cluster").on(&urls);
    let ended = example.with("NATS_USERNAME", "user240").with("NATS_PASSWORD", "secret").run();

    let expected = "
        stored: 100, handled: 100
        reconnected: true
        replicas: 3";
    assert_eq!(ended.lines, lines(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newcomers_program_does_what_its_page_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut example = Example::new("newcomer").within(dir.path()).start();

    let expected = r#"
        order 1, delivery 1: Some("Bath")
        order 2, delivery 1: None
        order 2, delivery 2: None
        order 2, delivery 3: None"#;
    assert_eq!(example.read_lines(4), lines(expected));
    // Until it is a dead letter, too.
    std::thread::sleep(Duration::from_secs(1));
    example.signal(rustix::process::Signal::INT);

    let ended = example.end();
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    let bus = Bus::embedded(dir.path().join("orders-data")).await.unwrap();
    let dead = bus.dead_letters("ORDERS-dlq").await.unwrap().list(1, 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].stream_sequence, dead[0].error.as_str()), (2, "no address"));
    bus.close().await;
}

/// But for the line that is for our linter.
#[test]
fn the_newcomers_page_has_the_program_that_was_tested() {
    let root = env!("CARGO_MANIFEST_DIR");
    let program = std::fs::read_to_string(format!("{root}/examples/newcomer.rs")).unwrap();
    let program: String =
        program.split_inclusive('\n').filter(|line| !line.starts_with("#![expect")).collect();
    assert!(program.lines().count() < 40, "{} lines", program.lines().count());

    for page in ["bus.md", "bus.zh.md"] {
        let text = std::fs::read_to_string(format!("{root}/../docs/{page}")).unwrap();
        assert!(text.contains(&format!("```rust\n{program}```")), "{page} has another program");
    }
}
