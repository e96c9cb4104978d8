//! What fits together, and what does not.

mod addresses;
mod error;
#[cfg(test)]
mod tests;

use std::path::Path;

use async_nats::ServerAddr;

pub use self::error::{ConfigError, Warning};
use super::{Auth, Config, Connection, Consumer, DeliverPolicy, Mode, Producer, Stream, Tls};
use crate::backoff::Backoff;
use crate::config::format_duration;

/// More copies of a stream than this no server makes.
const REPLICAS_MAX: usize = 5;

impl Config {
    /// What is odd about the configuration; empty if nothing.
    ///
    /// # Errors
    ///
    /// If it can't work: addresses that are none, settings that exclude each other, limits of zero.
    pub fn check(&self) -> Result<Vec<Warning>, ConfigError> {
        let mut warnings = Vec::new();
        let addresses = self.server_addrs()?;
        if self.pool == 0 {
            return Err(zero("pool"));
        }
        let in_url = addresses.iter().any(ServerAddr::has_user_pass);
        check_auth(&self.auth, in_url, &mut warnings)?;
        check_tls(&self.tls)?;
        check_connection(&self.connection)?;
        check_prefix(&self.subject_prefix)?;
        self.check_services()?;
        check_stream(&self.stream)?;
        check_producer(&self.producer, &mut warnings)?;
        check_consumer(&self.consumer, &mut warnings)?;
        self.check_mode(&mut warnings)?;
        Ok(warnings)
    }

    /// A warning if a server that names `found` as its cluster is not of the expected one.
    pub fn check_cluster(&self, found: Option<&str>) -> Option<Warning> {
        let expected = self.cluster_id.as_deref()?;
        (found != Some(expected)).then(|| Warning::OtherCluster {
            expected: expected.to_owned(),
            found: found.map(str::to_owned),
        })
    }

    /// Consul and telemetry.
    fn check_services(&self) -> Result<(), ConfigError> {
        if let Some(consul) = &self.consul {
            require_http("consul.address", &consul.address)?;
            refuse_zero(&[("consul.timeout", consul.timeout.is_zero())])?;
            if consul.service.is_empty() {
                return Err(setting("service_name", "is empty; name a service of Consul"));
            }
        }
        match &self.telemetry.otlp_endpoint {
            Some(endpoint) => require_http("telemetry.otlp_endpoint", endpoint),
            None => Ok(()),
        }
    }

    /// Options that only JetStream has.
    fn check_mode(&self, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
        if self.effective_mode() == Mode::JetStream {
            return Ok(());
        }
        let stream = &self.stream;
        let consumer = &self.consumer;
        let given = [
            ("stream_name", stream.name.is_some()),
            ("durable", stream.durable == Some(true)),
            ("stream.subjects", !stream.subjects.is_empty()),
            // One copy is what an environment says that also serves JetStream.
            ("stream.replicas", stream.replicas.is_some_and(|replicas| replicas > 1)),
            ("stream.max_age", stream.max_age.is_some()),
            ("stream.max_bytes", stream.max_bytes.is_some()),
            ("stream.duplicate_window", stream.duplicate_window.is_some()),
            ("jetstream_domain", !self.jetstream_domain.is_empty()),
            ("consumer_name", consumer.name.is_some()),
            ("max_ack_pending", consumer.max_ack_pending.is_some()),
            ("deliver_policy", consumer.deliver_policy != DeliverPolicy::All),
        ];
        for (name, _) in given.into_iter().filter(|(_, given)| *given) {
            if self.mode == Some(Mode::Core) {
                return Err(setting(
                    name,
                    "is for JetStream, but the mode is Core: leave it out or set \
                     `jetstream_enabled: true`",
                ));
            }
            warnings.push(Warning::NeedsJetStream { setting: name });
        }
        Ok(())
    }
}

impl Consumer {
    /// Handlers that can run at once: not more than messages may be unacknowledged.
    pub fn effective_inflight(&self) -> usize {
        self.max_ack_pending.map_or(self.max_inflight, |limit| limit.min(self.max_inflight))
    }
}

