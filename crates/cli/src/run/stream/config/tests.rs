use clap::Parser;
use serde_json::{Value, json};

use crate::args::{Cli, Command, stream};

fn build(line: &str) -> anyhow::Result<Value> {
    let words = format!("tradewind stream add {line}");
    let words = words.split_whitespace().map(std::ffi::OsString::from).collect();
    let cli = Cli::try_parse_from(crate::argv::normalize(words))?;
    let Command::Stream(stream) = cli.command else { panic!("{line} is no stream command") };
    let stream::Command::Add(args) = stream.command else { panic!("{line} adds nothing") };
    super::build(&args)
}

#[test]
fn what_is_not_said_has_the_defaults_of_nats() {
    let expected = json!({
        "num_replicas": 1,
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_bytes": -1,
        "max_age": 0,
        "max_msg_size": -1,
        "max_consumers": -1,
        "allow_direct": true,
        "name": "A",
        "subjects": ["a", "b"],
    });
    assert_eq!(build("A --subjects a,b").unwrap(), expected);
}

#[test]
fn flags_become_fields() {
    let cases = [
        ("--storage memory", "storage", json!("memory")),
        ("--storage f", "storage", json!("file")),
        ("--retention workq", "retention", json!("workqueue")),
        ("--retention Interest", "retention", json!("interest")),
        ("--discard new", "discard", json!("new")),
        ("--discard-per-subject", "discard", json!("new")),
        ("--max-age 7d", "max_age", json!(604_800_000_000_000_i64)),
        ("--max-age=-1", "max_age", json!(0)),
        ("--max-bytes 10GB", "max_bytes", json!(10_737_418_240_i64)),
        ("--max-bytes -1", "max_bytes", json!(-1)),
        ("--max-msgs=-1", "max_msgs", json!(-1)),
        ("--max-msgs 5", "max_msgs", json!(5)),
        ("--dupe-window 1m", "duplicate_window", json!(60_000_000_000_i64)),
        ("--replicas 3", "num_replicas", json!(3)),
        ("--no-ack", "no_ack", json!(true)),
        ("--ack", "no_ack", Value::Null),
        ("--no-allow-direct", "allow_direct", Value::Null),
        ("--deny-delete", "deny_delete", json!(true)),
        ("--allow-rollup", "allow_rollup_hdrs", json!(true)),
        ("--allow-fast", "allow_batched", json!(true)),
        ("--compression s2", "compression", json!("s2")),
        ("--metadata k=v", "metadata", json!({"k": "v"})),
        ("--tag ssd --cluster c", "placement", json!({"cluster": "c", "tags": ["ssd"]})),
        ("--source OTHER", "sources", json!([{"name": "OTHER"}])),
        ("--republish-destination r.>", "republish", json!({"src": ">", "dest": "r.>"})),
        ("--limit-consumer-max-pending 5", "consumer_limits", json!({"max_ack_pending": 5})),
    ];
    for (flags, field, expected) in cases {
        let config = build(&format!("A --subjects a {flags}")).unwrap();
        assert_eq!(config.get(field).cloned().unwrap_or_default(), expected, "{flags}");
    }
}

#[test]
fn a_mirror_needs_no_subjects() {
    let config = build("A --mirror B").unwrap();
    assert_eq!(config["mirror"], json!({"name": "B"}));
    assert_eq!(config.get("subjects"), None);
    assert_eq!(config.get("allow_direct"), None);
}

#[test]
fn what_is_missing_is_named() {
    assert!(format!("{:#}", build("A").unwrap_err()).contains("subjects"));
    assert!(format!("{:#}", build("--subjects a").unwrap_err()).contains("name"));
}

#[test]
fn a_file_may_be_what_info_printed() {
    let text = r#"{"config":{"name":"X","metadata":{"_nats.ver":"2","own":"1"}},"state":{}}"#;
    let config = super::from_file(text).unwrap();
    assert_eq!(Value::from(config), json!({"name": "X", "metadata": {"own": "1"}}));
    assert!(super::from_file("[]").is_err());
}
