//! The command line against a server process.
//!
//! The server is this binary's own `serve`, or the program in `TRADEWIND_SUITE_SERVER`, which
//! understands nats-server's flags.

#![expect(clippy::unwrap_used, reason = "every function here is part of a test")]

mod buckets;
mod consumers;
mod dead_letters;
mod errors;
mod fixture;
mod messages;
mod quickstart;
mod streams;
