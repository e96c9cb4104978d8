use std::time::Duration;

use crate::backoff::Backoff;

/// How often a message is tried: short waits in the process, long ones by the server.
///
/// A try in the process keeps its place among the handlers, so these are few and short. After them
/// the message goes back to the server, which delivers it again after a wait that grows with each
/// delivery. After `max_deliver` deliveries it is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Tries of one delivery, the first included.
    pub attempts: u32,
    /// Waits between them.
    pub between: Backoff,
    /// Waits between deliveries.
    pub redelivery: Backoff,
    /// Deliveries of a message; none: without end.
    pub max_deliver: Option<u32>,
}

impl Retry {
    /// One try for each delivery, and waits between deliveries as `redelivery` says.
    pub fn new(redelivery: Backoff, max_deliver: Option<u32>) -> Retry {
        let between = Backoff {
            base: Duration::from_millis(50),
            factor: 2.0,
            max: Duration::from_secs(1),
            jitter: 0.1,
        };
        Retry { attempts: 1, between, redelivery, max_deliver }
    }

    /// Tries of one delivery, the first included.
    pub fn attempts(mut self, attempts: u32) -> Retry {
        self.attempts = attempts.max(1);
        self
    }

    /// Whether a delivery is the last.
    pub(crate) fn is_last(&self, num_delivered: u64) -> bool {
        self.max_deliver.is_some_and(|max| u64::from(max) <= num_delivered)
    }

    /// Whether there should have been no such delivery: its last one ended without a word.
    pub(crate) fn is_beyond(&self, num_delivered: u64) -> bool {
        self.max_deliver.is_some_and(|max| u64::from(max) < num_delivered)
    }

    /// The wait before delivery `num_delivered + 1`.
    pub(crate) fn wait_after(&self, num_delivered: u64) -> Duration {
        let retries = num_delivered.saturating_sub(1);
        self.redelivery.wait_now(u32::try_from(retries).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: S3-38.
    #[test]
    fn s3_38_waits_between_deliveries_are_1_2_4_seconds() {
        let redelivery = Backoff {
            base: Duration::from_secs(1),
            factor: 2.0,
            max: Duration::from_mins(5),
            jitter: 0.0,
        };
        let retry = Retry::new(redelivery, Some(3));

        let waits: Vec<u64> = (1..=4).map(|n| retry.wait_after(n).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8]);
        assert!(!retry.is_last(2) && retry.is_last(3) && retry.is_last(4));
        assert!(!retry.is_beyond(3) && retry.is_beyond(4));
    }
}
