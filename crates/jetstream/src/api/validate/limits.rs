use serde::Serialize;

use crate::api::config::{Nanos, Storage, StreamConfig};
use crate::api::error::ApiError;

/// What an account may use; −1 is no limit. Shown by `INFO` in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountLimits {
    /// Bytes in memory.
    pub max_memory: i64,
    /// Bytes on disk.
    pub max_storage: i64,
    /// Streams.
    pub max_streams: i64,
    /// Consumers of a stream.
    pub max_consumers: i64,
    /// `max_ack_pending` of a consumer.
    pub max_ack_pending: i64,
    /// `max_bytes` of a memory stream.
    pub memory_max_stream_bytes: i64,
    /// `max_bytes` of a file stream.
    pub storage_max_stream_bytes: i64,
    /// Whether every stream has to have `max_bytes`.
    pub max_bytes_required: bool,
}

impl Default for AccountLimits {
    fn default() -> AccountLimits {
        AccountLimits {
            max_memory: -1,
            max_storage: -1,
            max_streams: -1,
            max_consumers: -1,
            max_ack_pending: -1,
            memory_max_stream_bytes: -1,
            storage_max_stream_bytes: -1,
            max_bytes_required: false,
        }
    }
}

/// What the server is configured to allow, for one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes in memory for all accounts.
    pub max_memory: i64,
    /// Bytes on disk for all accounts.
    pub max_storage: i64,
    /// Longest and default duplicate window; 0 is no limit.
    pub duplicate_window: Nanos,
    /// Highest `max_ack_pending`; 0 is no limit.
    pub max_ack_pending: i64,
    /// Highest and default `max_batch`; 0 is no limit.
    pub max_request_batch: i64,
    /// Consumers of a stream where neither stream nor account says; below 1 is no limit.
    pub default_max_consumers: i64,
    /// Of the account.
    pub account: AccountLimits,
}

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        ServerLimits {
            max_memory: i64::MAX,
            max_storage: i64::MAX,
            duplicate_window: 0,
            max_ack_pending: 0,
            max_request_batch: 0,
            default_max_consumers: 1_000,
            account: AccountLimits::default(),
        }
    }
}

/// Bytes promised to the streams of all accounts by their `max_bytes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// In memory.
    pub memory: i64,
    /// On disk.
    pub storage: i64,
}

/// What the other streams of the account use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AccountUse {
    n_streams: usize,
    reserved: Reserved,
}

impl AccountUse {
    /// Sums up `streams` without the one called `name`.
    pub(super) fn of<'a>(
        name: &str,
        streams: impl Iterator<Item = &'a StreamConfig>,
    ) -> AccountUse {
        let mut used = AccountUse::default();
        for stream in streams.filter(|stream| stream.name != name) {
            used.n_streams += 1;
            let sum = match stream.storage {
                Storage::Memory => &mut used.reserved.memory,
                Storage::File => &mut used.reserved.storage,
            };
            *sum = sum.saturating_add(stream.max_bytes.max(0));
        }
        used
    }
}

/// Whether a new stream fits.
pub(super) fn check_new_fits(
    config: &StreamConfig,
    limits: &ServerLimits,
    used: AccountUse,
    reserved: Reserved,
) -> Result<(), ApiError> {
    check_consumers(config, limits)?;
    let add = if config.max_bytes < 0 { 1 } else { config.max_bytes };
    check_bytes(config.storage, add, limits, (used.reserved, reserved))
}

/// Whether there may be one more stream.
pub(super) fn check_stream_count(limits: &ServerLimits, used: AccountUse) -> Result<(), ApiError> {
    let most = limits.account.max_streams;
    if most > 0 && usize::try_from(most).is_ok_and(|most| used.n_streams >= most) {
        return Err(ApiError::MAXIMUM_STREAMS_LIMIT);
    }
    Ok(())
}

/// Whether `new` fits in the place of `old`.
pub(super) fn check_change_fits(
    old: &StreamConfig,
    new: &StreamConfig,
    limits: &ServerLimits,
    mut used: AccountUse,
    reserved: Reserved,
) -> Result<(), ApiError> {
    check_consumers(new, limits)?;
    let more = (new.max_bytes.max(0) - old.max_bytes.max(0)).max(0);
    let kept = (new.max_bytes - more).max(0);
    let sum = match new.storage {
        Storage::Memory => &mut used.reserved.memory,
        Storage::File => &mut used.reserved.storage,
    };
    *sum = sum.saturating_add(kept);
    check_bytes(new.storage, more, limits, (used.reserved, reserved))
}

fn check_consumers(config: &StreamConfig, limits: &ServerLimits) -> Result<(), ApiError> {
    let most = limits.account.max_consumers;
    if config.max_consumers > 0 && most > 0 && config.max_consumers > most {
        return Err(ApiError::MAXIMUM_CONSUMERS_LIMIT);
    }
    Ok(())
}

/// Whether `add` bytes fit on top of what the account and the server have promised.
fn check_bytes(
    storage: Storage,
    add: i64,
    limits: &ServerLimits,
    (account, server): (Reserved, Reserved),
) -> Result<(), ApiError> {
    let exceeds = |used: i64, max: i64| used > max || add > max - used;
    let (of_account, of_server, error) = match storage {
        Storage::Memory => (
            (account.memory, limits.account.max_memory),
            (server.memory, limits.max_memory),
            ApiError::MEMORY_RESOURCES_EXCEEDED,
        ),
        Storage::File => (
            (account.storage, limits.account.max_storage),
            (server.storage, limits.max_storage),
            ApiError::STORAGE_RESOURCES_EXCEEDED,
        ),
    };
    let is_limited = of_account.1 >= 0;
    if (is_limited && exceeds(of_account.0, of_account.1)) || exceeds(of_server.0, of_server.1) {
        return Err(error);
    }
    Ok(())
}
