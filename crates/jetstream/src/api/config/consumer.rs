use std::collections::BTreeMap;

use serde::Serialize;
use tradewind_subject::Timestamp;

use super::{Nanos, adopt_metadata, is_default, settle_metadata, show_metadata};
use crate::api::json::{Decoder, FromJson, JsonError, Words, find_word};
use crate::api::time::{WireTime, parse_time};

/// Where a new consumer starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliverPolicy {
    /// At the first message.
    #[default]
    All,
    /// At the last message that matches.
    Last,
    /// After the last message.
    New,
    /// At `opt_start_seq`.
    ByStartSequence,
    /// At `opt_start_time`.
    ByStartTime,
    /// At the last message of each subject.
    LastPerSubject,
}

impl Words for DeliverPolicy {
    const WORDS: &'static [(&'static str, DeliverPolicy)] = &[
        ("all", DeliverPolicy::All),
        ("undefined", DeliverPolicy::All),
        ("last", DeliverPolicy::Last),
        ("new", DeliverPolicy::New),
        ("by_start_sequence", DeliverPolicy::ByStartSequence),
        ("by_start_time", DeliverPolicy::ByStartTime),
        ("last_per_subject", DeliverPolicy::LastPerSubject),
    ];
}

/// What has to be acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AckPolicy {
    /// Nothing.
    #[default]
    None,
    /// A message and all before it.
    All,
    /// Each message.
    Explicit,
}

impl Words for AckPolicy {
    const WORDS: &'static [(&'static str, AckPolicy)] =
        &[("none", AckPolicy::None), ("all", AckPolicy::All), ("explicit", AckPolicy::Explicit)];
}

/// How fast stored messages are played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplayPolicy {
    /// As fast as they are taken.
    #[default]
    Instant,
    /// With the gaps with which they came.
    Original,
}

impl Words for ReplayPolicy {
    const WORDS: &'static [(&'static str, ReplayPolicy)] =
        &[("instant", ReplayPolicy::Instant), ("original", ReplayPolicy::Original)];
}

/// Which of several pullers is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PriorityPolicy {
    /// Whoever came first.
    #[default]
    None,
    /// Only when there is much to do.
    Overflow,
    /// One until it goes away.
    PinnedClient,
    /// The one with the lowest number.
    Prioritized,
}

impl Words for PriorityPolicy {
    const WORDS: &'static [(&'static str, PriorityPolicy)] = &[
        ("none", PriorityPolicy::None),
        ("overflow", PriorityPolicy::Overflow),
        ("pinned_client", PriorityPolicy::PinnedClient),
        ("prioritized", PriorityPolicy::Prioritized),
    ];
}

