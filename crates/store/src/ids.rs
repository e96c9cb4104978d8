//! The numbers of the log, each its own type.

use std::fmt;

/// Log sequence number: every record of a log has one, counting up from 1 without a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

impl Lsn {
    /// Before the first record.
    pub const ZERO: Lsn = Lsn(0);
    /// Not before any record.
    pub const MAX: Lsn = Lsn(u64::MAX);

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Lsn {
        Lsn(self.0.saturating_add(1))
    }

    /// The number before this one; zero has none and stays zero.
    #[must_use]
    pub const fn prev(self) -> Lsn {
        Lsn(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of one stream's life. Never reused, so it is the incarnation too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// Identity of one consumer's life, never reused within its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(pub u64);

/// Where a record lies: a segment and the offset of its first byte there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Segment number, never reused.
    pub segment: u32,
    /// Bytes from the start of the segment.
    pub offset: u32,
}

impl Position {
    /// One integer that orders like the position.
    pub const fn pack(self) -> u64 {
        u64_of(self.segment) << 32 | u64_of(self.offset)
    }

    /// The reverse of [`Position::pack`].
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the two halves")]
    pub const fn unpack(packed: u64) -> Position {
        Position { segment: (packed >> 32) as u32, offset: packed as u32 }
    }
}

#[expect(clippy::as_conversions, reason = "lossless; From is not const")]
const fn u64_of(value: u32) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_packing_and_orders_alike() {
        let low = Position { segment: 1, offset: u32::MAX };
        let high = Position { segment: 2, offset: 0 };

        assert_eq!(Position::unpack(low.pack()), low);
        assert!(low.pack() < high.pack());
        assert!(low < high);
    }
}
