//! Integer conversions that can't lose: the only place with `as`.

const _: () = assert!(usize::BITS == 64, "Tradewind runs on 64-bit targets");

/// A `usize` from a `u64`: lossless on the 64-bit targets we support.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "usize has 64 bits")]
pub const fn usize_from(value: u64) -> usize {
    value as usize
}

/// A `u64` from a `usize`: lossless.
#[expect(clippy::as_conversions, reason = "usize has 64 bits")]
pub const fn u64_from(value: usize) -> u64 {
    value as u64
}

/// A `usize` from a `u32`: lossless.
#[expect(clippy::as_conversions, reason = "usize has 64 bits")]
pub const fn usize_from_u32(value: u32) -> usize {
    value as usize
}

/// A `u32` from a `usize`, `u32::MAX` if it does not fit.
pub fn u32_saturating(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// An `i64` from a `u64`, `i64::MAX` if it does not fit.
pub fn i64_saturating(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
