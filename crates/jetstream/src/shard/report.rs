//! What monitoring shows of a shard.

use tradewind_store::SegmentInfo;

use super::{OfflineStream, Shard};
use crate::api::response::{AccountInfo, ConsumerInfo, StreamInfo, StreamState};

/// A shard as monitoring sees it.
#[derive(Clone, Debug)]
pub struct ShardReport {
    /// What the account uses.
    pub account: AccountInfo,
    /// Streams by name.
    pub streams: Vec<StreamReport>,
    /// Why the store takes no writes, if so.
    pub poisoned: Option<String>,
    /// Streams that are not served, because they lost something to damage.
    pub offline: Vec<OfflineStream>,
    /// What is damaged of the store, as far as that is known.
    pub damage: Vec<String>,
}

/// A stream as monitoring sees it.
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// The stream.
    pub info: StreamInfo,
    /// Its consumers by name.
    pub consumers: Vec<ConsumerInfo>,
}

impl Shard {
    /// The segments of its store, in the order of their records.
    pub fn segments(&self) -> impl Iterator<Item = SegmentInfo> {
        self.context.log.segments()
    }

    /// How everything stands.
    pub fn report(&self) -> ShardReport {
        let now = self.context.now;
        let slots = self.names.values().filter_map(|id| self.slots.get(id));
        let streams = slots.map(|slot| StreamReport {
            info: slot.info(&self.context, StreamState::default),
            consumers: (slot.consumer_names.values())
                .filter_map(|id| slot.consumer_info(*id, now))
                .collect(),
        });
        ShardReport {
            account: self.usage(),
            streams: streams.collect(),
            poisoned: self.poisoned().map(ToString::to_string),
            offline: self.offline_streams(),
            damage: self.damage.iter().map(ToString::to_string).collect(),
        }
    }
}
