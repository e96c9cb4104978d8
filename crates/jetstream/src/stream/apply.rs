use std::ops::RangeInclusive;

use tradewind_store::Lsn;
use tradewind_subject::Timestamp;

use super::{
    Stream,
    index::{Position, Removed, Stored, SubjectId},
    limits::Limits,
    publish::{PublishHeaders, Rollup},
};
use crate::api::config::{Discard, StreamConfig};

/// A message as it stands in the log.
#[derive(Clone, Copy, Debug)]
pub struct PublishRecord<'a> {
    /// Its sequence; those between the last one and this are burned.
    pub seq: u64,
    /// Its time.
    pub ts: Timestamp,
    /// Its subject.
    pub subject: &'a [u8],
    /// Its headers, as stored.
    pub headers: &'a PublishHeaders<'a>,
    /// Bytes of its payload.
    pub payload_len: usize,
    /// Where the record lies.
    pub position: Position,
    /// Bytes of the record.
    pub len: u32,
    /// Its number in the log.
    pub lsn: Lsn,
}

impl Stream {
    /// Takes a message in; what has to leave for it, possibly itself, goes to `removed`.
    pub fn apply_publish(
        &mut self,
        record: &PublishRecord<'_>,
        removed: &mut Vec<Removed>,
    ) -> SubjectId {
        let subject = self.load(record);
        self.last_msg_id.clear();
        if let Some(id) = record.headers.msg_id {
            self.last_msg_id.extend_from_slice(id);
            self.recent_ids.remember(id, record.seq, record.ts, record.lsn);
        }
        // nats-server's order: an eviction looks at what a rollup replaces, too.
        self.evict_of_subject(subject, removed);
        self.evict_oldest(removed);
        if record.headers.rollup.is_some() && self.config.allow_rollup_hdrs {
            self.roll_up(record, removed);
        }
        subject
    }

    /// Takes a message in and nothing else: for messages found before the stream's last snapshot is.
    ///
    /// They come in the order of their sequences; [`Stream::reconcile`] then takes those out again that
    /// are gone.
    pub fn load(&mut self, record: &PublishRecord<'_>) -> SubjectId {
        let size = self.limits.message_size(
            record.subject.len(),
            record.headers.block_len,
            record.payload_len,
        );
        let stored = Stored {
            ts: record.ts,
            position: record.position,
            len: record.len,
            size: u32::try_from(size).unwrap_or(u32::MAX),
        };
        let subject = self.index.append(record.seq, record.subject, stored);
        if let Some(lifetime) = record.headers.lifetime() {
            self.lifetimes.add(record.seq, record.ts, lifetime, &self.index);
        }
        subject
    }

    /// Burns the sequences up to `last`.
    pub fn apply_skip(&mut self, last: u64) {
        self.index.skip(last, None);
    }

    /// Burns the sequence of a message nobody wanted, and remembers its id.
    pub fn apply_burn(&mut self, seq: u64, ts: Timestamp, msg_id: Option<&[u8]>, lsn: Lsn) {
        self.index.skip(seq, Some(ts));
        self.last_msg_id.clear();
        if let Some(id) = msg_id {
            self.last_msg_id.extend_from_slice(id);
            self.recent_ids.remember(id, seq, ts, lsn);
        }
    }

    /// Takes out the live messages of `ranges`.
    pub fn apply_remove(&mut self, ranges: &[RangeInclusive<u64>], removed: &mut Vec<Removed>) {
        for range in ranges {
            let mut next = self.index.next_live(*range.start());
            while let Some(seq) = next.filter(|seq| range.contains(seq)) {
                self.take_out(seq, removed);
                next = self.index.next_live(seq + 1);
            }
        }
    }

    /// Takes out all messages in front of `seq`; if that lies behind the last sequence, the next message
    /// gets it.
    pub fn apply_purge_to(&mut self, seq: u64, removed: &mut Vec<Removed>) {
        self.index.purge_to(seq, &mut |gone| {
            self.lifetimes.forget(gone.seq);
            removed.push(gone);
        });
        self.lifetimes.advance(&self.index);
    }

    /// Becomes what `config` says; what its limits don't allow leaves.
    pub fn update(&mut self, config: StreamConfig, removed: &mut Vec<Removed>) {
        self.adopt(config, self.created);
        self.evict_oldest(removed);
        let mut over = Vec::new();
        if self.limits.msgs_per_subject < u64::MAX {
            self.index.over(self.limits.msgs_per_subject, &mut over);
        }
        for subject in over {
            self.evict_of_subject(subject, removed);
        }
    }

    /// Takes configuration and time of creation over, and lets nothing leave: for messages loaded before
    /// their stream's last snapshot is found.
    pub fn adopt(&mut self, config: StreamConfig, created: Timestamp) {
        self.limits = Limits::of(&config);
        self.recent_ids.set_window(self.limits.duplicate_window);
        (self.config, self.created) = (config, created);
    }

    /// Moves the record of the live message `seq`.
    pub fn set_position(&mut self, seq: u64, position: Position) {
        self.index.set_position(seq, position);
    }

    fn take_out(&mut self, seq: u64, removed: &mut Vec<Removed>) {
        removed.extend(self.index.remove(seq));
        self.lifetimes.forget(seq);
        self.lifetimes.advance(&self.index);
    }

    fn evict_of_subject(&mut self, subject: SubjectId, removed: &mut Vec<Removed>) {
        let limit = self.limits.msgs_per_subject;
        if limit == u64::MAX {
            return;
        }
        loop {
            let info = self.index.info(subject);
            if info.count <= limit {
                return;
            }
            self.take_out(info.first, removed);
        }
    }

    fn evict_oldest(&mut self, removed: &mut Vec<Removed>) {
        if self.limits.discard == Discard::New {
            return;
        }
        while self.limits.msgs < self.index.messages() || self.limits.bytes < self.index.bytes() {
            self.take_out(self.index.first_seq(), removed);
        }
    }

    fn roll_up(&mut self, record: &PublishRecord<'_>, removed: &mut Vec<Removed>) {
        match record.headers.rollup() {
            Some(Rollup::All) => self.apply_purge_to(record.seq, removed),
            Some(Rollup::Subject) => {
                while let Some(info) = self.index.subject_info(record.subject)
                    && info.first < record.seq
                {
                    self.take_out(info.first, removed);
                }
            }
            None => (),
        }
    }
}
