//! Batches that are stored whole or not at all (NATS ADR-50).

use async_nats::HeaderMap;
use async_nats::Subject;
use bytes::Bytes;

use super::answer::Answer;
use super::{Producer, PubAck, PublishError};
use crate::codec::Encode;
use crate::telemetry::PublishSpan;

/// The most messages of one batch that servers take.
const MESSAGES_MAX: usize = 1000;

/// Messages that are stored all or none of them: [`Atomic::add`] them, then [`Atomic::commit`].
///
/// The stream must allow it (`allow_atomic_publish`). Dropped without a commit, nothing was sent.
#[derive(Debug)]
#[must_use = "nothing is sent before the commit"]
pub struct Atomic<'a> {
    producer: &'a Producer,
    messages: Vec<(Subject, HeaderMap, Bytes)>,
}

impl<'a> Atomic<'a> {
    pub(super) fn start(producer: &'a Producer) -> Result<Atomic<'a>, PublishError> {
        if producer.publisher.is_none() {
            return Err(PublishError::NeedsJetStream { option: "an atomic batch" });
        }
        let client = producer.bus.client();
        if !client.is_server_compatible(2, 12, 0) {
            let found = client.try_server_info().map(|info| info.version).unwrap_or_default();
            let what = "an atomic batch";
            return Err(PublishError::ServerTooOld { what, needed: "2.12", found });
        }
        Ok(Atomic { producer, messages: Vec::new() })
    }

    /// Adds a message.
    ///
    /// # Errors
    ///
    /// If it can't be encoded.
    pub fn add<T: Encode + ?Sized>(
        &mut self,
        subject: &str,
        value: &T,
    ) -> Result<&mut Self, PublishError> {
        let span = PublishSpan::start(self.producer.bus.tracing(), subject);
        let prepared = self.producer.message(subject).prepare(value, &span)?;
        self.messages.push(prepared.into_parts());
        span.end("sent");
        Ok(self)
    }

    /// How many messages it has.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Stores all of them: the PubAck of the last one, or nothing is stored.
    ///
    /// After [`PublishError::TimedOut`] they may be stored or not; committed again under the same
    /// ids they are refused as duplicates if they are.
    ///
    /// # Errors
    ///
    /// If the server refuses, or does not answer.
    pub async fn commit(self) -> Result<PubAck, PublishError> {
        let n_messages = self.messages.len();
        if n_messages == 0 || MESSAGES_MAX < n_messages {
            let why = format!("a batch has 1 to {MESSAGES_MAX} messages, this one {n_messages}");
            return Err(PublishError::Client(why));
        }
        let client = &self.producer.bus.next_connection().client;
        // An inbox name is unique, and short enough for a batch id without its prefix.
        let inbox = client.new_inbox();
        let batch = inbox.rsplit('.').next().unwrap_or(&inbox).to_owned();
        let mut answer = None;
        for (at, (subject, mut headers, body)) in self.messages.into_iter().enumerate() {
            headers.insert("Nats-Batch-Id", batch.as_str());
            headers.insert("Nats-Batch-Sequence", (at + 1).to_string().as_str());
            let is_last = at + 1 == n_messages;
            if is_last {
                headers.insert("Nats-Batch-Commit", "1");
            }
            if at == 0 || is_last {
                // The first is answered, too: by an error, if the server takes no batches.
                let request = client.request_with_headers(subject.clone(), headers, body).await;
                let options = &self.producer.options;
                let message = request.map_err(|error| failed(options, &subject, &error))?;
                answer = accepted(&message)?;
            } else {
                let sent = client.publish_with_headers(subject, headers, body).await;
                sent.map_err(|error| PublishError::Client(error.to_string()))?;
            }
        }
        answer.ok_or_else(|| PublishError::Client("the commit has no PubAck".to_owned()))
    }
}

fn failed(
    options: &crate::config::Producer,
    subject: &str,
    error: &async_nats::RequestError,
) -> PublishError {
    use async_nats::RequestErrorKind as Kind;
    match error.kind() {
        Kind::TimedOut => PublishError::TimedOut { after: options.ack_timeout, attempts: 1 },
        Kind::NoResponders => PublishError::NoStream { subject: subject.to_owned() },
        _ => PublishError::Client(error.to_string()),
    }
}

/// The PubAck of an answer; that of a message that is not the last is empty.
fn accepted(message: &async_nats::Message) -> Result<Option<PubAck>, PublishError> {
    if message.payload.is_empty() {
        return Ok(None);
    }
    match Answer::of(message, 1) {
        Answer::Stored(ack) => Ok(Some(ack)),
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::NoStream => Err(PublishError::NoStream { subject: message.subject.to_string() }),
        Answer::Nonsense(why) => Err(PublishError::Client(why)),
    }
}
