//! The vocabulary under everything: subjects, filters, maps keyed by filters, and time as a value.
//!
//! A *subject* is one or more non-empty tokens joined by dots: `orders.eu.created`. A *filter* is a
//! subject whose tokens may be `*` (exactly one token) or, at the end, `>` (one or more tokens). A
//! wildcard inside a longer token (`b*`) is literal.
//!
//! Nothing here does I/O, reads a clock or allocates on a lookup.
//!
//! ```
//! use tradewind_subject::{SubjectMap, matches};
//!
//! assert!(matches(b"neo.>", b"neo.datafeed.update"));
//! let mut map = SubjectMap::new();
//! map.insert(b"neo.*", 1);
//! let mut found = 0;
//! map.for_each_match(b"neo.flow", |value| found += *value);
//! assert_eq!(found, 1);
//! ```

pub mod int;
mod map;
mod rules;
mod seeded;
mod timestamp;
pub mod varint;

pub use map::SubjectMap;
pub use rules::{
    Tokens, has_empty_token, has_wildcard, is_filter, is_literal, is_subset, matches, overlaps,
    tokens,
};
pub use seeded::{SeededMap, SeededSet, SeededState};
pub use timestamp::Timestamp;
