//! The tail of an earlier life is written anew: what the page cache shows of it may not be on the
//! disk.

use bytes::BytesMut;
use tradewind_subject::int;

use super::{OpenError, walk::Piece};
use crate::{
    disk::Trouble,
    files,
    ids::Position,
    log::{
        Log,
        append::FRAME_BYTES_MAX,
        segment::{self, Segment},
    },
    manifest::Entry,
    mark::{self, Mark},
    mutant::{self, Mutant},
};

impl Log {
    /// Writes what was found of the old tail into a new segment, at the same offsets, and syncs.
    pub(super) fn copy_tail(
        &mut self,
        mut tail: Segment,
        pieces: &[Piece],
    ) -> Result<Option<Segment>, OpenError> {
        if pieces.is_empty() {
            mark::hit(Mark::TailEmpty);
            return Ok(None);
        }
        mark::hit(Mark::TailCopied);
        let (salt, epoch) = (self.files.salt, self.files.epoch);
        let head = self.files.layout.segment_head;
        let least = tail.end;
        let sizes = &self.options.segment_bytes;
        tail.capacity = segment::next_capacity(sizes, self.bytes_total).max(least);
        (tail.end, tail.content) = (head, 0);
        let file = match self.files.start_segment(tail.id, tail.capacity, tail.first) {
            Err(Trouble::Shortage(_)) => {
                // On a full disk, no more room than it needs.
                tail.capacity = least;
                self.files.start_segment(tail.id, tail.capacity, tail.first)?
            }
            started => started?,
        };
        let mut batch = BytesMut::new();
        let mut cached = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let from = batch.len();
            match piece {
                Piece::Frame(frame) => {
                    let trailer = frame.copy_into(&mut batch, epoch, tail.id, salt);
                    cached.push((tail.end, from, batch.len(), frame.last));
                    let len = int::u32_saturating(frame.bytes.len());
                    tail.add_frame(len, trailer, frame.last);
                }
                Piece::Raw(bytes) => {
                    batch.extend_from_slice(bytes);
                    tail.end += int::u32_saturating(bytes.len());
                }
            }
            if FRAME_BYTES_MAX <= batch.len() || index + 1 == pieces.len() {
                let bytes = batch.split().freeze();
                let at = tail.end - int::u32_saturating(bytes.len());
                file.write_at(u64::from(at), &bytes)?;
                for (offset, from, to, last) in cached.drain(..) {
                    let start = Position { segment: tail.id, offset };
                    self.tail_frames.push(start, bytes.slice(from..to), last);
                }
                self.tail_frames.trim(tail.last);
            }
        }
        if !mutant::enabled(Mutant::CopyNotSynced) {
            file.sync()?;
        }
        tail.file = Some(file);
        self.next_segment += 1;
        self.bytes_total += u64::from(tail.capacity);
        Ok(Some(tail))
    }

    /// Mutant: goes on in the file of an earlier life.
    pub(super) fn keep_tail(
        &mut self,
        entry: Entry,
        mut tail: Segment,
        pieces: &[Piece],
    ) -> Result<Option<Segment>, OpenError> {
        (tail.end, tail.content) = (self.files.layout.segment_head, 0);
        for piece in pieces {
            match piece {
                Piece::Frame(frame) => {
                    let len = int::u32_saturating(frame.bytes.len());
                    tail.add_frame(len, frame.trailer, frame.last);
                }
                Piece::Raw(bytes) => tail.end += int::u32_saturating(bytes.len()),
            }
        }
        tail.file = Some(self.files.disk.open(&files::segment_name(entry.segment))?);
        self.bytes_total += u64::from(entry.capacity);
        Ok(Some(tail))
    }
}
