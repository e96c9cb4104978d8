//! A dependable event bus over NATS.
//!
//! Producers and consumers over Core NATS or JetStream, retry with backoff, dead letters,
//! idempotency, compression, flow control, key-value, objects, request and reply. It speaks to any
//! NATS server: Tradewind embedded or as a process, nats-server, a cluster of them.

mod backoff;
mod bus;
mod codec;
mod compress;
pub mod config;
mod connection;
mod consumer;
mod dead_letter;
pub mod discovery;
pub mod idempotency;
mod key_value;
mod manage;
mod message_id;
mod object_store;
mod producer;
mod request;
mod subject_template;
pub mod telemetry;

pub use async_nats;
pub use async_nats::jetstream::{kv, object_store as objects, stream};

pub use self::backoff::Backoff;
pub use self::bus::{Bus, Health};
pub use self::codec::{CodecError, Decode, Encode, Encoded, Format, Position, Raw};
pub use self::compress::{CompressError, Compression, decompress};
pub use self::config::{Config, Mode};
pub use self::connection::ConnectError;
pub use self::consumer::{
    BatchHandler, ConsumeError, ConsumerBuilder, CoreBuilder, Delivery, Fetched, Fetcher, Handler,
    HandlerError, Meta, OrderedBuilder, Outcome, Retry, Start, Stats, Subscription,
};
pub use self::dead_letter::{
    DeadLetter, DeadLetterPolicy, DeadLetterStore, Replayed, headers as dead_letter_headers,
};
pub use self::key_value::{Entry, KeyValue, KeyValueError, Update};
pub use self::manage::{Difference, Drift, Ensured, ManageError, OnDrift};
pub use self::message_id::{MessageId, message_id};
pub use self::object_store::{ObjectError, ObjectInfo, Objects};
pub use self::producer::{
    Atomic, FailedPublish, Ids, Message, Pending, Producer, ProducerBuilder, PubAck, PublishError,
    Receipt,
};
pub use self::request::RequestError;
pub use self::subject_template::{SubjectTemplate, TemplateError};

/// A name that no other process makes, too. Not for secrets.
pub(crate) fn random_name() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
