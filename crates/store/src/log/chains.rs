//! The last record of every stream, so that each record can name the one before it.

use tradewind_subject::SeededMap;

use crate::ids::{Lsn, StreamId};

/// By following a stream's chain over a damaged frame one knows whether it had a record there.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    heads: SeededMap<StreamId, Head>,
    /// Streams written to since the last idle marker.
    touched: Vec<StreamId>,
    /// Counts idle markers.
    round: u32,
    /// The last idle marker.
    marker: Lsn,
}

#[derive(Debug)]
struct Head {
    last: Lsn,
    /// In which round it entered `touched`.
    round: u32,
    gone: bool,
}

impl Chains {
    /// The last record of a stream, if one is known.
    pub(crate) fn last(&self, stream: StreamId) -> Option<Lsn> {
        self.heads.get(&stream).map(|head| head.last)
    }

    /// Adds a record to its stream's chain, and returns the one before it.
    pub(crate) fn advance(&mut self, stream: StreamId, lsn: Lsn, gone: bool) -> Lsn {
        let fresh = Head { last: Lsn::ZERO, round: self.round.wrapping_sub(1), gone };
        let head = self.heads.entry(stream).or_insert(fresh);
        let prev = std::mem::replace(&mut head.last, lsn);
        head.gone |= gone;
        if head.round != self.round {
            head.round = self.round;
            self.touched.push(stream);
        }
        prev
    }

    /// The streams written to since the last idle marker, each with its last record.
    pub(crate) fn touched(&self) -> impl ExactSizeIterator<Item = (StreamId, Lsn)> {
        self.touched.iter().map(|stream| (*stream, self.last(*stream).unwrap_or_default()))
    }

    /// The streams that are not gone.
    pub(crate) fn streams(&self) -> impl Iterator<Item = StreamId> {
        self.heads.iter().filter(|(_, head)| !head.gone).map(|(stream, _)| *stream)
    }

    /// The last idle marker; zero if none is known.
    pub(crate) fn marker(&self) -> Lsn {
        self.marker
    }

    /// An idle marker was written: chains of streams that are gone end here.
    pub(crate) fn start_round(&mut self, marker: Lsn) {
        self.marker = marker;
        for stream in self.touched.drain(..) {
            if self.heads.get(&stream).is_some_and(|head| head.gone) {
                self.heads.remove(&stream);
            }
        }
        self.round = self.round.wrapping_add(1);
    }
}
