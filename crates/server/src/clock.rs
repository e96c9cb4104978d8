//! The clock of the shell. The crates below take time as an argument.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tradewind_subject::Timestamp;

/// When this process first asked, by the clock that never jumps.
static START: OnceLock<Instant> = OnceLock::new();
/// The last answer, and when it was given by the clock that never jumps.
static LAST: AtomicI64 = AtomicI64::new(i64::MIN);
static LAST_AT: AtomicI64 = AtomicI64::new(0);

/// The time of day, which never goes back.
///
/// It follows the system's clock forwards. When that is set back, this goes on at half its pace
/// until the other has caught up: nothing that waits for a deadline stands still.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
    let at = START.get_or_init(Instant::now).elapsed().as_nanos();
    let at = i64::try_from(at).unwrap_or(i64::MAX);
    Timestamp(follow(wall, at))
}

fn follow(wall: i64, at: i64) -> i64 {
    let last = LAST.load(Ordering::Acquire);
    if last <= wall {
        LAST_AT.store(at, Ordering::Relaxed);
        return LAST.fetch_max(wall, Ordering::AcqRel).max(wall);
    }
    let passed = at.saturating_sub(LAST_AT.swap(at, Ordering::Relaxed)).max(0);
    let slowed = last.saturating_add(passed / 2);
    LAST.fetch_max(slowed, Ordering::AcqRel).max(slowed)
}

/// Finds out when somebody sets the system's clock.
#[derive(Debug)]
pub(crate) struct Jumps {
    wall: SystemTime,
    steady: Instant,
}

impl Jumps {
    pub(crate) fn new() -> Jumps {
        Jumps { wall: SystemTime::now(), steady: Instant::now() }
    }

    /// How far the clock was set since the last call, if by more than time servers do gently.
    pub(crate) fn next(&mut self) -> Option<String> {
        let now = Jumps::new();
        let jump = now.since(self);
        *self = now;
        jump
    }

    fn since(&self, before: &Jumps) -> Option<String> {
        const GENTLE: Duration = Duration::from_secs(5);
        let expected = before.wall + self.steady.duration_since(before.steady);
        let (far, word) = match self.wall.duration_since(expected) {
            Ok(far) => (far, "forward"),
            Err(error) => (error.duration(), "back"),
        };
        (GENTLE < far).then(|| format!("{word} by {} s", far.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_drifts_is_not() {
        let before = Jumps::new();
        let year = Duration::from_hours(365 * 24);
        let at = |wall| Jumps { wall, steady: before.steady + Duration::from_secs(1) };
        assert_eq!(at(before.wall + Duration::from_secs(2)).since(&before), None);
        let forward = at(before.wall + year + Duration::from_secs(1)).since(&before);
        assert_eq!(forward.as_deref(), Some("forward by 31536000 s"));
        let back = at(before.wall - year).since(&before);
        assert_eq!(back.as_deref(), Some("back by 31536001 s"));
    }

    #[test]
    fn a_clock_that_is_set_back_slows_down_but_neither_stops_nor_returns() {
        let start = now().nanos() + 3_600_000_000_000;
        let before = follow(start, 1_000);
        let after = follow(start - 60_000_000_000, 2_001_000);
        assert_eq!(before, start);
        assert_eq!(after, start + 1_000_000, "two milliseconds at half the pace");
    }
}
