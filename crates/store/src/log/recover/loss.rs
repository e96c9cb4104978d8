//! Whose records were lost to damage.
//!
//! Each record names the one before it of its stream, and each idle marker the streams that had
//! records since the marker before, and that marker. A stream whose chain is broken has lost
//! records; one without a record after the damage, and that no complete marker clears, may have.

use std::collections::BTreeSet;

use super::{Found, Lost, OpenError, Recovery};
use crate::{
    ids::{Lsn, StreamId},
    mark::{self, Mark},
    record::{
        Record,
        codec::{Body, Decoded},
    },
};

/// What is known since the last damage.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    /// Streams whose chains were compared over the damage; `None` if there is nothing to suspect.
    cleared: Option<BTreeSet<StreamId>>,
    /// The last record known to be missing.
    missing: Lsn,
    /// What took it, of all damage.
    damage: Option<usize>,
}

impl Recovery<'_> {
    /// The records from `from` to `to` can't be read.
    pub(super) fn gap(&mut self, from: Lsn, to: Lsn) {
        if from <= to {
            let damage = self.damage.len().checked_sub(1);
            self.suspicion = Suspicion { cleared: Some(BTreeSet::new()), missing: to, damage };
        }
    }

    /// Compares a record of the log with what came before.
    pub(super) fn link(&mut self, decoded: &Decoded<'_>) -> Result<(), OpenError> {
        match decoded.body {
            Body::Record(record) => {
                let stream = record.stream();
                self.compare(stream, decoded.prev)?;
                let gone = matches!(record, Record::StreamGone { .. });
                self.chains.advance(stream, decoded.lsn, gone);
                Ok(())
            }
            Body::Idle { heads, .. } => {
                for pair in heads.iter() {
                    self.compare(StreamId(pair.first), Lsn(pair.last))?;
                }
                let marker = self.chains.marker();
                let is_complete = decoded.prev == marker || decoded.prev < self.log_start;
                if !is_complete {
                    self.suspect_all()?;
                }
                self.suspicion.cleared = None;
                self.chains.start_round(decoded.lsn);
                Ok(())
            }
        }
    }

    /// The stream's last record is said to be `last`.
    fn compare(&mut self, stream: StreamId, last: Lsn) -> Result<(), OpenError> {
        let is_intact = match self.chains.last(stream) {
            Some(known) => known == last,
            None => last < self.log_start,
        };
        if let Some(cleared) = &mut self.suspicion.cleared {
            cleared.insert(stream);
        }
        if is_intact { Ok(()) } else { self.lose(Some(stream)) }
    }

    /// The log ends: nothing comes any more that could clear a stream.
    ///
    /// Nor will a marker to come: it names a missing one as the one before.
    pub(super) fn end(&mut self) -> Result<(), OpenError> {
        if self.suspicion.cleared.is_some() {
            self.chains.start_round(self.suspicion.missing);
        }
        self.suspect_all()
    }

    fn suspect_all(&mut self) -> Result<(), OpenError> {
        let Some(cleared) = self.suspicion.cleared.take() else { return Ok(()) };
        let streams: Vec<StreamId> =
            self.chains.streams().filter(|stream| !cleared.contains(stream)).collect();
        streams.into_iter().try_for_each(|stream| self.lose(Some(stream)))?;
        self.lose(None)
    }

    fn lose(&mut self, stream: Option<StreamId>) -> Result<(), OpenError> {
        mark::hit(if stream.is_some() { Mark::StreamLost } else { Mark::UnknownLost });
        let damage = self.suspicion.damage.unwrap_or_else(|| {
            let file = "the log".to_owned();
            self.harm(file, 0, self.next, "a stream's record is missing");
            self.damage.len() - 1
        });
        self.suspicion.damage = Some(damage);
        let streams = &mut self.damage[damage].streams;
        streams.extend(stream.filter(|stream| !streams.contains(stream)));
        (self.replay)(Found::Lost(Lost { stream, damage }))?;
        Ok(())
    }
}
