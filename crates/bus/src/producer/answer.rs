//! What a server says of a publish.

use async_nats::StatusCode;
use serde::Deserialize;

use super::PublishError;

/// What a server said of a stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubAck {
    /// The stream it is in.
    pub stream: String,
    /// Its sequence there.
    pub sequence: u64,
    /// It was there before, under the same id.
    pub duplicate: bool,
    /// The JetStream domain, if there is one.
    pub domain: Option<String>,
    /// How often it was sent until this answer came.
    pub attempts: u32,
}

/// What came back for a publish.
pub(super) enum Answer {
    Stored(PubAck),
    NoStream,
    Refused(Refusal),
    Nonsense(String),
}

impl Answer {
    pub(super) fn of(message: &async_nats::Message, attempts: u32) -> Answer {
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            return Answer::NoStream;
        }
        match serde_json::from_slice::<AnswerBody>(&message.payload) {
            Ok(AnswerBody { error: Some(refusal), .. }) => Answer::Refused(refusal),
            Ok(AnswerBody { stream, seq, duplicate, domain, .. }) => {
                Answer::Stored(PubAck { stream, sequence: seq, duplicate, domain, attempts })
            }
            Err(error) => {
                let answer = String::from_utf8_lossy(&message.payload);
                Answer::Nonsense(format!("no PubAck: {error}, in {answer:.100}"))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct AnswerBody {
    #[serde(default)]
    error: Option<Refusal>,
    #[serde(default)]
    stream: String,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    #[serde(default)]
    domain: Option<String>,
}

/// Why the server does not store a message.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    code: u16,
    #[serde(default)]
    pub(super) err_code: u64,
    #[serde(default)]
    description: String,
}

impl Refusal {
    /// Whether another attempt may succeed: the server is not ready, not the message wrong. A full
    /// stream that keeps old messages is for the caller to know at once.
    pub(super) fn is_passing(&self) -> bool {
        const STORE_FAILED: u64 = 10077;
        /// The attempt before is not decided yet: a cluster says so of a message that is sent again.
        const IN_PROCESS: u64 = 10158;
        self.err_code == IN_PROCESS || (self.code == 503 && self.err_code != STORE_FAILED)
    }
}

impl From<Refusal> for PublishError {
    fn from(Refusal { code, err_code, description }: Refusal) -> PublishError {
        PublishError::Refused { code, err_code, description }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again() {
        let refusal = |code, err_code| Refusal { code, err_code, description: String::new() };

        assert!(refusal(503, 10008).is_passing(), "JetStream is not ready");
        assert!(refusal(409, 10158).is_passing(), "the same id is in process");
        assert!(!refusal(503, 10077).is_passing(), "maximum messages exceeded");
        assert!(!refusal(400, 10071).is_passing(), "wrong last sequence");
    }
}
