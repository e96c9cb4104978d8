//! Publishing: one message, many at once, all or none.

mod answer;
mod atomic;
mod direct;
mod drive;
mod error;
mod message;
mod prepared;
mod stored;
mod window;

use std::sync::Arc;
use std::time::Duration;

pub use self::answer::PubAck;
pub use self::atomic::Atomic;
pub use self::error::PublishError;
pub use self::message::{Message, Pending};
pub use self::prepared::FailedPublish;
pub(crate) use self::prepared::{CONTENT_ENCODING, CONTENT_TYPE, Headers, Prepared};
use self::stored::{OnError, Options, Publisher};
use self::window::Patience;
use crate::bus::Bus;
use crate::codec::Encode;
use crate::config::{self, Mode};
use crate::telemetry::ProducerMetrics;

/// What became of a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Core: it was handed to the connection. Nobody knows whether anybody got it.
    Sent,
    /// JetStream: it is stored.
    Stored(PubAck),
}

impl Receipt {
    /// The PubAck, if it was stored.
    pub fn stored(&self) -> Option<&PubAck> {
        match self {
            Receipt::Sent => None,
            Receipt::Stored(ack) => Some(ack),
        }
    }
}

/// Makes a [`Producer`]. What is not set is as the bus' configuration says.
#[must_use = "call start"]
pub struct ProducerBuilder {
    bus: Bus,
    mode: Mode,
    options: config::Producer,
    ids: Ids,
    on_error: Option<OnError>,
}

/// Which ids messages get that are given none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// A digest of subject, key and body: the same message published twice is stored once, within
    /// the stream's duplicate window.
    #[default]
    OfContent,
    /// One of its own for each call: only retries of that call are recognised.
    OfCall,
}

impl ProducerBuilder {
    pub(crate) fn new(bus: Bus, mode: Mode) -> ProducerBuilder {
        let options = bus.config().producer.clone();
        ProducerBuilder { bus, mode, options, ids: Ids::default(), on_error: None }
    }

    /// Changes the options.
    pub fn with(mut self, change: impl FnOnce(&mut config::Producer)) -> ProducerBuilder {
        change(&mut self.options);
        self
    }

    /// Which ids messages get that are given none; it counts for JetStream only.
    pub fn ids(mut self, ids: Ids) -> ProducerBuilder {
        self.ids = ids;
        self
    }

    /// Is told of each publish that failed, with its message.
    pub fn on_error(
        mut self,
        handler: impl Fn(FailedPublish, &PublishError) + Send + Sync + 'static,
    ) -> ProducerBuilder {
        self.on_error = Some(Arc::new(handler));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// If the bus is closed.
    pub async fn start(self) -> Result<Producer, PublishError> {
        let metrics = self.bus.metrics().producer();
        let publisher = match self.mode {
            Mode::Core => None,
            Mode::JetStream => {
                let options = Options {
                    patience: Patience {
                        attempt: self.options.ack_timeout,
                        in_all: self.options.publish_timeout,
                    },
                    ordered: self.options.ordered,
                    max_outstanding: self.options.max_outstanding,
                    max_outstanding_bytes: self.options.max_outstanding_bytes,
                    on_error: self.on_error,
                };
                let connection = self.bus.next_connection();
                let provisions = self.bus.provisions();
                let start = Publisher::start(connection, provisions, metrics.clone(), options);
                Some(start.await?)
            }
        };
        let call_ids = Arc::new(CallIds::new(self.bus.client()));
        let (bus, options, ids) = (self.bus, Arc::new(self.options), self.ids);
        Ok(Producer { bus, options, ids, call_ids, metrics, publisher })
    }
}

impl std::fmt::Debug for ProducerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProducerBuilder")
            .field("mode", &self.mode)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Unique ids, by a prefix of this process and a counter.
#[derive(Debug)]
struct CallIds {
    prefix: String,
    next: std::sync::atomic::AtomicU64,
}

impl CallIds {
    fn new(client: &async_nats::Client) -> CallIds {
        // An inbox name is unique over all processes.
        CallIds { prefix: client.new_inbox(), next: std::sync::atomic::AtomicU64::new(0) }
    }

