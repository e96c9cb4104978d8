use proptest::prelude::*;

use super::*;

const ALL: [Compression; 3] = [Compression::Zstd, Compression::Lz4, Compression::S2];
const LIMIT: usize = 8 << 20;

fn unpack(encoding: &str, body: &[u8], size_max: usize) -> Result<Bytes, CompressError> {
    decompress(encoding, Bytes::copy_from_slice(body), size_max)
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|index| u8::from_str_radix(&text[index..index + 2], 16).unwrap())
        .collect()
}

/// Bytes that no codec makes smaller.
fn noise(size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes.into()
}

/// Rows: S2-39, S2-64, S2-65.
#[test]
fn s2_39_a_body_is_compressed_from_the_threshold_on() {
    for compression in ALL {
        let short = Bytes::from(vec![b'a'; 1023]);
        let long = Bytes::from(vec![b'a'; 1024]);

        assert_eq!(compression.compress(short.clone(), 1024), (short, None));
        let (compressed, encoding) = compression.compress(long.clone(), 1024);
        assert!(compressed.len() < 1024, "{compression:?}");
        assert_eq!(encoding, compression.encoding());
        assert_eq!(decompress(encoding.unwrap(), compressed, 1024), Ok(long));
    }
}

/// Rows: S2-39.
#[test]
fn s2_39_an_incompressible_body_stays_as_it_is() {
    for size in [0, 1, 1024, 100_000, 3 << 20] {
        for compression in ALL {
            let body = noise(size);
            let pointer = body.as_ptr();
            let (same, encoding) = compression.compress(body.clone(), 0);
            assert_eq!((&same, encoding), (&body, None), "{compression:?} {size}");
            assert_eq!(same.as_ptr(), pointer);
        }
    }
}

/// Rows: S2-64.
#[test]
fn s2_64_nothing_is_compressed_unless_asked_for() {
    let body = Bytes::from(vec![0; 10_000]);

    assert_eq!(Compression::default().compress(body.clone(), 0), (body.clone(), None));
    for encoding in ["", "identity", " Identity "] {
        assert_eq!(decompress(encoding, body.clone(), 10_000), Ok(body.clone()));
        assert!(decompress(encoding, body.clone(), 9_999).is_err());
    }
}

/// What other programs wrote of `"tradewind carries events. "`, twenty times:
/// `zstd -19` 1.5.4, `zstd -3` from a pipe (no size in its frame), `lz4` 1.9.4 from a pipe,
/// `lz4 -9 -BD -BX --content-size` (linked blocks, checksums), and Go's
/// github.com/klauspost/compress v1.20.4 by `s2.NewWriter`.
#[test]
fn bodies_of_other_implementations_are_read() {
    let text = "tradewind carries events. ".repeat(20);
    for (encoding, body) in [
        (
            "zstd",
            "28b52ffd6408010d0100d0747261646577696e642063617272696573206576656e74732e200100ae\
             b73ac72a9da6ad",
        ),
        (
            "zstd",
            "28b52ffd04580d0100d0747261646577696e642063617272696573206576656e74732e200100aeb7\
             3ac72a9da6ad",
        ),
        (
            "lz4",
            "04224d186440a726000000ff0b747261646577696e642063617272696573206576656e74732e201a\
             00ffd7506e74732e20000000004991df7d",
        ),
        (
            "lz4",
            "04224d187c400802000000000000f526000000ff0b747261646577696e6420636172726965732065\
             76656e74732e201a00ffd7506e74732e20c4472825000000004991df7d",
        ),
        (
            "s2",
            "ff06000053327354774f00270000770ed447880464747261646577696e6420636172726965732065\
             76656e74732e20111a1900e200",
        ),
    ] {
        let body = hex(body);
        assert_eq!(unpack(encoding, &body, text.len()).unwrap(), text, "{encoding}");
        for end in 0..body.len() {
            let cut = unpack(encoding, &body[..end], text.len());
            // An S2 stream has no end of its own: cut off after its start it is an empty one.
            let empty = encoding == "s2" && end == 10;
            assert_eq!(cut.is_ok(), empty, "{encoding} cut at {end}");
        }
    }
}

