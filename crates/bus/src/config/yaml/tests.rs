//! What files say.

use std::time::Duration;

use super::*;
use crate::backoff::Backoff;
use crate::compress::Compression;
use crate::config::{Connection, Consul, DeliverPolicy, Mode, Secret, Tls};

const SAMPLE: &str = include_str!("../../../../../configs/sdk/nats.yaml");

fn parsed(text: &str) -> Config {
    Config::from_yaml(text).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    Config::from_yaml(text).unwrap_err().to_string()
}

/// What the shipped sample says.
fn sample() -> Config {
    let default = Config::default();
    Config {
        server_urls: vec!["nats://localhost:4222".to_owned()],
        cluster_id: Some("isa-cloud-cluster".to_owned()),
        grpc_port: Some(50056),
        mode: Some(Mode::JetStream),
        consul: Some(Consul { service: "nats-service".to_owned(), ..Consul::default() }),
        connection: Connection {
            max_reconnects: Some(10),
            backoff: Backoff {
                base: Duration::from_secs(2),
                max: Duration::from_secs(4),
                ..default.connection.backoff
            },
            connect_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_mins(2),
            max_pings_out: 2,
            ..default.connection
        },
        ..default
    }
}

/// Rows: S4-16, S4-41, S4-42, S4-43, S4-44, S4-45, S4-46, S4-48, S4-52.
#[test]
fn s4_41_the_sample_says_what_it_seems_to() {
    assert_eq!(parsed(SAMPLE), sample());
    assert_eq!(parsed(SAMPLE).check().unwrap(), []);
    assert_eq!(parsed(&format!("nats:\n  {}", SAMPLE.replace('\n', "\n  "))), sample());
}

/// Rows: S4-41.
#[test]
fn s4_41_the_sample_shows_every_setting() {
    // Each commented setting, uncommented, is one that the parser knows.
    for key in KEYS {
        let shown = key.names.iter().any(|name| {
            let last = name.rsplit('.').next().unwrap();
            SAMPLE
                .lines()
                .any(|line| line.trim_start_matches(['#', ' ']).starts_with(&format!("{last}:")))
        });
        assert!(shown, "{:?}", key.names);
    }
    // Prose has one space behind its `#`, a setting none or two.
    let is_setting = |line: &&str| {
        let line = line.strip_prefix("  ").unwrap_or(line);
        line.starts_with(|first: char| first.is_ascii_lowercase())
    };
    let commented: Vec<&str> = SAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(is_setting)
        // They go with policies that are not the one shown.
        .filter(|line| !line.contains("start_"))
        .collect();
    assert!(commented.len() > 40, "{commented:?}");
    let _ = parsed(&commented.join("\n"));
}

/// Rows: S4-41.
#[test]
fn s4_41_an_unknown_key_is_an_error_with_its_line() {
    assert_eq!(
        refused("urls: [a]\nmax_reconect: 1\n"),
        "line 2: unknown key `max_reconect`; did you mean `max_reconnect`?"
    );
    assert_eq!(refused("client:\n  colour: red\n"), "line 2: unknown key `client.colour`");
    assert_eq!(
        refused("# none\ntls:\n  cas: x\n"),
        "line 3: unknown key `tls.cas`; did you mean `tls.ca`?"
    );
    assert_eq!(refused("username_file: x"), "line 1: unknown key `username_file`");
}

/// Rows: S2-25, S2-55, S2-56, S2-57, S2-61, S2-62, S2-63.
#[test]
fn s2_55_the_options_of_a_client_are_read() {
    let config = parsed(
        r#"
client:
  server_urls: ["nats://localhost:4222", "nats://other:4222"]
  stream_name: my_stream
  durable: true
  subject_prefix: "app."
  connect_timeout: 11.0
  max_reconnects: 60
  reconnect_wait: 1.0
  reconnect_jitter: 0.2
  reconnect_jitter_tls: 0.3
  enable_compression: true
  min_compress_size: 2048
  max_outstanding: 1024
  pending_msgs_limit: 5
  pending_bytes_limit: 6
  client_id: client-1
"#,
    );

    let mut expected = Config::new(["nats://localhost:4222", "nats://other:4222"]);
    expected.stream.name = Some("my_stream".to_owned());
    expected.stream.durable = Some(true);
    expected.subject_prefix = "app.".to_owned();
    expected.connection = Connection {
        connect_timeout: Duration::from_secs(11),
        max_reconnects: Some(60),
        backoff: Backoff {
            base: Duration::from_secs(1),
            factor: 2.0,
            max: Duration::from_secs(2),
            jitter: 0.2,
        },
        jitter_tls: 0.3,
        pending_msgs_limit: 5,
        pending_bytes_limit: 6,
        ..Connection::default()
    };
    expected.producer.compression = Compression::Zstd;
    expected.producer.min_compress_size = 2048;
    expected.producer.max_outstanding = 1024;
    expected.client_id = Some("client-1".to_owned());
    assert_eq!(config, expected);
    assert_eq!(config.effective_mode(), Mode::JetStream);
    assert_eq!(config.subject("x"), "app.x");
    let without_end = parsed("client: {max_reconnects: -1, reconnect_wait: 1s}").connection;
    assert_eq!(without_end.max_reconnects, None);
    assert_eq!(without_end.backoff.base, Duration::from_secs(1));
}