    fn next(&self) -> String {
        let n = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!("{}.{n}", self.prefix)
    }
}

/// Publishes messages. Cheap to clone; clones share one window of outstanding publishes.
#[derive(Clone, Debug)]
pub struct Producer {
    bus: Bus,
    options: Arc<config::Producer>,
    ids: Ids,
    call_ids: Arc<CallIds>,
    metrics: ProducerMetrics,
    publisher: Option<Arc<Publisher>>,
}

impl Producer {
    /// Publishes `value`, and with JetStream waits until it is stored.
    ///
    /// # Errors
    ///
    /// If it can't be encoded, or was not stored within `publish_timeout`.
    pub async fn publish<T: Encode + ?Sized>(
        &self,
        subject: &str,
        value: &T,
    ) -> Result<Receipt, PublishError> {
        self.message(subject).publish(value).await
    }

    /// Publishes `value` without waiting for its PubAck; it waits only if `max_outstanding`
    /// publishes do already. What became of it, [`Producer::flush_all`] tells.
    ///
    /// # Errors
    ///
    /// If it can't be encoded, or the bus is closed.
    pub async fn publish_async<T: Encode + ?Sized>(
        &self,
        subject: &str,
        value: &T,
    ) -> Result<(), PublishError> {
        self.message(subject).publish_async(value).await
    }

    /// Publishes all of `values` and waits for all: one result each, in their order.
    pub async fn publish_batch<'a, T: Encode + 'a>(
        &self,
        subject: &str,
        values: impl IntoIterator<Item = &'a T>,
    ) -> Vec<Result<Receipt, PublishError>> {
        let mut pending = Vec::new();
        for value in values {
            pending.push(self.message(subject).publish_later(value).await);
        }
        let mut results = Vec::with_capacity(pending.len());
        for pending in pending {
            results.push(match pending {
                Ok(pending) => pending.wait().await,
                Err(error) => Err(error),
            });
        }
        results
    }

    /// A message with more than a subject and a value.
    pub fn message<'a>(&'a self, subject: &'a str) -> Message<'a> {
        Message::new(self, subject)
    }

    /// Messages that are stored all or none of them.
    ///
    /// # Errors
    ///
    /// If this is a producer of Core messages, or the server is older than 2.12.
    pub fn atomic(&self) -> Result<Atomic<'_>, PublishError> {
        Atomic::start(self)
    }

    /// Waits until all that was published is settled, at most `timeout`. One result for each
    /// [`Producer::publish_async`] since the last flush, in their order, of the last
    /// `max_outstanding` that is; what has no answer by then is [`PublishError::TimedOut`], and goes
    /// on being tried.
    pub async fn flush_all(&self, timeout: Duration) -> Vec<Result<PubAck, PublishError>> {
        if let Some(publisher) = &self.publisher {
            return publisher.flush(timeout).await;
        }
        let _ = tokio::time::timeout(timeout, self.bus.client().flush()).await;
        Vec::new()
    }

    /// Publishes a message that is ready, to JetStream.
    pub(crate) async fn publish_prepared(
        &self,
        prepared: Prepared,
    ) -> Result<PubAck, PublishError> {
        let Some(publisher) = &self.publisher else {
            return Err(PublishError::NeedsJetStream { option: "a PubAck" });
        };
        publisher.publish_and_wait(prepared).await
    }

    /// Publishes that wait for their PubAck.
    pub fn outstanding(&self) -> usize {
        self.publisher.as_ref().map_or(0, |publisher| publisher.outstanding())
    }

    /// How messages travel.
    pub fn mode(&self) -> Mode {
        if self.publisher.is_some() { Mode::JetStream } else { Mode::Core }
    }
}
