//! What can be done to a shard.

use serde_json::{Value, json};

const HOUR: u64 = 3_600_000_000_000;

/// What a stream is asked to be; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamSpec {
    pub(crate) name: &'static str,
    pub(crate) subjects: &'static [&'static str],
    pub(crate) retention: &'static str,
    /// Gone when the server stops.
    pub(crate) memory: bool,
    pub(crate) max_msgs: u64,
    pub(crate) max_bytes: u64,
    pub(crate) max_age_ms: u64,
    pub(crate) max_per_subject: u64,
    pub(crate) discard_new: bool,
    pub(crate) discard_new_per_subject: bool,
    pub(crate) window_ms: u64,
}

impl StreamSpec {
    pub(crate) const fn new(name: &'static str, subjects: &'static [&'static str]) -> StreamSpec {
        StreamSpec {
            name,
            subjects,
            retention: "limits",
            memory: false,
            max_msgs: 0,
            max_bytes: 0,
            max_age_ms: 0,
            max_per_subject: 0,
            discard_new: false,
            discard_new_per_subject: false,
            window_ms: 60_000,
        }
    }

    pub(crate) fn json(&self) -> Value {
        let limit = |value: u64| if value == 0 { -1 } else { i64::try_from(value).unwrap() };
        json!({
            "name": self.name,
            "subjects": self.subjects,
            "retention": self.retention,
            "storage": if self.memory { "memory" } else { "file" },
            "num_replicas": 1,
            "max_msgs": limit(self.max_msgs),
            "max_bytes": limit(self.max_bytes),
            "max_age": self.max_age_ms * 1_000_000,
            "max_msgs_per_subject": limit(self.max_per_subject),
            "discard": if self.discard_new { "new" } else { "old" },
            "discard_new_per_subject": self.discard_new_per_subject,
            "duplicate_window": self.window_ms * 1_000_000,
            "allow_rollup_hdrs": true,
            "allow_direct": true,
            "allow_msg_ttl": true,
        })
    }
}

/// What a consumer is asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerSpec {
    pub(crate) stream: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Empty is all.
    pub(crate) filter: &'static str,
    pub(crate) ack_all: bool,
    pub(crate) start: Start,
    pub(crate) ack_wait_ms: u64,
    /// 0 is no limit.
    pub(crate) max_deliver: u64,
    pub(crate) max_ack_pending: u64,
    /// Empty for a pull consumer.
    pub(crate) deliver_to: &'static str,
}

/// How long a consumer lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Durable,
    /// Until nobody uses it for an hour.
    Ephemeral,
    /// The same, and gone when the server stops.
    Volatile,
}

/// Where a consumer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    All,
    New,
    Seq(u64),
}

impl ConsumerSpec {
    pub(crate) const fn new(stream: &'static str, name: &'static str) -> ConsumerSpec {
        ConsumerSpec {
            stream,
            name,
            kind: Kind::Durable,
            filter: "",
            ack_all: false,
            start: Start::All,
            ack_wait_ms: 30_000,
            max_deliver: 0,
            max_ack_pending: 1000,
            deliver_to: "",
        }
    }

    pub(crate) fn json(&self) -> Value {
        let mut config = json!({
            "name": self.name,
            "ack_policy": if self.ack_all { "all" } else { "explicit" },
            "ack_wait": self.ack_wait_ms * 1_000_000,
            "max_ack_pending": self.max_ack_pending,
            "max_deliver": if self.max_deliver == 0 { -1 } else { i64::try_from(self.max_deliver).unwrap() },
        });
        match self.kind {
            Kind::Durable => config["durable_name"] = json!(self.name),
            Kind::Ephemeral => config["inactive_threshold"] = json!(HOUR),
            Kind::Volatile => {
                config["inactive_threshold"] = json!(HOUR);
                config["mem_storage"] = json!(true);
            }
        }
        match self.start {
            Start::All => config["deliver_policy"] = json!("all"),
            Start::New => config["deliver_policy"] = json!("new"),
            Start::Seq(seq) => {
                config["deliver_policy"] = json!("by_start_sequence");
                config["opt_start_seq"] = json!(seq);
            }
        }
        if !self.filter.is_empty() {
            config["filter_subject"] = json!(self.filter);
        }
        if !self.deliver_to.is_empty() {
            config["deliver_subject"] = json!(self.deliver_to);
        }
        json!({ "stream_name": self.stream, "config": config })
    }
}

/// What is said of a delivered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AckKind {
    Plain,
    Confirmed,
    Nak,
    /// For a second.
    NakLater,
    Term,
    TermConfirmed,
    Progress,
}

/// A publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Send {
    pub(crate) subject: &'static str,
    pub(crate) bytes: usize,
    /// 0 is none.
    pub(crate) id: u32,
    pub(crate) headers: bool,
    pub(crate) rollup: &'static str,
    pub(crate) expect: Expected,
    /// Seconds it may live; 0 is for ever.
    pub(crate) ttl_s: u64,
    /// Nobody waits for the answer.
    pub(crate) quiet: bool,
}

/// What a publish expects of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Nothing,
    /// The right last sequence.
    Last,
    /// A wrong one.
    Wrong,
    /// The right last sequence of the subject.
    LastOfSubject,
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Create(StreamSpec),
    Update(StreamSpec),
    Drop(&'static str),
    Publish(Send),
    /// Messages that match, in front of the `seq`th live one (0 is no bound), but for the last.
    Purge {
        stream: &'static str,
        filter: &'static str,
        seq: usize,
        keep: u64,
    },
    /// All, so that the next message gets a sequence that lies this far behind.
    Leap {
        stream: &'static str,
        by: u64,
    },
    /// The `pick`th live message.
    Delete {
        stream: &'static str,
        pick: usize,
        erase: bool,
    },
    AddConsumer(ConsumerSpec),
    DropConsumer {
        stream: &'static str,
        name: &'static str,
    },
    Pull {
        stream: &'static str,
        name: &'static str,
        batch: u32,
    },
    /// The `pick`th message that waits for an ack.
    Ack {
        stream: &'static str,
        name: &'static str,
        pick: usize,
        kind: AckKind,
    },
    /// The clock goes on.
    Pass {
        ms: u64,
    },
    /// The clock is set back.
    Back {
        ms: u64,
    },
    /// 100 ms of silence.
    Idle,
    /// The server is stopped and started again.
    Restart,
    /// The next so many operations come at once, before anything is committed.
    Group(usize),
}

pub(crate) const fn send(subject: &'static str, bytes: usize) -> Send {
    Send {
        subject,
        bytes,
        id: 0,
        headers: false,
        rollup: "",
        expect: Expected::Nothing,
        ttl_s: 0,
        quiet: false,
    }
}
