use std::sync::Arc;

use tradewind_subject::SeededMap;

use crate::interest::{Fanout, Generation, Generations};

/// Subjects remembered at most; the cache starts over when it is full.
const SUBJECTS_MAX: usize = 1024;
/// Places that remember which subject came once.
const N_SEEN: usize = 1024;

/// What one publisher knows of the interest in the subjects it publishes to.
///
/// The last subject is kept aside: most publishers stay with one for a while. A subject is
/// remembered when it comes a second time, so that subjects used once (inboxes, acknowledgements)
/// do not push out the others.
#[derive(Debug)]
pub struct RouteCache<T> {
    last: Option<(Box<[u8]>, Known<T>)>,
    known: SeededMap<Box<[u8]>, Known<T>>,
    seen: Option<Box<[u32; N_SEEN]>>,
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
        RouteCache { last: None, known: SeededMap::default(), seen: None }
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
        if let Some((last, known)) = &self.last
            && **last == *subject
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
        if self.came_before(subject) {
            if SUBJECTS_MAX <= self.known.len() {
                self.known.clear();
            }
            self.known.insert(subject.into(), known.clone());
            self.set_last(subject, known);
        }
        fanout
    }

    fn set_last(&mut self, subject: &[u8], known: Known<T>) {
        self.last = Some((subject.into(), known));
    }

    fn came_before(&mut self, subject: &[u8]) -> bool {
        let mut hash: u32 = 0x811c_9dc5;
        for &byte in subject {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        let place = tradewind_subject::int::usize_from_u32(hash >> 16) % N_SEEN;
        let seen = self.seen.get_or_insert_with(|| Box::new([0; N_SEEN]));
        let before = seen[place] == hash;
        seen[place] = hash;
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
}
