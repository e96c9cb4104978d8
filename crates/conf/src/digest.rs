//! The fingerprint of a configuration.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::value::{Map, Value};

/// `sha256:…` over the values of a configuration, the same that nats-server prints for the file.
///
/// It is taken over compact JSON with sorted keys and a newline, so neither layout nor comments,
/// includes and variables show in it.
pub fn digest(root: &Map) -> String {
    let mut json = String::new();
    map(&mut json, root);
    json.push('\n');
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(json.as_bytes()) {
        _ = write!(text, "{byte:02x}");
    }
    text
}

fn map(json: &mut String, entries: &Map) {
    json.push('{');
    for (idx, (key, node)) in entries.iter().enumerate() {
        if idx != 0 {
            json.push(',');
        }
        string(json, key);
        json.push(':');
        value(json, &node.value);
    }
    json.push('}');
}

fn value(json: &mut String, value: &Value) {
    match value {
        Value::Map(entries) => map(json, entries),
        Value::Array(items) => {
            json.push('[');
            for (idx, node) in items.iter().enumerate() {
                if idx != 0 {
                    json.push(',');
                }
                self::value(json, &node.value);
            }
            json.push(']');
        }
        Value::String(text) => string(json, text),
        Value::Int(number) => _ = write!(json, "{number}"),
        Value::Float(number) => float(json, *number),
        Value::Bool(truth) => _ = write!(json, "{truth}"),
        Value::Datetime(datetime) => _ = write!(json, "\"{}\"", datetime.as_str()),
    }
}

/// Escapes as Go's encoder does, which also spares HTML.
fn string(json: &mut String, text: &str) {
    json.push('"');
    for read in text.chars() {
        match read {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                _ = write!(json, "\\u{:04x}", u32::from(read));
            }
            _ => json.push(read),
        }
    }
    json.push('"');
}

/// Plain digits, and an exponent only for the very large and the very small.
fn float(json: &mut String, number: f64) {
    let size = number.abs();
    if number == 0.0 || (1e-6..1e21).contains(&size) {
        _ = write!(json, "{number}");
        return;
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, power)) if !power.starts_with('-') => _ = write!(json, "{digits}e+{power}"),
        _ => json.push_str(&text),
    }
}
