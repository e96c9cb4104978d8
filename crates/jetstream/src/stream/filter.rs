//! Which subjects are wanted.

mod known;

use std::cell::{RefCell, RefMut};

use tradewind_subject::{has_wildcard, is_subset, matches, overlaps};

pub(crate) use self::known::Known;

/// The filters of a consumer or of a request: a subject is wanted if any of them matches it.
///
/// No filter at all, or a `>` among them, wants everything. Filters covered by another one are left out,
/// so what is kept has no subset of itself. A set that has wildcards notes which subjects of the one index it
/// is used with match, at most 24 KiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterSet {
    /// Sorted.
    literals: Vec<Box<[u8]>>,
    wildcards: Vec<Box<[u8]>>,
    known: RefCell<Known>,
}

impl FilterSet {
    /// The set that wants every subject.
    pub fn all() -> FilterSet {
        FilterSet::default()
    }

    /// A set of one filter; an empty one wants everything.
    pub fn one(filter: impl AsRef<[u8]>) -> FilterSet {
        FilterSet::new([filter])
    }

    /// A set of `filters`, which are taken as valid; empty ones are ignored.
    pub fn new<F: AsRef<[u8]>>(filters: impl IntoIterator<Item = F>) -> FilterSet {
        let mut set = FilterSet::default();
        for filter in filters {
            let filter = filter.as_ref();
            if filter == b">" {
                return FilterSet::all();
            }
            let kept = if has_wildcard(filter) { &mut set.wildcards } else { &mut set.literals };
            if !filter.is_empty() && !kept.iter().any(|kept| **kept == *filter) {
                kept.push(filter.into());
            }
        }
        let wide = set.wildcards.clone();
        set.wildcards
            .retain(|filter| !wide.iter().any(|outer| outer != filter && is_subset(filter, outer)));
        let wide = &set.wildcards;
        set.literals.retain(|filter| !wide.iter().any(|outer| matches(outer, filter)));
        set.literals.sort_unstable();
        set
    }

    /// Whether every subject is wanted.
    pub fn is_all(&self) -> bool {
        self.literals.is_empty() && self.wildcards.is_empty()
    }

    /// Whether the literal `subject` is wanted.
    pub fn matches(&self, subject: &[u8]) -> bool {
        if let ([only], []) = (self.literals.as_slice(), self.wildcards.as_slice()) {
            return **only == *subject;
        }
        self.is_all()
            || self.literals.binary_search_by(|literal| (**literal).cmp(subject)).is_ok()
            || self.wildcards.iter().any(|filter| matches(filter, subject))
    }

    /// Whether every subject of `inner` is wanted because of one filter of this set.
    pub fn covers(&self, inner: &[u8]) -> bool {
        self.is_all() || self.filters().any(|outer| is_subset(inner, outer))
    }

    /// Whether every filter of this set is covered by one of `outer`.
    pub fn is_subset_of(&self, outer: &FilterSet) -> bool {
        outer.is_all() || (!self.is_all() && self.filters().all(|inner| outer.covers(inner)))
    }

    /// Whether some subject of `filter` is wanted.
    pub fn overlaps_filter(&self, filter: &[u8]) -> bool {
        self.is_all() || self.filters().any(|own| overlaps(own, filter))
    }

    /// Whether some subject is wanted by both sets.
    pub fn overlaps(&self, other: &FilterSet) -> bool {
        self.is_all() || self.filters().any(|own| other.overlaps_filter(own))
    }

    /// The filters, literal ones first; none if everything is wanted.
    pub fn filters(&self) -> impl Iterator<Item = &[u8]> {
        self.literals.iter().chain(&self.wildcards).map(|filter| &**filter)
    }

    /// What an index noted about its subjects and this set.
    pub(crate) fn known(&self) -> RefMut<'_, Known> {
        self.known.borrow_mut()
    }

    /// The filters without wildcards, sorted.
    pub(crate) fn literals(&self) -> &[Box<[u8]>] {
        &self.literals
    }

    /// The filters with wildcards.
    pub(crate) fn wildcards(&self) -> &[Box<[u8]>] {
        &self.wildcards
    }
}

/// The longest run of literal tokens in front of `filter`'s first wildcard, with its last dot.
pub(crate) fn literal_prefix(filter: &[u8]) -> &[u8] {
    let mut end = 0;
    for token in filter.split_inclusive(|&byte| byte == b'.') {
        if matches!(token, b"*" | b"*." | b">") {
            break;
        }
        end += token.len();
    }
    &filter[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_filter_and_a_full_wildcard_want_everything() {
        for filters in [vec![], vec![""], vec!["a", ">"]] {
            let set = FilterSet::new(&filters);
            assert!(set.is_all() && set.matches(b"x.y"), "{filters:?}");
        }
    }

    #[test]
    fn a_set_wants_what_any_of_its_filters_matches() {
        let set = FilterSet::new(["c", "a.*", "a.b", "d.*.>", "c"]);

        assert_eq!(set.filters().collect::<Vec<_>>(), [&b"c"[..], b"a.*", b"d.*.>"]);
        for (subject, wanted) in [
            ("c", true),
            ("a.b", true),
            ("a.b.c", false),
            ("d.x", false),
            ("d.x.y.z", true),
            ("b", false),
        ] {
            assert_eq!(set.matches(subject.as_bytes()), wanted, "{subject}");
        }
    }

    #[test]
    fn sets_are_compared_filter_by_filter() {
        let orders = FilterSet::new(["orders.>"]);
        let some = FilterSet::new(["orders.eu", "orders.*.x"]);

        assert!(some.is_subset_of(&orders) && !orders.is_subset_of(&some));
        assert!(some.is_subset_of(&FilterSet::all()) && !FilterSet::all().is_subset_of(&some));
        assert!(orders.overlaps(&some) && !orders.overlaps(&FilterSet::one("x.>")));
        assert!(FilterSet::all().overlaps(&some) && some.overlaps(&FilterSet::all()));
        assert!(orders.covers(b"orders.*") && orders.overlaps_filter(b"*.eu"));
    }

    #[test]
    fn the_literal_prefix_ends_before_the_first_wildcard_token() {
        for (filter, prefix) in
            [("a.b.*", "a.b."), ("*", ""), ("a.b*.>", "a.b*."), ("a.*.c", "a."), ("a.b", "a.b")]
        {
            assert_eq!(literal_prefix(filter.as_bytes()), prefix.as_bytes(), "{filter}");
        }
    }
}
