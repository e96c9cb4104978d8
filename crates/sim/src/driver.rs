//! Drives a shard as the server does: feeds it, lets it deliver, runs its jobs on the disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tradewind_jetstream::shard::{
    Event, Inbound, Job, JobDone, OpenShardError, Outgoing, Recovered, Shard, ShardOptions,
    SyncLevel,
};
use tradewind_proto::Publish;
use tradewind_store::{Disk, LogOptions, RecoveryReport, StreamId};
use tradewind_subject::{Timestamp, matches};

use crate::story;

/// What nobody waits for is committed after this long.
const LAZY: Duration = Duration::from_millis(10);
/// What found no room is tried again after this long.
const RETRY: Duration = Duration::from_millis(10);

/// A message that the shard sent.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    /// Whose subscriptions get it.
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) reply: String,
    pub(crate) headers: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Mail {
    /// It becomes part of the story.
    pub(crate) fn note(&self) {
        story::tell(|| {
            let [headers, payload] = [&self.headers, &self.payload]
                .map(|bytes| String::from_utf8_lossy(bytes).escape_debug().to_string());
            format!("    {} <- {} {} {headers} {payload}", self.to, self.subject, self.reply)
        });
        for part in [self.to.as_bytes(), self.reply.as_bytes(), &self.headers, &self.payload] {
            story::mix(part);
        }
    }
}

/// A shard and the clock around it.
#[derive(Debug)]
pub(crate) struct Driver {
    shard: Shard,
    /// Counts openings of the store.
    pub(crate) epoch: u64,
    /// What its start said.
    pub(crate) alarm: Alarm,
    pub(crate) report: RecoveryReport,
    pub(crate) now: Timestamp,
    captures: BTreeMap<StreamId, Vec<String>>,
    outgoing: Outgoing,
    lazy_since: Option<Timestamp>,
    last_retry: Timestamp,
    /// The first half of a commit is done.
    is_written: bool,
}

/// Sizes that make much happen in a short run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuning {
    pub(crate) segment_bytes: [u32; 4],
    pub(crate) tail_bytes: usize,
    pub(crate) spare_segments: usize,
}

impl Tuning {
    pub(crate) const SMALL: Tuning =
        Tuning { segment_bytes: [2048, 4096, 4096, 8192], tail_bytes: 2048, spare_segments: 1 };

    fn log_options(self) -> LogOptions {
        LogOptions {
            segment_bytes: self.segment_bytes,
            tail_bytes: self.tail_bytes,
            spare_segments: self.spare_segments,
            reserve_bytes: 1,
            log_bytes: 6000..=20_000,
            ..LogOptions::new([7; 16])
        }
    }
}

fn shard_options() -> ShardOptions {
    ShardOptions {
        limits: tradewind_jetstream::api::validate::ServerLimits::default(),
        strict: true,
        server_name: "crash".to_owned(),
        max_payload: 1 << 20,
        sync: SyncLevel::Always,
        seed: 5,
    }
}

/// What a start says is lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarm {
    /// Streams that are not served.
    pub(crate) offline: BTreeSet<String>,
    /// There may be others, of which nothing is known.
    pub(crate) is_open: bool,
    /// Damaged places.
    pub(crate) n_places: usize,
}

impl Alarm {
    fn of(found: &Recovered) -> Alarm {
        let is_open = found.unknown_lost || found.offline.iter().any(|it| it.name.is_none());
        let offline = found.offline.iter().filter_map(|it| it.name.clone()).collect();
        Alarm { offline, is_open, n_places: found.log.damage.len() }
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.is_open || 0 < self.n_places || !self.offline.is_empty()
    }

    /// Whether it says that the stream is lost.
    pub(crate) fn excuses(&self, stream: &str, is_there: bool) -> bool {
        self.offline.contains(stream) || (self.is_open && !is_there)
    }
}

