use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use tradewind_router::{Generations, Interest, Subscription};
use tradewind_subject::{SeededMap, has_wildcard, matches};

use crate::dispatch::Target;
use crate::mailbox::{Letter, Mailbox};

/// A space of subjects of its own.
///
/// Lookups on the hot path ask `generations` first and take the lock only when something changed.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) interest: RwLock<Interest<Target>>,
    pub(crate) generations: Arc<Generations>,
    /// Subjects whose interest the shard wants to hear of, and how often it asked.
    watched: RwLock<SeededMap<Box<[u8]>, usize>>,
    n_watched: AtomicUsize,
    shard: OnceLock<Arc<Mailbox>>,
}

impl Account {
    pub(crate) fn new(name: &str) -> Account {
        let interest = Interest::default();
        let generations = Arc::clone(interest.generations());
        Account {
            name: name.to_owned(),
            interest: RwLock::new(interest),
            generations,
            watched: RwLock::default(),
            n_watched: AtomicUsize::new(0),
            shard: OnceLock::new(),
        }
    }

    /// Where messages for JetStream are left.
    pub(crate) fn shard(&self) -> Option<&Arc<Mailbox>> {
        self.shard.get()
    }

    /// Turns JetStream on.
    pub(crate) fn set_shard(&self, mailbox: Arc<Mailbox>) {
        // Set once, at start.
        let _ = self.shard.set(mailbox);
    }

    /// Puts a subscription in.
    pub(crate) fn add(&self, subscription: &Arc<Subscription<Target>>) {
        self.interest.write().insert(subscription);
        self.tell_shard(&subscription.subject);
    }

    /// Takes a subscription out. Whether it was there.
    pub(crate) fn remove(&self, subscription: &Arc<Subscription<Target>>) -> bool {
        let removed = self.interest.write().remove(subscription);
        if removed {
            self.tell_shard(&subscription.subject);
        }
        removed
    }

    /// Puts `after` in the place of `before`, so that nobody sees both or neither.
    pub(crate) fn replace(
        &self,
        before: &[Arc<Subscription<Target>>],
        after: &[Arc<Subscription<Target>>],
    ) {
        {
            let mut interest = self.interest.write();
            for subscription in before {
                interest.remove(subscription);
            }
            for subscription in after {
                interest.insert(subscription);
            }
        }
        for subscription in before.iter().chain(after) {
            self.tell_shard(&subscription.subject);
        }
    }

    /// Takes out all of `subscriptions`.
    pub(crate) fn remove_all(&self, subscriptions: &[Arc<Subscription<Target>>]) {
        if !subscriptions.is_empty() {
            self.replace(subscriptions, &[]);
        }
    }

    /// Whether anybody listens to `subject`.
    pub(crate) fn has_interest(&self, subject: &[u8]) -> bool {
        self.interest.read().has_interest(subject)
    }

    /// The shard wants to hear when interest in `subject` changes.
    pub(crate) fn watch(&self, subject: &[u8]) {
        *self.watched.write().entry(subject.into()).or_default() += 1;
        self.n_watched.fetch_add(1, Ordering::Release);
    }

    /// The reverse of [`Account::watch`].
    pub(crate) fn unwatch(&self, subject: &[u8]) {
        let mut watched = self.watched.write();
        if let Some(count) = watched.get_mut(subject) {
            *count -= 1;
            if *count == 0 {
                watched.remove(subject);
            }
            self.n_watched.fetch_sub(1, Ordering::Release);
        }
    }

    /// Tells the shard of watched subjects that `filter` matches.
    fn tell_shard(&self, filter: &[u8]) {
        if self.n_watched.load(Ordering::Acquire) == 0 {
            return;
        }
        let Some(shard) = self.shard.get() else { return };
        let watched = self.watched.read();
        if has_wildcard(filter) {
            for subject in watched.keys().filter(|subject| matches(filter, subject)) {
                shard.leave(Letter::Interest(subject.clone()));
            }
        } else if watched.contains_key(filter) {
            shard.leave(Letter::Interest(filter.into()));
        }
    }
}