/// `zstd -dc`, `lz4 -dc` and `s2d` of Go's klauspost/compress, as far as they are on `PATH`.
#[test]
fn other_implementations_read_what_is_written() {
    let text = Bytes::from("tradewind carries events. ".repeat(100_000));
    let file = tempfile::NamedTempFile::new().unwrap();
    for (compression, program, arguments) in [
        (Compression::Zstd, "zstd", ["-q", "-dc"]),
        (Compression::Lz4, "lz4", ["-q", "-dc"]),
        (Compression::S2, "s2d", ["-q", "-c"]),
    ] {
        let (body, _) = compression.compress(text.clone(), 0);
        // A name that all of them take for theirs.
        let path = file.path().with_extension(compression.encoding().unwrap());
        std::fs::write(&path, &body).unwrap();
        let run = std::process::Command::new(program).args(arguments).arg(&path).output();
        std::fs::remove_file(&path).unwrap();
        let Ok(run) = run else {
            eprintln!("SKIPPED: no `{program}` on PATH");
            continue;
        };
        assert!(run.status.success() && run.stdout == text, "{program}: {run:?}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let zeros = Bytes::from(vec![0; 64 << 20]);
    for compression in ALL {
        let (bomb, encoding) = compression.compress(zeros.clone(), 0);
        assert!(bomb.len() < 512 << 10, "{compression:?} {}", bomb.len());

        let error = decompress(encoding.unwrap(), bomb.clone(), 1 << 20).unwrap_err();

        let expected = format!(
            "{} body of {} bytes holds more than 1048576 bytes",
            encoding.unwrap(),
            bomb.len()
        );
        assert_eq!(error.to_string(), expected);
    }
}

/// A frame that doesn't say its size, one that lies about it, and a block that does.
#[test]
fn a_body_that_hides_its_size_is_held_to_the_limit() {
    let mut streamed = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    std::io::Write::write_all(&mut streamed, &vec![0; 1 << 20]).unwrap();
    let streamed = streamed.finish().unwrap();
    assert_eq!(unpack("zstd", &streamed, 1 << 20).unwrap().len(), 1 << 20);
    assert!(matches!(
        unpack("zstd", &streamed, (1 << 20) - 1),
        Err(CompressError::TooLarge { .. })
    ));

    // Two frames, of which only the first is small enough.
    let (small, _) = Compression::Zstd.compress(Bytes::from(vec![0; 2000]), 0);
    let both = [small.as_ref(), &streamed].concat();
    assert!(matches!(unpack("zstd", &both, 1 << 20), Err(CompressError::TooLarge { .. })));
    assert_eq!(unpack("zstd", &both, 2 << 20).unwrap().len(), (1 << 20) + 2000);

    // An S2 block of "4 GiB - 1", and one of 3 MiB where 1 MiB is allowed.
    let claims = b"\xFF\x06\x00\x00S2sTwO\x00\x0A\x00\x00\0\0\0\0\xFF\xFF\xFF\xFF\x0F\x00";
    assert!(unpack("s2", claims, LIMIT).unwrap_err().to_string().contains("over 4 MiB"));
    let claims = b"\xFF\x06\x00\x00S2sTwO\x00\x09\x00\x00\0\0\0\0\x80\x80\xC0\x01\x00";
    assert!(matches!(unpack("s2", claims, 1 << 20), Err(CompressError::TooLarge { .. })));
}

#[test]
fn an_unknown_encoding_is_named() {
    let error = unpack("br", b"x", LIMIT).unwrap_err();

    assert_eq!(error.to_string(), "unknown Content-Encoding \"br\"; known are zstd, lz4 and s2");
    assert_eq!(unpack("ZSTD", b"", 1).unwrap_err().to_string().split(' ').next(), Some("zstd"));
}

#[test]
fn chunks_to_skip_and_streams_joined_are_read_however_many() {
    let (one, _) = Compression::S2.compress(Bytes::from(vec![b'a'; 2000]), 0);
    let padding = [0xFE, 0, 0, 0].repeat(1 << 20);
    let body = [one.as_ref(), &padding, &one].concat();

    assert_eq!(unpack("s2", &body, 4000).unwrap(), vec![b'a'; 4000]);
    assert!(unpack("s2", &body, 3999).is_err());
    let unknown = [one.as_ref(), &[0x7F, 0, 0, 0]].concat();
    assert!(unpack("s2", &unknown, LIMIT).unwrap_err().to_string().contains("type 0x7f"));
}

#[test]
fn bytes_after_the_end_are_refused() {
    for compression in ALL {
        let (body, encoding) = compression.compress(Bytes::from(vec![b'a'; 2000]), 0);
        let more = [body.as_ref(), b"\x00"].concat();
        assert!(unpack(encoding.unwrap(), &more, LIMIT).is_err(), "{compression:?}");
    }
}

/// Texts with repetitions near and far, over the sizes of all blocks.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        (any::<u8>(), 0..70_000_usize).prop_map(|(byte, size)| vec![byte; size]),
        "[abc ]{0,200}".prop_map(|text| text.repeat(7).into_bytes()),
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Rows: S2-39.
    #[test]
    fn s2_39_every_body_comes_back(body in body(), min_size in 0..2000_usize) {
        let body = Bytes::from(body);
        for compression in ALL {
            let (sent, encoding) = compression.compress(body.clone(), min_size);
            prop_assert!(sent.len() <= body.len());
            prop_assert_eq!(encoding.is_some(), sent.len() < body.len());
            if body.len() < min_size {
                prop_assert_eq!(encoding, None);
            }
            let encoding = encoding.unwrap_or_default();
            prop_assert_eq!(decompress(encoding, sent.clone(), body.len()), Ok(body.clone()));
            if let Some(less) = body.len().checked_sub(1) {
                prop_assert!(decompress(encoding, sent, less).is_err());
            }
        }
    }

    #[test]
    fn a_corrupt_body_never_panics_nor_grows_over_the_limit(
        body in body(),
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for compression in ALL {
            let (sent, encoding) = compression.compress(body.clone().into(), 0);
            let Some(encoding) = encoding else { continue };
            let mut sent = sent.to_vec();
            for (place, byte) in &places {
                let place = place.index(sent.len());
                sent[place] = *byte;
            }
            if let Ok(read) = unpack(encoding, &sent, 100_000) {
                prop_assert!(read.len() <= 100_000);
            }
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let s2 = [b"\xFF\x06\x00\x00S2sTwO".as_slice(), &bytes].concat();
        let lz4 = [b"\x04\x22\x4D\x18\x64\x40\xA7".as_slice(), &bytes].concat();
        let zstd = [b"\x28\xB5\x2F\xFD".as_slice(), &bytes].concat();
        for (encoding, body) in [("s2", s2), ("lz4", lz4), ("zstd", zstd)] {
            drop(unpack(encoding, &body, 100_000));
            drop(unpack(encoding, &bytes, 100_000));
        }
    }
}
