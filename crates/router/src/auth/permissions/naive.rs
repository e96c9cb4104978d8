//! The permissions a second time, as sets: every filter is the set of the subjects of a small
//! universe that it matches, and every question is one about sets.

use std::sync::LazyLock;

use super::{AllowDeny, PermissionsConfig, SubscribeVerdict};

/// Tokens of the universe. No filter names `z`, so that `*` is more than all names together.
const TOKENS: [&str; 3] = ["a", "b", "z"];

/// Filters have one token less, so that `>` is more than all `*` together.
const TOKENS_MAX: usize = 4;

/// Every subject there is.
pub(super) static UNIVERSE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut subjects: Vec<String> = TOKENS.map(str::to_owned).to_vec();
    let mut longest = subjects.clone();
    for _ in 1..TOKENS_MAX {
        longest =
            longest.iter().flat_map(|head| TOKENS.map(|token| format!("{head}.{token}"))).collect();
        subjects.extend_from_slice(&longest);
    }
    assert!(subjects.len() <= 128);
    subjects
});

/// A subset of the universe, one bit per subject.
type Set = u128;

fn matched(filter: &[&str], subject: &[&str]) -> bool {
    match (filter, subject) {
        ([], []) => true,
        ([">"], [_, ..]) => true,
        (["*", filter @ ..], [_, subject @ ..]) => matched(filter, subject),
        ([name, filter @ ..], [token, subject @ ..]) => name == token && matched(filter, subject),
        _ => false,
    }
}

fn set(filter: &str) -> Set {
    let filter: Vec<&str> = filter.split('.').collect();
    let bits = UNIVERSE.iter().enumerate().map(|(bit, subject)| {
        let subject: Vec<&str> = subject.split('.').collect();
        Set::from(matched(&filter, &subject)) << bit
    });
    bits.fold(0, |all, bit| all | bit)
}

/// The subjects of `set` that have as many tokens as `filter`.
fn of_length(filter: &str, set: Set) -> Set {
    let len = filter.split('.').count();
    UNIVERSE
        .iter()
        .enumerate()
        .filter(|(_, subject)| subject.split('.').count() == len)
        .fold(0, |all, (bit, _)| all | (set & (1 << bit)))
}

fn within(inner: Set, outer: Set) -> bool {
    inner & !outer == 0
}

/// An entry of a subscribe list.
struct Entry {
    set: Set,
    queue: Option<String>,
}

impl Entry {
    fn parse(text: &str) -> Entry {
        let mut words = text.split(' ');
        let set = set(words.next().unwrap());
        Entry { set, queue: words.next().map(str::to_owned) }
    }

    fn is_about(&self, queue: Option<&str>) -> bool {
        match (&self.queue, queue) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(queue)) => {
                let split = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
                let (own_tokens, tokens) = (split(own), split(queue));
                let own_tokens: Vec<&str> = own_tokens.iter().map(String::as_str).collect();
                let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
                // `>` stands for many names, which one `*` does not match.
                let wide = tokens.contains(&">") && !own_tokens.contains(&">");
                own == queue || (!wide && matched(&own_tokens, &tokens))
            }
        }
    }
}

/// What [`PermissionsConfig`] means.
pub(super) struct Naive {
    publish_allow: Option<Set>,
    publish_deny: Set,
    allow: Vec<Entry>,
    deny: Vec<Entry>,
}

impl Naive {
    pub(super) fn new(config: &PermissionsConfig) -> Naive {
        let absent = AllowDeny::default();
        let publish = config.publish.as_ref().unwrap_or(&absent);
        let subscribe = config.subscribe.as_ref().unwrap_or(&absent);
        let union = |list: &[String]| list.iter().fold(0, |all, filter| all | set(filter));
        let open = publish.allow.is_empty() && config.allow_responses.is_none();
        Naive {
            publish_allow: (!open).then(|| union(&publish.allow)),
            publish_deny: union(&publish.deny),
            allow: subscribe.allow.iter().map(|entry| Entry::parse(entry)).collect(),
            deny: subscribe.deny.iter().map(|entry| Entry::parse(entry)).collect(),
        }
    }

    /// The subjects that may be published to.
    pub(super) fn publishable(&self) -> Set {
        self.publish_allow.unwrap_or(Set::MAX) & !self.publish_deny
    }

    fn denied(&self, queue: Option<&str>) -> Set {
        let about = self.deny.iter().filter(|entry| entry.is_about(queue));
        about.fold(0, |all, entry| all | entry.set)
    }

    pub(super) fn subscribe(&self, filter: &str, queue: Option<&str>) -> SubscribeVerdict {
        let wanted = set(filter);
        let shortest = of_length(filter, wanted);
        let refused =
            self.deny.iter().any(|entry| entry.is_about(queue) && within(shortest, entry.set));
        if refused || !self.allows(wanted, shortest, queue) {
            SubscribeVerdict::Denied
        } else if wanted & self.denied(queue) != 0 {
            SubscribeVerdict::Filtered
        } else {
            SubscribeVerdict::Allowed
        }
    }

    fn allows(&self, wanted: Set, shortest: Set, queue: Option<&str>) -> bool {
        let scoped: Vec<&Entry> = self
            .allow
            .iter()
            .filter(|entry| entry.queue.is_some() && within(shortest, entry.set))
            .collect();
        let queue_fits = queue.is_none()
            || scoped.is_empty()
            || scoped.iter().any(|entry| entry.is_about(queue));
        let covered =
            self.allow.iter().any(|entry| entry.is_about(queue) && within(wanted, entry.set));
        self.allow.is_empty() || (queue_fits && covered)
    }

    /// The subjects that may be delivered to a subscription that was allowed.
    pub(super) fn deliverable(&self, filter: &str, queue: Option<&str>) -> Set {
        set(filter) & !self.denied(queue)
    }

    /// The subjects that some allow entry about `queue` matches.
    pub(super) fn allowed(&self, queue: Option<&str>) -> Set {
        let about = self.allow.iter().filter(|entry| entry.is_about(queue));
        if self.allow.is_empty() { Set::MAX } else { about.fold(0, |all, entry| all | entry.set) }
    }
}
