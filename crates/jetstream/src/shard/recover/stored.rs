//! Configurations as they stand in the log.

use serde_json::{Map, Value, json};

use tradewind_subject::Timestamp;

use crate::api::json::{FromJson, from_json, to_json};
use crate::consumer::Consumer;
use crate::stream::Stream;

/// How a stream stands in the log.
pub(in crate::shard) fn stream_body(stream: &Stream, is_new: bool) -> Vec<u8> {
    let config: Value = serde_json::from_slice(&to_json(stream.config())).unwrap_or_default();
    let body = json!({ "created": stream.created().nanos(), "new": is_new, "config": config });
    to_json(&body)
}

/// How a consumer stands in the log.
pub(in crate::shard) fn consumer_body(consumer: &Consumer, created: Timestamp) -> Vec<u8> {
    let config: Value = serde_json::from_slice(&to_json(consumer.config())).unwrap_or_default();
    to_json(&json!({ "created": created.nanos(), "name": consumer.name(), "config": config }))
}

/// A configuration as it stands in the log.
pub(super) struct Stored<T> {
    pub(super) config: T,
    pub(super) created: Timestamp,
    pub(super) is_new: bool,
    pub(super) name: String,
}

pub(super) fn read_stored<T: FromJson>(bytes: &[u8]) -> Result<Stored<T>, String> {
    let fields: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let config = fields.get("config").map(to_json).unwrap_or_default();
    let config = from_json(&config).map_err(|error| error.to_string())?;
    let created = fields.get("created").and_then(Value::as_i64).ok_or("no time of creation")?;
    Ok(Stored {
        config,
        created: Timestamp(created),
        is_new: fields.get("new").and_then(Value::as_bool).unwrap_or(false),
        name: fields.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}
