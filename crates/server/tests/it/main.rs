//! The integration suite: unmodified official clients drive a server process.
//!
//! It tests NATS, not one server: it passes against nats-server 2.15.1 as it does against
//! `tradewind`. `TRADEWIND_SUITE_SERVER` names a program that takes nats-server's flags; without
//! it the `tradewind` binary beside this test is run as `tradewind serve`. What only our server
//! promises is in the module `ours`, and passes over when the program is called `nats-server`.
//!
//! A doc line `Rows:` names the rows of the mission's table that a test proves.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "every function here is part of a test"
)]

mod help;
mod raw;
mod server;

mod ack;
mod auth;
mod bad_input;
mod core;
mod core_limits;
mod kv;
mod levels;
mod mission_s0;
mod mission_s0_dlq;
mod mission_s1;
mod mission_s4;
mod monitoring;
mod object;
mod ours;
mod ours_limits;
mod publish;
mod publish_headers;
mod pull;
mod pull_policy;
mod pull_status;
mod push;
mod request;
mod restart;
mod services;
mod stream;
mod stream_limits;
