//! The configuration of a new consumer; only what was asked for is sent.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::args::consumer::{Ack, Acks, Add, How, What};
use crate::problem::Problem;
use crate::run::metadata;
use crate::run::stream::{from_file, nanos};
use crate::units;

/// The configuration `args` ask for.
pub(super) fn build(args: &Add) -> Result<Value> {
    if let Some(path) = &args.config {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read {}", path.display()))?;
        let mut config = from_file(&text)
            .with_context(|| format!("{} is no consumer configuration", path.display()))?;
        if let Some(name) = &args.consumer {
            let ephemeral = args.ephemeral || !config.contains_key("durable_name");
            name_it(&mut config, name, ephemeral);
        }
        return Ok(config.into());
    }
    let mut config = Map::new();
    match &args.consumer {
        Some(name) => name_it(&mut config, name, args.ephemeral),
        None if args.ephemeral => (),
        None => {
            let problem = Problem::usage("the name of the consumer is missing");
            return Err(problem
                .with_remedy("name it, or ask for one without a name: --ephemeral")
                .into());
        }
    }
    base(&mut config, args)?;
    what(&mut config, &args.what)?;
    acks(&mut config, &args.acks, args.how.target.is_some())?;
    how(&mut config, &args.how);
    Ok(config.into())
}

fn name_it(config: &mut Map<String, Value>, name: &str, ephemeral: bool) {
    config.insert("name".to_owned(), name.into());
    if !ephemeral {
        config.insert("durable_name".to_owned(), name.into());
    }
}

fn base(config: &mut Map<String, Value>, args: &Add) -> Result<()> {
    if let Some(description) = &args.description {
        config.insert("description".to_owned(), description.as_str().into());
    }
    if let Some(inactive) = args.inactive_threshold {
        config.insert("inactive_threshold".to_owned(), nanos(inactive));
    }
    if args.memory {
        config.insert("mem_storage".to_owned(), true.into());
    }
    if let Some(replicas) = args.replicas {
        config.insert("num_replicas".to_owned(), replicas.into());
    }
    if !args.metadata.is_empty() {
        let pairs: Map<String, Value> =
            metadata(&args.metadata)?.into_iter().map(|(key, value)| (key, value.into())).collect();
        config.insert("metadata".to_owned(), pairs.into());
    }
    Ok(())
}

fn what(config: &mut Map<String, Value>, what: &What) -> Result<()> {
    match what.filters.as_slice() {
        [] => (),
        [filter] => drop(config.insert("filter_subject".to_owned(), filter.trim().into())),
        filters => {
            let filters: Vec<&str> = filters.iter().map(|filter| filter.trim()).collect();
            config.insert("filter_subjects".to_owned(), json!(filters));
        }
    }
    let policy = match what.deliver.as_str() {
        "all" => "all",
        "last" => "last",
        "new" | "next" => "new",
        "subject" | "last_per_subject" => "last_per_subject",
        other => start(config, other)?,
    };
    config.insert("deliver_policy".to_owned(), policy.into());
    let replay = what.replay.as_deref().unwrap_or("instant");
    config.insert("replay_policy".to_owned(), replay.into());
    if what.headers_only == Some(true) {
        config.insert("headers_only".to_owned(), true.into());
    }
    Ok(())
}

/// A start at a sequence or some time ago.
fn start(config: &mut Map<String, Value>, text: &str) -> Result<&'static str> {
    if let Ok(seq) = text.parse::<u64>() {
        config.insert("opt_start_seq".to_owned(), seq.into());
        return Ok("by_start_sequence");
    }
    let age = units::duration(text).map_err(|_| {
        Problem::usage(format!("--deliver {text}: no policy of this name")).with_remedy(
            "the policies are all, new, last, subject, a duration such as 1h, or a sequence",
        )
    })?;
    let time = jiff::Timestamp::now().checked_sub(age)?;
    config.insert("opt_start_time".to_owned(), time.to_string().into());
    Ok("by_start_time")
}

fn acks(config: &mut Map<String, Value>, acks: &Acks, push: bool) -> Result<()> {
    let policy = match (acks.ack, push) {
        (Some(Ack::None), _) => "none",
        (Some(Ack::All), _) => "all",
        (Some(Ack::Explicit), _) => "explicit",
        // As nats chooses for those who accept its defaults.
        (None, true) => "none",
        (None, false) => "explicit",
    };
    config.insert("ack_policy".to_owned(), policy.into());
    if let Some(wait) = acks.wait {
        config.insert("ack_wait".to_owned(), nanos(wait));
    }
    if let Some(max) = acks.max_deliver {
        config.insert("max_deliver".to_owned(), max.into());
    }
    if let Some(max) = acks.max_pending {
        config.insert("max_ack_pending".to_owned(), max.into());
    }
    if let Some(sample) = acks.sample.filter(|sample| *sample != 0) {
        config.insert("sample_freq".to_owned(), sample.to_string().into());
    }
    if acks.backoff.as_deref() == Some("linear") {
        let steps = linear(acks.backoff_min, acks.backoff_max, acks.backoff_steps)?;
        config.insert("backoff".to_owned(), steps.into_iter().map(nanos).collect());
        // The server wants more deliveries than steps.
        let least = i64::from(acks.backoff_steps) + 1;
        if acks.max_deliver.is_some_and(|max| 0 < max && max < least) {
            let problem =
                Problem::usage(format!("--max-deliver must be at least {least} with this backoff"));
            return Err(problem.with_remedy("raise it, or take fewer --backoff-steps").into());
        }
    }
    Ok(())
}

