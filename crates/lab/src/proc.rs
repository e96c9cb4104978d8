//! What the kernel says about a process and the machine.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit};

use crate::num;

/// CPU time and memory of one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// User and system time, threads that ended included.
    pub(crate) cpu: Duration,
    pub(crate) rss_bytes: u64,
}

/// Reads `/proc/PID`.
pub(crate) fn usage(pid: u32) -> Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let ticks = cpu_ticks(&stat).context("no CPU time in /proc/PID/stat")?;
    let nanos_per_tick = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    Ok(Usage {
        cpu: Duration::from_nanos(ticks * nanos_per_tick),
        rss_bytes: rss_bytes(&status).context("no VmRSS in /proc/PID/status")?,
    })
}

/// The fields `utime` and `stime`; the name before them may hold blanks and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Whether every thread of a process is stopped by a signal.
pub(crate) fn is_stopped(pid: u32) -> Result<bool> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = fs::read_to_string(thread?.path().join("stat"))?;
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        if state != Some('T') {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The load average over one minute; 0 where there is none.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

/// The kernel's release, for reports.
pub(crate) fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// Raises the number of open files to what the system allows, and returns it.
pub(crate) fn raise_open_files() -> Result<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(
        Resource::Nofile,
        Rlimit { current: limit.maximum, maximum: limit.maximum },
    )?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    num::float(bytes) / 1_048_576.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_process_name() {
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20";
        assert_eq!(cpu_ticks(stat), Some(175));
        assert_eq!(cpu_ticks("12 (x) S 1"), None);
    }

    #[test]
    fn resident_memory_is_read_in_kib() {
        assert_eq!(rss_bytes("Name:\tx\nVmRSS:\t   12 kB\n"), Some(12_288));
        assert_eq!(rss_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(usage(std::process::id()).unwrap().rss_bytes > 0);
    }
}
