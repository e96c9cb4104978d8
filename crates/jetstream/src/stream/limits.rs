use std::time::Duration;

use tradewind_subject::int::u64_from;

use crate::api::config::{Discard, Nanos, Storage, StreamConfig};

/// A stream's limits, with the largest number where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    storage: Storage,
    pub(super) discard: Discard,
    pub(super) msgs: u64,
    pub(super) bytes: u64,
    pub(super) msgs_per_subject: u64,
    pub(super) msg_size: u64,
    pub(super) age: Option<Duration>,
    pub(super) duplicate_window: Duration,
}

impl Limits {
    pub(super) fn of(config: &StreamConfig) -> Limits {
        Limits {
            storage: config.storage,
            discard: config.discard,
            msgs: limit(config.max_msgs),
            bytes: limit(config.max_bytes),
            msgs_per_subject: limit(config.max_msgs_per_subject),
            msg_size: limit(config.max_msg_size.into()),
            age: Some(duration(config.max_age)).filter(|age| !age.is_zero()),
            duplicate_window: duration(config.duplicate_window),
        }
    }

    /// Bytes that a message counts for.
    pub(super) fn message_size(
        &self,
        subject_len: usize,
        headers_len: usize,
        payload_len: usize,
    ) -> u64 {
        let content = u64_from(subject_len + headers_len + payload_len);
        match self.storage {
            // A record of nats-server's file store: its header, its checksum, the headers' length.
            Storage::File if 0 < headers_len => content + 22 + 8 + 4,
            Storage::File => content + 22 + 8,
            Storage::Memory => content + 16,
        }
    }
}

fn limit(value: i64) -> u64 {
    u64::try_from(value).ok().filter(|&value| 0 < value).unwrap_or(u64::MAX)
}

fn duration(nanos: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
