//! Publishes that wait for their PubAck: which are due to be sent, and sent again.
//!
//! No socket and no clock: times come in, what is to be sent comes out.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Number of a publish; it stands in the reply subject of its PubAck.
pub(crate) type Ticket = u64;

/// When a publish is given up, and when one attempt is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) attempt: Duration,
    pub(crate) in_all: Duration,
}

/// What is outstanding; `M` is a message, with whoever waits for its fate.
#[derive(Debug)]
pub(crate) struct Window<M> {
    patience: Patience,
    /// None is sent before one in front of it is known to be stored, unless the server can tell.
    ordered: bool,
    /// Tickets from `base` on, in order.
    entries: VecDeque<Option<Entry<M>>>,
    base: Ticket,
    n_live: usize,
    /// By the time something has to be done about them.
    due: BTreeSet<(Instant, Ticket)>,
    /// After a reconnect of an ordered window: tickets in front of this go one by one, others wait.
    recovering_to: Option<Ticket>,
}

#[derive(Debug)]
struct Entry<M> {
    message: M,
    give_up: Instant,
    due: Instant,
    attempts: u32,
    /// Waits for a connection, for its turn or for its next attempt.
    is_waiting: bool,
}

/// What to do about a ticket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send it, again if `attempts` is not 1.
    Send { ticket: Ticket, attempts: u32 },
    /// It got no answer in time.
    GiveUp(Ticket),
}

impl<M> Window<M> {
    pub(crate) fn new(patience: Patience, ordered: bool) -> Window<M> {
        Window {
            patience,
            ordered,
            entries: VecDeque::new(),
            base: 0,
            n_live: 0,
            due: BTreeSet::new(),
            recovering_to: None,
        }
    }

    /// Publishes without an answer.
    pub(crate) fn len(&self) -> usize {
        self.n_live
    }

