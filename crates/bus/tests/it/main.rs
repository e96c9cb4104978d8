//! The suite of the bus, against a real server.
//!
//! It runs three ways, as `TRADEWIND_BUS_SUITE` says: `embedded` (the default: a server of ours in
//! the test's process), `process` (`tradewind serve`, the binary that `TRADEWIND_BINARY` names or
//! the one beside this test) and `cluster` (nats-servers at `TRADEWIND_BUS_CLUSTER`, each test in an
//! account of its own; `cargo xtask bus` starts them).
//!
//! A doc line `Rows:` names the rows of the mission's table that a test proves.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "every function here is part of a test"
)]

mod broker;
mod help;

mod consume;
mod core;
mod dead_letters;
mod flow;
mod idempotent;
mod key_value;
mod manage;
mod object_store;
mod publish;
mod recovery;
mod request;
#[cfg(feature = "otel")]
mod telemetry;
