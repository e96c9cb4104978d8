//! What the log knows about one segment.

use std::sync::Arc;

use crate::{
    disk::DiskFile,
    frame,
    ids::Lsn,
    log::spans::Spans,
    manifest::{Entry, Role, Seal},
};

#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: u32,
    pub(crate) role: Role,
    pub(crate) capacity: u32,
    pub(crate) first: Lsn,
    /// The last record of its closed frames; `first.prev()` if there is none.
    pub(crate) last: Lsn,
    /// Where the next frame goes.
    pub(crate) end: u32,
    /// Sum of the sums of its frames.
    pub(crate) content: u32,
    /// Bytes of messages that nobody has released.
    pub(crate) live: u64,
    /// Whose messages it holds.
    pub(crate) spans: Spans,
    /// Whether its sidecar is on the disk.
    pub(crate) has_sidecar: bool,
    /// Some of it was damaged when the log was opened.
    pub(crate) is_damaged: bool,
    /// Something in it that was there then can't be read: it stays as it is.
    pub(crate) is_unreadable: bool,
    /// None until the commit that makes the file is done.
    pub(crate) file: Option<Arc<dyn DiskFile>>,
}

/// One segment of a log, as the sweeper sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// Its number, as in a [`Position`](crate::Position).
    pub id: u32,
    /// What it is for.
    pub role: Role,
    /// Its first record.
    pub first: Lsn,
    /// Its last record; before `first` if it has none.
    pub last: Lsn,
    /// Bytes written.
    pub len: u32,
    /// Bytes of messages that nobody has released.
    pub live_bytes: u64,
    /// Whether nothing will be appended to it.
    pub sealed: bool,
    /// Whether some of it was damaged when the log was opened.
    pub is_damaged: bool,
    /// Whether something in it that was there then can't be read.
    pub is_unreadable: bool,
}

impl Segment {
    pub(crate) fn new(id: u32, capacity: u32, first: Lsn, start: u32) -> Segment {
        Segment {
            id,
            role: Role::Log,
            capacity,
            first,
            last: first.prev(),
            end: start,
            content: 0,
            live: 0,
            spans: Spans::default(),
            has_sidecar: false,
            is_damaged: false,
            is_unreadable: false,
            file: None,
        }
    }

    pub(crate) fn add_frame(&mut self, len: u32, trailer: u32, last: Lsn) {
        self.end += len;
        self.content = frame::add_sum(self.content, trailer);
        self.last = last;
    }

    pub(crate) fn seal(&self) -> Seal {
        Seal { len: self.end, content: self.content, last: self.last }
    }

    pub(crate) fn entry(&self) -> Entry {
        Entry {
            segment: self.id,
            role: self.role,
            capacity: self.capacity,
            first: self.first,
            seal: None,
        }
    }

    pub(crate) fn info(&self, sealed: bool) -> SegmentInfo {
        SegmentInfo {
            id: self.id,
            role: self.role,
            first: self.first,
            last: self.last,
            len: self.end,
            live_bytes: self.live,
            sealed,
            is_damaged: self.is_damaged,
            is_unreadable: self.is_unreadable,
        }
    }
}

/// The size of the next segment: the largest that is not above what the log has already.
pub(crate) fn next_capacity(sizes: &[u32; 4], total: u64) -> u32 {
    let fitting = sizes.iter().rev().find(|size| u64::from(**size) <= total);
    *fitting.unwrap_or(&sizes[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_grow_with_the_log() {
        let sizes = [1, 4, 16, 64];

        let sequence: Vec<u32> = (0..8)
            .scan(0, |total, _| {
                let size = next_capacity(&sizes, *total);
                *total += u64::from(size);
                Some(size)
            })
            .collect();

        assert_eq!(sequence, [1, 1, 1, 1, 4, 4, 4, 16]);
    }
}
