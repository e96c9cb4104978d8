//! What a stream and a consumer are asked to be.
//!
//! Field order is the order of the keys in every answer; which keys are left out when empty is
//! nats-server's choice too.

mod consumer;
mod source;
mod stream;

pub use consumer::{AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy, ReplayPolicy};
pub use source::{
    ExternalStream, Placement, Republish, SourceConsumer, StreamSource, SubjectTransform,
};
pub use stream::{
    Compression, ConsumerLimits, Discard, PersistMode, Retention, Storage, StreamConfig,
};

/// Nanoseconds, as Go's `time.Duration` travels in JSON.
pub type Nanos = i64;

/// The API level of this server: which features of JetStream a client may ask for.
pub const API_LEVEL: u32 = 5;

/// The release of nats-server whose behaviour this is.
pub const NATS_VERSION: &str = "2.15.1";

const REQUIRED_LEVEL: &str = "_nats.req.level";
const SERVER_VERSION: &str = "_nats.ver";
const SERVER_LEVEL: &str = "_nats.level";

type Metadata = std::collections::BTreeMap<String, String>;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Replaces what a client wrote into the server's labels by what is stored.
fn settle_metadata(metadata: &mut Metadata, required_level: u32) {
    metadata.remove(SERVER_VERSION);
    metadata.remove(SERVER_LEVEL);
    metadata.insert(REQUIRED_LEVEL.to_owned(), required_level.to_string());
}

/// Adds the labels that are only shown.
fn show_metadata(metadata: &mut Metadata) {
    metadata.insert(SERVER_VERSION.to_owned(), NATS_VERSION.to_owned());
    metadata.insert(SERVER_LEVEL.to_owned(), API_LEVEL.to_string());
}

/// As `metadata`, with the stored label of `stored` instead of its own: a client that sends back
/// what it was shown, or nothing, means the same asset.
fn adopt_metadata(metadata: &mut Metadata, stored: &Metadata) {
    metadata.remove(SERVER_VERSION);
    metadata.remove(SERVER_LEVEL);
    match stored.get(REQUIRED_LEVEL) {
        Some(level) => metadata.insert(REQUIRED_LEVEL.to_owned(), level.clone()),
        None => metadata.remove(REQUIRED_LEVEL),
    };
}

#[cfg(test)]
mod tests;