/// Rows: S2-70, S2-77, S2-78.
#[test]
fn s2_70_the_options_of_a_server_are_read() {
    let config = parsed(
        r#"
server:
  server_urls: ["nats://other:4222"]
  stream_name: my_stream
  consumer_name: my_consumer
  durable: false
  subject_prefix: "app."
  max_inflight: 1001
  max_ack_pending: 101
  max_deliver: 11
  ack_wait: 31
  batch_size: 99
  deliver_policy: last
  client_id: server-1
"#,
    );

    let mut expected = Config::new(["nats://other:4222"]);
    expected.stream.name = Some("my_stream".to_owned());
    expected.stream.durable = Some(false);
    expected.subject_prefix = "app.".to_owned();
    expected.consumer.name = Some("my_consumer".to_owned());
    expected.consumer.max_inflight = 1001;
    expected.consumer.max_ack_pending = Some(101);
    expected.consumer.max_deliver = Some(11);
    expected.consumer.ack_wait = Duration::from_secs(31);
    expected.consumer.batch_size = 99;
    expected.consumer.deliver_policy = DeliverPolicy::Last;
    expected.client_id = Some("server-1".to_owned());
    assert_eq!(config, expected);
    assert_eq!(config.consumer.effective_inflight(), 101);
}

#[test]
fn a_client_and_a_server_in_one_file_share_a_connection() {
    let config = parsed(
        "client: {stream_name: s, client_id: client-1}\nserver: {stream_name: s, client_id: server-1}",
    );
    assert_eq!(config.client_id.as_deref(), Some("client-1+server-1"));

    assert_eq!(
        refused("password: hunter2\npassword: hunter3\n"),
        "line 2: `password` says another thing than `password` in line 1; keep one"
    );
    assert_eq!(
        refused("client:\n  stream_name: a\nserver:\n  stream_name: b\n"),
        "line 4: `server.stream_name` says another thing than `client.stream_name` in line 2; keep \
         one"
    );
}

/// Rows: S2-78.
#[test]
fn s2_78_deliver_policies_have_names() {
    let policy = |text: &str| parsed(text).consumer.deliver_policy;
    assert_eq!(policy("deliver_policy: all"), DeliverPolicy::All);
    assert_eq!(policy("deliver_policy: Last"), DeliverPolicy::Last);
    assert_eq!(policy("deliver_policy: new"), DeliverPolicy::New);
    assert_eq!(policy("deliver_policy: last_per_subject"), DeliverPolicy::LastPerSubject);
    // In any order.
    let by_sequence = "start_sequence: 7\ndeliver_policy: by_start_sequence";
    assert_eq!(policy(by_sequence), DeliverPolicy::ByStartSequence(7));
    let by_time = "deliver_policy: by_start_time\nstart_time: 2026-01-31T12:00:00Z";
    let time = "2026-01-31T12:00:00Z".parse().unwrap();
    assert_eq!(policy(by_time), DeliverPolicy::ByStartTime(time));
    assert_eq!(
        refused("deliver_policy: some"),
        "line 1: `deliver_policy`: `some` is not one of `all`, `last`, `new`, `last_per_subject`, \
         `by_start_sequence`, `by_start_time`"
    );
    for missing in ["deliver_policy: by_start_sequence", "deliver_policy: by_start_time"] {
        assert!(parsed(missing).check().unwrap_err().to_string().contains("needs start_"));
    }
    assert!(refused("start_sequence: 7").contains("goes with"));
    assert!(refused("deliver_policy: by_start_time\nstart_time: noon").contains("`noon` is not"));
}

