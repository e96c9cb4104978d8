//! What the thread of a shard does, turn after turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tradewind_jetstream::shard::{Event, Outgoing, Shard};
use tradewind_router::{ClientId, Subscription};
use tradewind_store::StreamId;

use crate::account::Account;
use crate::clock;
use crate::dispatch::{Dispatcher, Origin, Target};
use crate::log::Log;
use crate::mailbox::{Committed, Letter, Mailbox, Purpose};
use crate::shard_host::committer::Committer;
use crate::store::StoreWatch;

/// What nobody waits for is committed after this long.
pub(super) const LAZY: Duration = Duration::from_millis(10);
/// After this much silence the disk is told that all is durable.
pub(super) const QUIET: Duration = Duration::from_millis(100);
/// A commit that found no room is tried again after this long.
pub(super) const RETRY: Duration = Duration::from_millis(100);
/// Clients are written to whenever this much was given.
const FLUSH_ABOVE: usize = 256 * 1024;
/// The longest sleep.
pub(super) const SLEEP: Duration = Duration::from_secs(1);
/// Work that comes at this pace is waited for without sleeping.
const BUSY: Duration = Duration::from_micros(200);

/// What was acknowledged before its sync (`persist_mode: async`), and what nobody waits for, is
/// synced after this long. Settings say otherwise for a whole server.
const LAG: Duration = Duration::from_secs(1);
/// While a commit runs beside this thread, what comes is taken in together after this long: to wake
/// for each letter would take more from the clients than it gives them.
const NAP: Duration = Duration::from_micros(200);
/// Above this much that no commit has taken, nothing new is taken in until the running one is done.
const UNCOMMITTED_MAX: usize = 64 * 1024 * 1024;

/// Numbers of the server's own subscriptions.
const STREAMS: ClientId = ClientId(1);
const JETSTREAM: ClientId = ClientId(2);

/// What the thread shares with others.
pub(crate) struct Surroundings {
    pub(crate) account: Arc<Account>,
    pub(crate) store: Arc<StoreWatch>,
    pub(crate) log: Arc<Log>,
}

impl Surroundings {
    pub(crate) fn new(account: &Arc<Account>, log: &Arc<Log>) -> Surroundings {
        let store = Arc::new(StoreWatch::new());
        Surroundings { account: Arc::clone(account), store, log: Arc::clone(log) }
    }
}

/// What the thread owns.
pub(super) struct Host {
    pub(super) shard: Shard,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) account: Arc<Account>,
    pub(super) dispatcher: Dispatcher,
    pub(super) captures: BTreeMap<StreamId, Vec<Arc<Subscription<Target>>>>,
    pub(super) control: Vec<Arc<Subscription<Target>>>,
    pub(super) outgoing: Outgoing,
    /// Messages that went out since the last commit beside this thread was done.
    pub(super) n_sent: usize,
    /// Messages that came in since then.
    pub(super) n_taken: usize,
    /// Scratch space.
    pub(super) letters: Vec<Letter>,
    /// Since when something nobody waits for is not committed.
    pub(super) lazy_since: Option<Instant>,
    pub(super) last_work: Instant,
    pub(super) busy: bool,
    pub(super) committer: Committer,
    pub(super) store: Arc<StoreWatch>,
    pub(super) log: Arc<Log>,
    pub(super) sync_every: Duration,
    pub(super) last_sync: Instant,
    /// The commits of the settings sync.
    pub(super) commits_sync: bool,
    /// When there was no room last.
    pub(super) last_full: Instant,
    /// Whoever listens was told that the disk is slow.
    pub(super) told_slow: bool,
    /// Damage that was told of, at the start or since.
    pub(super) n_damages: usize,
    pub(super) stopping: bool,
    /// A job runs on a thread of its own.
    pub(super) chore_running: bool,
    pub(super) last_retry: Instant,
    pub(super) last_chore: Instant,
    /// The shard has more to deliver than one turn allows.
    pub(super) more: bool,
}

