use proptest::prelude::*;
use tradewind_subject::Timestamp;

use super::*;
use crate::api::config::{AckPolicy, ConsumerConfig, StreamConfig};
use crate::api::json::from_json;
use crate::api::validate::{ServerLimits, check_consumer_config, check_stream_config};

const CFG: &str = r#"{"name":"S","subjects":["s.*"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":-1,"max_msg_size":-1,"discard":"old","storage":"file","num_replicas":1,"duplicate_window":120000000000,"compression":"none","allow_direct":false,"mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,"allow_rollup_hdrs":false,"consumer_limits":{},"allow_msg_ttl":false,"metadata":{"_nats.level":"5","_nats.req.level":"0","_nats.ver":"2.15.1"}}"#;
const LIST_CFG: &str = r#"{"name":"S","subjects":["s.*"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":-1,"max_msg_size":-1,"discard":"old","storage":"file","num_replicas":1,"duplicate_window":120000000000,"compression":"none","allow_direct":false,"mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,"allow_rollup_hdrs":false,"consumer_limits":{},"allow_msg_ttl":false,"metadata":{"_nats.req.level":"0"}}"#;
const T: &str = "2026-01-02T03:04:05.0600708Z";
const AT: Timestamp = Timestamp(1_767_323_045_060_070_800);

