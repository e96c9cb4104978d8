use super::*;
use crate::{
    api::{config::Storage, error::ApiError},
    stream::filter::FilterSet,
};

fn code(refusal: Refusal) -> (u16, u16) {
    let error = ApiError::from(refusal);
    (error.code, error.err_code)
}

/// Ten messages of `S.a`, `S.b`, `S.c` in turn, without those of `gone`.
fn ten(gone: &[u64]) -> Stream {
    let mut stream = stream(config());
    for n in 0..10 {
        put(&mut stream, ["S.a", "S.b", "S.c"][n % 3]);
    }
    for &seq in gone {
        stream.apply_remove(&[seq..=seq], &mut Vec::new());
    }
    stream
}

fn purge(stream: &mut Stream, filter: &str, seq: u64, keep: u64) -> u64 {
    let request = PurgeRequest { filter: filter.as_bytes(), seq, keep };
    let plan = stream.plan_purge(&request).unwrap();
    let mut removed = Vec::new();
    match plan.removal {
        Some(Removal::To(seq)) => stream.apply_purge_to(seq, &mut removed),
        Some(Removal::Ranges(ranges)) => stream.apply_remove(&ranges, &mut removed),
        None => (),
    }
    assert_eq!(u64::try_from(removed.len()).unwrap(), plan.purged, "{request:?}");
    plan.purged
}

/// Purged, first, last, and what is left, as a running nats-server 2.15.1 answers.
#[test]
fn a_purge_takes_out_what_filter_sequence_and_keep_say() {
    let all: Vec<u64> = (1..=10).collect();
    for (gone, filter, seq, keep, purged, first, last, left) in [
        (&[][..], "", 0, 0, 10, 11, 10, vec![]),
        (&[], "", 5, 0, 4, 5, 10, (5..=10).collect()),
        (&[], "", 1, 0, 0, 1, 10, all.clone()),
        (&[], "", 11, 0, 10, 11, 10, vec![]),
        (&[], "", 100, 0, 10, 100, 99, vec![]),
        (&[], ">", 100, 0, 10, 100, 99, vec![]),
        (&[], "", 0, 3, 7, 8, 10, vec![8, 9, 10]),
        (&[], "", 0, 10, 0, 1, 10, all.clone()),
        (&[], "", 0, 20, 0, 1, 10, all.clone()),
        (&[], "S.a", 0, 0, 4, 2, 10, vec![2, 3, 5, 6, 8, 9]),
        (&[], "S.a", 7, 0, 2, 2, 10, vec![2, 3, 5, 6, 7, 8, 9, 10]),
        (&[], "S.a", 8, 0, 3, 2, 10, vec![2, 3, 5, 6, 8, 9, 10]),
        (&[], "S.a", 100, 0, 4, 2, 10, vec![2, 3, 5, 6, 8, 9]),
        (&[], "S.a", 0, 1, 3, 2, 10, vec![2, 3, 5, 6, 8, 9, 10]),
        (&[], "S.*", 0, 2, 8, 9, 10, vec![9, 10]),
        (&[], "S.>", 100, 0, 10, 11, 10, vec![]),
        (&[], "S.zz", 0, 0, 0, 1, 10, all.clone()),
        (&[], "a..b", 0, 0, 0, 1, 10, all.clone()),
        (&[9, 8], "", 0, 3, 5, 6, 10, vec![6, 7, 10]),
        (&[5, 6], "", 5, 0, 4, 7, 10, vec![7, 8, 9, 10]),
        (&[10], "S.a", 0, 1, 2, 2, 10, vec![2, 3, 5, 6, 7, 8, 9]),
        (&[10, 9], "", 0, 2, 6, 7, 10, vec![7, 8]),
    ] {
        let mut stream = ten(gone);
        let context = format!("{gone:?} {filter:?} seq {seq} keep {keep}");
        assert_eq!(purge(&mut stream, filter, seq, keep), purged, "{context}");
        let state = stream.state();
        assert_eq!((state.first_seq, state.last_seq), (first, last), "{context}");
        assert_eq!(live(&stream), left, "{context}");
        assert_eq!(state.last_ts, Some(T0), "{context}");
    }
}

#[test]
fn a_purge_of_an_empty_stream_moves_its_sequence_forward_only() {
    let mut stream = stream(config());
    for (seq, first, last) in [(0, 0, 0), (1, 0, 0), (10, 10, 9), (3, 10, 9), (0, 10, 9)] {
        assert_eq!(purge(&mut stream, "", seq, 0), 0);
        let state = stream.state();
        assert_eq!((state.first_seq, state.last_seq), (first, last), "seq {seq}");
    }
    put(&mut stream, "S.a");
    assert_eq!(live(&stream), [10]);
}

