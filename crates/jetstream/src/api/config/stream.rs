use std::collections::BTreeMap;

use serde::Serialize;

use super::source::{Placement, Republish, StreamSource, SubjectTransform};
use super::{Nanos, adopt_metadata, is_default, settle_metadata, show_metadata};
use crate::api::json::{Decoder, FromJson, JsonError, Words, find_word, kind};

/// When messages leave a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Retention {
    /// Only by limits.
    #[default]
    Limits,
    /// When every interested consumer has acknowledged them.
    Interest,
    /// When its one consumer has acknowledged them.
    WorkQueue,
}

impl Words for Retention {
    const WORDS: &'static [(&'static str, Retention)] = &[
        ("limits", Retention::Limits),
        ("interest", Retention::Interest),
        ("workqueue", Retention::WorkQueue),
    ];
}

/// What happens to a publish that would exceed a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Discard {
    /// The oldest messages go.
    #[default]
    Old,
    /// The publish is refused.
    New,
}

impl Words for Discard {
    const WORDS: &'static [(&'static str, Discard)] =
        &[("old", Discard::Old), ("new", Discard::New)];
}

/// Where a stream lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// In the commit log.
    #[default]
    File,
    /// In memory: gone after a restart.
    Memory,
}

impl Words for Storage {
    const WORDS: &'static [(&'static str, Storage)] =
        &[("file", Storage::File), ("memory", Storage::Memory)];
}

/// How stored messages are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// With S2.
    S2,
}

impl Words for Compression {
    const WORDS: &'static [(&'static str, Compression)] =
        &[("none", Compression::None), ("s2", Compression::S2)];
}

/// When a publish is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PersistMode {
    /// When it is stored.
    #[default]
    Default,
    /// Maybe before it is stored.
    Async,
}

impl Words for PersistMode {
    const WORDS: &'static [(&'static str, PersistMode)] = &[
        ("default", PersistMode::Default),
        ("", PersistMode::Default),
        ("async", PersistMode::Async),
    ];
}

/// Limits and defaults for the consumers of a stream; 0 is unset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConsumerLimits {
    /// Longest `inactive_threshold`.
    #[serde(skip_serializing_if = "is_default")]
    pub inactive_threshold: Nanos,
    /// Highest `max_ack_pending`.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
}

