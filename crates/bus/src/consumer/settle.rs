//! What becomes of one delivery: handled, tried again, given back, dead.

use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use bytes::Bytes;
use futures_util::FutureExt as _;

use super::engine::Attach;
use super::lanes::{Job, Worker};
use super::retry::Retry;
use super::subscription::{Counts, count};
use super::{Delivery, Handler, Meta, Outcome};
use crate::bus::Bus;
use crate::codec::{CodecError, Decode, Format};
use crate::compress::{CompressError, decompress};
use crate::dead_letter::{Dead, DeadLetters};
use crate::idempotency::{Claim, ClaimToken, Store};
use crate::producer::{CONTENT_ENCODING, CONTENT_TYPE};
use crate::telemetry::{ConsumerMetrics, HandleSpan};

/// The most bytes that a compressed body may become.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 20;

/// What all handlers of a subscription share.
pub(crate) struct Settle {
    pub(crate) bus: Bus,
    retry: Retry,
    handler_timeout: Option<Duration>,
    dead_letters: Option<Arc<DeadLetters>>,
    idempotency: Option<(Arc<dyn Store>, Duration)>,
    counts: Arc<Counts>,
    metrics: ConsumerMetrics,
}

impl Settle {
    pub(crate) fn new(bus: &Bus, retry: Retry, handler_timeout: Option<Duration>) -> Settle {
        Settle {
            bus: bus.clone(),
            retry,
            handler_timeout,
            dead_letters: None,
            idempotency: None,
            counts: Arc::default(),
            metrics: bus.metrics().consumer("", ""),
        }
    }

    pub(crate) fn dead_letters(mut self, dead_letters: Option<Arc<DeadLetters>>) -> Settle {
        self.dead_letters = dead_letters;
        self
    }

    pub(crate) fn idempotency(mut self, store: Option<(Arc<dyn Store>, Duration)>) -> Settle {
        self.idempotency = store;
        self
    }

    async fn say(&self, job: &Job, word: Bytes) {
        if let Some(reply) = &job.message.reply {
            let said = self.bus.client().publish(reply.clone(), word).await;
            if let Err(error) = said {
                // The server delivers again after ack_wait.
                tracing::debug!(%error, "a message can't be settled");
            }
        }
    }

    /// Back to the server, which delivers again after `wait`.
    async fn give_back_after(&self, job: &Job, wait: Duration) {
        let word = format!("-NAK {{\"delay\":{}}}", wait.as_nanos());
        self.say(job, Bytes::from(word)).await;
    }

    /// Back to the server at once: we stop, another may have it.
    pub(crate) async fn give_back(&self, job: Job) {
        if job.meta.is_some() {
            self.say(&job, Bytes::from_static(b"-NAK")).await;
        }
    }

    fn num_delivered(job: &Job) -> u64 {
        job.meta.as_ref().map_or(1, |meta| meta.num_delivered)
    }

    /// Does what the outcome says.
    pub(crate) async fn settle(&self, job: &Job, outcome: Outcome) {
        let num_delivered = Settle::num_delivered(job);
        match outcome {
            Outcome::Ack => {
                count(&self.counts.acked);
                self.say(job, Bytes::from_static(b"+ACK")).await;
            }
            Outcome::Drop(why) => {
                count(&self.counts.dropped);
                tracing::info!(subject = %job.message.subject, why, "dropped");
                self.say(job, Bytes::from_static(b"+ACK")).await;
            }
            Outcome::DeadLetter(why) => self.bury(job, "permanent_error", &why).await,
            Outcome::Retry(why) | Outcome::RetryAfter(_, why)
                if self.retry.is_last(num_delivered) && self.dead_letters.is_some() =>
            {
                self.bury(job, "max_deliver", &why).await;
            }
            Outcome::Retry(why) => {
                self.put_off(job, self.retry.wait_after(num_delivered), &why).await;
            }
            Outcome::RetryAfter(wait, why) => self.put_off(job, wait, &why).await,
        }
    }

    async fn put_off(&self, job: &Job, wait: Duration, why: &str) {
        count(&self.counts.retried);
        let subject = &job.message.subject;
        tracing::info!(%subject, why, ?wait, "处理失败 (handling failed): tried again later");
        self.give_back_after(job, wait).await;
    }