impl Host {
    pub(super) fn new(
        shard: Shard,
        mailbox: Arc<Mailbox>,
        surroundings: Surroundings,
        seed: u64,
        sync_every: Option<Duration>,
    ) -> Host {
        let Surroundings { account, store, log } = surroundings;
        let committer = Committer::new(Arc::clone(&mailbox), Arc::clone(&store), Arc::clone(&log));
        Host {
            n_damages: shard.damage().len(),
            shard,
            dispatcher: Dispatcher::new(Arc::clone(&account), seed),
            committer,
            store,
            log,
            mailbox,
            account,
            captures: BTreeMap::new(),
            control: Vec::new(),
            outgoing: Outgoing::default(),
            n_sent: 0,
            n_taken: 0,
            letters: Vec::new(),
            lazy_since: None,
            last_work: Instant::now(),
            busy: false,
            sync_every: sync_every.unwrap_or(LAG),
            last_sync: Instant::now(),
            commits_sync: sync_every.is_none(),
            last_full: Instant::now(),
            told_slow: false,
            stopping: false,
            chore_running: false,
            last_retry: Instant::now(),
            last_chore: Instant::now(),
            more: false,
        }
    }

    /// Makes streams and the API known, before the first client comes.
    pub(super) fn begin(&mut self) {
        self.account.set_shard(Arc::clone(&self.mailbox));
        for subject in [&b"$JS.API.>"[..], b"$JS.ACK.>", b"$JS.FC.>"] {
            let target = Target::Shard(Purpose::Control);
            let entry = Arc::new(Subscription::new(JETSTREAM, b"js", subject, None, target));
            self.account.add(&entry);
            self.control.push(entry);
        }
        self.apply_events();
    }

    pub(super) fn run(&mut self) {
        while !self.stopping {
            let idle = self.take_letters();
            self.shard.on_time(clock::now());
            self.turn();
            self.commit_if_due();
            self.chores();
            self.watch_store();
            if idle && !self.more {
                self.mark_idle();
            }
        }
        self.finish();
    }

    /// Takes in what comes; whether nothing came from outside.
    fn take_letters(&mut self) -> bool {
        let mut patience = self.patience();
        if self.committer.is_running() {
            let is_over = UNCOMMITTED_MAX < self.shard.pending_bytes();
            let nap = if is_over { patience } else { NAP.min(patience) };
            if let Some(committed) = self.mailbox.take_committed(nap) {
                self.committed(committed);
                patience = Duration::ZERO;
            } else if is_over {
                return false;
            }
        }
        self.mailbox.take(&mut self.letters, patience, self.busy);
        let is_ours = |letter: &Letter| matches!(letter, Letter::Done(_) | Letter::Committed(_));
        let idle = self.letters.iter().all(is_ours);
        if !idle {
            self.busy = self.last_work.elapsed() < BUSY;
            self.last_work = Instant::now();
        }
        self.open_letters();
        idle
    }

    /// One by one: after a panic, those that were not opened are still there.
    pub(super) fn open_letters(&mut self) {
        self.letters.reverse();
        while let Some(letter) = self.letters.pop() {
            self.open(letter);
        }
    }

    fn open(&mut self, letter: Letter) {
        let now = clock::now();
        match letter {
            Letter::Batch(batch) => {
                self.n_taken += batch.len();
                batch.iter().for_each(|inbound| self.shard.handle(now, inbound));
            }
            Letter::Interest(subject) => self.shard.on_interest(now, &subject),
            Letter::Ask(question) => question(&self.shard),
            Letter::Done(done) => {
                self.chore_running = false;
                self.shard.done(now, done);
            }
            Letter::Committed(committed) => self.committed(committed),
            Letter::Stop => self.stopping = true,
        }
    }

