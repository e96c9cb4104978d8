//! Publishes to JetStream: sent, sent again under the same id, acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use super::answer::{Answer, PubAck, Refusal};
use super::drive::{drive, ticket_of};
use super::error::PublishError;
use super::prepared::{FailedPublish, Prepared};
use super::window::{Patience, Ticket, Window};
use crate::backoff::Backoff;
use crate::connection::Connection;
use crate::manage::Provisions;
use crate::telemetry::ProducerMetrics;

/// Waits between attempts that were answered with "not now".
pub(super) const NOT_NOW: Backoff = Backoff {
    base: Duration::from_millis(50),
    factor: 2.0,
    max: Duration::from_secs(1),
    jitter: 0.1,
};

/// Who is told what became of a publish.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// One who waits for it.
    Caller(oneshot::Sender<Result<PubAck, PublishError>>),
    /// Whoever asks for all results.
    Results,
}

#[derive(Debug)]
pub(super) struct Outstanding {
    pub(super) prepared: Prepared,
    waiter: Waiter,
    since: Instant,
    /// Give their room back when it goes.
    _room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

/// What a publisher is told of failures nobody waits for.
pub(crate) type OnError = Arc<dyn Fn(FailedPublish, &PublishError) + Send + Sync>;

pub(crate) struct Options {
    pub(crate) patience: Patience,
    pub(crate) ordered: bool,
    pub(crate) max_outstanding: usize,
    pub(crate) max_outstanding_bytes: usize,
    pub(crate) on_error: Option<OnError>,
}

/// The publishing side of one producer. Ends when its last user lets go of it.
pub(crate) struct Publisher {
    pub(super) connection: Connection,
    pub(super) provisions: Arc<Provisions>,
    metrics: ProducerMetrics,
    pub(super) is_ordered: bool,
    inbox: String,
    pub(super) window: Mutex<Window<Outstanding>>,
    results: Mutex<VecDeque<(Ticket, Result<PubAck, PublishError>)>>,
    results_max: usize,
    pub(super) room: Arc<Semaphore>,
    room_bytes: Arc<Semaphore>,
    bytes_max: usize,
    on_error: Option<OnError>,
    /// The driver has something new to look at.
    pub(super) wake: Notify,
    /// A publish was settled.
    settled: Notify,
}

impl Publisher {
    /// A publisher, and the task that drives it.
    pub(crate) async fn start(
        connection: &Connection,
        provisions: &Arc<Provisions>,
        metrics: ProducerMetrics,
        options: Options,
    ) -> Result<Arc<Publisher>, PublishError> {
        let inbox = connection.client.new_inbox();
        let answers = connection.client.subscribe(format!("{inbox}.*")).await;
        let answers = answers.map_err(|error| PublishError::Client(error.to_string()))?;
        let bytes_max = options.max_outstanding_bytes.min(Semaphore::MAX_PERMITS);
        let publisher = Arc::new(Publisher {
            connection: connection.clone(),
            provisions: Arc::clone(provisions),
            metrics,
            is_ordered: options.ordered,
            inbox,
            window: Mutex::new(Window::new(options.patience, options.ordered)),
            results: Mutex::default(),
            results_max: options.max_outstanding,
            room: Arc::new(Semaphore::new(options.max_outstanding)),
            room_bytes: Arc::new(Semaphore::new(bytes_max)),
            bytes_max,
            on_error: options.on_error,
            wake: Notify::new(),
            settled: Notify::new(),
        });
        tokio::spawn(drive(Arc::downgrade(&publisher), answers, connection.link.clone()));
        Ok(publisher)
    }

    /// Publishes, when there is room in the window. The ticket says where to find the result.
    pub(crate) async fn publish(
        &self,
        prepared: Prepared,
        waiter: Waiter,
    ) -> Result<Ticket, PublishError> {
        let room = self.room(prepared.body.len()).await?;
        let (subject, body) = (prepared.subject.clone(), prepared.body.clone());
        let mut headers = prepared.headers.to_map();
        let now = Instant::now();
        let outstanding = Outstanding { prepared, waiter, since: now, _room: room };
        let (ticket, goes) = {
            let mut window = self.window.lock();
            let was_idle = window.len() == 0;
            let added = window.add(now, self.connection.is_up(), outstanding);
            follow(&mut window, added.0, &mut headers);
            if was_idle {
                self.wake.notify_one();
            }
            added
        };
        if goes {
            self.send(ticket, subject, headers, body).await;
        }
        Ok(ticket)
    }

    /// A place among the publishes that wait for their answer.
    pub(super) async fn room(
        &self,
        bytes: usize,
    ) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), PublishError> {
        if self.connection.is_closed() {
            return Err(PublishError::Closed);
        }
        let bytes = u32::try_from(bytes.clamp(1, self.bytes_max)).unwrap_or(u32::MAX);
        let closed = |_| PublishError::Closed;
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(closed)?;
        let bytes = Arc::clone(&self.room_bytes).acquire_many_owned(bytes).await.map_err(closed)?;
        Ok((room, bytes))
    }

