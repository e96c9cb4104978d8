//! The way into a shard: what publishers, acknowledgers and callers of the API leave for it.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;
use tradewind_jetstream::shard::{Inbound, JobDone};
use tradewind_proto::Publish;
use tradewind_store::StreamId;

/// Bytes that may wait for a shard before those who send are made to wait.
const WAITING_MAX: usize = 64 * 1024 * 1024;
/// How long an idle shard looks before it sleeps, if work came at that pace lately.
const SPIN: Duration = Duration::from_micros(50);

/// Messages of one connection for a shard, in the order in which they came, in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    purpose: Purpose,
    /// Where the four parts of the message end, one after the other.
    start: usize,
    ends: [usize; 4],
    /// Whether the sender wants to know when nobody is there.
    no_responders: bool,
}

/// Why a message goes to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A stream captures it.
    Capture(StreamId),
    /// It is for JetStream itself: the API, an acknowledgement, flow control.
    Control,
}

impl Batch {
    /// Copies a message.
    pub(crate) fn push(&mut self, purpose: Purpose, publish: &Publish<'_>, no_responders: bool) {
        let start = self.bytes.len();
        let parts = [publish.subject, publish.reply, publish.headers, publish.payload];
        let ends = parts.map(|part| {
            self.bytes.extend_from_slice(part);
            self.bytes.len()
        });
        self.entries.push(Entry { purpose, start, ends, no_responders });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is left here, for the shard.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Inbound<'_>> {
        self.entries.iter().map(|entry| {
            let [subject, reply, headers, payload] = entry.ranges().map(|range| &self.bytes[range]);
            let publish = Publish { subject, reply, headers, payload };
            match entry.purpose {
                Purpose::Capture(stream) => Inbound::Capture { stream, publish },
                Purpose::Control => {
                    Inbound::Control { publish, no_responders: entry.no_responders }
                }
            }
        })
    }
}

impl Entry {
    fn ranges(&self) -> [Range<usize>; 4] {
        let [a, b, c, d] = self.ends;
        [self.start..a, a..b, b..c, c..d]
    }
}

/// What is left for a shard, besides messages.
pub(crate) enum Letter {
    /// Messages.
    Batch(Batch),
    /// Somebody began or ceased to listen to this subject.
    Interest(Box<[u8]>),
    /// A question that the shard thread answers by calling this.
    Ask(Box<dyn FnOnce(&tradewind_jetstream::shard::Shard) + Send>),
    /// A job that ran beside the shard thread is done.
    Done(JobDone),
    /// So is a commit.
    Committed(Committed),
    /// End after all that came before.
    Stop,
}

/// How a commit ended that ran beside the shard thread.
#[derive(Debug)]
pub(crate) struct Committed {
    /// Nothing, if it came to no end because of a bug.
    pub(crate) done: Option<JobDone>,
    /// How long it took.
    pub(crate) took: Duration,
    /// Whether it synced.
    pub(crate) syncs: bool,
}

/// A bounded queue with one taker, which may sleep.
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    filled: Condvar,
    /// Whether the taker sleeps and has to be woken.
    sleeping: AtomicBool,
    emptied: Notify,
}

#[derive(Default)]
struct Queue {
    letters: Vec<Letter>,
    n_bytes: usize,
    /// Nobody takes anything any more.
    closed: bool,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox")
            .field("n_bytes", &self.queue.lock().n_bytes)
            .finish_non_exhaustive()
    }
}

impl Mailbox {
    pub(crate) fn new() -> Mailbox {
        Mailbox {
            queue: Mutex::default(),
            filled: Condvar::new(),
            sleeping: AtomicBool::new(false),
            emptied: Notify::new(),
        }
    }

    /// Leaves something. Never waits; whether more waits now than should: then call
    /// [`Mailbox::below_limit`] before leaving more.
    pub(crate) fn leave(&self, letter: Letter) -> bool {
        let size = match &letter {
            Letter::Batch(batch) => batch.bytes.len(),
            _ => 0,
        };
        let is_end = matches!(letter, Letter::Committed(_));
        let mut queue = self.queue.lock();
        if queue.closed {
            return false;
        }
        queue.letters.push(letter);
        queue.n_bytes += size;
        let full = WAITING_MAX < queue.n_bytes;
        drop(queue);
        if self.sleeping.swap(false, Ordering::AcqRel) || is_end {
            self.filled.notify_one();
        }
        full
    }

