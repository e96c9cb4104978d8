//! One message: what can be said about it, and the three ways to publish it.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use tokio::sync::oneshot;

use super::prepared::{Headers, Prepared};
use super::stored::Waiter;
use super::{Ids, Producer, PubAck, PublishError, Receipt};
use crate::codec::{Encode, Encoded, Format};
use crate::message_id::message_id;
use crate::telemetry::PublishSpan;

/// A message on its way.
#[derive(Debug)]
pub struct Pending(PendingState);

#[derive(Debug)]
enum PendingState {
    Sent,
    Waits(oneshot::Receiver<Result<PubAck, PublishError>>),
}

impl Pending {
    /// Waits until it is stored.
    ///
    /// # Errors
    ///
    /// As [`Producer::publish`].
    pub async fn wait(self) -> Result<Receipt, PublishError> {
        match self.0 {
            PendingState::Sent => Ok(Receipt::Sent),
            PendingState::Waits(result) => {
                result.await.unwrap_or(Err(PublishError::Closed)).map(Receipt::Stored)
            }
        }
    }
}

/// A message with more than a subject and a value. Publish it.
#[must_use = "publish it"]
#[derive(Debug)]
pub struct Message<'a> {
    producer: &'a Producer,
    subject: &'a str,
    id: Option<String>,
    key: Option<&'a str>,
    headers: Option<Box<HeaderMap>>,
    /// An option that only JetStream has.
    needs: Option<&'static str>,
    fails_fast: bool,
}

