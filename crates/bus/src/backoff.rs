//! Waits that grow: between attempts to connect, to publish, to handle.

use std::time::Duration;

/// Exponential waits with jitter: before attempt `n`, counted from 0, `base · factorⁿ`, at most
/// `max`, and then up to `jitter` of it more or less, but never over `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The first wait.
    pub base: Duration,
    /// What each wait is of the one before; below 1 counts as 1.
    pub factor: f64,
    /// The longest wait.
    pub max: Duration,
    /// Part of a wait that is random, from 0 to 1.
    pub jitter: f64,
}

impl Backoff {
    /// The same wait every time.
    pub const fn fixed(wait: Duration) -> Backoff {
        Backoff { base: wait, factor: 1.0, max: wait, jitter: 0.0 }
    }

    /// The wait before attempt `attempt`, counted from 0; `random` is uniform in 0..1.
    pub fn wait(&self, attempt: u32, random: f64) -> Duration {
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        let grown = self.base.as_secs_f64() * self.factor.max(1.0).powi(exponent);
        let capped = grown.min(self.max.as_secs_f64());
        let jitter = self.jitter.clamp(0.0, 1.0);
        let shaken = capped * (1.0 + jitter * (2.0 * random - 1.0));
        let clamped = shaken.clamp(0.0, self.max.as_secs_f64());
        Duration::try_from_secs_f64(clamped).unwrap_or(self.max)
    }

    /// As [`Backoff::wait`], with a random number of its own.
    pub fn wait_now(&self, attempt: u32) -> Duration {
        self.wait(attempt, random())
    }
}

/// Uniform in 0..1. Not for secrets.
fn random() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let bits = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        base: Duration::from_millis(100),
        factor: 2.0,
        max: Duration::from_secs(1),
        jitter: 0.1,
    };

    /// Rows: S2-29, S2-62.
    #[test]
    fn s2_29_waits_double_with_jitter_and_never_pass_the_cap() {
        for attempt in 0..40 {
            let middle = (0.1 * 2f64.powi(attempt)).min(1.0);
            for step in 0..1000 {
                let wait = BACKOFF.wait(attempt.unsigned_abs(), f64::from(step) / 1000.0);
                let seconds = wait.as_secs_f64();
                assert!(middle * 0.9 - 1e-9 <= seconds, "{attempt} {wait:?}");
                assert!(seconds <= (middle * 1.1).min(1.0) + 1e-9, "{attempt} {wait:?}");
            }
        }
    }

    #[test]
    fn the_jitter_is_spread() {
        let waits: Vec<f64> = (0..1000).map(|_| BACKOFF.wait_now(0).as_secs_f64()).collect();

        let mean = waits.iter().sum::<f64>() / 1000.0;
        assert!((mean - 0.1).abs() < 0.002, "{mean}");
        assert!(waits.iter().any(|wait| *wait < 0.092) && waits.iter().any(|wait| 0.108 < *wait));
    }

    #[test]
    fn a_fixed_wait_is_the_same_every_time() {
        let backoff = Backoff::fixed(Duration::from_secs(5));

        assert_eq!(backoff.wait(0, 0.0), Duration::from_secs(5));
        assert_eq!(backoff.wait(u32::MAX, 0.99), Duration::from_secs(5));
    }
}
