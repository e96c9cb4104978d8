//! Every setting under every name it has, once for files and environment.

use super::value::{Problem, Value};
use crate::codec::Format;
use crate::compress::Compression;
use crate::config::{Config, Consul, DeliverPolicy, Mode};

/// A configuration in the making.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    config: Config,
    use_consul: bool,
    /// Kept even if Consul is not used: a later layer may turn it on.
    consul: Consul,
    /// The `client_id` that the layer at hand gave already.
    pub(crate) client_id: Option<String>,
}

impl From<Config> for Draft {
    fn from(mut config: Config) -> Draft {
        let consul = config.consul.take();
        let use_consul = consul.is_some();
        Draft { config, use_consul, consul: consul.unwrap_or_default(), client_id: None }
    }
}

impl From<Draft> for Config {
    fn from(draft: Draft) -> Config {
        Config { consul: draft.use_consul.then_some(draft.consul), ..draft.config }
    }
}

/// A setting.
pub(crate) struct Key {
    /// The first is the one to use, the others are its names elsewhere. A dot ends a section.
    pub(crate) names: &'static [&'static str],
    /// Whether a file can hold the value, named by the key with `_file` at its end.
    pub(crate) is_secret: bool,
    /// Takes a value that is not blank.
    pub(crate) set: fn(&mut Draft, &Value) -> Result<(), Problem>,
}

impl Key {
    /// The place of `name` in [`KEYS`].
    pub(crate) fn find(name: &str) -> Option<usize> {
        KEYS.iter().position(|key| key.names.contains(&name))
    }
}

const fn key(
    names: &'static [&'static str],
    set: fn(&mut Draft, &Value) -> Result<(), Problem>,
) -> Key {
    Key { names, is_secret: false, set }
}

const fn secret(
    names: &'static [&'static str],
    set: fn(&mut Draft, &Value) -> Result<(), Problem>,
) -> Key {
    Key { names, is_secret: true, set }
}

