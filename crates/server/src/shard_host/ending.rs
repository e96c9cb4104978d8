//! The end of a host.

use std::time::{Duration, Instant};

use super::host::{Host, RETRY, SLEEP};
use crate::clock;
use crate::mailbox::Letter;

/// How long a stop waits for housekeeping.
const CHORE_PATIENCE: Duration = Duration::from_secs(10);

impl Host {
    /// The last words: nothing is delivered any more, everything said is on disk.
    pub(super) fn finish(&mut self) {
        self.await_commit();
        self.shard.close(clock::now());
        self.turn();
        let job = self.shard.next_sync();
        self.run_here(job);
        let job = self.shard.next_sync();
        self.run_here(job);
        if self.shard.mark_idle() {
            let job = self.shard.next_sync();
            self.run_here(job);
        }
        // Until it is done, a chore holds the lock of the directory.
        let begun = Instant::now();
        let mut letters = Vec::new();
        while self.chore_running && begun.elapsed() < CHORE_PATIENCE {
            self.mailbox.take(&mut letters, RETRY, false);
            for letter in letters.drain(..) {
                if let Letter::Done(done) = letter {
                    self.chore_running = false;
                    self.shard.done(clock::now(), done);
                }
            }
        }
    }

    /// However long it takes: it holds what was said before the stop.
    fn await_commit(&mut self) {
        while self.committer.is_running() {
            if let Some(committed) = self.mailbox.take_committed(SLEEP) {
                self.committed(committed);
                self.turn();
            }
        }
    }

    /// Nobody finds JetStream any more.
    pub(super) fn retire(&mut self) {
        let control = std::mem::take(&mut self.control);
        self.account.remove_all(&control);
        for (_, subscriptions) in std::mem::take(&mut self.captures) {
            self.account.remove_all(&subscriptions);
        }
        self.mailbox.close();
    }
}
