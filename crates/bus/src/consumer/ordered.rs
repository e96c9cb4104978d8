//! A stream read in order and without gaps, by a consumer that is made anew when anything is missed.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, pull};
use futures_util::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::meta::Meta;
use super::pull::{PullOptions, PullState, REOPEN, Status, Verdict};
use super::settle::decode;
use super::source::{ConsumerSpec, Kind, Source, deliver_policy};
use super::subscription::{Counts, Subscription, count};
use super::{ConsumeError, Delivery, Handler, Outcome};
use crate::bus::Bus;
use crate::codec::Decode;
use crate::config::DeliverPolicy;
use crate::manage::OnDrift;

const PULL: PullOptions = PullOptions {
    batch: 500,
    expires: Duration::from_secs(30),
    heartbeat: Duration::from_millis(500),
};
const TICK: Duration = Duration::from_millis(100);

/// Makes an ordered consumer. It has no name, no acknowledgement, no retry and no dead letters:
/// those need a consumer that the server keeps.
#[must_use = "call run"]
#[derive(Debug)]
pub struct OrderedBuilder<T> {
    bus: Bus,
    stream: String,
    filters: Vec<String>,
    start: DeliverPolicy,
    /// An option that was set and that it does not have.
    refused: Option<&'static str>,
    data: PhantomData<fn() -> T>,
}

impl<T: Decode + Send + 'static> OrderedBuilder<T> {
    pub(super) fn new(
        bus: Bus,
        stream: String,
        filters: Vec<String>,
        start: DeliverPolicy,
    ) -> OrderedBuilder<T> {
        OrderedBuilder { bus, stream, filters, start, refused: None, data: PhantomData }
    }

    /// It was asked for together with this option.
    pub(super) fn refuse(mut self, option: Option<&'static str>) -> OrderedBuilder<T> {
        self.refused = option;
        self
    }

    /// Where to begin.
    pub fn start(mut self, start: DeliverPolicy) -> OrderedBuilder<T> {
        self.start = start;
        self
    }

    /// Calls `handler` for each message, one after the other. Whatever it says, the next one is the
    /// next one; a message that can't be decoded is passed over with a warning.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub async fn run<H: Handler<T>>(self, handler: H) -> Result<Subscription, ConsumeError> {
        if let Some(option) = self.refused {
            let text = format!("an ordered consumer has no {option}: leave one of the two out");
            return Err(ConsumeError::Options(text));
        }
        let mut builder = self;
        if builder.start == DeliverPolicy::New {
            // From here on, also if the consumer has to be made again before the first message.
            let stream = builder.bus.stream_info(&builder.stream).await?;
            builder.start = DeliverPolicy::ByStartSequence(stream.state.last_sequence + 1);
        }
        let mut reader = Reader {
            source: builder.spec(builder.start).open(&builder.bus).await?,
            last: 0,
            delivered: 0,
            builder,
            counts: Arc::default(),
        };
        let (counts, stopping) = (Arc::clone(&reader.counts), reader.builder.bus.child_token());
        let stop = stopping.clone();
        let task = tokio::spawn(async move { reader.run(&handler, &stop).await });
        Ok(Subscription::new(stopping, counts, task))
    }

    fn spec(&self, start: DeliverPolicy) -> ConsumerSpec {
        let mut filters = self.filters.clone();
        let filter_subject = if filters.len() == 1 { filters.remove(0) } else { String::new() };
        let config = pull::Config {
            ack_policy: AckPolicy::None,
            deliver_policy: deliver_policy(start),
            filter_subject,
            filter_subjects: filters,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: Duration::from_secs(30),
            ..pull::Config::default()
        };
        ConsumerSpec {
            stream: self.stream.clone(),
            stream_config: None,
            name: None,
            kind: Kind::Pull,
            config,
            on_drift: OnDrift::Report,
        }
    }
}

struct Reader<T> {
    builder: OrderedBuilder<T>,
    source: Source,
    /// Sequence of the last message handled.
    last: u64,
    /// Deliveries of this consumer.
    delivered: u64,
    counts: Arc<Counts>,
}

