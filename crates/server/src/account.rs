use std::sync::Arc;

use parking_lot::RwLock;
use tradewind_router::{Generations, Interest, Subscription};

use crate::dispatch::Target;

/// A space of subjects of its own.
///
/// Lookups on the hot path ask `generations` first and take the lock only when something changed.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) interest: RwLock<Interest<Target>>,
    pub(crate) generations: Arc<Generations>,
}

impl Account {
    pub(crate) fn new(name: &str) -> Account {
        let interest = Interest::default();
        let generations = Arc::clone(interest.generations());
        Account { name: name.to_owned(), interest: RwLock::new(interest), generations }
    }

    /// Takes out all of `subscriptions`.
    pub(crate) fn remove_all(&self, subscriptions: &[Arc<Subscription<Target>>]) {
        if !subscriptions.is_empty() {
            let mut interest = self.interest.write();
            for subscription in subscriptions {
                interest.remove(subscription);
            }
        }
    }
}
