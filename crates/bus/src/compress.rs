//! Bodies made smaller.

mod lz4;
mod snappy;
mod zstandard;

use bytes::Bytes;

/// Whether and how bodies are compressed; the name stands in the header `Content-Encoding`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// `zstd`.
    Zstd,
    /// `lz4`, framed.
    Lz4,
    /// `s2`, the stream format of Snappy's successor.
    S2,
}

/// Why a compressed body can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompressError {
    /// The `Content-Encoding` is none of ours.
    #[error("unknown Content-Encoding {encoding:?}; known are zstd, lz4 and s2")]
    Unknown {
        /// What the header says.
        encoding: String,
    },
    /// The body would grow over the limit.
    #[error("{encoding} body of {size} bytes holds more than {size_max} bytes")]
    TooLarge {
        /// How it is compressed.
        encoding: &'static str,
        /// Bytes of the compressed body.
        size: usize,
        /// Bytes that it may hold.
        size_max: usize,
    },
    /// The body is not what its encoding says.
    #[error("{encoding} body of {size} bytes can't be read: {reason}")]
    Corrupt {
        /// How it should be compressed.
        encoding: &'static str,
        /// Bytes of the compressed body.
        size: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why one codec can't read a body.
enum Failure {
    TooLarge,
    Corrupt(String),
}

impl Compression {
    /// The name in `Content-Encoding`; none if nothing is compressed.
    pub const fn encoding(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Zstd => Some("zstd"),
            Compression::Lz4 => Some("lz4"),
            Compression::S2 => Some("s2"),
        }
    }

    /// `body` compressed, with its `Content-Encoding`. As it is, with none, if it has fewer than
    /// `min_size` bytes or compressing it would not make it smaller.
    pub fn compress(self, body: Bytes, min_size: usize) -> (Bytes, Option<&'static str>) {
        if body.len() < min_size {
            return (body, None);
        }
        let compressed = match self {
            Compression::None => None,
            Compression::Zstd => zstandard::compress(&body),
            Compression::Lz4 => lz4::compress(&body),
            Compression::S2 => snappy::compress(&body),
        };
        match compressed {
            Some(compressed) if compressed.len() < body.len() => {
                (compressed.into(), self.encoding())
            }
            _ => (body, None),
        }
    }
}

/// The body before it was compressed as `encoding` says, the header `Content-Encoding`; `identity`
/// and nothing mean that it was not. The result is never more than `size_max` bytes, nor is more
/// reserved for it; lz4 needs up to 13 MiB for its blocks besides.
///
/// # Errors
///
/// [`CompressError`] for an encoding that is unknown, a result over `size_max`, a corrupt body.
pub fn decompress(encoding: &str, body: Bytes, size_max: usize) -> Result<Bytes, CompressError> {
    let name = encoding.trim();
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    let size = body.len();
    if name.is_empty() || is("identity") {
        return if size <= size_max {
            Ok(body)
        } else {
            Err(CompressError::TooLarge { encoding: "identity", size, size_max })
        };
    }
    let (encoding, decompressed) = if is("zstd") {
        ("zstd", zstandard::decompress(&body, size_max))
    } else if is("lz4") {
        ("lz4", lz4::decompress(&body, size_max))
    } else if is("s2") {
        ("s2", snappy::decompress(&body, size_max))
    } else {
        return Err(CompressError::Unknown { encoding: name.to_owned() });
    };
    decompressed.map(Bytes::from).map_err(|failure| match failure {
        Failure::TooLarge => CompressError::TooLarge { encoding, size, size_max },
        Failure::Corrupt(reason) => CompressError::Corrupt { encoding, size, reason },
    })
}

/// Reserves room for `more` bytes: twice of what there is, so that growing stays cheap, but never
/// over `size_max` bytes in all.
fn reserve(output: &mut Vec<u8>, more: usize, size_max: usize) -> Result<(), Failure> {
    let needed = output.len().saturating_add(more);
    if size_max < needed {
        return Err(Failure::TooLarge);
    }
    if output.capacity() < needed {
        let wanted = output.capacity().saturating_mul(2).clamp(needed, size_max);
        output.reserve_exact(wanted - output.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