impl FromJson for ConsumerLimits {
    const GO_TYPE: &'static str = "server.StreamConsumerLimits";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "inactive_threshold" => decoder.duration(&mut self.inactive_threshold)?,
            "max_ack_pending" => decoder.integer(&mut self.max_ack_pending, "int")?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Configuration of a stream, as `STREAM.CREATE` takes it and every answer shows it (NATS ADR-8 and up).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamConfig {
    /// Name: see [`crate::api`] for what is legal.
    pub name: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is captured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// When messages leave.
    pub retention: Retention,
    /// Most consumers; −1 is no limit.
    pub max_consumers: i64,
    /// Most messages; −1 is no limit.
    pub max_msgs: i64,
    /// Most bytes; −1 is no limit.
    pub max_bytes: i64,
    /// Oldest message; 0 is no limit.
    pub max_age: Nanos,
    /// Most messages of one subject; −1 is no limit.
    pub max_msgs_per_subject: i64,
    /// Largest message, headers and payload, in bytes; −1 is no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_msg_size: i32,
    /// What a publish over a limit does.
    pub discard: Discard,
    /// Where messages live.
    pub storage: Storage,
    /// Copies; 1 on this server.
    pub num_replicas: i64,
    /// No PubAck is sent.
    #[serde(skip_serializing_if = "is_default")]
    pub no_ack: bool,
    /// How long message ids are remembered.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate_window: Nanos,
    /// Where in a cluster; kept, without effect on one server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Whose copy this is; not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<StreamSource>,
    /// From where it is filled; not supported yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<StreamSource>,
    /// How messages are packed.
    pub compression: Compression,
    /// First sequence of a new stream.
    #[serde(skip_serializing_if = "is_default")]
    pub first_seq: u64,
    /// How subjects are renamed; not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_transform: Option<SubjectTransform>,
    /// Where stored messages are published again; not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub republish: Option<Republish>,
    /// Direct get is served.
    pub allow_direct: bool,
    /// Direct get is served by mirrors.
    pub mirror_direct: bool,
    /// `discard: new` counts per subject too.
    #[serde(skip_serializing_if = "is_default")]
    pub discard_new_per_subject: bool,
    /// Nothing may change any more.
    pub sealed: bool,
    /// Messages can't be deleted by the API.
    pub deny_delete: bool,
    /// The stream can't be purged by the API.
    pub deny_purge: bool,
    /// `Nats-Rollup` is honoured.
    pub allow_rollup_hdrs: bool,
    /// Limits and defaults for consumers.
    pub consumer_limits: ConsumerLimits,
    /// `Nats-TTL` is honoured. Can't be switched off.
    pub allow_msg_ttl: bool,
    /// How long markers of deleted subjects live; not supported yet.
    #[serde(skip_serializing_if = "is_default")]
    pub subject_delete_marker_ttl: Nanos,
    /// Messages are counters; not supported yet.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_msg_counter: bool,
    /// Atomic batches are taken; not supported yet.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_atomic: bool,
    /// Messages may be scheduled; not supported yet.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_msg_schedules: bool,
    /// When a publish is acknowledged.
    #[serde(skip_serializing_if = "is_default")]
    pub persist_mode: PersistMode,
    /// Fast batches are taken; not supported yet.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_batched: bool,
    /// Free and server-written labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl StreamConfig {
    /// The API level that a server needs for this stream.
    pub fn required_level(&self) -> u32 {
        if self.allow_batched {
            4
        } else if self.allow_msg_counter
            || self.allow_atomic
            || self.allow_msg_schedules
            || self.persist_mode == PersistMode::Async
        {
            2
        } else {
            u32::from(self.allow_msg_ttl || self.subject_delete_marker_ttl > 0)
        }
    }

    /// Writes the stored label of the server and removes those that are only shown.
    pub fn settle_metadata(&mut self) {
        let level = self.required_level();
        settle_metadata(&mut self.metadata, level);
    }

    /// A copy with the labels that answers show, lists aside.
    #[must_use]
    pub fn shown(&self) -> StreamConfig {
        let mut shown = self.clone();
        show_metadata(&mut shown.metadata);
        shown
    }

    /// Whether a create request for `self` means the stream that is stored as `other`.
    pub fn is_same_as(&self, other: &StreamConfig) -> bool {
        let mut adopted = self.clone();
        adopt_metadata(&mut adopted.metadata, &other.metadata);
        adopted == *other
    }

    fn read_number(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "max_consumers" => decoder.integer(&mut self.max_consumers, "int")?,
            "max_msgs" => decoder.integer(&mut self.max_msgs, "int64")?,
            "max_bytes" => decoder.integer(&mut self.max_bytes, "int64")?,
            "max_age" => decoder.duration(&mut self.max_age)?,
            "max_msgs_per_subject" => decoder.integer(&mut self.max_msgs_per_subject, "int64")?,
            "max_msg_size" => decoder.integer(&mut self.max_msg_size, "int32")?,
            "num_replicas" => decoder.integer(&mut self.num_replicas, "int")?,
            "duplicate_window" => decoder.duration(&mut self.duplicate_window)?,
            "first_seq" => decoder.integer(&mut self.first_seq, "uint64")?,
            "subject_delete_marker_ttl" => decoder.duration(&mut self.subject_delete_marker_ttl)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_flag(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        let flag = match key {
            "no_ack" => &mut self.no_ack,
            "allow_direct" => &mut self.allow_direct,
            "mirror_direct" => &mut self.mirror_direct,
            "discard_new_per_subject" => &mut self.discard_new_per_subject,
            "sealed" => &mut self.sealed,
            "deny_delete" => &mut self.deny_delete,
            "deny_purge" => &mut self.deny_purge,
            "allow_rollup_hdrs" => &mut self.allow_rollup_hdrs,
            "allow_msg_ttl" => &mut self.allow_msg_ttl,
            "allow_msg_counter" => &mut self.allow_msg_counter,
            "allow_atomic" => &mut self.allow_atomic,
            "allow_msg_schedules" => &mut self.allow_msg_schedules,
            "allow_batched" => &mut self.allow_batched,
            _ => return Ok(false),
        };
        decoder.boolean(flag)?;
        Ok(true)
    }
}

impl FromJson for StreamConfig {
    const GO_TYPE: &'static str = "server.StreamConfig";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "name" => decoder.string(&mut self.name)?,
            "description" => decoder.text(&mut self.description)?,
            "subjects" => decoder.strings(&mut self.subjects)?,
            "retention" => decoder.word(&mut self.retention)?,
            "discard" => self.discard = read_discard(decoder)?,
            "storage" => decoder.word(&mut self.storage)?,
            "placement" => decoder.optional(&mut self.placement)?,
            "mirror" => decoder.optional(&mut self.mirror)?,
            "sources" => decoder.structures(&mut self.sources)?,
            "compression" => self.compression = read_compression(decoder)?,
            "subject_transform" => decoder.optional(&mut self.subject_transform)?,
            "republish" => decoder.optional(&mut self.republish)?,
            "consumer_limits" => decoder.structure(&mut self.consumer_limits)?,
            "persist_mode" => decoder.word(&mut self.persist_mode)?,
            "metadata" => decoder.string_map(&mut self.metadata)?,
            _ => return Ok(self.read_number(key, decoder)? || self.read_flag(key, decoder)?),
        }
        Ok(true)
    }
}

/// Unlike the other words, this one may be in capitals.
fn read_discard(decoder: &mut Decoder<'_>) -> Result<Discard, JsonError> {
    let raw = decoder.raw_value();
    find_word(&raw.to_ascii_lowercase()).ok_or_else(|| JsonError::bad_word(raw))
}

/// Unlike the other words, this one is a JSON string before it is a word.
fn read_compression(decoder: &mut Decoder<'_>) -> Result<Compression, JsonError> {
    let raw = decoder.raw_value();
    match kind(raw) {
        "string" | "null" => {
            find_word(raw).ok_or_else(|| JsonError("unknown compression algorithm".to_owned()))
        }
        other => {
            Err(JsonError(format!("json: cannot unmarshal {other} into Go value of type string")))
        }
    }
}
