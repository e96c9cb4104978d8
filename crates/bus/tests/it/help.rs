use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tradewind_bus::stream::Config;
use tradewind_bus::{Bus, OnDrift};

use crate::broker::Broker;

/// How long something may take that is expected.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = Instant::now() + LIMIT;
    while !condition().await {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Makes a stream.
pub(crate) async fn stream(broker: &Broker, bus: &Bus, name: &str, subjects: &[&str]) {
    let config = Config {
        name: name.to_owned(),
        subjects: subjects.iter().map(|it| (*it).to_owned()).collect(),
        num_replicas: broker.replicas(),
        ..Config::default()
    };
    bus.ensure_stream(config, OnDrift::Fail).await.expect("the stream is made");
}

/// Things that handlers saw, in order.
#[derive(Clone, Debug)]
pub(crate) struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Seen<T> {
    fn default() -> Seen<T> {
        Seen(Arc::default())
    }
}

impl<T: Clone> Seen<T> {
    pub(crate) fn push(&self, it: T) {
        self.0.lock().push(it);
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Waits until there are `n`.
    pub(crate) async fn wait_for(&self, n: usize) -> Vec<T> {
        let deadline = Instant::now() + LIMIT;
        while self.len() < n {
            assert!(Instant::now() < deadline, "{} of {n} within {LIMIT:?}", self.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.all()
    }
}
