//! What the thread of a shard does, turn after turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tradewind_jetstream::shard::{Event, Job, Outgoing, Shard};
use tradewind_router::{ClientId, Subscription};
use tradewind_store::StreamId;

use crate::account::Account;
use crate::clock;
use crate::dispatch::{Dispatcher, Origin, Target};
use crate::mailbox::{Letter, Mailbox, Purpose};

/// What nobody waits for is committed after this long.
const LAZY: Duration = Duration::from_millis(10);
/// After this much silence the disk is told that all is durable.
const QUIET: Duration = Duration::from_millis(100);
/// A commit that found no room is tried again after this long.
const RETRY: Duration = Duration::from_millis(100);
/// Clients are written to whenever this much was given.
const FLUSH_ABOVE: usize = 256 * 1024;
/// How long a stop waits for housekeeping.
const CHORE_PATIENCE: Duration = Duration::from_secs(10);
/// The longest sleep.
const SLEEP: Duration = Duration::from_secs(1);
/// Work that comes at this pace is waited for without sleeping.
const BUSY: Duration = Duration::from_micros(200);

/// Numbers of the server's own subscriptions.
const STREAMS: ClientId = ClientId(1);
const JETSTREAM: ClientId = ClientId(2);

/// What the thread owns.
pub(super) struct Host {
    shard: Shard,
    mailbox: Arc<Mailbox>,
    account: Arc<Account>,
    dispatcher: Dispatcher,
    captures: BTreeMap<StreamId, Vec<Arc<Subscription<Target>>>>,
    control: Vec<Arc<Subscription<Target>>>,
    outgoing: Outgoing,
    /// Scratch space.
    letters: Vec<Letter>,
    /// Since when something nobody waits for is not committed.
    lazy_since: Option<Instant>,
    last_work: Instant,
    busy: bool,
    sync_every: Option<Duration>,
    last_sync: Instant,
    stopping: bool,
    /// A job runs on a thread of its own.
    chore_running: bool,
    last_retry: Instant,
    last_chore: Instant,
    /// The shard has more to deliver than one turn allows.
    more: bool,
}

impl Host {
    pub(super) fn new(
        shard: Shard,
        mailbox: Arc<Mailbox>,
        account: Arc<Account>,
        seed: u64,
        sync_every: Option<Duration>,
    ) -> Host {
        Host {
            shard,
            dispatcher: Dispatcher::new(Arc::clone(&account), seed),
            mailbox,
            account,
            captures: BTreeMap::new(),
            control: Vec::new(),
            outgoing: Outgoing::default(),
            letters: Vec::new(),
            lazy_since: None,
            last_work: Instant::now(),
            busy: false,
            sync_every,
            last_sync: Instant::now(),
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
            let patience = self.patience();
            let mut letters = std::mem::take(&mut self.letters);
            self.mailbox.take(&mut letters, patience, self.busy);
            let idle = letters.iter().all(|letter| matches!(letter, Letter::Done(_)));
            if !idle {
                self.busy = self.last_work.elapsed() < BUSY;
                self.last_work = Instant::now();
            }
            letters.drain(..).for_each(|letter| self.open(letter));
            self.letters = letters;
            self.shard.on_time(clock::now());
            self.turn();
            self.commit_if_due();
            self.chores();
            if idle && !self.more {
                self.mark_idle();
            }
        }
        self.finish();
    }

    fn open(&mut self, letter: Letter) {
        let now = clock::now();
        match letter {
            Letter::Batch(batch) => {
                batch.iter().for_each(|inbound| self.shard.handle(now, inbound));
            }
            Letter::Interest(subject) => self.shard.on_interest(now, &subject),
            Letter::Ask(question) => question(&self.shard),
            Letter::Done(done) => {
                self.chore_running = false;
                self.shard.done(now, done);
            }
            Letter::Stop => self.stopping = true,
        }
    }

