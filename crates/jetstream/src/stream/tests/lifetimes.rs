use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::api::{
    config::{Discard, Retention},
    error::ApiError,
};

fn ttls() -> StreamConfig {
    StreamConfig { allow_msg_ttl: true, ..config() }
}

/// `seconds` after the first message.
fn at(seconds: i64) -> Timestamp {
    Timestamp(T0.nanos() + seconds * SECOND)
}

fn ttl_header(ttl: &str) -> Vec<String> {
    if ttl.is_empty() { Vec::new() } else { vec![format!("Nats-TTL: {ttl}")] }
}

/// A stream with one message for each of `ttls`, a second apart.
fn filled(config: StreamConfig, ttls: &[&str]) -> Stream {
    let mut stream = stream(config);
    for (ttl, second) in ttls.iter().zip(0..) {
        let lines = ttl_header(ttl);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        apply(&mut stream, at(second), "S.a", &lines, 1);
    }
    stream
}

#[track_caller]
fn check(stream: &Stream, now: Timestamp, max: u64, ranges: &[(u64, u64)], messages: u64) {
    let expected = Expiry { ranges: ranges.iter().map(|&(a, b)| a..=b).collect(), messages };
    assert_eq!(stream.plan_expiry(now, max), Some(expected).filter(|_| 0 < messages));
}

/// Answers of a running nats-server 2.15.1.
#[test]
fn a_lifetime_is_judged_after_all_else_and_its_permission_before() {
    const INVALID: Option<u16> = Some(10165);
    const DISABLED: Option<u16> = Some(10166);
    let full = StreamConfig {
        max_msgs_per_subject: 1,
        discard: Discard::New,
        discard_new_per_subject: true,
        ..ttls()
    };
    for (lines, enabled, disabled) in [
        (&["Nats-TTL: 1"][..], None, DISABLED),
        (&["Nats-TTL: never"], None, DISABLED),
        (&["Nats-TTL: 1.5s"], None, DISABLED),
        (&["Nats-TTL: 00"], None, None),
        (&["Nats-TTL: "], None, None),
        (&["Nats-TTL: 0"], INVALID, INVALID),
        (&["Nats-TTL: 999ms"], INVALID, INVALID),
        (&["Nats-TTL: junk", "Nats-Msg-Id: a"], None, None),
        (&["Nats-TTL: 5", "Nats-Msg-Id: a"], None, DISABLED),
        (&["Nats-TTL: junk", "Nats-Expected-Last-Sequence: 9"], Some(10071), Some(10071)),
        (&["Nats-TTL: 5", "Nats-Expected-Last-Sequence: 9"], Some(10071), DISABLED),
        (&["Nats-TTL: junk", "Nats-Rollup: sub"], Some(10111), Some(10111)),
    ] {
        for (allow_msg_ttl, expected) in [(true, enabled), (false, disabled)] {
            let mut stream = stream(StreamConfig { allow_msg_ttl, ..full.clone() });
            apply(&mut stream, T0, "S.full", &["Nats-Msg-Id: a"], 1);
            let code = admit(&stream, "S.a", lines).err().map(|no| ApiError::from(no).err_code);
            assert_eq!(code, expected, "{lines:?} {allow_msg_ttl}");
        }
    }
    let mut stream = stream(full);
    put(&mut stream, "S.full");
    assert_eq!(admit(&stream, "S.full", &["Nats-TTL: junk"]), Err(Refusal::TtlInvalid));
    assert_eq!(admit(&stream, "S.full", &["Nats-TTL: 5"]), Err(Refusal::MaxMsgsPerSubject));
}

#[test]
fn a_message_that_nobody_wants_may_ask_for_any_lifetime() {
    let stream = stream(StreamConfig { retention: Retention::Interest, ..ttls() });
    let block = block(&["Nats-TTL: junk"]);
    let headers = &PublishHeaders::parse(&block);

    let publish = Publish { subject: b"S.a", headers, payload_len: 1, is_wanted: false };

    assert_eq!(stream.admit(T0, &publish), Ok(Admission::Burn { seq: 1, ts: T0 }));
}

