//! Giving space back: what still lives in the oldest segments goes elsewhere, and what else they
//! said is written down anew.
//!
//! One sweep at a time, a little in every turn, so that nobody waits for it:
//!
//! 1. *collect* what lives in the sources;
//! 2. write *snapshots* of all streams that have anything there;
//! 3. *copy* what lives, in jobs;
//! 4. once the snapshots are synced, *swap* the manifest, in a job;
//! 5. *switch* positions to the copy;
//! 6. *retire* the files, in a job.
//!
//! The order matters: a snapshot must not count a message as live that is neither in the copy nor in
//! a segment that stays. After a crash at any point the manifest names either the sources or the copy.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tradewind_store::mutant::{self, Mutant};
use tradewind_store::{
    Copied, CopyJob, Kept, Lsn, Moved, Record, Scrub, Span, StreamId, Sweep, SweepKind, Target,
    Wish,
};
use tradewind_subject::Timestamp;

use super::Shard;
use super::commit::{Job, Said};
use super::slot::Slot;

/// Messages looked at in one turn.
const TURN: usize = 4096;
/// Bytes of snapshots written in one turn.
const TURN_BYTES: usize = 256 << 10;
/// Bytes that wait for a commit, with which no more are written.
const PENDING_MAX: usize = 2 << 20;
/// How often to look whether there is something to sweep.
const INTERVAL: Duration = Duration::from_millis(100);
/// After a sweep that came to nothing.
const BACKOFF: Duration = Duration::from_secs(1);

/// Where the sweep is.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    stage: Stage,
    /// When to look next.
    next: Timestamp,
    /// Streams that are gone, with the last record that says so: cold segments may still have
    /// messages of theirs.
    graves: BTreeMap<StreamId, Lsn>,
    /// The first record of the segment that was last looked through for damage.
    scrubbed: Lsn,
    next_scrub: Timestamp,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Collect {
        sweep: Sweep,
        /// If it is not worth it, one of these may be.
        others: VecDeque<Sweep>,
        /// Still to look at, the next one last.
        spans: Vec<Span>,
        kept: Vec<Kept>,
    },
    Snapshot {
        sweep: Sweep,
        kept: Vec<Kept>,
        /// Streams still to write.
        streams: BTreeSet<StreamId>,
    },
    /// The copy has to be run (again).
    Copy(Plan, Box<CopyJob>),
    /// It is being run.
    Copying(Plan),
    /// The snapshots have to be synced.
    Await(Plan, Option<Box<Target>>),
    Swapping(Plan),
    Switch(Plan),
    Retiring,
}

/// What is left to do.
#[derive(Debug)]
struct Plan {
    sweep: Sweep,
    /// The last record of the snapshots.
    after: Lsn,
    /// What has a copy, and its position is still the old one.
    moved: Vec<Moved>,
}

impl Sweeper {
    /// A stream was deleted.
    pub(super) fn bury(&mut self, stream: StreamId, at: Lsn) {
        self.graves.insert(stream, at);
    }
}

impl Shard {
    /// Does a little of the running sweep; whether there is more to do at once.
    pub(super) fn sweep_a_little(&mut self) -> bool {
        if self.context.log.poisoned().is_some() {
            return false;
        }
        let pending = self.context.log.pending_bytes();
        match std::mem::take(&mut self.sweeper.stage) {
            Stage::Collect { sweep, others, spans, kept } => {
                self.collect((sweep, others), spans, kept);
            }
            // What more there is waits for a commit, as publishers do.
            Stage::Snapshot { sweep, kept, streams } if pending < PENDING_MAX => {
                self.snapshot(sweep, kept, streams);
            }
            Stage::Switch(plan) if !plan.moved.is_empty() => self.switch(plan),
            other => {
                self.sweeper.stage = other;
                return false;
            }
        }
        match &self.sweeper.stage {
            Stage::Collect { .. } => true,
            Stage::Snapshot { .. } => self.context.log.pending_bytes() < PENDING_MAX,
            Stage::Switch(plan) => !plan.moved.is_empty(),
            _ => false,
        }
    }

    /// A job of the sweep, if one is ready.
    pub(super) fn next_sweep_job(&mut self) -> Option<Job> {
        let log = &mut self.context.log;
        match std::mem::take(&mut self.sweeper.stage) {
            Stage::Idle if self.sweeper.next <= self.context.now => self.begin(),
            Stage::Copy(plan, job) => {
                self.sweeper.stage = Stage::Copying(plan);
                return Some(Job::Copy(job));
            }
            Stage::Await(plan, target)
                if plan.after <= log.synced() || mutant::enabled(Mutant::ReleasedEarly) =>
            {
                let job = log.swap(plan.sweep.clone(), target);
                self.sweeper.stage = Stage::Swapping(plan);
                return Some(Job::Swap(job));
            }
            Stage::Switch(plan) if plan.moved.is_empty() => {
                self.sweeper.stage = Stage::Retiring;
                return Some(Job::Retire(log.retire(&plan.sweep.sources)));
            }
            other => self.sweeper.stage = other,
        }
        None
    }

