use super::*;
use crate::api::{
    config::{Discard, Retention, Storage},
    error::ApiError,
};

#[track_caller]
fn check(stream: &Stream, subject: &str, lines: &[&str], expected: &str) {
    assert_eq!(answer(admit(stream, subject, lines)), expected, "{lines:?}");
}

fn answer(result: Result<Admission, Refusal>) -> String {
    match result {
        Ok(Admission::Append { seq, .. }) => format!("append {seq}"),
        Ok(Admission::Duplicate { seq }) => format!("duplicate {seq}"),
        Ok(Admission::Burn { seq, .. }) => format!("burn {seq}"),
        Err(refusal) => {
            let text = refusal.to_string();
            let error = ApiError::from(refusal);
            assert_eq!(error.description, text);
            format!("{} {} {text}", error.code, error.err_code)
        }
    }
}

/// `S.a` 1 and 3, `S.b` 2; the last one has the id `m3`.
fn three() -> Stream {
    let mut stream = stream(config());
    put(&mut stream, "S.a");
    put(&mut stream, "S.b");
    apply(&mut stream, T0, "S.a", &["Nats-Msg-Id: m3"], 1);
    stream
}

#[test]
fn expectations_are_compared_with_stream_subject_and_filter() {
    let stream = three();
    let other = "Nats-Expected-Last-Subject-Sequence-Subject: ";
    for (lines, expected) in [
        (vec!["Nats-Expected-Stream: S"], "append 4"),
        (vec!["Nats-Expected-Stream: s"], "400 10060 expected stream does not match"),
        (vec!["Nats-Expected-Last-Sequence: 3"], "append 4"),
        (vec!["Nats-Expected-Last-Sequence: 0"], "400 10071 wrong last sequence: 3"),
        (vec!["Nats-Expected-Last-Sequence: x"], "400 10071 wrong last sequence: 3"),
        (vec!["Nats-Expected-Last-Sequence:"], "append 4"),
        (vec!["Nats-Expected-Last-Subject-Sequence: 2"], "append 4"),
        (vec!["Nats-Expected-Last-Subject-Sequence: 3"], "400 10071 wrong last sequence: 2"),
        (vec!["Nats-Expected-Last-Subject-Sequence: 0", &format!("{other}S.c")], "append 4"),
        (vec!["Nats-Expected-Last-Subject-Sequence: 3", &format!("{other}S.*")], "append 4"),
        (
            vec!["Nats-Expected-Last-Subject-Sequence: 2", &format!("{other}*.a")],
            "400 10071 wrong last sequence: 3",
        ),
        (
            vec![&format!("{other}S.a"), "Nats-Expected-Last-Sequence: 1"],
            "400 10193 missing sequence for expected last sequence per subject",
        ),
        (vec!["Nats-Expected-Last-Msg-Id: m3"], "append 4"),
        (vec!["Nats-Expected-Last-Msg-Id: m"], "400 10070 wrong last msg ID: m3"),
    ] {
        check(&stream, "S.b", &lines, expected);
    }
    check(&stream, "S.new", &["Nats-Expected-Last-Subject-Sequence: 0"], "append 4");
}

#[test]
fn a_message_without_id_leaves_no_last_id() {
    let mut stream = three();
    put(&mut stream, "S.a");

    check(&stream, "S.b", &["Nats-Expected-Last-Msg-Id: m3"], "400 10070 wrong last msg ID: ");
}

#[test]
fn what_is_not_switched_on_is_refused_as_off_or_as_wrong() {
    let stream = three();
    for (lines, expected) in [
        (vec!["Nats-TTL: 5"], "400 10166 per-message TTL is disabled"),
        (vec!["Nats-TTL: junk"], "400 10165 invalid per-message TTL"),
        (vec!["Nats-TTL:"], "append 4"),
        (vec!["Nats-Incr: +5"], "400 10168 message counters is disabled"),
        (vec!["Nats-Incr: x"], "400 10171 message counter increment is invalid"),
        (vec!["Nats-Incr:"], "append 4"),
        (
            vec!["Nats-Batch-Id: u", "Nats-Batch-Sequence: 1"],
            "400 10174 atomic publish is disabled",
        ),
        (vec!["Nats-Batch-Sequence: 1", "Nats-Batch-Commit: 1"], "append 4"),
        (vec!["Nats-Schedule: junk"], "400 10188 message schedules is disabled"),
        (vec!["Nats-Schedule:", "Nats-Schedule-Target: x"], "append 4"),
        (
            vec!["Nats-Scheduler: S.b", "Nats-Schedule-Next: purge"],
            "400 10188 message schedules is disabled",
        ),
        (
            vec!["Nats-Scheduler: S.a", "Nats-Schedule-Next: purge"],
            "400 10212 message schedules invalid scheduler",
        ),
        (vec!["Nats-Scheduler: S.b"], "400 10212 message schedules invalid scheduler"),
        (vec!["Nats-Schedule-Next: purge"], "400 10212 message schedules invalid scheduler"),
        (
            vec!["Nats-Scheduler: S.*", "Nats-Schedule-Next: purge"],
            "400 10212 message schedules invalid scheduler",
        ),
        (vec!["Nats-Stream-Source: X"], "400 10227 message stream source header is not allowed"),
        (vec!["Nats-Rollup: all"], "500 10111 rollup not permitted"),
        (vec!["Nats-Rollup: junk"], "500 10111 rollup not permitted"),
        (vec!["Nats-Rollup:"], "append 4"),
        (vec!["Nats-Required-Api-Level: 99"], "append 4"),
    ] {
        check(&stream, "S.a", &lines, expected);
    }
}

