//! Typed values in a key-value bucket.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::kv;
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backoff::Backoff;
use crate::bus::Bus;
use crate::consumer::{Counts, Subscription, count};

/// Why a bucket does not do what it is asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyValueError {
    /// There is no such bucket.
    #[error("there is no bucket {0:?}; create it first")]
    NoBucket(String),
    /// Another value is there, or another revision of it.
    #[error("key {key:?} of bucket {bucket:?} was changed by another: read it again")]
    Conflict {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The value is no `T`, or does not become JSON.
    #[error("key {key:?} of bucket {bucket:?}: {error}")]
    Value {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The server refuses.
    #[error("bucket {bucket:?}: {why}")]
    Refused {
        /// The bucket.
        bucket: String,
        /// The server's words.
        why: String,
    },
}

/// A bucket of values, kept as JSON.
pub struct KeyValue<T> {
    bus: Bus,
    bucket: String,
    store: kv::Store,
    data: PhantomData<fn() -> T>,
}

impl<T> Clone for KeyValue<T> {
    fn clone(&self) -> KeyValue<T> {
        let (bus, bucket, store) = (self.bus.clone(), self.bucket.clone(), self.store.clone());
        KeyValue { bus, bucket, store, data: PhantomData }
    }
}

impl<T> std::fmt::Debug for KeyValue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyValue").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// A value with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// Its key.
    pub key: String,
    /// The value; none if it was deleted.
    pub value: Option<T>,
    /// Its revision: it grows with each change in the bucket.
    pub revision: u64,
}

/// What a watcher is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update<T> {
    /// A key has a value, or has it no more.
    Changed(Entry<T>),
    /// All that was there at the beginning was told; what follows is new.
    UpToDate,
}

impl Bus {
    /// The bucket of that name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn key_value<T>(&self, bucket: &str) -> Result<KeyValue<T>, KeyValueError> {
        match self.context().get_key_value(bucket).await {
            Ok(store) => Ok(KeyValue::new(self, bucket, store)),
            Err(error) => match error.kind() {
                async_nats::jetstream::context::KeyValueErrorKind::GetBucket => {
                    Err(KeyValueError::NoBucket(bucket.to_owned()))
                }
                _ => Err(refused(bucket, error)),
            },
        }
    }

    /// The bucket of that name, made if it is missing.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn create_key_value<T>(
        &self,
        config: kv::Config,
    ) -> Result<KeyValue<T>, KeyValueError> {
        let bucket = config.bucket.clone();
        if let Ok(found) = self.context().get_key_value(&bucket).await {
            return Ok(KeyValue::new(self, &bucket, found));
        }
        let store = self.context().create_key_value(config).await;
        store.map(|it| KeyValue::new(self, &bucket, it)).map_err(|error| refused(&bucket, error))
    }
}

fn refused(bucket: &str, why: impl std::fmt::Display) -> KeyValueError {
    KeyValueError::Refused { bucket: bucket.to_owned(), why: why.to_string() }
}

impl<T> KeyValue<T> {
    fn new(bus: &Bus, bucket: &str, store: kv::Store) -> KeyValue<T> {
        KeyValue { bus: bus.clone(), bucket: bucket.to_owned(), store, data: PhantomData }
    }

    /// The async-nats store below, for what is not here.
    pub fn store(&self) -> &kv::Store {
        &self.store
    }

    /// Name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Takes a value away; its history keeps a mark.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.store.delete(key).await.map_err(|error| refused(&self.bucket, error))
    }

    /// Takes a value and its history away.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn purge(&self, key: &str) -> Result<(), KeyValueError> {
        self.store.purge(key).await.map_err(|error| refused(&self.bucket, error))
    }

    /// All keys with a value.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn keys(&self) -> Result<Vec<String>, KeyValueError> {
        let keys = self.store.keys().await.map_err(|error| refused(&self.bucket, error))?;
        let keys: Vec<Result<String, _>> = keys.collect().await;
        keys.into_iter().map(|key| key.map_err(|error| refused(&self.bucket, error))).collect()
    }
}

impl<T: Serialize + Sync> KeyValue<T> {
    fn encode(&self, key: &str, value: &T) -> Result<Bytes, KeyValueError> {
        serde_json::to_vec(value).map(Bytes::from).map_err(|error| {
            let (bucket, key) = (self.bucket.clone(), key.to_owned());
            KeyValueError::Value { bucket, key, error }
        })
    }

    fn conflict(&self, key: &str) -> KeyValueError {
        KeyValueError::Conflict { bucket: self.bucket.clone(), key: key.to_owned() }
    }

    /// Sets a value: its revision.
    ///
    /// # Errors
    ///
    /// If the key is none, or the server refuses.
    pub async fn put(&self, key: &str, value: &T) -> Result<u64, KeyValueError> {
        let body = self.encode(key, value)?;
        self.store.put(key, body).await.map_err(|error| refused(&self.bucket, error))
    }

    /// Sets a value that is not there yet: its revision.
    ///
    /// # Errors
    ///
    /// [`KeyValueError::Conflict`] if it is there; or if the server refuses.
    pub async fn create(&self, key: &str, value: &T) -> Result<u64, KeyValueError> {
        let body = self.encode(key, value)?;
        self.store.create(key, body).await.map_err(|error| match error.kind() {
            kv::CreateErrorKind::AlreadyExists => self.conflict(key),
            _ => refused(&self.bucket, error),
        })
    }

