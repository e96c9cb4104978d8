//! Messages that were delivered to us and are not settled: the server is told that we work on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_nats::Subject;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// All that is in hand of one subscription.
#[derive(Debug)]
pub(crate) struct Hand {
    places: Mutex<Places>,
    count: AtomicUsize,
    /// Something was let go.
    pub(crate) released: Notify,
}

/// Messages by place; places are used again.
#[derive(Debug, Default)]
struct Places {
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Entry {
    reply: Subject,
    /// The server heard of it last.
    touched: Instant,
    /// Its handler runs since then.
    started: Option<Instant>,
}

/// A message in hand; let go when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    hand: Arc<Hand>,
    place: usize,
}

impl Hand {
    pub(crate) fn new() -> Arc<Hand> {
        Arc::new(Hand {
            places: Mutex::default(),
            count: AtomicUsize::new(0),
            released: Notify::new(),
        })
    }

    pub(crate) fn take(self: &Arc<Self>, reply: Subject, now: Instant) -> Held {
        let entry = Some(Entry { reply, touched: now, started: None });
        let places = &mut *self.places.lock();
        let place = places.free.pop().unwrap_or(places.entries.len());
        if place == places.entries.len() {
            places.entries.push(entry);
        } else {
            places.entries[place] = entry;
        }
        self.count.fetch_add(1, Ordering::AcqRel);
        Held { hand: Arc::clone(self), place }
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Reply subjects of those that the server last heard of `every` ago. Handlers that run for
    /// longer than `limit` are given up: the server will deliver to another.
    pub(crate) fn due(
        &self,
        now: Instant,
        every: Duration,
        limit: Option<Duration>,
    ) -> Vec<Subject> {
        let mut due = Vec::new();
        for entry in self.places.lock().entries.iter_mut().flatten() {
            let runs = entry.started.map(|started| now.saturating_duration_since(started));
            let is_given_up = limit.zip(runs).is_some_and(|(limit, runs)| limit < runs);
            if !is_given_up && every <= now.saturating_duration_since(entry.touched) {
                entry.touched = now;
                due.push(entry.reply.clone());
            }
        }
        due
    }

    /// Waits until nothing is in hand.
    pub(crate) async fn wait_until_empty(&self) {
        loop {
            let released = self.released.notified();
            if self.len() == 0 {
                return;
            }
            released.await;
        }
    }
}

impl Held {
    /// Its handler begins.
    pub(crate) fn start(&self) {
        if let Some(Some(entry)) = self.hand.places.lock().entries.get_mut(self.place) {
            entry.started = Some(Instant::now());
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let places = &mut *self.hand.places.lock();
        if let Some(entry) = places.entries.get_mut(self.place) {
            *entry = None;
            places.free.push(self.place);
        }
        self.hand.count.fetch_sub(1, Ordering::AcqRel);
        // One waits: the loop that takes messages or, after it, whoever waits for the last.
        self.hand.released.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_told_in_time_until_a_handler_takes_too_long() {
        let (hand, start) = (Hand::new(), Instant::now());
        let (every, limit) = (Duration::from_secs(15), Some(Duration::from_mins(5)));
        let held = hand.take("reply".into(), start);

        assert_eq!(hand.due(start + Duration::from_secs(14), every, limit), []);
        assert_eq!(hand.due(start + every, every, limit), [Subject::from("reply")]);
        assert_eq!(hand.due(start + every, every, limit), []);
        held.start();
        assert_eq!(hand.due(start + Duration::from_mins(6), every, limit), []);
        drop(held);
        assert_eq!(hand.len(), 0);
    }
}