#[test]
fn a_rollup_is_all_or_sub_in_any_case() {
    let stream = stream(StreamConfig { allow_rollup_hdrs: true, ..config() });

    check(&stream, "S.a", &["Nats-Rollup: aLL"], "append 1");
    check(&stream, "S.a", &["Nats-Rollup: SUB"], "append 1");
    check(&stream, "S.a", &["Nats-Rollup: Junk"], "500 10111 rollup value invalid: \"junk\"");
}

#[test]
fn the_first_check_that_fails_answers() {
    let mut all = stream(StreamConfig { max_msg_size: 10, max_msgs: 1, ..config() });
    apply(&mut all, T0, "S.a", &["Nats-Msg-Id: m1"], 1);
    all.update(
        StreamConfig { max_msg_size: 10, max_msgs: 1, discard: Discard::New, ..config() },
        &mut Vec::new(),
    );
    // One after the other is taken away from the front.
    let steps = [
        ("Nats-Batch-Id: u", "400 10174"),
        ("Nats-Incr: 1", "400 10168"),
        ("Nats-Expected-Stream: Q", "400 10060"),
        ("Nats-TTL: 5", "400 10166"),
        ("Nats-Expected-Last-Subject-Sequence: 9", "400 10071"),
        ("Nats-Expected-Last-Sequence: 7", "400 10071"),
        ("Nats-Schedule: x", "400 10188"),
        ("Nats-Scheduler: x", "400 10212"),
        ("Nats-Stream-Source: x", "400 10227"),
        ("Nats-Msg-Id: m1", "duplicate 1"),
        ("Nats-Expected-Last-Msg-Id: x", "400 10070"),
        ("Nats-Rollup: all", "500 10111"),
        ("A: b", "400 10054"),
    ];
    for (at, (_, expected)) in steps.iter().enumerate() {
        let lines: Vec<&str> = steps[at..].iter().map(|(line, _)| *line).collect();
        let answer = answer(admit(&all, "S.a", &lines));
        assert!(answer.starts_with(expected), "{lines:?}: {answer}");
    }
    check(&all, "S.a", &[], "503 10077 maximum messages exceeded");
}

#[test]
fn a_sealed_stream_refuses_even_duplicates() {
    let mut stream = three();
    stream.update(StreamConfig { sealed: true, ..config() }, &mut Vec::new());

    check(&stream, "S.a", &["Nats-Msg-Id: m3"], "400 10109 invalid operation on sealed stream");
    check(&stream, "S.a", &["Nats-Batch-Id: u"], "400 10109 invalid operation on sealed stream");
}

#[test]
fn a_duplicate_id_is_acked_with_the_first_sequence_inside_the_window() {
    let mut stream = three();
    let lines = &["Nats-Msg-Id: m3"];
    let last = Timestamp(T0.nanos() + 60 * SECOND - 1);

    assert_eq!(answer(admit_at(&stream, last, "S.x", lines, 1)), "duplicate 3");
    stream.apply_remove(&[3..=3], &mut Vec::new());
    assert_eq!(answer(admit_at(&stream, last, "S.x", lines, 1)), "duplicate 3");
    stream.apply_purge_to(4, &mut Vec::new());
    assert_eq!(answer(admit_at(&stream, last, "S.x", lines, 1)), "duplicate 3");
    assert_eq!(stream.next_id_expiry(), Some(Timestamp(last.nanos() + 1)));
    let expired = Timestamp(last.nanos() + 1);
    assert_eq!(answer(admit_at(&stream, expired, "S.x", lines, 1)), "append 4");
    check(&stream, "S.x", &["Nats-Msg-Id:"], "append 4");
}

#[test]
fn a_wrong_expectation_wins_over_a_duplicate_id() {
    let stream = three();

    check(
        &stream,
        "S.a",
        &["Nats-Msg-Id: m3", "Nats-Expected-Last-Subject-Sequence: 0"],
        "400 10071 wrong last sequence: 3",
    );
}