    /// Into the dead letters, and only then off the stream's books.
    async fn bury(&self, job: &Job, reason: &'static str, error: &str) {
        let (Some(dead_letters), Some(meta)) = (&self.dead_letters, &job.meta) else {
            tracing::error!(subject = %job.message.subject, reason, error, "can't be handled, and \
                 there is no dead-letter stream: the server delivers it no more");
            count(&self.counts.dropped);
            return self.say(job, Bytes::from_static(b"+TERM")).await;
        };
        let (message, headers) = (&job.message, &*job.headers);
        let dead = Dead { message, headers, meta, reason, error };
        // Not given up while the subscription lives: the server is told all the while that we
        // work on it, and if we die it comes again, or is reported as exhausted.
        let mut attempt = 0;
        while let Err(error) = dead_letters.bury(&dead, job.stream_created).await {
            tracing::warn!(%error, "no dead letter yet: trying on");
            if self.bus.is_closed() {
                return;
            }
            tokio::time::sleep(self.bus.config().connection.backoff.wait_now(attempt)).await;
            attempt = attempt.saturating_add(1);
        }
        count(&self.counts.dead_lettered);
        self.metrics.dead_lettered(reason);
        // Confirmed: an acknowledgement that gets lost would have it delivered once more.
        if let Some(reply) = &job.message.reply {
            let _ = self.bus.client().request(reply.clone(), Bytes::from_static(b"+ACK")).await;
        }
    }

    /// Claims the message, if there is a store. None: somebody has it, or had it.
    async fn claim(&self, job: &Job) -> Result<Option<(String, ClaimToken)>, Outcome> {
        let Some((store, lease)) = &self.idempotency else { return Ok(None) };
        let Some(id) = id_of(job) else { return Ok(None) };
        match store.claim(&id, *lease).await {
            Ok(Claim::Granted(token)) => Ok(Some((id, token))),
            Ok(Claim::Done) => {
                tracing::info!("Request {id} already processed, skipping");
                count(&self.counts.duplicates);
                self.bus.metrics().duplicate();
                Err(Outcome::Ack)
            }
            Ok(Claim::Busy { .. }) => Err(Outcome::RetryAfter(
                (*lease / 2).max(Duration::from_millis(100)),
                format!("{id} is being handled"),
            )),
            Err(error) => Err(Outcome::Retry(error.to_string())),
        }
    }

    /// Marks a claimed message done, or gives the claim back.
    async fn conclude(&self, claim: Option<(String, ClaimToken)>, outcome: Outcome) -> Outcome {
        let (Some((store, _)), Some((id, token))) = (&self.idempotency, claim) else {
            return outcome;
        };
        let concluded = match &outcome {
            Outcome::Ack | Outcome::Drop(_) => store.complete(&token).await,
            _ => store.release(&token).await,
        };
        match (concluded, &outcome) {
            (Ok(()), _) | (Err(_), Outcome::DeadLetter(_)) => outcome,
            (Err(error), _) => Outcome::Retry(format!("{id}: {error}")),
        }
    }

    /// Handles one delivery, with everything around it.
    async fn process<T, H>(&self, job: Job, handler: &H)
    where
        T: Decode + Send,
        H: Handler<T>,
    {
        job.held.start();
        if self.retry.is_beyond(Settle::num_delivered(&job)) && self.dead_letters.is_some() {
            let why = "its last delivery ended without a word: the handler or its process died";
            return self.bury(&job, "max_deliver", why).await;
        }
        let span = HandleSpan::start(self.bus.tracing(), &job.message.subject, &job.headers);
        let since = Instant::now();
        self.metrics.in_process(1);
        let outcome = match self.claim(&job).await {
            Err(outcome) => outcome,
            Ok(claim) => {
                let outcome = span.within(self.attempt(&job, handler)).await;
                self.conclude(claim, outcome).await
            }
        };
        self.metrics.in_process(-1);
        self.metrics.handled(outcome.name(), since.elapsed());
        span.end(outcome.name());
        self.settle(&job, outcome).await;
    }