    /// Metrics and error handler hear what became of a publish.
    pub(super) fn tell_of(
        &self,
        prepared: &Prepared,
        since: Instant,
        result: &Result<PubAck, PublishError>,
    ) {
        match result {
            Ok(ack) => {
                // A duplicate of our own retry is what the retry was for.
                let duplicate = ack.duplicate && ack.attempts == 1;
                self.metrics.published(since.elapsed(), true, duplicate);
            }
            Err(error) => {
                self.metrics.publish_failed();
                if let Some(on_error) = &self.on_error {
                    on_error(prepared.failed(), error);
                }
            }
        }
    }

    pub(super) async fn send(
        &self,
        ticket: Ticket,
        subject: Subject,
        headers: HeaderMap,
        body: Bytes,
    ) {
        let reply = format!("{}.{ticket}", self.inbox);
        let client = &self.connection.client;
        let sent = client.publish_with_reply_and_headers(subject, reply, headers, body).await;
        if let Err(error) = sent {
            self.settle(ticket, Err(PublishError::Client(error.to_string())));
        }
    }

    /// Everybody who waits for it is told what became of a publish.
    pub(super) fn settle(&self, ticket: Ticket, result: Result<PubAck, PublishError>) {
        let removed = self.window.lock().remove(Instant::now(), ticket);
        let Some(outstanding) = removed else { return };
        self.tell_of(&outstanding.prepared, outstanding.since, &result);
        match outstanding.waiter {
            Waiter::Caller(caller) => drop(caller.send(result)),
            Waiter::Results => {
                let mut results = self.results.lock();
                if self.results_max <= results.len() {
                    results.pop_front();
                }
                results.push_back((ticket, result));
            }
        }
        self.settled.notify_waiters();
    }

    /// Waits until nothing is outstanding, at most `timeout`. Results of publishes nobody waited
    /// for, in the order they were made; those still under way are errors.
    pub(crate) async fn flush(&self, timeout: Duration) -> Vec<Result<PubAck, PublishError>> {
        let _ = tokio::time::timeout(timeout, self.wait_until_idle()).await;
        let mut results: Vec<_> = self.results.lock().drain(..).collect();
        let window = self.window.lock();
        results.extend(window.unanswered().map(|(ticket, attempts)| {
            (ticket, Err(PublishError::TimedOut { after: timeout, attempts }))
        }));
        drop(window);
        results.sort_by_key(|(ticket, _)| *ticket);
        results.into_iter().map(|(_, result)| result).collect()
    }

    async fn wait_until_idle(&self) {
        loop {
            let settled = self.settled.notified();
            if self.window.lock().len() == 0 {
                return;
            }
            settled.await;
        }
    }

    /// Publishes that wait for their answer.
    pub(crate) fn outstanding(&self) -> usize {
        self.window.lock().len()
    }

    /// An answer came.
    pub(super) fn answered(&self, message: &async_nats::Message) {
        let Some(ticket) = ticket_of(&message.subject) else { return };
        let attempts = self.window.lock().attempts(ticket);
        match Answer::of(message, attempts) {
            Answer::Stored(ack) => self.settle(ticket, Ok(ack)),
            Answer::NoStream => self.no_stream(ticket),
            Answer::Refused(refusal) => self.refused(ticket, refusal),
            Answer::Nonsense(why) => self.settle(ticket, Err(PublishError::Client(why))),
        }
    }

    /// Nobody takes the subject: there is no stream, or its leader is not there yet.
    fn no_stream(&self, ticket: Ticket) {
        let failure = {
            let mut window = self.window.lock();
            let Some(outstanding) = window.message(ticket) else { return };
            let subject = outstanding.prepared.subject.to_string();
            let fails_fast = outstanding.prepared.fails_fast;
            if self.is_hopeless(&subject, fails_fast, window.attempts(ticket)) {
                Some(PublishError::NoStream { subject })
            } else {
                let wait = NOT_NOW.wait_now(window.attempts(ticket));
                window.postpone(Instant::now(), ticket, wait);
                None
            }
        };
        match failure {
            Some(error) => self.settle(ticket, Err(error)),
            None => self.provisions.restore_soon(),
        }
    }

    /// Whether a stream that is not there will not be there soon, either: one that we made sure of
    /// comes back.
    pub(super) fn is_hopeless(&self, subject: &str, fails_fast: bool, attempts: u32) -> bool {
        fails_fast || (2 <= attempts && !self.provisions.captures(subject))
    }

    fn refused(&self, ticket: Ticket, error: Refusal) {
        /// The message in front of it is not the last: lost, or followed by another's.
        const WRONG_LAST_ID: u64 = 10070;
        if error.err_code == WRONG_LAST_ID && self.is_ordered {
            self.window.lock().hold(Instant::now(), ticket);
            return self.wake.notify_one();
        }
        if error.is_passing() {
            let mut window = self.window.lock();
            let wait = NOT_NOW.wait_now(window.attempts(ticket));
            return window.postpone(Instant::now(), ticket, wait);
        }
        self.settle(ticket, Err(error.into()));
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

/// In an ordered window, a message is stored only behind the one in front of it, as long as that
/// has no answer. After a reconnect some may be sent that were meant to come behind others which
/// were lost: the server refuses those.
pub(super) fn follow(window: &mut Window<Outstanding>, ticket: Ticket, headers: &mut HeaderMap) {
    let id = window.predecessor(ticket).and_then(|it| it.prepared.headers.id.as_deref());
    if let Some(id) = id {
        headers.insert("Nats-Expected-Last-Msg-Id", id);
    }
}
