//! A stream as it comes back.

use std::collections::BTreeMap;

use tradewind_store::{ConsumerId, StreamId};
use tradewind_subject::Timestamp;

use super::stored::Stored;
use crate::api::config::{ConsumerConfig, StreamConfig};
use crate::shard::slot::Slot;
use crate::stream::Stream;

/// A stream whose records are being read.
pub(super) struct Reborn {
    pub(super) slot: Slot,
    /// Records before its snapshot are in segments that are gone: until the snapshot comes, only
    /// its messages count.
    pub(super) is_partial: bool,
    pub(super) has_config: bool,
    /// The first half of a snapshot was read, so that the second one counts.
    pub(super) is_begun: bool,
    /// Configurations of consumers whose state comes next.
    pub(super) consumers: BTreeMap<ConsumerId, Stored<ConsumerConfig>>,
    /// Messages that the last snapshot counts as live and that are in no segment: they left after
    /// it, and another snapshot says so, or they are lost.
    pub(super) missing: Vec<std::ops::RangeInclusive<u64>>,
    /// Records were lost since the last snapshot.
    pub(super) is_hurt: bool,
}

impl Reborn {
    pub(super) fn partial(id: StreamId) -> Reborn {
        let slot = Slot::new(id, Stream::new(StreamConfig::default(), Timestamp(0)));
        Reborn {
            slot,
            is_partial: true,
            has_config: false,
            is_begun: false,
            consumers: BTreeMap::new(),
            missing: Vec::new(),
            is_hurt: false,
        }
    }

    /// What is known to be lost.
    pub(super) fn loss(&self) -> Option<String> {
        if self.is_hurt {
            return Some("records of it were damaged in the store".to_owned());
        }
        if self.is_partial {
            return Some("its configuration was damaged in the store".to_owned());
        }
        let ranges = |ranges: &[std::ops::RangeInclusive<u64>]| {
            let show = |range: &std::ops::RangeInclusive<u64>| {
                let (first, last) = (range.start(), range.end());
                if first == last { first.to_string() } else { format!("{first}-{last}") }
            };
            ranges.iter().take(8).map(show).collect::<Vec<_>>().join(", ")
        };
        let n_ranges = self.missing.len();
        let more = if 8 < n_ranges { ", ..." } else { "" };
        (0 < n_ranges).then(|| {
            format!("messages {}{more} of it are missing in the store", ranges(&self.missing))
        })
    }
}
