//! Whose messages a segment holds, so that nobody has to look through it to find them.

use tradewind_subject::SeededMap;

use crate::ids::StreamId;

/// The messages of one stream in one segment: no other segment has any between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The stream.
    pub stream: StreamId,
    /// Sequence of its first message there.
    pub first: u64,
    /// Sequence of its last message there.
    pub last: u64,
}

/// The spans of one segment. Costs about 40 bytes a stream.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    all: Vec<Span>,
    places: SeededMap<StreamId, usize>,
    /// The place of the last one added to.
    recent: usize,
}

impl Spans {
    /// The segment has a message, behind all others of its stream.
    pub(crate) fn add(&mut self, stream: StreamId, seq: u64) {
        if self.all.get(self.recent).is_none_or(|span| span.stream != stream) {
            let end = self.all.len();
            self.recent = *self.places.entry(stream).or_insert(end);
            if self.recent == end {
                self.all.push(Span { stream, first: seq, last: seq });
            }
        }
        if let Some(span) = self.all.get_mut(self.recent) {
            span.first = span.first.min(seq);
            span.last = span.last.max(seq);
        }
    }

    /// Gives back what only adding needs.
    pub(crate) fn close(&mut self) {
        self.places = SeededMap::default();
        self.all.shrink_to_fit();
        self.recent = 0;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Span> {
        self.all.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reaches_from_the_first_to_the_last_message() {
        let (one, two) = (StreamId(1), StreamId(2));
        let mut spans = Spans::default();

        for (stream, seq) in [(one, 5), (one, 6), (two, 1), (one, 9), (two, 2)] {
            spans.add(stream, seq);
        }
        spans.close();

        let expected =
            [Span { stream: one, first: 5, last: 9 }, Span { stream: two, first: 1, last: 2 }];
        assert!(spans.iter().eq(expected));
    }
}
