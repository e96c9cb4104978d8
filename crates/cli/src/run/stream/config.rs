//! The configuration of a new stream. It stays JSON: only what was asked for is sent, and the
//! server fills in the rest.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::args::stream::{Add, Discard, Flow, Keep, Permissions, Retention, Storage};
use crate::problem::Problem;
use crate::run::metadata;

/// The configuration `args` ask for.
pub(super) fn build(args: &Add) -> Result<Value> {
    let mut config = match &args.config {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("can't read {}", path.display()))?;
            from_file(&text)
                .with_context(|| format!("{} is no stream configuration", path.display()))?
        }
        None => from_flags(args)?,
    };
    common(&mut config, args)?;
    if !config.contains_key("name") {
        let problem = Problem::usage("the name of the stream is missing");
        return Err(problem
            .with_remedy("tradewind stream add <stream> --subjects <subjects>")
            .into());
    }
    Ok(config.into())
}

/// A configuration from a file, which may be the output of `stream info --json`.
pub(in crate::run) fn from_file(text: &str) -> Result<Map<String, Value>> {
    let mut value: Value = serde_json::from_str(text)?;
    if value.get("config").is_some_and(Value::is_object) {
        value = value["config"].take();
    }
    let Value::Object(mut config) = value else { anyhow::bail!("it is not a JSON object") };
    // What the server notes for itself is not for another stream.
    if let Some(metadata) = config.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !key.starts_with("_nats."));
    }
    Ok(config)
}

/// What is taken from flags even if there is a file.
fn common(config: &mut Map<String, Value>, args: &Add) -> Result<()> {
    if let Some(name) = &args.stream {
        config.insert("name".to_owned(), name.as_str().into());
    }
    let subjects: Vec<&str> = args.subjects.iter().map(|subject| subject.trim()).collect();
    if !subjects.is_empty() {
        config.insert("subjects".to_owned(), json!(subjects));
    }
    if let Some(description) = &args.description {
        config.insert("description".to_owned(), description.as_str().into());
    }
    if let Some(replicas) = args.replicas {
        config.insert("num_replicas".to_owned(), replicas.into());
    }
    if args.cluster.is_some() || !args.tags.is_empty() {
        let mut placement = Map::new();
        if let Some(cluster) = &args.cluster {
            placement.insert("cluster".to_owned(), cluster.as_str().into());
        }
        if !args.tags.is_empty() {
            placement.insert("tags".to_owned(), json!(args.tags));
        }
        config.insert("placement".to_owned(), placement.into());
    }
    if !args.metadata.is_empty() {
        let pairs: Map<String, Value> =
            metadata(&args.metadata)?.into_iter().map(|(key, value)| (key, value.into())).collect();
        config.insert("metadata".to_owned(), pairs.into());
    }
    Ok(())
}

fn from_flags(args: &Add) -> Result<Map<String, Value>> {
    if args.subjects.is_empty() && args.flow.mirror.is_none() && args.flow.sources.is_empty() {
        let problem = Problem::usage("the subjects of the stream are missing");
        return Err(problem
            .with_remedy("give --subjects <subjects>, --mirror <stream> or --source <stream>")
            .into());
    }
    let mut config = Map::new();
    config.insert("num_replicas".to_owned(), json!(1));
    keep(&mut config, &args.keep);
    allow(&mut config, &args.allow, args.flow.mirror.is_some());
    flow(&mut config, &args.flow)?;
    Ok(config)
}

