//! What a client may rely on, judged from what clients saw; shared by the rooms that break servers.

mod findings;
mod ledger;
mod question;
pub(crate) mod readback;
mod reading;
mod session;
pub(crate) mod steps;
mod value;

pub(crate) use self::findings::{Findings, Kind};
pub(crate) use self::ledger::{Figures, Ledger};
pub(crate) use self::reading::{answered, drain, judge, prepare, settle};
pub(crate) use self::session::{Client, Ended, Mix, Moments};
pub(crate) use self::value::{ValueId, decode, encode};

/// A message and its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub(crate) stream_seq: u64,
    pub(crate) content: Content,
}

/// What a message was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A value of ours, every bit as sent.
    Value(ValueId),
    /// Anything else.
    Altered,
}

/// What a payload is.
pub(crate) fn content(seed: u64, payload: &[u8]) -> Content {
    decode(seed, payload).map_or(Content::Altered, Content::Value)
}