    /// Nobody takes anything any more: what is left is dropped, and nobody waits for room.
    pub(crate) fn close(&self) {
        *self.queue.lock() = Queue { closed: true, ..Queue::default() };
        self.emptied.notify_waiters();
    }

    /// Waits until less waits than may.
    pub(crate) async fn below_limit(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.queue.lock().n_bytes <= WAITING_MAX {
                return;
            }
            emptied.await;
        }
    }

    /// Moves all letters into `taken`, waiting for the first until `patience` is over.
    ///
    /// With `busy` the caller's work comes often: it looks for a while before it sleeps.
    pub(crate) fn take(&self, taken: &mut Vec<Letter>, patience: Duration, busy: bool) {
        if self.try_take(taken) || patience.is_zero() {
            return;
        }
        if busy {
            let start = Instant::now();
            while start.elapsed() < SPIN.min(patience) {
                std::hint::spin_loop();
                if self.try_take(taken) {
                    return;
                }
            }
        }
        let mut queue = self.queue.lock();
        self.sleeping.store(true, Ordering::Release);
        if queue.letters.is_empty() {
            self.filled.wait_for(&mut queue, patience);
        }
        self.sleeping.store(false, Ordering::Release);
        self.hand_over(&mut queue, taken);
    }

    /// Takes out the end of a commit, before all else, waiting for it until `patience` is over.
    /// Nothing else wakes the caller.
    pub(crate) fn take_committed(&self, patience: Duration) -> Option<Committed> {
        let deadline = Instant::now() + patience;
        let mut queue = self.queue.lock();
        loop {
            let is_end = |letter: &Letter| matches!(letter, Letter::Committed(_));
            if let Some(at) = queue.letters.iter().position(is_end)
                && let Letter::Committed(committed) = queue.letters.remove(at)
            {
                return Some(committed);
            }
            if self.filled.wait_until(&mut queue, deadline).timed_out() {
                return None;
            }
        }
    }

    fn try_take(&self, taken: &mut Vec<Letter>) -> bool {
        let mut queue = self.queue.lock();
        self.hand_over(&mut queue, taken)
    }

    fn hand_over(&self, queue: &mut Queue, taken: &mut Vec<Letter>) -> bool {
        if queue.letters.is_empty() {
            return false;
        }
        taken.append(&mut queue.letters);
        if WAITING_MAX < std::mem::take(&mut queue.n_bytes) {
            self.emptied.notify_waiters();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_the_parts_of_each_message_in_order() {
        let mut batch = Batch::default();
        let first = Publish { subject: b"a", reply: b"r", headers: b"h", payload: b"p" };
        let second = Publish { subject: b"bb", reply: b"", headers: b"", payload: b"" };
        batch.push(Purpose::Capture(StreamId(7)), &first, false);
        batch.push(Purpose::Control, &second, true);

        let seen: Vec<_> = batch.iter().collect();

        assert_eq!(
            seen,
            [
                Inbound::Capture { stream: StreamId(7), publish: first },
                Inbound::Control { publish: second, no_responders: true },
            ]
        );
    }

    #[test]
    fn the_end_of_a_commit_overtakes_what_waits() {
        let mailbox = Mailbox::new();
        mailbox.leave(Letter::Stop);
        assert!(mailbox.take_committed(Duration::ZERO).is_none());
        let took = Duration::from_secs(1);
        mailbox.leave(Letter::Committed(Committed { done: None, took, syncs: true }));
        assert_eq!(mailbox.take_committed(Duration::ZERO).unwrap().took, took);
        let mut left = Vec::new();
        mailbox.take(&mut left, Duration::ZERO, false);
        assert!(matches!(left[..], [Letter::Stop]));
    }

    #[test]
    fn a_sleeping_taker_is_woken_by_what_is_left() {
        let mailbox = Mailbox::new();
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let mut taken = Vec::new();
                while taken.is_empty() {
                    mailbox.take(&mut taken, Duration::from_secs(5), false);
                }
                taken.len()
            });
            mailbox.leave(Letter::Stop);
            assert_eq!(taker.join().unwrap(), 1);
        });
    }
}
