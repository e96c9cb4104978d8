//! Events about what JetStream does, on `$JS.EVENT.>`.

use serde::Serialize;
use tradewind_proto::Publish;
use tradewind_store::ConsumerId;
use tradewind_subject::Timestamp;

use super::Shard;
use super::context::Context;
use super::slot::Slot;
use crate::api::time::format_time;
use crate::consumer::Advisory;

/// The head of every event, then what it is about.
#[derive(Serialize)]
struct Event<'a, T> {
    r#type: &'a str,
    id: String,
    timestamp: String,
    #[serde(flatten)]
    body: T,
}

/// About a message of a consumer; which fields there are depends on the kind.
#[derive(Default, Serialize)]
struct Delivery<'a> {
    stream: &'a str,
    consumer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer_seq: Option<u64>,
    stream_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_time: Option<u64>,
    deliveries: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
}

/// About a stream or a consumer as a whole.
#[derive(Serialize)]
struct Life<'a> {
    stream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<&'a str>,
    action: &'a str,
}

/// How the store of a server is, for those who listen on `$JS.EVENT.ADVISORY.SERVER.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAdvisory {
    /// The disk is nearly full: publishes are refused.
    OutOfStorage,
    /// There is room again.
    StorageAvailable,
    /// Nothing is written any more.
    Failed {
        /// Why.
        error: String,
    },
    /// A sync takes longer than it should.
    SlowDisk,
}

/// What happened to a stream or a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Created,
    Updated,
    Deleted,
}

impl Change {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Change::Created => ("CREATED", "create"),
            Change::Updated => ("UPDATED", "modify"),
            Change::Deleted => ("DELETED", "delete"),
        }
    }
}

impl Context {
    /// The text of an event, if anybody listens.
    fn event<T: Serialize>(&mut self, subject: &str, kind: &str, body: T) -> Option<Vec<u8>> {
        if !self.has_interest(subject.as_bytes()) {
            return None;
        }
        let id = self.event_id();
        let event = Event { r#type: kind, id, timestamp: format_time(Some(self.now)), body };
        // Strings and numbers always serialize.
        serde_json::to_vec(&event).ok()
    }

    fn publish_event<T: Serialize>(&mut self, subject: &str, kind: &str, body: T) {
        let Some(json) = self.event(subject, kind, body) else { return };
        let publish =
            Publish { subject: subject.as_bytes(), reply: b"", headers: b"", payload: &json };
        self.after_commit().push(subject.as_bytes(), &publish);
    }

    /// An id in the form of a NUID.
    fn event_id(&mut self) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut id = String::with_capacity(22);
        for _ in 0..22 {
            let at = tradewind_subject::int::usize_from((self.next_random() >> 11) % 62);
            id.push(char::from(DIGITS[at]));
        }
        id
    }

    /// A message that should be there can't be read.
    pub(super) fn report_damage(&mut self, stream: &str, seq: u64, why: &str) {
        #[derive(Serialize)]
        struct Damage<'a> {
            stream: &'a str,
            stream_seq: u64,
            error: &'a str,
        }
        let subject = format!("$JS.EVENT.ADVISORY.STREAM.DAMAGED.{stream}");
        let body = Damage { stream, stream_seq: seq, error: why };
        self.publish_event(&subject, "io.tradewind.jetstream.advisory.v1.stream_damaged", body);
    }

    /// Something about the store that concerns all streams. It goes out at once: it may be that
    /// nothing is committed any more.
    fn store_event(&mut self, token: &str, kind: &str, error: Option<&str>) {
        #[derive(Serialize)]
        struct Store<'a> {
            server: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'a str>,
        }
        let subject = format!("$JS.EVENT.ADVISORY.SERVER.{token}");
        let server = self.options.server_name.clone();
        if let Some(json) = self.event(&subject, kind, Store { server: &server, error }) {
            let subject = subject.as_bytes();
            let publish = Publish { subject, reply: b"", headers: b"", payload: &json };
            self.out.push(subject, &publish);
        }
    }

    pub(super) fn stream_changed(&mut self, stream: &str, change: Change) {
        let (token, action) = change.words();
        let subject = format!("$JS.EVENT.ADVISORY.STREAM.{token}.{stream}");
        let body = Life { stream, consumer: None, action };
        self.publish_event(&subject, "io.nats.jetstream.advisory.v1.stream_action", body);
    }

    pub(super) fn consumer_changed(&mut self, stream: &str, consumer: &str, change: Change) {
        let (token, action) = change.words();
        let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.{token}.{stream}.{consumer}");
        let body = Life { stream, consumer: Some(consumer), action };
        self.publish_event(&subject, "io.nats.jetstream.advisory.v1.consumer_action", body);
    }
}

