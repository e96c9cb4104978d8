use proptest::prelude::*;

use super::*;
use crate::api::json::{Words, from_json, to_json};

/// Every word that is written is read as the same value.
fn assert_words<T: Words + serde::Serialize + PartialEq + std::fmt::Debug>() {
    for &(_, value) in T::WORDS {
        let written = to_json(&value);
        assert_eq!(crate::api::json::find_word(&written), Some(value));
    }
}

#[test]
fn words_are_written_as_they_are_read() {
    assert_words::<Retention>();
    assert_words::<Discard>();
    assert_words::<Storage>();
    assert_words::<Compression>();
    assert_words::<PersistMode>();
    assert_words::<DeliverPolicy>();
    assert_words::<AckPolicy>();
    assert_words::<ReplayPolicy>();
    assert_words::<PriorityPolicy>();
}

fn words<T: Words + std::fmt::Debug>() -> impl Strategy<Value = T> {
    (0..T::WORDS.len()).prop_map(|idx| T::WORDS[idx].1)
}

fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(".{1,6}")
}

prop_compose! {
    fn numbers()(
        a: i64, b: i64, c: i64, d: i32, e: u64, flags: [bool; 8],
    ) -> ([i64; 3], i32, u64, [bool; 8]) {
        ([a, b, c], d, e, flags)
    }
}

prop_compose! {
    fn any_stream()(
        (ints, small, seq, flags) in numbers(),
        name in ".{0,6}",
        description in text(),
        subjects in proptest::collection::vec(".{0,4}", 0..3),
        retention in words(),
        discard in words(),
        storage in words(),
        compression in words(),
        metadata in proptest::collection::btree_map(".{0,4}", ".{0,4}", 0..3),
    ) -> StreamConfig {
        StreamConfig {
            name, description, subjects, retention, discard, storage, compression, metadata,
            max_msgs: ints[0],
            max_age: ints[1],
            num_replicas: ints[2],
            max_msg_size: small,
            first_seq: seq,
            no_ack: flags[0],
            sealed: flags[1],
            allow_direct: flags[2],
            deny_purge: flags[3],
            allow_msg_ttl: flags[4],
            consumer_limits: ConsumerLimits { max_ack_pending: ints[1], inactive_threshold: ints[0] },
            placement: flags[5].then(|| Placement { cluster: "c".to_owned(), ..Placement::default() }),
            sources: if flags[6] {
                vec![StreamSource { name: "o".to_owned(), opt_start_seq: seq, ..StreamSource::default() }]
            } else {
                Vec::new()
            },
            republish: flags[7].then(Republish::default),
            ..StreamConfig::default()
        }
    }
}

prop_compose! {
    fn any_consumer()(
        (ints, _, seq, flags) in numbers(),
        durable_name in text(),
        filter_subject in text(),
        filter_subjects in proptest::collection::vec(".{0,4}", 0..3),
        backoff: Vec<i64>,
        deliver_policy in words(),
        ack_policy in words(),
        replay_policy in words(),
        at: i64,
    ) -> ConsumerConfig {
        let time = crate::api::time::format_time(Some(tradewind_subject::Timestamp(at)));
        ConsumerConfig {
            durable_name, filter_subject, filter_subjects, backoff, deliver_policy, ack_policy,
            replay_policy,
            opt_start_seq: Some(seq).filter(|&seq| seq > 0),
            opt_start_time: flags[0].then_some(time),
            ack_wait: ints[0],
            max_deliver: ints[1],
            inactive_threshold: ints[2],
            flow_control: flags[1],
            mem_storage: flags[2],
            ..ConsumerConfig::default()
        }
    }
}

proptest! {
    #[test]
    fn a_stream_survives_writing_and_reading(config in any_stream()) {
        prop_assert_eq!(from_json::<StreamConfig>(&to_json(&config)), Ok(config));
    }

    #[test]
    fn a_consumer_survives_writing_and_reading(config in any_consumer()) {
        prop_assert_eq!(from_json::<ConsumerConfig>(&to_json(&config)), Ok(config));
    }
}

#[test]
fn what_a_client_was_shown_means_the_same_stream() {
    let mut stored = StreamConfig::default();
    stored.settle_metadata();
    assert!(stored.shown().is_same_as(&stored));
    assert!(StreamConfig::default().is_same_as(&stored));
    let labelled =
        StreamConfig { metadata: [("a".to_owned(), "b".to_owned())].into(), ..stored.clone() };
    assert!(!labelled.is_same_as(&stored));
}

#[test]
fn newer_features_raise_the_level_a_server_needs() {
    let plain = StreamConfig::default;
    for (config, level) in [
        (plain(), 0),
        (StreamConfig { allow_msg_ttl: true, ..plain() }, 1),
        (StreamConfig { allow_atomic: true, ..plain() }, 2),
        (StreamConfig { allow_batched: true, allow_atomic: true, ..plain() }, 4),
    ] {
        assert_eq!(config.required_level(), level);
    }
}
