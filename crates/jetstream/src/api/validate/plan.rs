use super::limits::{AccountUse, check_change_fits, check_new_fits, check_stream_count};
use super::{Reserved, ServerLimits, check_stream_config, check_stream_update, overlaps};
use crate::api::config::{ConsumerConfig, StreamConfig};
use crate::api::error::ApiError;
use crate::api::request::StreamRequest;

/// What to do about a create request that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamPlan {
    /// Make a new stream.
    Create(Box<StreamConfig>),
    /// The stream is there and is the same: show it.
    Keep,
}

/// Decides about a create request, in the order of nats-server. `streams` are those of the
/// account, `reserved` is what all streams of the server were promised.
///
/// # Errors
///
/// The first [`ApiError`] met.
pub fn plan_stream_create<'a>(
    request: StreamRequest,
    limits: &ServerLimits,
    streams: impl Iterator<Item = &'a StreamConfig> + Clone,
    reserved: Reserved,
) -> Result<StreamPlan, ApiError> {
    let used = AccountUse::of(&request.config.name, streams.clone());
    check_stream_count(limits, used)?;
    check_new_fits(&request.config, limits, used, reserved)?;
    let config = check_stream_config(request.config, limits, request.pedantic)?;
    if config.num_replicas > 1 {
        return Err(ApiError::STREAM_REPLICAS_NOT_SUPPORTED);
    }
    if let Some(existing) = streams.clone().find(|stream| stream.name == config.name) {
        let is_same = config.is_same_as(existing);
        return if is_same { Ok(StreamPlan::Keep) } else { Err(ApiError::STREAM_NAME_IN_USE) };
    }
    check_new_fits(&config, limits, used, reserved)?;
    check_stream_overlap(&config, streams)?;
    Ok(StreamPlan::Create(Box::new(config)))
}

/// Decides about an update of `old`, in the order of nats-server: what `old` becomes. `streams` are
/// those of the account, `consumers` those of the stream, `reserved` is what all streams of the
/// server were promised.
///
/// # Errors
///
/// The first [`ApiError`] met.
pub fn plan_stream_update<'a>(
    old: &StreamConfig,
    request: StreamRequest,
    limits: &ServerLimits,
    streams: impl Iterator<Item = &'a StreamConfig> + Clone,
    consumers: impl Iterator<Item = (&'a str, &'a ConsumerConfig)>,
    reserved: Reserved,
) -> Result<StreamConfig, ApiError> {
    let config = check_stream_update(old, request.config, limits, request.pedantic)?;
    let used = AccountUse::of(&config.name, streams.clone());
    check_change_fits(old, &config, limits, used, reserved)?;
    check_consumers_fit(old, &config, consumers)?;
    check_stream_overlap(&config, streams)?;
    Ok(config)
}

/// Checks that tightened `consumer_limits` leave the `consumers` that are there within them.
///
/// # Errors
///
/// 10069 with the names of those outside.
pub fn check_consumers_fit<'a>(
    old: &StreamConfig,
    new: &StreamConfig,
    consumers: impl Iterator<Item = (&'a str, &'a ConsumerConfig)>,
) -> Result<(), ApiError> {
    let (before, after) = (&old.consumer_limits, &new.consumer_limits);
    let changed = |before: i64, after: i64| after > 0 && before != after;
    if !changed(before.inactive_threshold, after.inactive_threshold)
        && !changed(before.max_ack_pending, after.max_ack_pending)
    {
        return Ok(());
    }
    let exceeds = |value: i64, limit: i64| limit > 0 && value > limit;
    let outside: Vec<&str> = consumers
        .filter(|(_, config)| {
            exceeds(config.inactive_threshold, after.inactive_threshold)
                || exceeds(config.max_ack_pending, after.max_ack_pending)
        })
        .map(|(name, _)| name)
        .collect();
    if outside.is_empty() {
        return Ok(());
    }
    let names = outside.join(", ");
    Err(ApiError::stream_update(format_args!("change to limits violates consumers: {names}")))
}

/// Checks that no other stream captures what `config` captures; one of the same name is skipped.
///
/// # Errors
///
/// 10065.
pub fn check_stream_overlap<'a>(
    config: &StreamConfig,
    others: impl Iterator<Item = &'a StreamConfig>,
) -> Result<(), ApiError> {
    let mut theirs =
        others.filter(|other| other.name != config.name).flat_map(|other| &other.subjects);
    if theirs.any(|theirs| config.subjects.iter().any(|ours| overlaps(ours, theirs))) {
        return Err(ApiError::STREAM_SUBJECT_OVERLAP);
    }
    Ok(())
}
