use std::hash::BuildHasher as _;
use std::sync::Arc;

use tradewind_subject::int::{u64_from, usize_from};
use tradewind_subject::{SeededMap, SeededState};

use crate::interest::{Fanout, Generation, Generations};

/// Subjects remembered at most.
const SUBJECTS_MAX: usize = 4096;
/// Words of bits that say which subjects came once.
const SEEN_WORDS: usize = 512;

/// What one publisher knows of the interest in the subjects it publishes to.
///
/// The last subject is kept aside: most publishers stay with one for a while. A subject is
/// remembered when it comes a second time, so that subjects used once (inboxes, acknowledgements)
/// do not push out the others.
#[derive(Debug)]
pub struct RouteCache<T> {
    last: Option<Known<T>>,
    last_subject: Vec<u8>,
    known: SeededMap<Box<[u8]>, Known<T>>,
    /// Subjects that found no room since it was full.
    n_refused: usize,
    /// A Bloom filter with two bits a subject, started over after as many as the cache holds; the
    /// doorkeeper of TinyLFU (Einziger, Friedman, Manes 2017).
    seen: Option<Box<[u64; SEEN_WORDS]>>,
    n_seen: usize,
}

#[derive(Debug)]
struct Known<T> {
    generation: Generation,
    fanout: Arc<Fanout<T>>,
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Known<T> {
        Known { generation: self.generation, fanout: Arc::clone(&self.fanout) }
    }
}

impl<T> Default for RouteCache<T> {
    fn default() -> RouteCache<T> {
        RouteCache {
            last: None,
            last_subject: Vec::new(),
            known: SeededMap::default(),
            n_refused: 0,
            seen: None,
            n_seen: 0,
        }
    }
}

impl<T> RouteCache<T> {
    /// Who wants `subject`: what is known if that still holds, else what `look_up` finds.
    #[inline]
    pub fn fanout(
        &mut self,
        subject: &[u8],
        generations: &Generations,
        look_up: impl FnOnce() -> (Generation, Fanout<T>),
    ) -> Arc<Fanout<T>> {
        if let Some(known) = &self.last
            && self.last_subject == subject
            && generations.is_current(known.generation)
        {
            return Arc::clone(&known.fanout);
        }
        self.miss(subject, generations, look_up)
    }

    fn miss(
        &mut self,
        subject: &[u8],
        generations: &Generations,
        look_up: impl FnOnce() -> (Generation, Fanout<T>),
    ) -> Arc<Fanout<T>> {
        if let Some(known) = self.known.get(subject)
            && generations.is_current(known.generation)
        {
            let known = known.clone();
            let fanout = Arc::clone(&known.fanout);
            self.set_last(subject, known);
            return fanout;
        }
        let (generation, fanout) = look_up();
        let known = Known { generation, fanout: Arc::new(fanout) };
        let fanout = Arc::clone(&known.fanout);
        if self.came_before(subject) && self.has_room(subject) {
            self.known.insert(subject.into(), known.clone());
            self.set_last(subject, known);
        }
        fanout
    }

    fn set_last(&mut self, subject: &[u8], known: Known<T>) {
        self.last_subject.clear();
        self.last_subject.extend_from_slice(subject);
        self.last = Some(known);
    }

    /// A full cache keeps what it has, which of subjects that come in turn is at least a part; it
    /// starts over when it was of no use to four times as many as it holds.
    fn has_room(&mut self, subject: &[u8]) -> bool {
        if self.known.len() < SUBJECTS_MAX || self.known.contains_key(subject) {
            return true;
        }
        self.n_refused += 1;
        if 4 * SUBJECTS_MAX < self.n_refused {
            self.n_refused = 0;
            self.known.clear();
        }
        false
    }

    fn came_before(&mut self, subject: &[u8]) -> bool {
        if SUBJECTS_MAX <= self.n_seen {
            (self.seen, self.n_seen) = (None, 0);
        }
        let seen = self.seen.get_or_insert_with(|| Box::new([0; SEEN_WORDS]));
        let hash = SeededState::default().hash_one(subject);
        let mut before = true;
        for place in [hash >> 32, hash & u64::from(u32::MAX)] {
            let word = &mut seen[usize_from((place / 64) % u64_from(SEEN_WORDS))];
            let bit = 1 << (place % 64);
            before &= *word & bit != 0;
            *word |= bit;
        }
        self.n_seen += usize::from(!before);
        before
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = RouteCache::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::{ClientId, Interest, Subscription};

    #[test]
    fn a_remembered_route_is_used_until_interest_changes() {
        let mut interest: Interest<u8> = Interest::default();
        let mut cache = RouteCache::default();
        let generations = Arc::clone(interest.generations());
        let mut n_looked_up = 0;
        let mut ask = |interest: &Interest<u8>, cache: &mut RouteCache<u8>| {
            cache
                .fanout(b"a.b", &generations, || {
                    n_looked_up += 1;
                    (generations.current(b"a.b"), interest.fanout(b"a.b"))
                })
                .plain
                .len()
        };

        for _ in 0..5 {
            assert_eq!(ask(&interest, &mut cache), 0);
        }
        interest.insert(&Arc::new(Subscription::new(ClientId(1), b"1", b"a.*", None, 1)));
        for _ in 0..5 {
            assert_eq!(ask(&interest, &mut cache), 1);
        }

        assert_eq!(n_looked_up, 3, "twice until remembered, once after the change");
    }

    /// How many of `subjects`, published to in this order, are looked up.
    fn looked_up(cache: &mut RouteCache<u8>, subjects: impl Iterator<Item = usize>) -> usize {
        let interest: Interest<u8> = Interest::default();
        let generations = interest.generations();
        let mut n_looked_up = 0;
        for subject in subjects {
            let subject = format!("lab.{subject}");
            cache.fanout(subject.as_bytes(), generations, || {
                n_looked_up += 1;
                (generations.current(subject.as_bytes()), interest.fanout(subject.as_bytes()))
            });
        }
        n_looked_up
    }

    #[test]
    fn subjects_that_come_in_turn_are_all_remembered() {
        let mut cache = RouteCache::default();

        assert!(900 < looked_up(&mut cache, 0..1000));
        looked_up(&mut cache, 0..1000);
        assert_eq!(looked_up(&mut cache, 0..1000), 0);
    }

    #[test]
    fn of_more_subjects_than_it_holds_a_part_is_remembered() {
        let hash = |n: u64| usize_from(SeededState::default().hash_one(n) >> 32);
        let subjects = || (0..100_000).map(|n| hash(n) % (2 * SUBJECTS_MAX));
        let mut cache = RouteCache::default();

        looked_up(&mut cache, subjects());
        let missed = looked_up(&mut cache, subjects());

        assert!(missed < 75_000, "{missed}");
        assert!(cache.known.len() <= SUBJECTS_MAX);
    }

    #[test]
    fn subjects_used_once_are_not_remembered() {
        let mut cache = RouteCache::default();

        looked_up(&mut cache, 0..100_000);

        assert!(cache.known.len() < SUBJECTS_MAX, "{}", cache.known.len());
    }
}