fn check_auth(auth: &Auth, in_url: bool, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
    let kinds = [
        ("username", auth.username.is_some() || auth.password.is_some()),
        ("token", auth.token.is_some()),
        ("jwt", auth.jwt.is_some()),
        // With a JWT the seed is its other half.
        ("nkey_seed", auth.nkey_seed.is_some() && auth.jwt.is_none()),
        ("credentials", auth.credentials.is_some()),
        ("a user in server_urls", in_url),
    ];
    let mut given = kinds.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
    if let (Some(first), Some(second)) = (given.next(), given.next()) {
        let remedy = "a connection authenticates in one way; keep one of them";
        return Err(ConfigError::Conflict { first, second, remedy });
    }
    if auth.username.is_none() && auth.password.is_some() {
        return Err(setting("password", "is given without username; give both"));
    }
    if auth.username.is_some() && auth.password.is_none() {
        warnings.push(Warning::UserWithoutPassword);
    }
    if auth.jwt.is_some() && auth.nkey_seed.is_none() {
        warnings.push(Warning::JwtWithoutSeed);
    }
    Ok(())
}

fn check_tls(tls: &Tls) -> Result<(), ConfigError> {
    match (&tls.certificate, &tls.key) {
        (Some(_), None) => Err(setting("tls.certificate", "is given without tls.key; give both")),
        (None, Some(_)) => Err(setting("tls.key", "is given without tls.certificate; give both")),
        _ => Ok(()),
    }?;
    for (name, path) in
        [("tls.ca", &tls.ca), ("tls.certificate", &tls.certificate), ("tls.key", &tls.key)]
    {
        if path.as_deref().is_some_and(|path| path == Path::new("")) {
            return Err(setting(name, "is empty; name a PEM file or leave it out"));
        }
    }
    Ok(())
}

fn check_connection(connection: &Connection) -> Result<(), ConfigError> {
    refuse_zero(&[
        ("connect_timeout", connection.connect_timeout.is_zero()),
        ("request_timeout", connection.request_timeout.is_zero()),
        ("ping_interval", connection.ping_interval.is_zero()),
        ("max_pings_out", connection.max_pings_out == 0),
        ("pending_msgs_limit", connection.pending_msgs_limit == 0),
        ("pending_bytes_limit", connection.pending_bytes_limit == 0),
        // Without a wait a lost server is asked as fast as the machine can.
        ("reconnect_wait", connection.backoff.base.is_zero()),
    ])?;
    if connection.max_reconnects == Some(0) {
        return Err(setting("max_reconnects", "is 0; give 1 or more, or -1 for without end"));
    }
    check_backoff(["reconnect_wait", "reconnect_factor", "reconnect_jitter"], &connection.backoff)?;
    check_jitter("reconnect_jitter_tls", connection.jitter_tls)
}

