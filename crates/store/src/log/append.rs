//! From records to frames, in memory.

use std::{collections::VecDeque, sync::atomic::Ordering};

use bytes::BytesMut;
use tradewind_subject::int;

use crate::{
    frame::{self, Header},
    ids::{Lsn, Position},
    log::{
        Log, Poisoned,
        commit::Step,
        segment::{self, Segment},
    },
    record::{Record, codec},
};

/// A group of records that goes to the disk as one; a longer record goes alone.
pub(crate) const FRAME_BYTES_MAX: usize = 1 << 20;
/// The first buffer; each one that is used up is followed by one of twice the size, up to
/// [`FRAME_BYTES_MAX`].
pub(crate) const CHUNK_BYTES_MIN: usize = 64 << 10;

/// Whether somebody waits for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Somebody does: it is worth a commit.
    Eager,
    /// Nobody does: it rides along with the next one.
    Lazy,
}

/// Where an appended record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its number.
    pub lsn: Lsn,
    /// Where it lies, for [`Log::read`].
    pub position: Position,
    /// Its length there.
    pub len: u32,
}

/// Why a record was not appended. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// It is longer than [`RECORD_BYTES_MAX`](crate::RECORD_BYTES_MAX).
    #[error("record of {bytes} bytes is too long")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The log takes nothing any more.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

/// The frame that records are being added to.
#[derive(Debug)]
pub(crate) struct OpenFrame {
    /// Offset in the tail segment.
    pub(crate) start: u32,
    pub(crate) first: Lsn,
    pub(crate) count: u32,
    pub(crate) records_crc: u32,
    /// The most bytes it can have.
    pub(crate) limit: usize,
}

/// What the next commit takes along.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) steps: VecDeque<Step>,
    /// Bytes in the steps.
    pub(crate) bytes: usize,
    pub(crate) eager: bool,
    pub(crate) lazy: bool,
}

impl Queue {
    pub(crate) fn take(&mut self) -> VecDeque<Step> {
        std::mem::take(self).steps
    }
}

impl Log {
    /// Adds a record. Touches memory only; allocates a buffer now and then, nothing per record.
    ///
    /// # Errors
    ///
    /// If it is too long, or the log is poisoned.
    pub fn append(&mut self, wish: Wish, record: &Record<'_>) -> Result<Appended, AppendError> {
        let len = self.check(codec::encoded_len(record))?;
        self.make_room(len);
        let lsn = self.next;
        let gone = matches!(record, Record::StreamGone { .. });
        let on_disk = self.files.manifest.is_some();
        let prev = self.chains.advance(record.stream(), lsn, gone);
        let offset = self.buffer.len();
        let crc = codec::encode(record, lsn, prev, &mut self.buffer);
        self.last_fact = lsn;
        match wish {
            Wish::Eager => self.queue.eager = true,
            Wish::Lazy => self.queue.lazy = true,
        }
        let appended = self.added(offset, len, crc);
        if let Record::Publish { stream, seq, .. } = *record
            && let Some(tail) = &mut self.tail
        {
            tail.live += u64::from(appended.len);
            if on_disk {
                tail.spans.add(stream, seq);
            }
        }
        Ok(appended)
    }

    /// Whether it is time for an idle marker, if nothing was written for 100 ms or at a clean
    /// shutdown: something durable is not yet known to be by anything on the disk.
    pub fn idle_marker_due(&self) -> bool {
        let quiet = !self.in_flight && self.stalled.is_none() && self.pending_bytes() == 0;
        let writable = self.files.manifest.is_some() && self.poison.is_none();
        writable && quiet && self.witnessed < self.last_fact && self.last_fact <= self.synced
    }

    /// Adds an idle marker; commit it with [`Durability::Sync`](crate::Durability::Sync).
    ///
    /// # Errors
    ///
    /// If the log is poisoned.
    pub fn append_idle(&mut self) -> Result<Lsn, AppendError> {
        let rolls = self.n_rolls;
        let len = codec::idle_len(self.chains.touched().len());
        self.check(len)?;
        self.make_room(len);
        if self.n_rolls == rolls {
            self.add_marker();
        }
        self.queue.lazy = true;
        Ok(self.appended())
    }

    /// Adds an idle marker to the open frame, which has room for it.
    fn add_marker(&mut self) {
        let (lsn, prev) = (self.next, self.chains.marker());
        let offset = self.buffer.len();
        let heads = self.chains.touched();
        let len = codec::idle_len(heads.len());
        let crc = codec::encode_idle(heads, self.synced, (lsn, prev), &mut self.buffer);
        self.chains.start_round(lsn);
        self.added(offset, len, crc);
    }

    fn check(&self, len: usize) -> Result<usize, AppendError> {
        match &self.poison {
            Some(poison) => Err(poison.clone().into()),
            None if codec::RECORD_BYTES_MAX < len => Err(AppendError::TooLong { bytes: len }),
            None => Ok(len),
        }
    }

