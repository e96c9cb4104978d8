//! The keys at the top of the file.

use std::time::Duration;

use super::scalars::set;
use super::{Entry, Reader, in_order};
use crate::config::{Config, Setting};
use crate::duration::SignedDuration;
use crate::keys::Block;
use crate::value::{Map, Node, Value};

const LAME_DUCK_MIN: Duration = Duration::from_secs(30);
const SYSTEM_ACCOUNT: &str = "$SYS";

impl Reader {
    pub(super) fn top(&mut self, root: &Map) -> Config {
        let mut config = Config::default();
        let entries = self.entries(Block::Top, root);
        self.warn_of_two_addresses(&entries);
        for entry in entries {
            let taken = self.identity(&mut config, &entry)
                || self.logging(&mut config, &entry)
                || self.limits(&mut config, &entry)
                || self.times(&mut config, &entry)
                || self.blocks(&mut config, &entry);
            debug_assert!(taken, "{} is marked as supported", entry.name);
        }
        config
    }

    /// `listen` sets what `host` and `port` set. The later one wins here; in nats-server, any.
    fn warn_of_two_addresses(&mut self, entries: &[Entry<'_>]) {
        for (whole, parts) in [("listen", ["host", "port"].as_slice()), ("http", &["http_port"])] {
            let Some(whole) = entries.iter().find(|entry| entry.name == whole) else { continue };
            for part in entries.iter().filter(|entry| parts.contains(&entry.name)) {
                let text =
                    format!("{:?} and {:?} set the same; the later wins", whole.typed, part.typed);
                self.warn(&part.node.at, &text);
            }
        }
    }

    /// Where to listen and who this is. `false` if the key is none of these, as in the following.
    fn identity(&mut self, config: &mut Config, entry: &Entry<'_>) -> bool {
        let node = entry.node;
        match entry.name {
            "listen" => {
                if let Some((host, port)) = self.listen(node) {
                    config.host = host;
                    config.port = Some(port);
                }
            }
            "http" => {
                if let Some((host, port)) = self.listen(node) {
                    config.http_host = host;
                    config.http_port = Some(port);
                }
            }
            "host" => config.host = self.string(node),
            "port" => config.port = self.port(node),
            "http_port" => config.http_port = self.port(node),
            "http_base_path" => config.http_base_path = self.string(node),
            "client_advertise" => config.client_advertise = self.string(node),
            "server_name" => {
                config.server_name = self.string(node);
                if config.server_name.as_ref().is_some_and(|name| name.value.contains(' ')) {
                    self.fail(node, "server name cannot contain spaces");
                }
            }
            "server_tags" => config.server_tags = self.tags(node),
            "feature_flags" => self.feature_flags(config, node),
            _ => return false,
        }
        true
    }

    fn logging(&mut self, config: &mut Config, entry: &Entry<'_>) -> bool {
        let node = entry.node;
        match entry.name {
            "debug" => config.debug = self.boolean(node),
            "trace" => config.trace = self.boolean(node),
            "trace_verbose" => {
                config.trace_verbose = self.boolean(node);
                config.trace.clone_from(&config.trace_verbose);
            }
            "logtime" => config.logtime = self.boolean(node),
            "logtime_utc" => config.logtime_utc = self.boolean(node),
            "log_file" => config.log_file = self.string(node),
            "log_size_limit" => config.log_size_limit = self.integer(node),
            "max_traced_msg_len" => config.max_traced_msg_len = self.integer(node),
            "pid_file" => config.pid_file = self.string(node),
            "ports_file_dir" => config.ports_file_dir = self.string(node),
            _ => return false,
        }
        true
    }

    fn limits(&mut self, config: &mut Config, entry: &Entry<'_>) -> bool {
        let node = entry.node;
        match entry.name {
            "max_connections" => {
                config.max_connections = self.integer(node).map(|limit| match limit.value {
                    0 => Setting { value: -1, ..limit },
                    _ => limit,
                });
            }
            "max_subscriptions" => config.max_subscriptions = self.integer(node),
            "max_sub_tokens" => config.max_sub_tokens = self.sub_tokens(entry.typed, node),
            "max_control_line" => config.max_control_line = self.small_integer(entry.typed, node),
            "max_payload" => config.max_payload = self.small_integer(entry.typed, node),
            "max_pending" => config.max_pending = self.integer(node),
            "max_closed_clients" => config.max_closed_clients = self.integer(node),
            "no_header_support" => config.no_header_support = self.boolean(node),
            _ => return false,
        }
        true
    }

    fn times(&mut self, config: &mut Config, entry: &Entry<'_>) -> bool {
        let node = entry.node;
        match entry.name {
            "ping_interval" => {
                config.ping_interval = self.duration_or_seconds("ping_interval", node);
            }
            "ping_max" => config.ping_max = self.integer(node),
            "write_deadline" => {
                config.write_deadline = self.duration_or_seconds("write_deadline", node);
            }
            "write_timeout" => self.write_timeout(node),
            "lame_duck_duration" => config.lame_duck_duration = self.lame_duck_duration(node),
            "lame_duck_grace_period" => {
                config.lame_duck_grace_period = self.duration("lame_duck_grace_period", node);
            }
            _ => return false,
        }
        true
    }

    fn blocks(&mut self, config: &mut Config, entry: &Entry<'_>) -> bool {
        let node = entry.node;
        match entry.name {
            "authorization" => config.authorization = self.authorization(node),
            "no_auth_user" => config.no_auth_user = self.string(node),
            "system_account" => self.system_account(entry.typed, node),
            "jetstream" => {
                config.jetstream = self.jetstream(node, &mut config.store_dir);
            }
            "store_dir" => self.store_dir(node, &mut config.store_dir),
            _ => return false,
        }
        true
    }

    pub(super) fn store_dir(&mut self, node: &Node, store_dir: &mut Option<Setting<String>>) {
        if store_dir.is_some() {
            self.fail(node, "Duplicate 'store_dir' configuration");
            return;
        }
        *store_dir = self.string(node);
    }

    /// A port, or `host:port`.
    fn listen(&mut self, node: &Node) -> Option<(Option<Setting<String>>, Setting<i32>)> {
        let text = match &node.value {
            // nats-server forgets a host named before; with the port alone there is none.
            Value::Int(port) => {
                let port = self.port_in_range(node, *port)?;
                return Some((Some(set(node, String::new())), port));
            }
            Value::String(text) => text,
            other => {
                let found = other.type_name();
                return self.refuse(node, format!("expected port or host:port, got {found}"));
            }
        };
        let Some((host, port)) = split_host_port(text) else {
            return self.refuse(node, format!("could not parse address string {text:?}"));
        };
        let Ok(number) = port.parse::<i64>() else {
            return self.refuse(node, format!("could not parse port {port:?}"));
        };
        let port = self.port_in_range(node, number)?;
        Some((Some(set(node, host.to_owned())), port))
    }

    /// Lower case, without blanks around and without repetitions, as nats-server shows them.
    fn tags(&mut self, node: &Node) -> Vec<Setting<String>> {
        let mut tags: Vec<Setting<String>> = Vec::new();
        let mut add = |node: &Node, text: &str| {
            let tag = text.trim().to_lowercase();
            if !tag.is_empty() && tags.iter().all(|known| known.value != tag) {
                tags.push(set(node, tag));
            }
        };
        match &node.value {
            Value::String(text) => add(node, text),
            Value::Array(items) => {
                for item in items {
                    match &item.value {
                        Value::String(text) => add(item, text),
                        other => {
                            let found = other.type_name();
                            self.fail(
                                item,
                                format!("error parsing tags: unsupported type {found} where string is expected"),
                            );
                        }
                    }
                }
            }
            other => {
                let found = other.type_name();
                self.fail(node, format!("error parsing tags: unsupported type {found}"));
            }
        }
        tags
    }

    fn feature_flags(&mut self, config: &mut Config, node: &Node) {
        let Value::Map(flags) = &node.value else {
            let found = node.value.type_name();
            self.fail(node, format!("error parsing feature flags: unsupported type {found}"));
            return;
        };
        for (name, flag) in in_order(flags) {
            if let Value::Bool(truth) = flag.value {
                config.feature_flags.insert(name.to_owned(), set(flag, truth));
                continue;
            }
            let found = flag.value.type_name();
            let reason = format!("error parsing feature flag {name:?}: expected bool, got {found}");
            self.fail(flag, reason);
        }
    }

    fn sub_tokens(&mut self, typed: &str, node: &Node) -> Option<Setting<u8>> {
        let number = self.integer(node)?.value;
        match u8::try_from(number) {
            Ok(1..) => u8::try_from(number).ok().map(|number| set(node, number)),
            Err(_) if 0 < number => self.refuse(node, format!("{typed} value is too big")),
            _ => self.refuse(node, format!("{typed} value can not be negative")),
        }
    }

    fn write_timeout(&mut self, node: &Node) {
        let Some(policy) = self.string(node) else { return };
        match policy.value.as_str() {
            // To clients both are the same.
            "default" | "close" => (),
            "retry" => self.unsupported(
                node,
                "write_timeout: retry",
                "it keeps clients that are too slow; use \"close\", the default.",
            ),
            _ => self.fail(node, "write_timeout must be 'default', 'close' or 'retry'"),
        }
    }

    fn lame_duck_duration(&mut self, node: &Node) -> Option<Setting<Duration>> {
        let field = "lame_duck_duration";
        let Value::String(text) = &node.value else { return self.wrong_type(node, "string") };
        let duration: SignedDuration = self.parse_duration(field, node, text)?;
        match duration.unsigned() {
            Some(long) if LAME_DUCK_MIN <= long => Some(set(node, long)),
            _ => self.refuse(node, format!("invalid {field} of {duration}, minimum is 30 seconds")),
        }
    }

    fn system_account(&mut self, typed: &str, node: &Node) {
        match &node.value {
            Value::String(name) if name == SYSTEM_ACCOUNT => (),
            Value::String(_) => self.unsupported(
                node,
                typed,
                "it makes another account than $SYS the system account; remove it.",
            ),
            _ => self.fail(node, "system account name must be a string"),
        }
    }
}

/// Splits at the last colon; an IPv6 address has to stand in brackets.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let clean = |part: &str| !part.contains(['[', ']']);
    (clean(host) && clean(port)).then_some((host, port))
}
