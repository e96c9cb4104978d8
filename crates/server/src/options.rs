//! Everything a server has to know to start; nothing that has a default is optional.

use std::path::PathBuf;
use std::time::Duration;

use tradewind_jetstream::shard::SyncLevel;
use tradewind_router::auth::AuthConfig;

/// Version of nats-server whose behaviour this is: clients switch features on it.
pub const NATS_VERSION: &str = "2.15.1";

/// Options of a server. The defaults are nats-server's.
#[derive(Clone, PartialEq)]
pub struct Options {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 is any free one.
    pub port: u16,
    /// Name; the server's id if empty.
    pub server_name: String,
    /// Host and port told to clients instead of the real ones.
    pub client_advertise: Option<(String, u16)>,
    /// Tags shown in monitoring.
    pub server_tags: Vec<String>,
    /// Where monitoring is served; none if it is not.
    pub http: Option<(String, u16)>,
    /// Path before every monitoring endpoint.
    pub http_base_path: String,
    /// Who may connect, and what they may do.
    pub auth: AuthConfig,
    /// Time to authenticate.
    pub auth_timeout: Duration,
    /// Most connections; 0 is no limit.
    pub max_connections: usize,
    /// Most subscriptions of a connection; 0 is no limit.
    pub max_subscriptions: usize,
    /// Most tokens of a subscription's filter; 0 is no limit.
    pub max_subscription_tokens: usize,
    /// Longest argument of a control line, in bytes.
    pub max_control_line: usize,
    /// Largest message, headers included, in bytes.
    pub max_payload: usize,
    /// Most bytes waiting for one client.
    pub max_pending: usize,
    /// Closed connections that monitoring remembers.
    pub max_closed_clients: usize,
    /// Time between pings.
    pub ping_interval: Duration,
    /// Unanswered pings that make a connection stale.
    pub ping_max: u32,
    /// Time a client has to take what is written to it.
    pub write_deadline: Duration,
    /// Over how long lame duck mode closes clients.
    pub lame_duck_duration: Duration,
    /// How long lame duck mode waits before it closes clients.
    pub lame_duck_grace_period: Duration,
    /// JetStream, if it is on.
    pub jetstream: Option<JetStreamOptions>,
    /// Where log lines go.
    pub log: LogOptions,
    /// Name of the configuration file, for the log; empty if there is none.
    pub config_file: String,
    /// Digest of the configuration file, for log and monitoring.
    pub config_digest: String,
    /// The token of an embedded server, for [`crate::Server::token`] to hand out.
    pub embedded_token: Option<String>,
}

// The token never reaches a log by way of `{:?}`.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("auth", &self.auth)
            .field("jetstream", &self.jetstream)
            .finish_non_exhaustive()
    }
}

/// Options of JetStream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JetStreamOptions {
    /// Directory of the store; `jetstream` below it belongs to the server.
    pub store_dir: PathBuf,
    /// Most bytes of memory streams; −1 is no limit.
    pub max_memory: i64,
    /// Most bytes of file streams; −1 is no limit.
    pub max_file: i64,
    /// When an acknowledged message is on disk.
    pub sync: SyncPolicy,
    /// Unknown fields in requests are errors.
    pub strict: bool,
    /// Most consumers of a stream that says nothing about it; −1 is no limit.
    pub default_max_consumers: i64,
}

/// When an acknowledged message is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before the acknowledgement: group commit.
    Always,
    /// This long after it, at most.
    Interval(Duration),
}

impl SyncPolicy {
    /// The same, to a shard.
    pub(crate) fn level(self) -> SyncLevel {
        match self {
            SyncPolicy::Always => SyncLevel::Always,
            SyncPolicy::Interval(every) => SyncLevel::Interval(every),
        }
    }
}

/// Where log lines go and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Where to.
    pub target: LogTarget,
    /// Lines about connections.
    pub debug: bool,
    /// Lines about every protocol message.
    pub trace: bool,
    /// Lines carry no time.
    pub no_time: bool,
    /// Times are UTC.
    pub utc: bool,
    /// Lines are JSON objects.
    pub json: bool,
    /// Bytes at which a file is set aside and a new one begun; 0 is never.
    pub size_limit: u64,
}

/// Where log lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere: the default of an embedded server.
    #[default]
    None,
    /// To standard error.
    Stderr,
    /// To a file, which is appended to.
    File(PathBuf),
}

impl Default for Options {
    fn default() -> Options {
        Options {
            host: "0.0.0.0".to_owned(),
            port: 4222,
            server_name: String::new(),
            client_advertise: None,
            server_tags: Vec::new(),
            http: None,
            http_base_path: String::new(),
            auth: AuthConfig::default(),
            auth_timeout: Duration::from_secs(2),
            max_connections: 65_536,
            max_subscriptions: 0,
            max_subscription_tokens: 0,
            max_control_line: 4096,
            max_payload: 1024 * 1024,
            max_pending: 64 * 1024 * 1024,
            max_closed_clients: 10_000,
            ping_interval: Duration::from_mins(2),
            ping_max: 2,
            write_deadline: Duration::from_secs(10),
            lame_duck_duration: Duration::from_mins(2),
            lame_duck_grace_period: Duration::from_secs(10),
            jetstream: None,
            log: LogOptions::default(),
            config_file: String::new(),
            config_digest: String::new(),
            embedded_token: None,
        }
    }
}

impl Options {
    /// A server inside a program, for the program itself: JetStream in `store_dir`, on a loopback
    /// port that the system chooses, behind a random token ([`crate::Server::token`]), silent.
    pub fn embedded(store_dir: impl Into<PathBuf>) -> Options {
        let mut token = [0; 24];
        crate::shared::random_bytes(&mut token);
        let token =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, token);
        Options {
            host: "127.0.0.1".to_owned(),
            port: 0,
            auth: AuthConfig { token: Some(token.as_str().into()), ..AuthConfig::default() },
            embedded_token: Some(token),
            jetstream: Some(JetStreamOptions::new(store_dir)),
            ..Options::default()
        }
    }
}

impl JetStreamOptions {
    /// JetStream in `store_dir`, durable, without limits of its own.
    pub fn new(store_dir: impl Into<PathBuf>) -> JetStreamOptions {
        JetStreamOptions {
            store_dir: store_dir.into(),
            max_memory: -1,
            max_file: -1,
            sync: SyncPolicy::Always,
            strict: true,
            default_max_consumers: 1000,
        }
    }
}

/// The file's name; what is no file has a word for it.
impl std::fmt::Display for LogTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LogTarget::None => f.write_str("none"),
            LogTarget::Stderr => f.write_str("standard error"),
            LogTarget::File(path) => write!(f, "{}", path.display()),
        }
    }
}
