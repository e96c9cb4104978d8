//! Messages that can't be handled: kept, with the reason, until somebody looks at them.
//!
//! Order of things: the dead letter is published and its PubAck awaited, then the message is
//! acknowledged. Whoever dies in between does it again, and the dead letter's id, made of the
//! stream, its creation, the consumer and the sequence, lets the dead-letter stream take it once
//! within its duplicate window.

mod advisory;
mod store;

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::stream;

pub use self::store::{DeadLetter, DeadLetterStore, Replayed};
use crate::bus::Bus;
use crate::consumer::{ConsumeError, Meta};
use crate::manage::{self, ManageError, OnDrift};
use crate::producer::{Headers, Prepared, Producer, PublishError};

/// Names of the headers of a dead letter, besides those of its message.
pub mod headers {
    /// `max_deliver`, `permanent_error`.
    pub const REASON: &str = "Nats-DLQ-Reason";
    /// The last error, in words.
    pub const ERROR: &str = "Nats-DLQ-Error";
    /// Stream of the message.
    pub const STREAM: &str = "Nats-DLQ-Stream";
    /// Consumer that could not handle it.
    pub const CONSUMER: &str = "Nats-DLQ-Consumer";
    /// Subject of the message.
    pub const SUBJECT: &str = "Nats-DLQ-Subject";
    /// Its sequence in its stream.
    pub const SEQUENCE: &str = "Nats-DLQ-Sequence";
    /// How often it was delivered.
    pub const NUM_DELIVERED: &str = "Nats-DLQ-Num-Delivered";
    /// When it was stored, RFC 3339.
    pub const FIRST_TIMESTAMP: &str = "Nats-DLQ-First-Timestamp";
    /// Which host gave up.
    pub const HOST: &str = "Nats-DLQ-Host";
    /// The id that the message had.
    pub const MESSAGE_ID: &str = "Nats-DLQ-Message-Id";
}

/// Where dead letters go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterPolicy {
    stream: Option<String>,
    subject: Option<String>,
    duplicate_window: Duration,
    max_age: Duration,
    replicas: Option<usize>,
}

impl Default for DeadLetterPolicy {
    /// Stream `<stream>-dlq`, subject `dlq.<stream>.<consumer>`, kept for ever; one dead letter for
    /// each message whatever happens within 24 hours.
    fn default() -> DeadLetterPolicy {
        DeadLetterPolicy {
            stream: None,
            subject: None,
            duplicate_window: Duration::from_hours(24),
            max_age: Duration::ZERO,
            replicas: None,
        }
    }
}

impl DeadLetterPolicy {
    /// As [`DeadLetterPolicy::default`].
    pub fn new() -> DeadLetterPolicy {
        DeadLetterPolicy::default()
    }

    /// Name of the stream; it is made if it is missing.
    pub fn stream(mut self, stream: impl Into<String>) -> DeadLetterPolicy {
        self.stream = Some(stream.into());
        self
    }

    /// Subject of the dead letters.
    pub fn subject(mut self, subject: impl Into<String>) -> DeadLetterPolicy {
        self.subject = Some(subject.into());
        self
    }

    /// The longest time from a dead letter to the acknowledgement of its message, with all outages
    /// in between, in which it is stored once only.
    pub fn duplicate_window(mut self, window: Duration) -> DeadLetterPolicy {
        self.duplicate_window = window;
        self
    }

    /// Dead letters older than that go.
    pub fn max_age(mut self, max_age: Duration) -> DeadLetterPolicy {
        self.max_age = max_age;
        self
    }

    /// Copies of the stream.
    pub fn replicas(mut self, replicas: usize) -> DeadLetterPolicy {
        self.replicas = Some(replicas);
        self
    }
}

/// The dead letters of one consumer.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    bus: Bus,
    stream: String,
    consumer: String,
    subject: String,
    advisories: String,
    producer: Producer,
    host: String,
}

/// A message to bury.
pub(crate) struct Dead<'a> {
    pub(crate) message: &'a async_nats::Message,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) meta: &'a Meta,
    pub(crate) reason: &'static str,
    pub(crate) error: &'a str,
}