impl<T: Decode + Send + 'static> Reader<T> {
    async fn run<H: Handler<T>>(&mut self, handler: &H, stopping: &CancellationToken) {
        while self.read(handler, stopping).await {
            count(&self.counts.recoveries);
            let mut attempt = 0;
            while !self.reopen().await {
                if stopping.is_cancelled() || self.builder.bus.is_closed() {
                    return;
                }
                tokio::time::sleep(REOPEN.wait_now(attempt)).await;
                attempt += 1;
            }
        }
    }

    /// A consumer of what comes behind the last message.
    async fn reopen(&mut self) -> bool {
        let start = match self.last {
            0 => self.builder.start,
            last => DeliverPolicy::ByStartSequence(last + 1),
        };
        let created = self.source.stream_created;
        match self.builder.spec(start).open(&self.builder.bus).await {
            Ok(source) if source.stream_created != created => {
                // Another stream of the same name: it has other sequences.
                self.last = 0;
                self.source.stream_created = source.stream_created;
                false
            }
            Ok(source) => {
                (self.source, self.delivered) = (source, 0);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "the ordered consumer can't be opened yet");
                false
            }
        }
    }

    /// Reads until something is missed: then true. False if it is over.
    async fn read<H: Handler<T>>(&mut self, handler: &H, stopping: &CancellationToken) -> bool {
        let mut link = self.builder.bus.link();
        let epoch = link.borrow_and_update().epoch;
        let mut pull = PullState::new(PULL, Instant::now());
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if let Some(request) = pull.next(Instant::now(), PULL.batch, PULL.batch)
                && self.source.ask(request).await.is_err()
            {
                return true;
            }
            tokio::select! {
                biased;
                () = stopping.cancelled() => return false,
                message = self.source.messages.next() => {
                    let Some(message) = message else { return true };
                    if !self.on_message(&mut pull, &message, handler).await {
                        return true;
                    }
                }
                _ = ticks.tick() => {
                    if pull.is_lost(Instant::now()) && link.borrow().is_up {
                        return true;
                    }
                }
                changed = link.changed() => {
                    let now = *link.borrow_and_update();
                    if changed.is_err() || now.is_closed {
                        return false;
                    }
                    if now.is_up && now.epoch != epoch {
                        return true;
                    }
                }
            }
        }
    }

    /// Whether nothing is missing before it.
    async fn on_message<H: Handler<T>>(
        &mut self,
        pull: &mut PullState,
        message: &async_nats::Message,
        handler: &H,
    ) -> bool {
        let now = Instant::now();
        if let Some(status) = Status::of(message) {
            return pull.on_status(now, status) == Verdict::Continue;
        }
        pull.on_message(now);
        let Some(meta) = message.reply.as_deref().and_then(Meta::parse) else { return true };
        if meta.consumer_sequence != self.delivered + 1 {
            tracing::info!(missing = self.delivered + 1, got = meta.consumer_sequence, "a gap");
            return false;
        }
        self.delivered += 1;
        self.last = meta.stream_sequence;
        count(&self.counts.delivered);
        let headers = Arc::new(message.headers.clone().unwrap_or_default());
        match decode::<T>(message, headers, Some(&meta)) {
            Ok(delivery) => self.handle(delivery, handler).await,
            Err(error) => tracing::warn!(sequence = meta.stream_sequence, error, "passed over"),
        }
        true
    }

    async fn handle<H: Handler<T>>(&self, delivery: Delivery<T>, handler: &H) {
        use futures_util::FutureExt as _;
        let handling = std::panic::AssertUnwindSafe(handler.handle(delivery)).catch_unwind();
        match handling.await {
            Ok(Outcome::Ack) => count(&self.counts.acked),
            Ok(outcome) => {
                count(&self.counts.dropped);
                tracing::warn!(?outcome, "an ordered consumer does not try again");
            }
            Err(_) => {
                count(&self.counts.panics);
                tracing::error!("a handler panicked");
            }
        }
    }
}