impl Driver {
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        now: Timestamp,
        tuning: Tuning,
    ) -> Result<Driver, OpenShardError> {
        let listens = |subject: &[u8]| !subject.starts_with(b"$JS.EVENT.");
        let (options, listens) = (tuning.log_options(), Box::new(listens));
        let (shard, found) = Shard::open(now, disk, options, shard_options(), listens)?;
        let mut driver = Driver {
            shard,
            epoch: found.log.epoch,
            alarm: Alarm::of(&found),
            report: found.log,
            now,
            captures: BTreeMap::new(),
            outgoing: Outgoing::default(),
            lazy_since: None,
            last_retry: now,
            is_written: false,
        };
        driver.apply_events();
        Ok(driver)
    }

    pub(crate) fn send(&mut self, subject: &str, reply: &str, headers: &[u8], payload: &[u8]) {
        let (now, text) = (self.now, subject);
        let (subject, reply) = (subject.as_bytes(), reply.as_bytes());
        let publish = Publish { subject, reply, headers, payload };
        if text.starts_with("$JS.") {
            self.shard.handle(now, Inbound::Control { publish, no_responders: true });
        }
        for (stream, filters) in &self.captures {
            if filters.iter().any(|filter| matches(filter.as_bytes(), subject)) {
                self.shard.handle(now, Inbound::Capture { stream: *stream, publish });
            }
        }
        self.apply_events();
    }

    /// Whether a stream captures a subject.
    pub(crate) fn captures(&self, subject: &str) -> bool {
        let mut filters = self.captures.values().flatten();
        filters.any(|filter| matches(filter.as_bytes(), subject.as_bytes()))
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    /// Somebody sets the clock back.
    pub(crate) fn set_back(&mut self, by: Duration) {
        let nanos = i64::try_from(by.as_nanos()).unwrap();
        self.now = Timestamp(self.now.nanos() - nanos);
        self.last_retry = self.last_retry.min(self.now);
        self.lazy_since = self.lazy_since.map(|since| since.min(self.now));
    }

    /// What is due, what can be delivered, and what is said; and whether there is more.
    pub(crate) fn turn(&mut self) -> (Vec<Mail>, bool) {
        self.shard.on_time(self.now);
        let more = self.shard.turn(self.now);
        self.apply_events();
        (self.take_mail(), more)
    }

    fn apply_events(&mut self) {
        for event in self.shard.take_events() {
            if let Event::Captures { stream, subjects } = event {
                self.captures.insert(stream, subjects);
            }
        }
    }

    /// What is ready to be sent.
    pub(crate) fn take_mail(&mut self) -> Vec<Mail> {
        self.shard.take_outgoing(&mut self.outgoing);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mails = self.outgoing.iter().map(|message| Mail {
            to: text(message.route),
            subject: text(message.publish.subject),
            reply: text(message.publish.reply),
            headers: message.publish.headers.to_vec(),
            payload: message.publish.payload.to_vec(),
        });
        mails.collect()
    }

    /// The commit that is due, or its first half.
    pub(crate) fn due_commit(&mut self) -> Option<Job> {
        if self.shard.is_stalled() {
            if self.now.since(self.last_retry) < RETRY {
                return None;
            }
            self.last_retry = self.now;
            return self.shard.next_commit();
        }
        if std::mem::take(&mut self.is_written) {
            return self.shard.next_commit();
        }
        if self.shard.wants_commit() {
            self.lazy_since = None;
            let job = self.shard.next_write();
            self.is_written = job.is_some();
            return job.or_else(|| self.shard.next_commit());
        }
        if !self.shard.has_uncommitted() {
            return None;
        }
        let since = *self.lazy_since.get_or_insert(self.now);
        if self.now.since(since) < LAZY {
            return None;
        }
        self.lazy_since = None;
        self.shard.next_lazy_commit()
    }

    pub(crate) fn done(&mut self, done: JobDone) {
        self.shard.done(self.now, done);
    }

    pub(crate) fn next_chore(&mut self) -> Option<Job> {
        self.shard.next_chore(self.now)
    }

    pub(crate) fn next_sync(&mut self) -> Option<Job> {
        self.shard.next_sync()
    }

    pub(crate) fn next_witness(&mut self) -> Option<Job> {
        self.shard.next_witness()
    }

    pub(crate) fn mark_idle(&mut self) -> bool {
        self.shard.mark_idle()
    }

    pub(crate) fn has_uncommitted(&self) -> bool {
        self.shard.has_uncommitted()
    }

    pub(crate) fn is_unsynced(&self) -> bool {
        self.shard.is_unsynced()
    }

    /// Waits for the disk, and for nothing else.
    pub(crate) fn flush(&mut self) {
        while !self.shard.is_stalled()
            && let Some(job) = self.next_sync()
        {
            self.done(job.run());
        }
    }

    pub(crate) fn close(&mut self) {
        self.shard.close(self.now);
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.shard.is_stalled()
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.shard.poisoned().is_some()
    }
}