    /// When something is given up.
    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    /// Publishes without an answer, and how often each was sent.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = (Ticket, u32)> {
        let all = (self.base..).zip(&self.entries);
        all.filter_map(|(ticket, entry)| entry.as_ref().map(|entry| (ticket, entry.attempts)))
    }

    /// The number of the next publish.
    pub(crate) fn next_ticket(&self) -> Ticket {
        self.base + u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Takes a publish in. Whether it is to be sent now.
    pub(crate) fn add(&mut self, now: Instant, is_up: bool, message: M) -> (Ticket, bool) {
        let ticket = self.next_ticket();
        let goes = is_up && self.recovering_to.is_none();
        let give_up = now + self.patience.in_all;
        let due = if goes { (now + self.patience.attempt).min(give_up) } else { give_up };
        let attempts = u32::from(goes);
        self.entries.push_back(Some(Entry { message, give_up, due, attempts, is_waiting: !goes }));
        self.due.insert((due, ticket));
        self.n_live += 1;
        (ticket, goes)
    }

    fn entry(&mut self, ticket: Ticket) -> Option<&mut Entry<M>> {
        let place = usize::try_from(ticket.checked_sub(self.base)?).ok()?;
        self.entries.get_mut(place)?.as_mut()
    }

    /// The message of a ticket.
    pub(crate) fn message(&mut self, ticket: Ticket) -> Option<&mut M> {
        self.entry(ticket).map(|entry| &mut entry.message)
    }

    /// How often a ticket was sent.
    pub(crate) fn attempts(&mut self, ticket: Ticket) -> u32 {
        self.entry(ticket).map_or(0, |entry| entry.attempts)
    }

    /// A ticket has its answer, or is given up.
    pub(crate) fn remove(&mut self, now: Instant, ticket: Ticket) -> Option<M> {
        let place = usize::try_from(ticket.checked_sub(self.base)?).ok()?;
        let entry = self.entries.get_mut(place)?.take()?;
        self.due.remove(&(entry.due, ticket));
        self.n_live -= 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.base += 1;
        }
        self.go_on_recovering(now);
        Some(entry.message)
    }

    fn set_due(&mut self, ticket: Ticket, due: Instant, is_waiting: bool) {
        let Some(entry) = self.entry(ticket) else { return };
        let old = std::mem::replace(&mut entry.due, due.min(entry.give_up));
        entry.is_waiting = is_waiting;
        let new = entry.due;
        self.due.remove(&(old, ticket));
        self.due.insert((new, ticket));
    }

    /// What is outstanding right in front of a ticket, in an ordered window.
    pub(crate) fn predecessor(&mut self, ticket: Ticket) -> Option<&mut M> {
        if self.ordered { self.message(ticket.checked_sub(1)?) } else { None }
    }

    /// An answer said: the one in front of it is not stored. It waits until it is the first.
    pub(crate) fn hold(&mut self, now: Instant, ticket: Ticket) {
        let wait = if ticket == self.base { Duration::ZERO } else { self.patience.in_all };
        self.set_due(ticket, now + wait, true);
    }

    /// An answer said: not now. It is tried again after `wait`.
    pub(crate) fn postpone(&mut self, now: Instant, ticket: Ticket, wait: Duration) {
        self.set_due(ticket, now + wait, true);
    }

    /// A connection is there, again or for the first time: what is outstanding goes out, in order.
    ///
    /// What was sent on the old one may have arrived or not; it has the same id as before.
    pub(crate) fn connected(&mut self, now: Instant) {
        let is_one_by_one = self.ordered && 0 < self.n_live;
        self.recovering_to = is_one_by_one.then(|| self.next_ticket());
        let wait = if is_one_by_one { self.patience.in_all } else { Duration::ZERO };
        self.release(now + wait, |_| true);
        self.go_on_recovering(now);
    }

    /// Makes those due at `due` that are `wanted`.
    fn release(&mut self, due: Instant, wanted: impl Fn(&Entry<M>) -> bool) {
        for place in 0..self.entries.len() {
            if self.entries[place].as_ref().is_some_and(&wanted) {
                let ticket = self.base + u64::try_from(place).unwrap_or(u64::MAX);
                self.set_due(ticket, due, true);
            }
        }
    }

    /// Lets the first go if it waits; once the old ones are through, all that wait.
    fn go_on_recovering(&mut self, now: Instant) {
        if !self.ordered {
            return;
        }
        if self.recovering_to.is_some_and(|to| to <= self.base) {
            self.recovering_to = None;
            return self.release(now, |entry| entry.is_waiting);
        }
        let first = self.base;
        if self.entry(first).is_some_and(|entry| entry.is_waiting && now < entry.due) {
            self.set_due(first, now, true);
        }
    }

    /// Something to do at `now`; none if nothing is due. Ask until there is none.
    pub(crate) fn poll(&mut self, now: Instant, is_up: bool) -> Option<Due> {
        let &(due, ticket) = self.due.first()?;
        if now < due {
            return None;
        }
        let patience = self.patience;
        let entry = self.entry(ticket)?;
        if entry.give_up <= now {
            return Some(Due::GiveUp(ticket));
        }
        if !is_up {
            let give_up = entry.give_up;
            self.set_due(ticket, give_up, true);
            return self.poll(now, is_up);
        }
        entry.attempts = entry.attempts.saturating_add(1);
        let attempts = entry.attempts;
        self.set_due(ticket, now + patience.attempt, false);
        Some(Due::Send { ticket, attempts })
    }

    /// When [`Window::poll`] has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { attempt: Duration::from_secs(5), in_all: Duration::from_secs(30) };

    fn sent(window: &mut Window<u32>, now: Instant) -> Vec<(Ticket, u32)> {
        let due = std::iter::from_fn(|| window.poll(now, true));
        due.filter_map(|due| match due {
            Due::Send { ticket, attempts } => Some((ticket, attempts)),
            Due::GiveUp(_) => None,
        })
        .collect()
    }

    #[test]
    fn an_unanswered_attempt_is_made_again_until_patience_ends() {
        let (start, mut window) = (Instant::now(), Window::new(PATIENCE, false));

        assert_eq!(window.add(start, true, 7), (0, true));
        assert_eq!(window.poll(start + Duration::from_secs(4), true), None);
        for attempt in 2..=6 {
            let now = start + PATIENCE.attempt * (attempt - 1);
            assert_eq!(sent(&mut window, now), [(0, attempt)]);
        }
        assert_eq!(window.poll(start + PATIENCE.in_all, true), Some(Due::GiveUp(0)));
        assert_eq!(window.remove(start, 0), Some(7));
        assert_eq!(window.len(), 0);
    }

    #[test]
    fn without_a_connection_publishes_wait_and_then_go_in_order() {
        let (start, mut window) = (Instant::now(), Window::new(PATIENCE, false));

        window.add(start, true, 1);
        assert_eq!(window.add(start, false, 2), (1, false));
        assert_eq!(window.poll(start + Duration::from_secs(6), false), None);
        window.connected(start + Duration::from_secs(7));
        assert_eq!(sent(&mut window, start + Duration::from_secs(7)), [(0, 2), (1, 1)]);
    }

    #[test]
    fn an_ordered_window_sends_old_ones_one_by_one_before_new_ones() {
        let (now, mut window) = (Instant::now(), Window::new(PATIENCE, true));
        for message in 0..3 {
            window.add(now, true, message);
        }

        window.connected(now);

        assert_eq!(window.add(now, true, 3), (3, false), "the old ones are first");
        assert_eq!(sent(&mut window, now), [(0, 2)]);
        window.remove(now, 0);
        assert_eq!(sent(&mut window, now), [(1, 2)]);
        window.postpone(now, 1, Duration::from_secs(1));
        assert_eq!(sent(&mut window, now), []);
        assert_eq!(sent(&mut window, now + Duration::from_secs(1)), [(1, 3)]);
        window.remove(now, 1);
        assert_eq!(sent(&mut window, now), [(2, 2)]);
        window.remove(now, 2);
        assert_eq!(sent(&mut window, now), [(3, 1)]);
        assert!(window.add(now, true, 4).1, "through");
    }

    #[test]
    fn answers_may_come_in_any_order_and_twice() {
        let (now, mut window) = (Instant::now(), Window::new(PATIENCE, false));
        for message in 0..4 {
            window.add(now, true, message);
        }

        assert_eq!(window.remove(now, 2), Some(2));
        assert_eq!(window.remove(now, 0), Some(0));
        assert_eq!(window.remove(now, 0), None);
        assert_eq!(window.remove(now, 99), None);
        assert_eq!(window.len(), 2);
        assert_eq!(window.next_ticket(), 4);
        assert_eq!(window.remove(now, 1), Some(1));
        assert_eq!(window.remove(now, 3), Some(3));
        assert_eq!(window.next_due(), None);
    }
}
