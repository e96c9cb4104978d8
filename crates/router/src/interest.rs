use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;
use tradewind_subject::{SubjectMap, tokens};

/// Number of a connection, or of something else that subscribes; never used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// One subscription.
#[derive(Debug)]
pub struct Subscription<T> {
    /// Whose it is.
    pub client: ClientId,
    /// The owner's name for it.
    pub sid: Box<[u8]>,
    /// The filter.
    pub subject: Box<[u8]>,
    /// The queue group it shares messages with.
    pub queue: Option<Box<[u8]>>,
    /// Whether deliveries have to be checked against the owner's deny list.
    pub filtered: bool,
    /// Where messages go.
    pub target: T,
    delivered: AtomicU64,
    /// Messages after which it ends; 0 is never.
    max: AtomicU64,
}

/// Whether a subscription takes one more message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It does.
    Deliver,
    /// It does, and ends with it.
    Last,
    /// It has had all it asked for.
    Over,
}

impl<T> Subscription<T> {
    /// A subscription without an end.
    pub fn new(
        client: ClientId,
        sid: &[u8],
        subject: &[u8],
        queue: Option<&[u8]>,
        target: T,
    ) -> Self {
        Subscription {
            client,
            sid: sid.into(),
            subject: subject.into(),
            queue: queue.map(Into::into),
            filtered: false,
            target,
            delivered: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    /// Counts one message, if it is still wanted.
    #[inline]
    pub fn take_turn(&self) -> Turn {
        let n_before = self.delivered.fetch_add(1, Ordering::SeqCst);
        match self.max.load(Ordering::SeqCst) {
            0 => Turn::Deliver,
            max if n_before + 1 < max => Turn::Deliver,
            max if n_before + 1 == max => Turn::Last,
            _ => Turn::Over,
        }
    }

    /// How many messages it was given.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// After how many messages it ends, if it does.
    pub fn max(&self) -> Option<u64> {
        Some(self.max.load(Ordering::Relaxed)).filter(|max| 0 < *max)
    }

    /// Ends it after `max` messages since it was made. Whether it is over already.
    pub(crate) fn end_after(&self, max: u64) -> bool {
        self.max.store(max, Ordering::SeqCst);
        max <= self.delivered.load(Ordering::SeqCst)
    }
}

/// Members of one queue group that match a subject.
#[derive(Debug)]
pub struct QueueGroup<T> {
    /// Name of the group.
    pub name: Box<[u8]>,
    /// Its members.
    pub members: Vec<Arc<Subscription<T>>>,
}

/// Everybody who wants a subject: each of `plain`, and one member of each group.
#[derive(Debug)]
pub struct Fanout<T> {
    /// Subscriptions without a group.
    pub plain: SmallVec<[Arc<Subscription<T>>; 2]>,
    /// Queue groups.
    pub queues: Vec<QueueGroup<T>>,
}

impl<T> Default for Fanout<T> {
    fn default() -> Fanout<T> {
        Fanout { plain: SmallVec::new(), queues: Vec::new() }
    }
}

impl<T> Fanout<T> {
    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.queues.is_empty()
    }

    fn add(&mut self, subscription: &Arc<Subscription<T>>) {
        let Some(queue) = &subscription.queue else {
            self.plain.push(Arc::clone(subscription));
            return;
        };
        match self.queues.iter_mut().find(|group| group.name == *queue) {
            Some(group) => group.members.push(Arc::clone(subscription)),
            None => self
                .queues
                .push(QueueGroup { name: queue.clone(), members: vec![Arc::clone(subscription)] }),
        }
    }
}

/// How often interest changed, striped by first token so that inboxes that come and go do not
/// invalidate what is known of other subjects. A filter that starts with a wildcard touches all.
#[derive(Debug)]
pub struct Generations {
    stripes: Box<[AtomicU64]>,
    all: AtomicU64,
}

/// A point in the life of the interest in some subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    stripe: usize,
    here: u64,
    all: u64,
}

const N_STRIPES: u64 = 1024;

impl Default for Generations {
    fn default() -> Generations {
        Generations {
            stripes: (0..N_STRIPES).map(|_| AtomicU64::new(0)).collect(),
            all: AtomicU64::new(0),
        }
    }
}

impl Generations {
    /// The current generation of `subject`.
    pub fn current(&self, subject: &[u8]) -> Generation {
        let stripe = stripe(tokens(subject).next().unwrap_or_default());
        Generation {
            stripe,
            here: self.stripes[stripe].load(Ordering::Acquire),
            all: self.all.load(Ordering::Acquire),
        }
    }

    /// Whether nothing has changed since.
    #[inline]
    pub fn is_current(&self, generation: Generation) -> bool {
        self.stripes[generation.stripe].load(Ordering::Acquire) == generation.here
            && self.all.load(Ordering::Acquire) == generation.all
    }

