use std::sync::Arc;

use tradewind_subject::{SeededMap, Timestamp};

use super::permissions::Permissions;
use super::responses::ResponseTracker;

/// Most subjects one connection remembers the answer for.
const VERDICTS_MAX: usize = 128;

/// Longest subject remembered: the cache of a connection stays below 32 KiB.
const SUBJECT_BYTES_MAX: usize = 192;

/// What one connection recently asked of its [`Permissions`], and the answers.
///
/// It holds the permissions it caches, so it cannot be asked about others: new permissions need
/// a new cache.
#[derive(Clone, Debug)]
pub struct PublishCache {
    permissions: Arc<Permissions>,
    verdicts: SeededMap<Box<[u8]>, bool>,
}

impl PublishCache {
    /// An empty cache.
    pub fn new(permissions: Arc<Permissions>) -> PublishCache {
        PublishCache { permissions, verdicts: SeededMap::default() }
    }

    /// The permissions behind the cache.
    pub fn permissions(&self) -> &Arc<Permissions> {
        &self.permissions
    }

    /// [`Permissions::can_publish`]; allocates for a subject it remembers from now on.
    pub fn can_publish(&mut self, subject: &[u8]) -> bool {
        if let Some(&verdict) = self.verdicts.get(subject) {
            return verdict;
        }
        let verdict = self.permissions.can_publish(subject);
        // A user who answers requests is refused a new reply subject each time; no use keeping them.
        let recurs = verdict || self.permissions.responses().is_none();
        if recurs && subject.len() <= SUBJECT_BYTES_MAX {
            if self.verdicts.len() >= VERDICTS_MAX {
                self.verdicts.clear();
            }
            self.verdicts.insert(Box::from(subject), verdict);
        }
        verdict
    }
}

/// All that decides about the publishes of one connection: its permissions and the requests it
/// may answer.
#[derive(Clone, Debug)]
pub struct PublishGate {
    cache: PublishCache,
    responses: Option<ResponseTracker>,
}

impl PublishGate {
    /// The gate of a connection that has not got any request yet.
    pub fn new(permissions: Arc<Permissions>) -> PublishGate {
        let responses = permissions.responses().map(ResponseTracker::new);
        PublishGate { cache: PublishCache::new(permissions), responses }
    }

    /// The permissions behind the gate.
    pub fn permissions(&self) -> &Arc<Permissions> {
        self.cache.permissions()
    }

    /// Whether deliveries must be reported to [`PublishGate::delivered`].
    pub fn tracks_responses(&self) -> bool {
        self.responses.is_some()
    }

    /// Notes that a message with `reply` is about to be written to the connection, which may
    /// then answer.
    pub fn delivered(&mut self, now: Timestamp, reply: &[u8]) {
        if let Some(responses) = &mut self.responses
            && !self.cache.permissions.can_publish(reply)
        {
            responses.record(now, reply);
        }
    }

    /// Whether the connection may publish to `subject` now. A response is counted only when
    /// nothing else allows it, and is allowed even if the subject is denied.
    pub fn permits(&mut self, now: Timestamp, subject: &[u8]) -> bool {
        self.cache.can_publish(subject)
            || self.responses.as_mut().is_some_and(|responses| responses.permitted(now, subject))
    }
}

#[cfg(test)]
mod tests;
