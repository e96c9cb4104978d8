//! Rules of consumers, one by one, and all together against a naive model.

mod acks;
mod info;
mod model;
mod persist;
mod pull;
mod push;
mod world;

use self::world::{World, secs};
