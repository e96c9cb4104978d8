//! The stream format of <https://github.com/klauspost/compress/tree/master/s2>: chunks with a type
//! and a length, each with a block and its checksum. Walked here rather than by the crate's reader,
//! which reserves what a chunk claims and recurses once per chunk that it skips.

use super::{Failure, reserve};

/// The chunk that a stream begins with.
const STREAM_START: [u8; 10] = *b"\xFF\x06\x00\x00S2sTwO";
/// The same for a stream of Snappy, which is a part of S2.
const SNAPPY_START: [u8; 10] = *b"\xFF\x06\x00\x00sNaPpY";
const CHUNK_COMPRESSED: u8 = 0x00;
const CHUNK_UNCOMPRESSED: u8 = 0x01;
/// From here on a reader may skip what it doesn't know.
const CHUNK_SKIPPABLE_FIRST: u8 = 0x80;
const CHUNK_START: u8 = 0xFF;
/// Bytes of type and length.
const CHUNK_HEADER: usize = 4;
const CHECKSUM: usize = 4;
/// Bytes of a block that is written, uncompressed: what Go's writer does.
const BLOCK_SIZE: usize = 1 << 20;
/// Bytes of a block that is read: the format's limit.
const BLOCK_SIZE_MAX: usize = 4 << 20;

pub(super) fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let mut output = STREAM_START.to_vec();
    for block in body.chunks(BLOCK_SIZE) {
        let compressed = minlz::encode(block);
        let (kind, data) = if compressed.len() < block.len() {
            (CHUNK_COMPRESSED, compressed.as_slice())
        } else {
            (CHUNK_UNCOMPRESSED, block)
        };
        let length = u32::try_from(CHECKSUM + data.len()).ok()?.to_le_bytes();
        output.extend([kind, length[0], length[1], length[2]]);
        output.extend(checksum(block).to_le_bytes());
        output.extend_from_slice(data);
    }
    Some(output)
}

pub(super) fn decompress(body: &[u8], size_max: usize) -> Result<Vec<u8>, Failure> {
    if !body.starts_with(&STREAM_START) && !body.starts_with(&SNAPPY_START) {
        return Err(corrupt("it is no S2 stream"));
    }
    let mut output = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (header, after) =
            rest.split_first_chunk::<CHUNK_HEADER>().ok_or_else(|| corrupt("it is cut off"))?;
        let [kind, low, middle, high] = *header;
        let length = u32::from_le_bytes([low, middle, high, 0]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (chunk, next) =
            after.split_at_checked(length).ok_or_else(|| corrupt("it is cut off"))?;
        match kind {
            CHUNK_COMPRESSED | CHUNK_UNCOMPRESSED => block(kind, chunk, &mut output, size_max)?,
            // A start may stand in the middle of a stream, too, where two were joined.
            CHUNK_START if chunk == &STREAM_START[4..] || chunk == &SNAPPY_START[4..] => {}
            CHUNK_SKIPPABLE_FIRST..CHUNK_START => {}
            kind => {
                return Err(Failure::Corrupt(format!("a chunk is of unknown type {kind:#04x}")));
            }
        }
        rest = next;
    }
    Ok(output)
}

/// Appends what one chunk holds.
fn block(kind: u8, chunk: &[u8], output: &mut Vec<u8>, size_max: usize) -> Result<(), Failure> {
    let (sum, data) =
        chunk.split_first_chunk::<CHECKSUM>().ok_or_else(|| corrupt("a chunk is too short"))?;
    let start = output.len();
    if kind == CHUNK_UNCOMPRESSED {
        reserve(output, data.len(), size_max)?;
        output.extend_from_slice(data);
    } else {
        let (size, _) = minlz::decode_len(data).map_err(|error| corrupt(&error.to_string()))?;
        if BLOCK_SIZE_MAX < size {
            return Err(corrupt("a block is over 4 MiB"));
        }
        reserve(output, size, size_max)?;
        output.resize(start + size, 0);
        minlz::decode_into(&mut output[start..], data)
            .map_err(|error| corrupt(&error.to_string()))?;
    }
    if checksum(&output[start..]) != u32::from_le_bytes(*sum) {
        return Err(corrupt("a block's checksum is wrong"));
    }
    Ok(())
}

/// CRC-32C, rotated and shifted as Snappy's framing says.
fn checksum(block: &[u8]) -> u32 {
    crc32c::crc32c(block).rotate_right(15).wrapping_add(0xA282_EAD8)
}

fn corrupt(reason: &str) -> Failure {
    Failure::Corrupt(reason.to_owned())
}
