//! Where commits run: on the shard's thread while the disk is fast, beside it when it is slow.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tradewind_jetstream::shard::{Job, JobDone};

use crate::log::Log;
use crate::mailbox::{Committed, Letter, Mailbox};
use crate::store::StoreWatch;

/// Commits that take longer than this on average do not keep the shard's thread. With less, a busy
/// machine counts as a slow disk, and the two threads take from each other what they give.
const SLOW: Duration = Duration::from_millis(5);
/// A longer one counts as this long: one that hangs among many that are fast makes no slow disk.
const MOST: Duration = Duration::from_millis(20);
/// Nor do commits of more bytes than this.
const LARGE: usize = 1024 * 1024;

/// Runs one commit at a time.
///
/// A hand-over costs two wake-ups, about as much as a fast sync; while the thread of the shard runs
/// a slow one itself, nothing is delivered or read.
#[derive(Debug)]
pub(super) struct Committer {
    mailbox: Arc<Mailbox>,
    store: Arc<StoreWatch>,
    log: Arc<Log>,
    /// The thread that takes over, once there is one.
    helper: Option<SyncSender<Work>>,
    /// How long commits took lately.
    average: Duration,
    running: bool,
}

/// A commit, and whether it syncs.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) job: Job,
    pub(super) syncs: bool,
}

impl Committer {
    pub(super) fn new(mailbox: Arc<Mailbox>, store: Arc<StoreWatch>, log: Arc<Log>) -> Committer {
        let average = Duration::ZERO;
        Committer { mailbox, store, log, helper: None, average, running: false }
    }

    /// Whether a commit runs beside the shard; [`Letter::Committed`] tells of its end.
    pub(super) fn is_running(&self) -> bool {
        self.running
    }

    /// Whether a commit of `n_bytes` should run beside the shard.
    pub(super) fn should_hand_over(&self, n_bytes: usize) -> bool {
        SLOW < self.average || LARGE < n_bytes
    }

    /// For how long a commit may be put off so that more comes along: a part of what it takes.
    pub(super) fn worth_waiting(&self) -> Duration {
        self.average / 4
    }

    /// Runs it here.
    pub(super) fn run(&mut self, work: Work) -> JobDone {
        let begun = self.store.sync_begins();
        let done = work.job.run();
        self.took(begun.elapsed(), work.syncs);
        done
    }

    /// Runs it beside the shard; here, if there can be no thread: then it is done.
    pub(super) fn hand_over(&mut self, work: Work) -> Option<JobDone> {
        if self.helper.is_none() {
            self.helper = self.start_helper();
        }
        let Some(helper) = &self.helper else { return Some(self.run(work)) };
        // One job at a time: there is room. The thread ends after this does.
        match helper.send(work) {
            Ok(()) => {
                self.running = true;
                None
            }
            Err(refused) => {
                self.helper = None;
                Some(self.run(refused.0))
            }
        }
    }

    /// Takes note of the end of a commit that ran beside the shard.
    pub(super) fn finished(&mut self, committed: &Committed) {
        self.running = false;
        self.took(committed.took, committed.syncs);
    }

    fn took(&mut self, took: Duration, syncs: bool) {
        // What is only written says nothing of how long a sync takes, unless it is slow too.
        if syncs || self.average < took {
            self.average = self.average * 7 / 8 + took.min(MOST) / 8;
        }
        self.store.sync_ended(took, &self.log);
    }

    fn start_helper(&self) -> Option<SyncSender<Work>> {
        let (give, take) = sync_channel::<Work>(1);
        let (mailbox, store) = (Arc::clone(&self.mailbox), Arc::clone(&self.store));
        let work = move || {
            while let Ok(Work { job, syncs }) = take.recv() {
                let begun = store.sync_begins();
                let done = catch_unwind(AssertUnwindSafe(|| job.run())).ok();
                let took = begun.elapsed();
                mailbox.leave(Letter::Committed(Committed { done, took, syncs }));
            }
        };
        std::thread::Builder::new().name("commit".to_owned()).spawn(work).ok()?;
        Some(give)
    }
}
