use std::collections::BTreeMap;
use std::time::Duration;

use tradewind_subject::Timestamp;

/// Permission to answer requests on their reply subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponsePermission {
    /// Messages per request: 0 for the default of 1, negative for any number.
    pub max: i64,
    /// How long a request may be answered: zero for the default of 2 minutes,
    /// [`ResponsePermission::FOREVER`] (in the configuration, a negative time) for no limit.
    pub expires: Duration,
}

impl ResponsePermission {
    /// An `expires` that never comes.
    pub const FOREVER: Duration = Duration::MAX;
}

/// `allow_responses: true`.
impl Default for ResponsePermission {
    fn default() -> ResponsePermission {
        ResponsePermission { max: 1, expires: Duration::from_mins(2) }
    }
}

/// Grants recorded before the next pruning, if it does not come earlier.
const RECORDED_MAX: usize = 4096;

/// Time before the next pruning.
const PRUNE_INTERVAL: Duration = Duration::from_secs(1);

/// What the grants of one connection may take. Whoever sends requests fills this, not the
/// connection itself, so nats-server's lack of a limit is not repeated.
const GRANTS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a grant takes besides its subject, about.
const GRANT_BYTES: usize = 64;

/// The reply subjects that one connection may answer on.
///
/// A second request with the same reply subject starts its count and its time again.
#[derive(Clone, Debug)]
pub struct ResponseTracker {
    /// Messages per grant, `None` for any number.
    max: Option<u64>,
    expires: Duration,
    // Ordered, because those who choose the keys could make a hash map slow.
    grants: BTreeMap<Box<[u8]>, Grant>,
    bytes: usize,
    next_seq: u64,
    recorded_since_prune: usize,
    pruned_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Grant {
    at: Timestamp,
    /// Order of recording; later grants survive when there are too many.
    seq: u64,
    used: u64,
}

impl ResponseTracker {
    /// A tracker without any grant.
    pub fn new(permission: ResponsePermission) -> ResponseTracker {
        let defaults = ResponsePermission::default();
        let max = if permission.max == 0 { defaults.max } else { permission.max };
        let no_time = permission.expires.is_zero();
        ResponseTracker {
            max: u64::try_from(max).ok(),
            expires: if no_time { defaults.expires } else { permission.expires },
            grants: BTreeMap::new(),
            bytes: 0,
            next_seq: 0,
            recorded_since_prune: 0,
            pruned_at: Timestamp::MIN,
        }
    }

    /// Notes a delivered request, which may be answered on `reply` from now on.
    pub fn record(&mut self, now: Timestamp, reply: &[u8]) {
        if reply.is_empty() {
            return;
        }
        let grant = Grant { at: now, seq: self.next_seq, used: 0 };
        self.next_seq += 1;
        if self.grants.insert(Box::from(reply), grant).is_none() {
            self.bytes += cost(reply);
        }
        self.recorded_since_prune += 1;
        if self.recorded_since_prune > RECORDED_MAX || now.since(self.pruned_at) > PRUNE_INTERVAL {
            self.prune(now);
        }
        if self.bytes > GRANTS_BYTES_MAX {
            self.prune(now);
            self.drop_older_half();
        }
    }

    /// Whether a message may be published to `subject` as a response, and counts it if so.
    pub fn permitted(&mut self, now: Timestamp, subject: &[u8]) -> bool {
        let Some(grant) = self.grants.get_mut(subject) else { return false };
        let expired = now.since(grant.at) > self.expires;
        grant.used = grant.used.saturating_add(1);
        if expired || self.max.is_some_and(|max| grant.used >= max) {
            self.grants.remove(subject);
            self.bytes = self.bytes.saturating_sub(cost(subject));
        }
        !expired
    }

    /// Grants held, expired ones included until they are pruned.
    pub fn len(&self) -> usize {
        self.grants.len()
    }

    /// Whether no grant is held.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    fn prune(&mut self, now: Timestamp) {
        let expires = self.expires;
        self.retain(|grant| now.since(grant.at) <= expires);
        self.recorded_since_prune = 0;
        self.pruned_at = now;
    }

    fn drop_older_half(&mut self) {
        if self.bytes <= GRANTS_BYTES_MAX {
            return;
        }
        let mut seqs: Vec<u64> = self.grants.values().map(|grant| grant.seq).collect();
        let middle = seqs.len() / 2;
        let (_, &mut cutoff, _) = seqs.select_nth_unstable(middle);
        self.retain(|grant| grant.seq >= cutoff);
    }

    fn retain(&mut self, keep: impl Fn(&Grant) -> bool) {
        self.grants.retain(|_, grant| keep(grant));
        self.bytes = self.grants.keys().map(|reply| cost(reply)).sum();
    }
}

fn cost(reply: &[u8]) -> usize {
    reply.len() + GRANT_BYTES
}

#[cfg(test)]
mod tests;
