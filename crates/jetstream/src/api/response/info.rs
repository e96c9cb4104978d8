use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use tradewind_subject::Timestamp;

use crate::api::config::{API_LEVEL, ConsumerConfig, Nanos, StreamConfig};
use crate::api::time::format_time;
use crate::api::validate::AccountLimits;

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_time(Some(*time)))
}

/// `None` is Go's zero time.
#[expect(clippy::ref_option, reason = "serde passes references")]
fn maybe_time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_time(*time))
}

/// What an account uses of JetStream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AccountInfo {
    /// Bytes in memory.
    pub memory: u64,
    /// Bytes on disk.
    pub storage: u64,
    /// Bytes in memory promised to streams by their `max_bytes`.
    pub reserved_memory: u64,
    /// Bytes on disk promised to streams by their `max_bytes`.
    pub reserved_storage: u64,
    /// Streams.
    pub streams: usize,
    /// Consumers of all streams.
    pub consumers: usize,
    /// What it may use.
    pub limits: AccountLimits,
    /// JetStream domain of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Calls of the API.
    pub api: ApiStats,
}

/// Calls of the API, the current one not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiStats {
    /// API level of the server.
    pub level: u32,
    /// All calls.
    pub total: u64,
    /// Those that were refused.
    pub errors: u64,
    /// Those that are being served.
    #[serde(skip_serializing_if = "is_zero")]
    pub inflight: u64,
}

impl Default for ApiStats {
    fn default() -> ApiStats {
        ApiStats { level: API_LEVEL, total: 0, errors: 0, inflight: 0 }
    }
}

/// A stream as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamInfo {
    /// As stored; answers add labels where nats-server does.
    pub config: StreamConfig,
    /// When it was made.
    #[serde(serialize_with = "time")]
    pub created: Timestamp,
    /// What it holds.
    pub state: StreamState,
    /// JetStream domain of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Set by [`super::stream_info`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    /// When this was true.
    #[serde(serialize_with = "time")]
    pub ts: Timestamp,
    /// What an acknowledgement means, which nats-server does not tell: `disk`, `os:<interval>`,
    /// `async` or `memory`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub durability: String,
}

impl StreamInfo {
    pub(super) fn shown(&self) -> StreamInfo {
        StreamInfo { config: self.config.shown(), ..self.clone() }
    }
}

/// Who serves a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterInfo {
    /// Name of the server.
    pub leader: String,
}

/// What a stream holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamState {
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
    /// Sequence of the oldest message, or the next one if there is none.
    pub first_seq: u64,
    /// When the oldest message came.
    #[serde(serialize_with = "maybe_time")]
    pub first_ts: Option<Timestamp>,
    /// Highest sequence ever used.
    pub last_seq: u64,
    /// When it was used.
    #[serde(serialize_with = "maybe_time")]
    pub last_ts: Option<Timestamp>,
    /// Subjects.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_subjects: u64,
    /// Messages of the subjects that were asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subjects: BTreeMap<String, u64>,
    /// Holes between the first and the last sequence.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_deleted: u64,
    /// The holes, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<u64>,
    /// What was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<LostMessages>,
    /// Consumers.
    pub consumer_count: usize,
}

/// Messages that could not be recovered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LostMessages {
    /// Their sequences.
    pub msgs: Vec<u64>,
    /// Their size.
    pub bytes: u64,
}

/// A consumer as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsumerInfo {
    /// Its stream.
    pub stream_name: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    #[serde(serialize_with = "time")]
    pub created: Timestamp,
    /// As stored; answers add labels where nats-server does.
    pub config: ConsumerConfig,
    /// The last delivery.
    pub delivered: SequenceInfo,
    /// Up to where all is acknowledged.
    pub ack_floor: SequenceInfo,
    /// Delivered and not acknowledged.
    pub num_ack_pending: u64,
    /// Delivered more than once and not acknowledged.
    pub num_redelivered: u64,
    /// Waiting pulls.
    pub num_waiting: u64,
    /// Not delivered yet.
    pub num_pending: u64,
    /// Somebody listens to its deliver subject.
    #[serde(skip_serializing_if = "is_zero")]
    pub push_bound: bool,
    /// It does not deliver.
    #[serde(skip_serializing_if = "is_zero")]
    pub paused: bool,
    /// For how long.
    #[serde(skip_serializing_if = "is_zero")]
    pub pause_remaining: Nanos,
    /// When this was true.
    #[serde(serialize_with = "time")]
    pub ts: Timestamp,
}

impl ConsumerInfo {
    pub(super) fn shown(&self) -> ConsumerInfo {
        ConsumerInfo { config: self.config.shown(), ..self.clone() }
    }
}

/// A place in a consumer and in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SequenceInfo {
    /// Consumer sequence.
    pub consumer_seq: u64,
    /// Stream sequence.
    pub stream_seq: u64,
    /// When it was reached.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_time")]
    pub last_active: Option<Timestamp>,
}

/// A message as `STREAM.MSG.GET` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredMessage<'a> {
    /// Its subject.
    #[serde(serialize_with = "lossy")]
    pub subject: &'a [u8],
    /// Its sequence.
    pub seq: u64,
    /// Its header block.
    #[serde(skip_serializing_if = "is_empty", serialize_with = "base64")]
    pub hdrs: &'a [u8],
    /// Its payload.
    #[serde(skip_serializing_if = "is_empty", serialize_with = "base64")]
    pub data: &'a [u8],
    /// When it came.
    #[serde(serialize_with = "time")]
    pub time: Timestamp,
}

fn is_empty(bytes: &&[u8]) -> bool {
    bytes.is_empty()
}

fn lossy<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

fn base64<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}
