use std::io::{Read, Write};

use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{Failure, reserve};

/// Bytes taken from the decoder at once.
const STEP: usize = 16 << 10;

pub(super) fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let info = FrameInfo::new()
        .block_size(BlockSize::Max64KB)
        .content_size(u64::try_from(body.len()).ok())
        .content_checksum(true);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::with_capacity(body.len()));
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

pub(super) fn decompress(body: &[u8], size_max: usize) -> Result<Vec<u8>, Failure> {
    // The decoder takes the end of its input for the end of the frame. So one byte follows the
    // body: it is still there if the frame ended where the body does, and not if it was cut off.
    let mut decoder = FrameDecoder::new(body.chain(&[0_u8][..]));
    let mut output = Vec::new();
    let mut step = vec![0; STEP.min(size_max.saturating_add(1))];
    loop {
        let read = decoder.read(&mut step).map_err(|error| Failure::Corrupt(error.to_string()))?;
        if read == 0 {
            break;
        }
        reserve(&mut output, read, size_max)?;
        output.extend_from_slice(&step[..read]);
    }
    let (rest, mark) = decoder.get_ref().get_ref();
    if mark.is_empty() {
        return Err(Failure::Corrupt("it is cut off".to_owned()));
    }
    if !rest.is_empty() {
        return Err(Failure::Corrupt(format!("{} bytes after the frame", rest.len())));
    }
    Ok(output)
}