fn config() -> StreamConfig {
    let mut config: StreamConfig = from_json(br#"{"name":"S","subjects":["s.*"]}"#).unwrap();
    config.settle_metadata();
    check_stream_config(config, &ServerLimits::default(), false).unwrap()
}

fn stream() -> StreamInfo {
    let state = StreamState::default();
    StreamInfo {
        config: config(),
        created: AT,
        state,
        domain: None,
        cluster: None,
        ts: AT,
        durability: String::new(),
    }
}

fn consumer() -> ConsumerInfo {
    let mut asked = ConsumerConfig {
        durable_name: Some("C".to_owned()),
        name: Some("C".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..ConsumerConfig::default()
    };
    asked.settle_metadata();
    let limits = ServerLimits::default();
    ConsumerInfo {
        stream_name: "S".to_owned(),
        name: "C".to_owned(),
        created: AT,
        config: check_consumer_config(asked, &config(), &limits, false).unwrap(),
        delivered: SequenceInfo::default(),
        ack_floor: SequenceInfo::default(),
        num_ack_pending: 0,
        num_redelivered: 0,
        num_waiting: 0,
        num_pending: 2,
        push_bound: false,
        paused: false,
        pause_remaining: 0,
        ts: AT,
    }
}

#[track_caller]
fn assert_json(bytes: &[u8], expected: &str) {
    let expected = expected
        .replace("<CFG>", CFG)
        .replace("<LIST_CFG>", LIST_CFG)
        .replace("<T>", T)
        .replace("<V1>", "io.nats.jetstream.api.v1");
    assert_eq!(std::str::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn streams_are_shown_as_by_nats_server() {
    let zero = r#""first_seq":0,"first_ts":"0001-01-01T00:00:00Z","last_seq":0,"last_ts":"0001-01-01T00:00:00Z""#;
    let shown = StreamInfo { domain: Some("DOM".to_owned()), ..stream() };
    assert_json(
        &stream_create(&shown),
        &format!(
            r#"{{"type":"<V1>.stream_create_response","config":<CFG>,"created":"<T>","state":{{"messages":0,"bytes":0,{zero},"consumer_count":0}},"ts":"<T>","did_create":true}}"#
        ),
    );
    assert_json(
        &stream_update(&stream()),
        &format!(
            r#"{{"type":"<V1>.stream_update_response","config":<CFG>,"created":"<T>","state":{{"messages":0,"bytes":0,{zero},"consumer_count":0}},"ts":"<T>"}}"#
        ),
    );
    assert_json(
        &stream_list(Page { total: 1, offset: 0, limit: LIST_LIMIT }, &[stream()]),
        &format!(
            r#"{{"type":"<V1>.stream_list_response","total":1,"offset":0,"limit":256,"streams":[{{"config":<LIST_CFG>,"created":"<T>","state":{{"messages":0,"bytes":0,{zero},"consumer_count":0}},"ts":"<T>"}}]}}"#
        ),
    );
}

#[test]
fn stream_info_shows_its_server_domain_and_subjects() {
    let state = StreamState {
        messages: 2,
        bytes: 120,
        first_seq: 1,
        first_ts: Some(AT),
        last_seq: 2,
        last_ts: Some(AT),
        num_subjects: 2,
        ..StreamState::default()
    };
    let info = StreamInfo { state: state.clone(), ..stream() };
    assert_json(
        &stream_info(&info, "srv1", Page::default()),
        r#"{"type":"<V1>.stream_info_response","total":0,"offset":0,"limit":0,"config":<CFG>,"created":"<T>","state":{"messages":2,"bytes":120,"first_seq":1,"first_ts":"<T>","last_seq":2,"last_ts":"<T>","num_subjects":2,"consumer_count":0},"cluster":{"leader":"srv1"},"ts":"<T>"}"#,
    );
    let subjects = [("s.b".to_owned(), 1), ("s.a".to_owned(), 1)].into();
    let state = StreamState { subjects, num_deleted: 1, deleted: vec![3], ..state };
    let info = StreamInfo { state, domain: Some("DOM".to_owned()), ..stream() };
    assert_json(
        &stream_info(&info, "srv1", Page { total: 2, offset: 0, limit: SUBJECTS_LIMIT }),
        r#"{"type":"<V1>.stream_info_response","total":2,"offset":0,"limit":100000,"config":<CFG>,"created":"<T>","state":{"messages":2,"bytes":120,"first_seq":1,"first_ts":"<T>","last_seq":2,"last_ts":"<T>","num_subjects":2,"subjects":{"s.a":1,"s.b":1},"num_deleted":1,"deleted":[3],"consumer_count":0},"domain":"DOM","cluster":{"leader":"srv1"},"ts":"<T>"}"#,
    );
}

#[test]
fn consumers_are_shown_as_by_nats_server() {
    assert_json(
        &consumer_create(&consumer()),
        r#"{"type":"<V1>.consumer_create_response","stream_name":"S","name":"C","created":"<T>","config":{"durable_name":"C","name":"C","deliver_policy":"all","ack_policy":"explicit","ack_wait":30000000000,"max_deliver":-1,"replay_policy":"instant","max_waiting":512,"max_ack_pending":1000,"num_replicas":0,"metadata":{"_nats.level":"5","_nats.req.level":"0","_nats.ver":"2.15.1"}},"delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0},"num_ack_pending":0,"num_redelivered":0,"num_waiting":0,"num_pending":2,"ts":"<T>"}"#,
    );
    let delivered = SequenceInfo { consumer_seq: 1, stream_seq: 1, last_active: Some(AT) };
    let info = ConsumerInfo { delivered, num_ack_pending: 1, push_bound: true, ..consumer() };
    assert_json(
        &consumer_info(&info),
        r#"{"type":"<V1>.consumer_info_response","stream_name":"S","name":"C","created":"<T>","config":{"durable_name":"C","name":"C","deliver_policy":"all","ack_policy":"explicit","ack_wait":30000000000,"max_deliver":-1,"replay_policy":"instant","max_waiting":512,"max_ack_pending":1000,"num_replicas":0,"metadata":{"_nats.level":"5","_nats.req.level":"0","_nats.ver":"2.15.1"}},"delivered":{"consumer_seq":1,"stream_seq":1,"last_active":"<T>"},"ack_floor":{"consumer_seq":0,"stream_seq":0},"num_ack_pending":1,"num_redelivered":0,"num_waiting":0,"num_pending":2,"push_bound":true,"ts":"<T>"}"#,
    );
    let list = consumer_list(Page { total: 1, offset: 0, limit: LIST_LIMIT }, &[consumer()]);
    let list = String::from_utf8(list).unwrap();
    assert!(list.contains(r#""limit":256,"consumers":[{"stream_name":"S","name":"C""#), "{list}");
    assert!(list.contains(r#""metadata":{"_nats.req.level":"0"}"#), "{list}");
}

#[test]
fn short_answers_are_those_of_nats_server() {
    let (page, _) = Page::of(1, 0, NAMES_LIMIT);
    for (bytes, expected) in [
        (
            stream_names(page, &["S"]),
            r#"{"type":"<V1>.stream_names_response","total":1,"offset":0,"limit":1024,"streams":["S"]}"#,
        ),
        (
            stream_names(Page { total: 0, ..page }, &[]),
            r#"{"type":"<V1>.stream_names_response","total":0,"offset":0,"limit":1024,"streams":null}"#,
        ),
        (
            consumer_names(page, &["C"]),
            r#"{"type":"<V1>.consumer_names_response","total":1,"offset":0,"limit":1024,"consumers":["C"]}"#,
        ),
        (
            consumer_names(Page { total: 0, ..page }, &[]),
            r#"{"type":"<V1>.consumer_names_response","total":0,"offset":0,"limit":1024,"consumers":[]}"#,
        ),
        (
            deleted(ApiCall::StreamDelete("S")),
            r#"{"type":"<V1>.stream_delete_response","success":true}"#,
        ),
        (stream_purge(3), r#"{"type":"<V1>.stream_purge_response","success":true,"purged":3}"#),
        (
            msg_get(&StoredMessage {
                subject: b"s.b",
                seq: 2,
                hdrs: b"NATS/1.0\r\nFoo: bar\r\n\r\n",
                data: b"hello2",
                time: AT,
            }),
            r#"{"type":"<V1>.stream_msg_get_response","message":{"subject":"s.b","seq":2,"hdrs":"TkFUUy8xLjANCkZvbzogYmFyDQoNCg==","data":"aGVsbG8y","time":"<T>"}}"#,
        ),
        (
            msg_get(&StoredMessage { subject: b"s.b", seq: 2, hdrs: b"", data: b"", time: AT }),
            r#"{"type":"<V1>.stream_msg_get_response","message":{"subject":"s.b","seq":2,"time":"<T>"}}"#,
        ),
        (
            account_info(&AccountInfo::default()),
            r#"{"type":"<V1>.account_info_response","memory":0,"storage":0,"reserved_memory":0,"reserved_storage":0,"streams":0,"consumers":0,"limits":{"max_memory":-1,"max_storage":-1,"max_streams":-1,"max_consumers":-1,"max_ack_pending":-1,"memory_max_stream_bytes":-1,"storage_max_stream_bytes":-1,"max_bytes_required":false},"api":{"level":5,"total":0,"errors":0}}"#,
        ),
    ] {
        assert_json(&bytes, expected);
    }
}

#[test]
fn a_refusal_shows_the_keys_its_answer_always_has() {
    let error = r#""error":{"code":400,"err_code":10003,"description":"bad request"}"#;
    for (subject, kind, rest) in [
        ("STREAM.CREATE.S", "stream_create", ""),
        ("STREAM.INFO.S", "stream_info", r#","total":0,"offset":0,"limit":0"#),
        ("STREAM.NAMES", "stream_names", r#","total":0,"offset":0,"limit":0,"streams":null"#),
        ("STREAM.LIST", "stream_list", r#","total":0,"offset":0,"limit":0,"streams":[]"#),
        ("CONSUMER.NAMES.S", "consumer_names", r#","total":0,"offset":0,"limit":0,"consumers":[]"#),
        ("CONSUMER.LIST.S", "consumer_list", r#","total":0,"offset":0,"limit":0,"consumers":[]"#),
        ("STREAM.PURGE.S", "stream_purge", r#","purged":0"#),
        ("STREAM.RESTORE.S", "stream_restore", r#","deliver_subject":"""#),
        (
            "CONSUMER.PAUSE.S.C",
            "consumer_pause",
            r#","paused":false,"pause_until":"0001-01-01T00:00:00Z""#,
        ),
        ("CONSUMER.RESET.S.C", "consumer_reset", r#","reset_seq":0"#),
        ("STREAM.PEER.REMOVE.S", "stream_remove_peer", ""),
    ] {
        let call = ApiCall::parse(subject.as_bytes()).unwrap();
        let expected = format!(r#"{{"type":"<V1>.{kind}_response",{error}{rest}}}"#);
        assert_json(&refusal(call, &ApiError::BAD_REQUEST), &expected);
    }
}

#[test]
fn a_publisher_is_told_what_nats_server_tells() {
    let mut buf = Vec::new();
    append_pub_ack(&mut buf, &pub_ack_prefix("S", None), 1, false);
    append_pub_ack(&mut buf, &pub_ack_prefix("S", None), 2, true);
    append_pub_ack(&mut buf, &pub_ack_prefix("X", Some("DOM")), u64::MAX, false);
    append_pub_ack(&mut buf, &pub_ack_prefix("S\"<&", None), 1, false);
    append_pub_error(&mut buf, "S", &ApiError::wrong_last_sequence(2));
    append_pub_error(&mut buf, "S\"<&", &ApiError::STREAM_NOT_MATCH);
    let expected = concat!(
        r#"{"stream":"S","seq":1}"#,
        r#"{"stream":"S","seq":2,"duplicate": true}"#,
        r#"{"stream":"X","domain":"DOM","seq":18446744073709551615}"#,
        r#"{"stream":"S\"<&","seq":1}"#,
        r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 2"},"stream":"S","seq":0}"#,
        r#"{"error":{"code":400,"err_code":10060,"description":"expected stream does not match"},"stream":"S\"\u003c\u0026","seq":0}"#,
    );
    assert_eq!(String::from_utf8(buf).unwrap(), expected);
}

#[test]
fn a_page_never_reaches_beyond_the_end() {
    for (total, offset, limit, range) in [
        (0, 0, 256, 0..0),
        (5, 0, 2, 0..2),
        (5, 4, 2, 4..5),
        (5, 9, 2, 5..5),
        (5, 1, usize::MAX, 1..5),
    ] {
        let (page, found) = Page::of(total, offset, limit);
        assert_eq!((page.total, page.offset, found), (total, offset.min(total), range));
    }
}

proptest! {
    #[test]
    fn a_string_is_written_the_same_on_both_ways(text: String) {
        let mut buf = Vec::new();
        append_json_string(&mut buf, &text);
        prop_assert_eq!(buf, to_json(&text));
    }
}
