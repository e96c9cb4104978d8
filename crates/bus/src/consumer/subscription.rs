use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What a subscription has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Deliveries.
    pub delivered: u64,
    /// Of them, not the first of their message.
    pub redelivered: u64,
    /// Acknowledged by the handler's word.
    pub acked: u64,
    /// Given back for another try.
    pub retried: u64,
    /// Into the dead letters.
    pub dead_lettered: u64,
    /// Dropped, by the handler or because a limit of Core messages was reached.
    pub dropped: u64,
    /// Not handled, because they were before.
    pub duplicates: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// How often the consumer had to be looked for again.
    pub recoveries: u64,
    /// Messages that waited on the server, when last heard of.
    pub pending: u64,
}

/// The same, while it is counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) delivered: AtomicU64,
    pub(crate) redelivered: AtomicU64,
    pub(crate) acked: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) dead_lettered: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) recoveries: AtomicU64,
    pub(crate) pending: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    fn stats(&self) -> Stats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            delivered: of(&self.delivered),
            redelivered: of(&self.redelivered),
            acked: of(&self.acked),
            retried: of(&self.retried),
            dead_lettered: of(&self.dead_lettered),
            dropped: of(&self.dropped),
            duplicates: of(&self.duplicates),
            panics: of(&self.panics),
            recoveries: of(&self.recoveries),
            pending: of(&self.pending),
        }
    }
}

/// Messages on their way to a handler. Dropped, it stops as by [`Subscription::stop`].
#[derive(Debug)]
#[must_use = "a subscription that is dropped stops"]
pub struct Subscription {
    stopping: CancellationToken,
    counts: Arc<Counts>,
    task: Option<JoinHandle<()>>,
}

impl Subscription {
    pub(crate) fn new(
        stopping: CancellationToken,
        counts: Arc<Counts>,
        task: JoinHandle<()>,
    ) -> Subscription {
        Subscription { stopping, counts, task: Some(task) }
    }

    /// What it has done so far.
    pub fn stats(&self) -> Stats {
        self.counts.stats()
    }

    /// Takes no more messages. Handlers that run go on; a durable consumer stays on the server.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Takes no more messages and waits for the handlers that run, at most `timeout`. Whether all
    /// were done in time; what was not started goes back to the server.
    pub async fn drain(mut self, timeout: Duration) -> bool {
        self.stopping.cancel();
        match self.task.take() {
            Some(task) => tokio::time::timeout(timeout, task).await.is_ok(),
            None => true,
        }
    }

    /// Waits until it ends: by [`Subscription::stop`], or with the bus.
    pub async fn wait(&mut self) {
        if let Some(task) = &mut self.task {
            let _ = task.await;
            self.task = None;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}
