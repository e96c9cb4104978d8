use super::consumer::{check_backoff, check_consumer_config};
use super::{NAME_LEN_MAX, SECOND, ServerLimits, overlaps};
use crate::api::config::{
    AckPolicy, ConsumerConfig, DeliverPolicy, Nanos, Retention, StreamConfig,
};
use crate::api::error::ApiError;
use crate::api::request::{ConsumerAction, ConsumerRequest};

const EPHEMERAL_THRESHOLD: Nanos = 5 * SECOND;

/// Gives an ephemeral its threshold, which the check leaves open; `existing` is what it replaces.
///
/// nats-server does it after a consumer was created or changed, so that the stored configuration
/// of an ephemeral differs from an identical request; and after a change it looks at what the
/// consumer was before.
pub fn settle_inactive_threshold(config: &mut ConsumerConfig, existing: Option<&ConsumerConfig>) {
    let was = existing.unwrap_or(config);
    let is_untouched =
        existing.is_some_and(|was| was.inactive_threshold == config.inactive_threshold);
    if !was.is_durable() && !is_untouched && config.inactive_threshold <= 0 {
        config.inactive_threshold = EPHEMERAL_THRESHOLD;
    }
}

/// Checks that a consumer may change from `old` to `new`, both of which were checked before.
/// `is_bound` says whether somebody listens to the deliver subject of `old`.
///
/// # Errors
///
/// 10012 with what can't be changed, 10013, 10116.
pub fn check_consumer_update(
    old: &ConsumerConfig,
    new: &ConsumerConfig,
    is_bound: bool,
) -> Result<(), ApiError> {
    if old == new {
        return Ok(());
    }
    for (is_changed, what) in [
        (old.deliver_policy != new.deliver_policy, "deliver policy"),
        (old.mem_storage != new.mem_storage, "storage type"),
        (old.direct != new.direct, "direct"),
        (old.sourcing != new.sourcing, "sourcing"),
        (old.opt_start_seq != new.opt_start_seq, "start sequence"),
        (old.start_time() != new.start_time(), "start time"),
        (old.ack_policy != new.ack_policy, "ack policy"),
        (old.replay_policy != new.replay_policy, "replay policy"),
        (old.idle_heartbeat != new.idle_heartbeat, "heart beats"),
        (old.flow_control != new.flow_control, "flow control"),
    ] {
        if is_changed {
            let text = format_args!("{what} can not be updated");
            return Err(ApiError::consumer_create(text));
        }
    }
    if old.deliver_subject != new.deliver_subject {
        if !old.is_push() {
            return Err(ApiError::consumer_create("can not update pull consumer to push based"));
        }
        if !new.is_push() {
            return Err(ApiError::consumer_create("can not update push consumer to pull based"));
        }
        if is_bound {
            return Err(ApiError::CONSUMER_NAME_IN_USE);
        }
    }
    if old.max_waiting != new.max_waiting {
        return Err(ApiError::consumer_create("max waiting can not be updated"));
    }
    check_backoff(new)
}

/// Whether every message that `config` wants goes to it alone; `others` are the consumers of the
/// same stream without itself.
fn is_alone<'a>(
    config: &ConsumerConfig,
    others: &(impl Iterator<Item = &'a ConsumerConfig> + Clone),
) -> bool {
    config.filters().all(|filter| {
        others.clone().all(|other| {
            other.filters().next().is_some()
                && other.filters().all(|theirs| !overlaps(filter, theirs))
        })
    })
}