#[test]
fn ranges_of_a_purge_span_what_is_gone_already() {
    let stream = ten(&[2, 3]);
    let request = PurgeRequest { filter: b"S.a", ..PurgeRequest::default() };

    let plan = stream.plan_purge(&request).unwrap();

    assert_eq!(plan.removal, Some(Removal::Ranges(vec![1..=4, 7..=7, 10..=10])));
}

#[test]
fn purge_and_delete_are_refused_where_the_configuration_says_so() {
    for (config, purge_code, delete_code) in [
        (StreamConfig { sealed: true, ..config() }, (400, 10109), (400, 10109)),
        (
            StreamConfig { deny_purge: true, deny_delete: true, ..config() },
            (500, 10110),
            (500, 10057),
        ),
    ] {
        let mut stream = stream(config.clone());
        put(&mut stream, "S.a");
        let refusal = stream.plan_purge(&PurgeRequest::default()).unwrap_err();
        assert_eq!(code(refusal), purge_code);
        assert_eq!(code(stream.plan_delete(1).unwrap_err()), delete_code);
    }
    let both = PurgeRequest { seq: 5, keep: 1, ..PurgeRequest::default() };
    assert_eq!(code(ten(&[]).plan_purge(&both).unwrap_err()), (400, 10003));
}

#[test]
fn a_delete_of_nothing_is_told_as_the_store_tells_it() {
    for (storage, seq, expected) in [
        (Storage::File, 0, "no message found"),
        (Storage::File, 1, "no message found"),
        (Storage::File, 4, "sequence 4 not found"),
        (Storage::File, 11, "stream store EOF"),
        (Storage::Memory, 1, "sequence 1 not found"),
        (Storage::Memory, 11, "sequence 11 not found"),
    ] {
        let mut stream = ten(&[1, 4]);
        stream.update(StreamConfig { storage, ..config() }, &mut Vec::new());
        assert_eq!(stream.plan_delete(seq).unwrap_err().to_string(), expected, "{storage:?} {seq}");
        assert_eq!(stream.plan_delete(2), Ok(()));
    }
}

#[test]
fn old_messages_expire_in_bounded_steps() {
    let mut stream = stream(StreamConfig { max_age: 10 * SECOND, ..config() });
    let at = |seconds: i64| Timestamp(T0.nanos() + seconds * SECOND);
    assert_eq!((stream.next_expiry(), stream.plan_expiry(at(99), 9)), (None, None));
    for second in 0..6 {
        apply(&mut stream, at(second), "S.a", &[], 1);
    }
    stream.apply_remove(&[2..=2], &mut Vec::new());

    assert_eq!(stream.next_expiry(), Some(at(10)));
    assert_eq!(stream.plan_expiry(Timestamp(at(10).nanos() - 1), 9), None);
    assert_eq!(stream.plan_expiry(at(10), 9), Some(Expiry { ranges: vec![1..=2], messages: 1 }));
    assert_eq!(stream.plan_expiry(at(13), 9), Some(Expiry { ranges: vec![1..=4], messages: 3 }));
    assert_eq!(stream.plan_expiry(at(13), 2), Some(Expiry { ranges: vec![1..=3], messages: 2 }));
    assert_eq!(stream.plan_expiry(at(99), 9), Some(Expiry { ranges: vec![1..=6], messages: 5 }));
    stream.update(config(), &mut Vec::new());
    assert_eq!((stream.next_expiry(), stream.plan_expiry(at(99), 9)), (None, None));
}

#[test]
fn subjects_are_listed_in_pages() {
    let mut stream = ten(&[]);
    put(&mut stream, "other");

    let page = stream.subjects(&FilterSet::one("S.*"), 1, 1);

    assert_eq!(page, SubjectPage { total: 3, subjects: vec![(b"S.b", 3)] });
    let beyond = stream.subjects(&FilterSet::all(), 9, 10);
    assert_eq!(beyond, SubjectPage { total: 4, subjects: vec![] });
}

#[test]
fn the_state_counts_holes_between_first_and_last() {
    let stream = ten(&[1, 4, 5, 10]);
    let state = stream.state();

    assert_eq!((state.first_seq, state.last_seq, state.messages), (2, 10, 6));
    assert_eq!((state.num_deleted, stream.deleted(9)), (3, vec![4, 5, 10]));
    assert_eq!(stream.deleted(2), [4, 5]);
    assert_eq!((state.num_subjects, state.bytes), (3, 6 * 34));
}

#[test]
fn a_stream_can_start_at_any_sequence() {
    let mut stream = stream(StreamConfig { first_seq: 50, ..config() });
    let state = stream.state();
    assert_eq!((state.first_seq, state.last_seq, state.last_ts), (50, 49, None));

    put(&mut stream, "S.a");

    assert_eq!(live(&stream), [50]);
}
