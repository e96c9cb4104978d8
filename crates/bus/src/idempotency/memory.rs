use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::{Claim, ClaimToken, Store, StoreError};

/// Claims that may lie around before those that ran out are looked for.
const CLAIMS_USUAL: usize = 1024;

/// A store that ends with the process: against redeliveries within one run, and for tests.
///
/// It is bounded: of handled messages the newest are remembered, of claims those whose lease runs,
/// and about as many that ran out. Leases are by the monotonic clock.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    /// Handled messages that are remembered; the oldest is forgotten for one more.
    done_max: usize,
}

#[derive(Debug)]
struct State {
    claims: HashMap<String, Held>,
    /// Number of claims at which those that ran out are dropped.
    sweep_at: usize,
    done: HashSet<Arc<str>>,
    /// The same, the oldest first, with the times they were done.
    done_order: VecDeque<(Instant, Arc<str>)>,
}

#[derive(Debug)]
struct Held {
    owner: String,
    /// None: longer than the clock goes.
    until: Option<Instant>,
}

impl Default for MemoryStore {
    /// Remembers a million messages, about 150 MB of them.
    fn default() -> MemoryStore {
        MemoryStore::new(1_000_000)
    }
}

impl MemoryStore {
    /// Remembers up to `done_max` handled messages, at least one.
    pub fn new(done_max: usize) -> MemoryStore {
        let state = State {
            claims: HashMap::new(),
            sweep_at: CLAIMS_USUAL,
            done: HashSet::new(),
            done_order: VecDeque::new(),
        };
        MemoryStore { state: Mutex::new(state), done_max: done_max.max(1) }
    }

    #[cfg(test)]
    pub(super) fn n_claims(&self) -> usize {
        self.state.lock().claims.len()
    }
}

impl State {
    fn claim(&mut self, id: &str, lease: Duration) -> Claim {
        let now = Instant::now();
        if self.done.contains(id) {
            return Claim::Done;
        }
        if let Some(held) = self.claims.get(id)
            && held.runs(now)
        {
            return Claim::Busy { until: held.timestamp(now) };
        }
        if self.sweep_at <= self.claims.len() {
            self.claims.retain(|_, held| held.runs(now));
            self.sweep_at = self.claims.len().saturating_mul(2).max(CLAIMS_USUAL);
        }
        let token = ClaimToken::new(id);
        let held = Held { owner: token.owner.clone(), until: now.checked_add(lease) };
        self.claims.insert(id.to_owned(), held);
        Claim::Granted(token)
    }

    fn complete(&mut self, token: &ClaimToken, done_max: usize) -> Result<(), StoreError> {
        if !self.give_up(token) {
            return Err(StoreError::LeaseLost { id: token.id.clone() });
        }
        let id: Arc<str> = Arc::from(token.id.as_str());
        self.done.insert(Arc::clone(&id));
        self.done_order.push_back((Instant::now(), id));
        while done_max < self.done_order.len() {
            self.forget_oldest();
        }
        Ok(())
    }

    /// Whether the claim was still this one's.
    fn give_up(&mut self, token: &ClaimToken) -> bool {
        let is_ours = self.claims.get(&token.id).is_some_and(|held| held.owner == token.owner);
        is_ours && self.claims.remove(&token.id).is_some()
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.done_order.pop_front() {
            self.done.remove(&id);
        }
    }

    fn forget_before(&mut self, age: Duration) -> u64 {
        let now = Instant::now();
        let mut n_forgotten = 0;
        while self.done_order.front().is_some_and(|(at, _)| age < now.duration_since(*at)) {
            self.forget_oldest();
            n_forgotten += 1;
        }
        self.claims.retain(|_, held| held.runs(now));
        n_forgotten
    }
}

impl Held {
    fn runs(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    fn timestamp(&self, now: Instant) -> jiff::Timestamp {
        let Some(until) = self.until else { return jiff::Timestamp::MAX };
        let left = until.saturating_duration_since(now);
        jiff::Timestamp::now().checked_add(left).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl Store for MemoryStore {
    fn claim<'a>(
        &'a self,
        id: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        async move { Ok(self.state.lock().claim(id, lease)) }.boxed()
    }

    fn complete<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>> {
        async { self.state.lock().complete(token, self.done_max) }.boxed()
    }

    fn release<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>> {
        async {
            self.state.lock().give_up(token);
            Ok(())
        }
        .boxed()
    }

    fn is_done<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        async move { Ok(self.state.lock().done.contains(id)) }.boxed()
    }

    fn forget_before(&self, age: Duration) -> BoxFuture<'_, Result<u64, StoreError>> {
        async move { Ok(self.state.lock().forget_before(age)) }.boxed()
    }
}
