//! Handlers of many messages at once.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::engine::Attach;
use super::lanes::{Job, Worker};
use super::settle::{Settle, decode};
use super::subscription::Counts;
use super::{Delivery, Outcome};
use crate::codec::Decode;
use crate::telemetry::ConsumerMetrics;

/// What is called for several messages: one outcome for each, in their order. If there are fewer,
/// the rest is tried again.
pub trait BatchHandler<T>: Send + Sync + 'static {
    /// Handles a batch.
    fn handle(&self, batch: Vec<Delivery<T>>) -> impl Future<Output = Vec<Outcome>> + Send;
}

impl<T, F, Fut> BatchHandler<T> for F
where
    F: Fn(Vec<Delivery<T>>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Outcome>> + Send,
    T: Send,
{
    fn handle(&self, batch: Vec<Delivery<T>>) -> impl Future<Output = Vec<Outcome>> + Send {
        self(batch)
    }
}

/// Collects messages and hands them over together.
pub(crate) struct BatchWorker<T, H> {
    state: Option<(Settle, H, usize, Duration)>,
    jobs: Option<mpsc::Sender<Job>>,
    data: PhantomData<fn() -> T>,
}

impl<T: Decode + Send + 'static, H: BatchHandler<T>> BatchWorker<T, H> {
    pub(crate) fn start(settle: Settle, handler: H, n: usize, wait: Duration) -> BatchWorker<T, H> {
        BatchWorker { state: Some((settle, handler, n, wait)), jobs: None, data: PhantomData }
    }
}

impl<T: Decode + Send + 'static, H: BatchHandler<T>> Attach for BatchWorker<T, H> {
    fn attach(&mut self, counts: &Arc<Counts>, metrics: &ConsumerMetrics) {
        let Some((mut settle, handler, n, wait)) = self.state.take() else { return };
        settle.attach(counts, metrics);
        let (jobs, waiting) = mpsc::channel(2 * n);
        self.jobs = Some(jobs);
        tokio::spawn(collect::<T, H>(waiting, settle, handler, (n, wait)));
    }
}

impl<T: Decode + Send + 'static, H: BatchHandler<T>> Worker for BatchWorker<T, H> {
    async fn work(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // It is in hand until its batch is settled.
            let _ = jobs.send(job).await;
        }
    }

    async fn give_back(&self, job: Job) {
        self.work(job).await;
    }
}

async fn collect<T: Decode + Send + 'static, H: BatchHandler<T>>(
    mut waiting: mpsc::Receiver<Job>,
    settle: Settle,
    handler: H,
    (n, wait): (usize, Duration),
) {
    while let Some(first) = waiting.recv().await {
        let mut batch = vec![first];
        let deadline = tokio::time::Instant::now() + wait;
        while batch.len() < n {
            match tokio::time::timeout_at(deadline, waiting.recv()).await {
                Ok(Some(job)) => batch.push(job),
                Ok(None) | Err(_) => break,
            }
        }
        handle::<T, H>(batch, &settle, &handler).await;
    }
}

async fn handle<T: Decode + Send + 'static, H: BatchHandler<T>>(
    batch: Vec<Job>,
    settle: &Settle,
    handler: &H,
) {
    let (mut jobs, mut deliveries) = (Vec::new(), Vec::new());
    for job in batch {
        job.held.start();
        match decode::<T>(&job.message, Arc::clone(&job.headers), job.meta.as_ref()) {
            Ok(delivery) => {
                deliveries.push(delivery);
                jobs.push(job);
            }
            Err(error) => settle.settle(&job, Outcome::DeadLetter(error)).await,
        }
    }
    let told = parking_lot::Mutex::new(Vec::new());
    let handling = async {
        let outcomes = handler.handle(deliveries).await;
        *told.lock() = outcomes;
        Outcome::Ack
    };
    let whole = settle.guarded(handling).await;
    let told = told.into_inner();
    let missing = match whole {
        Outcome::Ack => Outcome::Retry("the handler said nothing of it".to_owned()),
        failed => failed,
    };
    let outcomes = told.into_iter().chain(std::iter::repeat(missing));
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        settle.settle(&job, outcome).await;
    }
}
