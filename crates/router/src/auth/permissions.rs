use std::borrow::Cow;

use tradewind_subject::{has_wildcard, is_filter, is_subset, matches, overlaps};

use super::filters::FilterSet;
use super::responses::ResponsePermission;

/// The permissions of a user as the configuration states them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionsConfig {
    /// What may be published; `None` for everything.
    pub publish: Option<AllowDeny>,
    /// What may be subscribed to; `None` for everything. An entry is `subject` or `subject queue`.
    pub subscribe: Option<AllowDeny>,
    /// Permission to answer requests. With it, an absent or empty publish allow list allows nothing.
    pub allow_responses: Option<ResponsePermission>,
}

/// Two lists of filters; what is on the second is refused whatever the first says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowDeny {
    /// What is allowed; empty for everything.
    pub allow: Vec<String>,
    /// What is refused.
    pub deny: Vec<String>,
}

/// Why some permissions cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermissionsError {
    /// An entry is no filter.
    #[error("subject {0:?} is not a valid subject")]
    Subject(String),
    /// The queue part of an entry is neither a name nor a filter.
    #[error("queue {0:?} is not a valid queue")]
    Queue(String),
}

/// The answer to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeVerdict {
    /// Everything that matches may be delivered.
    Allowed,
    /// Each delivery must be put to [`Permissions::may_deliver`].
    Filtered,
    /// Refused.
    Denied,
}

/// What one user may publish and subscribe to, ready to be asked.
///
/// nats-server compares a subscription's filter with the entries token by token and takes a
/// final `>` of the filter for an ordinary token, so that a user who may subscribe to `a.*` gets
/// `a.>` as well. Here an allow entry must match all that the filter matches. Deny entries are
/// compared as nats-server does, which refuses `a.>` where `a.*` is denied. The result is never
/// wider than nats-server's.
#[derive(Clone, Debug)]
pub struct Permissions {
    publish_allow: Option<FilterSet>,
    publish_deny: FilterSet,
    subscribe_allow: Option<SubscribeEntries>,
    subscribe_deny: SubscribeEntries,
    config: PermissionsConfig,
}

impl Permissions {
    /// Checks `config` and makes it ready to be asked.
    ///
    /// # Errors
    ///
    /// The first entry that is no filter.
    pub fn compile(config: PermissionsConfig) -> Result<Permissions, PermissionsError> {
        let everything = AllowDeny::default();
        let publish = config.publish.as_ref().unwrap_or(&everything);
        let subscribe = config.subscribe.as_ref().unwrap_or(&everything);
        let closed = config.allow_responses.is_some();
        let listed = |list: &[String]| !list.is_empty();
        Ok(Permissions {
            publish_allow: if closed || listed(&publish.allow) {
                Some(publish_entries(&publish.allow)?)
            } else {
                None
            },
            publish_deny: publish_entries(&publish.deny)?,
            subscribe_allow: if listed(&subscribe.allow) {
                Some(SubscribeEntries::parse(&subscribe.allow)?)
            } else {
                None
            },
            subscribe_deny: SubscribeEntries::parse(&subscribe.deny)?,
            config,
        })
    }

    /// The configuration this came from.
    pub fn config(&self) -> &PermissionsConfig {
        &self.config
    }

    /// The permission to answer requests, if there is one.
    pub fn responses(&self) -> Option<ResponsePermission> {
        self.config.allow_responses
    }

    /// Whether `subject` may be published to, responses aside. A wildcard in it is literal.
    pub fn can_publish(&self, subject: &[u8]) -> bool {
        self.publish_allow.as_ref().is_none_or(|allow| allow.matches(subject))
            && !self.publish_deny.matches(subject)
    }

    /// Whether `filter` may be subscribed to, as a member of `queue` if one is given.
    ///
    /// Entries with a queue part say nothing about plain subscriptions. As soon as one of them
    /// is about `filter`, a queue group must match one, even if a plain entry allows the subject.
    pub fn check_subscribe(&self, filter: &[u8], queue: Option<&[u8]>) -> SubscribeVerdict {
        let shortest = shortest_reading(filter);
        let denied = self.subscribe_deny.covers(&shortest, queue)
            || self.subscribe_allow.as_ref().is_some_and(|allow| {
                !allow.admits(&shortest, queue) || !allow.covers(filter, queue)
            });
        if denied {
            SubscribeVerdict::Denied
        } else if has_wildcard(filter) && self.subscribe_deny.overlaps(filter, queue) {
            SubscribeVerdict::Filtered
        } else {
            SubscribeVerdict::Allowed
        }
    }

