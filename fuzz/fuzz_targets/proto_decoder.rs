//! The decoder: any bytes in any pieces give the same operations as in one piece, and no panic.
//!
//! Input: one byte of settings, one that chooses the pieces, then what the client sends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tradewind_proto::{ClientOp, Connect, DecodeError, Decoder, Headers, Step};

fuzz_target!(|data: &[u8]| {
    let [settings, pieces, stream @ ..] = data else { return };
    let decoder = Decoder {
        max_control_line: if settings & 1 == 0 { 4096 } else { 24 },
        max_payload: if settings & 2 == 0 { 1 << 20 } else { 16 },
        connect_first: settings & 4 != 0,
    };
    let whole = read(decoder, stream, || usize::MAX);
    let mut state = u32::from(*pieces) + 1;
    let split = read(decoder, stream, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as usize % 7 + 1
    });
    assert_eq!(whole, split);
});

/// All operations and what ended the reading, with `next_len` bytes coming at a time.
fn read(
    decoder: Decoder,
    stream: &[u8],
    mut next_len: impl FnMut() -> usize,
) -> (Vec<String>, Option<DecodeError>) {
    let mut seen = Vec::new();
    let (mut start, mut end) = (0, 0);
    let mut needed = 0;
    while end < stream.len() {
        end = end.saturating_add(next_len()).min(stream.len());
        loop {
            match decoder.decode(&stream[start..end]) {
                Ok(Step::Op { op, len }) => {
                    assert!(0 < len && len <= end - start);
                    assert!(needed <= end, "an operation came before the bytes that were missing");
                    look_into(&op);
                    seen.push(format!("{op:?}"));
                    start += len;
                }
                Ok(Step::Incomplete { missing }) => {
                    assert!(0 < missing);
                    needed = end.saturating_add(missing);
                    break;
                }
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}

/// What the server does with the parts of an operation that the decoder leaves alone.
fn look_into(op: &ClientOp<'_>) {
    match op {
        ClientOp::Connect(json) => drop(Connect::parse(json)),
        ClientOp::Publish { publish, .. } => {
            Headers::new(publish.headers).iter().for_each(drop);
            tradewind_subject::is_literal(publish.subject);
        }
        ClientOp::Subscribe { subject, .. } => {
            tradewind_subject::is_filter(subject);
        }
        ClientOp::Unsubscribe { .. } | ClientOp::Ping | ClientOp::Pong | ClientOp::Ignored => (),
    }
}