impl DeadLetters {
    /// Makes sure that there is a stream for them, and one for the server's word that a message was
    /// delivered for the last time.
    pub(crate) async fn provision(
        bus: &Bus,
        policy: DeadLetterPolicy,
        stream: &str,
        consumer: &str,
    ) -> Result<Arc<DeadLetters>, ConsumeError> {
        let name = policy.stream.clone().unwrap_or_else(|| format!("{stream}-dlq"));
        let subject = policy.subject.clone().unwrap_or_else(|| format!("dlq.{stream}.{consumer}"));
        let subject = bus.config().subject(&subject);
        let replicas = match policy.replicas {
            Some(replicas) => replicas,
            None => bus.config().stream.replicas.unwrap_or(1),
        };
        let letters = stream::Config {
            name: name.clone(),
            subjects: vec![subject.clone()],
            duplicate_window: policy.duplicate_window,
            max_age: policy.max_age,
            num_replicas: replicas,
            description: Some("dead letters".to_owned()),
            ..stream::Config::default()
        };
        let advisories = format!("{name}-advisories");
        let words = stream::Config {
            name: advisories.clone(),
            subjects: vec![advisory::subject(stream, consumer)],
            max_age: Duration::from_hours(24 * 7),
            num_replicas: replicas,
            description: Some("deliveries that were the last of their message".to_owned()),
            ..stream::Config::default()
        };
        for config in [letters, words] {
            let config = with_subjects_there(bus, config).await?;
            manage::ensure_stream(bus.context(), &config, OnDrift::Update).await?;
            bus.provisions().keep(config);
        }
        let producer = bus.stream_producer().start().await.map_err(|_| ConsumeError::Closed)?;
        Ok(Arc::new(DeadLetters {
            bus: bus.clone(),
            stream: stream.to_owned(),
            consumer: consumer.to_owned(),
            subject,
            advisories,
            producer,
            host: host(),
        }))
    }

    /// Publishes a dead letter; it is stored when this returns.
    pub(crate) async fn bury(
        &self,
        dead: &Dead<'_>,
        stream_created: jiff::Timestamp,
    ) -> Result<(), PublishError> {
        let meta = dead.meta;
        let headers = self.headers_of(dead);
        let (stream, consumer) = (&meta.stream, &meta.consumer);
        let (created, sequence) = (stream_created.as_nanosecond(), meta.stream_sequence);
        let id = format!("dlq:{stream}:{created}:{consumer}:{sequence}");
        let prepared = Prepared {
            subject: self.subject.as_str().into(),
            body: dead.message.payload.clone(),
            headers: Headers {
                id: Some(id),
                others: Some(Box::new(headers)),
                ..Headers::default()
            },
            fails_fast: false,
        };
        self.producer.publish_prepared(prepared).await.map(|_| ())
    }

    fn headers_of(&self, dead: &Dead<'_>) -> HeaderMap {
        let meta = dead.meta;
        let mut headers = HeaderMap::new();
        for (name, values) in dead.headers.iter() {
            // What was said to the server about the publish is not to be said again.
            let name_text: &str = name.as_ref();
            let was_for_the_server = ["Nats-Expected-", "Nats-TTL", "Nats-Msg-Id", "Nats-Batch-"];
            if was_for_the_server.iter().any(|prefix| name_text.starts_with(prefix)) {
                continue;
            }
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
        let id = dead.headers.get(async_nats::header::NATS_MESSAGE_ID);
        let number = |number: u64| number.to_string();
        let told = [
            (headers::REASON, dead.reason.to_owned()),
            (headers::ERROR, one_line(dead.error)),
            (headers::STREAM, meta.stream.clone()),
            (headers::CONSUMER, meta.consumer.clone()),
            (headers::SUBJECT, dead.message.subject.to_string()),
            (headers::SEQUENCE, number(meta.stream_sequence)),
            (headers::NUM_DELIVERED, number(meta.num_delivered)),
            (headers::FIRST_TIMESTAMP, meta.timestamp.to_string()),
            (headers::HOST, self.host.clone()),
        ];
        for (name, value) in told {
            headers.insert(name, value.as_str());
        }
        if let Some(id) = id {
            headers.insert(headers::MESSAGE_ID, id.clone());
        }
        headers
    }
}

/// Adds the subjects that the stream has already: it may be shared.
async fn with_subjects_there(
    bus: &Bus,
    mut config: stream::Config,
) -> Result<stream::Config, ManageError> {
    match bus.context().get_stream(&config.name).await {
        Ok(found) => {
            let there = &found.cached_info().config.subjects;
            let missing = config.subjects.iter().filter(|subject| {
                !there.iter().any(|filter| filter == *subject || manage::matches(filter, subject))
            });
            config.subjects = there.iter().chain(missing).cloned().collect();
            Ok(config)
        }
        Err(error) if manage::is_missing(&error) => Ok(config),
        Err(error) => {
            let (what, name) = ("stream", config.name);
            Err(ManageError::Refused { what, name, why: error.to_string() })
        }
    }
}

/// A header has one line, of a bearable length.
fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 1000;
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(CHARS_MAX).collect()
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().to_owned();
    if name.is_empty() { std::env::var("HOSTNAME").unwrap_or_default() } else { name }
}