/// Configuration of a consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConsumerConfig {
    /// Name of a durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_name: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it starts.
    pub deliver_policy: DeliverPolicy,
    /// First stream sequence, with `by_start_sequence`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_start_seq: Option<u64>,
    /// First time (RFC 3339), with `by_start_time`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_start_time: Option<String>,
    /// What has to be acknowledged.
    pub ack_policy: AckPolicy,
    /// How long before an unacknowledged message comes again.
    #[serde(skip_serializing_if = "is_default")]
    pub ack_wait: Nanos,
    /// Most deliveries of one message; −1 is no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_deliver: i64,
    /// Waits of the first, second, … redelivery.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backoff: Vec<Nanos>,
    /// One filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_subject: Option<String>,
    /// Several filters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter_subjects: Vec<String>,
    /// How fast.
    pub replay_policy: ReplayPolicy,
    /// Bits per second, push only; 0 is no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub rate_limit_bps: u64,
    /// Share of acknowledgements that make a metric event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_freq: Option<String>,
    /// Most waiting pulls.
    #[serde(skip_serializing_if = "is_default")]
    pub max_waiting: i64,
    /// Most unacknowledged messages; −1 is no limit, 0 is unset.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    /// Flow control, push only.
    #[serde(skip_serializing_if = "is_default")]
    pub flow_control: bool,
    /// Only headers are delivered.
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
    /// Largest batch of one pull; 0 is no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch: i64,
    /// Longest pull; 0 is no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_expires: Nanos,
    /// Most bytes of one pull; 0 is no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    /// Subject of a push consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_subject: Option<String>,
    /// Queue group of a push consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_group: Option<String>,
    /// Interval of idle heartbeats, push only.
    #[serde(skip_serializing_if = "is_default")]
    pub idle_heartbeat: Nanos,
    /// How long an idle consumer lives; 0 is for ever.
    #[serde(skip_serializing_if = "is_default")]
    pub inactive_threshold: Nanos,
    /// Copies; 0 is the stream's.
    pub num_replicas: i64,
    /// State lives in memory only.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_storage: bool,
    /// Made by another server, and hidden; not supported yet.
    #[serde(skip_serializing_if = "is_default")]
    pub direct: bool,
    /// Made by another server to fill a stream; not supported yet.
    #[serde(skip_serializing_if = "is_default")]
    pub sourcing: bool,
    /// Free and server-written labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// No deliveries until then; not supported yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<WireTime>,
    /// Groups of pullers; not supported yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority_groups: Vec<String>,
    /// Which puller is served; not supported yet.
    #[serde(skip_serializing_if = "is_default")]
    pub priority_policy: PriorityPolicy,
    /// How long a pinned puller may be silent; not supported yet.
    #[serde(skip_serializing_if = "is_default")]
    pub priority_timeout: Nanos,
    /// `ack_policy` was `flow_control`, which is not supported yet.
    #[serde(skip)]
    pub ack_flow_control: bool,
}

impl ConsumerConfig {
    /// Whether it stays when nobody is interested.
    pub fn is_durable(&self) -> bool {
        self.durable_name.is_some()
    }

    /// Whether it delivers by itself.
    pub fn is_push(&self) -> bool {
        self.deliver_subject.is_some()
    }

    /// The name it asks for; none is for the server to choose.
    pub fn asked_name(&self) -> Option<&str> {
        self.durable_name.as_deref().or(self.name.as_deref())
    }

    /// What it wants; nothing is everything.
    pub fn filters(&self) -> impl Iterator<Item = &str> {
        let many = self.filter_subjects.iter().map(String::as_str);
        self.filter_subject.as_deref().into_iter().chain(many)
    }

    /// [`ConsumerConfig::opt_start_time`] as an instant.
    pub fn start_time(&self) -> Option<Timestamp> {
        Some(parse_time(self.opt_start_time.as_deref()?).ok()?.at)
    }

    /// The API level that a server needs for this consumer.
    pub fn required_level(&self) -> u32 {
        let is_paused = self.pause_until.as_ref().is_some_and(|time| !time.is_zero());
        let has_priority = self.priority_policy != PriorityPolicy::None
            || self.priority_timeout != 0
            || !self.priority_groups.is_empty();
        if self.ack_flow_control { 4 } else { u32::from(is_paused || has_priority) }
    }

    /// Writes the stored label of the server and removes those that are only shown.
    pub fn settle_metadata(&mut self) {
        let level = self.required_level();
        settle_metadata(&mut self.metadata, level);
    }

    /// A copy with the labels that answers show, lists aside.
    #[must_use]
    pub fn shown(&self) -> ConsumerConfig {
        let mut shown = self.clone();
        show_metadata(&mut shown.metadata);
        shown
    }

    /// Whether a create request for `self` means the consumer that is stored as `other`.
    pub fn is_same_as(&self, other: &ConsumerConfig) -> bool {
        let mut adopted = self.clone();
        adopt_metadata(&mut adopted.metadata, &other.metadata);
        adopted == *other
    }

