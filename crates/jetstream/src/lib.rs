//! JetStream's behaviour as state machines: no socket, no clock, no thread.
//!
//! [`api`] is what clients say and are told; [`stream`] and [`consumer`] are the state machines of
//! one stream and one consumer; [`shard`] puts them on a log and is what a shell drives.

pub mod api;
pub mod consumer;
pub mod shard;
pub mod stream;
