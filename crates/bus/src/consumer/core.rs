//! Core NATS: subjects listened to, at most once.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_nats::HeaderMap;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::settle::{decode, take_headers};
use super::source::client_error;
use super::subscription::{Counts, Subscription, count};
use super::{ConsumeError, Delivery, Handler, Outcome};
use crate::bus::Bus;
use crate::codec::{Decode, Encode, Encoded};
use crate::producer::CONTENT_TYPE;
use crate::telemetry::{ConsumerMetrics, HandleSpan};

/// Makes a subscription to a subject of Core NATS.
///
/// What was not listened to is gone: there is no acknowledgement, no retry, no dead letter. Options
/// of that kind are those of [`ConsumerBuilder`](super::ConsumerBuilder), on a stream.
#[must_use = "call run"]
#[derive(Debug)]
pub struct CoreBuilder<T> {
    bus: Bus,
    subject: String,
    group: Option<String>,
    concurrency: usize,
    messages_max: usize,
    bytes_max: usize,
    data: PhantomData<fn() -> T>,
}

impl<T: Decode + Send + 'static> CoreBuilder<T> {
    pub(crate) fn new(bus: Bus, subject: &str) -> CoreBuilder<T> {
        let config = bus.config();
        CoreBuilder {
            subject: config.subject(subject),
            group: config.consumer.group.clone(),
            concurrency: 1,
            messages_max: config.connection.pending_msgs_limit,
            bytes_max: config.connection.pending_bytes_limit,
            bus,
            data: PhantomData,
        }
    }

    /// Each message to one member of the group.
    pub fn group(mut self, group: impl Into<String>) -> CoreBuilder<T> {
        self.group = Some(group.into());
        self
    }

    /// Handlers that run at once.
    pub fn concurrency(mut self, concurrency: usize) -> CoreBuilder<T> {
        self.concurrency = concurrency.max(1);
        self
    }

    /// Messages and bytes that may wait for their handler. What comes on top is dropped, counted and
    /// warned of: Core NATS has nobody who would keep it.
    pub fn limits(mut self, messages: usize, bytes: usize) -> CoreBuilder<T> {
        (self.messages_max, self.bytes_max) = (messages.max(1), bytes.max(1));
        self
    }

    /// Calls `handler` for each message, until the subscription ends.
    ///
    /// # Errors
    ///
    /// If the subject is none, or the bus is closed.
    pub async fn run<H: Handler<T>>(self, handler: H) -> Result<Subscription, ConsumeError> {
        let handle = move |delivery, handler: Arc<H>, _: Bus| async move {
            let _: Outcome = handler.handle(delivery).await;
        };
        self.start(Arc::new(handler), handle).await
    }

    /// As [`CoreBuilder::run`]; what the handler returns is the answer to whoever asks for one.
    /// None: no answer.
    ///
    /// # Errors
    ///
    /// As [`CoreBuilder::run`].
    pub async fn respond<F, Fut, R>(self, handler: F) -> Result<Subscription, ConsumeError>
    where
        F: Fn(Delivery<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<R>> + Send + 'static,
        R: Encode + Send + Sync + 'static,
    {
        let handle = move |delivery: Delivery<T>, handler: Arc<F>, bus: Bus| async move {
            let reply = delivery.reply.clone();
            let answer = handler(delivery).await;
            if let (Some(reply), Some(answer)) = (reply, answer) {
                send_answer(&bus, reply, &answer).await;
            }
        };
        self.start(Arc::new(handler), handle).await
    }

    async fn start<H, F, Fut>(
        self,
        handler: Arc<H>,
        handle: F,
    ) -> Result<Subscription, ConsumeError>
    where
        H: Send + Sync + 'static,
        F: Fn(Delivery<T>, Arc<H>, Bus) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        if self.bus.is_closed() {
            return Err(ConsumeError::Closed);
        }
        let client = self.bus.client();
        let subscribed = match &self.group {
            None => client.subscribe(self.subject.clone()).await,
            Some(group) => client.queue_subscribe(self.subject.clone(), group.clone()).await,
        };
        let mut messages = subscribed.map_err(|error| client_error(&self.subject, error))?;
        // What is published from now on is for us, also from other connections.
        let _ = client.flush().await;
        let counts = Arc::new(Counts::default());
        let metrics = self.bus.metrics().consumer("", &self.subject);
        let stopping = self.bus.child_token();
        let (queue, waiting) = Queue::new(self.messages_max, self.bytes_max);
        let reader = {
            let (counts, stopping) = (Arc::clone(&counts), stopping.clone());
            async move {
                loop {
                    tokio::select! {
                        biased;
                        () = stopping.cancelled() => break,
                        message = messages.next() => match message {
                            Some(message) => queue.offer(message, &counts),
                            None => break,
                        }
                    }
                }
                let _ = messages.unsubscribe().await;
            }
        };
        tokio::spawn(reader);
        let workers = Workers {
            bus: self.bus,
            counts: Arc::clone(&counts),
            metrics,
            places: Arc::new(Semaphore::new(self.concurrency)),
            tasks: TaskTracker::new(),
            stopping: stopping.clone(),
        };
        let task = tokio::spawn(workers.run(waiting, handler, handle, self.concurrency == 1));
        Ok(Subscription::new(stopping, counts, task))
    }
}

