use zstd::zstd_safe;

use super::Failure;

/// How hard it tries: a small body at this level costs microseconds.
const LEVEL: i32 = 3;

/// Bytes reserved at first for a body that doesn't say how many it holds.
const FIRST_SIZE: usize = 4096;

/// `ZSTD_error_dstSize_tooSmall`, as a result says it.
const OUTPUT_TOO_SMALL: usize = 0_usize.wrapping_sub(70);

pub(super) fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let mut output = Vec::with_capacity(zstd_safe::compress_bound(body.len()));
    zstd_safe::compress(&mut output, body, LEVEL).ok()?;
    Some(output)
}

/// In one go rather than as a stream: a stream would reserve the window that the body asks for.
pub(super) fn decompress(body: &[u8], size_max: usize) -> Result<Vec<u8>, Failure> {
    if body.is_empty() {
        return Err(Failure::Corrupt("it is empty".to_owned()));
    }
    let said = match zstd_safe::get_frame_content_size(body) {
        Ok(said) => said.map(|size| usize::try_from(size).unwrap_or(usize::MAX)),
        Err(error) => return Err(Failure::Corrupt(error.to_string())),
    };
    if said.is_some_and(|size| size_max < size) {
        return Err(Failure::TooLarge);
    }
    let mut capacity =
        said.unwrap_or_else(|| body.len().saturating_mul(4)).max(FIRST_SIZE).min(size_max);
    loop {
        let mut output = Vec::with_capacity(capacity);
        match zstd_safe::decompress(&mut output, body) {
            // A vector may have more room than was asked for.
            Ok(_) if output.len() <= size_max => return Ok(output),
            Ok(_) => return Err(Failure::TooLarge),
            Err(OUTPUT_TOO_SMALL) if capacity < size_max => {
                capacity = capacity.saturating_mul(2).min(size_max);
            }
            Err(OUTPUT_TOO_SMALL) => return Err(Failure::TooLarge),
            Err(code) => {
                return Err(Failure::Corrupt(zstd_safe::get_error_name(code).to_owned()));
            }
        }
    }
}
