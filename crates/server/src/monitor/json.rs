//! JSON as Go's `encoding/json` writes it.

use std::fmt::Write;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tradewind_jetstream::api::time::format_time;
use tradewind_subject::Timestamp;

/// Indented by two blanks.
pub(super) fn pretty<T: Serialize>(value: &T) -> Vec<u8> {
    // Structs of numbers, texts and lists always serialize.
    escape(&serde_json::to_vec_pretty(value).unwrap_or_default())
}

/// In one line.
pub(super) fn compact<T: Serialize>(value: &T) -> Vec<u8> {
    escape(&serde_json::to_vec(value).unwrap_or_default())
}

/// Go escapes what could end a script element; outside strings these bytes do not occur.
fn escape(json: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(json.len());
    for &byte in json {
        match byte {
            b'<' => escaped.extend_from_slice(b"\\u003c"),
            b'>' => escaped.extend_from_slice(b"\\u003e"),
            b'&' => escaped.extend_from_slice(b"\\u0026"),
            byte => escaped.push(byte),
        }
    }
    escaped
}

/// A float, without a fraction if it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match format!("{}", self.0).parse::<i64>() {
            Ok(whole) => serializer.serialize_i64(whole),
            Err(_) => serializer.serialize_f64(self.0),
        }
    }
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_time(Some(self.0)))
    }
}

/// Nanoseconds of a duration.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How long something has lasted, in whole seconds: `1d2h3m4s`.
pub(super) fn uptime(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let years = days / 365;
    let units = [
        (years, years, 'y'),
        (days, days % 365, 'd'),
        (hours, hours % 24, 'h'),
        (minutes, minutes % 60, 'm'),
        (1, seconds % 60, 's'),
    ];
    let mut text = String::new();
    for (_, count, unit) in units.into_iter().filter(|(total, _, _)| 0 < *total) {
        let _ = write!(text, "{count}{unit}");
    }
    text
}

/// For `skip_serializing_if`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_whole_units_from_the_largest() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m0s"),
            (3661, "1h1m1s"),
            (86_400, "1d0h0m0s"),
            (366 * 86_400 + 7, "1y1d0h0m7s"),
        ];
        for (seconds, text) in cases {
            assert_eq!(uptime(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn numbers_and_markup_are_written_as_go_does() {
        let value = serde_json::json!({ "a": Number(0.0), "b": Number(0.25), "c": "<x & y>" });
        let text = String::from_utf8(compact(&value)).unwrap();
        assert_eq!(text, r#"{"a":0,"b":0.25,"c":"\u003cx \u0026 y\u003e"}"#);
    }
}
