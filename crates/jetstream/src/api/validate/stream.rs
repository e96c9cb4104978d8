use std::fmt::Display;

use super::{
    DESCRIPTION_LEN_MAX, METADATA_LEN_MAX, MILLISECOND, NAME_LEN_MAX, SECOND, ServerLimits,
    invalid, is_asset_name, is_filter, is_subset, metadata_len, overlaps, unlimited,
};
use crate::api::config::{
    Discard, Nanos, PersistMode, Placement, Retention, Storage, StreamConfig,
};
use crate::api::error::ApiError;
use crate::api::json::quote;
use crate::api::time::format_duration;

const REPLICAS_MAX: i64 = 5;
const DUPLICATE_WINDOW: Nanos = 120 * SECOND;
const DURATION_MIN: Nanos = 100 * MILLISECOND;

/// Checks `config` and fills in what it leaves open, as nats-server's `checkStreamCfg`. Nothing is
/// asked of other streams; `num_replicas` above 1 passes here and is refused by the caller after
/// the stream was looked up ([`ApiError::STREAM_REPLICAS_NOT_SUPPORTED`]).
///
/// # Errors
///
/// The first [`ApiError`] met. What this server does not support comes last.
pub fn check_stream_config(
    mut config: StreamConfig,
    limits: &ServerLimits,
    pedantic: bool,
) -> Result<StreamConfig, ApiError> {
    check_names(&config)?;
    settle_numbers(&mut config, pedantic)?;
    settle_duplicate_window(&mut config, limits, pedantic)?;
    check_permissions(&config)?;
    settle_features(&mut config, pedantic)?;
    if config.mirror.is_some() {
        return Err(unsupported("mirror"));
    }
    if !config.sources.is_empty() {
        return Err(unsupported("sources"));
    }
    settle_subjects(&mut config)?;
    check_max_bytes(&config, limits)?;
    config.placement = config.placement.filter(|placement| *placement != Placement::default());
    if config.placement.as_ref().is_some_and(|placement| !placement.preferred.is_empty()) {
        return Err(invalid("preferred server not permitted in placement"));
    }
    check_supported(&config)?;
    Ok(config)
}

fn unsupported(field: impl Display) -> ApiError {
    invalid(format_args!("{field} is not supported by this server yet"))
}

fn check_names(config: &StreamConfig) -> Result<(), ApiError> {
    if !is_asset_name(&config.name) {
        return Err(invalid(
            r"stream name is required and can not contain '.', '*', '>', '\', '/'",
        ));
    }
    if config.name.len() > NAME_LEN_MAX {
        let text = format_args!("stream name is too long, maximum allowed is {NAME_LEN_MAX}");
        return Err(invalid(text));
    }
    if config.description.as_ref().is_some_and(|text| text.len() > DESCRIPTION_LEN_MAX) {
        return Err(invalid(format_args!(
            "stream description is too long, maximum allowed is {DESCRIPTION_LEN_MAX}"
        )));
    }
    if metadata_len(&config.metadata) > METADATA_LEN_MAX {
        return Err(invalid(format_args!(
            "stream metadata exceeds maximum size of {METADATA_LEN_MAX} bytes"
        )));
    }
    Ok(())
}

fn settle_numbers(config: &mut StreamConfig, pedantic: bool) -> Result<(), ApiError> {
    if config.num_replicas == 0 {
        config.num_replicas = 1;
    }
    if config.num_replicas > REPLICAS_MAX {
        return Err(invalid(format_args!("maximum replicas is {REPLICAS_MAX}")));
    }
    if config.num_replicas < 0 {
        return Err(ApiError::REPLICAS_COUNT_CANNOT_BE_NEGATIVE);
    }
    unlimited(&mut config.max_msgs, "max_msgs", pedantic)?;
    unlimited(&mut config.max_msgs_per_subject, "max_msgs_per_subject", pedantic)?;
    unlimited(&mut config.max_bytes, "max_bytes", pedantic)?;
    unlimited(&mut config.max_msg_size, "max_msg_size", pedantic)?;
    unlimited(&mut config.max_consumers, "max_consumers", pedantic)?;
    if config.max_age < 0 {
        return Err(invalid("max age can not be negative"));
    }
    if config.max_age != 0 && config.max_age < DURATION_MIN {
        return Err(invalid("max age needs to be >= 100ms"));
    }
    Ok(())
}

