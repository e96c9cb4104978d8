//! What each variable does.

use super::*;
use crate::config::{Consul, Mode, Secret};

fn applied_to(mut config: Config, variables: &[(&str, &str)]) -> Result<Config, String> {
    let get = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let before = config.clone();
    let result = config.apply_environment(&get).map_err(|error| error.to_string());
    if result.is_err() {
        assert_eq!(config, before, "changed in spite of an error");
    }
    result.map(|()| config)
}

fn applied(variables: &[(&str, &str)]) -> Result<Config, String> {
    applied_to(Config::default(), variables)
}

/// The default, changed.
fn with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

fn urls(urls: &[&str]) -> Config {
    Config::new(urls.iter().copied())
}

/// Rows: S3-71.
#[test]
fn s3_71_every_variable_of_the_sample_is_read() {
    let known: Vec<&str> = Config::environment_variables().collect();
    for name in [
        "COZE_MQ_TYPE",
        "MQ_NAME_SERVER",
        "NATS_SERVER_URL",
        "NATS_JWT_TOKEN",
        "NATS_NKEY_SEED",
        "NATS_USERNAME",
        "NATS_PASSWORD",
        "NATS_TOKEN",
        "NATS_STREAM_REPLICAS",
        "NATS_USE_JETSTREAM",
    ] {
        assert!(known.contains(&name), "{name}");
    }
    for (_, setting) in VARIABLES {
        assert!(Key::find(setting).is_some(), "{setting}");
    }
}

/// Rows: S3-71, S3-72.
#[test]
fn s3_71_the_sample_environment_gives_its_config() {
    let sample = applied(&[
        ("COZE_MQ_TYPE", "nats"),
        ("MQ_NAME_SERVER", "nats:4222"),
        ("NATS_SERVER_URL", "nats://nats:4222"),
        ("NATS_JWT_TOKEN", ""),
        ("NATS_NKEY_SEED", ""),
        ("NATS_USERNAME", ""),
        ("NATS_PASSWORD", ""),
        ("NATS_TOKEN", ""),
        ("NATS_STREAM_REPLICAS", "1"),
        ("NATS_USE_JETSTREAM", "true"),
    ]);
    let expected = with(|config| {
        config.server_urls = vec!["nats://nats:4222".to_owned()];
        config.stream.replicas = Some(1);
        config.mode = Some(Mode::JetStream);
    });
    assert_eq!(sample, Ok(expected));
    assert_eq!(sample.unwrap().check().unwrap(), []);
}

/// Rows: S3-45.
#[test]
fn s3_45_another_queue_than_nats_is_not_supported() {
    assert!(applied(&[("COZE_MQ_TYPE", "NATS")]).is_ok());
    let mut config = Config::default();
    let error = config.apply_environment(&|name| (name == MQ_TYPE).then(|| "kafka".to_owned()));
    let error = error.unwrap_err();
    assert!(matches!(&error, ConfigError::Unsupported { value, .. } if value == "kafka"));
    assert_eq!(
        error.to_string(),
        "COZE_MQ_TYPE is `kafka`, which is not supported; set it to `nats` or unset it"
    );
}

/// Rows: S3-46, S3-47.
#[test]
fn s3_46_the_name_server_counts_if_no_url_is_given() {
    let config = applied(&[("MQ_NAME_SERVER", "nats:4222")]).unwrap();
    assert_eq!(config.server_addrs().unwrap()[0].as_url_str(), "nats://nats:4222");
    assert_eq!(applied(&[("MQ_NAME_SERVER", "a:1"), ("NATS_SERVER_URL", "")]), Ok(urls(&["a:1"])));
    let both = [("MQ_NAME_SERVER", "a:1"), ("NATS_SERVER_URL", "nats://b:2")];
    assert_eq!(applied(&both), Ok(urls(&["nats://b:2"])));
}

/// Rows: S2-55, S3-47, S4-56.
#[test]
fn s4_56_lists_of_urls_override_the_file() {
    let file = Config::new(["nats://file:4222"]);
    let list = "nats://server1:4222, nats://server2:4222,";
    let expected = Ok(urls(&["nats://server1:4222", "nats://server2:4222"]));

    assert_eq!(applied_to(file.clone(), &[("ISA_CLOUD_NATS_URLS", list)]), expected);
    assert_eq!(applied_to(file.clone(), &[("NATS_SERVER_URL", list)]), expected);
    let both = [("NATS_SERVER_URL", "nats://other"), ("ISA_CLOUD_NATS_URLS", list)];
    assert_eq!(applied_to(file, &both), expected);
}