    fn read_number(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "opt_start_seq" => {
                let mut seq = self.opt_start_seq.unwrap_or(0);
                decoder.integer(&mut seq, "uint64")?;
                self.opt_start_seq = Some(seq).filter(|&seq| seq > 0);
            }
            "ack_wait" => decoder.duration(&mut self.ack_wait)?,
            "max_deliver" => decoder.integer(&mut self.max_deliver, "int")?,
            "backoff" => decoder.durations(&mut self.backoff)?,
            "rate_limit_bps" => decoder.integer(&mut self.rate_limit_bps, "uint64")?,
            "max_waiting" => decoder.integer(&mut self.max_waiting, "int")?,
            "max_ack_pending" => decoder.integer(&mut self.max_ack_pending, "int")?,
            "max_batch" => decoder.integer(&mut self.max_batch, "int")?,
            "max_expires" => decoder.duration(&mut self.max_expires)?,
            "max_bytes" => decoder.integer(&mut self.max_bytes, "int")?,
            "idle_heartbeat" => decoder.duration(&mut self.idle_heartbeat)?,
            "inactive_threshold" => decoder.duration(&mut self.inactive_threshold)?,
            "num_replicas" => decoder.integer(&mut self.num_replicas, "int")?,
            "priority_timeout" => decoder.duration(&mut self.priority_timeout)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_flag(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        let flag = match key {
            "flow_control" => &mut self.flow_control,
            "headers_only" => &mut self.headers_only,
            "mem_storage" => &mut self.mem_storage,
            "direct" => &mut self.direct,
            "sourcing" => &mut self.sourcing,
            _ => return Ok(false),
        };
        decoder.boolean(flag)?;
        Ok(true)
    }

    fn read_ack_policy(&mut self, decoder: &mut Decoder<'_>) -> Result<(), JsonError> {
        let raw = decoder.raw_value();
        self.ack_flow_control = raw == br#""flow_control""#;
        self.ack_policy = match find_word(raw) {
            Some(policy) => policy,
            None if self.ack_flow_control => AckPolicy::None,
            None => return Err(JsonError::bad_word(raw)),
        };
        Ok(())
    }

    fn read_priority_policy(&mut self, decoder: &mut Decoder<'_>) -> Result<(), JsonError> {
        let raw = decoder.raw_value();
        self.priority_policy = find_word(raw).ok_or_else(|| {
            JsonError(format!("unknown priority policy: {}", String::from_utf8_lossy(raw)))
        })?;
        Ok(())
    }
}

impl FromJson for ConsumerConfig {
    const GO_TYPE: &'static str = "server.ConsumerConfig";

    fn field(&mut self, key: &str, decoder: &mut Decoder<'_>) -> Result<bool, JsonError> {
        match key {
            "durable_name" => decoder.text(&mut self.durable_name)?,
            "name" => decoder.text(&mut self.name)?,
            "description" => decoder.text(&mut self.description)?,
            "deliver_policy" => decoder.word(&mut self.deliver_policy)?,
            "opt_start_time" => {
                let mut time = None;
                decoder.time(&mut time)?;
                self.opt_start_time = time.map(|time| time.text);
            }
            "ack_policy" => self.read_ack_policy(decoder)?,
            "filter_subject" => decoder.text(&mut self.filter_subject)?,
            "filter_subjects" => decoder.strings(&mut self.filter_subjects)?,
            "replay_policy" => decoder.word(&mut self.replay_policy)?,
            "sample_freq" => decoder.text(&mut self.sample_freq)?,
            "deliver_subject" => decoder.text(&mut self.deliver_subject)?,
            "deliver_group" => decoder.text(&mut self.deliver_group)?,
            "metadata" => decoder.string_map(&mut self.metadata)?,
            "pause_until" => decoder.time(&mut self.pause_until)?,
            "priority_groups" => decoder.strings(&mut self.priority_groups)?,
            "priority_policy" => self.read_priority_policy(decoder)?,
            _ => return Ok(self.read_number(key, decoder)? || self.read_flag(key, decoder)?),
        }
        Ok(true)
    }
}
