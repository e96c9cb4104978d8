//! A stream as it comes back.

use std::collections::BTreeMap;

use tradewind_store::mark::{self, Mark};
use tradewind_store::mutant::{self, Mutant};
use tradewind_store::{Burned, ConsumerId, Lsn, Record, ReplayError, Replayed, StreamId};
use tradewind_subject::Timestamp;

use super::Nonsense;
use super::stored::{Stored, read_stored};
use crate::api::config::{ConsumerConfig, StreamConfig};
use crate::shard::slot::Slot;
use crate::stream::index::Removed;
use crate::stream::publish::PublishHeaders;
use crate::stream::{FoundIds, Missing, PublishRecord, Snapshot, Stream};

/// A stream whose records are being read.
pub(super) struct Reborn {
    pub(super) slot: Slot,
    /// Records before its snapshot are in segments that are gone: until the snapshot comes, only
    /// its messages count.
    pub(super) is_partial: bool,
    pub(super) has_config: bool,
    /// The first half of a snapshot was read, so that the second one counts.
    pub(super) is_begun: bool,
    /// Where that is.
    begun_at: Lsn,
    /// Configurations of consumers whose state comes next.
    pub(super) consumers: BTreeMap<ConsumerId, Stored<ConsumerConfig>>,
    /// What the last snapshot counts and no segment has: it left after it, and another snapshot says
    /// so, or it is lost.
    pub(super) missing: Missing,
    /// Message ids that no snapshot has confirmed.
    pub(super) ids: FoundIds,
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
            begun_at: Lsn::ZERO,
            consumers: BTreeMap::new(),
            missing: Missing::default(),
            ids: FoundIds::default(),
            is_hurt: false,
        }
    }

    /// What is known to be lost.
    pub(super) fn loss(&self, now: Timestamp) -> Option<String> {
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
        let Missing { messages, ids, ids_until } = &self.missing;
        let n_ranges = messages.len();
        let more = if 8 < n_ranges { ", ..." } else { "" };
        if 0 < n_ranges {
            let messages = ranges(messages);
            return Some(format!("messages {messages}{more} of it are missing in the store"));
        }
        let ids_count = 0 < *ids && now < *ids_until;
        ids_count.then(|| format!("{ids} message ids of its duplicate window are missing"))
    }

    /// Becomes what its configuration says.
    pub(super) fn put(
        &mut self,
        replayed: &Replayed<'_>,
        config: &[u8],
        removed: &mut Vec<Removed>,
    ) -> Result<(), ReplayError> {
        let id = self.slot.id;
        let stored =
            read_stored::<StreamConfig>(config).map_err(|why| Nonsense::Config(id.0, why))?;
        if stored.is_new {
            *self = Reborn {
                slot: Slot::new(id, Stream::new(stored.config, stored.created)),
                is_partial: false,
                has_config: true,
                is_begun: true,
                begun_at: replayed.lsn,
                ..Reborn::partial(id)
            };
            self.slot.snapshot = replayed.lsn;
        } else if self.is_partial {
            self.slot.adopt(stored.config, stored.created);
            self.has_config = true;
            (self.is_begun, self.begun_at) = (true, replayed.lsn);
            // Their states follow, as far as they still exist.
            self.slot.consumers.clear();
            self.consumers.clear();
        } else {
            self.slot.retention = stored.config.retention;
            self.slot.stream.update(stored.config, removed);
        }
        Ok(())
    }

    /// Becomes what a snapshot says it is.
    pub(super) fn restore(
        &mut self,
        state: &[u8],
        removed: &mut Vec<Removed>,
    ) -> Result<(), ReplayError> {
        let id = self.slot.id.0;
        let snapshot =
            Snapshot::decode(state).map_err(|error| Nonsense::State(id, error.to_string()))?;
        if !self.is_begun {
            // The first half of this snapshot was in a segment that is gone, or lost; a whole one
            // may follow.
            return Ok(());
        }
        if self.is_partial {
            mark::hit(Mark::RestoredFromSnapshot);
        }
        self.is_partial = false;
        self.is_hurt = false;
        if mutant::enabled(Mutant::SnapshotIgnored) {
            return Ok(());
        }
        let found = std::mem::take(&mut self.ids);
        self.missing = self.slot.stream.reconcile(&snapshot, found, removed);
        self.slot.has_snapshot(self.begun_at);
        Ok(())
    }

    /// Takes a message in; returns the length of its record if nobody will ever need that.
    pub(super) fn publish(
        &mut self,
        replayed: &Replayed<'_>,
        removed: &mut Vec<Removed>,
    ) -> Option<u32> {
        let Record::Publish { seq, ts, subject, headers, .. } = replayed.record else {
            return None;
        };
        if seq <= self.slot.stream.index().last_seq() {
            // Only damage can make a sequence come twice: what of it is true, a snapshot has to say.
            (self.is_hurt, self.is_partial, self.is_begun) = (true, true, false);
            return Some(replayed.len);
        }
        let mut headers = PublishHeaders::parse(headers);
        if mutant::enabled(Mutant::IdsForgotten) {
            headers.msg_id = None;
        }
        let record = PublishRecord {
            seq,
            ts,
            subject,
            headers: &headers,
            payload_len: replayed.payload_len,
            position: replayed.position,
            len: replayed.len,
            lsn: replayed.lsn,
        };
        if self.is_partial {
            self.slot.stream.load(&record);
            // Those in cold segments that still count are said again in the log.
            if let (Some(id), false) = (headers.msg_id, replayed.is_cold) {
                self.ids.add([id, b""], seq, ts, replayed.lsn);
            }
        } else {
            self.slot.stream.apply_publish(&record, removed);
        }
        None
    }

    /// Sequences without messages, or a message that nobody wanted.
    pub(super) fn skip(&mut self, lsn: Lsn, last: u64, burned: Option<Burned<'_>>) {
        let id = burned.map(|it| it.id).filter(|it| !it.is_empty());
        let stream = &mut self.slot.stream;
        if last <= stream.index().last_seq() {
            // Only damage can do that; see above.
            (self.is_hurt, self.is_partial, self.is_begun) = (true, true, false);
            return;
        }
        match burned {
            None => stream.apply_skip(last),
            Some(Burned { ts, .. }) if !self.is_partial => stream.apply_burn(last, ts, id, lsn),
            Some(Burned { ts, .. }) => {
                stream.apply_burn(last, ts, None, lsn);
                id.inspect(|id| self.ids.add([id, b""], last, ts, lsn));
            }
        }
    }

    /// Message ids said again.
    pub(super) fn take_ids(&mut self, said: Lsn, ids: &[u8]) -> Result<(), ReplayError> {
        // A snapshot that found all it counts on needs no more of them.
        let is_needed = self.is_partial || 0 < self.missing.ids;
        if !is_needed || self.ids.take(ids, said) {
            return Ok(());
        }
        Err(Nonsense::State(self.slot.id.0, "malformed message ids".to_owned()).into())
    }
}
