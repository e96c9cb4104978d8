use memchr::memchr;

/// The tokens of a subject or filter, in order. An empty subject has one empty token.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: Option<&'a [u8]>,
}

/// Splits `subject` at its dots.
pub fn tokens(subject: &[u8]) -> Tokens<'_> {
    Tokens { rest: Some(subject) }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        if let Some(dot) = memchr(b'.', rest) {
            self.rest = Some(&rest[dot + 1..]);
            Some(&rest[..dot])
        } else {
            self.rest = None;
            Some(rest)
        }
    }
}

/// Whether `byte` may not stand in a token: space, tab, CR, LF, FF.
const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0c)
}

/// Whether `subject` has an empty token; such a subject matches nothing, not even `>`.
pub fn has_empty_token(subject: &[u8]) -> bool {
    let mut previous = b'.';
    for &byte in subject {
        if byte == b'.' && previous == b'.' {
            return true;
        }
        previous = byte;
    }
    previous == b'.'
}

/// Whether `filter` has a token that is a wildcard.
pub fn has_wildcard(filter: &[u8]) -> bool {
    tokens(filter).any(|token| token == b"*" || token == b">")
}

/// Whether `subject` may be published by a pedantic client: no empty token, no wildcard token, no
/// white space. nats-server's `IsValidPublishSubject`.
pub fn is_literal(subject: &[u8]) -> bool {
    is_filter(subject) && !has_wildcard(subject)
}

/// Whether `filter` may be subscribed to: no empty token, no white space, `>` only at the end.
/// nats-server's `IsValidSubject`.
pub fn is_filter(filter: &[u8]) -> bool {
    let mut after_full = false;
    for token in tokens(filter) {
        if token.is_empty() || after_full || token.iter().copied().any(is_white) {
            return false;
        }
        after_full = token == b">";
    }
    true
}

/// Whether the literal `subject` matches `filter`. Both are taken to be valid.
pub fn matches(filter: &[u8], subject: &[u8]) -> bool {
    let mut subject_tokens = tokens(subject);
    for token in tokens(filter) {
        match (token, subject_tokens.next()) {
            (_, None) => return false,
            (b">", Some(_)) => return true,
            (b"*", Some(_)) => (),
            (literal, Some(other)) if literal == other => (),
            _ => return false,
        }
    }
    subject_tokens.next().is_none()
}

/// Whether every subject that matches `inner` matches `outer` too.
pub fn is_subset(inner: &[u8], outer: &[u8]) -> bool {
    let mut inner_tokens = tokens(inner);
    for token in tokens(outer) {
        match (token, inner_tokens.next()) {
            (_, None) => return false,
            (b">", Some(_)) => return true,
            (_, Some(b">")) => return false,
            (b"*", Some(_)) => (),
            (literal, Some(other)) if literal == other => (),
            _ => return false,
        }
    }
    inner_tokens.next().is_none()
}

/// Whether some subject matches both filters.
pub fn overlaps(a: &[u8], b: &[u8]) -> bool {
    let mut b_tokens = tokens(b);
    for token in tokens(a) {
        match (token, b_tokens.next()) {
            (_, None) => return false,
            (b">", Some(_)) | (_, Some(b">")) => return true,
            (b"*", Some(_)) | (_, Some(b"*")) => (),
            (literal, Some(other)) if literal == other => (),
            _ => return false,
        }
    }
    b_tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wildcard_counts_only_as_a_whole_token() {
        for (filter, valid, literal) in [
            ("a", true, true),
            ("a.b*", true, true),
            ("a.*", true, false),
            ("a.>", true, false),
            (">", true, false),
            ("a.>.b", false, false),
            ("", false, false),
            (".a", false, false),
            ("a.", false, false),
            ("a..b", false, false),
            ("a b", false, false),
            ("a\t", false, false),
        ] {
            assert_eq!(is_filter(filter.as_bytes()), valid, "{filter:?}");
            assert_eq!(is_literal(filter.as_bytes()), literal, "{filter:?}");
        }
    }

    /// Rows: S0-54, S0-55, S4-53
    #[test]
    fn star_is_one_token_and_full_wildcard_is_one_or_more() {
        for (filter, subject, expected) in [
            ("neo.*", "neo.datafeed", true),
            ("neo.*", "neo.datafeed.update", false),
            ("neo.>", "neo.datafeed.update", true),
            ("neo.>", "neo.flow.triggered", true),
            ("neo.>", "neo", false),
            ("events.user.*", "events.user.created", true),
            ("*", "a", true),
            ("*.b", "a.b", true),
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("foo.*", "foo.*", true),
        ] {
            assert_eq!(
                matches(filter.as_bytes(), subject.as_bytes()),
                expected,
                "{filter} {subject}"
            );
        }
    }

    #[test]
    fn subset_and_overlap_follow_the_wildcards() {
        for (inner, outer, subset, overlap) in [
            ("a.b", "a.*", true, true),
            ("a.*", "a.b", false, true),
            ("a.>", "a.*", false, true),
            ("a.*", "a.>", true, true),
            (">", "a.>", false, true),
            ("a.*.c", "a.b.*", false, true),
            ("a.b", "a.c", false, false),
            ("a", "a.>", false, false),
        ] {
            assert_eq!(is_subset(inner.as_bytes(), outer.as_bytes()), subset, "{inner} ⊆ {outer}");
            assert_eq!(overlaps(inner.as_bytes(), outer.as_bytes()), overlap, "{inner} ∩ {outer}");
        }
    }

    proptest! {
        #[test]
        fn a_subset_matches_no_more_than_its_superset(
            inner in "(a|b|\\*)(\\.(a|b|\\*)){0,2}(\\.>)?",
            outer in "(a|b|\\*)(\\.(a|b|\\*)){0,2}(\\.>)?",
            subject in "(a|b)(\\.(a|b)){0,4}",
        ) {
            let (inner, outer, subject) = (inner.as_bytes(), outer.as_bytes(), subject.as_bytes());
            if matches(inner, subject) && is_subset(inner, outer) {
                prop_assert!(matches(outer, subject));
            }
            if matches(inner, subject) && matches(outer, subject) {
                prop_assert!(overlaps(inner, outer) && overlaps(outer, inner));
            }
        }

        #[test]
        fn joining_the_tokens_gives_the_subject_back(text in "[a-z.>* ]{0,24}") {
            let joined = tokens(text.as_bytes()).collect::<Vec<_>>().join(&b'.');
            prop_assert_eq!(joined, text.as_bytes());
        }

        #[test]
        fn an_empty_token_is_what_splitting_finds(text in "[ab.]{0,8}") {
            let expected = tokens(text.as_bytes()).any(<[u8]>::is_empty);
            prop_assert_eq!(has_empty_token(text.as_bytes()), expected);
        }
    }
}
