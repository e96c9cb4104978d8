//! Messages as users see them.

use anyhow::Result;
use async_nats::jetstream;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::context::Session;
use crate::headers;
use crate::output;

/// Which parts of a message are shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    /// The body and nothing else.
    pub(super) raw: bool,
    /// No body.
    pub(super) headers_only: bool,
    /// The subject and nothing else.
    pub(super) subjects_only: bool,
    /// The time it arrived.
    pub(super) timestamp: bool,
}

/// What JetStream says about a delivery, in the reply subject of the message.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) stream: String,
    pub(super) consumer: String,
    pub(super) stream_seq: u64,
    pub(super) consumer_seq: u64,
    pub(super) delivered: i64,
    pub(super) pending: u64,
    pub(super) time: Timestamp,
}

impl Delivery {
    /// Reads it from `message`; none if it does not come from JetStream.
    pub(super) fn of(message: &jetstream::Message) -> Option<Delivery> {
        let info = message.info().ok()?;
        Some(Delivery {
            stream: info.stream.to_owned(),
            consumer: info.consumer.to_owned(),
            stream_seq: info.stream_sequence,
            consumer_seq: info.consumer_sequence,
            delivered: info.delivered,
            pending: info.pending,
            time: output::timestamp(info.published),
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "stream": self.stream,
            "consumer": self.consumer,
            "stream_seq": self.stream_seq,
            "consumer_seq": self.consumer_seq,
            "delivered": self.delivered,
            "pending": self.pending,
            "time": self.time.to_string(),
        })
    }
}

/// A message as JSON.
pub(super) fn to_json(
    message: &async_nats::Message,
    delivery: Option<&Delivery>,
    parts: Parts,
) -> Value {
    let mut object = Map::new();
    object.insert("subject".to_owned(), message.subject.as_str().into());
    if let (Some(reply), None) = (&message.reply, delivery) {
        object.insert("reply".to_owned(), reply.as_str().into());
    }
    if parts.timestamp {
        object.insert("received".to_owned(), Timestamp::now().to_string().into());
    }
    if let Some(headers) = &message.headers {
        object.insert("headers".to_owned(), headers_json(headers));
    }
    if !parts.headers_only {
        output::put_body(&mut object, "data", &message.payload);
    }
    if let Some(delivery) = delivery {
        object.insert("jetstream".to_owned(), delivery.to_json());
    }
    object.into()
}

/// Headers as JSON: a list of values for each name.
pub(super) fn headers_json(headers: &async_nats::HeaderMap) -> Value {
    let mut object = Map::new();
    for (name, value) in headers::pairs(headers) {
        if let Value::Array(values) = object.entry(name).or_insert_with(|| json!([])) {
            values.push(value.into());
        }
    }
    object.into()
}

/// Shows a received message, the `number`th, as `nats sub` does.
pub(super) fn show(
    session: &Session,
    number: u64,
    message: &async_nats::Message,
    delivery: Option<&Delivery>,
    parts: Parts,
) -> Result<()> {
    let out = &session.out;
    if out.is_json() {
        return out.json_line(&to_json(message, delivery, parts));
    }
    if parts.raw {
        return out.body(&message.payload);
    }
    if parts.subjects_only {
        return out.line(&message.subject);
    }
    let at = if parts.timestamp {
        format!(" @ {}", output::local_time(Timestamp::now()))
    } else {
        String::new()
    };
    let subject = message.subject.as_str();
    let heading = match (delivery, &message.reply) {
        (Some(delivery), _) => format!(
            "[#{number}]{at} Received JetStream message: stream: {} seq {} / subject: {subject} / time: {}",
            delivery.stream,
            delivery.stream_seq,
            delivery.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        ),
        (None, Some(reply)) => {
            format!("[#{number}]{at} Received on {subject:?} with reply {:?}", reply.as_str())
        }
        (None, None) => format!("[#{number}]{at} Received on {subject:?}"),
    };
    out.line(&heading)?;
    show_content(session, message.headers.as_ref(), &message.payload, parts)
}

/// Shows headers and body.
pub(super) fn show_content(
    session: &Session,
    headers: Option<&async_nats::HeaderMap>,
    body: &Bytes,
    parts: Parts,
) -> Result<()> {
    let out = &session.out;
    let pairs = headers.map(headers::pairs).unwrap_or_default();
    for (name, value) in &pairs {
        out.line(&format!("{name}: {value}"))?;
    }
    if !pairs.is_empty() {
        out.line("")?;
    }
    if !parts.headers_only {
        out.body(body)?;
        if !body.ends_with(b"\n") {
            out.line("")?;
        }
    }
    Ok(())
}
