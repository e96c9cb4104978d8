use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use codec::{Body, Decoded};

/// A record that owns its parts.
#[derive(Clone, Debug)]
struct Sample {
    kind: usize,
    numbers: [u64; 4],
    parts: [Vec<u8>; 3],
    ranges: Vec<SeqRange>,
}

impl Sample {
    fn record(&self) -> Record<'_> {
        let [stream, first, last, nanos] = self.numbers;
        let [x, y, z] = &self.parts;
        let (stream, consumer) = (StreamId(stream), ConsumerId(first));
        let ranges = Ranges::new(&self.ranges);
        match self.kind {
            0 => {
                let ts = Timestamp(nanos.cast_signed());
                Record::Publish { stream, seq: last, ts, subject: x, headers: y, payload: z }
            }
            1 => {
                let burned = Burned { ts: Timestamp(nanos.cast_signed()), id: x };
                Record::Skip { stream, first, last, burned: (last % 2 == 0).then_some(burned) }
            }
            2 => Record::Remove { stream, why: RemoveReason::Rollup, ranges },
            3 => Record::PurgeTo { stream, seq: first },
            4 => Record::StreamPut { stream, config: x },
            5 => Record::StreamGone { stream },
            6 => Record::ConsumerPut { stream, consumer, config: x },
            7 => Record::ConsumerGone { stream, consumer, removes: ranges },
            8 => Record::ConsumerDelta { stream, consumer, delta: x, removes: ranges },
            9 => Record::StreamState { stream, state: x },
            10 => Record::ConsumerState { stream, consumer, state: x },
            _ => Record::MessageIds { stream, ids: x },
        }
    }
}

fn samples() -> impl Strategy<Value = Sample> {
    let part = || prop::collection::vec(any::<u8>(), 0..40);
    let range = any::<(u64, u64)>().prop_map(|(first, last)| SeqRange { first, last });
    (0..12_usize, any::<[u64; 4]>(), [part(), part(), part()], prop::collection::vec(range, 0..5))
        .prop_map(|(kind, numbers, parts, ranges)| Sample { kind, numbers, parts, ranges })
}

proptest! {
    #[test]
    fn a_record_comes_back_as_it_was(sample in samples(), lsn: u64, prev: u64) {
        let (lsn, prev) = (Lsn(lsn), Lsn(prev));
        let mut out = BytesMut::from(&b"before"[..]);

        let crc = codec::encode(&sample.record(), lsn, prev, &mut out);
        out.extend_from_slice(b"after");

        let (record, found, rest) = codec::split(&out[6..]).unwrap();
        prop_assert_eq!((found, rest), (crc, &b"after"[..]));
        prop_assert_eq!(record.len(), codec::encoded_len(&sample.record()));
        let body = Body::Record(sample.record());
        prop_assert_eq!(codec::decode(record).unwrap(), Decoded { lsn, prev, body });
        prop_assert_eq!(decode_record(record), Ok((lsn, sample.record())));
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed(sample in samples(), bit: prop::sample::Index) {
        let mut out = BytesMut::new();
        codec::encode(&sample.record(), Lsn(7), Lsn(3), &mut out);
        let bit = bit.index(out.len() * 8);

        out[bit / 8] ^= 1 << (bit % 8);

        prop_assert!(decode_record(&out).is_err());
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        // A record with a valid sum around random fields, and the bytes alone.
        let mut valid = BytesMut::new();
        valid.extend_from_slice(&u32::try_from(bytes.len() + 8).unwrap().to_le_bytes());
        valid.extend_from_slice(&bytes);
        let crc = crc32c::crc32c(&valid);
        valid.extend_from_slice(&crc.to_le_bytes());

        _ = decode_record(&valid);
        _ = decode_record(&bytes);
    }
}

#[test]
fn a_message_is_taken_apart_without_copying() {
    let publish = Record::Publish {
        stream: StreamId(1),
        seq: 9,
        ts: Timestamp(-5),
        subject: b"a.b",
        headers: b"NATS/1.0\r\n\r\n",
        payload: b"hello",
    };
    let mut out = BytesMut::new();
    codec::encode(&publish, Lsn(4), Lsn::ZERO, &mut out);
    let bytes = out.freeze();

    let message = decode_message(&bytes, StreamId(1), 9).unwrap();

    assert_eq!((message.seq, message.ts), (9, Timestamp(-5)));
    assert_eq!(message.subject, "a.b");
    assert_eq!(message.headers, "NATS/1.0\r\n\r\n");
    assert_eq!(message.payload, "hello");
    let whole = bytes.as_ptr_range();
    assert!(whole.contains(&message.payload.as_ptr()));
}

#[test]
fn a_message_of_another_place_is_refused() {
    let mut out = BytesMut::new();
    let ts = Timestamp(0);
    let stream = StreamId(1);
    let publish = Record::Publish { stream, seq: 9, ts, subject: b"a", headers: b"", payload: b"" };
    codec::encode(&publish, Lsn(4), Lsn::ZERO, &mut out);
    let bytes = out.freeze();
    let misplaced = Err(Corrupt::Misplaced { found: Lsn(4) });

    assert_eq!(decode_message(&bytes, StreamId(2), 9), misplaced);
    assert_eq!(decode_message(&bytes, StreamId(1), 8), misplaced);
    assert_eq!(decode_message(&Bytes::new(), StreamId(1), 9), Err(Corrupt::Length));
}

#[test]
fn an_idle_marker_comes_back_as_it_was() {
    let mut out = BytesMut::new();
    let heads = [(StreamId(3), Lsn(8)), (StreamId(4), Lsn(9))];

    codec::encode_idle(heads.into_iter(), Lsn(9), (Lsn(10), Lsn(5)), &mut out);

    assert_eq!(out.len(), codec::idle_len(2));
    let (record, ..) = codec::split(&out).unwrap();
    let pairs = [SeqRange { first: 3, last: 8 }, SeqRange { first: 4, last: 9 }];
    let body = Body::Idle { watermark: Lsn(9), heads: Ranges::new(&pairs) };
    assert_eq!(codec::decode(record), Ok(Decoded { lsn: Lsn(10), prev: Lsn(5), body }));
}