#[test]
fn a_narrower_window_counts_at_once() {
    let mut stream = three();
    let later = Timestamp(T0.nanos() + SECOND);
    stream.update(StreamConfig { duplicate_window: SECOND, ..config() }, &mut Vec::new());

    assert_eq!(answer(admit_at(&stream, later, "S.a", &["Nats-Msg-Id: m3"], 1)), "append 4");
}

#[test]
fn sizes_are_headers_and_payload_against_the_limit() {
    let sized = stream(StreamConfig { max_msg_size: 18 + 2, ..config() });
    for (lines, payload_len, expected) in [
        (&[][..], 20, "append 1"),
        (&[], 21, "400 10054 message size exceeds maximum allowed"),
        (&["A: b"], 2, "append 1"),
        (&["A: b"], 3, "400 10054 message size exceeds maximum allowed"),
    ] {
        assert_eq!(answer(admit_at(&sized, T0, "S.a", lines, payload_len)), expected);
    }
    let free = stream(config());
    let long = "b".repeat(65_535 - 17);
    check(&free, "S.a", &[&format!("A: {long}")], "append 1");
    check(
        &free,
        "S.a",
        &[&format!("A: {long}b")],
        "400 10097 header size exceeds maximum allowed of 64k",
    );
}

#[test]
fn times_never_go_back() {
    let mut stream = stream(config());
    put(&mut stream, "S.a");
    let earlier = Timestamp(5);

    assert_eq!(admit_at(&stream, earlier, "S.a", &[], 1), Ok(Admission::Append { seq: 2, ts: T0 }));
}

#[test]
fn interest_without_a_consumer_burns_the_sequence_and_remembers_the_id() {
    let mut stream = stream(StreamConfig {
        retention: Retention::Interest,
        discard: Discard::New,
        max_msgs: 1,
        ..config()
    });
    put(&mut stream, "S.a");
    let block = block(&["Nats-Msg-Id: q"]);
    let headers = PublishHeaders::parse(&block);
    let publish = Publish { subject: b"S.b", headers: &headers, payload_len: 1, is_wanted: false };

    let burn = stream.admit(T0, &publish);
    stream.apply_burn(2, T0, headers.msg_id, Lsn(2));

    assert_eq!(answer(burn), "burn 2");
    assert_eq!(answer(stream.admit(T0, &publish)), "duplicate 2");
    check(&stream, "S.b", &[], "503 10077 maximum messages exceeded");
    assert_eq!((live(&stream), stream.state().last_seq), (vec![1], 2));
}

#[test]
fn a_full_stream_that_discards_new_takes_replacements_only() {
    for storage in [Storage::File, Storage::Memory] {
        let limits = StreamConfig { storage, discard: Discard::New, max_msgs: 2, ..config() };
        let mut kv = stream(StreamConfig { max_msgs_per_subject: 1, ..limits.clone() });
        put(&mut kv, "S.a");
        put(&mut kv, "S.b");
        check(&kv, "S.a", &[], "append 3");
        check(&kv, "S.c", &[], "503 10077 maximum messages exceeded");

        let strict = StreamConfig {
            max_msgs_per_subject: 1,
            discard_new_per_subject: true,
            ..limits.clone()
        };
        kv.update(strict, &mut Vec::new());
        check(&kv, "S.a", &[], "503 10077 maximum messages per subject exceeded");
        check(&kv, "S.c", &[], "503 10077 maximum messages exceeded");
    }
}

#[test]
fn bytes_may_reach_the_limit_but_not_pass_it() {
    for (storage, overhead) in [(Storage::File, 30), (Storage::Memory, 16)] {
        let max_bytes = 2 * (3 + overhead + 10);
        let limits = StreamConfig { storage, discard: Discard::New, max_bytes, ..config() };
        let mut stream = stream(StreamConfig { max_msgs_per_subject: 1, ..limits });
        apply(&mut stream, T0, "S.a", &[], 10);
        assert_eq!(answer(admit_at(&stream, T0, "S.b", &[], 10)), "append 2");
        let full = "503 10077 maximum bytes exceeded";
        assert_eq!(answer(admit_at(&stream, T0, "S.b", &[], 11)), full);
        apply(&mut stream, T0, "S.b", &[], 10);
        for (subject, payload_len, expected) in
            [("S.a", 11, full), ("S.a", 10, "append 3"), ("S.a", 9, "append 3"), ("S.c", 0, full)]
        {
            let answer = answer(admit_at(&stream, T0, subject, &[], payload_len));
            assert_eq!(answer, expected, "{subject} {payload_len}");
        }
    }
}
