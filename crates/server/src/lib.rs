//! The NATS and JetStream server, as a library.
//!
//! [`Server::start`] runs one inside a program; [`Server::shutdown`] ends it cleanly. It never ends
//! or aborts its host and says nothing on its own: log lines go where [`LogOptions`] says.

mod account;
mod announce;
mod client;
mod clients;
mod clock;
mod descriptors;
mod dispatch;
mod keeper;
mod lame_duck;
mod listener;
mod log;
mod mailbox;
mod medium;
mod monitor;
mod options;
mod server;
mod shard_host;
mod shared;
mod store;

pub use announce::system_words;
pub use log::Log;
pub use options::{JetStreamOptions, LogOptions, LogTarget, NATS_VERSION, Options, SyncPolicy};
pub use server::{Server, StartError};
pub use shard_host::JetStreamError;
pub use store::StoreState;
pub use tradewind_router::auth;
