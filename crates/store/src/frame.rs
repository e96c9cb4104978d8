//! The envelope of a commit group, and the head of a segment: see `FORMAT.md`.

use bytes::{Bytes, BytesMut};
use tradewind_subject::int;

use crate::{
    ids::Lsn,
    record::codec::{self, Decoded},
};

/// Version of everything in a segment.
pub(crate) const FORMAT: u16 = 1;

/// Where frames and records start: on disk with envelopes, in memory without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Bytes of a segment before its first frame.
    pub(crate) segment_head: u32,
    /// Bytes of a frame before its records.
    pub(crate) frame_head: usize,
    /// Bytes of a frame after its records, with the most there can be of padding.
    pub(crate) frame_tail: usize,
}

impl Layout {
    pub(crate) const DISK: Layout =
        Layout { segment_head: 64, frame_head: HEAD, frame_tail: CRC + ALIGN - 1 };
    /// Nothing is ever recovered from memory.
    pub(crate) const MEMORY: Layout = Layout { segment_head: 0, frame_head: 0, frame_tail: 0 };
}

/// Bytes of a frame header.
pub(crate) const HEAD: usize = 48;
/// Bytes of the sum after the records.
pub(crate) const CRC: usize = 4;
/// Frames start at multiples of this, so that a scan for them is quick.
pub(crate) const ALIGN: usize = 8;

/// A frame starts with this.
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"TWF1";
const SEGMENT_MAGIC: [u8; 8] = *b"TWSEG\0\0\0";
/// The frame was copied from another segment: it proves nothing about the manifest.
const COPIED: u16 = 1;
/// Records are missing between those of the frame: it was moved to a cold segment.
const SPARSE: u16 = 2;

/// The identity that all sums of headers start from, so that nobody's payload can pass for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Salt(u32);

impl Salt {
    pub(crate) fn new(instance: [u8; 16]) -> Salt {
        Salt(crc32c::crc32c(&instance))
    }

    pub(crate) fn sum(self, bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(self.0, bytes)
    }
}

/// What a frame says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) copied: bool,
    /// LSNs rise, but not by one.
    pub(crate) sparse: bool,
    pub(crate) epoch: u64,
    pub(crate) segment: u32,
    pub(crate) count: u32,
    pub(crate) first: Lsn,
    /// The highest LSN that was synced when the frame was closed.
    pub(crate) watermark: Lsn,
    /// Bytes of records.
    pub(crate) len: u32,
}

impl Header {
    /// The header's bytes, which end in their sum.
    pub(crate) fn encode(&self, salt: Salt) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        out[..4].copy_from_slice(&FRAME_MAGIC);
        out[4..6].copy_from_slice(&FORMAT.to_le_bytes());
        let flags = u16::from(self.copied) * COPIED + u16::from(self.sparse) * SPARSE;
        out[6..8].copy_from_slice(&flags.to_le_bytes());
        out[8..16].copy_from_slice(&self.epoch.to_le_bytes());
        out[16..20].copy_from_slice(&self.segment.to_le_bytes());
        out[20..24].copy_from_slice(&self.count.to_le_bytes());
        out[24..32].copy_from_slice(&self.first.0.to_le_bytes());
        out[32..40].copy_from_slice(&self.watermark.0.to_le_bytes());
        out[40..44].copy_from_slice(&self.len.to_le_bytes());
        let crc = salt.sum(&out[..44]);
        out[44..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// The header at the start of `bytes`, if there is a valid one.
    pub(crate) fn decode(bytes: &[u8], salt: Salt) -> Option<Header> {
        let bytes: &[u8; HEAD] = bytes.first_chunk()?;
        if bytes[..4] != FRAME_MAGIC || bytes[4..6] != FORMAT.to_le_bytes() {
            return None;
        }
        let u32_at = |at: usize| bytes[at..].first_chunk().map(|b| u32::from_le_bytes(*b));
        let u64_at = |at: usize| bytes[at..].first_chunk().map(|b| u64::from_le_bytes(*b));
        if u32_at(44)? != salt.sum(&bytes[..44]) {
            return None;
        }
        let flags = bytes[6..8].first_chunk().map(|b| u16::from_le_bytes(*b))?;
        Some(Header {
            copied: flags & COPIED != 0,
            sparse: flags & SPARSE != 0,
            epoch: u64_at(8)?,
            segment: u32_at(16)?,
            count: u32_at(20)?,
            first: Lsn(u64_at(24)?),
            watermark: Lsn(u64_at(32)?),
            len: u32_at(40)?,
        })
    }

    /// Bytes of the whole frame, padding included.
    pub(crate) fn frame_len(&self) -> usize {
        (HEAD + int::usize_from_u32(self.len) + CRC).next_multiple_of(ALIGN)
    }
}

/// The sum that ends a frame: over the sums of its records, then the sum of its header.
///
/// A sum over records that end in their own sums would not depend on their content.
pub(crate) fn trailer(records_crc: u32, header: &[u8; HEAD]) -> u32 {
    crc32c::crc32c_append(records_crc, &header[44..])
}

/// Takes one more sum into a sum of sums.
pub(crate) fn add_sum(total: u32, part: u32) -> u32 {
    crc32c::crc32c_append(total, &part.to_le_bytes())
}

/// A frame that was checked in full.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) header: Header,
    /// With header, sum and padding.
    pub(crate) bytes: Bytes,
    pub(crate) trailer: u32,
    /// The LSN of its last record.
    pub(crate) last: Lsn,
    records_crc: u32,
}

