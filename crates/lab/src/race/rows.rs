//! The rows of the race: what each one runs, and the bar it has to hold.

use std::time::Duration;

use anyhow::Result;

use super::core::Audience;
use super::meter::{Measurement, Metric};
use super::{core, durable, memory, pull, request};
use crate::peer::{Peer, Setup, Side};

/// One workload of the race.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The name for `--only`.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    workload: Workload,
    pub(crate) bar: Option<Bar>,
}

/// What the ratio ours ÷ theirs of one metric has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) metric: Metric,
    pub(crate) ratio: f64,
}

impl Bar {
    /// Within 5 % counts as met; for metrics where less is better the ratio is an upper bound.
    pub(crate) fn is_met(self, ratio: f64) -> bool {
        if self.metric.lower_is_better() {
            ratio <= self.ratio * 1.05
        } else {
            ratio >= self.ratio * 0.95
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Workload {
    Publish {
        size: usize,
    },
    FanOut {
        size: usize,
        audience: Audience,
    },
    Request {
        in_flight: usize,
    },
    Durable {
        size: usize,
        window: usize,
    },
    InMemory,
    /// Ours as ever, theirs with `sync_interval: always`.
    AgainstSynced,
    Connections {
        count: usize,
    },
    Pull {
        batch: u64,
    },
    Idle {
        connections: usize,
    },
    Restart,
}

/// What the command line sets for all rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knobs {
    pub(crate) duration: Duration,
    pub(crate) restart_messages: u64,
}

const fn row(key: &'static str, title: &'static str, workload: Workload) -> Row {
    Row { key, title, workload, bar: None }
}

const fn barred(row: Row, metric: Metric, ratio: f64) -> Row {
    Row { bar: Some(Bar { metric, ratio }), ..row }
}

const fn one(size: usize) -> Workload {
    Workload::FanOut { size, audience: Audience::Each(1) }
}

const fn window(size: usize, window: usize) -> Workload {
    Workload::Durable { size, window }
}

/// All rows, in the order they run.
pub(crate) const ROWS: &[Row] = &[
    row("pub-16", "publish, no subscriber, 16 B", Workload::Publish { size: 16 }),
    barred(
        row("pub-128", "publish, no subscriber, 128 B", Workload::Publish { size: 128 }),
        Metric::Rate,
        2.0,
    ),
    row("pub-1k", "publish, no subscriber, 1 KiB", Workload::Publish { size: 1024 }),
    row("one-16", "1 publisher, 1 subscriber, 16 B", one(16)),
    barred(row("one-128", "1 publisher, 1 subscriber, 128 B", one(128)), Metric::Rate, 2.0),
    row("one-1k", "1 publisher, 1 subscriber, 1 KiB", one(1024)),
    row(
        "four-128",
        "1 publisher, 4 subscribers, 128 B",
        Workload::FanOut { size: 128, audience: Audience::Each(4) },
    ),
    row(
        "queue-128",
        "queue group of 4, 128 B",
        Workload::FanOut { size: 128, audience: Audience::OneOf(4) },
    ),
    row("request-1", "request/reply, 1 in flight", Workload::Request { in_flight: 1 }),
    row("request-64", "request/reply, 64 in flight", Workload::Request { in_flight: 64 }),
    row("memory-1", "memory stream, 128 B, 1 in flight", Workload::InMemory),
    row("durable-1", "durable, 128 B, 1 in flight", window(128, 1)),
    row("durable-64", "durable, 128 B, window 64", window(128, 64)),
    barred(
        row("durable-1024", "durable, 128 B, window 1024", window(128, 1024)),
        Metric::Rate,
        1.5,
    ),
    row("durable-1k", "durable, 1 KiB, window 1024", window(1024, 1024)),
    row(
        "durable-conns",
        "durable, 64 connections, 1 in flight each",
        Workload::Connections { count: 64 },
    ),
    row("synced-1", "durable, 1 in flight, theirs synced too", Workload::AgainstSynced),
    row("pull-100", "pull, explicit ack, batch 100", Workload::Pull { batch: 100 }),
    barred(
        row("idle", "idle connection, 2 subscriptions", Workload::Idle { connections: 1000 }),
        Metric::PerConnection,
        1.0,
    ),
    row("restart", "restart after kill -9, full store", Workload::Restart),
];

impl Row {
    /// Runs the row once on a fresh server.
    pub(crate) fn measure(&self, peer: &Peer, knobs: Knobs) -> Result<Measurement> {
        let duration = knobs.duration;
        let always = matches!(self.workload, Workload::AgainstSynced);
        let setup = Setup {
            jetstream: self.needs_jetstream(),
            sync_always: always && peer.side == Side::Theirs,
            ..Setup::default()
        };
        let start = || peer.start(&setup);
        match self.workload {
            Workload::Publish { size } => core::publish(&start()?, size, duration),
            Workload::FanOut { size, audience } => {
                core::fan_out(&start()?, size, audience, duration)
            }
            Workload::Request { in_flight } => request::request(&start()?, in_flight, duration),
            Workload::Durable { size, window } => {
                durable::publish(&start()?, "file", (size, window), duration)
            }
            Workload::InMemory => durable::publish(&start()?, "memory", (128, 1), duration),
            Workload::AgainstSynced => durable::publish(&start()?, "file", (128, 1), duration),
            Workload::Connections { count } => {
                durable::many_connections(&start()?, count, 128, duration)
            }
            Workload::Pull { batch } => pull::pull(&start()?, batch, duration),
            Workload::Idle { connections } => memory::idle(&start()?, connections),
            Workload::Restart => memory::restart(peer, knobs.restart_messages),
        }
    }

    fn needs_jetstream(&self) -> bool {
        !matches!(
            self.workload,
            Workload::Publish { .. } | Workload::FanOut { .. } | Workload::Request { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique() {
        let mut keys: Vec<_> = ROWS.iter().map(|row| row.key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), ROWS.len());
    }

    #[test]
    fn a_bar_is_met_within_five_percent_on_its_own_side() {
        let rate = Bar { metric: Metric::Rate, ratio: 2.0 };
        assert!(rate.is_met(1.9) && rate.is_met(9.0) && !rate.is_met(1.89));
        let memory = Bar { metric: Metric::PerConnection, ratio: 1.0 };
        assert!(memory.is_met(1.05) && memory.is_met(0.2) && !memory.is_met(1.06));
    }
}
