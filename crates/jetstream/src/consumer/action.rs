//! What a consumer asks of the shard.

use bytes::Bytes;

use super::SeqPair;

/// Something the shard does for a consumer, in the order in which it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Send a header block and nothing else: a status or a heartbeat.
    Status {
        /// Subject.
        to: Bytes,
        /// The header block, with its empty line.
        headers: Vec<u8>,
    },
    /// Send a flow control request: a header block with a reply subject that the client answers.
    FlowControl {
        /// Deliver subject.
        to: Bytes,
        /// What the client publishes to.
        reply: Bytes,
        /// The header block, with its empty line.
        headers: &'static [u8],
    },
    /// Send an empty message, once all that happened before is durable: the answer to a confirmed
    /// ack.
    AckReply {
        /// Subject.
        to: Bytes,
    },
    /// This consumer needs the message no more: interest and work queue streams may drop it.
    Acked {
        /// Stream sequence.
        seq: u64,
    },
    /// Publish an event.
    Advisory(Advisory),
    /// The pause is over.
    Resumed,
    /// Nobody used the consumer for its inactive threshold: delete it.
    Inactive,
    /// Something can be delivered: pump with [`Consumer::peek`](super::Consumer::peek).
    Kick,
}

/// An event; the shard adds names, id and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advisory {
    /// A message was delivered as often as allowed, in vain.
    MaxDeliver {
        /// Stream sequence.
        stream_seq: u64,
        /// How often it was delivered.
        deliveries: u64,
    },
    /// A client refused a message for now.
    Nak {
        /// Sequences, as the client named them.
        seq: SeqPair,
        /// How often it was delivered.
        deliveries: u64,
    },
    /// A message will not be delivered again.
    Terminated {
        /// Sequences, as the client named them.
        seq: SeqPair,
        /// How often it was delivered.
        deliveries: u64,
        /// Why; empty if the client gave no reason.
        reason: String,
    },
    /// A sampled acknowledgement.
    AckMetric {
        /// Sequences, as the client named them.
        seq: SeqPair,
        /// How often it was delivered.
        deliveries: u64,
        /// Nanoseconds from delivery to acknowledgement.
        ack_time: u64,
    },
}
