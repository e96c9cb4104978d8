//! Who handles what, one after the other or at once.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use async_nats::HeaderMap;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::builder::KeyOf;
use super::hand::Held;
use super::meta::Meta;

/// A message on its way to its handler.
#[derive(Debug)]
pub(crate) struct Job {
    /// Without its headers.
    pub(crate) message: async_nats::Message,
    pub(crate) headers: Arc<HeaderMap>,
    pub(crate) meta: Option<Meta>,
    pub(crate) held: Held,
    pub(crate) stream_created: jiff::Timestamp,
}

/// What is done with each message.
pub(crate) trait Worker: Send + Sync + 'static {
    fn work(&self, job: Job) -> impl Future<Output = ()> + Send;

    /// A message that will not be handled, because the subscription ends.
    fn give_back(&self, job: Job) -> impl Future<Output = ()> + Send;
}

/// How many messages are handled at once.
#[derive(Clone)]
pub(crate) enum Lanes {
    /// One after the other.
    One,
    /// As many, whichever.
    Any(usize),
    /// As many, but those of one key one after the other.
    ByKey(usize, KeyOf),
}

/// Lanes with workers in them.
pub(crate) struct Traffic<W> {
    lanes: Lanes,
    /// What waits in a lane is in hand, so that these never fill.
    queues: Vec<mpsc::Sender<Job>>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    worker: Arc<W>,
}

impl<W: Worker> Traffic<W> {
    pub(crate) fn start(
        lanes: Lanes,
        capacity: usize,
        worker: Arc<W>,
        stopping: CancellationToken,
    ) -> Traffic<W> {
        let n_places = match &lanes {
            Lanes::One => 1,
            Lanes::Any(n) | Lanes::ByKey(n, _) => *n,
        };
        let n_queues = if matches!(lanes, Lanes::Any(_)) { 0 } else { n_places };
        let tasks = TaskTracker::new();
        let queues = (0..n_queues).map(|_| {
            let (queue, jobs) = mpsc::channel(2 * capacity.max(1));
            tasks.spawn(one_by_one(jobs, Arc::clone(&worker), stopping.clone()));
            queue
        });
        let queues = queues.collect();
        let places = Arc::new(Semaphore::new(n_places));
        Traffic { lanes, queues, places, tasks, stopping, worker }
    }

    /// Sends a message to its handler.
    pub(crate) async fn enter(&self, job: Job) {
        let lane = match &self.lanes {
            Lanes::One => 0,
            Lanes::ByKey(n, key) => {
                let mut hasher = DefaultHasher::new();
                key(&job.message).hash(&mut hasher);
                usize::try_from(hasher.finish() >> 33).unwrap_or(0) % n
            }
            Lanes::Any(_) => return self.spawn(job),
        };
        if let Err(mpsc::error::SendError(job)) = self.queues[lane].send(job).await {
            self.worker.give_back(job).await;
        }
    }

    /// A task for each message in hand; it waits for its place there, so that the loop that takes
    /// messages never does.
    fn spawn(&self, job: Job) {
        let (worker, places) = (Arc::clone(&self.worker), Arc::clone(&self.places));
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            let place = places.acquire_owned().await;
            if stopping.is_cancelled() {
                worker.give_back(job).await;
            } else {
                worker.work(job).await;
            }
            drop(place);
        });
    }

    /// Waits for all that was begun; what was not goes back.
    pub(crate) async fn finish(self) {
        drop(self.queues);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn one_by_one<W: Worker>(
    mut jobs: mpsc::Receiver<Job>,
    worker: Arc<W>,
    stopping: CancellationToken,
) {
    while let Some(job) = jobs.recv().await {
        if stopping.is_cancelled() {
            worker.give_back(job).await;
        } else {
            worker.work(job).await;
        }
    }
}
