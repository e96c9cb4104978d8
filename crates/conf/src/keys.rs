//! Every key nats-server 2.15.1 knows, and what becomes of it here.
//!
//! A key that guards something, or changes what a client sees, is either obeyed or refused. The
//! few that only tune nats-server's insides are accepted with a warning.

use Block::{Authorization, JetStream, Limits, Top, User};
use Support::{No, Noted, UnlessOff, Yes};

/// A block whose keys are in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// The top of the file.
    Top,
    /// `authorization { … }`
    Authorization,
    /// An entry of `authorization { users [ … ] }`
    User,
    /// `jetstream { … }`
    JetStream,
    /// `jetstream { limits { … } }`
    Limits,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is obeyed.
    Yes,
    /// It is accepted and has no effect, which the sentence explains.
    Noted(&'static str),
    /// The configuration is refused. The sentence says what the key does and the way out.
    No(&'static str),
    /// As [`Support::No`], except for `false` and `0`, which ask for nothing.
    UnlessOff(&'static str),
}

/// A key under all its names.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it may stand.
    pub block: Block,
    /// The spellings, the usual one first. Case does not count.
    pub names: &'static [&'static str],
    /// What becomes of it.
    pub support: Support,
}

/// The key called `name` in `block`, if nats-server knows one.
pub(crate) fn find(block: Block, name: &str) -> Option<&'static Key> {
    let name = name.to_lowercase();
    KEYS.iter().find(|key| key.block == block && key.names.contains(&name.as_str()))
}

const fn key(block: Block, names: &'static [&'static str], support: Support) -> Key {
    Key { block, names, support }
}

const NO_CLUSTER: &str =
    "it joins servers into a cluster; remove it to run this server on its own.";
const NO_TLS: &str = "it encrypts connections; remove it and let a TLS proxy stand in front.";
const NO_OPERATOR: &str =
    "it checks users against signed JWTs; remove it and list the users in \"authorization\".";
const NO_ACCOUNTS: &str = "it keeps groups of users apart; remove it and list the users in \
                           \"authorization\", with permissions.";
const NO_SYSLOG: &str =
    "it sends the log to syslog; use \"log_file\" or the standard error output.";
const NO_ENCRYPTION: &str =
    "it encrypts stored messages; remove it and keep the store on an encrypted disk.";
const NO_PROXY: &str = "it trusts addresses told by a proxy; remove it and connect directly.";
const ONE_NODE: &str = "it tunes clusters only, and this server runs on its own.";
const OWN_QUEUES: &str = "it sizes queues of nats-server; this server bounds its own.";

