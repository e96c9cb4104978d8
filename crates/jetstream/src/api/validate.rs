//! What nats-server accepts as a configuration, and what it makes of it.
//!
//! The order of the checks is behaviour: a client that makes two mistakes is told about the same
//! one as by nats-server.

mod consumer;
mod consumer_plan;
mod limits;
mod plan;
mod stream;

pub use consumer::check_consumer_config;
pub use consumer_plan::{
    ConsumerPlan, ExistingConsumer, check_consumer_update, check_workqueue_consumer, plan_consumer,
    settle_inactive_threshold,
};
pub use limits::{AccountLimits, Reserved, ServerLimits};
pub use plan::{
    StreamPlan, check_consumers_fit, check_stream_overlap, plan_stream_create, plan_stream_update,
};
pub use stream::{check_stream_config, check_stream_update};

use std::collections::BTreeMap;

use super::error::ApiError;

const NAME_LEN_MAX: usize = 255;
const DESCRIPTION_LEN_MAX: usize = 4 * 1024;
const METADATA_LEN_MAX: usize = 128 * 1024;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLISECOND;

/// Whether `name` may name a stream or a consumer; its length is checked apart.
pub fn is_asset_name(name: &str) -> bool {
    !name.is_empty() && !name.contains([' ', '\t', '\r', '\n', '\u{c}', '.', '*', '>', '\\', '/'])
}

/// Whether a request may not be served because its `Nats-Required-Api-Level` is `value`.
pub fn is_level_unmet(value: &[u8]) -> bool {
    let level = std::str::from_utf8(value).ok().and_then(|value| value.parse::<i64>().ok());
    !value.is_empty() && level.is_none_or(|level| level > i64::from(super::config::API_LEVEL))
}

fn invalid(text: impl std::fmt::Display) -> ApiError {
    ApiError::stream_invalid_config(text)
}

fn is_filter(subject: &str) -> bool {
    tradewind_subject::is_filter(subject.as_bytes())
}

fn overlaps(a: &str, b: &str) -> bool {
    tradewind_subject::overlaps(a.as_bytes(), b.as_bytes())
}

fn is_subset(inner: &str, outer: &str) -> bool {
    tradewind_subject::is_subset(inner.as_bytes(), outer.as_bytes())
}

fn metadata_len(metadata: &BTreeMap<String, String>) -> usize {
    metadata.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// Makes `value` its default if it is one of those a client uses for "no limit", which is an error
/// in pedantic mode unless it is 0.
fn unlimited<T>(value: &mut T, name: &str, pedantic: bool) -> Result<(), ApiError>
where
    T: From<i8> + PartialOrd + Copy,
{
    let none = T::from(-1);
    if pedantic && *value < none {
        return Err(ApiError::pedantic(format_args!("{name} must be set to -1")));
    }
    if *value == T::from(0) || *value < none {
        *value = none;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