#[test]
fn a_message_expires_when_its_lifetime_is_over() {
    let mut stream = filled(ttls(), &["", "9", "3s", "3", "", "never", "1"]);

    assert_eq!(stream.next_expiry(), Some(at(5)));
    check(&stream, Timestamp(at(5).nanos() - 1), 9, &[], 0);
    check(&stream, at(5), 9, &[(3, 3)], 1);
    check(&stream, at(6), 9, &[(3, 4)], 2);
    check(&stream, at(7), 9, &[(3, 4), (7, 7)], 3);
    check(&stream, at(99), 9, &[(2, 4), (7, 7)], 4);
    check(&stream, at(99), 2, &[(3, 4)], 2);
    check(&stream, at(99), 0, &[], 0);
    stream.apply_remove(&[3..=3], &mut Vec::new());
    assert_eq!(stream.next_expiry(), Some(at(6)));
    check(&stream, at(99), 9, &[(2, 4), (7, 7)], 3);
    stream.apply_purge_to(8, &mut Vec::new());
    assert_eq!(stream.next_expiry(), None);
    check(&stream, at(99), 9, &[], 0);
}

#[test]
fn the_shorter_of_lifetime_and_max_age_counts() {
    let config = StreamConfig { max_age: 4 * SECOND, ..ttls() };
    let stream = filled(config, &["99", "1", "", "2"]);

    assert_eq!(stream.next_expiry(), Some(at(2)));
    check(&stream, at(2), 9, &[(2, 2)], 1);
    check(&stream, at(4), 9, &[(1, 2)], 2);
    check(&stream, at(5), 1, &[(1, 1)], 1);
    check(&stream, at(5), 2, &[(1, 2)], 2);
    check(&stream, at(5), 3, &[(1, 2), (4, 4)], 3);
    check(&stream, at(7), 9, &[(1, 4)], 4);
}

#[test]
fn a_message_that_never_expires_stays_among_those_that_do() {
    let config = StreamConfig { max_age: 10 * SECOND, ..ttls() };
    let mut stream = filled(config, &["never", "never", "", "", "never", "", "never", "1"]);

    assert_eq!(stream.next_expiry(), Some(at(8)));
    check(&stream, at(99), 9, &[(3, 4), (6, 6), (8, 8)], 4);
    check(&stream, at(99), 3, &[(3, 4), (6, 6)], 3);
    check(&stream, at(99), 2, &[(3, 4)], 2);
    check(&stream, at(99), 1, &[(3, 3)], 1);
    stream.apply_remove(&[3..=4, 6..=6, 8..=8], &mut Vec::new());
    assert_eq!((stream.next_expiry(), live(&stream)), (None, vec![1, 2, 5, 7]));
    apply(&mut stream, at(20), "S.a", &[], 1);
    assert_eq!(stream.next_expiry(), Some(at(30)));
    check(&stream, at(30), 9, &[(9, 9)], 1);
}

#[test]
fn a_lifetime_counts_once_the_stream_allows_them() {
    let mut stream = filled(config(), &["1", ""]);
    assert_eq!((stream.next_expiry(), stream.plan_expiry(at(9), 9)), (None, None));

    stream.update(ttls(), &mut Vec::new());

    assert_eq!(stream.next_expiry(), Some(at(1)));
    check(&stream, at(9), 9, &[(1, 1)], 1);
}

#[test]
fn a_lifetime_beyond_the_end_of_time_is_no_short_one() {
    let stream = filled(ttls(), &["99999999999", "9223372036854775807"]);

    assert_eq!(stream.next_expiry(), Some(Timestamp::MAX));
    check(&stream, at(1_000_000), 9, &[], 0);
}

