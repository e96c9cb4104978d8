//! When a host commits, and what it takes along.

use std::time::{Duration, Instant};

use tradewind_jetstream::shard::Job;

use super::committer::Work;
use super::host::{Host, LAZY, QUIET, RETRY};
use crate::clock;

impl Host {
    pub(super) fn commit_if_due(&mut self) {
        if self.committer.is_running() {
            return;
        }
        if self.shard.is_stalled() {
            // No room: what waits is tried again until there is some.
            if RETRY <= self.last_retry.elapsed() {
                self.last_retry = Instant::now();
                let job = self.shard.next_commit();
                self.run_job(job, self.commits_sync);
            }
        } else if self.shard.wants_commit() {
            self.lazy_since = None;
            self.commit();
        } else if self.shard.has_uncommitted()
            && self.lazy_since.is_none_or(|since| LAZY <= since.elapsed())
        {
            self.lazy_since = None;
            let job = self.shard.next_lazy_commit();
            self.run_job(job, false);
        }
        if self.sync_every <= self.last_sync.elapsed() && !self.committer.is_running() {
            self.last_sync = Instant::now();
            if let Some(job) = self.shard.next_sync() {
                // Of all that was written since the last one: it may take long.
                self.hand_over(Work { job, syncs: true });
            }
        }
    }

    /// Writes and syncs. What comes in while it writes is written too: one sync for all that waits
    /// when the sync begins. On a slow disk, and if it is much, beside this thread.
    fn commit(&mut self) {
        /// Writes before a sync at most, so that it begins at last.
        const WRITES: usize = 4;
        if self.committer.should_hand_over(self.shard.pending_bytes()) {
            self.gather_more();
            if let Some(job) = self.shard.next_commit() {
                self.hand_over(Work { job, syncs: self.commits_sync });
            }
            return;
        }
        for _ in 0..WRITES {
            self.gather();
            let Some(job) = self.shard.next_write() else { break };
            self.shard.done(clock::now(), job.run());
        }
        if let Some(job) = self.shard.next_commit() {
            let done = self.committer.run(Work { job, syncs: self.commits_sync });
            self.shard.done(clock::now(), done);
        }
        self.turn();
    }

    /// Takes in what comes, for a moment: those who were just answered go on, and what is not in
    /// this commit waits for the whole of the next one. Without it, publishers with a window would
    /// come in two halves, each waiting for the sync of the other.
    fn gather_more(&mut self) {
        const ENOUGH: usize = 1024 * 1024;
        self.gather();
        let moment = self.committer.worth_waiting();
        let begun = Instant::now();
        while 1 < self.n_sent && self.n_taken < self.n_sent && self.shard.pending_bytes() < ENOUGH {
            let Some(left) = moment.checked_sub(begun.elapsed()) else { return };
            self.mailbox.take(&mut self.letters, left, false);
            self.open_letters();
        }
    }

    /// Takes in what waits in the mailbox.
    pub(super) fn gather(&mut self) {
        self.mailbox.take(&mut self.letters, Duration::ZERO, false);
        self.open_letters();
    }

    /// Runs a job of the log where it belongs.
    fn run_job(&mut self, job: Option<Job>, syncs: bool) {
        let Some(job) = job else { return };
        if self.committer.should_hand_over(0) {
            self.hand_over(Work { job, syncs });
        } else {
            self.run_here(Some(job));
        }
    }

    fn hand_over(&mut self, work: Work) {
        if let Some(done) = self.committer.hand_over(work) {
            self.shard.done(clock::now(), done);
            self.turn();
        }
    }

    /// Syncs on this thread.
    pub(super) fn run_here(&mut self, job: Option<Job>) {
        let Some(job) = job else { return };
        let done = self.committer.run(Work { job, syncs: true });
        self.shard.done(clock::now(), done);
        self.turn();
    }

    /// After some silence, sees that all is on disk, and marks there that it is.
    pub(super) fn mark_idle(&mut self) {
        if self.last_work.elapsed() < QUIET || self.shard.is_stalled() {
            return;
        }
        if !self.committer.is_running() && self.shard.is_unsynced() {
            let job = self.shard.next_sync();
            self.run_job(job, true);
        }
        // After one that runs beside, it is tried again.
        if !self.committer.is_running() && self.shard.mark_idle() {
            let job = self.shard.next_sync();
            self.run_job(job, true);
        }
    }
}
