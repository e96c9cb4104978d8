//! From memory to the disk: commits, what they set free, and the housekeeping of the log.

use std::time::Duration;

use tradewind_store::mutant::{self, Mutant};
use tradewind_store::{
    CommitDone, CommitJob, CopyDone, CopyJob, Durability, InspectDone, InspectJob, Lsn, Poisoned,
    PoolDone, PoolJob, Record, RetireDone, RetireJob, SwapDone, SwapJob, Wish,
};
use tradewind_subject::Timestamp;

use super::Shard;
use super::context::{Context, SyncLevel};
use super::slot::Slot;
use crate::api::error::ApiError;
use crate::api::response::append_pub_error;

/// All that is stored is looked through for damage in this time.
const SCRUB_PERIOD: Duration = Duration::from_hours(7 * 24);

/// Work on the disk. It blocks; run it where that is allowed, then tell [`Shard::done`].
#[derive(Debug)]
#[must_use = "the shard waits for it"]
pub enum Job {
    /// Writes and syncs what was appended.
    Commit(CommitJob),
    /// Makes a spare segment.
    Pool(PoolJob),
    /// Copies what lives in segments that are to go.
    Copy(Box<CopyJob>),
    /// Changes which segments make up the store.
    Swap(SwapJob),
    /// Takes away the files of segments that are gone.
    Retire(RetireJob),
    /// Looks through a segment, and writes its sidecar.
    Inspect(InspectJob),
}

/// What a [`Job`] came to.
#[derive(Debug)]
#[must_use = "the shard waits for it"]
pub enum JobDone {
    /// Of [`Job::Commit`].
    Commit(CommitDone),
    /// Of [`Job::Pool`].
    Pool(PoolDone),
    /// Of [`Job::Copy`].
    Copy(Box<CopyDone>),
    /// Of [`Job::Swap`].
    Swap(Box<SwapDone>),
    /// Of [`Job::Retire`].
    Retire(RetireDone),
    /// Of [`Job::Inspect`].
    Inspect(InspectDone),
}

impl Job {
    /// Does the work. Blocks.
    pub fn run(self) -> JobDone {
        match self {
            Job::Commit(job) => JobDone::Commit(job.run()),
            Job::Pool(job) => JobDone::Pool(job.run()),
            Job::Copy(job) => JobDone::Copy(Box::new(job.run())),
            Job::Swap(job) => JobDone::Swap(Box::new(job.run())),
            Job::Retire(job) => JobDone::Retire(job.run()),
            Job::Inspect(job) => JobDone::Inspect(job.run()),
        }
    }
}

impl Shard {
    /// Whether somebody waits for a commit, and one can come.
    pub fn wants_commit(&self) -> bool {
        let context = &self.context;
        let is_awaited = context.log.has_eager() || !context.held.is_empty();
        is_awaited && context.log.poisoned().is_none()
    }

    /// Whether anything was appended that no commit has taken, and one can come.
    pub fn has_uncommitted(&self) -> bool {
        0 < self.pending_bytes() && self.context.log.poisoned().is_none()
    }

    /// Bytes that were appended and that no commit has taken.
    pub fn pending_bytes(&self) -> usize {
        self.context.log.pending_bytes()
    }

    /// Everything appended so far, as one job; none while another is under way.
    pub fn next_commit(&mut self) -> Option<Job> {
        let durability = match self.context.options.sync {
            SyncLevel::Always => Durability::Sync,
            SyncLevel::Interval(_) => Durability::Os,
        };
        self.commit_as(durability)
    }

    /// As [`Shard::next_commit`], for what nobody waits for: without a message in it, it costs no
    /// sync.
    pub fn next_lazy_commit(&mut self) -> Option<Job> {
        if self.context.groups.has_undurable() || !self.context.held.is_empty() {
            return self.next_commit();
        }
        let job = self.context.log.take_commit(Durability::Os)?;
        Some(Job::Commit(job))
    }

    /// Writes what was appended without syncing it: the first half of a commit, during which more
    /// may come that the same sync covers.
    pub fn next_write(&mut self) -> Option<Job> {
        if matches!(self.context.options.sync, SyncLevel::Interval(_)) {
            return None;
        }
        self.context.log.take_commit(Durability::Os).map(Job::Commit)
    }