#[derive(Clone, Debug)]
enum Op {
    Publish { ttl: &'static str, wait: i64 },
    Remove { nth: usize },
    PurgeTo { nth: usize },
    Expire { wait: i64, max: u64 },
    Recover { behind: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let ttl = prop_oneof![3 => Just(""), 2 => Just("never"), 1 => Just("1"), 2 => Just("5s"), 2 => Just("9")];
    prop_oneof![
        10 => (ttl, 0..3_i64).prop_map(|(ttl, wait)| Op::Publish { ttl, wait }),
        2 => any::<usize>().prop_map(|nth| Op::Remove { nth }),
        1 => any::<usize>().prop_map(|nth| Op::PurgeTo { nth }),
        4 => (0..6_i64, 1..6_u64).prop_map(|(wait, max)| Op::Expire { wait, max }),
        1 => (0..4_u64).prop_map(|behind| Op::Recover { behind }),
    ]
}

fn limits() -> impl Strategy<Value = StreamConfig> {
    let ages = prop_oneof![Just(0), Just(3), Just(7), Just(20)];
    (ages, prop_oneof![Just(-1), 3..9_i64], any::<bool>()).prop_map(
        |(age, max_msgs, allow_msg_ttl)| StreamConfig {
            max_age: age * SECOND,
            max_msgs,
            allow_msg_ttl,
            ..config()
        },
    )
}

/// All that was ever published, and what of it is left.
#[derive(Debug)]
struct Model {
    config: StreamConfig,
    now: i64,
    published: Vec<(u64, i64, &'static str)>,
    /// When each live message is over.
    ends: BTreeMap<u64, Option<i64>>,
}

impl Model {
    fn end(&self, second: i64, ttl: &str) -> Option<i64> {
        let age = Some(self.config.max_age / SECOND).filter(|&age| 0 < age);
        let own = ttl.trim_end_matches('s').parse().ok().filter(|_| self.config.allow_msg_ttl);
        let age = age.filter(|_| ttl != "never");
        age.into_iter().chain(own).min().map(|seconds: i64| second + seconds)
    }

    fn publish(&mut self, seq: u64, ttl: &'static str) {
        self.published.push((seq, self.now, ttl));
        self.ends.insert(seq, self.end(self.now, ttl));
        while 0 < self.config.max_msgs
            && usize::try_from(self.config.max_msgs).unwrap() < self.ends.len()
        {
            self.ends.pop_first();
        }
    }

    fn nth(&self, nth: usize) -> Option<u64> {
        self.ends.keys().nth(nth % self.ends.len().max(1)).copied()
    }

    fn over(&self) -> Vec<u64> {
        let over = |&(_, end): &(&u64, &Option<i64>)| end.is_some_and(|end| end <= self.now);
        self.ends.iter().filter(over).map(|(seq, _)| *seq).collect()
    }
}

fn record(stream: &mut Stream, message: (u64, i64, &'static str), load_only: bool) {
    let (seq, second, ttl) = message;
    let block = ttl_header(ttl).first().map(|line| block(&[line])).unwrap_or_default();
    let record = PublishRecord {
        seq,
        ts: at(second),
        subject: b"S.a",
        headers: &PublishHeaders::parse(&block),
        payload_len: 1,
        position: index::Position { segment: 1, offset: 2 },
        len: 1,
        lsn: Lsn(seq),
    };
    if load_only {
        stream.load(&record);
    } else {
        stream.apply_publish(&record, &mut Vec::new());
    }
}

fn step(stream: &mut Stream, model: &mut Model, op: &Op) {
    match *op {
        Op::Publish { ttl, wait } => {
            model.now += wait;
            let seq = stream.index().last_seq() + 1;
            record(stream, (seq, model.now, ttl), false);
            model.publish(seq, ttl);
        }
        Op::Remove { nth } => {
            if let Some(seq) = model.nth(nth) {
                stream.apply_remove(&[seq..=seq], &mut Vec::new());
                model.ends.remove(&seq);
            }
        }
        Op::PurgeTo { nth } => {
            if let Some(seq) = model.nth(nth) {
                stream.apply_purge_to(seq, &mut Vec::new());
                model.ends.retain(|&live, _| seq <= live);
            }
        }
        Op::Expire { wait, max } => {
            model.now += wait;
            let over = model.over();
            let expiry = stream.plan_expiry(at(model.now), max).unwrap_or_default();
            let mut removed = Vec::new();
            stream.apply_remove(&expiry.ranges, &mut removed);
            let gone = seqs(&removed);
            assert_eq!(u64::try_from(gone.len()).unwrap(), expiry.messages);
            assert_eq!(expiry.messages, max.min(u64::try_from(over.len()).unwrap()));
            assert!(gone.iter().all(|seq| over.contains(seq)), "{gone:?} of {over:?}");
            model.ends.retain(|seq, _| !gone.contains(seq));
        }
        Op::Recover { behind } => {
            let bytes = stream.snapshot();
            let mut after = self::stream(StreamConfig::default());
            for &message in &model.published {
                record(&mut after, message, true);
            }
            let last = model.published.last().map_or(0, |message| message.0);
            for seq in last + 1..=last + behind {
                record(&mut after, (seq, model.now, "never"), true);
            }
            after.adopt(model.config.clone(), T0);
            let snapshot = Snapshot::decode(&bytes).unwrap();
            let found = FoundIds::default();
            let missing = after.reconcile(&snapshot, found, &mut Vec::new());
            assert_eq!((missing.messages, missing.ids), (Vec::new(), 0));
            *stream = after;
        }
    }
}

proptest! {
    #[test]
    fn exactly_what_is_over_expires_before_and_after_a_recovery(
        config in limits(),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut stream = stream(config.clone());
        let mut model = Model { config, now: 0, published: Vec::new(), ends: BTreeMap::new() };
        for op in &ops {
            step(&mut stream, &mut model, op);
            let expected: Vec<u64> = model.ends.keys().copied().collect();
            prop_assert_eq!(live(&stream), expected);
            let next = model.ends.values().flatten().min().map(|&second| at(second));
            prop_assert_eq!(stream.next_expiry(), next);
        }
    }
}