/// Rows: S4-57, S4-58.
#[test]
fn s4_57_authentication_is_read() {
    let secret = |text| Some(Secret::from(text));
    let user = Ok(with(|config| {
        config.auth.username = Some("admin".to_owned());
        config.auth.password = secret("password");
    }));
    assert_eq!(applied(&[("NATS_USERNAME", "admin"), ("NATS_PASSWORD", "password")]), user);
    let isa = [("ISA_CLOUD_NATS_USERNAME", "admin"), ("ISA_CLOUD_NATS_PASSWORD", "password")];
    assert_eq!(applied(&isa), user);
    assert_eq!(
        applied(&[("NATS_JWT_TOKEN", "ey"), ("NATS_NKEY_SEED", "/run/seed")]),
        Ok(with(|config| {
            config.auth.jwt = secret("ey");
            config.auth.nkey_seed = secret("/run/seed");
        }))
    );
    assert_eq!(applied(&[("NATS_TOKEN", "t")]), Ok(with(|config| config.auth.token = secret("t"))));
    assert_eq!(
        applied(&[("NATS_CREDS", "me.creds")]),
        Ok(with(|config| config.auth.credentials = Some("me.creds".into())))
    );
}

#[test]
fn secrets_may_be_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "hunter2\n").unwrap();
    let path = path.to_str().unwrap();

    let token = Ok(with(|config| config.auth.token = Some(Secret::from("hunter2"))));
    assert_eq!(applied(&[("NATS_TOKEN_FILE", path)]), token);
    for variable in [
        "NATS_PASSWORD_FILE",
        "ISA_CLOUD_NATS_PASSWORD_FILE",
        "NATS_JWT_TOKEN_FILE",
        "NATS_NKEY_SEED_FILE",
    ] {
        assert_ne!(applied(&[(variable, path)]), Ok(Config::default()), "{variable}");
    }
    assert_eq!(
        applied(&[("NATS_TOKEN", "hunter3"), ("NATS_TOKEN_FILE", path)]),
        Err("NATS_TOKEN_FILE: NATS_TOKEN is given, too; keep one of them".to_owned())
    );
    let missing = applied(&[("NATS_TOKEN_FILE", "/no/such/file")]).unwrap_err();
    assert!(missing.starts_with("can't read /no/such/file: "), "{missing}");
}

#[test]
fn replicas_are_a_number() {
    assert_eq!(applied(&[]), Ok(Config::default()));
    let three = Ok(with(|config| config.stream.replicas = Some(3)));
    assert_eq!(applied(&[("NATS_STREAM_REPLICAS", "3")]), three);
    let message = "NATS_STREAM_REPLICAS: `abc` is not a whole number".to_owned();
    assert_eq!(applied(&[("NATS_STREAM_REPLICAS", "abc")]), Err(message));
    let message = "NATS_STREAM_REPLICAS: `-1` is out of range".to_owned();
    assert_eq!(applied(&[("NATS_STREAM_REPLICAS", "-1")]), Err(message));
}

/// Rows: S3-57.
#[test]
fn s3_57_jetstream_is_turned_on_and_off() {
    assert_eq!(applied(&[]).unwrap().effective_mode(), Mode::Core);
    for (value, mode) in [("true", Mode::JetStream), ("1", Mode::JetStream), ("no", Mode::Core)] {
        let config = applied(&[("NATS_USE_JETSTREAM", value)]).unwrap();
        assert_eq!(config.effective_mode(), mode, "{value}");
    }
    let message = applied(&[("NATS_USE_JETSTREAM", "maybe")]).unwrap_err();
    assert!(message.starts_with("NATS_USE_JETSTREAM: `maybe` is not"), "{message}");
}

/// Rows: S4-59.
#[test]
fn s4_59_consul_is_turned_on_and_off() {
    let config = applied(&[
        ("ISA_CLOUD_NATS_USE_CONSUL", "true"),
        ("CONSUL_HTTP_ADDR", "consul:8500"),
        ("CONSUL_HTTP_TOKEN", "hunter2"),
    ]);
    let consul = Consul {
        address: "http://consul:8500".to_owned(),
        token: Some(Secret::from("hunter2")),
        ..Consul::default()
    };
    assert_eq!(config, Ok(with(|config| config.consul = Some(consul))));
    assert_eq!(
        applied_to(config.unwrap(), &[("ISA_CLOUD_NATS_USE_CONSUL", "off")]),
        Ok(Config::default())
    );
    assert_eq!(applied(&[("CONSUL_HTTP_ADDR", "consul:8500")]), Ok(Config::default()));
}

#[test]
fn telemetry_is_turned_on_and_off() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317");
    let config = applied(&[("ENABLE_OTEL", "1"), endpoint]).unwrap();
    assert!(config.telemetry.enabled);
    assert_eq!(config.telemetry.otlp_endpoint.as_deref(), Some("http://localhost:4317"));
    assert!(!applied(&[("ENABLE_OTEL", "0"), endpoint]).unwrap().telemetry.enabled);
    assert!(!applied(&[endpoint]).unwrap().telemetry.enabled);
}