    /// As [`Shard::next_commit`], synced whatever the options say.
    pub fn next_sync(&mut self) -> Option<Job> {
        self.commit_as(Durability::Sync)
    }

    fn commit_as(&mut self, durability: Durability) -> Option<Job> {
        let context = &mut self.context;
        let stalled = context.log.is_stalled();
        let job = context.log.take_commit(durability)?;
        if !stalled {
            context.in_flight.append(&mut context.held);
            context.in_flight_to = context.log.appended();
            context.is_committing = true;
            context.groups.start_next();
        }
        Some(Job::Commit(job))
    }

    /// Whether the disk has hardly any room left.
    pub fn space_low(&self) -> bool {
        self.context.log.space_low()
    }

    /// Whether something was written that no sync has covered.
    pub fn is_unsynced(&self) -> bool {
        self.context.log.poisoned().is_none()
            && self.context.log.synced() < self.context.log.durable()
    }

    /// Whether a commit found no room and waits to be tried again.
    pub fn is_stalled(&self) -> bool {
        self.context.log.is_stalled()
    }

    /// Whether the last housekeeping was a look whether the full disk has room again: not worth
    /// another one at once.
    pub fn looked_for_room(&self) -> bool {
        self.looks_for_room
    }

    /// Housekeeping, which may run beside everything else; none if there is nothing to do. One at a
    /// time.
    pub fn next_chore(&mut self, now: Timestamp) -> Option<Job> {
        self.context.now = now;
        // Who gives space back comes before who takes some; but that one also finds out whether there
        // is room again, so that without room they take turns.
        self.looks_for_room = self.context.log.space_low() && !self.looks_for_room;
        if self.looks_for_room
            && let Some(job) = self.context.log.take_pool_job()
        {
            return Some(Job::Pool(job));
        }
        if let Some(job) = self.next_sweep_job() {
            return Some(job);
        }
        if let Some(job) = self.context.log.take_pool_job() {
            return Some(Job::Pool(job));
        }
        if let Some(job) = self.context.log.take_index_job() {
            return Some(Job::Inspect(job));
        }
        self.next_scrub_job(SCRUB_PERIOD)
    }

    /// After 100 ms of silence, or at the end: marks on the disk that all is durable, if nothing
    /// does yet. Commit it with [`Shard::next_sync`].
    pub fn mark_idle(&mut self) -> bool {
        let log = &mut self.context.log;
        log.idle_marker_due() && log.append_idle().is_ok()
    }

    /// At a clean stop, after all else: writes down how far the store goes. None if that is known,
    /// or housekeeping is under way.
    pub fn next_witness(&mut self) -> Option<Job> {
        self.context.log.take_witness().map(Job::Swap)
    }

    /// Takes note of what a job came to.
    pub fn done(&mut self, now: Timestamp, done: JobDone) {
        self.context.now = now;
        let outcome = match done {
            JobDone::Commit(done) => {
                let outcome = self.context.log.committed(done);
                outcome.map(|_| self.committed())
            }
            JobDone::Pool(done) => self.context.log.pooled(done),
            JobDone::Copy(done) => {
                self.context.log.copied(*done).map(|copied| self.copy_done(copied))
            }
            JobDone::Swap(done) => {
                self.context.log.swapped(*done).map(|is_done| self.swap_done(is_done))
            }
            JobDone::Retire(done) => self.context.log.retired(done).map(|()| self.retire_done()),
            JobDone::Inspect(done) => self.context.log.inspected(done),
        };
        self.damage.append(&mut self.context.log.take_damage());
        if let Err(poisoned) = outcome {
            self.fail(&poisoned);
        }
    }