    pub(super) fn committed(&mut self, committed: Committed) {
        self.committer.finished(&committed);
        match committed.done {
            Some(done) => self.shard.done(clock::now(), done),
            None => self.shard.poison(clock::now(), "an internal error during a commit"),
        }
        (self.n_sent, self.n_taken) = (0, 0);
    }

    /// How long to wait for work.
    fn patience(&self) -> Duration {
        let may_commit = !self.committer.is_running();
        let wants_commit = self.shard.wants_commit() && !self.shard.is_stalled();
        if self.more || (may_commit && wants_commit) {
            return Duration::ZERO;
        }
        let mut patience = SLEEP;
        if let Some(deadline) = self.shard.next_deadline() {
            patience = patience.min(deadline.since(clock::now()));
        }
        if self.shard.is_stalled() || self.shard.space_low() {
            patience = patience.min(RETRY);
        }
        if let Some(since) = self.lazy_since.filter(|_| may_commit) {
            patience = patience.min(LAZY.saturating_sub(since.elapsed()));
        }
        let quiet = self.last_work.elapsed();
        if let Some(left) = QUIET.checked_sub(quiet) {
            patience = patience.min(left);
        }
        if may_commit {
            patience = patience.min(self.sync_every.saturating_sub(self.last_sync.elapsed()));
        }
        patience.max(Duration::from_micros(50))
    }

    /// Lets the shard deliver, and sends what it says.
    pub(super) fn turn(&mut self) {
        self.more = self.shard.turn(clock::now());
        self.apply_events();
        self.send();
        if self.lazy_since.is_none() && self.shard.has_uncommitted() {
            self.lazy_since = Some(Instant::now());
        }
    }

    /// Housekeeping on the disk, one job at a time, on a thread of its own.
    fn chores(&mut self) {
        let looked = self.shard.space_low() && self.shard.looked_for_room();
        let too_soon = looked && self.last_chore.elapsed() < RETRY;
        if self.chore_running || self.stopping || too_soon {
            return;
        }
        let Some(job) = self.shard.next_chore(clock::now()) else { return };
        let mailbox = Arc::clone(&self.mailbox);
        let work = move || {
            mailbox.leave(Letter::Done(job.run()));
        };
        self.last_chore = Instant::now();
        self.chore_running =
            std::thread::Builder::new().name("chore".to_owned()).spawn(work).is_ok();
    }

    fn apply_events(&mut self) {
        for event in self.shard.take_events() {
            match event {
                Event::Captures { stream, subjects } => self.capture(stream, &subjects),
                Event::Watch(subject) => {
                    self.account.watch(&subject);
                    // Whoever came in between was not told of.
                    self.shard.on_interest(clock::now(), &subject);
                }
                Event::Unwatch(subject) => self.account.unwatch(&subject),
            }
        }
    }

    fn capture(&mut self, stream: StreamId, subjects: &[String]) {
        let before = self.captures.remove(&stream).unwrap_or_default();
        let make = |subject: &String| {
            let target = Target::Shard(Purpose::Capture(stream));
            Arc::new(Subscription::new(STREAMS, b"", subject.as_bytes(), None, target))
        };
        let now: Vec<_> = subjects.iter().map(make).collect();
        self.account.replace(&before, &now);
        if !now.is_empty() {
            self.captures.insert(stream, now);
        }
    }

    pub(super) fn send(&mut self) {
        self.shard.take_outgoing(&mut self.outgoing);
        self.n_sent += self.outgoing.len();
        if self.outgoing.is_empty() {
            return;
        }
        let origin = Origin { client: JETSTREAM, echo: true, no_responders: false };
        let mut n_bytes = 0;
        for message in self.outgoing.iter() {
            self.dispatcher.publish_to(origin, message.route, &message.publish);
            n_bytes += message.publish.headers.len() + message.publish.payload.len();
            if FLUSH_ABOVE < n_bytes {
                n_bytes = 0;
                self.dispatcher.flush();
            }
        }
        // Who takes too long is closed when too much waits for it; the shard waits for nobody.
        self.dispatcher.flush();
    }
}
