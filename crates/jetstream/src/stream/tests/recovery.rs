use proptest::prelude::*;

use super::*;

fn load(stream: &mut Stream, seq: u64, subject: &str) {
    let block = block(&[&id(seq)]);
    stream.load(&PublishRecord {
        seq,
        ts: T0,
        subject: subject.as_bytes(),
        headers: &PublishHeaders::parse(&block),
        payload_len: 1,
        position: index::Position { segment: 1, offset: 2 },
        len: 1,
        lsn: Lsn(seq),
    });
}

fn id(seq: u64) -> String {
    format!("Nats-Msg-Id: id-{seq}")
}

fn subject(seq: u64) -> &'static str {
    ["S.a", "S.b", "S.c"][usize::try_from(seq % 3).unwrap()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_brings_the_live_set_back(
        count in 0..3000_u64,
        gone in prop::collection::vec((0..3000_u64, 0..400_u64), 0..12),
        skip in 0..3_u64,
        lost in prop::collection::vec(0..3000_u64, 0..4),
        lost_ids in prop::collection::vec(0..3000_u64, 0..4),
        behind in 0..1500_u64,
    ) {
        let mut before = stream(config());
        for seq in 1..=count {
            apply(&mut before, T0, subject(seq), &[&id(seq)], 1);
        }
        for (from, len) in gone {
            before.apply_remove(&[from..=from + len], &mut Vec::new());
        }
        before.apply_skip(count + skip);
        let bytes = before.snapshot();
        let snapshot = Snapshot::decode(&bytes).unwrap();

        // All that was ever stored is found again, but for the lost, and even more.
        let mut after = stream(config());
        for seq in (1..=count + behind).filter(|seq| !lost.contains(seq)) {
            load(&mut after, seq, subject(seq));
        }
        let mut ids = FoundIds::default();
        let is_kept = |seq: &u64| *seq == 1 || !lost_ids.contains(seq);
        let is_skipped = |seq: &u64| (count + 1..=count + skip).contains(seq);
        for seq in (1..=count + behind).rev().filter(|seq| is_kept(seq) && !is_skipped(seq)) {
            ids.add([b"id-", seq.to_string().as_bytes()], seq, T0, Lsn(seq));
        }
        let mut removed = Vec::new();
        let Missing { messages: missing, ids, .. } = after.reconcile(&snapshot, ids, &mut removed);

        let expected: Vec<u64> = live(&before).into_iter().filter(|seq| !lost.contains(seq)).collect();
        prop_assert_eq!(&live(&after), &expected);
        let missing: Vec<u64> = missing.into_iter().flatten().collect();
        let expected_missing: Vec<u64> =
            live(&before).into_iter().filter(|seq| lost.contains(seq)).collect();
        prop_assert_eq!(&missing, &expected_missing);
        let expected_ids = (1..=count).filter(|seq| !is_kept(seq)).count();
        prop_assert_eq!(ids, u64::try_from(expected_ids).unwrap());
        prop_assert_eq!(after.state().last_seq, before.state().last_seq);
        if missing.is_empty() {
            prop_assert_eq!(after.state(), before.state());
        }
        if missing.is_empty() && ids == 0 {
            prop_assert_eq!(after.snapshot(), bytes);
        }
        // It goes on as before.
        put(&mut after, "S.new");
        load(&mut before, count + skip + 1, "S.new");
        prop_assert_eq!(after.index().last_seq(), before.index().last_seq());
        prop_assert_eq!(live(&after).pop(), live(&before).pop());
        let duplicate = admit(&after, "S.a", &["Nats-Msg-Id: id-1"]);
        prop_assert_eq!(duplicate == Ok(Admission::Duplicate { seq: 1 }), 0 < count);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        version in 1..=2_u8,
    ) {
        let mut stream = stream(config());
        let versioned: Vec<u8> = [version].into_iter().chain(bytes.iter().copied()).collect();
        drop(Snapshot::decode(&bytes));
        if let Ok(snapshot) = Snapshot::decode(&versioned) {
            stream.reconcile(&snapshot, FoundIds::default(), &mut Vec::new());
        }
    }
}

#[test]
fn a_truncated_snapshot_is_refused() {
    let mut stream = stream(config());
    apply(&mut stream, T0, "S.a", &["Nats-Msg-Id: x"], 1);
    put(&mut stream, "S.a");
    put(&mut stream, "S.a");
    stream.apply_remove(&[2..=2], &mut Vec::new());
    let bytes = stream.snapshot();

    for len in 0..bytes.len() {
        let error = Snapshot::decode(&bytes[..len]).unwrap_err();
        assert_eq!(error, SnapshotError::Malformed, "{len}");
    }
    assert_eq!(Snapshot::decode(&[9, 0]).unwrap_err(), SnapshotError::Version { version: 9 });
}

#[test]
fn a_snapshot_with_the_ids_themselves_is_understood() {
    // First, last, no time, no messages, no gaps, no last id; two ids: of 5 at 3 ns and of 6.
    let bytes = [1, 7, 6, 0, 0, 0, 0, 2, 1, b'a', 10, 6, 2, b'b', b'c', 2, 0];
    let mut stream = stream(config());

    let snapshot = Snapshot::decode(&bytes).unwrap();
    let missing = stream.reconcile(&snapshot, FoundIds::default(), &mut Vec::new());

    assert_eq!((missing.messages, missing.ids), (vec![], 0));
    assert_eq!(stream.ids_from(), Some(Lsn::ZERO));
    let admitted = admit_at(&stream, Timestamp(4), "S.a", &["Nats-Msg-Id: bc"], 1);
    assert_eq!(admitted, Ok(Admission::Duplicate { seq: 6 }));
    let miscounted = bytes.map(|byte| if byte == 2 { 3 } else { byte });
    assert!(Snapshot::decode(&miscounted).is_err());
}

#[test]
fn replay_of_the_same_records_gives_the_same_stream() {
    let limits = StreamConfig { max_msgs: 7, max_msgs_per_subject: 3, ..config() };
    let run = || {
        let mut stream = stream(limits.clone());
        let mut gone = Vec::new();
        for seq in 1..200 {
            let ts = Timestamp(T0.nanos() + i64::try_from(seq).unwrap() * SECOND);
            gone.extend(apply(&mut stream, ts, subject(seq), &[&format!("Nats-Msg-Id: {seq}")], 1));
        }
        (stream.snapshot(), gone)
    };

    assert_eq!(run(), run());
}

#[test]
fn an_adopted_configuration_counts_from_the_next_message_on() {
    let mut stream = stream(config());
    for seq in 1..=5 {
        load(&mut stream, seq, "S.a");
    }

    stream.adopt(StreamConfig { max_msgs: 3, ..config() }, Timestamp(7));

    assert_eq!((live(&stream).len(), stream.created()), (5, Timestamp(7)));
    assert_eq!(put(&mut stream, "S.a"), [1, 2, 3]);
}