fn settle_duplicate_window(
    config: &mut StreamConfig,
    limits: &ServerLimits,
    pedantic: bool,
) -> Result<(), ApiError> {
    let limit = limits.duplicate_window;
    let is_copy = config.mirror.is_some() || !config.sources.is_empty();
    if config.duplicate_window == 0 && !is_copy {
        let mut window = DUPLICATE_WINDOW;
        if limit > 0 && window > limit {
            if pedantic {
                let text = "duplicate window limits are higher than current limits";
                return Err(ApiError::pedantic(text));
            }
            window = limit;
        }
        if config.max_age != 0 && config.max_age < window {
            if pedantic {
                let text = "duplicate window cannot be bigger than max age";
                return Err(ApiError::pedantic(text));
            }
            window = config.max_age;
        }
        config.duplicate_window = window;
    }
    let window = config.duplicate_window;
    if window < 0 {
        return Err(invalid("duplicates window can not be negative"));
    }
    if config.max_age != 0 && window > config.max_age {
        return Err(invalid("duplicates window can not be larger then max age"));
    }
    if limit > 0 && window > limit {
        let limit = format_duration(limit);
        let text = format_args!("duplicates window can not be larger then server limit of {limit}");
        return Err(invalid(text));
    }
    if window > 0 && window < DURATION_MIN {
        return Err(invalid("duplicates window needs to be >= 100ms"));
    }
    Ok(())
}

fn check_permissions(config: &StreamConfig) -> Result<(), ApiError> {
    if config.deny_purge && config.allow_rollup_hdrs {
        return Err(invalid("roll-ups require the purge permission"));
    }
    if config.allow_msg_counter {
        let offence = if config.discard == Discard::New {
            "counter stream cannot use discard new"
        } else if config.allow_msg_ttl {
            "counter stream cannot use message TTLs"
        } else if config.allow_msg_schedules {
            "counter stream cannot use message schedules"
        } else if config.retention != Retention::Limits {
            "counter stream can only use limits retention"
        } else {
            ""
        };
        if !offence.is_empty() {
            return Err(invalid(offence));
        }
    }
    check_discard_per_subject(config)
}

fn check_discard_per_subject(config: &StreamConfig) -> Result<(), ApiError> {
    if config.discard_new_per_subject {
        if config.discard != Discard::New {
            return Err(invalid("discard new per subject requires discard new policy to be set"));
        }
        if config.max_msgs_per_subject <= 0 {
            return Err(invalid("discard new per subject requires max msgs per subject > 0"));
        }
    }
    Ok(())
}

/// Features that imply others.
fn settle_features(config: &mut StreamConfig, pedantic: bool) -> Result<(), ApiError> {
    let marker_ttl = config.subject_delete_marker_ttl;
    if marker_ttl < 0 {
        return Err(invalid("subject delete marker TTL must not be negative"));
    }
    if marker_ttl > 0 {
        if marker_ttl < SECOND {
            return Err(invalid("subject delete marker TTL must be at least 1 second"));
        }
        if pedantic && !config.allow_msg_ttl {
            let text = "subject delete marker cannot be set if message TTLs are disabled";
            return Err(invalid(text));
        }
        config.allow_msg_ttl = true;
        imply_rollup(config, pedantic, "subject delete marker")?;
    }
    if config.allow_msg_schedules {
        if config.discard == Discard::New {
            return Err(invalid("message scheduling cannot use discard new"));
        }
        imply_rollup(config, pedantic, "message scheduling")?;
    }
    if config.persist_mode == PersistMode::Async {
        if config.storage != Storage::File {
            return Err(invalid("async persist mode is only supported on file storage"));
        }
        if config.num_replicas > 1 {
            return Err(invalid("async persist mode is not supported on replicated streams"));
        }
        if config.allow_atomic {
            return Err(invalid("async persist mode is not supported with atomic batch publish"));
        }
    }
    Ok(())
}

fn imply_rollup(config: &mut StreamConfig, pedantic: bool, what: &str) -> Result<(), ApiError> {
    if config.allow_rollup_hdrs {
        return Ok(());
    }
    if pedantic {
        return Err(invalid(format_args!("{what} cannot be set if roll-ups are disabled")));
    }
    config.allow_rollup_hdrs = true;
    config.deny_purge = false;
    Ok(())
}

fn settle_subjects(config: &mut StreamConfig) -> Result<(), ApiError> {
    if config.subjects.is_empty() {
        config.subjects.push(config.name.clone());
        return Ok(());
    }
    for (idx, subject) in config.subjects.iter().enumerate() {
        if !is_filter(subject) {
            return Err(invalid("invalid subject"));
        }
        if config.subjects[..idx].contains(subject) {
            return Err(invalid("duplicate subjects detected"));
        }
        check_captured(config, subject)?;
        if let Some(other) =
            config.subjects[idx + 1..].iter().find(|other| overlaps(other, subject))
        {
            let (subject, other) = (quote(subject.as_bytes()), quote(other.as_bytes()));
            return Err(invalid(format_args!("subject {subject} overlaps with {other}")));
        }
    }
    Ok(())
}

