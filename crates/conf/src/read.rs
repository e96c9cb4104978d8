//! From the generic tree to [`Config`], collecting everything wrong with it.

mod auth;
mod jetstream;
mod permissions;
mod scalars;
mod top;

use crate::config::{Config, Warning};
use crate::keys::{self, Block, Support};
use crate::parse::Document;
use crate::problem::{Problem, Problems};
use crate::value::{Map, Node, Position, Value};

impl Config {
    /// Reads the options out of `document`.
    ///
    /// # Errors
    ///
    /// All of them at once: keys unknown to nats-server, known but not supported here, and values
    /// that are none for their key.
    pub fn read(document: &Document) -> Result<Config, Problems> {
        let mut reader = Reader::default();
        if document.root.is_empty() {
            reader.warnings.push(Warning {
                text: format!("{}: config has no values or is empty", document.file),
                fails_check: true,
            });
        }
        let mut config = reader.top(&document.root);
        if reader.errors.is_empty() {
            config.warnings = reader.warnings;
            return Ok(config);
        }
        reader.errors.sort_by_key(|(order, _)| *order);
        let errors = reader.errors.into_iter().map(|(_, problem)| problem).collect();
        Err(Problems { errors, warnings: reader.warnings })
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
struct Reader {
    /// With the rank of the node, as the tree is not walked in the order of the file.
    errors: Vec<(u64, Problem)>,
    warnings: Vec<Warning>,
}

/// An entry whose key is supported.
struct Entry<'a> {
    /// The usual spelling of the key.
    name: &'static str,
    /// The key as written.
    typed: &'a str,
    node: &'a Node,
}

impl Reader {
    /// The supported entries of a block in the order written; complains about the others.
    fn entries<'a>(&mut self, block: Block, map: &'a Map) -> Vec<Entry<'a>> {
        let mut found: Vec<Entry<'a>> = Vec::new();
        for (typed, node) in in_order(map) {
            let Some(key) = keys::find(block, typed) else {
                if !node.used_as_variable {
                    self.fail(node, format!("unknown field {typed:?}"));
                }
                continue;
            };
            let Some(&name) = key.names.first() else { continue };
            match key.support {
                Support::Yes => {
                    if let Some(earlier) = found.iter().find(|earlier| earlier.name == name) {
                        let (earlier, line) = (earlier.typed, earlier.node.at.line);
                        let text = format!("{typed:?} replaces {earlier:?} of line {line}");
                        self.warn(&node.at, &text);
                    }
                    found.push(Entry { name, typed, node });
                }
                Support::Noted(reason) => {
                    self.warn(&node.at, &format!("{typed:?} has no effect: {reason}"));
                }
                Support::UnlessOff(_)
                    if matches!(node.value, Value::Bool(false) | Value::Int(0)) => {}
                Support::No(reason) | Support::UnlessOff(reason) => {
                    self.unsupported(node, typed, reason);
                }
            }
        }
        found
    }

    fn unsupported(&mut self, node: &Node, what: &str, reason: &str) {
        self.fail(
            node,
            format!(
                "{what:?} is known to nats-server but not supported by tradewind yet: {reason}"
            ),
        );
    }

    fn fail(&mut self, node: &Node, reason: impl Into<String>) {
        let problem = Problem { at: node.at.clone(), reason: reason.into() };
        self.errors.push((node.order, problem));
    }

    /// Warns of what nats-server accepts without a word.
    fn warn(&mut self, at: &Position, text: &str) {
        self.warnings.push(Warning { text: format!("{at}: {text}"), fails_check: false });
    }

    /// Warns of what nats-server warns of.
    fn warn_as_reference(&mut self, node: &Node, field: &str, reason: &str) {
        let text = format!("{}: invalid use of field {field:?}: {reason}", node.at);
        self.warnings.push(Warning { text, fails_check: true });
    }
}

/// The entries of a block in the order of the file.
fn in_order(map: &Map) -> Vec<(&str, &Node)> {
    let mut entries: Vec<_> = map.iter().map(|(name, node)| (name.as_str(), node)).collect();
    entries.sort_by_key(|(_, node)| node.order);
    entries
}

/// A value within an error text. nats-server shows addresses in memory for blocks and arrays.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Datetime(datetime) => datetime.as_str().to_owned(),
        Value::Map(_) | Value::Array(_) => value.type_name().to_owned(),
    }
}

#[cfg(test)]
mod tests;