    /// A job that looks for damage, every `period` for each segment.
    pub(super) fn next_scrub_job(&mut self, period: Duration) -> Option<Job> {
        let sweeper = &mut self.sweeper;
        if self.context.now < sweeper.next_scrub {
            return None;
        }
        let log = &mut self.context.log;
        let (scrubbed, job) = match log.take_scrub_job(sweeper.scrubbed) {
            Scrub::Job { first, job } => (first, Some(Job::Inspect(job))),
            Scrub::End => (Lsn::ZERO, None),
            // As soon as the sweep is over.
            Scrub::Busy => return None,
        };
        let n_segments = u32::try_from(log.segments().count()).unwrap_or(u32::MAX);
        sweeper.next_scrub = self.context.now.plus(period / n_segments.max(1));
        sweeper.scrubbed = scrubbed;
        job
    }

    /// Looks for something to sweep.
    fn begin(&mut self) {
        self.sweeper.next = self.context.now.plus(INTERVAL);
        // What a quarantined stream needs can't be told apart.
        if !self.offline.is_empty() {
            return;
        }
        self.consider(self.context.log.plan_sweeps(false).into());
    }

    /// Looks at the first of these sweeps.
    fn consider(&mut self, mut sweeps: VecDeque<Sweep>) {
        let Some(sweep) = sweeps.pop_front() else { return };
        let spans = match sweep.kind {
            SweepKind::Copy => {
                let of = |id: &u32| self.context.log.spans(*id).collect::<Vec<_>>();
                sweep.sources.iter().flat_map(of).collect()
            }
            SweepKind::Drop | SweepKind::Adopt => Vec::new(),
        };
        self.sweeper.stage = Stage::Collect { sweep, others: sweeps, spans, kept: Vec::new() };
    }

    fn collect(
        &mut self,
        (sweep, others): (Sweep, VecDeque<Sweep>),
        mut spans: Vec<Span>,
        mut kept: Vec<Kept>,
    ) {
        let mut n_left = TURN;
        while let Some(mut span) = spans.pop() {
            let Some(slot) = self.slots.get(&span.stream) else { continue };
            let index = slot.stream.index();
            let mut next = index.next_live(span.first);
            while let Some(seq) = next.filter(|seq| *seq <= span.last && 0 < n_left) {
                n_left -= 1;
                let entry =
                    index.get(seq).filter(|entry| sweep.sources.contains(&entry.position.segment));
                kept.extend(entry.map(|it| Kept { position: it.position, len: it.len }));
                next = index.next_live(seq + 1);
            }
            if let Some(seq) = next.filter(|seq| *seq <= span.last) {
                span.first = seq;
                spans.push(span);
                self.sweeper.stage = Stage::Collect { sweep, others, spans, kept };
                return;
            }
        }
        let log = &self.context.log;
        let mut streams: BTreeSet<StreamId> =
            sweep.sources.iter().flat_map(|id| log.spans(*id)).map(|span| span.stream).collect();
        let outdated = |slot: &Slot| !slot.is_memory && slot.snapshot <= sweep.log_through;
        streams.extend(self.slots.iter().filter(|(_, slot)| outdated(slot)).map(|(id, _)| *id));
        if !self.is_worth_it(&sweep, &streams) {
            self.sweeper.next = self.context.now.plus(BACKOFF);
            return self.consider(others);
        }
        self.sweeper.stage = Stage::Snapshot { sweep, kept, streams };
    }

    /// Whether a sweep sets free much more than what it has to write for that: snapshots that fill
    /// segments of their own would be written for ever, each round to set free the one before.
    ///
    /// While the log is small beside the message ids, a sweep waits until some have left their
    /// window. A log that is far over its budget is swept whatever it costs, or what can't be had
    /// cheaply would keep back all behind it; without room, whatever gives any back.
    fn is_worth_it(&self, sweep: &Sweep, streams: &BTreeSet<StreamId>) -> bool {
        let slots = || streams.iter().filter_map(|id| self.slots.get(id));
        let snapshots: u64 = slots().map(|slot| slot.snapshot_bytes).sum();
        let ids: u64 = slots().map(|slot| slot.stream.ids_bytes(sweep.log_through)).sum();
        let all_ids: u64 = slots().map(|slot| slot.stream.ids_bytes(Lsn::MAX)).sum();
        if self.context.log.space_low() {
            return snapshots + ids < sweep.freed_bytes;
        }
        let can_wait = sweep.excess_bytes < 2 * all_ids;
        2 * snapshots + if can_wait { 8 } else { 2 } * ids <= sweep.freed_bytes
            || 8 * snapshots + 4 * all_ids < sweep.excess_bytes
    }

