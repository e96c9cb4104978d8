//! Reading records where they lie.

use std::sync::Arc;

use bytes::Bytes;
use tradewind_subject::int;

use crate::{
    disk::{DiskError, DiskFile},
    ids::Position,
    log::Log,
};

/// The answer to [`Log::read`].
#[derive(Debug)]
pub enum Read {
    /// The record, from memory.
    Cached(Bytes),
    /// The record has to be fetched.
    Job(ReadJob),
    /// The segment was given back.
    Gone,
}

/// Fetches one record. Run it where blocking is allowed; it may be run again.
#[derive(Clone, Debug)]
pub struct ReadJob {
    file: Arc<dyn DiskFile>,
    offset: u64,
    len: usize,
}

impl ReadJob {
    /// Reads the record's bytes. Blocks. Nothing is verified until they are decoded.
    ///
    /// # Errors
    ///
    /// Whatever the disk says.
    pub fn run(&self) -> Result<Bytes, DiskError> {
        self.file.read_at(self.offset, self.len)
    }
}

impl Log {
    /// A record, wherever it is by now; records not yet committed too.
    pub fn read(&self, at: Position, len: u32) -> Read {
        let len = int::usize_from_u32(len);
        if let (Some(open), Some(tail)) = (&self.open_frame, &self.tail)
            && tail.id == at.segment
            && open.start <= at.offset
        {
            let from = int::usize_from_u32(at.offset - open.start);
            // Copied, because the frame goes on growing.
            let found = self.buffer.get(from..from + len).map(Bytes::copy_from_slice);
            return found.map_or(Read::Gone, Read::Cached);
        }
        if let Some(found) = self.tail_frames.find(at, len) {
            return Read::Cached(found);
        }
        let Some(file) = self.segment(at.segment).and_then(|segment| segment.file.as_ref()) else {
            return Read::Gone;
        };
        let job = ReadJob { file: Arc::clone(file), offset: u64::from(at.offset), len };
        if self.files.manifest.is_some() {
            return Read::Job(job);
        }
        job.run().map_or(Read::Gone, Read::Cached)
    }
}
