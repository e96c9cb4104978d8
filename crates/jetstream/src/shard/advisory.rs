//! Events about what JetStream does, on `$JS.EVENT.>`.

use serde::Serialize;
use tradewind_proto::Publish;
use tradewind_store::ConsumerId;

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
    fn publish_event<T: Serialize>(&mut self, subject: &str, kind: &str, body: T) {
        if !self.has_interest(subject.as_bytes()) {
            return;
        }
        let id = self.event_id();
        let event = Event { r#type: kind, id, timestamp: format_time(Some(self.now)), body };
        // Strings and numbers always serialize.
        let json = serde_json::to_vec(&event).unwrap_or_default();
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
