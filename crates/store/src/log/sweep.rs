//! Giving back the oldest segments, and those that hardly anything lives in.
//!
//! A message lives in exactly one segment that the manifest names: the edit that takes the sources
//! out names their successor. What else stood in the sources must have been written again by then.

mod copy;
mod plan;
mod swap;

use std::sync::atomic::Ordering;

use tradewind_subject::int;

use crate::{
    files,
    ids::{Lsn, Position, StreamId},
    log::{
        Log,
        segment::{Segment, SegmentInfo},
        spans::Span,
    },
    manifest::Role,
};

pub use copy::{Copied, CopyDone, CopyJob, Kept, Moved, Target};
use plan::Limits;
pub use plan::{Sweep, SweepKind};
pub use swap::{RetireDone, RetireJob, SwapDone, SwapJob};

/// The log may have this part of the disk before messages are moved out of it.
const SHARE_OF_LOG: u64 = 8;

impl Log {
    /// All segments in the order of their records: the cold ones, then the log.
    pub fn segments(&self) -> impl Iterator<Item = SegmentInfo> {
        let mut cold: Vec<SegmentInfo> = self.cold.values().map(|it| it.info(true)).collect();
        cold.sort_unstable_by_key(|info| info.first);
        let sealed = self.sealed.values().map(|segment| segment.info(true));
        let tail = self.tail.iter().map(|segment| segment.info(false));
        cold.into_iter().chain(sealed).chain(tail)
    }

    /// Whose messages a segment holds.
    pub fn spans(&self, segment: u32) -> impl Iterator<Item = Span> {
        self.segment(segment).into_iter().flat_map(|segment| segment.spans.iter())
    }

    /// Whether a cold segment holds messages of this stream, dead or alive.
    pub fn is_in_cold(&self, stream: StreamId) -> bool {
        self.cold.values().flat_map(|it| it.spans.iter()).any(|span| span.stream == stream)
    }

    /// Bytes of all files of segments.
    pub fn file_bytes(&self) -> u64 {
        let all = self.cold.values().chain(self.sealed.values()).chain(&self.tail);
        all.map(|segment| u64::from(segment.capacity)).sum()
    }

    /// What may be swept next, the most urgent first; none while a sweep is under way.
    ///
    /// `keeps_damage` is whether somebody may still want to look at what was found damaged.
    pub fn plan_sweeps(&self, keeps_damage: bool) -> Vec<Sweep> {
        if self.sweeping
            || self.inspecting
            || self.poison.is_some()
            || self.files.manifest.is_none()
        {
            return Vec::new();
        }
        let is_ready = |info: &SegmentInfo| {
            info.role == Role::Cold || self.sealed_through.is_some_and(|through| info.id <= through)
        };
        let ready: Vec<SegmentInfo> =
            self.segments().filter(|info| info.sealed).take_while(is_ready).collect();
        let is_kept = |info: &SegmentInfo| info.is_unreadable || (keeps_damage && info.is_damaged);
        let options = &self.options;
        // On a small disk the log has a small part of it.
        let most = self.files.disk_bytes.load(Ordering::Relaxed) / SHARE_OF_LOG;
        let (low, high) = (options.log_bytes.start(), options.log_bytes.end());
        let log_bytes = (*low).min(most)..=(*high).min(most);
        let limits = Limits {
            log_bytes: &log_bytes,
            segment_bytes: options.segment_bytes[3],
            is_space_low: self.space_low(),
        };
        plan::plan(&ready, &limits, is_kept)
    }

    /// The message at this position is of no more use to anybody.
    ///
    /// In memory this frees the segment when it was the last one there.
    pub fn released(&mut self, at: Position, len: u32) {
        self.released_bytes(at.segment, u64::from(len));
    }

    /// Like [`Log::released`], for many messages of one segment at once.
    pub fn released_bytes(&mut self, segment: u32, bytes: u64) {
        let memory = self.files.manifest.is_none();
        let Some(found) = self.segment_mut(segment) else { return };
        debug_assert!(bytes <= found.live, "released once");
        found.live = found.live.saturating_sub(bytes);
        if memory && found.live == 0 {
            self.maybe_dead.push(segment);
            if !self.in_flight {
                self.free_dead();
            }
        }
    }

    /// A live message was found at the second position instead of the first.
    pub fn relocated(&mut self, from: Position, to: Position, len: u32) {
        self.released(from, len);
        if let Some(found) = self.segment_mut(to.segment) {
            found.live += u64::from(len);
        }
    }

    /// In memory, frees sealed segments without live messages; elsewhere that is the sweeper's.
    pub(crate) fn free_dead(&mut self) {
        if self.files.manifest.is_some() {
            return;
        }
        let durable = self.durable;
        let mut waiting = std::mem::take(&mut self.maybe_dead);
        waiting.retain(|id| {
            let Some(found) = self.sealed.get(id).filter(|found| found.live == 0) else {
                return false;
            };
            if found.file.is_none() || durable < found.last {
                return true;
            }
            self.bytes_total -= u64::from(found.capacity);
            self.sealed.remove(id);
            // The memory disk has the file under this name; it can't fail to forget it.
            _ = self.files.disk.remove(&files::segment_name(*id));
            false
        });
        self.maybe_dead = waiting;
    }

    /// The last record of the given segments.
    fn last_of(&self, segments: &[u32]) -> Lsn {
        let last = |id: &u32| self.segment(*id).map_or(Lsn::ZERO, |segment| segment.last);
        segments.iter().map(last).max().unwrap_or_default()
    }

    fn take_segment(&mut self, id: u32) -> Option<Segment> {
        let from_log = self.sealed.remove(&id);
        if let Some(segment) = &from_log {
            self.bytes_total -= u64::from(segment.capacity);
        }
        from_log.or_else(|| self.cold.remove(&id))
    }
}

/// Bytes as the sweeper adds them up.
fn bytes(len: u32) -> usize {
    int::usize_from_u32(len)
}
