//! What one stream and one consumer have to hold, as far as the server's answers tell.
//!
//! The ledger lives as long as the room: while a server runs it takes what was
//! sent and what was answered; after each restart [`Ledger::settle`] compares
//! it with all that can be read, counts what breaks a promise, and goes on from
//! what was found. Between two settlements an outcome may be open; after one,
//! none is: what was read has to stay, and what was not may not come back.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::reading::{ConsumerState, Reading};
use super::{Content, Findings, Kind, Stored, ValueId};
use crate::num;

/// Kept of the removed sequences, to ask for them again.
const REMEMBERED: usize = 64;

/// Something sent that takes messages away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Removal {
    /// One message.
    Message(u64),
    /// All below a sequence.
    Below(u64),
}

impl Removal {
    fn covers(self, seq: u64) -> bool {
        match self {
            Removal::Message(one) => one == seq,
            Removal::Below(bound) => seq < bound,
        }
    }
}

/// How much happened; none of it is a fault.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) attempted: u64,
    pub(crate) acked: u64,
    /// Answered with an error.
    pub(crate) refused: u64,
    /// Stored although the publisher never heard so.
    pub(crate) recovered: u64,
    /// Retries answered as such.
    pub(crate) retried: u64,
    pub(crate) removed: u64,
    pub(crate) read: u64,
    pub(crate) delivered: u64,
    pub(crate) confirmed: u64,
    pub(crate) redelivered: u64,
}

impl Figures {
    /// All by name.
    pub(crate) fn by_name(&self) -> [(&'static str, u64); 10] {
        [
            ("attempted", self.attempted),
            ("acked", self.acked),
            ("refused", self.refused),
            ("stored without ack", self.recovered),
            ("retries answered", self.retried),
            ("removed", self.removed),
            ("read back", self.read),
            ("delivered", self.delivered),
            ("acks confirmed", self.confirmed),
            ("redelivered", self.redelivered),
        ]
    }
}

/// The oracle of a room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) seed: u64,
    pub(crate) figures: Figures,
    pub(crate) findings: Findings,
    /// Counters below were sent.
    attempted: u64,
    /// What has to be there: counters by stream sequence.
    live: BTreeMap<u64, u64>,
    /// Counters without an answer that counts.
    open: BTreeSet<u64>,
    /// Removals without an answer that counts.
    doubted: BTreeSet<Removal>,
    removed: Vec<u64>,
    /// The newest sequence known, and the one known at the last settlement.
    last_seq: u64,
    settled_seq: u64,
    /// Of the consumer, by stream sequence.
    confirmed: BTreeSet<u64>,
    delivered: BTreeSet<u64>,
    /// Deliveries since the last settlement.
    fresh: Vec<Stored>,
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Ledger {
        Ledger { seed, ..Ledger::default() }
    }

    /// Sequences that have to be there, oldest first.
    pub(crate) fn live(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.live.iter().map(|(&seq, &counter)| (seq, counter))
    }

    pub(crate) fn n_live(&self) -> usize {
        self.live.len()
    }

    /// The sequences to ask for by number: all that should be there, and some that should not.
    pub(crate) fn to_ask(&self) -> Vec<u64> {
        self.live.keys().chain(&self.removed).copied().collect()
    }

    /// The next message, about to be sent.
    pub(crate) fn sending(&mut self) -> ValueId {
        let counter = self.attempted;
        self.attempted += 1;
        self.figures.attempted += 1;
        self.open.insert(counter);
        ValueId { publisher: 0, counter }
    }

    /// A PubAck without error for a first attempt.
    pub(crate) fn acked(&mut self, counter: u64, seq: u64) {
        self.figures.acked += 1;
        self.open.remove(&counter);
        if seq <= self.settled_seq || self.live.contains_key(&seq) {
            let known = self.last_seq;
            self.findings.add(
                |it| &mut it.reused,
                || format!("{counter} was acknowledged at {seq}, given out before (last {known})"),
            );
        }
        self.last_seq = self.last_seq.max(seq);
        self.live.insert(seq, counter);
    }

