//! `tradewind serve` as a process: what launchers, charts and probes lean on.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "every function here is part of a test"
)]

mod config;
mod files;
mod flags;
mod monitoring;
mod process;
mod signals;
