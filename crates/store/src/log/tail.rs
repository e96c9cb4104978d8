//! The frames written last, kept in memory for readers.

use std::collections::VecDeque;

use bytes::Bytes;
use tradewind_subject::int;

use crate::ids::{Lsn, Position};

#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// In the order of their positions.
    frames: VecDeque<TailFrame>,
    bytes: usize,
    pub(crate) budget: usize,
}

#[derive(Debug)]
struct TailFrame {
    start: Position,
    bytes: Bytes,
    last: Lsn,
}

impl Tail {
    pub(crate) fn new(budget: usize) -> Tail {
        Tail { budget, ..Tail::default() }
    }

    pub(crate) fn push(&mut self, start: Position, bytes: Bytes, last: Lsn) {
        self.bytes += bytes.len();
        self.frames.push_back(TailFrame { start, bytes, last });
    }

    /// The bytes at a position, if they are all here.
    pub(crate) fn find(&self, at: Position, len: usize) -> Option<Bytes> {
        let after = self.frames.partition_point(|frame| frame.start <= at);
        let frame = self.frames.get(after.checked_sub(1)?)?;
        if frame.start.segment != at.segment {
            return None;
        }
        let from = int::usize_from_u32(at.offset - frame.start.offset);
        (from + len <= frame.bytes.len()).then(|| frame.bytes.slice(from..from + len))
    }

    /// Lets go of the oldest frames above the budget, but only of those written to their file.
    pub(crate) fn trim(&mut self, written: Lsn) {
        while self.budget < self.bytes {
            match self.frames.pop_front_if(|frame| frame.last <= written) {
                Some(frame) => self.bytes -= frame.bytes.len(),
                None => return,
            }
        }
    }

    /// Lets go of the frames of a segment, if they are the oldest.
    pub(crate) fn drop_segment(&mut self, segment: u32) {
        while let Some(frame) = self.frames.pop_front_if(|frame| frame.start.segment == segment) {
            self.bytes -= frame.bytes.len();
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