impl<'a> Message<'a> {
    pub(super) fn new(producer: &'a Producer, subject: &'a str) -> Message<'a> {
        Message {
            producer,
            subject,
            id: None,
            key: None,
            headers: None,
            needs: None,
            fails_fast: false,
        }
    }

    /// Its id: a stream takes no two of one id within its duplicate window.
    pub fn id(mut self, id: impl Into<String>) -> Message<'a> {
        self.id = Some(id.into());
        self
    }

    /// Makes its id, besides subject and body: two messages of one content and two keys are two.
    pub fn key(mut self, key: &'a str) -> Message<'a> {
        self.key = Some(key);
        self
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Message<'a> {
        let value: String = value.into();
        self.headers.get_or_insert_default().append(name, value.as_str());
        self
    }

    fn only_stored(mut self, option: &'static str, name: &str, value: &str) -> Message<'a> {
        self.headers.get_or_insert_default().insert(name, value);
        self.needs.get_or_insert(option);
        self
    }

    /// Only if the stream's last sequence is this. JetStream.
    pub fn expect_last_sequence(self, sequence: u64) -> Message<'a> {
        let name = "Nats-Expected-Last-Sequence";
        self.only_stored("expect_last_sequence", name, &sequence.to_string())
    }

    /// Only if the last sequence of its subject is this; 0 for none. JetStream.
    pub fn expect_last_subject_sequence(self, sequence: u64) -> Message<'a> {
        let name = "Nats-Expected-Last-Subject-Sequence";
        self.only_stored("expect_last_subject_sequence", name, &sequence.to_string())
    }

    /// Only into this stream. JetStream.
    pub fn expect_stream(self, stream: &str) -> Message<'a> {
        self.only_stored("expect_stream", "Nats-Expected-Stream", stream)
    }

    /// It goes after this time, in whole seconds, at least one. JetStream, on a stream that allows it.
    pub fn ttl(self, ttl: Duration) -> Message<'a> {
        let seconds = ttl.as_secs().max(1);
        self.only_stored("ttl", "Nats-TTL", &format!("{seconds}s"))
    }

    /// Not tried again when no stream takes its subject.
    pub fn fail_fast(mut self) -> Message<'a> {
        self.fails_fast = true;
        self
    }

    /// Publishes it, and with JetStream waits until it is stored.
    ///
    /// # Errors
    ///
    /// As [`Producer::publish`].
    pub async fn publish<T: Encode + ?Sized>(self, value: &T) -> Result<Receipt, PublishError> {
        let producer = self.producer;
        let span = PublishSpan::start(producer.bus.tracing(), self.subject);
        let result = match &producer.publisher {
            None => self.send(value, &span).await.map(|()| Receipt::Sent),
            Some(publisher) => match self.prepare(value, &span) {
                Ok(prepared) => publisher.publish_and_wait(prepared).await.map(Receipt::Stored),
                Err(error) => Err(error),
            },
        };
        end(span, result.as_ref().err());
        result
    }

    /// Publishes it; the result waits in what is returned.
    ///
    /// # Errors
    ///
    /// As [`Producer::publish_async`].
    pub async fn publish_later<T: Encode + ?Sized>(
        self,
        value: &T,
    ) -> Result<Pending, PublishError> {
        let producer = self.producer;
        let span = PublishSpan::start(producer.bus.tracing(), self.subject);
        let pending = match &producer.publisher {
            None => self.send(value, &span).await.map(|()| Pending(PendingState::Sent)),
            Some(publisher) => match self.prepare(value, &span) {
                Ok(prepared) => {
                    let (told, result) = oneshot::channel();
                    let waiter = Waiter::Caller(told);
                    let sent = publisher.publish(prepared, waiter).await;
                    sent.map(|_| Pending(PendingState::Waits(result)))
                }
                Err(error) => Err(error),
            },
        };
        end(span, pending.as_ref().err());
        pending
    }

    /// As [`Producer::publish_async`].
    ///
    /// # Errors
    ///
    /// As [`Producer::publish_async`].
    pub async fn publish_async<T: Encode + ?Sized>(self, value: &T) -> Result<(), PublishError> {
        let producer = self.producer;
        let span = PublishSpan::start(producer.bus.tracing(), self.subject);
        let result = match &producer.publisher {
            None => self.send(value, &span).await,
            Some(publisher) => match self.prepare(value, &span) {
                Ok(prepared) => publisher.publish(prepared, Waiter::Results).await.map(|_| ()),
                Err(error) => Err(error),
            },
        };
        end(span, result.as_ref().err());
        result
    }

    /// Core: hands it to the connection.
    async fn send<T: Encode + ?Sized>(
        self,
        value: &T,
        span: &PublishSpan,
    ) -> Result<(), PublishError> {
        let producer = self.producer;
        if let Some(option) = self.needs {
            return Err(PublishError::NeedsJetStream { option });
        }
        let connection = producer.bus.next_connection();
        if connection.is_closed() {
            return Err(PublishError::Closed);
        }
        let since = Instant::now();
        let prepared = self.prepare(value, span)?;
        let Prepared { subject, body, headers, .. } = prepared;
        let headers = headers.to_map();
        let sent = connection.client.publish_with_headers(subject, headers, body).await;
        match sent {
            Ok(()) => producer.metrics.published(since.elapsed(), false, false),
            Err(_) => producer.metrics.publish_failed(),
        }
        sent.map_err(|error| PublishError::Client(error.to_string()))
    }

    /// Encodes, compresses and names it.
    pub(crate) fn prepare<T: Encode + ?Sized>(
        self,
        value: &T,
        span: &PublishSpan,
    ) -> Result<Prepared, PublishError> {
        let Message { producer, subject, id, key, headers, fails_fast, .. } = self;
        let options = &producer.options;
        let subject = producer.bus.config().subject(subject);
        if !is_literal(&subject) {
            return Err(PublishError::Subject(subject));
        }
        let Encoded { body, format } = value.encode(options.format)?;
        let content_type = format.map(Format::content_type);
        let id = producer.publisher.is_some().then(|| {
            id.unwrap_or_else(|| match producer.ids {
                Ids::OfContent => message_id(&subject, key, &body).to_string(),
                Ids::OfCall => producer.call_ids.next(),
            })
        });
        let (body, encoding) = options.compression.compress(body, options.min_compress_size);
        let max = producer.bus.client().max_payload();
        if 0 < max && max < body.len() {
            return Err(PublishError::TooLarge { size: body.len(), max });
        }
        let mut headers = Headers { id, content_type, encoding, others: headers };
        if producer.bus.tracing().is_enabled() {
            span.inject(headers.others.get_or_insert_default());
        }
        Ok(Prepared { subject: subject.into(), body, headers, fails_fast })
    }
}

fn end(span: PublishSpan, error: Option<&PublishError>) {
    match error {
        None => span.end("sent"),
        Some(error) => span.fail("failed", error),
    }
}

/// Whether a subject can be published to.
fn is_literal(subject: &str) -> bool {
    !subject.bytes().any(|byte| byte.is_ascii_whitespace() || byte == b'\0')
        && subject.split('.').all(|token| !matches!(token, "" | "*" | ">"))
}