/// `steps` durations from `min` to `max`, evenly apart.
fn linear(min: Duration, max: Duration, steps: u32) -> Result<Vec<Duration>> {
    let Some(range) = max.checked_sub(min) else {
        return Err(Problem::usage("--backoff-max is shorter than --backoff-min").into());
    };
    let gap = range / steps.saturating_sub(1).max(1);
    Ok((0..steps).map(|step| min + gap * step).collect())
}

fn how(config: &mut Map<String, Value>, how: &How) {
    let mut set = |key: &str, value: Value| config.insert(key.to_owned(), value);
    if let Some(target) = &how.target {
        set("deliver_subject", target.as_str().into());
    }
    if let Some(group) = &how.deliver_group {
        set("deliver_group", group.as_str().into());
    }
    if how.flow_control == Some(true) {
        set("flow_control", true.into());
    }
    if let Some(heartbeat) = how.heartbeat.filter(|heartbeat| !heartbeat.is_zero()) {
        set("idle_heartbeat", nanos(heartbeat));
    }
    if let Some(bps) = how.bps {
        set("rate_limit_bps", bps.into());
    }
    for (key, value) in [
        ("max_waiting", how.max_waiting),
        ("max_batch", how.max_pull_batch),
        ("max_bytes", how.max_pull_bytes),
    ] {
        if let Some(value) = value {
            set(key, value.into());
        }
    }
    if let Some(expires) = how.max_pull_expire {
        set("max_expires", nanos(expires));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command, consumer};

    fn build(line: &str) -> Result<Value> {
        let words = format!("tradewind consumer add {line}");
        let words = words.split_whitespace().map(std::ffi::OsString::from).collect();
        let cli = Cli::try_parse_from(crate::argv::normalize(words))?;
        let Command::Consumer(consumer) = cli.command else {
            panic!("{line} is no consumer command")
        };
        let consumer::Command::Add(args) = consumer.command else { panic!("{line} adds nothing") };
        super::build(&args)
    }

    #[test]
    fn what_is_not_said_is_a_durable_pull_consumer_with_explicit_acks() {
        let expected = json!({
            "name": "c",
            "durable_name": "c",
            "deliver_policy": "all",
            "replay_policy": "instant",
            "ack_policy": "explicit",
        });
        assert_eq!(build("S c").unwrap(), expected);
    }

    #[test]
    fn flags_become_fields() {
        let cases = [
            ("--filter a.*", "filter_subject", json!("a.*")),
            ("--filter a,b", "filter_subjects", json!(["a", "b"])),
            ("--deliver new", "deliver_policy", json!("new")),
            ("--deliver subject", "deliver_policy", json!("last_per_subject")),
            ("--deliver 42", "opt_start_seq", json!(42)),
            ("--deliver 1h", "deliver_policy", json!("by_start_time")),
            ("--ack none", "ack_policy", json!("none")),
            ("--target t", "ack_policy", json!("none")),
            ("--target t", "deliver_subject", json!("t")),
            ("--target t --deliver-group g", "deliver_group", json!("g")),
            ("--target t --flow-control", "flow_control", json!(true)),
            ("--target t --heartbeat=-1", "idle_heartbeat", Value::Null),
            ("--wait 30s", "ack_wait", json!(30_000_000_000_i64)),
            ("--max-deliver=-1", "max_deliver", json!(-1)),
            ("--max-pending 5", "max_ack_pending", json!(5)),
            ("--ephemeral", "durable_name", Value::Null),
            ("--sample 50", "sample_freq", json!("50")),
            (
                "--backoff linear --backoff-steps 3 --backoff-min 1ns --backoff-max 5ns",
                "backoff",
                json!([1, 3, 5]),
            ),
        ];
        for (flags, field, expected) in cases {
            let config = build(&format!("S c {flags}")).unwrap();
            assert_eq!(config.get(field).cloned().unwrap_or_default(), expected, "{flags}");
        }
    }

    #[test]
    fn contradictions_are_usage_errors() {
        for line in ["S", "S c --deliver nope", "S c --backoff linear --max-deliver 3"] {
            assert!(build(line).is_err(), "{line}");
        }
    }
}
