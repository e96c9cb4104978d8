//! What one measurement yields.

use std::time::Duration;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;

use crate::num;
use crate::peer::Server;
use crate::proc;

/// Unmeasured load before each measurement: connections settle, buffers grow, caches fill.
const WARM_UP: Duration = Duration::from_millis(300);

/// A figure of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Messages a second.
    Rate,
    /// Median round trip.
    P50,
    /// 99th percentile of the round trip.
    P99,
    /// Memory of one idle connection.
    PerConnection,
    /// Time to the first answer.
    Ready,
    /// Resident memory.
    Memory,
}

impl Metric {
    /// Unit as printed.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::Rate => "k/s",
            Metric::P50 => "µs p50",
            Metric::P99 => "µs p99",
            Metric::PerConnection => "KiB",
            Metric::Ready => "ms",
            Metric::Memory => "MiB",
        }
    }

    /// Whether a smaller figure is the better one.
    pub(crate) fn lower_is_better(self) -> bool {
        self != Metric::Rate
    }
}

/// The figures of one row on one server in one round.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    pub(crate) figures: Vec<(Metric, f64)>,
    /// CPU seconds of the server per million messages.
    pub(crate) cpu_per_million: Option<f64>,
    /// Resident memory of the server at the end.
    pub(crate) rss_mib: f64,
}

/// What a load generator did.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) messages: u64,
    pub(crate) elapsed: Duration,
    /// Round trips in nanoseconds, where one at a time was in flight.
    pub(crate) latency: Option<Histogram<u64>>,
}

/// An empty histogram from 1 ns to a minute.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000_000, 3)?)
}

/// Runs `phase` once to warm up and once under the meter.
pub(crate) fn timed(
    server: &Server,
    duration: Duration,
    mut phase: impl FnMut(Duration) -> Result<Load>,
) -> Result<Measurement> {
    phase(WARM_UP)?;
    metered(server, || phase(duration))
}

/// Runs `phase` under the meter.
pub(crate) fn metered(
    server: &Server,
    phase: impl FnOnce() -> Result<Load>,
) -> Result<Measurement> {
    let before = server.usage()?;
    let load = phase()?;
    let after = server.usage()?;
    ensure!(load.messages > 0, "not one message went through");
    let millions = num::float(load.messages) / 1e6;
    let rate = num::float(load.messages) / load.elapsed.as_secs_f64() / 1e3;
    let mut figures = vec![(Metric::Rate, rate)];
    if let Some(latency) = load.latency {
        figures.push((Metric::P50, num::float(latency.value_at_quantile(0.5)) / 1e3));
        figures.push((Metric::P99, num::float(latency.value_at_quantile(0.99)) / 1e3));
    }
    Ok(Measurement {
        figures,
        cpu_per_million: Some(after.cpu.saturating_sub(before.cpu).as_secs_f64() / millions),
        rss_mib: proc::mib(after.rss_bytes),
    })
}