/// Whether a stream may capture `subject`: what the server itself says only without acks, which
/// would be captured again.
fn check_captured(config: &StreamConfig, subject: &str) -> Result<(), ApiError> {
    if subject == ">" {
        if !config.no_ack {
            return Err(invalid("capturing all subjects requires no-ack to be true"));
        }
        if config.num_replicas != 1 {
            return Err(invalid("capturing all subjects requires replicas of 1"));
        }
    }
    if config.no_ack {
        return Ok(());
    }
    let is_api = ["$JS.>", "$JSC.>", "$NRG.>"].iter().any(|space| overlaps(subject, space));
    if is_api && !is_subset(subject, "$JS.EVENT.>") {
        return Err(invalid("subjects that overlap with jetstream api require no-ack to be true"));
    }
    if overlaps(subject, "$SYS.>") && !is_subset(subject, "$SYS.ACCOUNT.>") {
        return Err(invalid("subjects that overlap with system api require no-ack to be true"));
    }
    Ok(())
}

fn check_max_bytes(config: &StreamConfig, limits: &ServerLimits) -> Result<(), ApiError> {
    let limit = match config.storage {
        Storage::Memory => limits.account.memory_max_stream_bytes,
        Storage::File => limits.account.storage_max_stream_bytes,
    };
    if limits.account.max_bytes_required && config.max_bytes <= 0 {
        return Err(ApiError::STREAM_MAX_BYTES_REQUIRED);
    }
    if limit > 0 && config.max_bytes > limit {
        return Err(ApiError::STREAM_MAX_STREAM_BYTES_EXCEEDED);
    }
    Ok(())
}

fn check_supported(config: &StreamConfig) -> Result<(), ApiError> {
    for (is_active, field) in [
        (config.subject_transform.is_some(), "subject_transform"),
        (config.republish.is_some(), "republish"),
        (config.subject_delete_marker_ttl > 0, "subject_delete_marker_ttl"),
        (config.allow_msg_counter, "allow_msg_counter"),
        (config.allow_atomic, "allow_atomic"),
        (config.allow_msg_schedules, "allow_msg_schedules"),
        (config.allow_batched, "allow_batched"),
    ] {
        if is_active {
            return Err(unsupported(field));
        }
    }
    Ok(())
}

/// Checks that a stream may change from `old` to `new` and fills in what `new` leaves open, as
/// nats-server's `configUpdateCheck`; [`super::plan_stream_update`] does the rest.
///
/// # Errors
///
/// The first [`ApiError`] met.
pub fn check_stream_update(
    old: &StreamConfig,
    mut new: StreamConfig,
    limits: &ServerLimits,
    pedantic: bool,
) -> Result<StreamConfig, ApiError> {
    new.settle_metadata();
    let mut config = check_stream_config(new, limits, pedantic)?;
    if config.name != old.name {
        return Err(invalid("stream configuration name must match original"));
    }
    if config.num_replicas > 1 {
        return Err(ApiError::STREAM_REPLICAS_NOT_SUPPORTED);
    }
    let is_queue = |retention| retention == Retention::WorkQueue;
    let offence = if config.storage != old.storage {
        "stream configuration update can not change storage type"
    } else if config.retention != old.retention
        && (is_queue(old.retention) || is_queue(config.retention))
    {
        "stream configuration update can not change retention policy to/from workqueue"
    } else if config.persist_mode != old.persist_mode {
        "stream configuration update can not change persist mode"
    } else if old.sealed && !config.sealed {
        "stream configuration update can not unseal a sealed stream"
    } else if old.deny_delete && !config.deny_delete {
        "stream configuration update can not cancel deny message deletes"
    } else if old.deny_purge && !config.deny_purge {
        "stream configuration update can not cancel deny purge"
    } else if old.allow_msg_ttl && !config.allow_msg_ttl {
        "message TTL status can not be disabled"
    } else {
        ""
    };
    if !offence.is_empty() {
        return Err(invalid(offence));
    }
    if config.sealed {
        config.max_age = 0;
        config.discard = Discard::New;
        config.deny_delete = true;
        config.deny_purge = true;
        config.allow_rollup_hdrs = false;
    }
    Ok(config)
}