    fn committed(&mut self) {
        let context = &mut self.context;
        if context.safe() < context.in_flight_to {
            return;
        }
        context.is_committing = false;
        if context.log.appended() <= context.safe() {
            // No other commit comes for what was held: after one without room, whose rest was this
            // one, it may be that it was never said to be under way.
            context.in_flight.append(&mut context.held);
            context.groups.start_next();
        }
        let mut ready = std::mem::take(&mut context.in_flight);
        context.out.append(&mut ready);
        ready.clear();
        context.in_flight = ready;
        context.groups.all_taken_are_durable();
        while let Some(stream) = self.context.groups.next_to_kick() {
            if let Some(slot) = self.slots.get(&stream) {
                slot.kick(&mut self.context);
            }
        }
    }

    /// Nothing more will become durable: whoever waits for a PubAck is told.
    fn fail(&mut self, why: &Poisoned) {
        let context = &mut self.context;
        let mut lost = std::mem::take(&mut context.in_flight);
        lost.append(&mut context.held);
        let error = ApiError::stream_store_failed(why);
        for reply in lost.pub_ack_replies() {
            context.out.answer(reply, |out| append_pub_error(out, "", &error));
        }
    }

    /// Stops taking writes for good, because something is wrong with the owner: whoever waits for a
    /// PubAck is told.
    pub fn poison(&mut self, now: Timestamp, why: &str) {
        self.context.now = now;
        let poisoned = self.context.log.poison(Poisoned::Owner(why.to_owned()));
        self.fail(&poisoned);
    }

    /// Why the store takes nothing any more, if so.
    pub fn poisoned(&self) -> Option<&Poisoned> {
        self.context.log.poisoned()
    }
}

/// How much of something was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    All,
    Some,
    /// The log does not take it.
    Refused,
}

impl Slot {
    /// Writes again the message ids that no record behind `through` says, until `bytes_max` wait
    /// for a commit.
    pub(super) fn say_ids(
        &mut self,
        context: &mut Context,
        through: Lsn,
        bytes_max: usize,
    ) -> Said {
        self.stream.forget_expired_ids(context.now);
        let (stream, snapshot, log) = (self.id, &mut self.snapshot, &mut context.log);
        let mut said = Said::All;
        self.stream.say_ids_again(through, |ids| {
            if bytes_max < log.pending_bytes() {
                said = Said::Some;
                return None;
            }
            // They have to be in front of the snapshot that counts on them: if that is not written
            // now, then by the next sweep.
            *snapshot = Lsn::ZERO;
            if mutant::enabled(Mutant::IdsNotSaidAgain) {
                return Some(log.appended());
            }
            let appended = log.append(Wish::Lazy, &Record::MessageIds { stream, ids });
            if appended.is_err() {
                said = Said::Refused;
            }
            appended.ok().map(|it| it.lsn)
        });
        said
    }

    /// Writes all that is known of the stream and its consumers, but for the messages. Whether the
    /// log took it.
    pub(super) fn write_snapshot(&mut self, context: &mut Context) -> bool {
        self.log_deltas(context);
        let config = super::recover::stream_body(&self.stream, false);
        let put = Record::StreamPut { stream: self.id, config: &config };
        let n_before = context.log.appended_bytes();
        let Ok(appended) = self.log(context, Wish::Lazy, &put) else { return false };
        let state = self.stream.snapshot();
        let state = Record::StreamState { stream: self.id, state: &state };
        let logged = self.log(context, Wish::Lazy, &state).is_ok()
            && self.consumers.iter().all(|(id, slot)| {
                !slot.is_logged || self.write_consumer(context, *id, slot, Wish::Lazy)
            });
        if logged {
            self.has_snapshot(appended.lsn);
            self.snapshot_bytes = context.log.appended_bytes() - n_before;
        }
        logged
    }

    /// Writes a consumer's configuration and state.
    pub(super) fn write_consumer(
        &self,
        context: &mut Context,
        id: tradewind_store::ConsumerId,
        slot: &super::slot::ConsumerSlot,
        wish: Wish,
    ) -> bool {
        let config = super::recover::consumer_body(&slot.consumer, slot.created);
        let put = Record::ConsumerPut { stream: self.id, consumer: id, config: &config };
        let mut state = Vec::new();
        slot.consumer.snapshot(&mut state);
        let state = Record::ConsumerState { stream: self.id, consumer: id, state: &state };
        self.log(context, Wish::Lazy, &put).is_ok() && self.log(context, wish, &state).is_ok()
    }
}
