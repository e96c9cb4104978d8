//! Reading one segment, undamaged or not.

use std::sync::Arc;

use bytes::Bytes;
use tradewind_subject::int;

use super::{Corruption, Cut, Found, OpenError, Recovery, Replayed, corrupt};
use crate::{
    disk::DiskError,
    files,
    frame::{Frame, Header, Layout, is_segment_head},
    ids::{Lsn, Position},
    log::{
        scan::Scan,
        segment::Segment,
        sidecar::{Identity, Sidecar},
    },
    manifest::{Entry, Role, SLOTS, Seal},
    mark::{self, Mark},
    mutant::{self, Mutant},
    record::{
        Record,
        codec::{Body, Decoded},
    },
};

/// A part of the old tail, as it goes into the new one.
#[derive(Debug)]
pub(super) enum Piece {
    Frame(Frame),
    /// Damage, kept as it is found: some of it could be read.
    Raw(Bytes),
}

/// Where a segment is read, and what it turns out to have.
pub(super) struct Walk {
    pub(super) scan: Scan,
    pub(super) role: Role,
    /// The segment that positions are in.
    pub(super) segment: Segment,
    /// Of the tail: what goes into its copy.
    pieces: Vec<Piece>,
    is_tail: bool,
    /// Of the tail: its end is damaged, or not there.
    is_open: bool,
}

/// Where the first frame of a segment starts.
const HEAD_BYTES: u32 = Layout::DISK.segment_head;