fn keep(config: &mut Map<String, Value>, keep: &Keep) {
    let mut set = |key: &str, value: Value| config.insert(key.to_owned(), value);
    let storage = match keep.storage {
        Storage::File => "file",
        Storage::Memory => "memory",
    };
    let retention = match keep.retention {
        Retention::Limits => "limits",
        Retention::Interest => "interest",
        Retention::Work => "workqueue",
    };
    let per_subject = keep.discard_per_subject.unwrap_or_default();
    let discard = match keep.discard {
        Some(Discard::New) => "new",
        None if per_subject => "new",
        Some(Discard::Old) | None => "old",
    };
    set("storage", storage.into());
    set("retention", retention.into());
    set("discard", discard.into());
    set("max_msgs", keep.max_msgs.into());
    set("max_msgs_per_subject", keep.max_msgs_per_subject.into());
    set("max_bytes", keep.max_bytes.into());
    set("max_age", nanos(keep.max_age.unwrap_or_default()));
    set("max_msg_size", keep.max_msg_size.into());
    set("max_consumers", keep.max_consumers.into());
    if per_subject {
        set("discard_new_per_subject", true.into());
    }
    if let Some(compression) = &keep.compression {
        set("compression", compression.as_str().into());
    }
    if let Some(first) = keep.first_sequence {
        set("first_seq", first.into());
    }
    if let Some(window) = keep.dupe_window {
        set("duplicate_window", nanos(window));
    }
    if let Some(mode) = &keep.persist_mode {
        set("persist_mode", mode.as_str().into());
    }
    let mut limits = Map::new();
    if let Some(inactive) = keep.limit_consumer_inactive {
        limits.insert("inactive_threshold".to_owned(), nanos(inactive));
    }
    if let Some(pending) = keep.limit_consumer_max_pending {
        limits.insert("max_ack_pending".to_owned(), pending.into());
    }
    if !limits.is_empty() {
        set("consumer_limits", limits.into());
    }
}

fn allow(config: &mut Map<String, Value>, allow: &Permissions, mirror: bool) {
    let mut set = |key: &str, value: bool| {
        if value {
            config.insert(key.to_owned(), true.into());
        }
    };
    set("no_ack", allow.ack == Some(false));
    // Mirrors get their own direct gets only if they are asked for.
    set("allow_direct", allow.allow_direct.unwrap_or(!mirror));
    set("mirror_direct", allow.allow_mirror_direct.unwrap_or_default());
    set("allow_rollup_hdrs", allow.allow_rollup.unwrap_or_default());
    set("allow_msg_ttl", allow.allow_msg_ttl.unwrap_or_default());
    set("allow_atomic", allow.allow_batch.unwrap_or_default());
    set("allow_batched", allow.allow_fast.unwrap_or_default());
    set("allow_msg_counter", allow.allow_counter.unwrap_or_default());
    set("allow_msg_schedules", allow.allow_schedules.unwrap_or_default());
    set("deny_delete", allow.deny_delete.unwrap_or_default());
    set("deny_purge", allow.deny_purge.unwrap_or_default());
    if let Some(ttl) = allow.subject_del_markers_ttl {
        config.insert("subject_delete_marker_ttl".to_owned(), nanos(ttl));
    }
}

fn flow(config: &mut Map<String, Value>, flow: &Flow) -> Result<()> {
    if let Some(mirror) = &flow.mirror {
        config.insert("mirror".to_owned(), source(mirror)?);
    }
    if !flow.sources.is_empty() {
        let sources: Vec<Value> =
            flow.sources.iter().map(|name| source(name)).collect::<Result<_>>()?;
        config.insert("sources".to_owned(), sources.into());
    }
    if let Some(dest) = &flow.transform_destination {
        let src = flow.transform_source.as_deref().unwrap_or(">");
        config.insert("subject_transform".to_owned(), json!({"src": src, "dest": dest}));
    }
    if let Some(dest) = &flow.republish_destination {
        let src = flow.republish_source.as_deref().unwrap_or(">");
        let mut republish = json!({"src": src, "dest": dest});
        if flow.republish_headers {
            republish["headers_only"] = true.into();
        }
        config.insert("republish".to_owned(), republish);
    }
    Ok(())
}

/// A source: the name of a stream, or all about it in JSON.
fn source(text: &str) -> Result<Value> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .with_context(|| Problem::usage(format!("{text} is not the JSON of a source")));
    }
    Ok(json!({"name": text}))
}

/// A duration as JetStream counts it.
pub(in crate::run) fn nanos(duration: Duration) -> Value {
    // Durations from the command line are checked to fit.
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX).into()
}

#[cfg(test)]
mod tests;