/// Checks that a new consumer of a work queue shares no message with `others`.
///
/// # Errors
///
/// 10098, 10101, 10099, 10100.
pub fn check_workqueue_consumer<'a>(
    config: &ConsumerConfig,
    others: &(impl Iterator<Item = &'a ConsumerConfig> + Clone),
) -> Result<(), ApiError> {
    if config.ack_policy != AckPolicy::Explicit {
        return Err(ApiError::CONSUMER_WQ_REQUIRES_EXPLICIT_ACK);
    }
    if config.deliver_policy != DeliverPolicy::All {
        return Err(ApiError::CONSUMER_WQ_CONSUMER_NOT_DELIVER_ALL);
    }
    if others.clone().next().is_none() {
        return Ok(());
    }
    if config.filters().next().is_none() {
        return Err(ApiError::CONSUMER_WQ_MULTIPLE_UNFILTERED);
    }
    if !is_alone(config, others) {
        return Err(ApiError::CONSUMER_WQ_CONSUMER_NOT_UNIQUE);
    }
    Ok(())
}

/// The consumer of the name that a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct ExistingConsumer<'a> {
    /// As stored.
    pub config: &'a ConsumerConfig,
    /// Whether somebody listens to its deliver subject.
    pub is_bound: bool,
}

/// What to do about a create request that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerPlan {
    /// Make a new consumer.
    Create(ConsumerConfig),
    /// Change the one that exists, maybe in nothing.
    Update(ConsumerConfig),
}

/// Decides about a create request, in the order of nats-server's `addConsumer`.
///
/// `existing` is the consumer of the name that `request` asks for, `others` are the other
/// consumers of `stream`.
///
/// # Errors
///
/// The first [`ApiError`] met.
pub fn plan_consumer<'a>(
    request: ConsumerRequest,
    stream: &StreamConfig,
    limits: &ServerLimits,
    existing: Option<ExistingConsumer<'_>>,
    others: &(impl Iterator<Item = &'a ConsumerConfig> + Clone),
) -> Result<ConsumerPlan, ApiError> {
    let stored = existing.map(|existing| existing.config);
    let mut config = request.config;
    if let Some(stored) = stored {
        // Only a pause request changes this.
        config.pause_until.clone_from(&stored.pause_until);
    }
    config.settle_metadata();
    let mut config = check_consumer_config(config, stream, limits, request.pedantic)?;
    let is_queue = stream.retention == Retention::WorkQueue;
    if let Some(existing) = existing {
        if request.action == ConsumerAction::Create && !config.is_same_as(existing.config) {
            return Err(ApiError::CONSUMER_ALREADY_EXISTS);
        }
        if is_queue && !is_alone(&config, others) {
            return Err(ApiError::CONSUMER_WQ_CONSUMER_NOT_UNIQUE);
        }
        check_consumer_update(existing.config, &config, existing.is_bound)?;
        settle_inactive_threshold(&mut config, stored);
        return Ok(ConsumerPlan::Update(config));
    }
    if request.action == ConsumerAction::Update {
        return Err(ApiError::CONSUMER_DOES_NOT_EXIST);
    }
    if max_consumers(stream, limits).is_some_and(|most| others.clone().count() >= most) {
        return Err(ApiError::MAXIMUM_CONSUMERS_LIMIT);
    }
    if is_queue {
        check_workqueue_consumer(&config, others)?;
    }
    let is_long =
        |name: &Option<String>| name.as_ref().is_some_and(|name| name.len() > NAME_LEN_MAX);
    if is_long(&config.durable_name) {
        return Err(ApiError::consumer_name_too_long(NAME_LEN_MAX));
    }
    if is_long(&config.name) {
        return Err(ApiError::consumer_create("error creating store for consumer"));
    }
    settle_inactive_threshold(&mut config, None);
    Ok(ConsumerPlan::Create(config))
}

/// How many consumers `stream` may have: the lower of its own and the account's limit, else the
/// server's default.
fn max_consumers(stream: &StreamConfig, limits: &ServerLimits) -> Option<usize> {
    let (own, account) = (stream.max_consumers, limits.account.max_consumers);
    let most = if own <= 0 || (account > 0 && account < own) { account } else { own };
    let most = if most <= 0 { limits.default_max_consumers } else { most };
    usize::try_from(most).ok().filter(|&most| most > 0)
}
