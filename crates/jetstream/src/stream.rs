//! One stream: what it has, what it admits, what leaves.
//!
//! [`Stream`] is a state machine without disk and clock. What changes it are the `apply_*` methods: pure
//! functions of a record and the configuration, called both when the record is appended and when it is
//! replayed. [`Stream::admit`] and the `plan_*` methods decide what to append and change nothing.

mod admit;
mod apply;
mod dedupe;
pub mod filter;
mod found_ids;
pub mod index;
mod lifetimes;
mod limits;
mod plan;
pub mod publish;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;

use tradewind_store::Lsn;
use tradewind_subject::Timestamp;

pub use self::{
    admit::{Admission, Publish, Refusal},
    apply::PublishRecord,
    found_ids::FoundIds,
    plan::{Expiry, PurgePlan, PurgeRequest, Removal},
    snapshot::{Missing, Snapshot, SnapshotError},
    state::{StreamState, SubjectPage},
};
use self::{dedupe::RecentIds, index::Index, lifetimes::Lifetimes, limits::Limits};
use crate::api::config::StreamConfig;

/// The state machine of one stream.
#[derive(Debug)]
pub struct Stream {
    config: StreamConfig,
    created: Timestamp,
    limits: Limits,
    index: Index,
    lifetimes: Lifetimes,
    recent_ids: RecentIds,
    /// Id of the last message; empty if it had none.
    last_msg_id: Vec<u8>,
}

impl Stream {
    /// A stream without messages; `config` is complete and legal.
    pub fn new(config: StreamConfig, created: Timestamp) -> Stream {
        let limits = Limits::of(&config);
        let mut index = Index::new();
        if 0 < config.first_seq {
            index.set_first(config.first_seq);
        }
        let recent_ids = RecentIds::new(limits.duplicate_window);
        Stream {
            config,
            created,
            limits,
            index,
            lifetimes: Lifetimes::default(),
            recent_ids,
            last_msg_id: Vec::new(),
        }
    }

    /// What it was asked to be.
    pub fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// When it was created.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// Its live messages.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Bytes that a message counts for in the limits and in the state, as nats-server counts them.
    pub fn message_size(&self, subject_len: usize, headers_len: usize, payload_len: usize) -> u64 {
        self.limits.message_size(subject_len, headers_len, payload_len)
    }

    /// When the oldest message id may be forgotten: see [`Stream::forget_expired_ids`].
    pub fn next_id_expiry(&self) -> Option<Timestamp> {
        self.recent_ids.next_expiry()
    }

    /// Gives back the memory of message ids that left the duplicate window.
    ///
    /// They don't count any more in any case.
    pub fn forget_expired_ids(&mut self, now: Timestamp) {
        self.recent_ids.expire(now);
    }

    /// The first record in the log that message ids need.
    pub fn ids_from(&self) -> Option<Lsn> {
        self.recent_ids.said_from()
    }

    /// About how many bytes it takes to say again the message ids that no record behind `through`
    /// says.
    pub fn ids_bytes(&self, through: Lsn) -> u64 {
        self.recent_ids.bytes_through(through)
    }

    /// Says the message ids again that no record behind `through` says: `say` gets some of them for
    /// [`Record::MessageIds`](tradewind_store::Record::MessageIds), and returns the number of that
    /// record, or none to end it.
    pub fn say_ids_again(&mut self, through: Lsn, say: impl FnMut(&[u8]) -> Option<Lsn>) {
        self.recent_ids.say_again(through, say);
    }
}
