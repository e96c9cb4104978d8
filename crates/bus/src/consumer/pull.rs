//! When to ask for messages, how many, and when silence means that the asking was lost.
//!
//! No socket and no clock: times and answers come in, requests come out.

use std::time::{Duration, Instant};

use async_nats::StatusCode;
use serde::Serialize;

use crate::backoff::Backoff;

/// Waits between attempts to open a consumer that is lost. Short: the server is there or not.
pub(crate) const REOPEN: Backoff = Backoff {
    base: Duration::from_millis(50),
    factor: 1.6,
    max: Duration::from_millis(500),
    jitter: 0.2,
};

/// How a consumer is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PullOptions {
    /// Messages of one request at most.
    pub(crate) batch: usize,
    /// A request ends after this time.
    pub(crate) expires: Duration,
    /// The server says that often that it is there.
    pub(crate) heartbeat: Duration,
}

/// A request for messages, as the API takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PullRequest {
    pub(crate) batch: usize,
    /// Nanoseconds.
    pub(crate) expires: u128,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) idle_heartbeat: u128,
}

fn is_zero(value: &u128) -> bool {
    *value == 0
}

/// What the server says instead of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status<'a> {
    pub(crate) code: u16,
    pub(crate) description: &'a str,
    /// Messages that the request will not get.
    pub(crate) pending: Option<usize>,
}

impl<'a> Status<'a> {
    /// The status of a message; none if it is a delivery.
    pub(crate) fn of(message: &'a async_nats::Message) -> Option<Status<'a>> {
        let code = message.status.filter(|status| *status != StatusCode::OK)?;
        let pending = message.headers.as_ref().and_then(|it| it.get("Nats-Pending-Messages"));
        Some(Status {
            code: code.as_u16(),
            description: message.description.as_deref().unwrap_or_default(),
            pending: pending.and_then(|it| it.as_str().parse().ok()),
        })
    }
}

/// What a status means for the asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Continue,
    /// Look whether stream and consumer are there, and ask anew.
    Reopen(&'static str),
}

/// What was asked for and has not come.
#[derive(Debug)]
pub(crate) struct PullState {
    options: PullOptions,
    asked: usize,
    /// When anything was heard last, or asked for after nothing was.
    heard: Instant,
    asked_at: Instant,
}

impl PullState {
    pub(crate) fn new(options: PullOptions, now: Instant) -> PullState {
        PullState { options, asked: 0, heard: now, asked_at: now }
    }

    /// The next request, if it is time for one: `free` more messages may be in hand, of `capacity`.
    /// Small gaps wait for each other.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        free: usize,
        capacity: usize,
    ) -> Option<PullRequest> {
        let missing = free.saturating_sub(self.asked);
        let worthwhile = (capacity / 2).clamp(1, self.options.batch);
        if missing == 0 || (0 < self.asked && missing < worthwhile) {
            return None;
        }
        if self.asked == 0 {
            self.heard = now;
        }
        let batch = missing.min(self.options.batch);
        self.asked += batch;
        self.asked_at = now;
        Some(PullRequest {
            batch,
            expires: self.options.expires.as_nanos(),
            idle_heartbeat: self.options.heartbeat.as_nanos(),
        })
    }

    /// A message came.
    pub(crate) fn on_message(&mut self, now: Instant) {
        self.heard = now;
        self.asked = self.asked.saturating_sub(1);
    }

    /// A status came.
    pub(crate) fn on_status(&mut self, now: Instant, status: Status<'_>) -> Verdict {
        self.heard = now;
        match (status.code, status.description) {
            (100, _) => return Verdict::Continue,
            (503, _) => return Verdict::Reopen("nobody answers for the consumer"),
            (409, text) if text.contains("Consumer Deleted") => {
                return Verdict::Reopen("the consumer was deleted");
            }
            (409, text) if text.contains("Leadership Change") => {
                return Verdict::Reopen("the consumer has another leader");
            }
            (409, text) if text.contains("Server Shutdown") => {
                return Verdict::Reopen("the server stops");
            }
            _ => (),
        }
        // A request has ended, with or without all it asked for.
        self.asked = match status.pending {
            Some(pending) => self.asked.saturating_sub(pending),
            None => 0,
        };
        Verdict::Continue
    }

    /// Whether the server was silent for longer than it can be, with something asked.
    pub(crate) fn is_lost(&self, now: Instant) -> bool {
        let patience = self.options.heartbeat * 2;
        let overdue = self.options.expires + patience;
        0 < self.asked
            && (self.heard + patience < now || self.asked_at.max(self.heard) + overdue < now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: PullOptions = PullOptions {
        batch: 100,
        expires: Duration::from_secs(30),
        heartbeat: Duration::from_millis(500),
    };

    /// Rows: S1-09, S2-38.
    #[test]
    fn s1_09_no_more_is_asked_for_than_there_is_room_for() {
        let now = Instant::now();
        let mut pull = PullState::new(OPTIONS, now);

        assert_eq!(pull.next(now, 150, 150).map(|it| it.batch), Some(100));
        assert_eq!(pull.next(now, 150, 150), None, "half of the room is not missing");
        for _ in 0..30 {
            pull.on_message(now);
        }
        assert_eq!(pull.next(now, 150, 150).map(|it| it.batch), Some(80));
        assert_eq!(pull.next(now, 70, 150), None);
    }

    #[test]
    fn an_ended_request_is_made_again() {
        let now = Instant::now();
        let mut pull = PullState::new(OPTIONS, now);

        pull.next(now, 10, 10);
        pull.on_message(now);
        let ended = Status { code: 408, description: "Request Timeout", pending: Some(9) };
        assert_eq!(pull.on_status(now, ended), Verdict::Continue);
        assert_eq!(pull.next(now, 9, 10).map(|it| it.batch), Some(9));
    }

    #[test]
    fn silence_beyond_two_heartbeats_is_a_loss() {
        let now = Instant::now();
        let mut pull = PullState::new(OPTIONS, now);

        assert!(!pull.is_lost(now + Duration::from_mins(1)), "nothing was asked");
        pull.next(now, 10, 10);
        assert!(!pull.is_lost(now + Duration::from_millis(999)));
        assert!(pull.is_lost(now + Duration::from_millis(1001)));
        let heartbeat = Status { code: 100, description: "Idle Heartbeat", pending: None };
        pull.on_status(now + Duration::from_millis(900), heartbeat);
        assert!(!pull.is_lost(now + Duration::from_millis(1800)));
    }

    #[test]
    fn a_consumer_that_is_gone_is_looked_for() {
        let now = Instant::now();
        for (code, description) in [
            (503, ""),
            (409, "Consumer Deleted"),
            (409, "Leadership Change"),
            (409, "Server Shutdown"),
        ] {
            let mut pull = PullState::new(OPTIONS, now);
            let status = Status { code, description, pending: None };
            assert!(matches!(pull.on_status(now, status), Verdict::Reopen(_)), "{description}");
        }
    }
}
