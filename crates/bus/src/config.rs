//! What a bus is told: by a builder, a YAML file, the environment.

mod check;
mod environment;
mod secret;
mod units;
mod yaml;

use std::path::PathBuf;
use std::time::Duration;

pub use self::check::{ConfigError, Warning};
pub use self::secret::Secret;
pub use self::units::{UnitError, format_duration, format_size, parse_duration, parse_size};
use crate::backoff::Backoff;
use crate::codec::Format;
use crate::compress::Compression;

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Core NATS: at most once, nothing is stored.
    Core,
    /// JetStream: stored in a stream before the publish returns, delivered at least once.
    JetStream,
}

/// Everything a bus can be told. [`Config::default`] is a bus on `nats://localhost:4222`.
///
/// Layers, each over the one before: defaults, [`Config::from_yaml`], [`Config::apply_environment`],
/// what code sets. [`Config::check`] says what does not fit together.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `nats://` or `tls://`, with or without scheme and port.
    pub server_urls: Vec<String>,
    /// None: JetStream if a stream is named or `durable` is asked for, else Core.
    pub mode: Option<Mode>,
    /// Name of the connection, as the server's `/connz` shows it.
    pub client_id: Option<String>,
    /// The cluster that the server should belong to; another one is warned of.
    pub cluster_id: Option<String>,
    /// Put in front of every subject; a dot is added if it has none at its end.
    pub subject_prefix: String,
    /// JetStream domain; empty for none.
    pub jetstream_domain: String,
    /// Port of a gRPC service beside NATS that some platforms' files name. Read and shown, not used.
    pub grpc_port: Option<u16>,
    /// Connections, used in turn by producers.
    pub pool: usize,
    /// Who we are.
    pub auth: Auth,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// Finding and keeping the connection.
    pub connection: Connection,
    /// Finding servers in Consul.
    pub consul: Option<Consul>,
    /// The stream that [`Bus`](crate::Bus) ensures and uses unless told another.
    pub stream: Stream,
    /// Defaults of producers.
    pub producer: Producer,
    /// Defaults of consumers.
    pub consumer: Consumer,
    /// What is exported of metrics and traces.
    pub telemetry: Telemetry,
}

/// Who we are. Empty means: not given. More than one is a conflict, but for a user with a password
/// and a JWT with its seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// User name.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Token.
    pub token: Option<Secret>,
    /// A user JWT, or the path of a file with one.
    pub jwt: Option<Secret>,
    /// A seed (`SU…`), or the path of a file with one. Alone it is nkey authentication.
    pub nkey_seed: Option<Secret>,
    /// A `.creds` file: JWT and seed.
    pub credentials: Option<PathBuf>,
}

/// How the connection is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// No connection without TLS; `tls://` in a URL asks for the same.
    pub required: bool,
    /// The handshake comes before the server's first line.
    pub first: bool,
    /// PEM file of certificates to trust, besides the system's.
    pub ca: Option<PathBuf>,
    /// PEM file of our certificate, for mutual TLS.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
}

/// Finding and keeping the connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// For one attempt to connect.
    pub connect_timeout: Duration,
    /// For an answer, unless the call says otherwise.
    pub request_timeout: Duration,
    /// Attempts in a row before giving up; none: never.
    pub max_reconnects: Option<usize>,
    /// A failed first connect is tried again like a lost one.
    pub retry_first_connect: bool,
    /// Wait between attempts: exponential, with jitter.
    pub backoff: Backoff,
    /// Jitter of the waits if the connection is TLS.
    pub jitter_tls: f64,
    /// Time between pings.
    pub ping_interval: Duration,
    /// Unanswered pings after which the connection counts as dead.
    pub max_pings_out: usize,
    /// Messages that may wait for a subscription's handler.
    pub pending_msgs_limit: usize,
    /// Bytes that may wait for a subscription's handler.
    pub pending_bytes_limit: usize,
}

/// Finding servers in Consul.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consul {
    /// Address of the agent's HTTP API.
    pub address: String,
    /// Name of the service.
    pub service: String,
    /// ACL token.
    pub token: Option<Secret>,
    /// For an answer of the agent, blocking queries aside.
    pub timeout: Duration,
}

/// The stream that a bus ensures.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Stream {
    /// Its name.
    pub name: Option<String>,
    /// Its subjects, the prefix added.
    pub subjects: Vec<String>,
    /// Copies of it, on as many servers.
    pub replicas: Option<usize>,
    /// Whether messages are kept on disk; `false` keeps them in memory only.
    pub durable: Option<bool>,
    /// Age after which messages go.
    pub max_age: Option<Duration>,
    /// Bytes over which the oldest messages go.
    pub max_bytes: Option<u64>,
    /// Time in which a message id is not taken twice.
    pub duplicate_window: Option<Duration>,
}

