use super::*;
use crate::api::config::{ConsumerConfig, StreamConfig};
use crate::api::json::{from_json, to_json};
use crate::api::request::{ConsumerRequest, StreamRequest};
use crate::api::subject::ApiCall;

/// Just enough of an account to play the recorded scenarios.
#[derive(Default)]
struct Account {
    streams: BTreeMap<String, StreamConfig>,
    consumers: BTreeMap<String, ConsumerConfig>,
    limits: ServerLimits,
}

impl Account {
    /// The configuration as it would be shown.
    fn serve(&mut self, subject: &str, body: &str) -> Result<String, ApiError> {
        let json = match ApiCall::parse(subject.as_bytes()).unwrap() {
            ApiCall::StreamCreate(name) => to_json(&self.create(name, body)?.shown()),
            ApiCall::StreamUpdate(name) => to_json(&self.update(name, body)?.shown()),
            ApiCall::ConsumerCreate(target) => {
                let request = ConsumerRequest::parse(&target, body.as_bytes(), true)?;
                to_json(&self.consumer(request)?.shown())
            }
            call => panic!("not played: {call:?}"),
        };
        Ok(String::from_utf8(json).unwrap())
    }

    fn create(&mut self, name: &str, body: &str) -> Result<StreamConfig, ApiError> {
        let request = StreamRequest::create(name, body.as_bytes(), true)?;
        let streams = self.streams.values();
        match plan_stream_create(request, &self.limits, streams, Reserved::default())? {
            StreamPlan::Create(config) => {
                self.streams.insert(name.to_owned(), StreamConfig::clone(&config));
                Ok(*config)
            }
            StreamPlan::Keep => Ok(self.streams[name].clone()),
        }
    }

    fn update(&mut self, name: &str, body: &str) -> Result<StreamConfig, ApiError> {
        let request = StreamRequest::update(name, body.as_bytes(), true, &self.limits)?;
        let old = self.streams.get(name).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let consumers = self.consumers.iter().map(|(name, config)| (name.as_str(), config));
        let (streams, reserved) = (self.streams.values(), Reserved::default());
        let config = plan_stream_update(old, request, &self.limits, streams, consumers, reserved)?;
        self.streams.insert(name.to_owned(), config.clone());
        Ok(config)
    }

    fn consumer(&mut self, request: ConsumerRequest) -> Result<ConsumerConfig, ApiError> {
        let stream = self.streams.get(&request.stream_name).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let name = request.config.asked_name().unwrap_or("made-up").to_owned();
        let existing =
            self.consumers.get(&name).map(|config| ExistingConsumer { config, is_bound: false });
        let others =
            self.consumers.iter().filter(|&(other, _)| *other != name).map(|(_, config)| config);
        let plan = plan_consumer(request, stream, &self.limits, existing, &others)?;
        let (ConsumerPlan::Create(config) | ConsumerPlan::Update(config)) = plan;
        self.consumers.insert(name, config.clone());
        Ok(config)
    }
}

fn unpack(line: &str) -> String {
    line.replace("{256S}", &"S".repeat(256))
        .replace("{256N}", &"N".repeat(256))
        .replace("{4097}", &"x".repeat(4097))
}

#[test]
fn every_recorded_request_is_answered_as_by_nats_server() {
    let mut lines = include_str!("recorded.txt").lines().filter(|line| !line.starts_with('#'));
    let mut account = Account::default();
    let mut n_requests = 0;
    while let Some(line) = lines.next() {
        if line.is_empty() {
            account = Account::default();
            continue;
        }
        let request = unpack(line);
        let (subject, body) = request.split_once(' ').unwrap();
        let expected = lines.next().unwrap().trim_start();
        let answer = match account.serve(subject, body) {
            Ok(_) if expected == "ok" => "ok".to_owned(),
            Ok(config) => config,
            Err(error) => format!("{} {} {}", error.code, error.err_code, error.description),
        };
        assert_eq!(answer, expected, "{line}");
        n_requests += 1;
    }
    assert!(n_requests > 200, "{n_requests}");
}

