//! The NATS and JetStream server, as a library.
//!
//! [`Server::start`] runs one inside a program; [`Server::shutdown`] ends it cleanly. It never ends
//! or aborts its host and says nothing on its own: log lines go where [`LogOptions`] says.

mod account;
mod client;
mod clients;
mod clock;
mod dispatch;
mod keeper;
mod listener;
mod log;
mod mailbox;
mod options;
mod server;
mod shard_host;
mod shared;

pub use options::{JetStreamOptions, LogOptions, LogTarget, NATS_VERSION, Options, SyncPolicy};
pub use server::{Server, StartError};
pub use shard_host::JetStreamError;
pub use tradewind_router::auth;