/// Defaults of producers.
#[derive(Clone, Debug, PartialEq)]
pub struct Producer {
    /// How values become bytes.
    pub format: Format,
    /// Whether and how bodies are compressed.
    pub compression: Compression,
    /// Bodies of fewer bytes are not compressed.
    pub min_compress_size: usize,
    /// Publishes that may wait for their acknowledgement; one more waits its turn.
    pub max_outstanding: usize,
    /// Bytes of such publishes.
    pub max_outstanding_bytes: usize,
    /// Time in which a publish is tried again under the same id before it fails.
    pub publish_timeout: Duration,
    /// Time until one attempt counts as lost.
    pub ack_timeout: Duration,
    /// After a reconnect, outstanding publishes are sent again one by one, before any new one.
    pub ordered: bool,
}

/// Defaults of consumers.
#[derive(Clone, Debug, PartialEq)]
pub struct Consumer {
    /// Name of the durable consumer.
    pub name: Option<String>,
    /// Queue group of Core subscriptions.
    pub group: Option<String>,
    /// Handlers that may run at once.
    pub max_inflight: usize,
    /// Messages that may be without an acknowledgement, over all subscribers of a consumer.
    pub max_ack_pending: Option<usize>,
    /// Deliveries of a message before it is a dead letter; none: without end.
    pub max_deliver: Option<u32>,
    /// Time after which a message without an acknowledgement is delivered again.
    pub ack_wait: Duration,
    /// Messages asked for at once.
    pub batch_size: usize,
    /// Where a new consumer begins.
    pub deliver_policy: DeliverPolicy,
    /// Waits before a message is delivered again, by how often it was delivered.
    pub redelivery: Backoff,
    /// Pending messages over which a consumer is behind: one warning.
    pub backlog_warn_threshold: u64,
}

/// Where a new consumer begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliverPolicy {
    /// With the first message there is.
    #[default]
    All,
    /// With the last.
    Last,
    /// With what comes.
    New,
    /// With the last of each subject.
    LastPerSubject,
    /// At a sequence.
    ByStartSequence(u64),
    /// At a time.
    ByStartTime(jiff::Timestamp),
}

/// What is exported of metrics and traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// Whether anything is.
    pub enabled: bool,
    /// Where OTLP goes, over gRPC.
    pub otlp_endpoint: Option<String>,
    /// Address of a Prometheus endpoint.
    pub prometheus: Option<std::net::SocketAddr>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            server_urls: vec!["nats://localhost:4222".to_owned()],
            mode: None,
            client_id: None,
            cluster_id: None,
            subject_prefix: String::new(),
            jetstream_domain: String::new(),
            grpc_port: None,
            pool: 1,
            auth: Auth::default(),
            tls: Tls::default(),
            connection: Connection::default(),
            consul: None,
            stream: Stream::default(),
            producer: Producer::default(),
            consumer: Consumer::default(),
            telemetry: Telemetry::default(),
        }
    }
}

impl Default for Connection {
    fn default() -> Connection {
        Connection {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            max_reconnects: None,
            retry_first_connect: true,
            backoff: Backoff {
                base: Duration::from_millis(50),
                factor: 2.0,
                max: Duration::from_secs(1),
                jitter: 0.1,
            },
            jitter_tls: 0.1,
            ping_interval: Duration::from_secs(20),
            max_pings_out: 2,
            pending_msgs_limit: 65_536,
            pending_bytes_limit: 8_388_608,
        }
    }
}

impl Default for Consul {
    fn default() -> Consul {
        Consul {
            address: "http://localhost:8500".to_owned(),
            service: "nats".to_owned(),
            token: None,
            timeout: Duration::from_secs(5),
        }
    }
}

impl Default for Producer {
    fn default() -> Producer {
        Producer {
            format: Format::Json,
            compression: Compression::None,
            min_compress_size: 1024,
            max_outstanding: 65_536,
            max_outstanding_bytes: 256 << 20,
            publish_timeout: Duration::from_secs(30),
            ack_timeout: Duration::from_secs(5),
            ordered: false,
        }
    }
}

impl Default for Consumer {
    fn default() -> Consumer {
        Consumer {
            name: None,
            group: None,
            max_inflight: 1000,
            max_ack_pending: None,
            max_deliver: Some(10),
            ack_wait: Duration::from_secs(30),
            batch_size: 100,
            deliver_policy: DeliverPolicy::All,
            redelivery: Backoff {
                base: Duration::from_secs(1),
                factor: 2.0,
                max: Duration::from_mins(5),
                jitter: 0.1,
            },
            backlog_warn_threshold: 1000,
        }
    }
}

impl Config {
    /// A bus on these servers.
    pub fn new<U: Into<String>>(server_urls: impl IntoIterator<Item = U>) -> Config {
        Config {
            server_urls: server_urls.into_iter().map(Into::into).collect(),
            ..Config::default()
        }
    }

    /// How messages travel, decided.
    pub fn effective_mode(&self) -> Mode {
        let stored = self.stream.name.is_some() || self.stream.durable.is_some();
        self.mode.unwrap_or(if stored { Mode::JetStream } else { Mode::Core })
    }

    /// `subject` as the server sees it: with the prefix.
    pub fn subject(&self, subject: &str) -> String {
        let prefix = self.subject_prefix.trim_end_matches('.');
        if prefix.is_empty() { subject.to_owned() } else { format!("{prefix}.{subject}") }
    }
}
