//! The waiting pull requests of a consumer.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use tradewind_subject::{Timestamp, int::u64_from};

use super::{Action, SeqPair, request::PullRequest, status};

/// One pull that is not served in full yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) reply: Bytes,
    /// Messages still wanted; 0 or less at the start is one.
    batch: i64,
    /// Bytes still wanted; 0 or less at the start is no limit.
    bytes: i64,
    /// Whether it got a message.
    served: bool,
    no_wait: bool,
    expires: Option<Timestamp>,
    heartbeat: Option<(Duration, Timestamp)>,
}

impl Waiting {
    pub(super) fn new(now: Timestamp, reply: &[u8], request: &PullRequest) -> Waiting {
        let expires = Timestamp(now.nanos().saturating_add(request.expires));
        let beat = u64::try_from(request.idle_heartbeat).ok().filter(|beat| 0 < *beat);
        let beat = beat.map(Duration::from_nanos);
        Waiting {
            reply: Bytes::copy_from_slice(reply),
            batch: request.batch,
            bytes: request.max_bytes,
            served: false,
            no_wait: request.no_wait,
            expires: (request.expires != 0).then_some(expires),
            heartbeat: beat.map(|beat| (beat, now.plus(beat))),
        }
    }

    fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// When there is something to do for it.
    fn wake_at(&self) -> Option<Timestamp> {
        self.expires.into_iter().chain(self.heartbeat.map(|(_, at)| at)).min()
    }

    fn end(&self, reason: &str, out: &mut Vec<Action>) {
        let headers = status::with_rest(reason, self.batch, self.bytes);
        out.push(Action::Status { to: self.reply.clone(), headers });
    }

    fn end_bare(&self, reason: &str, out: &mut Vec<Action>) {
        out.push(Action::Status { to: self.reply.clone(), headers: status::bare(reason) });
    }
}

/// The pulls of a consumer, in the order in which they are served: one message each, in turn.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    queue: VecDeque<Waiting>,
    /// No later than the first thing to do for any of them.
    wake: Option<Timestamp>,
}

impl Pulls {
    pub(super) fn len(&self) -> u64 {
        u64_from(self.queue.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn front(&self) -> Option<&Waiting> {
        self.queue.front()
    }

    pub(super) fn replies(&self) -> impl Iterator<Item = &Bytes> {
        self.queue.iter().map(|waiting| &waiting.reply)
    }

    /// Messages wanted by all of them.
    pub(super) fn wanted(&self) -> u64 {
        let batches = self.queue.iter().map(|waiting| u64::try_from(waiting.batch).unwrap_or(0));
        batches.fold(0, u64::saturating_add)
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.wake
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        self.wake = self.wake.into_iter().chain(waiting.wake_at()).min();
        self.queue.push_back(waiting);
    }

    /// Ends what has expired and sends the heartbeats that are due.
    pub(super) fn on_time(&mut self, now: Timestamp, last: SeqPair, out: &mut Vec<Action>) {
        if self.wake.is_none_or(|at| now < at) {
            return;
        }
        self.queue.retain_mut(|waiting| {
            if waiting.expired(now) {
                waiting.end("408 Request Timeout", out);
                return false;
            }
            if let Some((every, at)) = &mut waiting.heartbeat
                && *at <= now
            {
                *at = now.plus(*every);
                let headers = status::heartbeat(last, None);
                out.push(Action::Status { to: waiting.reply.clone(), headers });
            }
            true
        });
        self.wake = self.queue.iter().filter_map(Waiting::wake_at).min();
    }

    /// Takes the pull that gets a message of `size` bytes, ending those that have too few bytes
    /// left for it.
    ///
    /// What comes back is as it was after that message; it waits on at the end of the queue unless
    /// done.
    pub(super) fn take(
        &mut self,
        now: Timestamp,
        size: i64,
        out: &mut Vec<Action>,
    ) -> Option<Waiting> {
        loop {
            let mut waiting = self.queue.pop_front()?;
            if waiting.expired(now) {
                waiting.end("408 Request Timeout", out);
                continue;
            }
            if 0 < waiting.bytes {
                if waiting.bytes < size {
                    waiting.end("409 Message Size Exceeds MaxBytes", out);
                    continue;
                }
                waiting.bytes -= size;
                if waiting.bytes == 0 {
                    waiting.batch = 1;
                }
            }
            waiting.batch = waiting.batch.saturating_sub(1);
            waiting.served = true;
            if let Some((every, at)) = &mut waiting.heartbeat {
                *at = now.plus(*every);
            }
            if 0 < waiting.batch {
                self.queue.push_back(waiting.clone());
            }
            return Some(waiting);
        }
    }

    /// Tells who asked that its batch is complete though it left room for more bytes.
    pub(super) fn batch_completed(done: &Waiting, out: &mut Vec<Action>) {
        if done.batch <= 0 && 0 < done.bytes {
            done.end("409 Batch Completed", out);
        }
    }

    /// Ends the pulls that don't wait, now that there is nothing left. One with an expiry that got
    /// nothing waits on for its first message.
    pub(super) fn end_no_wait(&mut self, out: &mut Vec<Action>) {
        self.queue.retain(|waiting| {
            let ends = waiting.no_wait && (waiting.served || waiting.expires.is_none());
            if ends {
                waiting.end_bare("404 No Messages", out);
            }
            !ends
        });
    }

    /// Ends all pulls with a bare status.
    pub(super) fn end_all(&mut self, reason: &str, out: &mut Vec<Action>) {
        for waiting in self.queue.drain(..) {
            waiting.end_bare(reason, out);
        }
        self.wake = None;
    }

    /// Drops the pulls of `reply` without a word.
    pub(super) fn drop_reply(&mut self, reply: &[u8]) {
        self.queue.retain(|waiting| waiting.reply != reply);
    }
}
