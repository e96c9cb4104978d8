//! What the operating system says about this process.

use std::fs;
use std::time::Duration;

use tradewind_subject::Timestamp;

/// Clock ticks of `/proc` in a second: a constant of the Linux ABI.
const TICKS_PER_SECOND: f64 = 100.0;
/// Shorter spans make the share of processor time too coarse.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// Measures the processor time used between two looks.
#[derive(Debug)]
pub(super) struct Meter {
    since: Timestamp,
    ticks: u64,
    percent: f64,
}

impl Meter {
    pub(super) fn new(start: Timestamp) -> Meter {
        Meter { since: start, ticks: 0, percent: 0.0 }
    }

    /// Percent of one processor used since the last look.
    pub(super) fn percent(&mut self, now: Timestamp) -> f64 {
        let span = now.since(self.since);
        if SPAN_MIN <= span {
            let ticks = ticks();
            let used = u32::try_from(ticks.saturating_sub(self.ticks)).unwrap_or(u32::MAX);
            let share = f64::from(used) / TICKS_PER_SECOND / span.as_secs_f64();
            // Tenths are as exact as the ticks are.
            self.percent = (share * 1000.0).round() / 10.0;
            (self.since, self.ticks) = (now, ticks);
        }
        self.percent
    }
}

/// Processor time of this process so far; 0 where there is no `/proc`.
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold blanks: count from behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut times = fields.split_whitespace().skip(11).map(|field| field.parse().unwrap_or(0_u64));
    times.next().unwrap_or(0) + times.next().unwrap_or(0)
}

/// Bytes of memory in use; 0 where there is no `/proc`.
pub(super) fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse().ok());
    1024_u64.saturating_mul(kilobytes.unwrap_or(0))
}
