//! Reading segments from start to end.

use std::sync::Arc;

use bytes::Bytes;
use tradewind_subject::int;

use crate::{
    disk::{DiskError, DiskFile},
    frame::{ALIGN, FRAME_MAGIC, Frame, HEAD, Header, Salt},
};

/// Read ahead by this much.
const WINDOW_BYTES: usize = 4 << 20;

/// A segment file, read through a window.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) name: String,
    pub(crate) segment: u32,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Bytes to look at.
    pub(crate) len: usize,
    salt: Salt,
    window: Bytes,
    window_at: usize,
}

impl Scan {
    pub(crate) fn new(
        name: String,
        segment: u32,
        file: Arc<dyn DiskFile>,
        salt: Salt,
    ) -> Result<Scan, DiskError> {
        let len = int::usize_from(file.size()?);
        Ok(Scan { name, segment, file, len, salt, window: Bytes::new(), window_at: 0 })
    }

    /// The bytes at a place, or fewer if they end there.
    pub(crate) fn bytes(&mut self, at: usize, len: usize) -> Result<Bytes, DiskError> {
        let end = (at + len).min(self.len);
        let Some(len) = end.checked_sub(at) else { return Ok(Bytes::new()) };
        let in_window = self.window_at <= at && end <= self.window_at + self.window.len();
        if !in_window {
            let ahead = len.max(WINDOW_BYTES).min(self.len - at);
            self.window = self.file.read_at(int::u64_from(at), ahead)?;
            self.window_at = at;
        }
        let from = at - self.window_at;
        Ok(self.window.slice(from..from + len))
    }

    /// The header of this segment at a place, if a valid one is there.
    pub(crate) fn header(&mut self, at: usize) -> Result<Option<Header>, DiskError> {
        let header = Header::decode(&self.bytes(at, HEAD)?, self.salt);
        Ok(header.filter(|header| header.segment == self.segment))
    }

    /// The frame at a place, if all of it is valid.
    pub(crate) fn frame(&mut self, at: usize) -> Result<Option<Frame>, DiskError> {
        let Some(header) = self.header(at)? else { return Ok(None) };
        let bytes = self.bytes(at, header.frame_len())?;
        Ok(Frame::check(header, bytes))
    }

    /// The next place from `at` on with a valid header.
    pub(crate) fn next_header(&mut self, at: usize) -> Result<Option<(usize, Header)>, DiskError> {
        let mut at = at.next_multiple_of(ALIGN);
        while at + HEAD <= self.len {
            let bytes = self.bytes(at, WINDOW_BYTES)?;
            for (index, chunk) in bytes.chunks(ALIGN).enumerate() {
                let found = at + index * ALIGN;
                if chunk.starts_with(&FRAME_MAGIC)
                    && let Some(header) = self.header(found)?
                {
                    return Ok(Some((found, header)));
                }
            }
            at += bytes.len().next_multiple_of(ALIGN);
        }
        Ok(None)
    }
}
