//! The loop that keeps a subscription alive: opens its consumer, takes messages, and when the
//! consumer, the stream or the server is lost, does so again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _};
use tokio_util::sync::CancellationToken;

use super::ConsumeError;
use super::hand::Hand;
use super::lanes::{Job, Lanes, Traffic, Worker};
use super::meta::Meta;
use super::pull::{PullOptions, PullState, REOPEN, Status, Verdict};
use super::settle::take_headers;
use super::source::{ConsumerSpec, HEARTBEAT_OF_PUSH, Source};
use super::subscription::{Counts, Subscription, count};
use crate::bus::Bus;
use crate::connection::Link;
use crate::dead_letter::DeadLetters;
use crate::telemetry::ConsumerMetrics;

/// How a pull consumer is asked.
const EXPIRES: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Messages taken in a row.
const RUN: usize = 64;
/// How often the loop looks at clocks.
const TICK: Duration = Duration::from_millis(100);

pub(crate) struct EngineOptions {
    pub(crate) bus: Bus,
    pub(crate) lanes: Lanes,
    /// Messages in hand at most.
    pub(crate) capacity: usize,
    pub(crate) batch: usize,
    pub(crate) ack_wait: Duration,
    /// A handler that runs longer is not spoken for any more.
    pub(crate) handler_limit: Duration,
    pub(crate) backlog_warn: u64,
    pub(crate) dead_letters: Option<Arc<DeadLetters>>,
}

pub(crate) struct Engine<W> {
    spec: ConsumerSpec,
    options: EngineOptions,
    hand: Arc<Hand>,
    counts: Arc<Counts>,
    metrics: ConsumerMetrics,
    stopping: CancellationToken,
    worker: Arc<W>,
    is_behind: bool,
}

/// Workers that are told what they count for.
pub(crate) trait Attach {
    fn attach(&mut self, counts: &Arc<Counts>, metrics: &ConsumerMetrics);
}

/// Why the loop over one source ended.
enum End {
    Stopped,
    Lost(&'static str),
}

impl<W: Worker + Attach> Engine<W> {
    /// Opens the consumer and starts the loop.
    pub(crate) async fn start(
        spec: ConsumerSpec,
        options: EngineOptions,
        mut worker: W,
    ) -> Result<Subscription, ConsumeError> {
        if options.bus.is_closed() {
            return Err(ConsumeError::Closed);
        }
        let source = spec.open(&options.bus).await?;
        let counts = Arc::new(Counts::default());
        let metrics = options.bus.metrics().consumer(&spec.stream, &source.consumer);
        worker.attach(&counts, &metrics);
        let stopping = options.bus.child_token();
        let engine = Engine {
            spec,
            options,
            hand: Hand::new(),
            counts: Arc::clone(&counts),
            metrics,
            stopping: stopping.clone(),
            worker: Arc::new(worker),
            is_behind: false,
        };
        let task = tokio::spawn(engine.run(source));
        Ok(Subscription::new(stopping, counts, task))
    }

    async fn run(mut self, first: Source) {
        let EngineOptions { lanes, capacity, .. } = &self.options;
        let worker = Arc::clone(&self.worker);
        let traffic = Traffic::start(lanes.clone(), *capacity, worker, self.stopping.clone());
        let moving = self.options.dead_letters.clone().map(|dead_letters| {
            let (consumer, stopping) = (first.consumer.clone(), self.stopping.clone());
            tokio::spawn(dead_letters.follow_advisories(consumer, stopping))
        });
        let mut source = first;
        while let End::Lost(why) = self.take(&mut source, &traffic).await {
            tracing::info!(stream = self.spec.stream, consumer = source.consumer, why, "reopening");
            count(&self.counts.recoveries);
            let Some(reopened) = self.reopen().await else { break };
            source = reopened;
        }
        drop(source);
        let hand = Arc::clone(&self.hand);
        // Handlers still run: they are spoken for until the last is done.
        let speak = async {
            loop {
                tokio::time::sleep(TICK).await;
                self.speak_for_those_in_hand().await;
            }
        };
        tokio::select! {
            () = async { traffic.finish().await; hand.wait_until_empty().await } => (),
            () = speak => (),
        }
        if let Some(moving) = moving {
            let _ = moving.await;
        }
    }

    /// Opens the consumer again, as often as it takes. None if the subscription ends meanwhile.
    async fn reopen(&mut self) -> Option<Source> {
        let mut attempt = 0;
        loop {
            if self.stopping.is_cancelled() || self.options.bus.is_closed() {
                return None;
            }
            let opened = tokio::time::timeout(
                self.options.bus.config().connection.request_timeout.min(Duration::from_secs(2)),
                self.spec.open(&self.options.bus),
            );
            match opened.await {
                Ok(Ok(source)) => return Some(source),
                Ok(Err(error)) => tracing::debug!(%error, "the consumer can't be opened yet"),
                Err(_) => tracing::debug!("no answer about the consumer yet"),
            }
            let wait = REOPEN.wait_now(attempt);
            attempt += 1;
            tokio::select! {
                () = tokio::time::sleep(wait) => (),
                () = self.stopping.cancelled() => return None,
            }
            self.speak_for_those_in_hand().await;
        }
    }

