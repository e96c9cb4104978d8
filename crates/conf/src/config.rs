//! The options a configuration sets.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::value::Position;

/// A value somebody wrote down, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// The place of its key.
    pub at: Position,
}

/// What a configuration file says; [`None`] is what it does not mention.
///
/// Defaults, the command line and checks across options are the server's business.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The interface to listen on; empty for all.
    pub host: Option<Setting<String>>,
    /// The client port, 0 for the usual one, -1 for any free one.
    pub port: Option<Setting<i32>>,
    /// `host:port` to tell clients instead of the real one.
    pub client_advertise: Option<Setting<String>>,
    /// Has no blanks.
    pub server_name: Option<Setting<String>>,
    /// In the order written.
    pub server_tags: Vec<Setting<String>>,
    /// Switches by name, known here or not.
    pub feature_flags: BTreeMap<String, Setting<bool>>,
    /// Log debug lines.
    pub debug: Option<Setting<bool>>,
    /// Log protocol lines.
    pub trace: Option<Setting<bool>>,
    /// Log protocol lines of the system account too; `true` turns [`Config::trace`] on.
    pub trace_verbose: Option<Setting<bool>>,
    /// Begin log lines with the time.
    pub logtime: Option<Setting<bool>>,
    /// That time in UTC.
    pub logtime_utc: Option<Setting<bool>>,
    /// Log to this file instead of standard error.
    pub log_file: Option<Setting<String>>,
    /// Bytes at which the log file is set aside.
    pub log_size_limit: Option<Setting<i64>>,
    /// Bytes of a payload shown in a trace.
    pub max_traced_msg_len: Option<Setting<i64>>,
    /// The file for the process id.
    pub pid_file: Option<Setting<String>>,
    /// The folder for the file that lists the ports.
    pub ports_file_dir: Option<Setting<String>>,
    /// The interface for monitoring.
    pub http_host: Option<Setting<String>>,
    /// The port for monitoring, 0 for none, -1 for any free one.
    pub http_port: Option<Setting<i32>>,
    /// What the monitoring paths begin with.
    pub http_base_path: Option<Setting<String>>,
    /// Connections at a time; -1 (also written 0) for no limit.
    pub max_connections: Option<Setting<i64>>,
    /// Subscriptions of a connection; 0 and less for no limit.
    pub max_subscriptions: Option<Setting<i64>>,
    /// Tokens of a subscription's subject.
    pub max_sub_tokens: Option<Setting<u8>>,
    /// Bytes of a protocol line.
    pub max_control_line: Option<Setting<i32>>,
    /// Bytes of a message.
    pub max_payload: Option<Setting<i32>>,
    /// Bytes that may wait for a slow client.
    pub max_pending: Option<Setting<i64>>,
    /// Closed connections remembered for monitoring.
    pub max_closed_clients: Option<Setting<i64>>,
    /// Time between pings.
    pub ping_interval: Option<Setting<Duration>>,
    /// Pings that may go unanswered.
    pub ping_max: Option<Setting<i64>>,
    /// How long a write to a client may take.
    pub write_deadline: Option<Setting<Duration>>,
    /// Over how long clients are sent away; at least 30 s.
    pub lame_duck_duration: Option<Setting<Duration>>,
    /// How long to wait before that.
    pub lame_duck_grace_period: Option<Setting<Duration>>,
    /// Offer no message headers.
    pub no_header_support: Option<Setting<bool>>,
    /// Who may connect.
    pub authorization: Option<Setting<Authorization>>,
    /// The user whose rights a client without credentials gets.
    pub no_auth_user: Option<Setting<String>>,
    /// Streams and consumers.
    pub jetstream: Option<Setting<JetStream>>,
    /// Where streams are kept, whether given at the top or within `jetstream`.
    pub store_dir: Option<Setting<String>>,
    /// What to tell the user before going on.
    pub warnings: Vec<Warning>,
}

/// Something that does not keep the server from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The place, and after it what is the matter.
    pub text: String,
    /// nats-server warns of this too, and its check of a configuration (`-t`) fails over it.
    pub fails_check: bool,
}