    /// How long to wait for work.
    fn patience(&self) -> Duration {
        if self.more || (self.shard.wants_commit() && !self.shard.is_stalled()) {
            return Duration::ZERO;
        }
        let mut patience = SLEEP;
        if let Some(deadline) = self.shard.next_deadline() {
            patience = patience.min(deadline.since(clock::now()));
        }
        if self.shard.is_stalled() || self.shard.space_low() {
            patience = patience.min(RETRY);
        }
        if let Some(since) = self.lazy_since {
            patience = patience.min(LAZY.saturating_sub(since.elapsed()));
        }
        let quiet = self.last_work.elapsed();
        if let Some(left) = QUIET.checked_sub(quiet) {
            patience = patience.min(left);
        }
        if let Some(every) = self.sync_every {
            patience = patience.min(every.saturating_sub(self.last_sync.elapsed()));
        }
        patience.max(Duration::from_micros(50))
    }

    /// Lets the shard deliver, and sends what it says.
    fn turn(&mut self) {
        self.more = self.shard.turn(clock::now());
        self.apply_events();
        self.send();
        if self.lazy_since.is_none() && self.shard.has_uncommitted() {
            self.lazy_since = Some(Instant::now());
        }
    }

    fn commit_if_due(&mut self) {
        if self.shard.is_stalled() {
            // No room: what waits is tried again until there is some.
            if RETRY <= self.last_retry.elapsed() {
                self.last_retry = Instant::now();
                let job = self.shard.next_commit();
                self.run_job(job);
            }
        } else if self.shard.wants_commit() {
            self.lazy_since = None;
            self.commit();
        } else if self.shard.has_uncommitted()
            && self.lazy_since.is_none_or(|since| LAZY <= since.elapsed())
        {
            self.lazy_since = None;
            let job = self.shard.next_lazy_commit();
            self.run_job(job);
        }
        if let Some(every) = self.sync_every
            && every <= self.last_sync.elapsed()
        {
            self.last_sync = Instant::now();
            let job = self.shard.next_sync();
            self.run_job(job);
        }
    }

    /// Writes and syncs. What comes in while it writes is written too: one sync for all that waits
    /// when the sync begins.
    fn commit(&mut self) {
        /// Writes before a sync at most, so that it begins at last.
        const WRITES: usize = 4;
        for _ in 0..WRITES {
            self.gather();
            let Some(job) = self.shard.next_write() else { break };
            self.shard.done(clock::now(), job.run());
        }
        if let Some(job) = self.shard.next_commit() {
            self.shard.done(clock::now(), job.run());
        }
        self.turn();
    }

    /// Takes in what waits in the mailbox.
    fn gather(&mut self) {
        let mut letters = std::mem::take(&mut self.letters);
        self.mailbox.take(&mut letters, Duration::ZERO, false);
        letters.drain(..).for_each(|letter| self.open(letter));
        self.letters = letters;
    }

    fn run_job(&mut self, job: Option<Job>) {
        let Some(job) = job else { return };
        let done = job.run();
        self.shard.done(clock::now(), done);
        self.turn();
    }

    /// Housekeeping on the disk, one job at a time, on a thread of its own.
    fn chores(&mut self) {
        let too_soon = self.shard.space_low() && self.last_chore.elapsed() < RETRY;
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

    /// After some silence, sees that all is on disk, and marks there that it is.
    fn mark_idle(&mut self) {
        if self.last_work.elapsed() < QUIET || self.shard.is_stalled() {
            return;
        }
        if self.shard.is_unsynced() {
            let job = self.shard.next_sync();
            self.run_job(job);
        }
        if self.shard.mark_idle() {
            let job = self.shard.next_sync();
            self.run_job(job);
        }
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

    fn send(&mut self) {
        self.shard.take_outgoing(&mut self.outgoing);
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

    /// The last words: nothing is delivered any more, everything said is on disk.
    fn finish(&mut self) {
        self.shard.close(clock::now());
        self.turn();
        let job = self.shard.next_sync();
        self.run_job(job);
        let job = self.shard.next_sync();
        self.run_job(job);
        if self.shard.mark_idle() {
            let job = self.shard.next_sync();
            self.run_job(job);
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
