use smallvec::SmallVec;

use crate::rules::{has_empty_token, has_wildcard, tokens};
use crate::seeded::SeededMap;

/// Values under filters, found by the literal subjects that match them.
///
/// A filter without a wildcard costs one hash lookup whatever the number of others; the rest live in
/// a trie by token. Several values may stand under one filter.
#[derive(Debug)]
pub struct SubjectMap<T> {
    literal: SeededMap<Box<[u8]>, SmallVec<[T; 1]>>,
    wild: Node<T>,
    len: usize,
}

#[derive(Debug)]
struct Node<T> {
    literal: SeededMap<Box<[u8]>, Node<T>>,
    any: Option<Box<Node<T>>>,
    /// Values of filters that end here.
    here: Vec<T>,
    /// Values of filters that go on with `>`.
    full: Vec<T>,
}

impl<T> Default for Node<T> {
    fn default() -> Node<T> {
        Node { literal: SeededMap::default(), any: None, here: Vec::new(), full: Vec::new() }
    }
}

impl<T> Default for SubjectMap<T> {
    fn default() -> SubjectMap<T> {
        SubjectMap::new()
    }
}

impl<T> SubjectMap<T> {
    /// An empty map; allocates nothing.
    pub fn new() -> SubjectMap<T> {
        SubjectMap { literal: SeededMap::default(), wild: Node::default(), len: 0 }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts `value` under `filter`, beside what is there. The filter is taken to be valid.
    pub fn insert(&mut self, filter: &[u8], value: T) {
        self.len += 1;
        if has_wildcard(filter) {
            self.wild.insert(filter, value);
        } else if let Some(values) = self.literal.get_mut(filter) {
            values.push(value);
        } else {
            let mut values = SmallVec::new();
            values.push(value);
            self.literal.insert(filter.into(), values);
        }
    }

    /// Takes out one value under `filter` that `wanted` accepts.
    pub fn remove_if(&mut self, filter: &[u8], mut wanted: impl FnMut(&T) -> bool) -> Option<T> {
        let removed = if has_wildcard(filter) {
            self.wild.remove(filter, &mut wanted)
        } else {
            let values = self.literal.get_mut(filter)?;
            let at = values.iter().position(wanted)?;
            let value = values.swap_remove(at);
            if values.is_empty() {
                self.literal.remove(filter);
            }
            Some(value)
        };
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// Calls `found` for every value whose filter matches the literal `subject`.
    ///
    /// A subject with an empty token matches nothing.
    pub fn for_each_match<'a>(&'a self, subject: &[u8], mut found: impl FnMut(&'a T)) {
        if has_empty_token(subject) {
            return;
        }
        if let Some(values) = self.literal.get(subject) {
            values.iter().for_each(&mut found);
        }
        if !self.wild.is_empty() {
            self.wild.matches(subject, &mut found);
        }
    }

    /// Calls `found` for every value, in no particular order.
    pub fn for_each(&self, mut found: impl FnMut(&T)) {
        self.literal.values().flatten().for_each(&mut found);
        self.wild.each(&mut found);
    }
}

impl<T> Node<T> {
    fn is_empty(&self) -> bool {
        self.literal.is_empty()
            && self.any.is_none()
            && self.here.is_empty()
            && self.full.is_empty()
    }

    fn insert(&mut self, filter: &[u8], value: T) {
        let mut node = self;
        for token in tokens(filter) {
            node = match token {
                b">" => {
                    node.full.push(value);
                    return;
                }
                b"*" => node.any.get_or_insert_default(),
                literal => node.literal.entry(literal.into()).or_default(),
            };
        }
        node.here.push(value);
    }

    fn remove(&mut self, filter: &[u8], wanted: &mut impl FnMut(&T) -> bool) -> Option<T> {
        let (token, rest) = match memchr::memchr(b'.', filter) {
            Some(dot) => (&filter[..dot], Some(&filter[dot + 1..])),
            None => (filter, None),
        };
        if token == b">" {
            return take(&mut self.full, wanted);
        }
        let child =
            if token == b"*" { self.any.as_deref_mut()? } else { self.literal.get_mut(token)? };
        let removed = match rest {
            Some(rest) => child.remove(rest, wanted),
            None => take(&mut child.here, wanted),
        };
        if child.is_empty() {
            if token == b"*" {
                self.any = None;
            } else {
                self.literal.remove(token);
            }
        }
        removed
    }

    fn matches<'a>(&'a self, subject: &[u8], found: &mut impl FnMut(&'a T)) {
        self.full.iter().for_each(&mut *found);
        let (token, rest) = match memchr::memchr(b'.', subject) {
            Some(dot) => (&subject[..dot], Some(&subject[dot + 1..])),
            None => (subject, None),
        };
        for child in self.literal.get(token).into_iter().chain(self.any.as_deref()) {
            match rest {
                Some(rest) => child.matches(rest, found),
                None => child.here.iter().for_each(&mut *found),
            }
        }
    }

    fn each(&self, found: &mut impl FnMut(&T)) {
        self.here.iter().chain(&self.full).for_each(&mut *found);
        for child in self.literal.values().chain(self.any.as_deref()) {
            child.each(found);
        }
    }
}

fn take<T>(values: &mut Vec<T>, wanted: &mut impl FnMut(&T) -> bool) -> Option<T> {
    let at = values.iter().position(wanted)?;
    Some(values.swap_remove(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::matches;
    use proptest::prelude::*;

    fn found(map: &SubjectMap<usize>, subject: &[u8]) -> Vec<usize> {
        let mut values = Vec::new();
        map.for_each_match(subject, |value| values.push(*value));
        values.sort_unstable();
        values
    }

    #[test]
    fn a_subject_with_an_empty_token_matches_nothing() {
        let mut map = SubjectMap::new();
        map.insert(b">", 1);
        for subject in [&b"a..b"[..], b".a", b"a.", b""] {
            assert!(found(&map, subject).is_empty());
        }
    }

    #[test]
    fn a_wildcard_subject_matches_as_it_is_written() {
        let mut map = SubjectMap::new();
        map.insert(b"foo.*", 1);
        map.insert(b"foo.bar", 2);
        assert_eq!(found(&map, b"foo.*"), [1]);
    }

    proptest! {
        #[test]
        fn the_map_finds_what_a_scan_finds(
            filters in prop::collection::vec("(a|b|\\*)(\\.(a|b|\\*)){0,3}(\\.>)?|>", 1..24),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            subject in "(a|b|c)(\\.(a|b)){0,4}",
        ) {
            let mut map = SubjectMap::new();
            let mut naive: Vec<(String, usize)> = Vec::new();
            for (number, filter) in filters.iter().enumerate() {
                map.insert(filter.as_bytes(), number);
                naive.push((filter.clone(), number));
            }
            for index in removed {
                if naive.is_empty() { break; }
                let (filter, number) = naive.swap_remove(index.index(naive.len()));
                prop_assert_eq!(map.remove_if(filter.as_bytes(), |value| *value == number), Some(number));
            }
            let mut expected: Vec<usize> = naive
                .iter()
                .filter(|(filter, _)| matches(filter.as_bytes(), subject.as_bytes()))
                .map(|(_, number)| *number)
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(found(&map, subject.as_bytes()), expected);
            prop_assert_eq!(map.len(), naive.len());
        }
    }
}