    /// Takes messages from `source` until it is lost or the subscription ends.
    async fn take(&mut self, source: &mut Source, traffic: &Traffic<W>) -> End {
        let mut link = self.options.bus.link();
        let epoch = link.borrow_and_update().epoch;
        let mut pull = PullState::new(
            PullOptions { batch: self.options.batch, expires: EXPIRES, heartbeat: HEARTBEAT },
            Instant::now(),
        );
        let mut heard = Instant::now();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let hand = Arc::clone(&self.hand);
        loop {
            let now = Instant::now();
            let in_hand = self.hand.len();
            let free = self.options.capacity.saturating_sub(in_hand);
            if source.is_pull()
                && let Some(request) = pull.next(now, free, self.options.capacity)
                && source.ask(request).await.is_err()
            {
                return End::Lost("the connection takes no requests");
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return End::Stopped,
                message = source.messages.next(), if 0 < free || source.is_pull() => {
                    let Some(message) = message else { return End::Lost("the subscription ended") };
                    heard = now;
                    if let Some(end) = self.on_message(source, traffic, &mut pull, message).await {
                        return end;
                    }
                    // What else is there, without looking at everything in between.
                    for _ in 0..RUN {
                        let Some(Some(message)) = source.messages.next().now_or_never() else { break };
                        if let Some(end) = self.on_message(source, traffic, &mut pull, message).await {
                            return end;
                        }
                    }
                }
                () = hand.released.notified() => (),
                _ = ticks.tick() => {
                    self.speak_for_those_in_hand().await;
                    let now = Instant::now();
                    let is_silent = !source.is_pull() && 0 < free && heard + HEARTBEAT_OF_PUSH * 3 < now;
                    if (pull.is_lost(now) || is_silent) && link.borrow().is_up {
                        return End::Lost("the server was silent");
                    }
                }
                changed = link.changed() => {
                    let now: Link = *link.borrow_and_update();
                    if changed.is_err() || now.is_closed {
                        return End::Stopped;
                    }
                    if now.is_up && now.epoch != epoch {
                        return End::Lost("the connection was lost");
                    }
                }
            }
        }
    }

    async fn on_message(
        &mut self,
        source: &Source,
        traffic: &Traffic<W>,
        pull: &mut PullState,
        mut message: async_nats::Message,
    ) -> Option<End> {
        let now = Instant::now();
        if let Some(status) = Status::of(&message) {
            return self.on_status(pull, &message, status, now).await;
        }
        pull.on_message(now);
        let Some(reply) = message.reply.clone() else {
            tracing::warn!(subject = %message.subject, "a message that is no delivery: ignored");
            return None;
        };
        let meta = Meta::parse(&reply);
        if let Some(meta) = &meta {
            self.note(meta);
        }
        let held = self.hand.take(reply, now);
        let headers = take_headers(&mut message);
        let job = Job { message, headers, meta, held, stream_created: source.stream_created };
        traffic.enter(job).await;
        None
    }

    async fn on_status(
        &self,
        pull: &mut PullState,
        message: &async_nats::Message,
        status: Status<'_>,
        now: Instant,
    ) -> Option<End> {
        // Flow control of push consumers: answered, or the server sends no more.
        let stalled = message.headers.as_ref().and_then(|it| it.get("Nats-Consumer-Stalled"));
        let asks = message.reply.as_ref().map(ToString::to_string);
        if let Some(reply) = asks.or_else(|| stalled.map(|it| it.as_str().to_owned())) {
            let _ = self.options.bus.client().publish(reply, bytes::Bytes::new()).await;
        }
        match pull.on_status(now, status) {
            Verdict::Continue => None,
            Verdict::Reopen(why) => Some(End::Lost(why)),
        }
    }

    /// Counts a delivery, and warns once when there are more behind it than it can be.
    fn note(&mut self, meta: &Meta) {
        count(&self.counts.delivered);
        if meta.is_redelivered() {
            count(&self.counts.redelivered);
        }
        self.counts.pending.store(meta.num_pending, Ordering::Relaxed);
        self.metrics.delivered(Some(meta.age()), meta.is_redelivered());
        self.metrics.backlog(meta.num_pending);
        let limit = self.options.backlog_warn;
        if limit < meta.num_pending && !self.is_behind {
            self.is_behind = true;
            let (stream, consumer) = (&meta.stream, &meta.consumer);
            tracing::warn!(stream, consumer, pending = meta.num_pending, "the consumer is behind");
        } else if meta.num_pending <= limit / 2 {
            self.is_behind = false;
        }
    }

    /// Tells the server of what is worked on, before it takes it for lost.
    async fn speak_for_those_in_hand(&self) {
        let every = self.options.ack_wait / 2;
        let due = self.hand.due(Instant::now(), every, Some(self.options.handler_limit));
        for reply in due {
            let progress = bytes::Bytes::from_static(b"+WPI");
            let _ = self.options.bus.client().publish(reply, progress).await;
        }
    }
}
