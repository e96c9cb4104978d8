use std::fmt::Display;

use super::{
    DESCRIPTION_LEN_MAX, METADATA_LEN_MAX, MILLISECOND, SECOND, ServerLimits, invalid,
    is_asset_name, is_filter, is_subset, metadata_len,
};
use crate::api::config::{
    AckPolicy, ConsumerConfig, DeliverPolicy, Nanos, PriorityPolicy, Retention, StreamConfig,
};
use crate::api::error::ApiError;
use crate::api::json::quote;
use crate::api::time::format_duration;

const MAX_WAITING: i64 = 512;
const MAX_ACK_PENDING: i64 = 1_000;
const ACK_WAIT: Nanos = 30 * SECOND;
const HEARTBEAT_MIN: Nanos = 100 * MILLISECOND;

/// Checks `config` for a consumer of `stream` and fills in what it leaves open, as nats-server's
/// `setConsumerConfigDefaults` and `checkConsumerCfg`. Nothing is asked of other consumers.
///
/// # Errors
///
/// The first [`ApiError`] met. What this server does not support comes last.
pub fn check_consumer_config(
    mut config: ConsumerConfig,
    stream: &StreamConfig,
    limits: &ServerLimits,
    pedantic: bool,
) -> Result<ConsumerConfig, ApiError> {
    settle_negatives(&mut config, pedantic)?;
    settle_defaults(&mut config, stream, limits, pedantic)?;
    check_names(&config, stream)?;
    check_waits(&config)?;
    match config.deliver_subject.as_deref() {
        Some(subject) => check_push(&config, stream, subject)?,
        None => check_pull(&config, stream, limits)?,
    }
    check_limits(&config, stream, limits)?;
    check_filters(&config)?;
    check_start(&config)?;
    check_rest(&config)?;
    check_supported(&config)?;
    Ok(config)
}

/// A negative value means the default, which is an error in pedantic mode.
fn settle_negatives(config: &mut ConsumerConfig, pedantic: bool) -> Result<(), ApiError> {
    super::unlimited(&mut config.max_deliver, "max_deliver", pedantic)?;
    let negative = |value: &mut i64, name: &str| {
        if *value < 0 {
            if pedantic {
                return Err(ApiError::pedantic(format_args!("{name} must not be negative")));
            }
            *value = 0;
        }
        Ok(())
    };
    negative(&mut config.max_waiting, "max_waiting")?;
    if config.max_ack_pending < -1 {
        if pedantic {
            return Err(ApiError::pedantic("max_ack_pending must be set to -1"));
        }
        config.max_ack_pending = -1;
    }
    negative(&mut config.max_batch, "max_batch")?;
    negative(&mut config.max_expires, "max_expires")?;
    negative(&mut config.max_bytes, "max_bytes")?;
    negative(&mut config.idle_heartbeat, "idle_heartbeat")?;
    negative(&mut config.inactive_threshold, "inactive_threshold")?;
    negative(&mut config.priority_timeout, "priority_timeout")
}

fn settle_defaults(
    config: &mut ConsumerConfig,
    stream: &StreamConfig,
    limits: &ServerLimits,
    pedantic: bool,
) -> Result<(), ApiError> {
    let refuse = |is_refused: bool, text: &str| {
        if pedantic && is_refused { Err(ApiError::pedantic(text)) } else { Ok(()) }
    };
    if !config.is_push() && config.max_waiting == 0 {
        config.max_waiting = MAX_WAITING;
    }
    if config.ack_wait == 0 && config.ack_policy != AckPolicy::None {
        config.ack_wait = ACK_WAIT;
    }
    if let Some(&first) = config.backoff.first() {
        refuse(config.ack_wait != first, "first backoff value has to equal batch AckWait")?;
        config.ack_wait = first;
    }
    let of_stream = &stream.consumer_limits;
    if config.max_ack_pending == 0 {
        let text = "max_ack_pending must be set if it's configured in stream limits";
        refuse(of_stream.max_ack_pending > 0, text)?;
        config.max_ack_pending = of_stream.max_ack_pending;
    }
    if config.inactive_threshold == 0 {
        let text = "inactive_threshold must be set if it's configured in stream limits";
        refuse(of_stream.inactive_threshold > 0, text)?;
        config.inactive_threshold = of_stream.inactive_threshold;
    }
    if config.max_ack_pending == 0 && config.ack_policy != AckPolicy::None {
        let caps = [limits.max_ack_pending, limits.account.max_ack_pending];
        let lowest = caps.into_iter().filter(|&cap| cap > 0).min();
        config.max_ack_pending = lowest.map_or(MAX_ACK_PENDING, |cap| cap.min(MAX_ACK_PENDING));
    }
    if !config.is_push() && config.max_batch == 0 && limits.max_request_batch > 0 {
        refuse(true, "max_request_batch must be set if it's JetStream limits are set")?;
        config.max_batch = limits.max_request_batch;
    }
    Ok(())
}

