//! Streams as they should be: made if missing, compared if there, made again if they were lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::{self, context, stream};
use parking_lot::Mutex;
use serde_json::Value;

use crate::backoff::Backoff;

/// Why a stream or a consumer could not be made, found or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManageError {
    /// There is none of that name.
    #[error("{what} {name:?} is not there; create it first")]
    NotFound {
        /// `stream`, `consumer`, `bucket`…
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is there, and not as it should be.
    #[error("{what} {name:?} is not as asked for: {drift}")]
    Drifted {
        /// `stream` or `consumer`.
        what: &'static str,
        /// Its name.
        name: String,
        /// In what it differs.
        drift: Drift,
    },
    /// The server refuses.
    #[error("{what} {name:?}: {why}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// Its name.
        name: String,
        /// The server's words.
        why: String,
    },
    /// A durable consumer is either pulled from or pushes.
    #[error(
        "consumer {name:?} of stream {stream:?} is a {found} consumer and was asked for as a {asked} \
         one; give this one another name"
    )]
    OtherKind {
        /// The stream.
        stream: String,
        /// The consumer.
        name: String,
        /// `pull` or `push`.
        found: &'static str,
        /// The other one.
        asked: &'static str,
    },
}

/// What to do when something is there and not as asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDrift {
    /// Fail, with the differences.
    Fail,
    /// Leave it, and say so.
    Report,
    /// Change what may be changed.
    #[default]
    Update,
}

/// What ensuring came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ensured {
    /// It was not there.
    Created,
    /// It was there, as asked for.
    Same,
    /// It was there and differed in this; left so.
    Differs(Drift),
    /// It was there, differed in this, and does no longer.
    Updated(Drift),
}

/// In what something differs from what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift(pub Vec<Difference>);

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Name of the field in the JetStream API.
    pub field: String,
    /// What was asked for.
    pub wanted: Value,
    /// What is there.
    pub found: Value,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, Difference { field, wanted, found }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{field} is {found}, not {wanted}")?;
        }
        Ok(())
    }
}

impl Drift {
    /// Compares what was asked for with what is there, both as the API writes them. A field that
    /// asks for nothing (zero, empty, false) is left to the server.
    pub(crate) fn between(wanted: &Value, found: &Value) -> Drift {
        let Value::Object(wanted) = wanted else { return Drift::default() };
        let differing = wanted.iter().filter(|(field, wanted)| {
            !asks_for_nothing(wanted) && !agrees(wanted, found.get(field.as_str()))
        });
        Drift(
            differing
                .map(|(field, wanted)| Difference {
                    field: field.clone(),
                    wanted: wanted.clone(),
                    found: found.get(field.as_str()).cloned().unwrap_or(Value::Null),
                })
                .collect(),
        )
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0) || number.as_i64() == Some(-1),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(asks_for_nothing),
    }
}

fn agrees(wanted: &Value, found: Option<&Value>) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Some(Value::Object(found))) => wanted
            .iter()
            .all(|(field, wanted)| asks_for_nothing(wanted) || agrees(wanted, found.get(field))),
        (wanted, found) => Some(wanted) == found,
    }
}

/// Makes a stream what `config` says.
///
/// # Errors
///
/// If the server refuses, or it differs and `on_drift` says to fail.
pub(crate) async fn ensure_stream(
    jetstream: &jetstream::Context,
    config: &stream::Config,
    on_drift: OnDrift,
) -> Result<Ensured, ManageError> {
    let refused =
        |why: String| ManageError::Refused { what: "stream", name: config.name.clone(), why };
    let found = match jetstream.get_stream(&config.name).await {
        Ok(found) => found,
        Err(error) if is_missing(&error) => {
            let created = jetstream.create_stream(config.clone()).await;
            return created.map(|_| Ensured::Created).map_err(|error| refused(error.to_string()));
        }
        Err(error) => return Err(refused(error.to_string())),
    };
    let as_json = |config| serde_json::to_value(config).map_err(|error| refused(error.to_string()));
    let drift = Drift::between(&as_json(config)?, &as_json(&found.cached_info().config)?);
    if drift.is_empty() {
        return Ok(Ensured::Same);
    }
    match on_drift {
        OnDrift::Fail => {
            Err(ManageError::Drifted { what: "stream", name: config.name.clone(), drift })
        }
        OnDrift::Report => Ok(Ensured::Differs(drift)),
        OnDrift::Update => {
            let updated = jetstream.update_stream(config.clone()).await;
            updated.map(|_| Ensured::Updated(drift)).map_err(|error| refused(error.to_string()))
        }
    }
}