#[test]
fn what_is_not_supported_yet_is_refused_by_name() {
    for (field, json) in [
        ("mirror", r#""mirror":{"name":"T"}"#),
        ("sources", r#""sources":[{"name":"T"}]"#),
        ("subject_transform", r#""subject_transform":{"src":"a","dest":"b"}"#),
        ("republish", r#""republish":{"src":"a","dest":"b"}"#),
        ("subject_delete_marker_ttl", r#""subject_delete_marker_ttl":1000000000"#),
        ("allow_msg_counter", r#""allow_msg_counter":true"#),
        ("allow_atomic", r#""allow_atomic":true"#),
        ("allow_msg_schedules", r#""allow_msg_schedules":true"#),
        ("allow_batched", r#""allow_batched":true"#),
    ] {
        let body = format!(r#"{{"name":"S",{json}}}"#);
        let error = Account::default().serve("STREAM.CREATE.S", &body).unwrap_err();
        let text = format!("{field} is not supported by this server yet");
        assert_eq!(error, ApiError::stream_invalid_config(text));
    }
    for (field, json) in [
        ("ack_policy flow_control", r#""ack_policy":"flow_control","deliver_subject":"d""#),
        ("pause_until", r#""pause_until":"2030-01-01T00:00:00Z""#),
        ("priority_policy", r#""priority_policy":"overflow","priority_groups":["a"]"#),
        ("direct", r#""direct":true,"deliver_subject":"d""#),
        ("sourcing", r#""sourcing":true"#),
    ] {
        let mut account = Account::default();
        account.serve("STREAM.CREATE.S", r#"{"name":"S"}"#).unwrap();
        let body = format!(r#"{{"stream_name":"S","config":{{{json}}}}}"#);
        let error = account.serve("CONSUMER.CREATE.S.C", &body).unwrap_err();
        let text = format!("{field} is not supported by this server yet");
        assert_eq!(error, ApiError::consumer_create(text));
    }
}

#[test]
fn limits_of_server_and_account_hold() {
    let account = AccountLimits {
        max_streams: 1,
        max_consumers: 3,
        max_memory: 300,
        max_bytes_required: true,
        memory_max_stream_bytes: 100,
        ..AccountLimits::default()
    };
    let limits = ServerLimits {
        max_storage: 1_000,
        duplicate_window: 60 * SECOND,
        account,
        ..ServerLimits::default()
    };
    let full = StreamConfig { name: "T".to_owned(), ..StreamConfig::default() };
    for (json, others, error) in [
        (r#"{"name":"S","max_bytes":1}"#, vec![&full], ApiError::MAXIMUM_STREAMS_LIMIT),
        (
            r#"{"name":"S","max_bytes":1,"max_consumers":4}"#,
            vec![],
            ApiError::MAXIMUM_CONSUMERS_LIMIT,
        ),
        (r#"{"name":"S"}"#, vec![], ApiError::STREAM_MAX_BYTES_REQUIRED),
        (r#"{"name":"S","max_bytes":901}"#, vec![], ApiError::STORAGE_RESOURCES_EXCEEDED),
        (
            r#"{"name":"S","max_bytes":301,"storage":"memory"}"#,
            vec![],
            ApiError::MEMORY_RESOURCES_EXCEEDED,
        ),
        (
            r#"{"name":"S","max_bytes":101,"storage":"memory"}"#,
            vec![],
            ApiError::STREAM_MAX_STREAM_BYTES_EXCEEDED,
        ),
        (
            r#"{"name":"S","max_bytes":1,"duplicate_window":61000000000}"#,
            vec![],
            invalid("duplicates window can not be larger then server limit of 1m0s"),
        ),
    ] {
        let request = StreamRequest::create("S", json.as_bytes(), true).unwrap();
        let reserved = Reserved { memory: 0, storage: 100 };
        let plan = plan_stream_create(request, &limits, others.into_iter(), reserved);
        assert_eq!(plan, Err(error), "{json}");
    }
}

#[test]
fn a_bound_push_consumer_keeps_its_deliver_subject() {
    let old: ConsumerConfig = from_json(br#"{"deliver_subject":"a"}"#).unwrap();
    let new: ConsumerConfig = from_json(br#"{"deliver_subject":"b"}"#).unwrap();
    assert_eq!(check_consumer_update(&old, &new, true), Err(ApiError::CONSUMER_NAME_IN_USE));
    assert_eq!(check_consumer_update(&old, &new, false), Ok(()));
}

#[test]
fn a_level_is_met_up_to_ours() {
    for (value, is_unmet) in [
        ("", false),
        ("0", false),
        ("+5", false),
        ("6", true),
        ("x", true),
        ("1.0", true),
        ("-1", false),
    ] {
        assert_eq!(is_level_unmet(value.as_bytes()), is_unmet, "{value:?}");
    }
}