    /// Calls the handler, as often as the policy says for one delivery.
    async fn attempt<T, H>(&self, job: &Job, handler: &H) -> Outcome
    where
        T: Decode + Send,
        H: Handler<T>,
    {
        for attempt in 0.. {
            let delivery =
                match decode::<T>(&job.message, Arc::clone(&job.headers), job.meta.as_ref()) {
                    Ok(delivery) => delivery,
                    Err(error) => return Outcome::DeadLetter(error),
                };
            let outcome = self.guarded(handler.handle(delivery)).await;
            let is_retry = matches!(outcome, Outcome::Retry(_));
            if !is_retry || self.retry.attempts <= attempt + 1 {
                return outcome;
            }
            tokio::time::sleep(self.retry.between.wait_now(attempt)).await;
        }
        Outcome::Ack
    }

    /// Waits for a handler that may panic or take too long.
    pub(crate) async fn guarded(&self, handling: impl Future<Output = Outcome>) -> Outcome {
        let caught = AssertUnwindSafe(handling).catch_unwind();
        let result = match self.handler_timeout {
            None => caught.await,
            Some(timeout) => match tokio::time::timeout(timeout, caught).await {
                Ok(result) => result,
                Err(_) => {
                    return Outcome::Retry(format!("the handler took longer than {timeout:?}"));
                }
            },
        };
        result.unwrap_or_else(|panic| {
            count(&self.counts.panics);
            self.metrics.panicked();
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_else(|| "something that is no text".to_owned());
            tracing::error!(panic = text, "a handler panicked");
            Outcome::Retry(format!("the handler panicked: {text}"))
        })
    }
}

fn id_of(job: &Job) -> Option<String> {
    let id = job.headers.get(async_nats::header::NATS_MESSAGE_ID);
    id.map(|id| id.as_str().to_owned()).or_else(|| {
        let meta = job.meta.as_ref()?;
        Some(format!("{}:{}:{}", meta.stream, job.stream_created, meta.stream_sequence))
    })
}

/// What a handler gets of a message; the error is for people.
pub(crate) fn decode<T: Decode>(
    message: &async_nats::Message,
    headers: Arc<HeaderMap>,
    meta: Option<&Meta>,
) -> Result<Delivery<T>, String> {
    let body = decode_body(&headers, &message.payload).map_err(|error| error.to_string())?;
    let format = headers.get(CONTENT_TYPE).and_then(|it| Format::of_content_type(it.as_str()));
    let data = T::decode(format, body).map_err(|error: CodecError| error.to_string())?;
    let reply = if meta.is_none() { message.reply.as_ref().map(ToString::to_string) } else { None };
    let (subject, meta) = (message.subject.to_string(), meta.cloned());
    Ok(Delivery { data, subject, reply, headers, meta })
}

/// The headers of a message, to be shared.
pub(crate) fn take_headers(message: &mut async_nats::Message) -> Arc<HeaderMap> {
    Arc::new(message.headers.take().unwrap_or_default())
}

/// A body as it was before it was compressed.
pub(crate) fn decode_body(headers: &HeaderMap, body: &Bytes) -> Result<Bytes, CompressError> {
    match headers.get(CONTENT_ENCODING) {
        None => Ok(body.clone()),
        Some(name) => decompress(name.as_str(), body.clone(), BODY_BYTES_MAX),
    }
}

/// A handler of single messages.
pub(crate) struct Single<T, H> {
    settle: Settle,
    handler: H,
    data: PhantomData<fn() -> T>,
}

impl<T, H> Single<T, H> {
    pub(crate) fn new(settle: Settle, handler: H) -> Single<T, H> {
        Single { settle, handler, data: PhantomData }
    }
}

impl<T: Decode + Send + 'static, H: Handler<T>> Worker for Single<T, H> {
    async fn work(&self, job: Job) {
        self.settle.process::<T, H>(job, &self.handler).await;
    }

    async fn give_back(&self, job: Job) {
        self.settle.give_back(job).await;
    }
}

impl<T, H> Attach for Single<T, H> {
    fn attach(&mut self, counts: &Arc<Counts>, metrics: &ConsumerMetrics) {
        self.settle.attach(counts, metrics);
    }
}

impl Attach for Settle {
    fn attach(&mut self, counts: &Arc<Counts>, metrics: &ConsumerMetrics) {
        (self.counts, self.metrics) = (Arc::clone(counts), metrics.clone());
    }
}
