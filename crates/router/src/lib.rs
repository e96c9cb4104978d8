//! Who gets what: interest, sessions, authentication and permissions. No socket, no clock.
//!
//! The router knows subscribers only by an opaque target: to it a stream is a subscriber and a
//! consumer is a publisher. The caller owns the targets, the lock around [`Interest`] and the bytes.

pub mod auth;
mod interest;
mod route_cache;
mod session;

pub use interest::{
    ClientId, Fanout, Generation, Generations, Interest, QueueGroup, Subscription, Turn,
};
pub use route_cache::RouteCache;
pub use session::{CloseReason, Refusal, Session, SessionLimits, Subscribe, Unsubscribe};
