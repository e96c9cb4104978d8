//! Where a push consumer delivers to, and how fast.

use std::time::Duration;

use bytes::Bytes;
use tradewind_subject::Timestamp;

use super::{Action, SeqPair, status};

const WINDOW_MAX: u64 = 32 * 1024 * 1024;
const WINDOW_START: u64 = WINDOW_MAX / 16;

/// The push side of a consumer.
#[derive(Debug)]
pub(super) struct Push {
    pub(super) subject: Bytes,
    /// Whether somebody listens on `subject`.
    pub(super) bound: bool,
    heartbeat: Option<(Duration, Timestamp)>,
    flow: Option<Flow>,
    rate: Option<Rate>,
}

/// Flow control: bytes in flight, limited by a window that doubles with each answer.
#[derive(Debug)]
struct Flow {
    window: u64,
    in_flight: u64,
    /// The request that is not answered yet, and the bytes that its answer frees.
    asked: Option<(Bytes, u64)>,
}

impl Flow {
    fn new() -> Flow {
        Flow { window: WINDOW_START, in_flight: 0, asked: None }
    }
}

/// A bucket of bytes, kept as the instant at which it would be empty.
#[derive(Debug)]
struct Rate {
    bytes_per_second: u64,
    /// Time that the full bucket is worth.
    burst: Duration,
    empty_at: Timestamp,
}

impl Push {
    pub(super) fn new(subject: &str) -> Push {
        let subject = Bytes::copy_from_slice(subject.as_bytes());
        Push { subject, bound: false, heartbeat: None, flow: None, rate: None }
    }

    pub(super) fn set_flow_control(&mut self, on: bool) {
        match (on, &self.flow) {
            (true, None) => self.flow = Some(Flow::new()),
            (false, _) => self.flow = None,
            (true, Some(_)) => (),
        }
    }

    pub(super) fn set_heartbeat(&mut self, now: Timestamp, every: Duration) {
        self.heartbeat = (!every.is_zero()).then(|| (every, now.plus(every)));
    }

    /// Limits deliveries to `bits_per_second` (0 is no limit), with bursts of one message of
    /// `payload_max`.
    pub(super) fn set_rate(&mut self, bits_per_second: u64, payload_max: u64) {
        let bytes_per_second = bits_per_second / 8;
        if bits_per_second == 0 {
            self.rate = None;
            return;
        }
        let bytes_per_second = bytes_per_second.max(1);
        let burst = cost(payload_max, bytes_per_second);
        let empty_at = self.rate.as_ref().map_or(Timestamp::MIN, |rate| rate.empty_at);
        self.rate = Some(Rate { bytes_per_second, burst, empty_at });
    }

    pub(super) fn set_bound(&mut self, now: Timestamp, bound: bool) {
        if self.bound == bound {
            return;
        }
        self.bound = bound;
        if self.flow.is_some() {
            // Answers of whoever listened before will not come.
            self.flow = Some(Flow::new());
        }
        if let Some((every, at)) = &mut self.heartbeat {
            *at = now.plus(*every);
        }
    }

    /// Whether the next message may go out, its size apart.
    pub(super) fn is_open(&self) -> bool {
        self.bound && self.flow.as_ref().is_none_or(|flow| flow.in_flight <= flow.window)
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.heartbeat.filter(|_| self.bound).map(|(_, at)| at)
    }

    pub(super) fn on_time(&mut self, now: Timestamp, last: SeqPair, out: &mut Vec<Action>) {
        let Some((every, at)) = &mut self.heartbeat else { return };
        if !self.bound || now < *at {
            return;
        }
        *at = now.plus(*every);
        let stalled = self.flow.as_ref().and_then(|flow| flow.asked.as_ref());
        let headers = status::heartbeat(last, stalled.map(|(subject, _)| &subject[..]));
        out.push(Action::Status { to: self.subject.clone(), headers });
    }

    /// When a message of `size` bytes may go out: `None` is at once.
    pub(super) fn reserve(&mut self, now: Timestamp, size: u64) -> Option<Timestamp> {
        let rate = self.rate.as_mut()?;
        let cost = cost(size, rate.bytes_per_second);
        let empty_at = rate.empty_at.max(now).plus(cost);
        let earliest = empty_at.minus(rate.burst.max(cost));
        if now < earliest {
            return Some(earliest);
        }
        rate.empty_at = empty_at;
        None
    }

    /// Counts a message of `size` bytes that goes out now; `true` asks for a flow control request.
    pub(super) fn sent(&mut self, now: Timestamp, size: u64) -> bool {
        if let Some((every, at)) = &mut self.heartbeat {
            *at = now.plus(*every);
        }
        let Some(flow) = &mut self.flow else { return false };
        flow.in_flight += size;
        match &mut flow.asked {
            None => flow.window / 2 < flow.in_flight,
            Some((_, frees)) => {
                // A client that stopped listening for a while must not leave the window closed for
                // ever.
                if flow.window <= flow.in_flight.saturating_sub(*frees) {
                    *frees += size;
                }
                false
            }
        }
    }

    /// Asks the client to say how far it is.
    pub(super) fn ask(&mut self, reply: Bytes, out: &mut Vec<Action>) {
        let Some(flow) = &mut self.flow else { return };
        flow.asked = Some((reply.clone(), flow.in_flight));
        let to = self.subject.clone();
        out.push(Action::FlowControl { to, reply, headers: status::FLOW_CONTROL });
    }

    /// Takes the client's answer; `true` if it was to the request that is open.
    pub(super) fn answered(&mut self, subject: &[u8]) -> bool {
        let Some(flow) = &mut self.flow else { return false };
        let Some((_, frees)) = flow.asked.take_if(|(asked, _)| asked == subject) else {
            return false;
        };
        flow.window = (flow.window * 2).min(WINDOW_MAX);
        flow.in_flight = flow.in_flight.saturating_sub(frees);
        true
    }
}

fn cost(bytes: u64, bytes_per_second: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_second);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
