//! A value tree as configuration text.

use std::fmt::Write;

use crate::value::{Map, Value};

/// Writes `root` as text that [`crate::parse`] reads back to the same values.
///
/// Included files and variables are not restored: what is written is what they came to. `None` if
/// a key cannot be written, which holds for a key with both kinds of quotes in it.
pub fn print(root: &Map) -> Option<String> {
    let mut text = String::new();
    entries(&mut text, root, 0)?;
    Some(text)
}

fn entries(text: &mut String, entries: &Map, depth: usize) -> Option<()> {
    for (name, node) in entries {
        indent(text, depth);
        key(text, name)?;
        text.push_str(": ");
        value(text, &node.value, depth)?;
        text.push('\n');
    }
    Some(())
}

/// Keys know no escapes.
fn key(text: &mut String, name: &str) -> Option<()> {
    if name.contains('\0') {
        return None;
    }
    let quote = ['"', '\''].into_iter().find(|quote| !name.contains(*quote))?;
    text.push(quote);
    text.push_str(name);
    text.push(quote);
    Some(())
}

fn value(text: &mut String, value: &Value, depth: usize) -> Option<()> {
    match value {
        Value::Map(inner) => {
            text.push_str("{\n");
            entries(text, inner, depth + 1)?;
            indent(text, depth);
            text.push('}');
        }
        Value::Array(items) => {
            text.push_str("[\n");
            for node in items {
                indent(text, depth + 1);
                self::value(text, &node.value, depth + 1)?;
                text.push('\n');
            }
            indent(text, depth);
            text.push(']');
        }
        Value::String(inner) => string(text, inner),
        Value::Int(number) => _ = write!(text, "{number}"),
        // The point makes it a float.
        Value::Float(number) if number.fract() == 0.0 => _ = write!(text, "{number:.1}"),
        Value::Float(number) => _ = write!(text, "{number}"),
        Value::Bool(truth) => _ = write!(text, "{truth}"),
        Value::Datetime(datetime) => text.push_str(datetime.as_str()),
    }
    Some(())
}

fn string(text: &mut String, inner: &str) {
    text.push('"');
    for read in inner.chars() {
        match read {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\0'..='\u{1f}' => _ = write!(text, "\\x{:02x}", u32::from(read)),
            _ => text.push(read),
        }
    }
    text.push('"');
}

fn indent(text: &mut String, depth: usize) {
    text.push_str(&"  ".repeat(depth));
}