    /// Accounts for the record just encoded at `offset` of the open frame.
    fn added(&mut self, offset: usize, len: usize, crc: u32) -> Appended {
        let lsn = self.next;
        self.next = lsn.next();
        self.appended_bytes += int::u64_from(len);
        let mut start = 0;
        if let Some(frame) = &mut self.open_frame {
            frame.count += 1;
            frame.records_crc = frame::add_sum(frame.records_crc, crc);
            start = frame.start;
        }
        let segment = self.tail.as_ref().map_or(0, |tail| tail.id);
        let position = Position { segment, offset: start + int::u32_saturating(offset) };
        Appended { lsn, position, len: int::u32_saturating(len) }
    }

    /// Makes sure that a frame is open with room for a record of `len` bytes.
    ///
    /// A new segment starts with an idle marker, so that whoever finds the one before damaged knows
    /// whose records were there.
    fn make_room(&mut self, len: usize) {
        let layout = self.files.layout;
        let needed = len + layout.frame_tail;
        if let Some(frame) = &self.open_frame
            && self.buffer.len() + needed <= frame.limit
        {
            return;
        }
        self.close_frame();
        let needed = layout.frame_head + needed;
        let left = |tail: &Segment| int::usize_from_u32(tail.capacity - tail.end);
        if self.tail.as_ref().is_none_or(|tail| left(tail) < needed) {
            let is_marked = self.files.manifest.is_some() && Lsn::ZERO < self.last_fact;
            let marker = if is_marked { codec::idle_len(self.chains.touched().len()) } else { 0 };
            self.roll(needed + marker);
            self.open_frame(needed + marker);
            if is_marked {
                self.add_marker();
            }
        } else {
            self.open_frame(needed);
        }
    }

    /// Opens a frame in the tail, which has room for the `needed` bytes of all of it.
    fn open_frame(&mut self, needed: usize) {
        let head = self.files.layout.frame_head;
        let left = |tail: &Segment| int::usize_from_u32(tail.capacity - tail.end);
        let (start, left) = self.tail.as_ref().map_or((0, 0), |tail| (tail.end, left(tail)));
        if self.buffer.capacity() < needed {
            // Not beyond the segment: in memory, the two are freed together.
            let capacity = self.chunk_bytes.min(left).max(needed);
            self.buffer = BytesMut::with_capacity(capacity);
            self.chunk_bytes = (self.chunk_bytes * 2).min(FRAME_BYTES_MAX);
        }
        self.buffer.resize(head, 0);
        let limit = FRAME_BYTES_MAX.max(needed).min(left).min(self.buffer.capacity());
        self.open_frame =
            Some(OpenFrame { start, first: self.next, count: 0, records_crc: 0, limit });
    }

    /// Ends the open frame, if there is one, and puts it in the queue.
    pub(crate) fn close_frame(&mut self) {
        let (Some(open), Some(tail)) = (self.open_frame.take(), &mut self.tail) else { return };
        let mut sum = 0;
        if self.files.layout.frame_head != 0 {
            let header = Header {
                copied: false,
                sparse: false,
                epoch: self.files.epoch,
                segment: tail.id,
                count: open.count,
                first: open.first,
                watermark: self.synced,
                len: int::u32_saturating(self.buffer.len() - frame::HEAD),
            };
            let head = header.encode(self.files.salt);
            sum = frame::trailer(open.records_crc, &head);
            self.buffer[..frame::HEAD].copy_from_slice(&head);
            self.buffer.extend_from_slice(&sum.to_le_bytes());
            let padded = self.buffer.len().next_multiple_of(frame::ALIGN);
            self.buffer.resize(padded, 0);
        }
        let bytes = self.buffer.split().freeze();
        let last = self.next.prev();
        let start = Position { segment: tail.id, offset: open.start };
        tail.add_frame(int::u32_saturating(bytes.len()), sum, last);
        self.tail_frames.push(start, bytes.clone(), last);
        self.queue.bytes += bytes.len();
        let watermark = self.synced;
        self.queue.steps.push_back(Step::Write { offset: open.start, bytes, last, watermark });
    }

    /// Starts a new segment with room for a frame of `needed` bytes.
    fn roll(&mut self, needed: usize) {
        let head = self.files.layout.segment_head;
        self.n_rolls += 1;
        let sealed = self.tail.take().map(|mut tail| {
            let sealed = (tail.id, tail.seal());
            tail.spans.close();
            self.maybe_dead.push(tail.id);
            self.sealed.insert(tail.id, tail);
            sealed
        });
        if self.files.manifest.is_some() {
            self.maybe_dead.clear();
        }
        let sizes = &self.options.segment_bytes;
        let least = int::u32_saturating(needed) + head;
        let roomy = self.files.roomy.load(Ordering::Relaxed);
        let largest = if self.space_low() { sizes[0] } else { roomy };
        let next_capacity = |total| segment::next_capacity(sizes, total).min(largest);
        let capacity = next_capacity(self.bytes_total).max(least);
        self.bytes_total += u64::from(capacity);
        let tail = Segment::new(self.next_segment, capacity, self.next, head);
        self.next_segment += 1;
        self.files.pool.lock().capacity = next_capacity(self.bytes_total);
        self.queue.steps.push_back(Step::Roll { sealed, next: tail.entry() });
        self.tail = Some(tail);
        if self.files.manifest.is_some() {
            self.reserve_bytes = self.wanted_reserve();
        }
    }
}
