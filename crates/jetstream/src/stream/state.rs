use tradewind_subject::{Timestamp, int::u64_from};

use super::{Stream, filter::FilterSet};

/// What info answers tell about a stream's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// Live messages.
    pub messages: u64,
    /// Their sizes.
    pub bytes: u64,
    /// Sequence of the first; if there is none, the next one (0 at the very start).
    pub first_seq: u64,
    /// When the first was stored.
    pub first_ts: Option<Timestamp>,
    /// The last sequence used.
    pub last_seq: u64,
    /// When it was.
    pub last_ts: Option<Timestamp>,
    /// Subjects with live messages.
    pub num_subjects: u64,
    /// Sequences in between without a live message.
    pub num_deleted: u64,
}

/// A part of the subjects of a stream, with how many messages each has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPage<'a> {
    /// All that match.
    pub total: u64,
    /// Those of the page, in order.
    pub subjects: Vec<(&'a [u8], u64)>,
}

impl Stream {
    /// What info answers tell.
    pub fn state(&self) -> StreamState {
        StreamState {
            messages: self.index.messages(),
            bytes: self.index.bytes(),
            first_seq: self.index.first_seq(),
            first_ts: self.index.first_ts(),
            last_seq: self.index.last_seq(),
            last_ts: self.index.last_ts(),
            num_subjects: self.index.num_subjects(),
            num_deleted: self.index.num_deleted(),
        }
    }

    /// The first `max` sequences between first and last without a live message.
    pub fn deleted(&self, max: usize) -> Vec<u64> {
        self.index.deleted_ranges().into_iter().flatten().take(max).collect()
    }

    /// Subjects with live messages that `filter` wants, `limit` of them from the `offset`th on.
    pub fn subjects(&self, filter: &FilterSet, offset: u64, limit: u64) -> SubjectPage<'_> {
        let mut subjects = Vec::new();
        let mut total = 0;
        self.index.subjects_matching(filter, |subject, info| {
            if offset <= total && u64_from(subjects.len()) < limit {
                subjects.push((subject, info.count));
            }
            total += 1;
            false
        });
        SubjectPage { total, subjects }
    }
}