/// The settings in the order in which they are applied, whatever order a file has: what depends on
/// another comes after it.
pub(crate) const KEYS: &[Key] = &[
    // Where and who.
    key(&["urls", "server_urls", "server_url"], |it, v| put(&mut it.config.server_urls, v.list())),
    key(&["cluster_id"], |it, v| put(&mut it.config.cluster_id, v.text().map(Some))),
    key(&["client_id"], client_id),
    key(&["subject_prefix"], |it, v| put(&mut it.config.subject_prefix, v.text())),
    key(&["grpc_port"], |it, v| put(&mut it.config.grpc_port, v.number().map(Some))),
    key(&["pool"], |it, v| put(&mut it.config.pool, v.number())),
    key(&["username"], |it, v| put(&mut it.config.auth.username, v.text().map(Some))),
    secret(&["password"], |it, v| put(&mut it.config.auth.password, v.secret().map(Some))),
    secret(&["token"], |it, v| put(&mut it.config.auth.token, v.secret().map(Some))),
    secret(&["jwt", "jwt_token"], |it, v| put(&mut it.config.auth.jwt, v.secret().map(Some))),
    secret(&["nkey_seed", "seed_file"], |it, v| {
        put(&mut it.config.auth.nkey_seed, v.secret().map(Some))
    }),
    key(&["credentials", "creds"], |it, v| {
        put(&mut it.config.auth.credentials, v.path().map(Some))
    }),
    key(&["tls_enabled", "tls.enabled", "tls.required"], |it, v| {
        put(&mut it.config.tls.required, v.boolean())
    }),
    key(&["tls.first", "tls_first"], |it, v| put(&mut it.config.tls.first, v.boolean())),
    key(&["tls.ca", "tls_ca"], |it, v| put(&mut it.config.tls.ca, v.path().map(Some))),
    key(&["tls.certificate", "tls_certificate"], |it, v| {
        put(&mut it.config.tls.certificate, v.path().map(Some))
    }),
    key(&["tls.key", "tls_key"], |it, v| put(&mut it.config.tls.key, v.path().map(Some))),
    // Consul.
    key(&["use_consul", "consul.enabled"], |it, v| put(&mut it.use_consul, v.boolean())),
    key(&["service_name", "consul.service"], |it, v| put(&mut it.consul.service, v.text())),
    key(&["consul.address"], |it, v| put(&mut it.consul.address, v.text().map(with_http))),
    secret(&["consul.token"], |it, v| put(&mut it.consul.token, v.secret().map(Some))),
    key(&["consul.timeout"], |it, v| put(&mut it.consul.timeout, v.duration())),
    // Connection.
    key(&["timeout", "connect_timeout"], |it, v| {
        put(&mut it.config.connection.connect_timeout, v.duration())
    }),
    key(&["request_timeout"], |it, v| put(&mut it.config.connection.request_timeout, v.duration())),
    key(&["max_reconnect", "max_reconnects"], |it, v| {
        put(&mut it.config.connection.max_reconnects, v.limit())
    }),
    key(&["retry_first_connect"], |it, v| {
        put(&mut it.config.connection.retry_first_connect, v.boolean())
    }),
    key(&["reconnect_wait"], reconnect_wait),
    key(&["reconnect_wait_max"], |it, v| put(&mut it.config.connection.backoff.max, v.duration())),
    key(&["reconnect_factor"], |it, v| put(&mut it.config.connection.backoff.factor, v.fraction())),
    key(&["reconnect_jitter"], |it, v| put(&mut it.config.connection.backoff.jitter, v.fraction())),
    key(&["reconnect_jitter_tls"], |it, v| put(&mut it.config.connection.jitter_tls, v.fraction())),
    key(&["ping_interval"], |it, v| put(&mut it.config.connection.ping_interval, v.duration())),
    key(&["max_pings_out"], |it, v| put(&mut it.config.connection.max_pings_out, v.number())),
    key(&["pending_msgs_limit"], |it, v| {
        put(&mut it.config.connection.pending_msgs_limit, v.number())
    }),
    key(&["pending_bytes_limit"], |it, v| {
        put(&mut it.config.connection.pending_bytes_limit, v.size())
    }),
    // JetStream.
    key(&["jetstream_enabled"], |it, v| {
        let mode = |stored| Some(if stored { Mode::JetStream } else { Mode::Core });
        put(&mut it.config.mode, v.boolean().map(mode))
    }),
    key(&["jetstream_domain"], |it, v| put(&mut it.config.jetstream_domain, v.text())),
    key(&["stream_name", "stream.name"], |it, v| {
        put(&mut it.config.stream.name, v.text().map(Some))
    }),
    key(&["stream.subjects"], |it, v| put(&mut it.config.stream.subjects, v.list())),
    key(&["stream.replicas", "stream_replicas"], |it, v| {
        put(&mut it.config.stream.replicas, v.number().map(Some))
    }),
    key(&["durable", "stream.durable"], |it, v| {
        put(&mut it.config.stream.durable, v.boolean().map(Some))
    }),
    key(&["stream.max_age"], |it, v| put(&mut it.config.stream.max_age, v.duration().map(Some))),
    key(&["stream.max_bytes"], |it, v| put(&mut it.config.stream.max_bytes, v.size().map(Some))),
    key(&["stream.duplicate_window"], |it, v| {
        put(&mut it.config.stream.duplicate_window, v.duration().map(Some))
    }),
    // Producers.
    key(&["format"], |it, v| {
        let words = [("json", Format::Json), ("msgpack", Format::MessagePack)];
        put(&mut it.config.producer.format, v.word(&words))
    }),
    key(&["enable_compression"], enable_compression),
    key(&["compression"], |it, v| {
        let words = [
            ("none", Compression::None),
            ("zstd", Compression::Zstd),
            ("lz4", Compression::Lz4),
            ("s2", Compression::S2),
        ];
        put(&mut it.config.producer.compression, v.word(&words))
    }),
    key(&["min_compress_size"], |it, v| put(&mut it.config.producer.min_compress_size, v.size())),
    key(&["max_outstanding"], |it, v| put(&mut it.config.producer.max_outstanding, v.number())),
    key(&["max_outstanding_bytes"], |it, v| {
        put(&mut it.config.producer.max_outstanding_bytes, v.size())
    }),
    key(&["publish_timeout"], |it, v| put(&mut it.config.producer.publish_timeout, v.duration())),
    key(&["ack_timeout"], |it, v| put(&mut it.config.producer.ack_timeout, v.duration())),
    key(&["ordered"], |it, v| put(&mut it.config.producer.ordered, v.boolean())),
    // Consumers.
    key(&["consumer_name", "consumer.name"], |it, v| {
        put(&mut it.config.consumer.name, v.text().map(Some))
    }),
    key(&["group", "queue_group"], |it, v| put(&mut it.config.consumer.group, v.text().map(Some))),
    key(&["max_inflight"], |it, v| put(&mut it.config.consumer.max_inflight, v.number())),
    key(&["max_ack_pending"], |it, v| {
        put(&mut it.config.consumer.max_ack_pending, v.number().map(Some))
    }),
    key(&["max_deliver"], |it, v| put(&mut it.config.consumer.max_deliver, v.limit())),
    key(&["ack_wait"], |it, v| put(&mut it.config.consumer.ack_wait, v.duration())),
    key(&["batch_size"], |it, v| put(&mut it.config.consumer.batch_size, v.number())),
    key(&["deliver_policy"], deliver_policy),
    key(&["start_sequence"], start_sequence),
    key(&["start_time"], start_time),
    key(&["redelivery.wait"], redelivery_wait),
    key(&["redelivery.wait_max"], |it, v| {
        put(&mut it.config.consumer.redelivery.max, v.duration())
    }),
    key(&["redelivery.factor"], |it, v| {
        put(&mut it.config.consumer.redelivery.factor, v.fraction())
    }),
    key(&["redelivery.jitter"], |it, v| {
        put(&mut it.config.consumer.redelivery.jitter, v.fraction())
    }),
    key(&["backlog_warn_threshold"], |it, v| {
        put(&mut it.config.consumer.backlog_warn_threshold, v.number())
    }),
    // Telemetry.
    key(&["telemetry.enabled"], |it, v| put(&mut it.config.telemetry.enabled, v.boolean())),
    key(&["telemetry.otlp_endpoint"], |it, v| {
        put(&mut it.config.telemetry.otlp_endpoint, v.text().map(Some))
    }),
    key(&["telemetry.prometheus"], |it, v| {
        let address = v.text()?.trim().parse();
        let address = address.map_err(|_| v.is_not("an address as `127.0.0.1:9464`"));
        put(&mut it.config.telemetry.prometheus, address.map(Some))
    }),
];

