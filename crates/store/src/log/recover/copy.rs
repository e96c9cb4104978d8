//! The tail of an earlier life is written anew: what the page cache shows of it may not be on the
//! disk.

use bytes::BytesMut;
use tradewind_subject::int;

use super::OpenError;
use crate::{
    files,
    frame::Frame,
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
    /// Writes the frames of the old tail into a new segment, at the same offsets, and syncs.
    pub(super) fn copy_tail(
        &mut self,
        frames: &[(Frame, u64)],
    ) -> Result<Option<Segment>, OpenError> {
        let Some((first, _)) = frames.first() else {
            mark::hit(Mark::TailEmpty);
            return Ok(None);
        };
        mark::hit(Mark::TailCopied);
        let (salt, epoch) = (self.files.salt, self.files.epoch);
        let head = self.files.layout.segment_head;
        let bytes: usize = frames.iter().map(|(frame, _)| frame.bytes.len()).sum();
        let least = head + int::u32_saturating(bytes);
        let sizes = &self.options.segment_bytes;
        let capacity = segment::next_capacity(sizes, self.bytes_total).max(least);
        let mut tail = Segment::new(self.next_segment, capacity, first.header.first, head);
        let file = self.files.start_segment(tail.id, capacity, tail.first)?;
        let mut batch = BytesMut::new();
        let mut cached = Vec::new();
        for (index, (frame, live)) in frames.iter().enumerate() {
            let from = batch.len();
            let trailer = frame.copy_into(&mut batch, epoch, tail.id, salt);
            cached.push((tail.end, from, batch.len(), frame.last()));
            tail.add_frame(int::u32_saturating(frame.bytes.len()), trailer, frame.last());
            tail.live += live;
            if FRAME_BYTES_MAX <= batch.len() || index + 1 == frames.len() {
                let bytes = batch.split().freeze();
                let at = tail.end - int::u32_saturating(bytes.len());
                file.write_at(u64::from(at), &bytes)?;
                for (offset, from, to, last) in cached.drain(..) {
                    let start = Position { segment: tail.id, offset };
                    self.tail_frames.push(start, bytes.slice(from..to), last);
                }
                self.tail_frames.trim(frame.last());
            }
        }
        if !mutant::enabled(Mutant::CopyNotSynced) {
            file.sync()?;
        }
        tail.file = Some(file);
        self.next_segment += 1;
        self.bytes_total += u64::from(capacity);
        Ok(Some(tail))
    }

    /// Mutant: goes on in the file of an earlier life.
    pub(super) fn keep_tail(
        &mut self,
        entry: Entry,
        frames: &[(Frame, u64)],
    ) -> Result<Option<Segment>, OpenError> {
        let head = self.files.layout.segment_head;
        let mut tail = Segment::new(entry.segment, entry.capacity, entry.first, head);
        for (frame, live) in frames {
            let len = int::u32_saturating(frame.bytes.len());
            tail.add_frame(len, frame.trailer, frame.last());
            tail.live += live;
        }
        tail.file = Some(self.files.disk.open(&files::segment_name(entry.segment))?);
        self.bytes_total += u64::from(entry.capacity);
        Ok(Some(tail))
    }
}
