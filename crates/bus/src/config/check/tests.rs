//! What [`Config::check`] refuses and warns of.

use std::time::Duration;

use super::*;
use crate::config::{Consul, Secret};

/// What `check` says of the default, changed.
fn checked(change: impl FnOnce(&mut Config)) -> Result<Vec<Warning>, String> {
    let mut config = Config::default();
    change(&mut config);
    config.check().map_err(|error| error.to_string())
}

fn refused(change: impl FnOnce(&mut Config)) -> String {
    checked(change).unwrap_err()
}

/// Rows: S4-96.
#[test]
fn s4_96_the_defaults_are_reasonable() {
    assert_eq!(checked(|_| ()), Ok(Vec::new()));
    assert_eq!(checked(|config| config.stream.name = Some("ORDERS".to_owned())), Ok(Vec::new()));
    let config = Config::default();
    assert_eq!(config.connection.connect_timeout, Duration::from_secs(10));
    assert_eq!(config.connection.max_reconnects, None);
    assert_eq!(config.consumer.max_deliver, Some(10));
    assert_eq!(config.consumer.ack_wait, Duration::from_secs(30));
}

type Change = fn(&mut Config, Duration);

/// Rows: S4-96.
#[test]
fn s4_96_limits_of_zero_are_refused_by_name() {
    let zero = Duration::ZERO;
    let changes: [(&str, Change); 19] = [
        ("pool", |it, _| it.pool = 0),
        ("connect_timeout", |it, zero| it.connection.connect_timeout = zero),
        ("request_timeout", |it, zero| it.connection.request_timeout = zero),
        ("ping_interval", |it, zero| it.connection.ping_interval = zero),
        ("max_pings_out", |it, _| it.connection.max_pings_out = 0),
        ("pending_msgs_limit", |it, _| it.connection.pending_msgs_limit = 0),
        ("pending_bytes_limit", |it, _| it.connection.pending_bytes_limit = 0),
        ("max_reconnects", |it, _| it.connection.max_reconnects = Some(0)),
        ("reconnect_wait", |it, zero| it.connection.backoff.base = zero),
        ("stream.replicas", |it, _| it.stream.replicas = Some(0)),
        ("stream.max_age", |it, zero| it.stream.max_age = Some(zero)),
        ("max_outstanding", |it, _| it.producer.max_outstanding = 0),
        ("publish_timeout", |it, zero| it.producer.publish_timeout = zero),
        ("ack_timeout", |it, zero| it.producer.ack_timeout = zero),
        ("max_inflight", |it, _| it.consumer.max_inflight = 0),
        ("max_ack_pending", |it, _| it.consumer.max_ack_pending = Some(0)),
        ("max_deliver", |it, _| it.consumer.max_deliver = Some(0)),
        ("ack_wait", |it, zero| it.consumer.ack_wait = zero),
        ("batch_size", |it, _| it.consumer.batch_size = 0),
    ];
    for (name, change) in changes {
        let message = refused(|config| change(config, zero));
        assert!(message.starts_with(&format!("{name} is 0")), "{name}: {message}");
    }
}

#[test]
fn more_handlers_than_unacknowledged_messages_are_warned_of() {
    let warnings = checked(|config| {
        config.mode = Some(Mode::JetStream);
        config.consumer.max_ack_pending = Some(100);
    });

    let [warning] = &*warnings.unwrap() else { panic!("not one warning") };
    assert_eq!(
        warning.to_string(),
        "max_inflight 1000 and batch_size 100 with max_ack_pending 100: at most 100 messages are \
         handled at once; raise max_ack_pending or lower the others"
    );
    let larger_batch = checked(|config| {
        config.mode = Some(Mode::JetStream);
        config.consumer =
            Consumer { max_inflight: 10, max_ack_pending: Some(50), ..Consumer::default() };
    });
    assert_eq!(
        larger_batch,
        Ok(vec![Warning::InflightAboveAckPending {
            max_inflight: 10,
            batch_size: 100,
            max_ack_pending: 50,
            effective: 10
        }])
    );
}

#[test]
fn without_a_limit_every_handler_runs() {
    assert_eq!(Consumer::default().effective_inflight(), 1000);
}

#[test]
fn two_ways_to_authenticate_are_refused() {
    let message = refused(|config| {
        config.auth.username = Some("me".to_owned());
        config.auth.password = Some(Secret::from("hunter2"));
        config.auth.token = Some(Secret::from("hunter3"));
    });
    assert_eq!(
        message,
        "username and token are both given: a connection authenticates in one way; keep one of them"
    );
    let in_url = refused(|config| {
        config.server_urls = vec!["nats://me:hunter2@nats".to_owned()];
        config.auth.credentials = Some("me.creds".into());
    });
    assert!(in_url.starts_with("credentials and a user in server_urls"), "{in_url}");
    let jwt_and_seed = checked(|config| {
        config.auth.jwt = Some(Secret::from("ey"));
        config.auth.nkey_seed = Some(Secret::from("SU"));
    });
    assert_eq!(jwt_and_seed, Ok(Vec::new()));
}