/// All of them.
pub const KEYS: &[Key] = &[
    // Where to listen, and who this is.
    key(Top, &["listen"], Yes),
    key(Top, &["host", "net"], Yes),
    key(Top, &["port"], Yes),
    key(Top, &["client_advertise"], Yes),
    key(Top, &["server_name"], Yes),
    key(Top, &["server_tags"], Yes),
    key(Top, &["server_metadata"], Noted("the labels are not shown in /varz yet.")),
    key(Top, &["feature_flags"], Yes),
    // Log and files.
    key(Top, &["debug"], Yes),
    key(Top, &["trace"], Yes),
    key(Top, &["trace_verbose"], Yes),
    key(
        Top,
        &["trace_headers"],
        UnlessOff("it traces headers and leaves out payloads; use \"trace\", which shows both."),
    ),
    key(Top, &["logtime"], Yes),
    key(Top, &["logtime_utc"], Yes),
    key(Top, &["log_file", "logfile"], Yes),
    key(Top, &["log_size_limit", "logfile_size_limit"], Yes),
    key(
        Top,
        &["log_max_num", "logfile_max_num"],
        UnlessOff("it deletes old log files; remove it and let logrotate do that."),
    ),
    key(Top, &["max_traced_msg_len"], Yes),
    key(Top, &["syslog"], UnlessOff(NO_SYSLOG)),
    key(Top, &["remote_syslog"], No(NO_SYSLOG)),
    key(Top, &["pid_file", "pidfile"], Yes),
    key(Top, &["ports_file_dir"], Yes),
    // Monitoring and profiling.
    key(Top, &["http"], Yes),
    key(Top, &["http_port", "monitor_port"], Yes),
    key(Top, &["http_base_path"], Yes),
    key(Top, &["https"], No("it serves monitoring over TLS; use \"http\" behind a TLS proxy.")),
    key(
        Top,
        &["https_port"],
        UnlessOff("it serves monitoring over TLS; use \"http_port\" behind a TLS proxy."),
    ),
    key(
        Top,
        &["prof_port"],
        UnlessOff("it serves profiles of the Go runtime; remove it and profile with perf."),
    ),
    key(Top, &["prof_block_rate"], Noted("it tunes the profiler of the Go runtime.")),
    // Limits and times.
    key(Top, &["max_connections", "max_conn"], Yes),
    key(Top, &["max_subscriptions", "max_subs"], Yes),
    key(Top, &["max_sub_tokens", "max_subscription_tokens"], Yes),
    key(Top, &["max_control_line"], Yes),
    key(Top, &["max_payload"], Yes),
    key(Top, &["max_pending"], Yes),
    key(Top, &["max_closed_clients"], Yes),
    key(Top, &["ping_interval"], Yes),
    key(Top, &["ping_max"], Yes),
    key(Top, &["write_deadline"], Yes),
    key(Top, &["write_timeout"], Yes),
    key(Top, &["lame_duck_duration"], Yes),
    key(Top, &["lame_duck_grace_period"], Yes),
    key(Top, &["no_header_support"], Yes),
    key(Top, &["no_fast_producer_stall"], Noted("it tunes how nats-server slows publishers down.")),
    key(
        Top,
        &["no_sublist_cache", "disable_sublist_cache"],
        Noted("it tunes a cache of nats-server."),
    ),
    key(Top, &["connect_error_reports"], Noted(ONE_NODE)),
    key(Top, &["reconnect_error_reports"], Noted(ONE_NODE)),
    // Who may connect.
    key(Top, &["authorization"], Yes),
    key(Top, &["no_auth_user"], Yes),
    key(Top, &["system_account", "system"], Yes),
    key(
        Top,
        &["no_system_account", "no_system", "no_sys_acc"],
        UnlessOff("it takes away the account $SYS; remove it."),
    ),
    key(Top, &["accounts"], No(NO_ACCOUNTS)),
    key(
        Top,
        &["mappings", "maps"],
        No("it rewrites subjects of incoming messages; remove it and publish to the new subjects."),
    ),
    key(Top, &["default_sentinel"], No(NO_OPERATOR)),
    key(
        Top,
        &["operator", "operators", "roots", "root", "root_operators", "root_operator"],
        No(NO_OPERATOR),
    ),
    key(Top, &["trusted_keys", "trusted"], No(NO_OPERATOR)),
    key(Top, &["resolver", "account_resolver", "accounts_resolver"], No(NO_OPERATOR)),
    key(Top, &["resolver_tls"], No(NO_OPERATOR)),
    key(Top, &["resolver_preload"], No(NO_OPERATOR)),
    key(Top, &["resolver_pinned_accounts"], No(NO_OPERATOR)),
    key(Top, &["proxy_protocol"], UnlessOff(NO_PROXY)),
    key(Top, &["proxies"], No(NO_PROXY)),
    key(Top, &["tls"], No(NO_TLS)),
    key(Top, &["allow_non_tls"], Noted("there is no TLS here that clients could do without.")),
    key(
        Top,
        &["ocsp"],
        UnlessOff("it checks certificates for revocation; remove it with \"tls\"."),
    ),
    key(Top, &["ocsp_cache"], UnlessOff("it caches revocation answers; remove it with \"tls\".")),
    // JetStream.
    key(Top, &["jetstream"], Yes),
    key(Top, &["store_dir", "storedir"], Yes),
    key(
        Top,
        &["default_js_domain"],
        No("it sends JetStream requests of an account to a domain; remove it."),
    ),
    // Other listeners and links.
    key(Top, &["cluster"], No(NO_CLUSTER)),
    key(Top, &["gateway"], No("it joins clusters; remove it to run this server on its own.")),
    key(
        Top,
        &["leafnodes", "leaf"],
        No("it links this server with another as a leaf node; remove it to run it on its own."),
    ),
    key(Top, &["websocket", "ws"], No("it lets browsers connect; remove it and connect over TCP.")),
    key(Top, &["mqtt"], No("it lets MQTT devices connect; remove it and use a NATS client.")),
    // authorization
    key(Authorization, &["user", "username"], Yes),
    key(Authorization, &["password", "pass"], Yes),
    key(Authorization, &["token"], Yes),
    key(Authorization, &["timeout"], Yes),
    key(Authorization, &["users"], Yes),
    key(Authorization, &["default_permissions", "default_permission", "permissions"], Yes),
    key(
        Authorization,
        &["auth_callout", "auth_hook"],
        No("it asks a service who may connect; remove it and list the users."),
    ),
    key(Authorization, &["proxy_required"], UnlessOff(NO_PROXY)),
    // users
    key(User, &["user", "username"], Yes),
    key(User, &["password", "pass"], Yes),
    key(User, &["nkey"], Yes),
    key(User, &["permissions", "permission", "authorization"], Yes),
    key(
        User,
        &["allowed_connection_types", "connection_types", "clients"],
        No("it limits the user to some kinds of connections; remove it, as all are TCP here."),
    ),
    key(User, &["proxy_required"], UnlessOff(NO_PROXY)),
    // jetstream
    key(JetStream, &["enabled", "enable"], Yes),
    key(JetStream, &["store_dir", "store", "storedir"], Yes),
    key(JetStream, &["max_memory_store", "max_mem_store", "max_mem"], Yes),
    key(JetStream, &["max_file_store", "max_file"], Yes),
    key(JetStream, &["sync_interval", "sync"], Yes),
    key(JetStream, &["strict"], Yes),
    // Ours.
    key(JetStream, &["on_io_error"], Yes),
    key(JetStream, &["limits"], Yes),
    key(
        JetStream,
        &["domain"],
        No("it renames the JetStream API so that leaf nodes can tell servers apart; remove it."),
    ),
    key(JetStream, &["encryption_key", "key", "ek"], No(NO_ENCRYPTION)),
    key(JetStream, &["prev_encryption_key", "prev_key", "prev_ek"], No(NO_ENCRYPTION)),
    key(JetStream, &["cipher"], No(NO_ENCRYPTION)),
    key(JetStream, &["tpm"], No(NO_ENCRYPTION)),
    key(
        JetStream,
        &["extension_hint"],
        No("it lets the JetStream of a leaf node join its hub's; remove it."),
    ),
    key(
        JetStream,
        &["unique_tag"],
        No("it spreads replicas over servers with different tags; remove it."),
    ),
    key(JetStream, &["max_buffered_size"], Noted(OWN_QUEUES)),
    key(JetStream, &["max_buffered_msgs"], Noted(OWN_QUEUES)),
    key(JetStream, &["request_queue_limit"], Noted(OWN_QUEUES)),
    key(JetStream, &["info_queue_limit"], Noted(OWN_QUEUES)),
    key(JetStream, &["max_concurrent_io"], Noted(OWN_QUEUES)),
    key(JetStream, &["max_outstanding_catchup"], Noted(ONE_NODE)),
    key(JetStream, &["meta_compact"], Noted(ONE_NODE)),
    key(JetStream, &["meta_compact_size"], Noted(ONE_NODE)),
    key(JetStream, &["meta_compact_sync"], Noted(ONE_NODE)),
    // jetstream limits
    key(Limits, &["default_max_consumers"], Yes),
    key(Limits, &["max_ack_pending"], Yes),
    key(Limits, &["max_request_batch"], Yes),
    key(Limits, &["duplicate_window"], Yes),
    key(Limits, &["max_ha_assets"], Noted(ONE_NODE)),
    key(Limits, &["batch"], No("it limits atomic batches of messages; remove it.")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_for_two_keys() {
        for key in KEYS {
            for name in key.names {
                assert_eq!(find(key.block, name).unwrap().names, key.names, "{name}");
                assert_eq!(*name, name.to_lowercase(), "looked up in lower case");
            }
        }
    }

    #[test]
    fn every_reason_is_a_sentence() {
        for key in KEYS {
            if let No(reason) | Noted(reason) | UnlessOff(reason) = key.support {
                assert!(reason.ends_with('.'), "{reason}");
                assert!(!reason.contains("  "), "{reason}");
            }
        }
    }
}
