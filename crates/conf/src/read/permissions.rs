//! What a user may publish and subscribe to.

use tradewind_subject::is_filter;

use super::{Reader, in_order, shown};
use crate::config::{AllowResponses, Permissions, SubjectPermission};
use crate::duration::SignedDuration;
use crate::value::{Map, Node, Value};

/// Whether a queue group may follow a subject after a blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Allowed,
    Refused,
}

impl Reader {
    pub(super) fn permissions(&mut self, node: &Node) -> Option<Permissions> {
        let Value::Map(map) = &node.value else {
            let found = shown(&node.value);
            let reason = format!("Expected permissions to be a map/struct, got {found}");
            return self.refuse(node, reason);
        };
        let mut permissions = Permissions::default();
        for (name, node) in in_order(map) {
            match name.to_lowercase().as_str() {
                "pub" | "publish" | "import" => {
                    permissions.publish = self.subjects(node, Queue::Refused);
                }
                "sub" | "subscribe" | "export" => {
                    permissions.subscribe = self.subjects(node, Queue::Allowed);
                }
                "publish_allow_responses" | "allow_responses" => {
                    permissions.allow_responses = self.allow_responses(node);
                }
                _ if node.used_as_variable => (),
                _ => self.fail(node, format!("Unknown field {name:?} parsing permissions")),
            }
        }
        if permissions.allow_responses.is_some() {
            // Replies are an exception to a rule, so there has to be a rule: without a list of
            // subjects nothing else may be published. nats-server forgets this when a deny list
            // happens to be read later; its order is random.
            permissions.publish.get_or_insert_default().allow.get_or_insert_default();
        }
        Some(permissions)
    }

    /// A subject, an array of them, or `{ allow, deny }`. An empty block sets nothing.
    fn subjects(&mut self, node: &Node, queue: Queue) -> Option<SubjectPermission> {
        let Value::Map(map) = &node.value else {
            let allow = self.subject_list(node, queue)?;
            return Some(SubjectPermission { allow: self.unless_empty(node, allow), deny: vec![] });
        };
        if map.is_empty() {
            return None;
        }
        let mut permission = SubjectPermission::default();
        for (name, node) in in_order(map) {
            match name.to_lowercase().as_str() {
                "allow" => {
                    let allow = self.subject_list(node, queue).unwrap_or_default();
                    permission.allow = self.unless_empty(node, allow);
                }
                "deny" => permission.deny = self.subject_list(node, queue).unwrap_or_default(),
                _ if node.used_as_variable => (),
                _ => self.fail(
                    node,
                    format!(
                        "Unknown field name {name:?} parsing subject permissions, only 'allow' or \
                         'deny' are permitted"
                    ),
                ),
            }
        }
        Some(permission)
    }

    /// An empty list of allowed subjects allows all of them: so does nats-server.
    fn unless_empty(&mut self, node: &Node, allow: Vec<String>) -> Option<Vec<String>> {
        if allow.is_empty() {
            self.warn(&node.at, "an empty list allows every subject; to allow none, deny \">\"");
            return None;
        }
        Some(allow)
    }

    fn subject_list(&mut self, node: &Node, queue: Queue) -> Option<Vec<String>> {
        let subjects = match &node.value {
            Value::String(subject) => vec![subject.clone()],
            Value::Array(items) => {
                let mut subjects = Vec::with_capacity(items.len());
                for item in items {
                    let Value::String(subject) = &item.value else {
                        let reason = "Subject in permissions array cannot be cast to string";
                        return self.refuse(item, reason.to_owned());
                    };
                    subjects.push(subject.clone());
                }
                subjects
            }
            other => {
                let found = other.type_name();
                let reason = format!(
                    "Expected subject permissions to be a subject, or array of subjects, got {found}"
                );
                return self.refuse(node, reason);
            }
        };
        match subjects.iter().try_for_each(|subject| check_subject(subject, queue)) {
            Ok(()) => Some(subjects),
            Err(reason) => self.refuse(node, reason),
        }
    }

    fn allow_responses(&mut self, node: &Node) -> Option<AllowResponses> {
        match &node.value {
            Value::Bool(false) => None,
            Value::Bool(true) => Some(AllowResponses::default()),
            Value::Map(map) => Some(self.allow_responses_block(map)),
            _ => {
                let reason = "error parsing response permissions, expected a boolean or a map";
                self.refuse(node, reason.to_owned())
            }
        }
    }

    fn allow_responses_block(&mut self, map: &Map) -> AllowResponses {
        let mut responses = AllowResponses::default();
        for (name, node) in in_order(map) {
            match name.to_lowercase().as_str() {
                "max" | "max_msgs" | "max_messages" | "max_responses" => {
                    match self.integer(node).map(|max| max.value) {
                        None | Some(0) => (),
                        Some(max) => responses.max = u64::try_from(max).ok(),
                    }
                }
                "expires" | "expiration" | "ttl" => {
                    if let Some(expires) = self.expires(node) {
                        responses.expires = expires.unsigned();
                    }
                }
                _ if node.used_as_variable => (),
                _ => self.fail(node, format!("Unknown field {name:?} parsing permissions")),
            }
        }
        responses
    }

    /// Zero leaves the default, a negative time is for ever.
    fn expires(&mut self, node: &Node) -> Option<SignedDuration> {
        let Value::String(text) = &node.value else {
            return self.refuse(node, "error parsing expires, not a duration string".to_owned());
        };
        self.parse_duration("expires", node, text).filter(|expires| expires.0 != 0)
    }
}

fn check_subject(subject: &str, queue: Queue) -> Result<(), String> {
    let valid = |part: &str| is_filter(part.as_bytes());
    if valid(subject) {
        return Ok(());
    }
    let parts: Vec<&str> = subject.split_whitespace().collect();
    let [filter, group] = parts.as_slice() else {
        return Err(format!("subject {subject:?} is not a valid subject"));
    };
    if queue == Queue::Refused {
        Err(format!("subject {subject:?} is not a valid subject"))
    } else if !valid(filter) {
        Err(format!("subject {filter:?} is not a valid subject"))
    } else if !valid(group) {
        Err(format!("queue {group:?} is not a valid queue"))
    } else {
        Ok(())
    }
}
