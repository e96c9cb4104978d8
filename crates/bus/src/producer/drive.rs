//! The task behind a publisher: takes answers in, and sends what is due.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;

use super::PublishError;
use super::stored::{Publisher, follow};
use super::window::{Due, Ticket};

pub(super) fn ticket_of(subject: &str) -> Option<Ticket> {
    subject.rsplit_once('.')?.1.parse().ok()
}

/// Takes answers in and sends what is due, as long as the publisher is used.
pub(super) async fn drive(
    publisher: std::sync::Weak<Publisher>,
    mut answers: async_nats::Subscriber,
    mut link: tokio::sync::watch::Receiver<crate::connection::Link>,
) {
    /// How often an unused publisher looks whether it is still wanted.
    const LOOK: Duration = Duration::from_millis(500);
    let mut epoch = link.borrow_and_update().epoch;
    let mut next_due = None;
    loop {
        let now = Instant::now();
        let wait =
            next_due.map_or(LOOK, |due: Instant| due.saturating_duration_since(now).min(LOOK));
        let Some(wanted) = publisher.upgrade() else { return };
        tokio::select! {
            answer = answers.next() => match answer {
                Some(answer) => {
                    wanted.answered(&answer);
                    // What else is there, without asking the clock in between.
                    while let Some(Some(answer)) = futures_util::FutureExt::now_or_never(answers.next()) {
                        wanted.answered(&answer);
                    }
                    let due = wanted.window.lock().next_due();
                    if due.is_none_or(|due| Instant::now() < due) {
                        next_due = due;
                        continue;
                    }
                }
                None => return wanted.close(),
            },
            changed = link.changed() => {
                let now = *link.borrow_and_update();
                if changed.is_err() || now.is_closed {
                    return wanted.close();
                }
                if now.is_up && epoch < now.epoch {
                    epoch = now.epoch;
                    wanted.window.lock().connected(Instant::now());
                }
            },
            () = wanted.wake.notified() => (),
            () = tokio::time::sleep(wait) => (),
        }
        next_due = wanted.turn().await;
    }
}

impl Publisher {
    /// Sends what is due, and gives up what waited too long. When there is something to do again.
    pub(super) async fn turn(&self) -> Option<Instant> {
        loop {
            let step = {
                let mut window = self.window.lock();
                let due = window.poll(Instant::now(), self.connection.is_up());
                match due {
                    None => return window.next_due(),
                    Some(Due::GiveUp(ticket)) => (ticket, None, window.attempts(ticket)),
                    Some(Due::Send { ticket, attempts }) => {
                        let mut prepared = window.message(ticket).map(|it| {
                            let prepared = &it.prepared;
                            let headers = prepared.headers.to_map();
                            (prepared.subject.clone(), headers, prepared.body.clone())
                        });
                        if let Some((_, headers, _)) = &mut prepared {
                            follow(&mut window, ticket, headers);
                        }
                        (ticket, prepared, attempts)
                    }
                }
            };
            match step {
                (ticket, Some((subject, headers, body)), _) => {
                    self.send(ticket, subject, headers, body).await;
                }
                (ticket, None, attempts) => {
                    let after = self.window.lock().patience().in_all;
                    self.settle(ticket, Err(PublishError::TimedOut { after, attempts }));
                }
            }
        }
    }

    /// The connection will not come back: nothing more is published.
    fn close(&self) {
        self.room.close();
        loop {
            let first = self.window.lock().unanswered().next();
            let Some((ticket, _)) = first else { return };
            self.settle(ticket, Err(PublishError::Closed));
        }
    }
}
