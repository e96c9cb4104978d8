//! What can be wrong or odd with a configuration.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a configuration can't be used. No variant shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file could not be read.
    #[error("can't read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is wrong is wrong in this file.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<ConfigError>,
    },
    /// The text is no YAML.
    #[error("line {line}: {problem}")]
    Yaml {
        /// Counted from 1; 0 if unknown.
        line: u64,
        /// What the parser said.
        problem: String,
    },
    /// There is no such key.
    #[error(
        "line {line}: unknown key `{key}`{}",
        nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"))
    )]
    UnknownKey {
        /// Counted from 1.
        line: u64,
        /// With its sections, `tls.cert`.
        key: String,
        /// The known key that looks most like it, if one does.
        nearest: Option<&'static str>,
    },
    /// The value of a key is not of its kind.
    #[error("line {line}: `{key}`: {problem}")]
    Key {
        /// Counted from 1.
        line: u64,
        /// With its sections.
        key: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// One thing is told twice, differently.
    #[error(
        "line {line}: `{key}` says another thing than `{other}` in line {other_line}; keep one"
    )]
    Twice {
        /// Counted from 1.
        line: u64,
        /// With its sections.
        key: String,
        /// Where it was told before.
        other_line: u64,
        /// Under which key.
        other: String,
    },
    /// The value of an environment variable is not of its kind.
    #[error("{variable}: {problem}")]
    Variable {
        /// Its name.
        variable: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Something else than NATS is asked for.
    #[error("{variable} is `{value}`, which is not supported; set it to `nats` or unset it")]
    Unsupported {
        /// The environment variable that asks.
        variable: &'static str,
        /// For what.
        value: String,
    },
    /// An address of a server is none.
    #[error("`{url}` is no address of a server: {problem}")]
    Url {
        /// The address, without user and password.
        url: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A setting has a value that can't work.
    #[error("{setting} {problem}")]
    Setting {
        /// Its key in a file.
        setting: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Two settings that exclude each other.
    #[error("{first} and {second} are both given: {remedy}")]
    Conflict {
        /// The one.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// What to do.
        remedy: &'static str,
    },
}

/// What works, but hardly as meant. `Display` says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// More handlers or larger batches are asked for than messages may be unacknowledged.
    InflightAboveAckPending {
        /// Handlers that may run at once.
        max_inflight: usize,
        /// Messages asked for at once.
        batch_size: usize,
        /// Messages that may be unacknowledged.
        max_ack_pending: usize,
        /// How many handlers run at most.
        effective: usize,
    },
    /// An option of JetStream that has no effect: nothing else asks for JetStream.
    NeedsJetStream {
        /// Its key in a file.
        setting: &'static str,
    },
    /// A user without a password.
    UserWithoutPassword,
    /// A JWT that nothing can sign for; servers take that of bearer tokens only.
    JwtWithoutSeed,
    /// A publish can't be tried again.
    NoTimeToRetry {
        /// For a publish with all its attempts.
        publish_timeout: String,
        /// For one attempt.
        ack_timeout: String,
    },
    /// The server belongs to another cluster than expected.
    OtherCluster {
        /// The `cluster_id` of the configuration.
        expected: String,
        /// The cluster that the server named; none if it named none.
        found: Option<String>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::InflightAboveAckPending {
                max_inflight,
                batch_size,
                max_ack_pending,
                effective,
            } => write!(
                f,
                "max_inflight {max_inflight} and batch_size {batch_size} with max_ack_pending \
                 {max_ack_pending}: at most {effective} messages are handled at once; raise \
                 max_ack_pending or lower the others"
            ),
            Warning::NeedsJetStream { setting } => write!(
                f,
                "{setting} has no effect over Core NATS: name a stream or set \
                 `jetstream_enabled: true`"
            ),
            Warning::UserWithoutPassword => {
                f.write_str("username is given without password: an empty one will be sent")
            }
            Warning::JwtWithoutSeed => f.write_str(
                "jwt is given without nkey_seed: servers accept that of bearer tokens only",
            ),
            Warning::NoTimeToRetry { publish_timeout, ack_timeout } => write!(
                f,
                "publish_timeout {publish_timeout} is not over ack_timeout {ack_timeout}: a publish \
                 is never tried again; raise publish_timeout"
            ),
            Warning::OtherCluster { expected, found: Some(found) } => write!(
                f,
                "the server belongs to cluster `{found}`, not to `{expected}`: check cluster_id and \
                 the addresses"
            ),
            Warning::OtherCluster { expected, found: None } => write!(
                f,
                "the server belongs to no cluster, not to `{expected}`: check cluster_id and the \
                 addresses"
            ),
        }
    }
}