fn put<T>(place: &mut T, value: Result<T, Problem>) -> Result<(), Problem> {
    *place = value?;
    Ok(())
}

/// A file may tell a client and a server with a name each; their one connection is named by both.
fn client_id(draft: &mut Draft, value: &Value) -> Result<(), Problem> {
    let name = value.text()?;
    let name = match draft.client_id.take() {
        Some(first) if first != name => format!("{first}+{name}"),
        _ => name,
    };
    draft.config.client_id = Some(name.clone());
    draft.client_id = Some(name);
    Ok(())
}

/// The first wait. The longest is at least twice that, to grow and to have room for the jitter.
fn reconnect_wait(draft: &mut Draft, value: &Value) -> Result<(), Problem> {
    let backoff = &mut draft.config.connection.backoff;
    backoff.base = value.duration()?;
    backoff.max = backoff.max.max(backoff.base.saturating_mul(2));
    Ok(())
}

fn redelivery_wait(draft: &mut Draft, value: &Value) -> Result<(), Problem> {
    let backoff = &mut draft.config.consumer.redelivery;
    backoff.base = value.duration()?;
    backoff.max = backoff.max.max(backoff.base.saturating_mul(2));
    Ok(())
}

/// `compression` comes after it and says which.
fn enable_compression(draft: &mut Draft, value: &Value) -> Result<(), Problem> {
    let is_enabled = value.boolean()?;
    let compression = &mut draft.config.producer.compression;
    *compression = match (is_enabled, *compression) {
        (false, _) => Compression::None,
        (true, Compression::None) => Compression::Zstd,
        (true, chosen) => chosen,
    };
    Ok(())
}

/// By a sequence or a time, the start is not said yet: `check` refuses the sequence 0.
fn deliver_policy(draft: &mut Draft, value: &Value) -> Result<(), Problem> {
    let words = [
        ("all", DeliverPolicy::All),
        ("last", DeliverPolicy::Last),
        ("new", DeliverPolicy::New),
        ("last_per_subject", DeliverPolicy::LastPerSubject),
        ("by_start_sequence", DeliverPolicy::ByStartSequence(0)),
        ("by_start_time", DeliverPolicy::ByStartTime(jiff::Timestamp::MIN)),
    ];
    put(&mut draft.config.consumer.deliver_policy, value.word(&words))
}

fn start_sequence(draft: &mut Draft, value: &Value) -> Result<(), Problem> {
    match &mut draft.config.consumer.deliver_policy {
        DeliverPolicy::ByStartSequence(start) => put(start, value.number()),
        _ => Err("goes with `deliver_policy: by_start_sequence`".to_owned()),
    }
}

fn start_time(draft: &mut Draft, value: &Value) -> Result<(), Problem> {
    match &mut draft.config.consumer.deliver_policy {
        DeliverPolicy::ByStartTime(start) => {
            let time = value.text()?.trim().parse();
            put(start, time.map_err(|_| value.is_not("a time as `2026-01-31T12:00:00Z`")))
        }
        _ => Err("goes with `deliver_policy: by_start_time`".to_owned()),
    }
}

/// Consul's own tools take addresses without a scheme.
fn with_http(address: String) -> String {
    if address.contains("://") { address } else { format!("http://{address}") }
}
