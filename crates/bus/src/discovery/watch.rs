//! A service followed by blocking queries.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::answer::Instances;
use super::{Consul, DiscoveryCause, DiscoveryError};
use crate::backoff::Backoff;

/// How a service is followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WatchOptions {
    /// How long Consul may keep a question until something changes; Consul's limit is 10 minutes.
    pub wait: Duration,
    /// Least time from one question to the next, should Consul answer at once every time.
    pub interval_min: Duration,
    /// Waits after errors.
    pub backoff: Backoff,
}

impl Default for WatchOptions {
    fn default() -> WatchOptions {
        WatchOptions {
            wait: Duration::from_mins(1),
            interval_min: Duration::from_millis(100),
            backoff: Backoff {
                base: Duration::from_millis(200),
                factor: 2.0,
                max: Duration::from_secs(10),
                jitter: 0.1,
            },
        }
    }
}

/// A service that is followed. Dropped, it stops.
#[derive(Debug)]
pub struct Watcher {
    lists: watch::Receiver<Option<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Watcher {
    pub(super) fn start(consul: Consul, options: WatchOptions) -> Watcher {
        let (sender, lists) = watch::channel(None);
        Watcher { lists, task: tokio::spawn(follow(consul, options, sender)) }
    }

    /// The next list of healthy instances that differs from the one before; the first one is the
    /// first that Consul gave. Who asks late gets the newest only. A list may be empty: whether
    /// the service is down or its checks are, the caller must judge. None if the task was ended
    /// with its runtime. Can be cancelled without losing a list.
    pub async fn changed(&mut self) -> Option<Vec<String>> {
        self.lists.changed().await.ok()?;
        self.lists.borrow_and_update().clone()
    }

    /// The newest list; none before Consul gave one. Kept while Consul can't be reached.
    pub fn current(&self) -> Option<Vec<String>> {
        self.lists.borrow().clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(consul: Consul, options: WatchOptions, lists: watch::Sender<Option<Vec<String>>>) {
    let mut index = None;
    let mut failures = 0_u32;
    while !lists.is_closed() {
        let asked = Instant::now();
        match ask(&consul, index, options.wait).await {
            Ok((urls, next)) => {
                if failures != 0 {
                    tracing::info!(failures, "Consul answers again");
                }
                (index, failures) = (next, 0);
                lists.send_if_modified(|last| {
                    let differs = last.as_ref() != Some(&urls);
                    if differs {
                        *last = Some(urls);
                    }
                    differs
                });
                sleep_until(asked + options.interval_min).await;
            }
            Err(error) => {
                // Once per outage, which may last for days.
                if failures == 0 {
                    tracing::warn!(%error, "keeping the servers known, until Consul answers");
                } else {
                    tracing::debug!(%error, failures, "Consul still doesn't answer");
                }
                // A Consul that was set up anew counts from the start: a question with the old
                // index would be kept for the whole wait.
                index = None;
                sleep(options.backoff.wait_now(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// The instances, and the index to ask with next.
async fn ask(
    consul: &Consul,
    index: Option<u64>,
    wait: Duration,
) -> Result<(Vec<String>, Option<u64>), DiscoveryError> {
    let Instances { urls, index: got } = consul.instances(index.map(|index| (index, wait))).await?;
    let Some(got) = got else {
        let reason = "it has no X-Consul-Index".to_owned();
        return Err(consul.agent.error(DiscoveryCause::Answer(reason)));
    };
    Ok((urls, next_index(index, got)))
}

/// None: the next question is not a blocking one. An index that goes backwards, after a restore of
/// Consul's state, says nothing of what changed since. Index 0 would turn blocking off.
fn next_index(asked: Option<u64>, got: u64) -> Option<u64> {
    let backwards = asked.is_some_and(|asked| got < asked);
    (!backwards).then_some(got.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: S4-76.
    #[test]
    fn s4_76_an_index_that_goes_backwards_is_forgotten() {
        assert_eq!(next_index(None, 7), Some(7));
        assert_eq!(next_index(Some(7), 7), Some(7));
        assert_eq!(next_index(Some(7), 8), Some(8));
        assert_eq!(next_index(Some(7), 6), None);
        assert_eq!(next_index(None, 0), Some(1));
        assert_eq!(next_index(Some(1), 0), None);
    }
}
