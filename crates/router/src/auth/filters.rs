use tradewind_subject::{SeededSet, has_empty_token, has_wildcard, is_subset, matches, overlaps};

/// A set of filters that a subject, or another filter, is held against.
///
/// Literal entries cost one hash lookup together; each entry with a wildcard is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct FilterSet {
    literals: SeededSet<Box<[u8]>>,
    wildcards: Vec<Box<[u8]>>,
}

impl FilterSet {
    pub(super) fn insert(&mut self, filter: &[u8]) {
        if has_wildcard(filter) {
            self.wildcards.push(Box::from(filter));
        } else {
            self.literals.insert(Box::from(filter));
        }
    }

    /// Whether the literal `subject` matches an entry. One with an empty token matches none.
    pub(super) fn matches(&self, subject: &[u8]) -> bool {
        if self.literals.contains(subject) {
            return true;
        }
        !self.wildcards.is_empty()
            && !has_empty_token(subject)
            && self.wildcards.iter().any(|entry| matches(entry, subject))
    }

    /// Whether a single entry matches everything that `filter` matches.
    pub(super) fn covers(&self, filter: &[u8]) -> bool {
        self.literals.contains(filter)
            || self.wildcards.iter().any(|entry| is_subset(filter, entry))
    }

    /// Whether some subject matches both `filter` and an entry.
    pub(super) fn overlaps(&self, filter: &[u8]) -> bool {
        self.literals.iter().any(|entry| matches(filter, entry))
            || self.wildcards.iter().any(|entry| overlaps(filter, entry))
    }
}

impl<'a> FromIterator<&'a [u8]> for FilterSet {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(filters: I) -> FilterSet {
        let mut set = FilterSet::default();
        for filter in filters {
            set.insert(filter);
        }
        set
    }
}