fn check_names(config: &ConsumerConfig, stream: &StreamConfig) -> Result<(), ApiError> {
    if config.name.as_deref().is_some_and(|name| !is_asset_name(name)) {
        return Err(invalid(r"consumer name can not contain '.', '*', '>', '\', '/'"));
    }
    if config.durable_name.as_deref().is_some_and(|name| !is_asset_name(name)) {
        return Err(invalid(r"consumer durable name can not contain '.', '*', '>', '\', '/'"));
    }
    if config.num_replicas > stream.num_replicas {
        return Err(ApiError::CONSUMER_REPLICAS_EXCEEDS_STREAM);
    }
    if config.num_replicas < 0 {
        return Err(ApiError::REPLICAS_COUNT_CANNOT_BE_NEGATIVE);
    }
    let counts = stream.retention != Retention::Limits;
    if counts && config.num_replicas != 0 && config.num_replicas != stream.num_replicas {
        return Err(ApiError::CONSUMER_REPLICAS_SHOULD_MATCH_STREAM);
    }
    Ok(())
}

fn check_waits(config: &ConsumerConfig) -> Result<(), ApiError> {
    if config.backoff.iter().any(|&wait| wait < 0) {
        return Err(ApiError::CONSUMER_BACK_OFF_NEGATIVE);
    }
    if config.ack_wait < 0 {
        return Err(ApiError::CONSUMER_ACK_WAIT_NEGATIVE);
    }
    if config.ack_flow_control {
        return Err(unsupported("ack_policy flow_control"));
    }
    check_backoff(config)?;
    if config.description.as_ref().is_some_and(|text| text.len() > DESCRIPTION_LEN_MAX) {
        return Err(ApiError::consumer_description_too_long(DESCRIPTION_LEN_MAX));
    }
    Ok(())
}

pub(super) fn check_backoff(config: &ConsumerConfig) -> Result<(), ApiError> {
    let deliveries = usize::try_from(config.max_deliver).unwrap_or(usize::MAX);
    if config.backoff.len() > deliveries {
        return Err(ApiError::CONSUMER_MAX_DELIVER_BACKOFF);
    }
    Ok(())
}

fn check_push(
    config: &ConsumerConfig,
    stream: &StreamConfig,
    deliver: &str,
) -> Result<(), ApiError> {
    if tradewind_subject::has_wildcard(deliver.as_bytes()) {
        return Err(ApiError::CONSUMER_DELIVER_TO_WILDCARDS);
    }
    if !is_filter(deliver) {
        return Err(ApiError::CONSUMER_INVALID_DELIVER_SUBJECT);
    }
    if stream.subjects.iter().any(|subject| is_subset(deliver, subject)) {
        return Err(ApiError::CONSUMER_DELIVER_CYCLE);
    }
    if config.max_waiting != 0 {
        return Err(ApiError::CONSUMER_PUSH_MAX_WAITING);
    }
    if config.max_ack_pending > 0 && config.ack_policy == AckPolicy::None {
        return Err(ApiError::CONSUMER_MAX_PENDING_ACK_POLICY_REQUIRED);
    }
    if config.idle_heartbeat > 0 && config.idle_heartbeat < HEARTBEAT_MIN {
        return Err(ApiError::CONSUMER_SMALL_HEARTBEAT);
    }
    Ok(())
}

fn check_pull(
    config: &ConsumerConfig,
    stream: &StreamConfig,
    limits: &ServerLimits,
) -> Result<(), ApiError> {
    if config.ack_policy == AckPolicy::None && stream.retention == Retention::WorkQueue {
        return Err(ApiError::CONSUMER_PULL_REQUIRES_ACK);
    }
    if config.rate_limit_bps > 0 {
        return Err(ApiError::CONSUMER_PULL_WITH_RATE_LIMIT);
    }
    if config.idle_heartbeat > 0 {
        return Err(ApiError::CONSUMER_HB_REQUIRES_PUSH);
    }
    if config.flow_control {
        return Err(ApiError::CONSUMER_FC_REQUIRES_PUSH);
    }
    if config.max_expires != 0 && config.max_expires < MILLISECOND {
        return Err(ApiError::CONSUMER_MAX_REQUEST_EXPIRES_TOO_SMALL);
    }
    if limits.max_request_batch > 0 && config.max_batch > limits.max_request_batch {
        return Err(ApiError::consumer_max_request_batch_exceeded(limits.max_request_batch));
    }
    Ok(())
}

fn check_limits(
    config: &ConsumerConfig,
    stream: &StreamConfig,
    limits: &ServerLimits,
) -> Result<(), ApiError> {
    let of_stream = &stream.consumer_limits;
    for limit in [limits.max_ack_pending, limits.account.max_ack_pending, of_stream.max_ack_pending]
    {
        if limit > 0 && config.max_ack_pending > limit {
            return Err(ApiError::consumer_max_pending_ack_excess(limit));
        }
    }
    let threshold = of_stream.inactive_threshold;
    if threshold > 0 && config.inactive_threshold > threshold {
        return Err(ApiError::consumer_inactive_threshold_excess(format_duration(threshold)));
    }
    if config.direct && !config.is_push() {
        return Err(ApiError::CONSUMER_DIRECT_REQUIRES_PUSH);
    }
    if config.direct && config.is_durable() {
        return Err(ApiError::CONSUMER_DIRECT_REQUIRES_EPHEMERAL);
    }
    Ok(())
}

