//! The clock of the shell. The crates below take time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use tradewind_subject::Timestamp;

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}
