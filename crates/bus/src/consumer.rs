//! Consuming: a handler, and everything around it that keeps messages from getting lost.

mod batch;
mod builder;
mod core;
mod engine;
mod fetch;
mod hand;
mod lanes;
mod meta;
mod ordered;
mod outcome;
mod pull;
mod retry;
mod settle;
mod source;
mod subscription;

use std::sync::Arc;

use async_nats::HeaderMap;

pub use self::batch::BatchHandler;
pub use self::builder::{ConsumerBuilder, Start};
pub use self::core::CoreBuilder;
pub use self::fetch::{Fetched, Fetcher};
pub use self::meta::Meta;
pub use self::ordered::OrderedBuilder;
pub use self::outcome::{HandlerError, Outcome};
pub use self::retry::Retry;
pub(crate) use self::settle::{decode, decode_body};
pub(crate) use self::source::timestamp;
pub(crate) use self::subscription::{Counts, count};
pub use self::subscription::{Stats, Subscription};
use crate::manage::ManageError;

/// Why messages can't be consumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// Stream or consumer can't be made or found.
    #[error(transparent)]
    Manage(#[from] ManageError),
    /// What was asked for does not fit together.
    #[error("{0}")]
    Options(String),
    /// The bus was closed, or gave up connecting.
    #[error("the bus is closed")]
    Closed,
    /// The connection or the server refuses.
    #[error("consuming from {what}: {why}")]
    Client {
        /// The stream, or the subject.
        what: String,
        /// Why.
        why: String,
    },
}

/// A message, decoded, as a handler gets it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery<T> {
    /// The value.
    pub data: T,
    /// Its subject, with the bus' prefix.
    pub subject: String,
    /// Where to answer; none if nobody waits, and for stored messages.
    pub reply: Option<String>,
    /// Its headers.
    pub headers: Arc<HeaderMap>,
    /// Where it stands; none for Core messages.
    pub meta: Option<Meta>,
}

impl<T> Delivery<T> {
    /// What tells it from all others: its message id, else its place in its stream, else nothing.
    pub fn id(&self) -> Option<String> {
        let id = self.headers.get(async_nats::header::NATS_MESSAGE_ID);
        id.map(|id| id.as_str().to_owned()).or_else(|| {
            self.meta.as_ref().map(|it| format!("{}:{}", it.stream, it.stream_sequence))
        })
    }

    /// How often it was delivered, this time included; 1 for Core messages.
    pub fn num_delivered(&self) -> u64 {
        self.meta.as_ref().map_or(1, |meta| meta.num_delivered)
    }
}

/// What is called for each message: any `async` function from a [`Delivery`] to something that is
/// an [`Outcome`], such as `()` or `Result<(), HandlerError>`.
pub trait Handler<T>: Send + Sync + 'static {
    /// Handles one message.
    fn handle(&self, delivery: Delivery<T>) -> impl Future<Output = Outcome> + Send;
}

impl<T, F, Fut, R> Handler<T> for F
where
    F: Fn(Delivery<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send,
    R: Into<Outcome>,
    T: Send,
{
    fn handle(&self, delivery: Delivery<T>) -> impl Future<Output = Outcome> + Send {
        let result = self(delivery);
        async move { result.await.into() }
    }
}
