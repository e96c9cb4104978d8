use std::time::Duration;

use crate::codec::CodecError;

/// Why a message was not published.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// No stream takes the subject.
    #[error("no stream takes {subject:?}: create one with that subject, or publish to another")]
    NoStream {
        /// The subject.
        subject: String,
    },
    /// No PubAck came in time. The message may be stored: publish it again under the same id.
    #[error(
        "no PubAck within {after:?} and {attempts} attempts: the server can't be reached or is too slow"
    )]
    TimedOut {
        /// For how long it was tried.
        after: Duration,
        /// How often it was sent.
        attempts: u32,
    },
    /// The server said no.
    #[error("the server refuses the message: {description} (code {code}, err_code {err_code})")]
    Refused {
        /// Code like HTTP's.
        code: u16,
        /// The JetStream error.
        err_code: u64,
        /// The server's words.
        description: String,
    },
    /// Larger than the server takes.
    #[error(
        "the message of {size} bytes is larger than the server's max_payload of {max}: compress it, \
         or put it into an object store and publish its name"
    )]
    TooLarge {
        /// Its bytes, headers not counted.
        size: usize,
        /// The most the server takes.
        max: usize,
    },
    /// The subject is none.
    #[error("{0:?} is not a subject to publish to: no blanks, no wildcards, no empty tokens")]
    Subject(String),
    /// An option of JetStream, on a producer of Core messages.
    #[error("{option} needs JetStream: this producer sends Core messages, which no stream keeps")]
    NeedsJetStream {
        /// The option.
        option: &'static str,
    },
    /// The server is too old for it.
    #[error("{what} needs a server of version {needed}; this one is {found}")]
    ServerTooOld {
        /// What was asked for.
        what: &'static str,
        /// The first version that has it.
        needed: &'static str,
        /// The server's version.
        found: String,
    },
    /// The value does not become bytes.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The bus was closed, or gave up connecting.
    #[error("the bus is closed")]
    Closed,
    /// The connection refuses.
    #[error("the connection refuses the message: {0}")]
    Client(String),
}

impl PublishError {
    /// Whether it is worth another try, later and under the same id.
    pub fn is_passing(&self) -> bool {
        matches!(self, PublishError::TimedOut { .. } | PublishError::NoStream { .. })
    }
}