    /// An error for an answer: what became of the message is seen at the next settlement.
    pub(crate) fn refused(&mut self) {
        self.figures.refused += 1;
    }

    /// A PubAck for a message sent once more with its `Nats-Msg-Id`.
    pub(crate) fn retried(&mut self, counter: u64, seq: u64, duplicate: bool) {
        self.figures.retried += 1;
        // Gone in the meantime: then any answer is fine.
        if self.live.get(&seq) == Some(&counter) && duplicate
            || !self.live.values().any(|live| *live == counter)
        {
            return;
        }
        self.findings.add(
            |it| &mut it.duplicates,
            || format!("a retry of {counter} was answered with {seq}, duplicate: {duplicate}"),
        );
    }

    pub(crate) fn removing(&mut self, removal: Removal) {
        self.doubted.insert(removal);
    }

    /// A removal was answered with success.
    pub(crate) fn removed(&mut self, removal: Removal) {
        self.doubted.remove(&removal);
        let gone: Vec<u64> = match removal {
            Removal::Message(seq) => vec![seq],
            Removal::Below(bound) => self.live.range(..bound).map(|(seq, _)| *seq).collect(),
        };
        for seq in gone {
            if self.live.remove(&seq).is_some() {
                self.figures.removed += 1;
                self.removed.push(seq);
            }
        }
        let surplus = self.removed.len().saturating_sub(REMEMBERED);
        self.removed.drain(..surplus);
    }

    /// The consumer got a message.
    pub(crate) fn delivered(&mut self, stored: Stored) {
        let seq = stored.stream_seq;
        self.figures.delivered += 1;
        self.figures.redelivered += u64::from(!self.delivered.insert(seq));
        if self.confirmed.contains(&seq) {
            self.findings.add(
                |it| &mut it.confirmed_redelivered,
                || format!("{seq} was delivered after its confirmed ack"),
            );
        }
        self.fresh.push(stored);
    }

    /// The server confirmed the consumer's ack.
    pub(crate) fn confirmed(&mut self, seq: u64) {
        self.figures.confirmed += 1;
        self.confirmed.insert(seq);
    }

    /// Compares what was read after a restart with what has to be there, and goes on from it.
    pub(crate) fn settle(&mut self, reading: &Reading) {
        self.figures.read += num::wide(reading.stored.len());
        let found = self.check_stored(&reading.stored);
        self.check_live(&found);
        self.check_gets(reading, &found);
        self.check_fresh(&found);
        self.check_ends(reading);
        self.live = found;
        self.open.clear();
        self.doubted.clear();
        let oldest = self.live.keys().next().copied().unwrap_or(self.last_seq);
        self.confirmed = self.confirmed.split_off(&oldest);
        self.delivered = self.delivered.split_off(&oldest);
        self.settled_seq = self.last_seq;
    }

    /// What the stream holds, by sequence, without what may not be there.
    fn check_stored(&mut self, stored: &[Stored]) -> BTreeMap<u64, u64> {
        let mut found = BTreeMap::new();
        let mut counters = BTreeSet::new();
        let mut last: Option<(u64, u64)> = None;
        let places: BTreeMap<u64, u64> = self.live().map(|(seq, counter)| (counter, seq)).collect();
        for &Stored { stream_seq: seq, content } in stored {
            let Content::Value(ValueId { counter, .. }) = content else {
                let words = || format!("the bytes at sequence {seq} are not what anybody sent");
                self.findings.add(|it| &mut it.altered, words);
                continue;
            };
            let known = places.get(&counter);
            let (kind, what): (Kind, &str) = if counter >= self.attempted {
                (|it| &mut it.unexpected, "was never sent")
            } else if !counters.insert(counter) {
                (|it| &mut it.duplicates, "is stored twice")
            } else if known.is_some_and(|known| *known != seq) {
                (|it| &mut it.misplaced, "was acknowledged at another sequence")
            } else if known.is_none() && !self.open.contains(&counter) {
                (|it| &mut it.reborn, "was removed or missing, and is there")
            } else {
                if last.is_some_and(|(last_seq, newest)| seq <= last_seq || counter < newest) {
                    let words = || format!("{counter} at {seq} stands behind {last:?}");
                    self.findings.add(|it| &mut it.reordered, words);
                }
                last = Some((seq, counter));
                self.figures.recovered += u64::from(known.is_none());
                found.insert(seq, counter);
                continue;
            };
            self.findings.add(kind, || format!("{counter} at {seq} {what}"));
        }
        found
    }

