//! Streams that lost something to damage: they are kept as they are and serve nobody, until
//! somebody deletes them or accepts the loss.

use tradewind_store::{Corruption, Durability, Record, StreamId, Wish};

use super::Shard;
use super::advisory::Change;
use super::slot::Slot;
use crate::api::error::ApiError;
use crate::stream::index::Removed;

/// A stream that is not served.
#[derive(Debug)]
pub(super) struct Offline {
    /// What could be read of it.
    pub(super) slot: Slot,
    /// Whether its configuration is known, and so its name.
    pub(super) is_named: bool,
    pub(super) why: String,
}

/// A stream that is not served, for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineStream {
    /// Its number in the store.
    pub id: u64,
    /// Its name, unless that was lost too.
    pub name: Option<String>,
    /// What happened to it.
    pub why: String,
}

impl Offline {
    pub(super) fn name(&self) -> Option<&str> {
        self.is_named.then(|| self.slot.name())
    }
}

impl Shard {
    /// Streams that are not served, because something of them is lost.
    pub fn offline_streams(&self) -> Vec<OfflineStream> {
        let stream = |(id, offline): (&StreamId, &Offline)| OfflineStream {
            id: id.0,
            name: offline.name().map(str::to_owned),
            why: offline.why.clone(),
        };
        self.offline.iter().map(stream).collect()
    }

    /// What of the store is damaged, as far as that is known; it grows at the end.
    pub fn damage(&self) -> &[Corruption] {
        &self.damage
    }

    /// Goes on with what is left of a stream: what was lost is gone for good. Whether there was
    /// such a stream, with a configuration.
    ///
    /// # Errors
    ///
    /// If the store does not take it.
    pub fn accept_loss(&mut self, name: &str) -> Result<bool, String> {
        let Some(id) = self.offline_id(name) else { return Ok(false) };
        let Some(offline) = self.offline.remove(&id) else { return Ok(false) };
        let Offline { mut slot, is_named, why } = offline;
        if !slot.write_snapshot(&mut self.context) {
            self.offline.insert(id, Offline { slot, is_named, why });
            return Err("the store does not take the new state".to_owned());
        }
        while let Some(job) = self.context.log.take_commit(Durability::Sync) {
            self.context.log.committed(job.run()).map_err(|error| error.to_string())?;
        }
        self.bring_back(id, slot);
        Ok(true)
    }

    /// The stream of this name, or why there is none.
    pub(super) fn id_of(&self, name: &str) -> Result<StreamId, ApiError> {
        if let Some(id) = self.names.get(name) {
            return Ok(*id);
        }
        let offline = self.offline_id(name).and_then(|id| self.offline.get(&id));
        Err(offline
            .map_or(ApiError::STREAM_NOT_FOUND, |it| ApiError::stream_offline_reason(&it.why)))
    }

    fn offline_id(&self, name: &str) -> Option<StreamId> {
        self.offline.iter().find(|(_, it)| it.name() == Some(name)).map(|(id, _)| *id)
    }

    /// Takes a stream that is not served out of the store, with what is left of it; false if there
    /// is none of this name.
    pub(super) fn delete_offline(&mut self, name: &str) -> Result<bool, ApiError> {
        let Some(stream) = self.offline_id(name) else { return Ok(false) };
        let context = &mut self.context;
        let gone = context.log.append(Wish::Eager, &Record::StreamGone { stream });
        let gone = gone.map_err(|error| ApiError::stream_general_error(error.to_string()))?;
        self.sweeper.bury(stream, gone.lsn);
        if let Some(Offline { mut slot, .. }) = self.offline.remove(&stream) {
            let mut removed: Vec<Removed> = Vec::new();
            slot.stream.apply_purge_to(u64::MAX, &mut removed);
            for gone in removed {
                context.log.released(gone.entry.position, gone.entry.len);
            }
        }
        context.stream_changed(name, Change::Deleted);
        Ok(true)
    }
}