impl Frame {
    /// Checks everything about the bytes of a frame whose header is already known to be valid.
    pub(crate) fn check(header: Header, bytes: Bytes) -> Option<Frame> {
        let head: &[u8; HEAD] = bytes.first_chunk()?;
        let end = HEAD + int::usize_from_u32(header.len);
        let mut rest = bytes.get(HEAD..end)?;
        let mut records_crc = 0;
        let (mut count, mut last) = (0, header.first.prev());
        while !rest.is_empty() {
            let (record, crc, after) = codec::split(rest).ok()?;
            let lsn = codec::decode(record).ok()?.lsn;
            let follows = lsn == last.next() || (header.sparse && 0 < count && last < lsn);
            if !follows {
                return None;
            }
            records_crc = add_sum(records_crc, crc);
            (count, last) = (count + 1, lsn);
            rest = after;
        }
        let sum = trailer(records_crc, head);
        let matches =
            bytes.get(end..end + CRC)? == sum.to_le_bytes() && 0 < count && count == header.count;
        matches.then_some(Frame { header, bytes, trailer: sum, last, records_crc })
    }

    /// Its records, with their offsets in the frame and lengths.
    pub(crate) fn records(&self) -> impl Iterator<Item = (usize, usize, Decoded<'_>)> {
        let end = HEAD + int::usize_from_u32(self.header.len);
        let mut at = HEAD;
        std::iter::from_fn(move || {
            let rest = self.bytes.get(at..end)?;
            let len = int::usize_from_u32(u32::from_le_bytes(*rest.first_chunk()?));
            let decoded = codec::decode(rest.get(..len)?).ok()?;
            let offset = at;
            at += len;
            Some((offset, len, decoded))
        })
    }

    /// Writes the same records as a frame of another segment, and returns the frame's sum.
    pub(crate) fn copy_into(
        &self,
        out: &mut BytesMut,
        epoch: u64,
        segment: u32,
        salt: Salt,
    ) -> u32 {
        let head = Header { copied: true, epoch, segment, ..self.header }.encode(salt);
        let sum = trailer(self.records_crc, &head);
        let end = out.len() + self.bytes.len();
        out.extend_from_slice(&head);
        out.extend_from_slice(&self.bytes[HEAD..HEAD + int::usize_from_u32(self.header.len)]);
        out.extend_from_slice(&sum.to_le_bytes());
        out.resize(end, 0);
        sum
    }
}

/// The first bytes of a segment: for people and tools; recovery believes manifest and frames.
pub(crate) fn segment_head(salt: Salt, segment: u32, epoch: u64, first: Lsn) -> Bytes {
    let mut out = BytesMut::with_capacity(64);
    out.extend_from_slice(&SEGMENT_MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&segment.to_le_bytes());
    out.extend_from_slice(&epoch.to_le_bytes());
    out.extend_from_slice(&first.0.to_le_bytes());
    out.resize(60, 0);
    let crc = salt.sum(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out.freeze()
}

/// Whether `bytes` start with the head of that segment.
pub(crate) fn is_segment_head(bytes: &[u8], salt: Salt, segment: u32) -> bool {
    let Some((covered, crc)) = bytes.get(..64).and_then(|head| head.split_last_chunk()) else {
        return false;
    };
    covered[..8] == SEGMENT_MAGIC
        && covered[12..16] == segment.to_le_bytes()
        && salt.sum(covered) == u32::from_le_bytes(*crc)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_comes_back_and_no_flipped_bit_goes_unnoticed(
            copied: bool, sparse: bool, epoch: u64, segment: u32, count: u32, first: u64,
            watermark: u64, len: u32, bit in 0..HEAD * 8,
        ) {
            let (first, watermark) = (Lsn(first), Lsn(watermark));
            let header = Header { copied, sparse, epoch, segment, count, first, watermark, len };
            let salt = Salt::new([7; 16]);
            let mut bytes = header.encode(salt);

            prop_assert_eq!(Header::decode(&bytes, salt), Some(header));
            prop_assert_eq!(Header::decode(&bytes, Salt::new([8; 16])), None);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::decode(&bytes, salt), None);
        }
    }

    #[test]
    fn a_segment_head_names_its_segment() {
        let salt = Salt::new([7; 16]);
        let head = segment_head(salt, 3, 1, Lsn(5));

        assert_eq!(head.len(), 64);
        assert!(is_segment_head(&head, salt, 3));
        assert!(!is_segment_head(&head, salt, 4));
    }
}