/// Whether an error says that the stream is not there.
pub(crate) fn is_missing(error: &context::GetStreamError) -> bool {
    matches!(error.kind(), context::GetStreamErrorKind::JetStream(error)
        if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}

/// Streams that a bus made sure of, and makes sure of again when they are lost: a server may come
/// back without them.
#[derive(Debug)]
pub(crate) struct Provisions {
    jetstream: jetstream::Context,
    streams: Mutex<BTreeMap<String, stream::Config>>,
    is_restoring: AtomicBool,
}

impl Provisions {
    pub(crate) fn new(jetstream: jetstream::Context) -> Arc<Provisions> {
        Arc::new(Provisions {
            jetstream,
            streams: Mutex::default(),
            is_restoring: AtomicBool::new(false),
        })
    }

    /// From now on this stream is made again when it is missing.
    pub(crate) fn keep(&self, config: stream::Config) {
        self.streams.lock().insert(config.name.clone(), config);
    }

    /// It was taken away on purpose.
    pub(crate) fn forget(&self, name: &str) {
        self.streams.lock().remove(name);
    }

    /// Whether one of the streams takes `subject`.
    pub(crate) fn captures(&self, subject: &str) -> bool {
        let streams = self.streams.lock();
        let mut filters = streams.values().flat_map(|config| &config.subjects);
        filters.any(|filter| matches(filter, subject))
    }

    /// Makes those that are missing. What is there is left as it is.
    pub(crate) async fn restore(&self) -> Result<(), ManageError> {
        let streams: Vec<stream::Config> = self.streams.lock().values().cloned().collect();
        for config in streams {
            if ensure_stream(&self.jetstream, &config, OnDrift::Report).await? == Ensured::Created {
                tracing::warn!(stream = config.name, "the stream was gone: made it again");
            }
        }
        Ok(())
    }

    /// As [`Provisions::restore`], beside everything else and not more often than is useful.
    pub(crate) fn restore_soon(self: &Arc<Self>) {
        const PAUSE: Backoff = Backoff::fixed(Duration::from_millis(200));
        if self.is_restoring.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = this.restore().await {
                tracing::debug!(%error, "a stream can't be made again yet");
            }
            tokio::time::sleep(PAUSE.wait(0, 0.0)).await;
            this.is_restoring.store(false, Ordering::Release);
        });
    }
}

/// Whether `filter` with its wildcards takes `subject`.
pub(crate) fn matches(filter: &str, subject: &str) -> bool {
    let (mut filter, mut subject) = (filter.split('.'), subject.split('.'));
    loop {
        match (filter.next(), subject.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) => return true,
            (Some("*"), Some(_)) => (),
            (Some(wanted), Some(token)) if wanted == token => (),
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_nats() {
        assert!(matches("a.*.c", "a.b.c"));
        assert!(matches("a.>", "a.b.c"));
        assert!(!matches("a.>", "a"));
        assert!(!matches("a.*", "a.b.c"));
        assert!(!matches("a.b.c", "a.b"));
    }

    #[test]
    fn drift_is_what_was_asked_for_and_is_not_there() {
        let wanted = serde_json::json!({
            "name": "S", "max_age": 5, "max_bytes": 0, "max_msgs": -1, "deny_purge": false,
            "metadata": {"team": "a"},
        });
        let found = serde_json::json!({
            "name": "S", "max_age": 7, "max_bytes": 100, "max_msgs": 9,
            "metadata": {"team": "a", "_nats.ver": "2.15.1"},
        });

        let drift = Drift::between(&wanted, &found);

        assert_eq!(drift.to_string(), "max_age is 7, not 5");
        assert!(Drift::between(&found, &found).is_empty());
    }
}
