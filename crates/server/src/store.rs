//! How the store is, for whoever must not wait for the shard's thread to learn it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::log::Log;

/// A sync that takes longer is worth a warning.
const SLOW: Duration = Duration::from_secs(1);

/// How the store of a server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreState {
    /// It takes writes.
    #[default]
    Healthy,
    /// The disk is nearly full: publishes to file streams are refused until there is room again.
    Full,
    /// It takes no writes any more, until the server is started again. Reads and core NATS go on.
    Failed {
        /// Why, with the file and what the system said.
        reason: String,
    },
}

/// What the shard's thread tells of the store, and when its sync began.
#[derive(Debug)]
pub(crate) struct StoreWatch {
    state: watch::Sender<StoreState>,
    start: Instant,
    /// When the running sync began, in nanoseconds since `start`; 0 if none is running.
    sync_began: AtomicU64,
    /// The disk was found slow, and has not been well since.
    slow: AtomicBool,
}

impl StoreWatch {
    pub(crate) fn new() -> StoreWatch {
        StoreWatch {
            state: watch::Sender::new(StoreState::Healthy),
            start: Instant::now(),
            sync_began: AtomicU64::new(0),
            slow: AtomicBool::new(false),
        }
    }

    pub(crate) fn state(&self) -> StoreState {
        self.state.borrow().clone()
    }

    pub(crate) fn set_state(&self, state: StoreState) {
        // Whether anybody watches does not matter.
        let _ = self.state.send_replace(state);
    }

    /// Returns the reason once the store has failed.
    pub(crate) async fn failed(&self) -> String {
        let mut watching = self.state.subscribe();
        loop {
            if let StoreState::Failed { reason } = &*watching.borrow_and_update() {
                return reason.clone();
            }
            if watching.changed().await.is_err() {
                // The sender lives in `self`.
                std::future::pending::<()>().await;
            }
        }
    }

    /// A commit begins.
    pub(crate) fn sync_begins(&self) -> Instant {
        let now = Instant::now();
        let nanos = now.duration_since(self.start).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        self.sync_began.store(nanos.max(1), Ordering::Relaxed);
        now
    }

    /// It ended after `took`.
    pub(crate) fn sync_ended(&self, took: Duration, log: &Log) {
        self.sync_began.store(0, Ordering::Relaxed);
        if SLOW < took {
            self.found_slow(took, log);
        } else if took < SLOW / 4 && self.slow.swap(false, Ordering::Relaxed) {
            log.info("JetStream disk is fast again");
        }
    }

    /// Looks at the running commit: it may be that nobody comes back from it.
    pub(crate) fn look(&self, log: &Log) {
        let began = self.sync_began.load(Ordering::Relaxed);
        if began == 0 {
            return;
        }
        let running = self.start.elapsed().saturating_sub(Duration::from_nanos(began));
        if SLOW < running {
            self.found_slow(running, log);
        }
    }

    /// Whether the disk is slow.
    pub(crate) fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    fn found_slow(&self, took: Duration, log: &Log) {
        if !self.slow.swap(true, Ordering::Relaxed) {
            log.warn(&format!(
                "JetStream disk is slow: a sync takes more than {:.1} s; acknowledgements wait, \
                 core NATS goes on",
                took.as_secs_f64()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{LogOptions, LogTarget};

    fn log() -> (tempfile::TempDir, Log) {
        let dir = tempfile::tempdir().unwrap();
        let target = LogTarget::File(dir.path().join("log"));
        (dir, Log::open(LogOptions { target, ..LogOptions::default() }).unwrap())
    }

    #[test]
    fn a_slow_episode_is_told_of_once_and_its_end_once() {
        let (dir, log) = log();
        let store = StoreWatch::new();
        store.look(&log);
        for _ in 0..3 {
            store.sync_ended(Duration::from_secs(2), &log);
        }
        assert!(store.is_slow());
        for _ in 0..3 {
            store.sync_ended(Duration::from_millis(1), &log);
        }
        let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert_eq!(text.matches("disk is slow").count(), 1, "{text}");
        assert_eq!(text.matches("fast again").count(), 1, "{text}");
    }

    #[tokio::test]
    async fn a_failure_is_heard_of_whenever_it_is_asked_for() {
        let store = StoreWatch::new();
        store.set_state(StoreState::Full);
        store.set_state(StoreState::Failed { reason: "broken".to_owned() });
        assert_eq!(store.failed().await, "broken");
    }
}