async fn send_answer<R: Encode>(bus: &Bus, reply: String, answer: &R) {
    let encoded = answer.encode(bus.config().producer.format);
    match encoded {
        Ok(Encoded { body, format }) => {
            let mut headers = HeaderMap::new();
            if let Some(format) = format {
                headers.insert(CONTENT_TYPE, format.content_type());
            }
            let _ = bus.client().publish_with_headers(reply, headers, body).await;
        }
        Err(error) => {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Service-Error-Code", "500");
            headers.insert("Nats-Service-Error", error.to_string().as_str());
            let _ = bus.client().publish_with_headers(reply, headers, Bytes::new()).await;
        }
    }
}

/// Messages that wait for their handler, limited by number and by bytes.
struct Queue {
    sender: mpsc::Sender<async_nats::Message>,
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
}

struct Waiting {
    receiver: mpsc::Receiver<async_nats::Message>,
    bytes: Arc<AtomicUsize>,
}

impl Queue {
    fn new(messages_max: usize, bytes_max: usize) -> (Queue, Waiting) {
        let (sender, receiver) = mpsc::channel(messages_max.min(Semaphore::MAX_PERMITS));
        let bytes = Arc::new(AtomicUsize::new(0));
        (Queue { sender, bytes: Arc::clone(&bytes), bytes_max }, Waiting { receiver, bytes })
    }

    fn offer(&self, message: async_nats::Message, counts: &Counts) {
        let length = message.length;
        let fits = self.bytes.fetch_add(length, Ordering::AcqRel) + length <= self.bytes_max;
        if !fits || self.sender.try_send(message).is_err() {
            self.bytes.fetch_sub(length, Ordering::AcqRel);
            if counts.dropped.fetch_add(1, Ordering::Relaxed).is_multiple_of(1000) {
                tracing::warn!("a subscription is too slow: messages are dropped");
            }
        }
    }
}

impl Waiting {
    async fn next(&mut self) -> Option<async_nats::Message> {
        let message = self.receiver.recv().await?;
        self.bytes.fetch_sub(message.length, Ordering::AcqRel);
        Some(message)
    }
}

#[derive(Clone)]
struct Workers {
    bus: Bus,
    counts: Arc<Counts>,
    metrics: ConsumerMetrics,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Workers {
    async fn run<T, H, F, Fut>(
        self,
        mut waiting: Waiting,
        handler: Arc<H>,
        handle: F,
        one_by_one: bool,
    ) where
        T: Decode + Send + 'static,
        H: Send + Sync + 'static,
        F: Fn(Delivery<T>, Arc<H>, Bus) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        loop {
            let message = tokio::select! {
                biased;
                message = waiting.next() => message,
                () = self.stopping.cancelled() => None,
            };
            let Some(message) = message else { break };
            let (this, handle, handler) = (self.clone(), handle.clone(), Arc::clone(&handler));
            if one_by_one {
                this.handle(message, handler, handle).await;
                continue;
            }
            let place = Arc::clone(&self.places).acquire_owned().await;
            self.tasks.spawn(async move {
                this.handle(message, handler, handle).await;
                drop(place);
            });
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn handle<T, H, F, Fut>(
        &self,
        mut message: async_nats::Message,
        handler: Arc<H>,
        handle: F,
    ) where
        T: Decode + Send + 'static,
        F: Fn(Delivery<T>, Arc<H>, Bus) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        use futures_util::FutureExt as _;
        count(&self.counts.delivered);
        self.metrics.delivered(None, false);
        let tracing = self.bus.tracing();
        let headers = take_headers(&mut message);
        let span = HandleSpan::start(tracing, &message.subject, &headers);
        let since = std::time::Instant::now();
        let outcome = match decode::<T>(&message, headers, None) {
            Err(error) => {
                tracing::warn!(subject = %message.subject, error, "a message can't be decoded");
                count(&self.counts.dropped);
                "drop"
            }
            Ok(delivery) => {
                let handling = span.within(handle(delivery, handler, self.bus.clone()));
                if std::panic::AssertUnwindSafe(handling).catch_unwind().await.is_ok() {
                    count(&self.counts.acked);
                    "ack"
                } else {
                    count(&self.counts.panics);
                    self.metrics.panicked();
                    tracing::error!(subject = %message.subject, "a handler panicked");
                    "panic"
                }
            }
        };
        self.metrics.handled(outcome, since.elapsed());
        span.end(outcome);
    }
}