/// `names` are those of the first wait, the factor and the jitter.
fn check_backoff(names: [&'static str; 3], backoff: &Backoff) -> Result<(), ConfigError> {
    let [wait, factor, jitter] = names;
    if backoff.max < backoff.base {
        let longest = format_duration(backoff.max);
        let problem = format!("is over the longest wait of {longest}; raise that or lower this");
        return Err(ConfigError::Setting { setting: wait, problem });
    }
    if !(backoff.factor.is_finite() && backoff.factor >= 1.0) {
        let problem = format!("is {}; give 1 or more", backoff.factor);
        return Err(ConfigError::Setting { setting: factor, problem });
    }
    check_jitter(jitter, backoff.jitter)
}

fn check_jitter(name: &'static str, jitter: f64) -> Result<(), ConfigError> {
    if (0.0..=1.0).contains(&jitter) {
        return Ok(());
    }
    let problem = format!("is {jitter}; it is a part of the wait: give 0 to 1");
    Err(ConfigError::Setting { setting: name, problem })
}

fn check_prefix(prefix: &str) -> Result<(), ConfigError> {
    let prefix = prefix.trim_end_matches('.');
    let is_token = |token: &str| {
        !token.is_empty()
            && !token.contains(|c: char| c.is_whitespace() || c.is_control() || "*>".contains(c))
    };
    if prefix.is_empty() || prefix.split('.').all(is_token) {
        return Ok(());
    }
    let problem = format!("is `{prefix}`; it takes words with dots between, without `*` and `>`");
    Err(ConfigError::Setting { setting: "subject_prefix", problem })
}

fn check_stream(stream: &Stream) -> Result<(), ConfigError> {
    check_name("stream_name", stream.name.as_deref())?;
    if let Some(replicas) = stream.replicas.filter(|it| !(1..=REPLICAS_MAX).contains(it)) {
        let problem = format!("is {replicas}; give 1 to {REPLICAS_MAX}");
        return Err(ConfigError::Setting { setting: "stream.replicas", problem });
    }
    refuse_zero(&[
        ("stream.max_age", stream.max_age.is_some_and(|age| age.is_zero())),
        ("stream.max_bytes", stream.max_bytes == Some(0)),
        ("stream.duplicate_window", stream.duplicate_window.is_some_and(|it| it.is_zero())),
    ])?;
    if let (Some(window), Some(age)) = (stream.duplicate_window, stream.max_age)
        && window > age
    {
        let (window, age) = (format_duration(window), format_duration(age));
        let problem = format!("is {window}, over stream.max_age of {age}; lower it");
        return Err(ConfigError::Setting { setting: "stream.duplicate_window", problem });
    }
    Ok(())
}

/// Names of streams and consumers are parts of subjects and of paths.
fn check_name(name: &'static str, value: Option<&str>) -> Result<(), ConfigError> {
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    match value {
        Some("") => Err(setting(name, "is empty; give a name or leave it out")),
        Some(text) if text.contains(is_bad) => {
            let problem =
                format!("is `{text}`; a name has no white space, `.`, `*`, `>`, `/`, `\\`");
            Err(ConfigError::Setting { setting: name, problem })
        }
        _ => Ok(()),
    }
}

fn check_producer(producer: &Producer, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
    refuse_zero(&[
        ("max_outstanding", producer.max_outstanding == 0),
        ("max_outstanding_bytes", producer.max_outstanding_bytes == 0),
        ("publish_timeout", producer.publish_timeout.is_zero()),
        ("ack_timeout", producer.ack_timeout.is_zero()),
    ])?;
    if producer.publish_timeout <= producer.ack_timeout {
        warnings.push(Warning::NoTimeToRetry {
            publish_timeout: format_duration(producer.publish_timeout),
            ack_timeout: format_duration(producer.ack_timeout),
        });
    }
    Ok(())
}

fn check_consumer(consumer: &Consumer, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
    check_name("consumer_name", consumer.name.as_deref())?;
    refuse_zero(&[
        ("max_inflight", consumer.max_inflight == 0),
        ("max_ack_pending", consumer.max_ack_pending == Some(0)),
        ("ack_wait", consumer.ack_wait.is_zero()),
        ("batch_size", consumer.batch_size == 0),
    ])?;
    if consumer.max_deliver == Some(0) {
        return Err(setting("max_deliver", "is 0; give 1 or more, or -1 for without end"));
    }
    let redelivery = ["redelivery.wait", "redelivery.factor", "redelivery.jitter"];
    check_backoff(redelivery, &consumer.redelivery)?;
    check_start(consumer.deliver_policy)?;
    let wanted = consumer.max_inflight.max(consumer.batch_size);
    if let Some(max_ack_pending) = consumer.max_ack_pending.filter(|limit| *limit < wanted) {
        warnings.push(Warning::InflightAboveAckPending {
            max_inflight: consumer.max_inflight,
            batch_size: consumer.batch_size,
            max_ack_pending,
            effective: consumer.effective_inflight(),
        });
    }
    Ok(())
}

/// A file that names a policy but no start leaves the least there is.
fn check_start(policy: DeliverPolicy) -> Result<(), ConfigError> {
    let problem = match policy {
        DeliverPolicy::ByStartSequence(0) => "by_start_sequence needs start_sequence, from 1 on",
        DeliverPolicy::ByStartTime(time) if time == jiff::Timestamp::MIN => {
            "by_start_time needs start_time"
        }
        _ => return Ok(()),
    };
    Err(setting("deliver_policy", problem))
}

fn require_http(name: &'static str, address: &str) -> Result<(), ConfigError> {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    if rest.is_some_and(|rest| !rest.is_empty()) {
        return Ok(());
    }
    let shown = addresses::redact(address);
    let problem = format!("is `{shown}`; it starts with `http://` or `https://`");
    Err(ConfigError::Setting { setting: name, problem })
}

/// An error for the first of `settings` that is zero.
fn refuse_zero(settings: &[(&'static str, bool)]) -> Result<(), ConfigError> {
    match settings.iter().find(|(_, is_zero)| *is_zero) {
        Some((name, _)) => Err(zero(name)),
        None => Ok(()),
    }
}

fn zero(name: &'static str) -> ConfigError {
    setting(name, "is 0, with which nothing could happen; give more or leave it out")
}

fn setting(name: &'static str, problem: &str) -> ConfigError {
    ConfigError::Setting { setting: name, problem: problem.to_owned() }
}