fn check_filters(config: &ConsumerConfig) -> Result<(), ApiError> {
    if config.filter_subject.is_some() && !config.filter_subjects.is_empty() {
        return Err(ApiError::CONSUMER_DUPLICATE_FILTER_SUBJECTS);
    }
    if config.filter_subject.as_deref().is_some_and(|filter| !is_filter(filter)) {
        return Err(invalid("invalid subject"));
    }
    if config.filter_subjects.iter().any(String::is_empty) {
        return Err(ApiError::CONSUMER_EMPTY_FILTER);
    }
    for (idx, filter) in config.filters().enumerate() {
        if !is_filter(filter) {
            return Err(invalid("invalid subject"));
        }
        let mut others = config.filters().enumerate().filter(|&(other, _)| other != idx);
        if others.any(|(_, other)| is_subset(filter, other)) {
            return Err(ApiError::CONSUMER_OVERLAPPING_SUBJECT_FILTERS);
        }
    }
    Ok(())
}

fn check_start(config: &ConsumerConfig) -> Result<(), ApiError> {
    let policy = match config.deliver_policy {
        DeliverPolicy::All => "all",
        DeliverPolicy::Last => "last",
        DeliverPolicy::LastPerSubject => "last per subject",
        DeliverPolicy::New => "new",
        DeliverPolicy::ByStartSequence => "by start sequence",
        DeliverPolicy::ByStartTime => "by start time",
    };
    let also = |what: &str| {
        let text = format_args!(
            "consumer delivery policy is deliver {policy}, but optional start {what} is also set"
        );
        Err(ApiError::consumer_invalid_policy(text))
    };
    let missing = |what: &str| {
        let text = format_args!(
            "consumer delivery policy is deliver {policy}, but optional {what} is not set"
        );
        Err(ApiError::consumer_invalid_policy(text))
    };
    let (has_seq, has_time) = (config.opt_start_seq.is_some(), config.opt_start_time.is_some());
    match config.deliver_policy {
        DeliverPolicy::ByStartSequence if !has_seq => missing("start sequence"),
        DeliverPolicy::ByStartSequence if has_time => also("time"),
        DeliverPolicy::ByStartTime if !has_time => missing("start time"),
        // The doubled word is nats-server's.
        DeliverPolicy::ByStartTime if has_seq => also("start sequence"),
        DeliverPolicy::ByStartSequence | DeliverPolicy::ByStartTime => Ok(()),
        _ if has_seq => also("sequence"),
        _ if has_time => also("time"),
        DeliverPolicy::LastPerSubject if config.filters().next().is_none() => {
            missing("filter subject")
        }
        _ => Ok(()),
    }
}

fn check_rest(config: &ConsumerConfig) -> Result<(), ApiError> {
    if let Some(frequency) = config.sample_freq.as_deref() {
        check_sampling(frequency.strip_suffix('%').unwrap_or(frequency))?;
    }
    if config.flow_control && config.idle_heartbeat == 0 {
        return Err(ApiError::CONSUMER_WITH_FLOW_CONTROL_NEEDS_HEARTBEATS);
    }
    if let (Some(durable), Some(name)) = (&config.durable_name, &config.name)
        && durable != name
    {
        return Err(ApiError::CONSUMER_CREATE_DURABLE_AND_NAME_MISMATCH);
    }
    if metadata_len(&config.metadata) > METADATA_LEN_MAX {
        let limit = format_args!("{}KB", METADATA_LEN_MAX / 1024);
        return Err(ApiError::consumer_metadata_length(limit));
    }
    Ok(())
}

/// A sampling rate is a whole number; the texts are those of Go's `strconv.Atoi`.
fn check_sampling(frequency: &str) -> Result<(), ApiError> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let reason = match frequency.parse::<i64>() {
        Ok(0..) => return Ok(()),
        Ok(_) => return Err(ApiError::consumer_invalid_sampling("<nil>")),
        Err(error) if matches!(error.kind(), PosOverflow | NegOverflow) => "value out of range",
        Err(_) => "invalid syntax",
    };
    let quoted = quote(frequency.as_bytes());
    let text = format_args!("strconv.Atoi: parsing {quoted}: {reason}");
    Err(ApiError::consumer_invalid_sampling(text))
}

fn unsupported(field: impl Display) -> ApiError {
    ApiError::consumer_create(format_args!("{field} is not supported by this server yet"))
}

fn check_supported(config: &ConsumerConfig) -> Result<(), ApiError> {
    let is_paused = config.pause_until.as_ref().is_some_and(|time| !time.is_zero());
    for (is_active, field) in [
        (config.priority_policy != PriorityPolicy::None, "priority_policy"),
        (!config.priority_groups.is_empty(), "priority_groups"),
        (config.priority_timeout > 0, "priority_timeout"),
        (is_paused, "pause_until"),
        (config.direct, "direct"),
        (config.sourcing, "sourcing"),
    ] {
        if is_active {
            return Err(unsupported(field));
        }
    }
    Ok(())
}
