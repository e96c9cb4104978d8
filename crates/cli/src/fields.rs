//! Reading the server's answers, which are shown as they come and therefore not decoded into types.

use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// The text at `path`; empty if there is none.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The number at `path`; 0 if there is none.
pub(crate) fn int(value: &Value, path: &str) -> i64 {
    value.pointer(path).and_then(Value::as_i64).unwrap_or_default()
}

/// The count at `path`; 0 if there is none.
pub(crate) fn uint(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

/// Whether `path` is set.
pub(crate) fn flag(value: &Value, path: &str) -> bool {
    value.pointer(path).and_then(Value::as_bool).unwrap_or_default()
}

/// The elements at `path`; none if it is not a list.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts of the list at `path`.
pub(crate) fn texts(value: &Value, path: &str) -> Vec<String> {
    list(value, path).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The duration at `path`, which JetStream gives in nanoseconds.
pub(crate) fn duration(value: &Value, path: &str) -> Duration {
    Duration::from_nanos(u64::try_from(int(value, path)).unwrap_or_default())
}

/// The time at `path`; none if it is absent or Go's zero time.
pub(crate) fn time(value: &Value, path: &str) -> Option<Timestamp> {
    let time: Timestamp = text(value, path).parse().ok()?;
    (Timestamp::UNIX_EPOCH < time).then_some(time)
}
