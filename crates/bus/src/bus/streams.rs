//! Streams and consumers of a bus: made, looked at, deleted.

use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::{self, stream};

use super::Bus;
use crate::manage::{self, Ensured, ManageError, OnDrift};

impl Bus {
    /// The stream of the configuration, as JetStream wants it; none if it names none.
    pub(crate) fn stream_config(&self) -> Option<stream::Config> {
        let told = &self.config().stream;
        let name = told.name.clone()?;
        let subjects = if told.subjects.is_empty() {
            vec![self.config().subject(&format!("{name}.>"))]
        } else {
            told.subjects.iter().map(|it| self.config().subject(it)).collect()
        };
        let storage = match told.durable {
            Some(false) => stream::StorageType::Memory,
            _ => stream::StorageType::File,
        };
        Some(stream::Config {
            name,
            subjects,
            storage,
            num_replicas: told.replicas.unwrap_or(1),
            max_age: told.max_age.unwrap_or_default(),
            max_bytes: told.max_bytes.and_then(|it| i64::try_from(it).ok()).unwrap_or(-1),
            duplicate_window: told.duplicate_window.unwrap_or_default(),
            ..stream::Config::default()
        })
    }

    /// Makes the stream that the configuration names what it says there.
    ///
    /// # Errors
    ///
    /// If it names none, or the server refuses.
    pub async fn ensure_configured_stream(&self) -> Result<Ensured, ManageError> {
        let Some(config) = self.stream_config() else {
            let (what, name) = ("stream", String::new());
            return Err(ManageError::NotFound { what, name });
        };
        self.ensure_stream(config, OnDrift::Update).await
    }

    /// Makes a stream what `config` says, and again if it is lost while the bus lives.
    ///
    /// # Errors
    ///
    /// If the server refuses, or it differs and `on_drift` says to fail.
    pub async fn ensure_stream(
        &self,
        config: stream::Config,
        on_drift: OnDrift,
    ) -> Result<Ensured, ManageError> {
        let ensured = manage::ensure_stream(self.context(), &config, on_drift).await?;
        self.provisions().keep(config);
        Ok(ensured)
    }

    /// What the server says of a stream.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub async fn stream_info(&self, name: &str) -> Result<stream::Info, ManageError> {
        let found = self.context().get_stream(name).await;
        found.map(|found| found.cached_info().clone()).map_err(|error| stream_error(name, &error))
    }

    /// Deletes a stream and all in it; it is not made again.
    ///
    /// # Errors
    ///
    /// If there is none of that name, or the server refuses.
    pub async fn delete_stream(&self, name: &str) -> Result<(), ManageError> {
        self.provisions().forget(name);
        let deleted = self.context().delete_stream(name).await;
        deleted.map(|_| ()).map_err(|error| {
            let (what, name) = ("stream", name.to_owned());
            ManageError::Refused { what, name, why: error.to_string() }
        })
    }

    /// What the server says of a consumer.
    ///
    /// # Errors
    ///
    /// If there is no such stream or consumer.
    pub async fn consumer_info(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<jetstream::consumer::Info, ManageError> {
        let found = self.context().get_stream(stream).await;
        let found = found.map_err(|error| stream_error(stream, &error))?;
        found.consumer_info(consumer).await.map_err(|error| {
            let (what, name) = ("consumer", consumer.to_owned());
            match error.kind() {
                ConsumerInfoErrorKind::NotFound => ManageError::NotFound { what, name },
                _ => ManageError::Refused { what, name, why: error.to_string() },
            }
        })
    }

    /// Deletes a consumer. Only this does: a subscription that ends leaves it there.
    ///
    /// # Errors
    ///
    /// If there is no such stream or consumer.
    pub async fn delete_consumer(&self, stream: &str, consumer: &str) -> Result<(), ManageError> {
        let deleted = self.context().delete_consumer_from_stream(consumer, stream).await;
        deleted.map(|_| ()).map_err(|error| {
            let (what, name) = ("consumer", consumer.to_owned());
            ManageError::Refused { what, name, why: error.to_string() }
        })
    }
}

fn stream_error(name: &str, error: &jetstream::context::GetStreamError) -> ManageError {
    let (what, name) = ("stream", name.to_owned());
    if manage::is_missing(error) {
        ManageError::NotFound { what, name }
    } else {
        ManageError::Refused { what, name, why: error.to_string() }
    }
}
