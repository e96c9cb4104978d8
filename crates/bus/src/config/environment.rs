//! Configurations in environment variables.

use super::yaml::{Draft, KEYS, Key, Value, secret_of_file};
use super::{Config, ConfigError};

/// Says which message queue; only NATS is one.
const MQ_TYPE: &str = "COZE_MQ_TYPE";
/// A server as `host:port`, if [`SERVER_URL`] says none.
const NAME_SERVER: &str = "MQ_NAME_SERVER";
const SERVER_URL: &str = "NATS_SERVER_URL";

/// Variables and the settings that they give; a later one wins. With `_FILE` behind it, that of a
/// secret names a file which holds it.
const VARIABLES: &[(&str, &str)] = &[
    (NAME_SERVER, "urls"),
    (SERVER_URL, "urls"),
    ("ISA_CLOUD_NATS_URLS", "urls"),
    ("NATS_JWT_TOKEN", "jwt"),
    ("NATS_NKEY_SEED", "nkey_seed"),
    ("NATS_CREDS", "credentials"),
    ("NATS_USERNAME", "username"),
    ("ISA_CLOUD_NATS_USERNAME", "username"),
    ("NATS_PASSWORD", "password"),
    ("ISA_CLOUD_NATS_PASSWORD", "password"),
    ("NATS_TOKEN", "token"),
    ("NATS_USE_JETSTREAM", "jetstream_enabled"),
    ("NATS_STREAM_REPLICAS", "stream.replicas"),
    ("ISA_CLOUD_NATS_USE_CONSUL", "use_consul"),
    ("CONSUL_HTTP_ADDR", "consul.address"),
    ("CONSUL_HTTP_TOKEN", "consul.token"),
    ("ENABLE_OTEL", "telemetry.enabled"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
];

impl Config {
    /// The defaults and the environment of the process over them.
    ///
    /// # Errors
    ///
    /// Those of [`Config::apply_environment`].
    pub fn from_env() -> Result<Config, ConfigError> {
        let mut config = Config::default();
        config.apply_environment(&|name| std::env::var(name).ok())?;
        Ok(config)
    }

    /// Takes what the environment says, as `variables` looks it up by name; an empty text is as
    /// good as none. Of two variables for one setting, that of `ISA_CLOUD_` wins.
    ///
    /// # Errors
    ///
    /// If a value is not of its kind, a secret is given both inline and in a file, such a file can't
    /// be read, or `COZE_MQ_TYPE` asks for something else than NATS. Nothing is changed then.
    pub fn apply_environment(
        &mut self,
        variables: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let mut draft = Draft::from(self.clone());
        apply(&mut draft, variables)?;
        *self = draft.into();
        Ok(())
    }

    /// The names of the variables that [`Config::apply_environment`] looks up, but for those with
    /// `_FILE` at their end.
    pub fn environment_variables() -> impl Iterator<Item = &'static str> {
        std::iter::once(MQ_TYPE).chain(VARIABLES.iter().map(|(variable, _)| *variable))
    }
}

pub(super) fn apply(
    draft: &mut Draft,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ConfigError> {
    let get = |name: &str| variables(name).filter(|value| !value.trim().is_empty());
    if let Some(value) = get(MQ_TYPE).filter(|value| !value.trim().eq_ignore_ascii_case("nats")) {
        return Err(ConfigError::Unsupported { variable: MQ_TYPE, value });
    }
    let has_server_url = get(SERVER_URL).is_some();
    for (variable, setting) in VARIABLES {
        if *variable == NAME_SERVER && has_server_url {
            continue;
        }
        let Some(key) = Key::find(setting).and_then(|key| KEYS.get(key)) else { continue };
        let value =
            if key.is_secret { secret(variable, &get)? } else { get(variable).map(Value::Text) };
        if let Some(value) = value.filter(|value| !value.is_blank()) {
            (key.set)(draft, &value).map_err(|problem| ConfigError::Variable {
                variable: (*variable).to_owned(),
                problem,
            })?;
        }
    }
    draft.client_id = None;
    Ok(())
}

/// The secret of `variable` or of the file that `variable` with `_FILE` names.
fn secret(
    variable: &str,
    get: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Value>, ConfigError> {
    let name_of_file = format!("{variable}_FILE");
    match (get(variable), get(&name_of_file)) {
        (Some(_), Some(_)) => Err(ConfigError::Variable {
            variable: name_of_file,
            problem: format!("{variable} is given, too; keep one of them"),
        }),
        (Some(value), None) => Ok(Some(Value::Text(value))),
        (None, Some(path)) => secret_of_file(path.as_ref()).map(Some),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