    /// Sets a value whose revision is still `revision`: its new one.
    ///
    /// # Errors
    ///
    /// [`KeyValueError::Conflict`] if it is another; or if the server refuses.
    pub async fn update(&self, key: &str, value: &T, revision: u64) -> Result<u64, KeyValueError> {
        let body = self.encode(key, value)?;
        self.store.update(key, body, revision).await.map_err(|error| match error.kind() {
            kv::UpdateErrorKind::WrongLastRevision => self.conflict(key),
            _ => refused(&self.bucket, error),
        })
    }
}

impl<T: DeserializeOwned + Send + 'static> KeyValue<T> {
    fn decode(&self, entry: &kv::Entry) -> Result<Entry<T>, KeyValueError> {
        let value = match entry.operation {
            kv::Operation::Put => {
                let value = serde_json::from_slice(&entry.value).map_err(|error| {
                    let (bucket, key) = (self.bucket.clone(), entry.key.clone());
                    KeyValueError::Value { bucket, key, error }
                })?;
                Some(value)
            }
            kv::Operation::Delete | kv::Operation::Purge => None,
        };
        Ok(Entry { key: entry.key.clone(), value, revision: entry.revision })
    }

    /// A value.
    ///
    /// # Errors
    ///
    /// If it is no `T`, or the server refuses.
    pub async fn get(&self, key: &str) -> Result<Option<T>, KeyValueError> {
        Ok(self.entry(key).await?.and_then(|entry| entry.value))
    }

    /// A value with its revision; that of a deleted one has no value.
    ///
    /// # Errors
    ///
    /// As [`KeyValue::get`].
    pub async fn entry(&self, key: &str) -> Result<Option<Entry<T>>, KeyValueError> {
        let entry = self.store.entry(key).await.map_err(|error| refused(&self.bucket, error))?;
        entry.map(|entry| self.decode(&entry)).transpose()
    }

    /// What a key was, the oldest first.
    ///
    /// # Errors
    ///
    /// As [`KeyValue::get`].
    pub async fn history(&self, key: &str) -> Result<Vec<Entry<T>>, KeyValueError> {
        let history =
            self.store.history(key).await.map_err(|error| refused(&self.bucket, error))?;
        let entries: Vec<_> = history.collect().await;
        let entries = entries.into_iter();
        entries
            .map(|entry| self.decode(&entry.map_err(|error| refused(&self.bucket, error))?))
            .collect()
    }

    /// Calls `handler` for what the keys are and become that `keys` names, wildcards included. A
    /// value that is no `T` is passed over with a warning.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn watch<F, Fut>(&self, keys: &str, handler: F) -> Result<Subscription, KeyValueError>
    where
        F: Fn(Update<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let watch = self.open_watch(keys, 0).await?;
        let (stopping, counts) = (self.bus.child_token(), Arc::new(Counts::default()));
        let (this, keys, stop) = (self.clone(), keys.to_owned(), stopping.clone());
        let counted = Arc::clone(&counts);
        let task = tokio::spawn(async move {
            tokio::select! {
                () = this.follow(watch, keys, &handler, &counted) => (),
                () = stop.cancelled() => (),
            }
        });
        Ok(Subscription::new(stopping, counts, task))
    }

    async fn open_watch(&self, keys: &str, after: u64) -> Result<kv::Watch, KeyValueError> {
        let watch = match after {
            0 => self.store.watch_with_history(keys).await,
            after => self.store.watch_from_revision(keys, after + 1).await,
        };
        watch.map_err(|error| refused(&self.bucket, error))
    }

    /// What was there first; then, whatever happens to the connection, what comes.
    async fn follow<F, Fut>(&self, mut watch: kv::Watch, keys: String, handler: &F, counts: &Counts)
    where
        F: Fn(Update<T>) -> Fut + Send + Sync,
        Fut: Future<Output = ()> + Send,
    {
        let pause =
            Backoff { base: Duration::from_millis(100), ..self.bus.config().connection.backoff };
        let mut last = self.initial(handler, &keys).await;
        handler(Update::UpToDate).await;
        let mut attempt = 0;
        while !self.bus.is_closed() {
            match watch.next().await {
                Some(Ok(entry)) if entry.revision <= last => (),
                Some(Ok(entry)) => {
                    (last, attempt) = (entry.revision, 0);
                    count(&counts.delivered);
                    self.tell(&entry, handler).await;
                }
                Some(Err(_)) | None => {
                    count(&counts.recoveries);
                    tokio::time::sleep(pause.wait_now(attempt)).await;
                    attempt += 1;
                    if let Ok(again) = self.open_watch(&keys, last).await {
                        watch = again;
                    }
                }
            }
        }
    }

    /// Tells the present values; the revision that they are of.
    async fn initial<F, Fut>(&self, handler: &F, keys: &str) -> u64
    where
        F: Fn(Update<T>) -> Fut + Send + Sync,
        Fut: Future<Output = ()> + Send,
    {
        let mut last = 0;
        let all = self.keys().await.unwrap_or_default();
        for key in all.iter().filter(|key| crate::manage::matches(keys, key)) {
            if let Ok(Some(entry)) = self.store.entry(key.as_str()).await {
                last = last.max(entry.revision);
                self.tell(&entry, handler).await;
            }
        }
        last
    }

    async fn tell<F, Fut>(&self, entry: &kv::Entry, handler: &F)
    where
        F: Fn(Update<T>) -> Fut + Send + Sync,
        Fut: Future<Output = ()> + Send,
    {
        match self.decode(entry) {
            Ok(entry) => handler(Update::Changed(entry)).await,
            Err(error) => tracing::warn!(%error, "passed over"),
        }
    }
}
