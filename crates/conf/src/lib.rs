//! The nats.conf dialect and the command line of nats-server.
//!
//! Text becomes a tree of values with their places ([`parse_file`]), the tree becomes a [`Config`]
//! ([`Config::read`]); the command line becomes [`Flags`] ([`parse_flags`]). The dialect, the error
//! texts and the digest are nats-server's, compared with version 2.15.1. Defaults, and which of two
//! settings wins, are the server's business.
//!
//! Invariants:
//!
//! * Nothing here reads a file, the environment or a clock: the caller brings a [`Source`].
//! * No text makes it panic, and depth and work are bounded, whatever includes and variables do.
//! * Nothing is silently ignored. A key is obeyed, refused with its place and a sentence, or, if
//!   it guards nothing, named in [`Config::warnings`]. [`KEYS`] is the whole list.
//! * Where nats-server would drop what it read (an unknown size suffix, an array cut off by the end
//!   of the file) or choose at random, this crate refuses or goes by the order of the file.
//!
//! ```
//! use tradewind_conf::{Config, NoSource, parse};
//!
//! let document = parse("max_payload: 128KB\nclutser { }", &mut NoSource).unwrap();
//! let problems = Config::read(&document).unwrap_err();
//! assert_eq!(problems.to_string(), ":2:1: unknown field \"clutser\"");
//! ```

mod config;
mod digest;
mod duration;
mod flags;
mod keys;
mod lexer;
mod parse;
mod print;
mod problem;
mod read;
mod source;
mod value;

pub use config::{
    AllowResponses, Authorization, Config, Credentials, JetStream, JetStreamLimits, OnIoError,
    Permissions, Secret, Setting, SubjectPermission, SyncInterval, User, Warning,
};
pub use digest::digest;
pub use duration::SignedDuration;
pub use flags::{FlagOutcome, Flags, LogFormat, SignalCommand, parse_flags, usage};
pub use keys::{Block, KEYS, Key, Support};
pub use parse::{Document, ParseError, parse, parse_file};
pub use print::print;
pub use problem::{Problem, Problems};
pub use source::{NoSource, Source};
pub use value::{Datetime, Map, Node, Position, Value};
