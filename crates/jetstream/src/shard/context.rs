use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use tradewind_store::{ConsumerId, Durability, Log, Lsn, Poisoned, StreamId};
use tradewind_subject::Timestamp;

use super::groups::Groups;
use super::outgoing::Outgoing;
use crate::api::time::format_duration;
use crate::api::validate::ServerLimits;
use crate::consumer::Action;
use crate::stream::index::Removed;

/// What a shard has to know.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// Limits of server and account.
    pub limits: ServerLimits,
    /// Unknown fields in requests are errors.
    pub strict: bool,
    /// Name of the server: the leader of every stream.
    pub server_name: String,
    /// Largest message of a client.
    pub max_payload: u64,
    /// When an acknowledged message is on disk.
    pub sync: SyncLevel,
    /// Starts the random numbers.
    pub seed: u64,
}

/// When an acknowledged message is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncLevel {
    /// Before it is acknowledged.
    Always,
    /// Acknowledged when the operating system has it; the shell syncs at this interval.
    Interval(Duration),
}

/// The name that streams of this level show.
impl fmt::Display for SyncLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SyncLevel::Always => f.write_str("disk"),
            SyncLevel::Interval(every) => {
                let nanos = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX);
                write!(f, "os:{}", format_duration(nanos))
            }
        }
    }
}

/// What the shell has to know about streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The stream now captures exactly these filters.
    Captures {
        /// The stream.
        stream: StreamId,
        /// Its filters; none if it is gone.
        subjects: Vec<String>,
    },
    /// Changes of interest in this subject are of interest.
    Watch(Vec<u8>),
    /// They no longer are.
    Unwatch(Vec<u8>),
}

/// Whether anybody listens to a subject.
pub(super) type InterestOracle = Box<dyn Fn(&[u8]) -> bool + Send>;

/// What all streams of a shard share.
pub(super) struct Context {
    pub(super) options: ShardOptions,
    pub(super) now: Timestamp,
    /// Of file streams.
    pub(super) log: Log,
    /// Of memory streams.
    pub(super) memory: Log,
    /// Goes out now.
    pub(super) out: Outgoing,
    /// Goes out with the next commit.
    pub(super) held: Outgoing,
    /// Goes out when the running commit is done.
    pub(super) in_flight: Outgoing,
    /// Whether a commit is running that syncs, if the options ask for it.
    pub(super) is_committing: bool,
    /// The last record of the running commit.
    pub(super) in_flight_to: Lsn,
    pub(super) events: Vec<Event>,
    pub(super) deadlines: Deadlines,
    /// Consumers that may have something to deliver.
    pub(super) kicked: BTreeSet<(StreamId, ConsumerId)>,
    /// Streams with consumers whose changes are not in the log yet.
    pub(super) touched: BTreeSet<StreamId>,
    pub(super) groups: Groups,
    pub(super) inactive: Vec<(StreamId, ConsumerId)>,
    /// Push consumers by deliver subject.
    pub(super) deliver_subjects: BTreeSet<(Vec<u8>, StreamId, ConsumerId)>,
    pub(super) interest: InterestOracle,
    pub(super) api_total: u64,
    pub(super) api_errors: u64,
    pub(super) last_id: u64,
    pub(super) random: u64,
    /// Scratch space.
    pub(super) actions: Vec<Action>,
    pub(super) removed: Vec<Removed>,
    pub(super) delta: Vec<u8>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

impl Context {
    pub(super) fn new(options: ShardOptions, log: Log, interest: InterestOracle) -> Context {
        Context {
            random: options.seed | 1,
            options,
            now: Timestamp::default(),
            log,
            memory: Log::memory(),
            out: Outgoing::default(),
            held: Outgoing::default(),
            in_flight: Outgoing::default(),
            is_committing: false,
            in_flight_to: Lsn::ZERO,
            events: Vec::new(),
            deadlines: Deadlines::default(),
            kicked: BTreeSet::new(),
            touched: BTreeSet::new(),
            groups: Groups::default(),
            inactive: Vec::new(),
            deliver_subjects: BTreeSet::new(),
            interest,
            api_total: 0,
            api_errors: 0,
            last_id: 0,
            actions: Vec::new(),
            removed: Vec::new(),
            delta: Vec::new(),
        }
    }

    pub(super) fn has_interest(&self, subject: &[u8]) -> bool {
        (self.interest)(subject)
    }

    /// The log of a file or a memory stream.
    pub(super) fn log_of(&mut self, is_memory: bool) -> &mut Log {
        if is_memory { &mut self.memory } else { &mut self.log }
    }

    /// Up to here records are as durable as the options ask.
    pub(super) fn safe(&self) -> Lsn {
        match self.options.sync {
            SyncLevel::Always => self.log.synced(),
            SyncLevel::Interval(_) => self.log.durable(),
        }
    }

    /// Where an answer goes that speaks of what has been appended so far: out if all that is as
    /// durable as the options ask, else with the commit that covers it.
    pub(super) fn after_commit(&mut self) -> &mut Outgoing {
        if self.log.appended() <= self.safe() {
            &mut self.out
        } else if self.is_committing && self.log.appended() <= self.in_flight_to {
            &mut self.in_flight
        } else {
            &mut self.held
        }
    }

    /// Why some of what was appended will never be durable, if so: nothing may be said of it.
    pub(super) fn stuck(&self) -> Option<&Poisoned> {
        self.log.poisoned().filter(|_| self.safe() < self.log.appended())
    }

    /// Memory has its commits at once.
    pub(super) fn commit_memory(&mut self) {
        if 0 < self.memory.pending_bytes()
            && let Some(job) = self.memory.take_commit(Durability::Os)
        {
            // Memory does not fail.
            let _ = self.memory.committed(job.run());
        }
    }

    /// Push consumers that deliver to `subject`.
    pub(super) fn delivering_to(&self, subject: &[u8]) -> Vec<(StreamId, ConsumerId)> {
        let from = (subject.to_vec(), StreamId(0), ConsumerId(0));
        let there = self.deliver_subjects.range(from..);
        there.take_while(|entry| entry.0 == subject).map(|entry| (entry.1, entry.2)).collect()
    }

    /// An identity of a stream or a consumer that was never used.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Random numbers by xorshift64.
    pub(super) fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// A stream, or one of its consumers.
pub(super) type Party = (StreamId, Option<ConsumerId>);

/// Who has something to do at what time.
///
/// An entry may be too early, after its owner's deadline moved: then it comes in vain and is
/// entered anew. So a deadline that only moves back costs nothing.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    queue: BTreeSet<(Timestamp, Party)>,
}

impl Deadlines {
    /// Enters `at` for `party`, whose earliest entry is `entered`.
    pub(super) fn enter(
        &mut self,
        party: Party,
        entered: &mut Option<Timestamp>,
        at: Option<Timestamp>,
    ) {
        let Some(at) = at else { return };
        if entered.is_none_or(|entered| at < entered) {
            if let Some(old) = entered.replace(at) {
                self.queue.remove(&(old, party));
            }
            self.queue.insert((at, party));
        }
    }

    /// Takes out an entry of `party`.
    pub(super) fn forget(&mut self, party: Party, entered: &mut Option<Timestamp>) {
        if let Some(at) = entered.take() {
            self.queue.remove(&(at, party));
        }
    }

    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Party> {
        let first = self.queue.first()?;
        if now < first.0 {
            return None;
        }
        self.queue.pop_first().map(|(_, party)| party)
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }
}