#[test]
fn half_of_an_authentication_is_refused_or_warned_of() {
    let password = refused(|config| config.auth.password = Some(Secret::from("hunter2")));
    assert_eq!(password, "password is given without username; give both");
    let user = checked(|config| config.auth.username = Some("me".to_owned()));
    assert_eq!(user, Ok(vec![Warning::UserWithoutPassword]));
    let jwt = checked(|config| config.auth.jwt = Some(Secret::from("ey")));
    assert_eq!(jwt, Ok(vec![Warning::JwtWithoutSeed]));
    let certificate = refused(|config| config.tls.certificate = Some("me.pem".into()));
    assert_eq!(certificate, "tls.certificate is given without tls.key; give both");
    let key = refused(|config| config.tls.key = Some("me.pem".into()));
    assert_eq!(key, "tls.key is given without tls.certificate; give both");
}

#[test]
fn options_of_jetstream_are_refused_over_core() {
    let message = refused(|config| {
        config.mode = Some(Mode::Core);
        config.consumer.name = Some("my_consumer".to_owned());
    });
    assert_eq!(
        message,
        "consumer_name is for JetStream, but the mode is Core: leave it out or set \
         `jetstream_enabled: true`"
    );
    let undecided = checked(|config| config.stream.replicas = Some(3));
    assert_eq!(undecided, Ok(vec![Warning::NeedsJetStream { setting: "stream.replicas" }]));
    let one_copy = checked(|config| {
        config.mode = Some(Mode::Core);
        config.stream.replicas = Some(1);
    });
    assert_eq!(one_copy, Ok(Vec::new()));
}

#[test]
fn odd_values_are_refused() {
    for (message, change) in [
        ("stream.replicas is 6; give 1 to 5", {
            let change: fn(&mut Config) = |config| config.stream.replicas = Some(6);
            change
        }),
        ("reconnect_jitter is 1.5; it is a part of the wait: give 0 to 1", |config| {
            config.connection.backoff.jitter = 1.5;
        }),
        ("reconnect_jitter_tls is NaN; it is a part of the wait: give 0 to 1", |config| {
            config.connection.jitter_tls = f64::NAN;
        }),
        ("reconnect_factor is 0.5; give 1 or more", |config| {
            config.connection.backoff.factor = 0.5;
        }),
        ("reconnect_wait is over the longest wait of 1s; raise that or lower this", |config| {
            config.connection.backoff.base = Duration::from_secs(2);
        }),
        (
            "subject_prefix is `app.*`; it takes words with dots between, without `*` and `>`",
            |config| config.subject_prefix = "app.*.".to_owned(),
        ),
        ("stream_name is `a.b`; a name has no white space, `.`, `*`, `>`, `/`, `\\`", |config| {
            config.stream.name = Some("a.b".to_owned());
        }),
        ("deliver_policy by_start_sequence needs start_sequence, from 1 on", |config| {
            config.consumer.deliver_policy = DeliverPolicy::ByStartSequence(0);
        }),
        ("consul.address is `nats:8500`; it starts with `http://` or `https://`", |config| {
            config.consul = Some(Consul { address: "nats:8500".to_owned(), ..Consul::default() });
        }),
        ("telemetry.otlp_endpoint is `x`; it starts with `http://` or `https://`", |config| {
            config.telemetry.otlp_endpoint = Some("x".to_owned());
        }),
        ("stream.duplicate_window is 2m, over stream.max_age of 1m; lower it", |config| {
            config.stream.max_age = Some(Duration::from_mins(1));
            config.stream.duplicate_window = Some(Duration::from_mins(2));
        }),
    ] {
        assert_eq!(refused(change), message);
    }
}

#[test]
fn a_publish_without_time_to_retry_is_warned_of() {
    let warnings =
        checked(|config| config.producer.publish_timeout = Duration::from_secs(5)).unwrap();
    assert_eq!(
        warnings.first().map(ToString::to_string).as_deref(),
        Some(
            "publish_timeout 5s is not over ack_timeout 5s: a publish is never tried again; raise \
             publish_timeout"
        )
    );
}

/// Rows: S4-16, S4-43.
#[test]
fn s4_16_a_server_of_another_cluster_is_warned_of() {
    let config = Config { cluster_id: Some("isa-cloud-cluster".to_owned()), ..Config::default() };

    assert_eq!(config.check_cluster(Some("isa-cloud-cluster")), None);
    assert_eq!(
        config.check_cluster(Some("other")).unwrap().to_string(),
        "the server belongs to cluster `other`, not to `isa-cloud-cluster`: check cluster_id and \
         the addresses"
    );
    assert!(config.check_cluster(None).unwrap().to_string().contains("no cluster"));
    assert_eq!(Config::default().check_cluster(Some("any")), None);
}
