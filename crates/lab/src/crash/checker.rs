//! What clients saw of a server that was killed again and again, and what of it breaks a promise.
//!
//! Only the outside is judged: attempts, acks, deliveries, and what the stream
//! holds at the end. Nothing is removed from the stream while the room runs,
//! and no publish is tried twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::promises::{Content, Findings, Kind, Stored, ValueId};

/// All that was seen.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) publishers: Vec<PublisherHistory>,
    pub(crate) consumers: Vec<Vec<ConsumerEvent>>,
    /// The whole stream in its own order, read at the end.
    pub(crate) read: Vec<Stored>,
    /// Each acknowledged sequence, asked for by number at the end; `None` if it was not there.
    pub(crate) gets: BTreeMap<u64, Option<Content>>,
}

/// What one publisher did.
#[derive(Debug, Default)]
pub(crate) struct PublisherHistory {
    /// Counters below were handed to a socket, whatever became of them.
    pub(crate) attempted: u64,
    pub(crate) acks: Vec<Ack>,
    /// Publishes answered with an error.
    pub(crate) refused: u64,
}

/// A PubAck without error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack {
    pub(crate) counter: u64,
    pub(crate) stream_seq: u64,
}

/// What one durable consumer saw, in the order it came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ConsumerEvent {
    /// A message was delivered.
    Delivered(Stored),
    /// The server confirmed the ack of this stream sequence.
    Confirmed(u64),
}

/// The findings. All violations must be zero.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) attempted: u64,
    pub(crate) acked: u64,
    pub(crate) refused: u64,
    pub(crate) read: u64,
    /// In the stream although the publisher never heard so; allowed.
    pub(crate) recovered: u64,
    pub(crate) delivered: u64,
    pub(crate) confirmed: u64,
    /// Deliveries of a message seen before by the same consumer; allowed unless its ack was confirmed.
    pub(crate) redelivered: u64,
    #[serde(flatten)]
    pub(crate) findings: Findings,
}

/// Judges a history.
pub(crate) fn check(history: &History) -> Report {
    let mut report = Report::default();
    for publisher in &history.publishers {
        report.attempted += publisher.attempted;
        report.refused += publisher.refused;
        report.acked += count(publisher.acks.len());
    }
    report.read = count(history.read.len());
    let places = check_read(history, &mut report);
    check_acks(history, &places, &mut report);
    check_gets(history, &mut report);
    let stored = history.read.iter().map(|stored| (stored.stream_seq, stored.content)).collect();
    for (index, events) in history.consumers.iter().enumerate() {
        check_consumer(index, events, &stored, &mut report);
    }
    report
}

/// Where each value was found first.
type Places = BTreeMap<ValueId, u64>;

fn check_read(history: &History, report: &mut Report) -> Places {
    let mut places = Places::new();
    let mut newest: BTreeMap<u32, u64> = BTreeMap::new();
    let mut last_seq = 0;
    for stored in &history.read {
        let seq = stored.stream_seq;
        if seq <= last_seq {
            report.findings.add(
                |violations| &mut violations.reordered,
                || format!("sequence {seq} was read after {last_seq}"),
            );
        }
        last_seq = last_seq.max(seq);
        let Content::Value(id) = stored.content else {
            report.findings.add(
                |violations| &mut violations.altered,
                || format!("the bytes at sequence {seq} are not what anybody sent"),
            );
            continue;
        };
        if !was_attempted(history, id) {
            report.findings.add(
                |violations| &mut violations.unexpected,
                || format!("{id:?} at {seq} was never sent"),
            );
            continue;
        }
        if let Some(first) = places.get(&id) {
            report.findings.add(
                |violations| &mut violations.duplicates,
                || format!("{id:?} is stored at {first} and at {seq}"),
            );
            continue;
        }
        let newest = newest.entry(id.publisher).or_insert(id.counter);
        if id.counter < *newest {
            report.findings.add(
                |violations| &mut violations.reordered,
                || format!("{id:?} at {seq} stands behind counter {newest}"),
            );
        }
        *newest = id.counter.max(*newest);
        places.insert(id, seq);
    }
    places
}

