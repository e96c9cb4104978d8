//! Effects once: which messages were handled, kept where it survives.
//!
//! Two forms. With a lease ([`Store`]) a message is claimed, handled, and marked done; a crash between
//! the effect and the mark has the effect twice, and a handler that outlives its lease may be joined
//! by another. In a transaction ([`SqliteStore::begin`], [`PostgresStore::begin`]) the effect and the
//! mark are one: never twice, if the effect is in that database. The forms know each other's marks,
//! but a transaction does not heed a lease: handle one kind of message by one form.
//!
//! Marks pile up until [`Store::forget_before`] is called, now and then, with an age that no
//! redelivery or replay reaches.

mod key_value;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::future::BoxFuture;

pub use self::key_value::KeyValueStore;
pub use self::memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use self::postgres::{PostgresStore, PostgresTransaction};
#[cfg(feature = "sqlite")]
pub use self::sqlite::{SqliteStore, SqliteTransaction};

/// Why a store does not say whether a message was handled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The lease ran out, and another claimed the message.
    #[error("the lease on {id:?} ran out and another has it: give handlers a longer lease")]
    LeaseLost {
        /// Id of the message.
        id: String,
    },
    /// A table `processed_requests` that was there before lets an id in twice.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    #[error(
        "the table processed_requests can't keep ids apart ({0}): \
         make request_id its primary key, and processed_at a time"
    )]
    Schema(#[source] sqlx::Error),
    /// The database refuses.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    #[error(
        "the idempotency database: {0}; see that it is up, and that its user may read and write \
         processed_requests and request_claims"
    )]
    Database(#[from] sqlx::Error),
    /// The bucket refuses.
    #[error(
        "the idempotency bucket {bucket:?}: {why}; see that it exists, and that the user may read, \
         write and purge it"
    )]
    Bucket {
        /// Its name.
        bucket: String,
        /// Why.
        why: String,
    },
}

/// What a claim came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is yours until the lease runs out.
    Granted(ClaimToken),
    /// It was handled before.
    Done,
    /// Somebody handles it.
    Busy {
        /// Until then, if they do not finish.
        until: jiff::Timestamp,
    },
}

/// A claim that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimToken {
    pub(crate) id: String,
    pub(crate) owner: String,
    /// Of the key in a bucket; elsewhere the owner says it all.
    pub(crate) revision: u64,
}

impl ClaimToken {
    fn new(id: &str) -> ClaimToken {
        ClaimToken { id: id.to_owned(), owner: crate::random_name(), revision: 0 }
    }

    /// Id of the message.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// What beginning a transaction came to.
#[derive(Debug)]
pub enum Begun<T> {
    /// It was handled before.
    Done,
    /// It was not: what is done in the transaction is committed with the mark. Dropped, neither is.
    Fresh(T),
}

/// Remembers which messages were handled.
pub trait Store: Send + Sync {
    /// Claims a message for `lease`, unless it was handled or somebody has it. A lease that ran out
    /// may be taken over.
    ///
    /// # Errors
    ///
    /// If the store can't be asked; whether the message is claimed is then unknown.
    fn claim<'a>(
        &'a self,
        id: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>>;

    /// Marks a claimed message as handled. That its lease ran out is no matter if nobody took over.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] if the claim is not this one's any more; else as
    /// [`Store::claim`].
    fn complete<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Gives a claim back after a failure, so that the next delivery is handled at once. Does
    /// nothing if it is not this one's any more.
    ///
    /// # Errors
    ///
    /// If the store can't be asked; the claim then ends with its lease.
    fn release<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Whether a message was handled.
    ///
    /// # Errors
    ///
    /// If the store can't be asked.
    fn is_done<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Forgets messages that were handled longer ago than `age`, and leases that ran out by then;
    /// how many messages.
    ///
    /// # Errors
    ///
    /// If the store can't be asked; some may be forgotten by then.
    fn forget_before(&self, age: Duration) -> BoxFuture<'_, Result<u64, StoreError>>;
}

/// Milliseconds since 1970 by this host's clock.
fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn timestamp(millis: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}
