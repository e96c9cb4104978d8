use std::time::Duration;

use async_nats::jetstream::kv;
use base64::Engine as _;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};

use super::{Claim, ClaimToken, Store, StoreError, millis, now_millis, timestamp};

/// Longer ids stand in a key by their hash: a server closes connections over longer subjects.
const ID_BYTES_MAX: usize = 256;
/// Others may write a key between our look and our write this often in a row.
const LOOKS_MAX: usize = 32;

/// A store in a key-value bucket: where the messages are, with nothing else to install.
///
/// Every write says which revision it follows, so that of many at once one comes through; reads may
/// come from a server that is behind. Leases are by the hosts' clocks, which should agree to well
/// within a lease. A `max_age` of the bucket forgets by itself; a bucket in memory forgets when its
/// server stops. The user needs the right to purge the bucket's stream, and it may be no mirror.
#[derive(Clone, Debug)]
pub struct KeyValueStore {
    store: kv::Store,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum State {
    Claimed { owner: String, until: i64 },
    Done { at: i64 },
}

impl KeyValueStore {
    /// In this bucket.
    pub fn new(store: kv::Store) -> KeyValueStore {
        KeyValueStore { store }
    }

    fn refused(&self, why: impl std::fmt::Display) -> StoreError {
        StoreError::Bucket { bucket: self.store.name.clone(), why: why.to_string() }
    }

    /// What stands at a key and its revision; at a deleted one nothing.
    async fn read(&self, key: &str) -> Result<(Option<State>, u64), StoreError> {
        let entry = self.store.entry(key).await.map_err(|error| self.refused(error))?;
        let Some(entry) = entry else { return Ok((None, 0)) };
        let state = match entry.operation {
            kv::Operation::Put => {
                let foreign = |error| self.refused(format!("{key} is not of this store: {error}"));
                Some(serde_json::from_slice(&entry.value).map_err(foreign)?)
            }
            kv::Operation::Delete | kv::Operation::Purge => None,
        };
        Ok((state, entry.revision))
    }

    /// The new revision; none if somebody was faster.
    async fn write(
        &self,
        key: &str,
        state: &State,
        revision: u64,
    ) -> Result<Option<u64>, StoreError> {
        let body = serde_json::to_vec(state).map_err(|error| self.refused(error))?;
        match self.store.update(key, body.into(), revision).await {
            Ok(revision) => Ok(Some(revision)),
            Err(error) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => Ok(None),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Removes a key, unless it was written again after `revision`. A delete marker instead would
    /// stay forever, as one message for each id that ever was.
    async fn remove(&self, key: &str, revision: u64) -> Result<bool, StoreError> {
        let subject = format!("{}{key}", self.store.prefix);
        let purge = self.store.stream.purge().filter(subject);
        let purged = purge.sequence(revision.saturating_add(1)).await;
        Ok(0 < purged.map_err(|error| self.refused(error))?.purged)
    }

    async fn claim_key(&self, id: &str, lease: Duration) -> Result<Claim, StoreError> {
        let key = key(id);
        for _ in 0..LOOKS_MAX {
            let (state, revision) = self.read(&key).await?;
            let now = now_millis();
            match state {
                Some(State::Done { .. }) => return Ok(Claim::Done),
                Some(State::Claimed { until, .. }) if now < until => {
                    return Ok(Claim::Busy { until: timestamp(until) });
                }
                _ => (),
            }
            let token = ClaimToken::new(id);
            let until = now.saturating_add(millis(lease));
            let claimed = State::Claimed { owner: token.owner.clone(), until };
            if let Some(revision) = self.write(&key, &claimed, revision).await? {
                return Ok(Claim::Granted(ClaimToken { revision, ..token }));
            }
        }
        // Somebody has it, if not for long; or the server that we read from is behind.
        Ok(Claim::Busy { until: jiff::Timestamp::now() })
    }

    /// The writes go by the revision of the claim, and need no look at what stands there.
    async fn complete_key(&self, token: &ClaimToken) -> Result<(), StoreError> {
        let done = State::Done { at: now_millis() };
        match self.write(&key(&token.id), &done, token.revision).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::LeaseLost { id: token.id.clone() }),
        }
    }

    async fn forget_keys(&self, age: Duration) -> Result<u64, StoreError> {
        let oldest = now_millis().saturating_sub(millis(age));
        let mut keys = self.store.keys().await.map_err(|error| self.refused(error))?;
        let mut n_forgotten = 0;
        while let Some(key) = keys.next().await {
            let key = key.map_err(|error| self.refused(error))?;
            let (state, revision) = self.read(&key).await?;
            match state {
                Some(State::Done { at }) if at < oldest => {
                    n_forgotten += u64::from(self.remove(&key, revision).await?);
                }
                // Whoever had it is gone.
                Some(State::Claimed { until, .. }) if until < oldest => {
                    self.remove(&key, revision).await?;
                }
                _ => (),
            }
        }
        Ok(n_forgotten)
    }
}

/// A key may have few characters: ids are written in base64, long ones as their hash, and neither
/// looks like the other.
fn key(id: &str) -> String {
    if ID_BYTES_MAX < id.len() {
        return format!("hash.{}", blake3::hash(id.as_bytes()).to_hex());
    }
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id);
    // A key can't end with a dot: the empty id is `id`.
    if encoded.is_empty() { "id".to_owned() } else { format!("id.{encoded}") }
}

impl Store for KeyValueStore {
    fn claim<'a>(
        &'a self,
        id: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        self.claim_key(id, lease).boxed()
    }

    fn complete<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>> {
        self.complete_key(token).boxed()
    }

    fn release<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>> {
        async { self.remove(&key(&token.id), token.revision).await.map(|_| ()) }.boxed()
    }

    fn is_done<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        async move { Ok(matches!(self.read(&key(id)).await?.0, Some(State::Done { .. }))) }.boxed()
    }

    fn forget_before(&self, age: Duration) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.forget_keys(age).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn different_ids_have_different_legal_keys() {
        let long = "x".repeat(ID_BYTES_MAX);
        let longer = ["y", "z"].map(|end| format!("{long}{end}"));
        let fixed = ["", "id", "a.b", "a b", "*", ">", ".", "a.", "A", "a", "ä", "\u{0}"];
        // The encoded form of another id is an id, too.
        let encoded = [key("a"), key(&longer[0])];
        let ids = fixed.iter().map(|it| (*it).to_owned()).chain(encoded).chain(longer);
        let ids: Vec<String> = ids.chain([long]).collect();

        let keys: HashSet<String> = ids.iter().map(|id| key(id)).collect();

        assert_eq!(keys.len(), ids.len());
        for key in keys {
            assert!(!key.starts_with('.') && !key.ends_with('.') && key.len() < 400, "{key}");
            let is_legal = |it: char| it.is_ascii_alphanumeric() || "-/_=.".contains(it);
            assert!(key.chars().all(is_legal), "{key}");
        }
    }
}