    fn bump(&self, filter: &[u8]) {
        let first = tokens(filter).next().unwrap_or_default();
        let counter = match first {
            b"*" | b">" => &self.all,
            token => &self.stripes[stripe(token)],
        };
        counter.fetch_add(1, Ordering::AcqRel);
    }
}

/// FNV-1a over the first token.
fn stripe(token: &[u8]) -> usize {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for &byte in token {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    tradewind_subject::int::usize_from((hash >> 32) % N_STRIPES)
}

/// The subscriptions of one account.
///
/// Lookups take `&self`, changes `&mut self`: the caller's lock decides. [`Interest::generations`]
/// can be asked without that lock.
#[derive(Debug)]
pub struct Interest<T> {
    map: SubjectMap<Arc<Subscription<T>>>,
    generations: Arc<Generations>,
    n_inserted: u64,
    n_removed: u64,
}

impl<T> Default for Interest<T> {
    fn default() -> Interest<T> {
        Interest {
            map: SubjectMap::new(),
            generations: Arc::new(Generations::default()),
            n_inserted: 0,
            n_removed: 0,
        }
    }
}

impl<T> Interest<T> {
    /// The counters that tell when a [`Fanout`] is out of date.
    pub fn generations(&self) -> &Arc<Generations> {
        &self.generations
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// How many were ever added, and taken out.
    pub fn changes(&self) -> (u64, u64) {
        (self.n_inserted, self.n_removed)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Adds a subscription.
    pub fn insert(&mut self, subscription: &Arc<Subscription<T>>) {
        self.map.insert(&subscription.subject, Arc::clone(subscription));
        self.n_inserted += 1;
        self.generations.bump(&subscription.subject);
    }

    /// Takes a subscription out. Whether it was there.
    pub fn remove(&mut self, subscription: &Arc<Subscription<T>>) -> bool {
        let removed =
            self.map.remove_if(&subscription.subject, |other| Arc::ptr_eq(other, subscription));
        if removed.is_some() {
            self.n_removed += 1;
            self.generations.bump(&subscription.subject);
        }
        removed.is_some()
    }

    /// Everybody who wants `subject`.
    pub fn fanout(&self, subject: &[u8]) -> Fanout<T> {
        let mut fanout = Fanout::default();
        self.map.for_each_match(subject, |subscription| fanout.add(subscription));
        fanout
    }

    /// Whether anybody wants `subject`.
    pub fn has_interest(&self, subject: &[u8]) -> bool {
        let mut found = false;
        self.map.for_each_match(subject, |_| found = true);
        found
    }

    /// Calls `found` for every subscription that matches `subject`.
    pub fn for_each_match<'a>(
        &'a self,
        subject: &[u8],
        found: impl FnMut(&'a Arc<Subscription<T>>),
    ) {
        self.map.for_each_match(subject, found);
    }

    /// Calls `found` for every subscription.
    pub fn for_each(&self, found: impl FnMut(&Arc<Subscription<T>>)) {
        self.map.for_each(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(subject: &str, queue: Option<&str>) -> Arc<Subscription<u32>> {
        let queue = queue.map(str::as_bytes);
        Arc::new(Subscription::new(ClientId(1), b"1", subject.as_bytes(), queue, 7))
    }

    #[test]
    fn plain_subscriptions_and_each_group_get_a_message() {
        let mut interest = Interest::default();
        for (subject, queue) in
            [("a.*", None), ("a.b", Some("q")), (">", Some("q")), ("a.b", Some("r"))]
        {
            interest.insert(&subscription(subject, queue));
        }

        let fanout = interest.fanout(b"a.b");

        assert_eq!(fanout.plain.len(), 1);
        let mut groups: Vec<_> =
            fanout.queues.iter().map(|g| (&*g.name, g.members.len())).collect();
        groups.sort_unstable();
        assert_eq!(groups, [(&b"q"[..], 2), (b"r", 1)]);
    }

    #[test]
    fn a_change_outdates_only_its_own_first_token_unless_that_is_a_wildcard() {
        let mut interest = Interest::default();
        let before_a = interest.generations().current(b"a.x");
        let before_b = interest.generations().current(b"b.x");

        let inbox = subscription("b.1", None);
        interest.insert(&inbox);
        assert!(interest.generations().is_current(before_a));
        assert!(!interest.generations().is_current(before_b));

        interest.insert(&subscription("*.1", None));
        assert!(!interest.generations().is_current(before_a));
    }

    #[test]
    fn a_subscription_with_a_maximum_ends_at_the_exact_count() {
        let one = subscription("a", None);
        assert_eq!(one.take_turn(), Turn::Deliver);
        assert!(!one.end_after(3));
        assert_eq!(one.take_turn(), Turn::Deliver);
        assert_eq!(one.take_turn(), Turn::Last);
        assert_eq!(one.take_turn(), Turn::Over);
        assert!(one.end_after(2));
    }
}