impl Recovery<'_> {
    /// Replays a sealed segment, from its sidecar if there is one. Everything in it was synced, so
    /// anything wrong is damage.
    pub(super) fn read_sealed(&mut self, entry: Entry, seal: Seal) -> Result<Segment, OpenError> {
        if entry.role == Role::Log {
            self.expect(&entry);
        }
        let log_next = self.next;
        let mut segment = Segment::new(entry.segment, entry.capacity, entry.first, HEAD_BYTES);
        segment.role = entry.role;
        let n_damages = self.damage.len();
        match self.scan(&entry, seal.len)? {
            None => {
                segment.is_damaged = true;
                if entry.role == Role::Log {
                    self.gap(self.next, seal.last);
                }
            }
            Some((scan, is_whole)) => {
                let file = Arc::clone(&scan.file);
                let identity = Identity { segment: entry.segment, first: entry.first, seal };
                if !is_whole || !self.replay_sidecar(&identity, &mut segment)? {
                    segment = self.walk_sealed(scan, segment, seal, n_damages)?;
                }
                segment.file = Some(file);
            }
        }
        self.next = if entry.role == Role::Log { seal.last.next() } else { log_next };
        (segment.end, segment.content, segment.last) = (seal.len, seal.content, seal.last);
        segment.spans.close();
        Ok(segment)
    }

    fn walk_sealed(
        &mut self,
        scan: Scan,
        segment: Segment,
        seal: Seal,
        n_damages: usize,
    ) -> Result<Segment, OpenError> {
        let role = segment.role;
        if role == Role::Cold {
            mark::hit(Mark::ColdRead);
            self.next = segment.first;
        } else {
            mark::hit(Mark::SealedRead);
        }
        let walk = self.walk(Walk {
            scan,
            role,
            segment,
            pieces: Vec::new(),
            is_tail: false,
            is_open: false,
        })?;
        let mut segment = walk.segment;
        segment.is_damaged = n_damages < self.damage.len();
        if !segment.is_damaged && segment.seal() != seal {
            // Each record is valid, and all together they are not what was written.
            let what = "a segment is not what was sealed";
            return Err(corrupt(&walk.scan.name, 0, segment.first, what));
        }
        if role == Role::Log && segment.is_damaged {
            self.gap(self.next, seal.last);
        }
        Ok(segment)
    }

    /// Replays the segment that was being written, as the segment that its copy will be.
    ///
    /// Its frames end where one is torn, unless something on the disk says that this was synced.
    pub(super) fn read_tail(
        &mut self,
        entry: Entry,
        copy: u32,
    ) -> Result<(Vec<Piece>, Segment), OpenError> {
        self.expect(&entry);
        let mut segment = Segment::new(copy, entry.capacity, entry.first, HEAD_BYTES);
        let n_damages = self.damage.len();
        let Some((scan, is_whole)) = self.scan(&entry, entry.capacity)? else {
            self.lose_end();
            segment.is_damaged = true;
            return Ok((Vec::new(), segment));
        };
        let is_short = scan.len < int::usize_from_u32(entry.capacity);
        let (role, pieces) = (entry.role, Vec::new());
        let walk = Walk { scan, role, segment, pieces, is_tail: true, is_open: is_short };
        let mut walk = self.walk(walk)?;
        walk.segment.is_damaged = n_damages < self.damage.len();
        // Without head and frames it is the content of another file.
        walk.is_open |= !is_whole && walk.segment.end == HEAD_BYTES;
        if walk.is_open {
            self.lose_end();
        }
        Ok((walk.pieces, walk.segment))
    }

    /// Nobody knows how much there was behind what is left of the log.
    fn lose_end(&mut self) {
        let to = self.next.max(self.durable);
        self.gap(self.next, to);
        self.next = to.next();
    }

    /// The log goes on here; what lies between is lost.
    fn expect(&mut self, entry: &Entry) {
        if self.next < entry.first {
            let name = files::segment_name(entry.segment);
            self.harm(name, 0, self.next, "records are missing before a segment");
            self.gap(self.next, entry.first.prev());
            self.next = entry.first;
        }
    }

    /// Opens a segment's file, and says whether it looks whole; `None` if it is not there. What is
    /// wrong is noted.
    fn scan(&mut self, entry: &Entry, len: u32) -> Result<Option<(Scan, bool)>, OpenError> {
        let name = files::segment_name(entry.segment);
        let file = match self.disk.open(&name) {
            Err(DiskError::NotFound { .. }) => {
                mark::hit(Mark::MissingSegment);
                self.harm(name, 0, entry.first, "a segment is missing");
                return Ok(None);
            }
            opened => opened?,
        };
        let mut scan = Scan::new(name, entry.segment, file, self.salt)?;
        let least = int::usize_from_u32(len);
        let name = scan.name.clone();
        let is_long = least <= scan.len;
        let has_head = is_segment_head(&scan.bytes(0, 64)?, self.salt, entry.segment);
        if !is_long {
            mark::hit(Mark::TruncatedSegment);
            self.harm(name, int::u64_from(scan.len), entry.first, "a segment is truncated");
        } else if !has_head {
            mark::hit(Mark::DamagedHead);
            self.harm(name, 0, entry.first, "the head of a segment is damaged");
        }
        scan.len = scan.len.min(least);
        Ok(Some((scan, is_long && has_head)))
    }

    /// Replays a segment from its sidecar; false, with nothing replayed, if there is no good one.
    fn replay_sidecar(
        &mut self,
        identity: &Identity,
        segment: &mut Segment,
    ) -> Result<bool, OpenError> {
        if !self.sidecars.contains(&identity.segment) {
            return Ok(false);
        }
        let name = files::sidecar_name(identity.segment);
        let file = self.disk.open(&name)?;
        let bytes = file.read_at(0, int::usize_from(file.size()?))?;
        let Some(mut sidecar) = Sidecar::open(&bytes, self.salt, identity) else {
            mark::hit(Mark::SidecarBad);
            return Ok(false);
        };
        while !sidecar.is_over() {
            let what = "a sidecar makes no sense: remove it, it will be made anew";
            let entry = sidecar.entry().ok_or_else(|| corrupt(&name, 0, identity.first, what))?;
            let position = Position { segment: segment.id, offset: entry.place.offset };
            let len = entry.place.len;
            self.record(segment, (position, len), &entry.decoded, entry.payload_len)?;
        }
        mark::hit(Mark::SidecarRead);
        segment.has_sidecar = true;
        self.n_sidecars += 1;
        Ok(true)
    }

    /// Replays frame after frame, and what can be read of damaged ones.
    fn walk(&mut self, mut walk: Walk) -> Result<Walk, OpenError> {
        while int::usize_from_u32(walk.segment.end) < walk.scan.len {
            let at = int::usize_from_u32(walk.segment.end);
            if let Some(frame) = walk.scan.frame(at)?.filter(|frame| self.fits(&walk, frame)) {
                self.take_frame(&mut walk, frame)?;
                continue;
            }
            if walk.is_tail && !self.was_synced(&mut walk.scan, at)? {
                break;
            }
            mark::hit(if walk.is_tail { Mark::DamagedTail } else { Mark::DamagedSealed });
            let later = self.next_frame(&mut walk, at)?;
            let end = later.as_ref().map_or(walk.scan.len, |(found, _)| *found);
            let to = later.as_ref().map_or(Lsn(u64::MAX), |(_, frame)| frame.header.first);
            let name = walk.scan.name.clone();
            self.harm(name, int::u64_from(at), self.next, "a frame is damaged");
            let saved = self.salvage(&mut walk, (at, end), to)?;
            let Some((_, frame)) = later else {
                if walk.is_tail {
                    walk.is_open = true;
                    // Beyond the last record there is nothing to keep.
                    let kept = walk.scan.bytes(at, saved.next_multiple_of(8) - at)?;
                    walk.segment.end += int::u32_saturating(kept.len());
                    walk.pieces.push(Piece::Raw(kept));
                }
                break;
            };
            if walk.role == Role::Log {
                self.gap(self.next, to.prev());
                self.next = to;
            }
            if walk.is_tail {
                walk.pieces.push(Piece::Raw(walk.scan.bytes(at, end - at)?));
            }
            walk.segment.end = int::u32_saturating(end);
            self.take_frame(&mut walk, frame)?;
        }
        Ok(walk)
    }

    fn take_frame(&mut self, walk: &mut Walk, frame: Frame) -> Result<(), OpenError> {
        let segment = walk.segment.id;
        for (offset, len, decoded) in frame.records() {
            let offset = walk.segment.end + int::u32_saturating(offset);
            let place = (Position { segment, offset }, int::u32_saturating(len));
            let payload_len = payload_len(&decoded);
            self.record(&mut walk.segment, place, &decoded, payload_len)?;
        }
        walk.segment.add_frame(int::u32_saturating(frame.bytes.len()), frame.trailer, frame.last);
        if walk.is_tail {
            walk.pieces.push(Piece::Frame(frame));
        }
        Ok(())
    }

    /// Whether a valid frame is one of those that may come next.
    fn fits(&self, walk: &Walk, frame: &Frame) -> bool {
        let Header { first, sparse, epoch, .. } = frame.header;
        epoch <= self.epoch
            && match walk.role {
                Role::Log => !sparse && first == self.next,
                Role::Cold => self.next <= first,
            }
    }

    /// Whether something says that what should be at this place of the tail was synced once.
    fn was_synced(&mut self, scan: &mut Scan, at: usize) -> Result<bool, OpenError> {
        let mut cut = None;
        let mut from = at;
        while let Some((found, header)) = scan.next_header(from)? {
            if self.epoch < header.epoch {
                let what = "the manifest is older than a segment";
                return Err(corrupt(SLOTS[0], 0, header.first, what));
            }
            self.durable = self.durable.max(header.watermark);
            let file = scan.name.clone();
            cut = Some(Cut { file, offset: int::u64_from(at), lsn: self.next });
            from = found + 1;
        }
        if self.next <= self.durable && !mutant::enabled(Mutant::CutAtFirstBad) {
            return Ok(true);
        }
        if cut.is_some() {
            mark::hit(Mark::TornEnd);
        }
        self.cut = cut;
        Ok(false)
    }

    /// The first whole frame behind a damaged place.
    fn next_frame(
        &mut self,
        walk: &mut Walk,
        at: usize,
    ) -> Result<Option<(usize, Frame)>, OpenError> {
        let mut from = at + 1;
        while let Some((found, header)) = walk.scan.next_header(from)? {
            from = found + 1;
            if self.next <= header.first
                && header.epoch <= self.epoch
                && let Some(frame) = walk.scan.frame(found)?
            {
                return Ok(Some((found, frame)));
            }
        }
        Ok(None)
    }

    /// Tells the owner about a record.
    pub(super) fn record(
        &mut self,
        segment: &mut Segment,
        (position, len): (Position, u32),
        decoded: &Decoded<'_>,
        payload_len: usize,
    ) -> Result<(), OpenError> {
        let is_cold = segment.role == Role::Cold;
        self.next = decoded.lsn.next();
        if !is_cold {
            self.link(decoded)?;
        }
        let Body::Record(record) = decoded.body else {
            mark::hit(Mark::ReplayIdle);
            return Ok(());
        };
        mark::hit(Mark::of_replayed(&record));
        if let Record::Publish { stream, seq, .. } = record {
            segment.live += u64::from(len);
            segment.spans.add(stream, seq);
        } else if is_cold {
            return Ok(());
        }
        if !is_cold {
            self.last_fact = decoded.lsn;
        }
        self.n_records += 1;
        let lsn = decoded.lsn;
        (self.replay)(Found::Record(Replayed {
            lsn,
            position,
            len,
            record,
            payload_len,
            is_cold,
        }))?;
        Ok(())
    }

    /// Notes damage.
    pub(super) fn harm(&mut self, file: String, offset: u64, lsn: Lsn, what: &'static str) {
        let streams = Vec::new();
        self.damage.push(Corruption { file, offset, lsn, what, streams });
    }
}

impl Walk {
    pub(super) fn is_cold(&self) -> bool {
        self.role == Role::Cold
    }
}

pub(super) fn payload_len(decoded: &Decoded<'_>) -> usize {
    match decoded.body {
        Body::Record(Record::Publish { payload, .. }) => payload.len(),
        _ => 0,
    }
}