    /// Whether a message on `subject` may reach a subscription that was [`Filtered`], made with
    /// `queue`.
    ///
    /// [`Filtered`]: SubscribeVerdict::Filtered
    pub fn may_deliver(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        !self.subscribe_deny.matches(subject, queue)
    }
}

// The rest is made from the configuration and nothing else.
impl PartialEq for Permissions {
    fn eq(&self, other: &Permissions) -> bool {
        self.config == other.config
    }
}

impl Eq for Permissions {}

fn publish_entries(list: &[String]) -> Result<FilterSet, PermissionsError> {
    list.iter().map(|entry| checked_filter(entry)).collect()
}

fn checked_filter(filter: &str) -> Result<&[u8], PermissionsError> {
    if is_filter(filter.as_bytes()) {
        Ok(filter.as_bytes())
    } else {
        Err(PermissionsError::Subject(filter.to_owned()))
    }
}

/// `filter` with a final `>` read as exactly one token.
fn shortest_reading(filter: &[u8]) -> Cow<'_, [u8]> {
    match filter {
        b">" => Cow::Borrowed(b"*"),
        [head @ .., b'.', b'>'] => Cow::Owned([head, b".*"].concat()),
        _ => Cow::Borrowed(filter),
    }
}

/// One side of the subscribe permissions.
#[derive(Clone, Debug, Default)]
struct SubscribeEntries {
    plain: FilterSet,
    scoped: Vec<Scoped>,
}

/// An entry that is only about queue groups.
#[derive(Clone, Debug)]
struct Scoped {
    filter: Box<[u8]>,
    queue: Box<[u8]>,
    queue_has_wildcard: bool,
}

impl Scoped {
    /// A queue name that looks like a filter is still compared by name first.
    fn is_about(&self, queue: &[u8]) -> bool {
        *self.queue == *queue || (self.queue_has_wildcard && is_subset(queue, &self.queue))
    }
}

impl SubscribeEntries {
    fn parse(list: &[String]) -> Result<SubscribeEntries, PermissionsError> {
        let mut entries = SubscribeEntries::default();
        for entry in list {
            match entry.split_ascii_whitespace().collect::<Vec<_>>()[..] {
                [filter, queue] => entries.scoped.push(Scoped {
                    filter: Box::from(checked_filter(filter)?),
                    queue: if is_filter(queue.as_bytes()) {
                        Box::from(queue.as_bytes())
                    } else {
                        return Err(PermissionsError::Queue(queue.to_owned()));
                    },
                    queue_has_wildcard: has_wildcard(queue.as_bytes()),
                }),
                // Of any other number of words the whole is shown: it is no filter unless one word.
                _ => entries.plain.insert(checked_filter(entry)?),
            }
        }
        Ok(entries)
    }

    /// The entries with a queue part that hold for `queue`.
    fn scoped_to(&self, queue: Option<&[u8]>) -> impl Iterator<Item = &Scoped> {
        self.scoped.iter().filter(move |entry| queue.is_some_and(|queue| entry.is_about(queue)))
    }

    fn covers(&self, filter: &[u8], queue: Option<&[u8]>) -> bool {
        self.plain.covers(filter)
            || self.scoped_to(queue).any(|entry| is_subset(filter, &entry.filter))
    }

    fn overlaps(&self, filter: &[u8], queue: Option<&[u8]>) -> bool {
        self.plain.overlaps(filter)
            || self.scoped_to(queue).any(|entry| overlaps(filter, &entry.filter))
    }

    fn matches(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.plain.matches(subject)
            || self.scoped_to(queue).any(|entry| matches(&entry.filter, subject))
    }

    /// Whether the entries with a queue part let `queue` be: none is about `filter`, or one of
    /// those that are is about `queue`.
    fn admits(&self, filter: &[u8], queue: Option<&[u8]>) -> bool {
        let Some(queue) = queue else { return true };
        let mut about_filter =
            self.scoped.iter().filter(|entry| is_subset(filter, &entry.filter)).peekable();
        about_filter.peek().is_none() || about_filter.any(|entry| entry.is_about(queue))
    }
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