/// `authorization { … }`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Authorization {
    /// The one user, instead of a list.
    pub username: Option<Setting<String>>,
    /// The password of the one user.
    pub password: Option<Setting<Secret>>,
    /// The token, instead of users.
    pub token: Option<Setting<Secret>>,
    /// How long a client may take to send its credentials; 0 for the default.
    pub timeout: Option<Setting<Duration>>,
    /// The list of users. An empty list lets nobody in and is not the same as none.
    pub users: Option<Vec<User>>,
}

/// An entry of `users`, with the default permissions if it names none.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Where it is.
    pub at: Position,
    /// What the user shows to be let in.
    pub credentials: Credentials,
    /// [`None`] allows everything.
    pub permissions: Option<Permissions>,
}

/// What a user shows to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password, which may be a bcrypt hash.
    Password {
        /// The name.
        username: String,
        /// The password; empty if none was given.
        password: Secret,
    },
    /// A public user key, checked.
    Nkey(String),
}

/// Text that debug output leaves out.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// What a user may publish and subscribe to. [`None`] does not limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects to publish to.
    pub publish: Option<SubjectPermission>,
    /// Subjects to subscribe to, each with an optional queue group after a blank.
    pub subscribe: Option<SubjectPermission>,
    /// Replies allowed beyond [`Permissions::publish`], which then allows nothing it does not list.
    pub allow_responses: Option<AllowResponses>,
}

/// Lists of filters. What is denied is denied even if allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectPermission {
    /// [`None`] allows everything.
    pub allow: Option<Vec<String>>,
    /// Takes away from what is allowed.
    pub deny: Vec<String>,
}

/// How a user may answer requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowResponses {
    /// Answers to one request; [`None`] for any number.
    pub max: Option<u64>,
    /// How long after the request; [`None`] for ever.
    pub expires: Option<Duration>,
}

impl Default for AllowResponses {
    fn default() -> AllowResponses {
        AllowResponses { max: Some(1), expires: Some(Duration::from_mins(2)) }
    }
}

/// `jetstream`, in any of its forms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JetStream {
    /// Whether it is on. A block turns it on unless it says otherwise.
    pub enabled: bool,
    /// Bytes for streams in memory; negative for a share of what there is.
    pub max_memory_store: Option<Setting<i64>>,
    /// Bytes for streams on disk; negative for a share of what there is.
    pub max_file_store: Option<Setting<i64>>,
    /// How often what was written is synced.
    pub sync_interval: Option<Setting<SyncInterval>>,
    /// What to do when the disk fails; nats-server has no such key.
    pub on_io_error: Option<Setting<OnIoError>>,
    /// Refuse API requests with unknown fields.
    pub strict: Option<Setting<bool>>,
    /// What streams and consumers may ask for.
    pub limits: JetStreamLimits,
}

/// `jetstream { limits { … } }`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JetStreamLimits {
    /// Consumers of a stream that sets no limit itself; negative for any number.
    pub default_max_consumers: Option<Setting<i64>>,
    /// The most a consumer may set as `max_ack_pending`.
    pub max_ack_pending: Option<Setting<i64>>,
    /// The most messages of one pull request.
    pub max_request_batch: Option<Setting<i64>>,
    /// The longest duplicate window of a stream.
    pub duplicate_window: Option<Setting<Duration>>,
}

/// How often what was written is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncInterval {
    /// Before anything is acknowledged.
    Always,
    /// At such intervals, whatever was acknowledged meanwhile.
    Every(Duration),
}

/// What to do when the disk fails under the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnIoError {
    /// Refuse writes to streams; reads and core NATS go on.
    #[default]
    Continue,
    /// End the process, so that something else starts it again or takes over.
    Exit,
}

impl OnIoError {
    /// # Errors
    ///
    /// What may be said instead.
    pub(crate) fn parse(word: &str) -> Result<OnIoError, String> {
        match word {
            "continue" => Ok(OnIoError::Continue),
            "exit" => Ok(OnIoError::Exit),
            _ => Err("use continue or exit".to_owned()),
        }
    }
}