impl Shard {
    /// Tells whoever listens how the store is.
    pub fn advise(&mut self, now: Timestamp, advisory: &StoreAdvisory) {
        self.context.now = now;
        let (token, kind, error) = match advisory {
            StoreAdvisory::OutOfStorage => {
                ("OUT_OF_STORAGE", "io.nats.jetstream.advisory.v1.server_out_of_space", None)
            }
            StoreAdvisory::StorageAvailable => (
                "STORAGE_AVAILABLE",
                "io.tradewind.jetstream.advisory.v1.server_storage_available",
                None,
            ),
            StoreAdvisory::Failed { error } => (
                "STORE_FAILED",
                "io.tradewind.jetstream.advisory.v1.server_store_failed",
                Some(error.as_str()),
            ),
            StoreAdvisory::SlowDisk => {
                ("SLOW_DISK", "io.tradewind.jetstream.advisory.v1.server_slow_disk", None)
            }
        };
        self.context.store_event(token, kind, error);
    }
}

impl Slot {
    /// Publishes an event of a consumer.
    pub(super) fn advise(&self, context: &mut Context, id: ConsumerId, advisory: &Advisory) {
        let Some(slot) = self.consumers.get(&id) else { return };
        let (stream, consumer) = (self.name(), slot.consumer.name());
        let body = Delivery { stream, consumer, ..Delivery::default() };
        let (area, token, reason, body) = match advisory {
            Advisory::MaxDeliver { stream_seq, deliveries } => (
                "ADVISORY.CONSUMER.MAX_DELIVERIES",
                "advisory.v1.max_deliver",
                "",
                Delivery { stream_seq: *stream_seq, deliveries: *deliveries, ..body },
            ),
            Advisory::Nak { seq, deliveries } => (
                "ADVISORY.CONSUMER.MSG_NAKED",
                "advisory.v1.nak",
                "",
                Delivery {
                    consumer_seq: Some(seq.consumer),
                    stream_seq: seq.stream,
                    deliveries: *deliveries,
                    ..body
                },
            ),
            Advisory::Terminated { seq, deliveries, reason } => (
                "ADVISORY.CONSUMER.MSG_TERMINATED",
                "advisory.v1.terminated",
                reason.as_str(),
                Delivery {
                    consumer_seq: Some(seq.consumer),
                    stream_seq: seq.stream,
                    deliveries: *deliveries,
                    ..body
                },
            ),
            Advisory::AckMetric { seq, deliveries, ack_time } => (
                "METRIC.CONSUMER.ACK",
                "metric.v1.consumer_ack",
                "",
                Delivery {
                    consumer_seq: Some(seq.consumer),
                    stream_seq: seq.stream,
                    ack_time: Some(*ack_time),
                    deliveries: *deliveries,
                    ..body
                },
            ),
        };
        let subject = format!("$JS.EVENT.{area}.{stream}.{consumer}");
        let kind_name = format!("io.nats.jetstream.{token}");
        context.publish_event(&subject, &kind_name, Delivery { reason, ..body });
    }
}
