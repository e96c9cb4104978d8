//! Values of one kind, with nats-server's complaint when they are of another.

use std::time::Duration;

use super::Reader;
use crate::config::Setting;
use crate::duration::SignedDuration;
use crate::value::{Node, Value};

impl Reader {
    pub(super) fn string(&mut self, node: &Node) -> Option<Setting<String>> {
        match &node.value {
            Value::String(text) => Some(set(node, text.clone())),
            _ => self.wrong_type(node, "string"),
        }
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<Setting<bool>> {
        match node.value {
            Value::Bool(truth) => Some(set(node, truth)),
            _ => self.wrong_type(node, "bool"),
        }
    }

    pub(super) fn integer(&mut self, node: &Node) -> Option<Setting<i64>> {
        match node.value {
            Value::Int(number) => Some(set(node, number)),
            _ => self.wrong_type(node, "int64"),
        }
    }

    /// A number that has to fit 32 bits.
    pub(super) fn small_integer(&mut self, typed: &str, node: &Node) -> Option<Setting<i32>> {
        let number = self.integer(node)?.value;
        match i32::try_from(number) {
            Ok(number) => Some(set(node, number)),
            Err(_) if number < 0 => self.refuse(node, format!("{typed} value is too small")),
            Err(_) => self.refuse(node, format!("{typed} value is too big")),
        }
    }

    pub(super) fn port(&mut self, node: &Node) -> Option<Setting<i32>> {
        let number = self.integer(node)?.value;
        self.port_in_range(node, number)
    }

    pub(super) fn port_in_range(&mut self, node: &Node, number: i64) -> Option<Setting<i32>> {
        match i32::try_from(number) {
            Ok(port @ -1..=65_535) => Some(set(node, port)),
            _ => self.refuse(node, format!("port {number} is none: use 1 to 65535, or -1 for any")),
        }
    }

    /// A duration as text; a number is refused.
    pub(super) fn duration(&mut self, field: &str, node: &Node) -> Option<Setting<Duration>> {
        let Value::String(text) = &node.value else { return self.wrong_type(node, "string") };
        let duration = self.parse_duration(field, node, text)?;
        self.not_negative(field, node, duration)
    }

    /// A duration as text, or a number of seconds, which draws a warning.
    pub(super) fn duration_or_seconds(
        &mut self,
        field: &str,
        node: &Node,
    ) -> Option<Setting<Duration>> {
        let Value::Int(seconds) = node.value else {
            return match &node.value {
                Value::String(_) => self.duration(field, node),
                _ => self.wrong_type(node, "int64"),
            };
        };
        self.warn_as_reference(node, field, &format!("{field} should be converted to a duration"));
        match SignedDuration::from_secs(seconds) {
            Some(duration) => self.not_negative(field, node, duration),
            None => self.refuse(node, format!("{field} value is too big")),
        }
    }

    pub(super) fn parse_duration(
        &mut self,
        field: &str,
        node: &Node,
        text: &str,
    ) -> Option<SignedDuration> {
        match SignedDuration::parse(text) {
            Ok(duration) => Some(duration),
            Err(reason) => self.refuse(node, format!("error parsing {field}: {reason}")),
        }
    }

    pub(super) fn not_negative(
        &mut self,
        field: &str,
        node: &Node,
        duration: SignedDuration,
    ) -> Option<Setting<Duration>> {
        match duration.unsigned() {
            Some(duration) => Some(set(node, duration)),
            None => self.refuse(node, format!("invalid {field}, needs to be positive")),
        }
    }

    pub(super) fn wrong_type<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        let found = node.value.type_name();
        self.refuse(node, format!("interface conversion: interface {{}} is {found}, not {wanted}"))
    }

    pub(super) fn refuse<T>(&mut self, node: &Node, reason: String) -> Option<T> {
        self.fail(node, reason);
        None
    }
}

pub(super) fn set<T>(node: &Node, value: T) -> Setting<T> {
    Setting { value, at: node.at.clone() }
}