    fn snapshot(&mut self, sweep: Sweep, kept: Vec<Kept>, mut streams: BTreeSet<StreamId>) {
        let before = self.context.log.pending_bytes();
        while let Some(stream) = streams.pop_first() {
            let Some(slot) = self.slots.get_mut(&stream) else { continue };
            let context = &mut self.context;
            let said = match slot.say_ids(context, sweep.log_through, before + TURN_BYTES) {
                Said::All if !slot.write_snapshot(context) => Said::Refused,
                said => said,
            };
            match said {
                Said::All => (),
                Said::Some => {
                    streams.insert(stream);
                }
                Said::Refused => {
                    // Tried again later: a state too long for a record stays so a while.
                    self.sweeper.next = self.context.now.plus(BACKOFF);
                    return;
                }
            }
            if before + TURN_BYTES < self.context.log.pending_bytes() && !streams.is_empty() {
                self.sweeper.stage = Stage::Snapshot { sweep, kept, streams };
                return;
            }
        }
        if !self.rewrite_graves(&sweep) {
            return;
        }
        let after = self.context.log.appended();
        let plan = Plan { sweep, after, moved: Vec::new() };
        let job = match plan.sweep.kind {
            SweepKind::Copy => self.context.log.copy(&plan.sweep.sources, kept),
            SweepKind::Drop | SweepKind::Adopt => None,
        };
        self.sweeper.stage = match job {
            Some(job) => Stage::Copy(plan, Box::new(job)),
            None => Stage::Await(plan, None),
        };
    }

    /// Says again which streams are gone, if the log is about to forget it and cold segments have
    /// not.
    fn rewrite_graves(&mut self, sweep: &Sweep) -> bool {
        let old: Vec<StreamId> = self
            .sweeper
            .graves
            .iter()
            .filter(|(_, at)| **at <= sweep.log_through)
            .map(|(stream, _)| *stream)
            .collect();
        for stream in old {
            let log = &mut self.context.log;
            let mut spans = sweep.sources.iter().flat_map(|id| log.spans(*id));
            let is_adopted =
                sweep.kind == SweepKind::Adopt && spans.any(|span| span.stream == stream);
            drop(spans);
            if !is_adopted && !log.is_in_cold(stream) {
                self.sweeper.graves.remove(&stream);
                continue;
            }
            match log.append(Wish::Lazy, &Record::StreamGone { stream }) {
                Ok(appended) => self.sweeper.graves.insert(stream, appended.lsn),
                Err(_) => return false,
            };
        }
        true
    }

    /// Takes note of a copy's progress.
    pub(super) fn copy_done(&mut self, copied: Copied) {
        let stage = std::mem::take(&mut self.sweeper.stage);
        let Stage::Copying(mut plan) = stage else { return };
        self.sweeper.stage = match copied {
            Copied::More(job) => Stage::Copy(plan, job),
            Copied::All { target, moved } => {
                plan.moved = moved;
                Stage::Await(plan, Some(target))
            }
            Copied::GivenUp => {
                self.sweeper.next = self.context.now.plus(BACKOFF);
                Stage::Idle
            }
        };
    }

    /// The manifest was changed, or there was no room for that.
    pub(super) fn swap_done(&mut self, is_done: bool) {
        let plan = match std::mem::take(&mut self.sweeper.stage) {
            Stage::Swapping(plan) => plan,
            other => {
                self.sweeper.stage = other;
                return;
            }
        };
        if !is_done {
            self.sweeper.next = self.context.now.plus(BACKOFF);
        } else if plan.sweep.kind != SweepKind::Adopt {
            self.sweeper.stage = Stage::Switch(plan);
        }
    }

    /// From now on messages are read from the copy.
    fn switch(&mut self, mut plan: Plan) {
        let from = plan.moved.len().saturating_sub(TURN);
        for Moved { stream, seq, from, to, len } in plan.moved.drain(from..) {
            let Some(slot) = self.slots.get_mut(&stream) else { continue };
            // Those that left meanwhile were given back where they were.
            if slot.stream.index().get(seq).is_some_and(|entry| entry.position == from) {
                slot.stream.set_position(seq, to);
                self.context.log.relocated(from, to, len);
            }
        }
        self.sweeper.stage = Stage::Switch(plan);
    }

    /// The files are gone.
    pub(super) fn retire_done(&mut self) {
        self.sweeper.stage = Stage::Idle;
        // There may be more.
        self.sweeper.next = self.context.now;
    }
}