    fn check_live(&mut self, found: &BTreeMap<u64, u64>) {
        let oldest = found.keys().next().copied();
        let newest = found.keys().next_back().copied();
        let gone: Vec<(u64, u64)> =
            self.live().filter(|(seq, counter)| found.get(seq) != Some(counter)).collect();
        for (seq, counter) in gone {
            if self.doubted.iter().any(|removal| removal.covers(seq)) {
                continue;
            }
            let lost: Kind = if newest.is_none_or(|newest| seq > newest) {
                |it| &mut it.lost_suffix
            } else if oldest.is_some_and(|oldest| seq < oldest) {
                |it| &mut it.lost_prefix
            } else {
                |it| &mut it.lost_middle
            };
            self.findings.add(lost, || format!("{counter}, acknowledged at {seq}, is gone"));
        }
    }

    fn check_gets(&mut self, reading: &Reading, found: &BTreeMap<u64, u64>) {
        for (&seq, &got) in &reading.gets {
            let counter = match got {
                Some(Content::Value(id)) => Some(id.counter),
                Some(Content::Altered) => {
                    let words = || format!("a get of {seq} gave bytes nobody sent");
                    self.findings.add(|it| &mut it.altered, words);
                    continue;
                }
                None => None,
            };
            let read = found.get(&seq).copied();
            if counter == read {
                continue;
            }
            let kind: Kind =
                if read.is_none() { |it| &mut it.reborn } else { |it| &mut it.misplaced };
            self.findings.add(kind, || format!("a get of {seq} gave {got:?}, a read {read:?}"));
        }
    }

    /// What was delivered has to be there, unless it was removed since.
    fn check_fresh(&mut self, found: &BTreeMap<u64, u64>) {
        for Stored { stream_seq: seq, content } in std::mem::take(&mut self.fresh) {
            let Content::Value(id) = content else {
                let words = || format!("the consumer got altered bytes as {seq}");
                self.findings.add(|it| &mut it.altered, words);
                continue;
            };
            let now = found.get(&seq);
            let gone = now.is_none()
                && (!self.open.contains(&id.counter)
                    || self.doubted.iter().any(|removal| removal.covers(seq)));
            if now != Some(&id.counter) && !gone {
                self.findings.add(
                    |it| &mut it.phantoms,
                    || format!("the consumer got {} as {seq}, now {now:?}", id.counter),
                );
            }
        }
    }

    fn check_ends(&mut self, reading: &Reading) {
        let (known, last) = (self.last_seq, reading.last_seq);
        if !reading.exists {
            self.findings.add(|it| &mut it.vanished, || "the stream is gone".to_owned());
        }
        if last < known {
            let words = || format!("the last sequence went back from {known} to {last}");
            self.findings.add(|it| &mut it.reused, words);
        }
        match reading.consumer {
            None => {
                self.findings.add(|it| &mut it.vanished, || "the consumer is gone".to_owned());
                self.confirmed.clear();
                self.delivered.clear();
            }
            Some(ConsumerState { delivered_seq, ack_floor, .. }) => {
                if delivered_seq > last || ack_floor > last {
                    let words = || {
                        format!("the consumer is at {delivered_seq}/{ack_floor} of {last} messages")
                    };
                    self.findings.add(|it| &mut it.ahead, words);
                }
            }
        }
        self.last_seq = last;
    }

    /// After everything was consumed: nothing that is there was passed over.
    pub(crate) fn close(&mut self) {
        let missed: Vec<u64> = self.live.keys().copied().collect();
        for seq in missed.into_iter().filter(|seq| !self.delivered.contains(seq)) {
            let words = || format!("the consumer never got {seq}");
            self.findings.add(|it| &mut it.never_delivered, words);
        }
    }
}

#[cfg(test)]
mod tests;
