//! Sizes of a log.

use std::ops::RangeInclusive;

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Identity of the store if it is new; must be random. An existing store keeps its own.
    pub instance: [u8; 16],
    /// Sizes of segments, growing with the log.
    pub segment_bytes: [u32; 4],
    /// Memory for the frames written last.
    pub tail_bytes: usize,
    /// Files kept ready to become segments.
    pub spare_segments: usize,
    /// Space set aside for what must be written on a full disk, at most a sixteenth of it; and
    /// below which [`Log::space_low`](crate::Log::space_low) says so.
    pub reserve_bytes: u64,
    /// Bounds of what the log may hold before messages are moved out of it; in between it is an
    /// eighth of what lives.
    pub log_bytes: RangeInclusive<u64>,
}

impl LogOptions {
    /// The usual sizes: segments of 1 to 64 MiB, a tail of 64 MiB, a reserve of 16 MiB, a log of
    /// 256 MiB to 2 GiB.
    pub fn new(instance: [u8; 16]) -> LogOptions {
        LogOptions {
            instance,
            segment_bytes: [1 << 20, 4 << 20, 16 << 20, 64 << 20],
            tail_bytes: 64 << 20,
            spare_segments: 1,
            reserve_bytes: 16 << 20,
            log_bytes: (256 << 20)..=(2 << 30),
        }
    }

    pub(crate) fn in_memory() -> LogOptions {
        LogOptions {
            segment_bytes: [256 << 10; 4],
            tail_bytes: 0,
            spare_segments: 0,
            reserve_bytes: 0,
            ..LogOptions::new([0; 16])
        }
    }
}
