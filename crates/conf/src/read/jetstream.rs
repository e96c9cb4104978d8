//! `jetstream`, in any of its forms.

use super::scalars::set;
use super::{Entry, Reader};
use crate::config::{JetStream, JetStreamLimits, OnIoError, Setting, SyncInterval};
use crate::keys::Block;
use crate::value::{Node, Value};

impl Reader {
    pub(super) fn jetstream(
        &mut self,
        node: &Node,
        store_dir: &mut Option<Setting<String>>,
    ) -> Option<Setting<JetStream>> {
        let mut jetstream = JetStream { enabled: true, ..JetStream::default() };
        match &node.value {
            Value::Bool(enabled) => jetstream.enabled = *enabled,
            Value::String(word) => match word.to_lowercase().as_str() {
                "enabled" | "enable" => (),
                "disabled" | "disable" => jetstream.enabled = false,
                _ => {
                    return self.refuse(
                        node,
                        format!("Expected 'enabled' or 'disabled' for string value, got '{word}'"),
                    );
                }
            },
            Value::Map(map) => {
                for entry in self.entries(Block::JetStream, map) {
                    match entry.name {
                        "store_dir" => self.store_dir(entry.node, store_dir),
                        _ => self.jetstream_entry(&mut jetstream, &entry),
                    }
                }
            }
            other => {
                let found = other.type_name();
                return self.refuse(
                    node,
                    format!("Expected map, bool or string to define JetStream, got {found}"),
                );
            }
        }
        Some(set(node, jetstream))
    }

    fn jetstream_entry(&mut self, jetstream: &mut JetStream, entry: &Entry<'_>) {
        let node = entry.node;
        match entry.name {
            "enabled" => {
                if let Some(enabled) = self.boolean(node) {
                    jetstream.enabled = enabled.value;
                }
            }
            "max_memory_store" => jetstream.max_memory_store = self.size("max_mem_store", node),
            "max_file_store" => jetstream.max_file_store = self.size("max_file_store", node),
            "sync_interval" => jetstream.sync_interval = self.sync_interval(entry.typed, node),
            "strict" => jetstream.strict = self.strict(node),
            "on_io_error" => jetstream.on_io_error = self.on_io_error(node),
            "limits" => self.jetstream_limits(&mut jetstream.limits, node),
            other => debug_assert!(false, "{other} is marked as supported"),
        }
    }

    fn strict(&mut self, node: &Node) -> Option<Setting<bool>> {
        let found = match &node.value {
            Value::Bool(strict) => return Some(set(node, *strict)),
            Value::String(text) => text.clone(),
            other => other.type_name().to_owned(),
        };
        self.refuse(node, format!("Expected 'true' or 'false' for bool value, got '{found}'"))
    }

    fn on_io_error(&mut self, node: &Node) -> Option<Setting<OnIoError>> {
        let parsed = match &node.value {
            Value::String(word) => OnIoError::parse(word),
            other => Err(format!("Expected a string, got {}", other.type_name())),
        };
        match parsed {
            Ok(choice) => Some(set(node, choice)),
            Err(reason) => self.refuse(node, format!("on_io_error: {reason}")),
        }
    }

    fn sync_interval(&mut self, typed: &str, node: &Node) -> Option<Setting<SyncInterval>> {
        if let Value::String(word) = &node.value
            && word.eq_ignore_ascii_case("always")
        {
            return Some(set(node, SyncInterval::Always));
        }
        let interval = self.duration_or_seconds(typed, node)?;
        Some(Setting { value: SyncInterval::Every(interval.value), at: interval.at })
    }

    /// Bytes: a number, or text with one of four letters, which count in 1024.
    fn size(&mut self, field: &str, node: &Node) -> Option<Setting<i64>> {
        let size = match &node.value {
            Value::Int(number) => Ok(*number),
            Value::String(text) => size_of(text),
            _ => Err("must be int64 or string".to_owned()),
        };
        match size {
            Ok(size) => Some(set(node, size)),
            Err(reason) => self.refuse(node, format!("{field} {reason}")),
        }
    }

    fn jetstream_limits(&mut self, limits: &mut JetStreamLimits, node: &Node) {
        let Value::Map(map) = &node.value else {
            let found = node.value.type_name();
            self.fail(node, format!("Expected a map to define JetStreamLimits, got {found}"));
            return;
        };
        for entry in self.entries(Block::Limits, map) {
            let node = entry.node;
            match entry.name {
                "default_max_consumers" => limits.default_max_consumers = self.integer(node),
                "max_ack_pending" => limits.max_ack_pending = self.integer(node),
                "max_request_batch" => limits.max_request_batch = self.integer(node),
                "duplicate_window" => {
                    limits.duplicate_window = self.duration("duplicate_window", node);
                }
                other => debug_assert!(false, "{other} is marked as supported"),
            }
        }
    }
}

/// nats-server takes one letter and digits before it, nothing else.
fn size_of(text: &str) -> Result<i64, String> {
    let Some(letter) = text.chars().next_back() else { return Ok(0) };
    let digits = &text[..text.len() - letter.len_utf8()];
    let error = |reason| format!("strconv.ParseInt: parsing {digits:?}: {reason}");
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error("invalid syntax"));
    }
    let number: i64 = digits.parse().map_err(|_| error("value out of range"))?;
    let factor = match letter {
        'K' => 1 << 10,
        'M' => 1 << 20,
        'G' => 1 << 30,
        'T' => 1 << 40,
        _ => return Err("sizes defined as strings must end in K, M, G, T".to_owned()),
    };
    number.checked_mul(factor).ok_or_else(|| error("value out of range"))
}