#[test]
fn every_section_is_read() {
    let config = parsed(
        r#"
tls: {required: true, first: true, ca: ca.pem, certificate: c.pem, key: k.pem}
auth: {username: me, password: hunter2}
stream: {name: S, subjects: [a, "b.>"], replicas: 3, max_age: 30d, max_bytes: 10GiB}
producer: {format: msgpack, compression: s2, enable_compression: true}
consumer: {name: c, group: g, max_deliver: -1}
redelivery: {wait: 10s, wait_max: 1m}
telemetry: {enabled: yes, otlp_endpoint: "http://localhost:4317", prometheus: "127.0.0.1:9464"}
connection:
"#,
    );

    let path = |name: &str| Some(PathBuf::from(name));
    let tls = Tls {
        required: true,
        first: true,
        ca: path("ca.pem"),
        certificate: path("c.pem"),
        key: path("k.pem"),
    };
    assert_eq!(config.tls, tls);
    assert_eq!(config.auth.password, Some(Secret::from("hunter2")));
    assert_eq!(config.stream.subjects, ["a", "b.>"]);
    assert_eq!(config.stream.max_bytes, Some(10 << 30));
    assert_eq!(config.producer.compression, Compression::S2);
    assert_eq!(config.consumer.name.as_deref(), Some("c"));
    assert_eq!(config.consumer.max_deliver, None);
    assert_eq!(config.consumer.redelivery.max, Duration::from_mins(1));
    assert!(config.telemetry.enabled && config.telemetry.prometheus.is_some());
    assert_eq!(config.check().unwrap(), []);
}

#[test]
fn nothing_says_nothing() {
    for text in ["", "# none\n", "nats:\n", "urls:\nusername: ~\ntoken: \"\"\nstream_name:\n"] {
        assert_eq!(parsed(text), Config::default(), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_no_secret() {
    for (text, message) in [
        ("\nmax_reconnects: many", "line 2: `max_reconnects`: `many` is not a whole number"),
        ("tls: true", "line 1: `tls`: is a section: put keys with values under it"),
        (
            "timeout: {a: 1}",
            "line 1: `timeout`: a section is not a duration: write for example `500ms`, `2s` or `1h30m`",
        ),
        ("password: 4711", "line 1: `password`: is no text: put it in quotes"),
        ("- a", "line 1: is no configuration: write keys with values, `urls: …`"),
    ] {
        assert_eq!(refused(text), message);
    }
    for text in [
        "a: b\npassword: hunter2: hunter2\n",
        "password: \"hunter2\n",
        "password: [hunter2\nb: c",
        "password: hunter2\nx: hunter2\n",
        "auth: hunter2",
        "password:hunter2",
        "password: {hunter2: hunter2}",
        "password: !!int hunter2",
        "password: *hunter2",
        "hunter2",
    ] {
        let message = refused(text);
        assert!(message.starts_with("line "), "{message}");
        assert!(!message.contains("hunter"), "{message}");
        assert_eq!(message.matches("line ").count(), 1, "{message}");
    }
}

#[test]
fn a_secret_may_be_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "hunter2\n").unwrap();
    let shown = path.display();

    let config = parsed(&format!("auth:\n  password_file: {shown}\n  username: me"));

    assert_eq!(config.auth.password, Some(Secret::from("hunter2")));
    let twice = refused(&format!("token: a\ntoken_file: {shown}"));
    assert_eq!(twice, "line 2: `token_file` says another thing than `token` in line 1; keep one");
    assert!(refused("jwt_file: /no/such/file").starts_with("can't read /no/such/file: "));
}

/// Rows: S4-41, S4-56.
#[test]
fn s4_41_the_file_is_found_upward_and_read_below_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("a/b");
    let file = dir.path().join(FILE);
    std::fs::create_dir_all(&below).unwrap();
    assert_eq!(find_file_from(Some("x.yaml".to_owned()), &below), Some("x.yaml".into()));

    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, SAMPLE.replace("use_consul: true", "use_consul: false")).unwrap();
    assert_eq!(find_file_from(Some(String::new()), &below), Some(file.clone()));
    assert_eq!(Config::from_file(&file).unwrap().consul, None);

    let variables = |name: &str| match name {
        "ISA_CLOUD_NATS_URLS" => Some("nats://server1:4222,nats://server2:4222".to_owned()),
        "ISA_CLOUD_NATS_USE_CONSUL" => Some("true".to_owned()),
        _ => None,
    };
    let expected = Config {
        server_urls: vec!["nats://server1:4222".to_owned(), "nats://server2:4222".to_owned()],
        ..sample()
    };
    assert_eq!(load_from(Some(&file), &variables).unwrap(), expected);
    assert_eq!(load_from(None, &|_| None).unwrap(), Config::default());

    std::fs::write(&file, "x: 1").unwrap();
    let message = Config::from_file(&file).unwrap_err().to_string();
    assert_eq!(message, format!("{}: line 1: unknown key `x`", file.display()));
    let missing = Config::from_file(below.join("none")).unwrap_err().to_string();
    assert!(missing.starts_with("can't read "), "{missing}");
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_much_for_the_parser(text in "(client:\n  )?[a-z_]{0,10}: ?[ -~\n]{0,40}") {
        let _ = Config::from_yaml(&text);
    }
}