fn was_attempted(history: &History, id: ValueId) -> bool {
    let publisher = usize::try_from(id.publisher).ok().and_then(|n| history.publishers.get(n));
    publisher.is_some_and(|publisher| id.counter < publisher.attempted)
}

fn check_acks(history: &History, places: &Places, report: &mut Report) {
    let mut n_acked_and_read = 0;
    for (publisher, log) in (0..).zip(&history.publishers) {
        let own = ValueId { publisher, counter: 0 }..=ValueId { publisher, counter: u64::MAX };
        let oldest = places.range(own.clone()).next().map(|(id, _)| id.counter);
        let newest = places.range(own).next_back().map(|(id, _)| id.counter);
        let mut acked = BTreeSet::new();
        for ack in &log.acks {
            let id = ValueId { publisher, counter: ack.counter };
            acked.insert(ack.counter);
            if places.contains_key(&id) {
                continue;
            }
            let lost: Kind = if newest.is_none_or(|newest| ack.counter > newest) {
                |violations| &mut violations.lost_suffix
            } else if oldest.is_some_and(|oldest| ack.counter < oldest) {
                |violations| &mut violations.lost_prefix
            } else {
                |violations| &mut violations.lost_middle
            };
            let seq = ack.stream_seq;
            report.findings.add(lost, || format!("{id:?}, acknowledged at {seq}, is gone"));
        }
        let read = |counter: &&u64| places.contains_key(&ValueId { publisher, counter: **counter });
        n_acked_and_read += count(acked.iter().filter(read).count());
    }
    report.recovered = count(places.len()) - n_acked_and_read;
}

fn check_gets(history: &History, report: &mut Report) {
    for (publisher, log) in (0..).zip(&history.publishers) {
        for ack in &log.acks {
            let id = ValueId { publisher, counter: ack.counter };
            let got = history.gets.get(&ack.stream_seq).copied().flatten();
            if got != Some(Content::Value(id)) {
                let seq = ack.stream_seq;
                report.findings.add(
                    |violations| &mut violations.misplaced,
                    || format!("{id:?} was acknowledged at {seq}, which gives {got:?}"),
                );
            }
        }
    }
}

fn check_consumer(
    index: usize,
    events: &[ConsumerEvent],
    stored: &BTreeMap<u64, Content>,
    report: &mut Report,
) {
    let mut confirmed = BTreeSet::new();
    let mut delivered = BTreeSet::new();
    for event in events {
        match *event {
            ConsumerEvent::Confirmed(seq) => {
                confirmed.insert(seq);
            }
            ConsumerEvent::Delivered(Stored { stream_seq: seq, content }) => {
                report.delivered += 1;
                report.redelivered += u64::from(!delivered.insert(seq));
                if confirmed.contains(&seq) {
                    report.findings.add(
                        |violations| &mut violations.confirmed_redelivered,
                        || format!("consumer {index} got {seq} after its confirmed ack"),
                    );
                }
                if content == Content::Altered {
                    report.findings.add(
                        |violations| &mut violations.altered,
                        || format!("consumer {index} got altered bytes as {seq}"),
                    );
                } else if stored.get(&seq) != Some(&content) {
                    let now = stored.get(&seq);
                    report.findings.add(
                        |violations| &mut violations.phantoms,
                        || format!("consumer {index} got {content:?} as {seq}, now {now:?}"),
                    );
                }
            }
        }
    }
    report.confirmed += count(confirmed.len());
    for seq in stored.keys().filter(|seq| !delivered.contains(seq)) {
        report.findings.add(
            |violations| &mut violations.never_delivered,
            || format!("consumer {index} never got {seq}"),
        );
    }
}

fn count(length: usize) -> u64 {
    crate::num::wide(length)
}

#[cfg(test)]
mod tests;
