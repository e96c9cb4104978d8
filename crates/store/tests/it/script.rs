//! A long script of everything that is done to a log, with a model of what must be left of it.

use std::{collections::BTreeSet, sync::Arc};

use tradewind_store::{
    Appended, Burned, ConsumerId, Copied, Durability, FaultDisk, Found, Kept, Log, LogOptions, Lsn,
    OpenError, Position, Ranges, Read, Record, RecoveryReport, RemoveReason, ReplayError, SeqRange,
    StreamId, Sweep, SweepKind, Wish, decode_message,
};
use tradewind_subject::Timestamp;

/// What a record said, small enough to keep by the thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) lsn: Lsn,
    pub(crate) stream: StreamId,
    kind: u8,
    sum: u64,
}

/// Something went wrong on the disk: the script ends here.
#[derive(Debug)]
pub(crate) struct Stop;

pub(crate) fn options() -> LogOptions {
    LogOptions {
        segment_bytes: [2048, 4096, 4096, 8192],
        tail_bytes: 2048,
        spare_segments: 1,
        reserve_bytes: 0,
        log_bytes: 6000..=20_000,
        ..LogOptions::new([9; 16])
    }
}

/// What an opening found.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) log: Log,
    pub(crate) facts: Vec<Fact>,
    pub(crate) messages: Vec<Message>,
    pub(crate) report: RecoveryReport,
}

/// A message and where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    at: Position,
    len: u32,
    lsn: Lsn,
    stream: StreamId,
    seq: u64,
}

/// Opens a log, and says what was in it; anything lost is an error.
///
/// Payloads are read where the opening did not need to.
pub(crate) fn open(disk: &FaultDisk) -> Result<Opened, OpenError> {
    let (mut facts, mut messages) = (Vec::new(), Vec::new());
    let mut elided = Vec::new();
    let (log, report) = Log::open(Arc::new(disk.clone()), options(), &mut |found| {
        let replayed = match found {
            Found::Record(replayed) => replayed,
            found => return Err(ReplayError(format!("{found:?}").into())),
        };
        if let Record::Publish { stream, seq, payload, .. } = replayed.record {
            let (at, len, lsn) = (replayed.position, replayed.len, replayed.lsn);
            if payload.len() < replayed.payload_len {
                elided.push((facts.len(), messages.len()));
            }
            messages.push(Message { at, len, lsn, stream, seq });
        }
        facts.push(fact(replayed.lsn, &replayed.record));
        Ok(())
    })?;
    for (fact_at, message_at) in elided {
        let Message { at, len, .. } = messages[message_at];
        let bytes = match log.read(at, len) {
            Read::Cached(bytes) => bytes,
            Read::Job(job) => job.run()?,
            Read::Gone => panic!("{at:?} is gone"),
        };
        let decoded = tradewind_store::decode_record(&bytes);
        let (lsn, record) = decoded.map_err(|error| ReplayError(error.into()))?;
        let whole = fact(lsn, &record);
        assert_eq!((whole.lsn, whole.stream), (facts[fact_at].lsn, facts[fact_at].stream));
        facts[fact_at] = whole;
    }
    Ok(Opened { log, facts, messages, report })
}

fn fact(lsn: Lsn, record: &Record<'_>) -> Fact {
    let bytes = |bytes: &[u8]| {
        bytes.iter().fold(u64::try_from(bytes.len()).unwrap(), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
        })
    };
    let ranges = |ranges: Ranges<'_>| {
        ranges.iter().fold(7, |sum: u64, range| sum.wrapping_mul(31) ^ range.first ^ range.last)
    };
    let (kind, sum) = match *record {
        Record::Publish { seq, ts, subject, headers, payload, .. } => {
            let text = bytes(subject) ^ bytes(headers).rotate_left(9);
            (1, seq ^ ts.0.cast_unsigned() ^ text ^ bytes(payload).rotate_left(17))
        }
        Record::Skip { first, last, burned, .. } => {
            let burned = burned.map_or(0, |it| it.ts.0.cast_unsigned() ^ bytes(it.id));
            (2, first ^ last.rotate_left(9) ^ burned)
        }
        Record::Remove { ranges: removed, .. } => (3, ranges(removed)),
        Record::PurgeTo { seq, .. } => (4, seq),
        Record::StreamPut { config, .. } => (5, bytes(config)),
        Record::StreamGone { .. } => (6, 0),
        Record::ConsumerPut { consumer, config, .. } => (7, consumer.0 ^ bytes(config)),
        Record::ConsumerGone { consumer, removes, .. } => (8, consumer.0 ^ ranges(removes)),
        Record::ConsumerDelta { consumer, delta, removes, .. } => {
            (9, consumer.0 ^ bytes(delta) ^ ranges(removes).rotate_left(9))
        }
        Record::StreamState { state, .. } => (10, bytes(state)),
        Record::ConsumerState { consumer, state, .. } => (11, consumer.0 ^ bytes(state)),
        Record::MessageIds { ids, .. } => (18, bytes(ids)),
        _ => panic!("a kind without a fact"),
    };
    Fact { lsn, stream: record.stream(), kind, sum }
}

/// The log under test and what is known of it.
#[derive(Debug)]
pub(crate) struct Script {
    disk: FaultDisk,
    pub(crate) log: Option<Log>,
    dice: u64,
    /// Everything appended that may still be there, in order.
    pub(crate) facts: Vec<Fact>,
    /// The last records that survive a power loss, and a kill.
    pub(crate) synced: Lsn,
    pub(crate) written: Lsn,
    /// Records that may be gone, because nobody needs them any more.
    optional: BTreeSet<Lsn>,
    messages: Vec<Message>,
    seq: u64,
    pub(crate) n_stalls: u32,
    /// Sweeps that dropped, adopted, copied; and sidecars.
    pub(crate) n_sweeps: [u32; 3],
    pub(crate) n_indexed: u32,
}

impl Script {
    pub(crate) fn new(disk: FaultDisk, seed: u64) -> Script {
        Script {
            disk,
            log: None,
            dice: seed,
            facts: Vec::new(),
            synced: Lsn::ZERO,
            written: Lsn::ZERO,
            optional: BTreeSet::new(),
            messages: Vec::new(),
            seq: 0,
            n_stalls: 0,
            n_sweeps: [0; 3],
            n_indexed: 0,
        }
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
        (self.dice >> 33) % bound
    }

    /// Does `n_steps` things at random, with an opening at the start and in between.
    pub(crate) fn run(&mut self, n_steps: u32) -> Result<(), Stop> {
        for step in 0..n_steps {
            if step % 90 == 0 {
                self.reopen()?;
            }
            match self.below(40) {
                0..=17 => self.publish()?,
                18..=22 => self.append_other()?,
                23..=31 => self.commit(Durability::Sync)?,
                32 | 33 => self.commit(Durability::Os)?,
                34 | 35 => self.idle()?,
                36 => self.pool()?,
                37 => self.sweep()?,
                38 => self.chores()?,
                _ => self.read(),
            }
        }
        Ok(())
    }

    /// Everything is synced, and something on the disk says so.
    pub(crate) fn settle(&mut self) -> Result<(), Stop> {
        self.commit(Durability::Sync)?;
        self.idle()
    }

    pub(crate) fn log(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }

    pub(crate) fn reopen(&mut self) -> Result<(), Stop> {
        self.log = None;
        let opened = match open(&self.disk) {
            Err(OpenError::Disk(_)) => return Err(Stop),
            opened => opened.unwrap(),
        };
        // The process merely restarted: what was written is there.
        self.check(&opened.facts, self.written, "restart");
        let Opened { mut log, facts, messages, .. } = opened;
        self.facts = facts;
        self.messages = messages;
        let (dead, alive) =
            self.messages.iter().partition(|message| self.optional.contains(&message.lsn));
        self.messages = alive;
        let dead: Vec<Message> = dead;
        for message in dead {
            log.released(message.at, message.len);
        }
        (self.synced, self.written) = (log.durable(), log.durable());
        self.log = Some(log);
        Ok(())
    }

    /// Checks what was replayed: everything up to `acked` that somebody needs, nothing invented, in
    /// order.
    #[track_caller]
    pub(crate) fn check(&self, replayed: &[Fact], acked: Lsn, context: &str) {
        let mut rest = replayed;
        for fact in &self.facts {
            if let [first, after @ ..] = rest
                && first == fact
            {
                rest = after;
            } else if fact.lsn <= acked && !self.optional.contains(&fact.lsn) {
                panic!("{context}: lost {fact:?}, acknowledged up to {acked}");
            }
        }
        assert!(rest.is_empty(), "{context}: invented {:?}", rest[0]);
    }

    fn append(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        let wish = if self.below(2) == 0 { Wish::Eager } else { Wish::Lazy };
        let appended = self.log().append(wish, record).map_err(|_| Stop)?;
        self.facts.push(fact(appended.lsn, record));
        if let Record::Publish { stream, seq, .. } = *record {
            let Appended { lsn, position: at, len } = appended;
            self.messages.push(Message { at, len, lsn, stream, seq });
        }
        Ok(())
    }

    pub(crate) fn publish(&mut self) -> Result<(), Stop> {
        self.seq += 1;
        let len = match self.below(30) {
            0 => 9000,
            1..=4 => 700,
            _ => self.below(200),
        };
        let payload = vec![b'x'; usize::try_from(len).unwrap()];
        self.append(&Record::Publish {
            stream: StreamId(1 + self.seq % 4),
            seq: self.seq,
            ts: Timestamp(1_000),
            subject: b"orders.created",
            headers: b"NATS/1.0\r\n\r\n",
            payload: &payload,
        })
    }

    fn append_other(&mut self) -> Result<(), Stop> {
        let stream = StreamId(1 + self.below(4));
        let consumer = ConsumerId(self.below(3));
        let seq = self.seq;
        let removed = [SeqRange::one(seq), SeqRange { first: 1, last: seq }];
        let ranges = Ranges::new(&removed);
        let burned = Burned { ts: Timestamp(7), id: b"id" };
        let other = match self.below(11) {
            0 => Record::Skip { stream, first: seq, last: seq + 1, burned: None },
            9 => Record::Skip { stream, first: seq, last: seq, burned: Some(burned) },
            10 => Record::MessageIds { stream, ids: b"ids" },
            1 => Record::Remove { stream, why: RemoveReason::Expired, ranges },
            2 => Record::PurgeTo { stream, seq },
            3 => Record::StreamPut { stream, config: b"{\"name\":\"a\"}" },
            4 => Record::StreamGone { stream: StreamId(100 + seq) },
            5 => Record::ConsumerPut { stream, consumer, config: b"{}" },
            6 => Record::ConsumerGone { stream, consumer, removes: ranges },
            7 => Record::ConsumerDelta { stream, consumer, delta: b"delta", removes: ranges },
            _ => Record::ConsumerState { stream, consumer, state: b"state" },
        };
        self.append(&other)
    }

    pub(crate) fn commit(&mut self, durability: Durability) -> Result<(), Stop> {
        while let Some(job) = self.log().take_commit(durability) {
            let done = job.run();
            let durable = self.log().committed(done).map_err(|_| Stop)?;
            self.synced = self.log().synced();
            self.written = durable;
            if self.log().is_stalled() {
                assert!(self.log().space_low());
                self.n_stalls += 1;
                self.disk.heal();
            }
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<(), Stop> {
        if self.log().idle_marker_due() {
            self.log().append_idle().map_err(|_| Stop)?;
            self.commit(Durability::Sync)?;
            assert!(!self.log().idle_marker_due(), "one marker is enough");
        }
        Ok(())
    }

    fn pool(&mut self) -> Result<(), Stop> {
        match self.log().take_pool_job() {
            Some(job) => self.log().pooled(job.run()).map_err(|_| Stop),
            None => Ok(()),
        }
    }

    fn chores(&mut self) -> Result<(), Stop> {
        while let Some(job) = self.log().take_index_job() {
            self.log().inspected(job.run()).map_err(|_| Stop)?;
            self.n_indexed += 1;
        }
        // What can't be read is noted, and does no harm.
        _ = self.log().take_damage();
        Ok(())
    }

    /// Lets some messages go, and gives back what that leaves.
    fn sweep(&mut self) -> Result<(), Stop> {
        let share = self.below(5);
        let seed = self.seq;
        let (alive, dead) =
            self.messages.iter().partition(|message| share <= (message.seq ^ seed) % 5);
        self.messages = alive;
        let dead: Vec<Message> = dead;
        for message in dead {
            self.optional.insert(message.lsn);
            self.log().released(message.at, message.len);
        }
        for _ in 0..3 {
            let Some(sweep) = self.log().plan_sweeps(true).into_iter().next() else { break };
            self.sweep_as(sweep)?;
        }
        Ok(())
    }

    fn sweep_as(&mut self, sweep: Sweep) -> Result<(), Stop> {
        let sources = sweep.sources.clone();
        let kind = sweep.kind;
        let mut copy = None;
        if kind == SweepKind::Copy {
            let here = self.messages.iter().filter(|it| sources.contains(&it.at.segment));
            let kept = here.map(|it| Kept { position: it.at, len: it.len }).collect();
            let mut job = self.log().copy(&sources, kept).expect("something lives there");
            copy = loop {
                match self.log().copied(job.run()).map_err(|_| Stop)? {
                    Copied::More(more) => job = *more,
                    Copied::All { target, moved } => break Some((target, moved)),
                    Copied::GivenUp => return Ok(()),
                }
            };
        }
        // What is known only from the sources is said again, and synced.
        self.append(&Record::StreamState { stream: StreamId(1), state: b"snapshot" })?;
        self.commit(Durability::Sync)?;
        let alive: BTreeSet<Lsn> = self.messages.iter().map(|message| message.lsn).collect();
        let known = self.facts.iter().filter(|it| it.lsn <= sweep.log_through);
        self.optional.extend(known.map(|it| it.lsn).filter(|lsn| !alive.contains(lsn)));
        let (target, moved) = copy.map_or((None, Vec::new()), |(t, moved)| (Some(t), moved));
        let job = self.log().swap(sweep, target);
        if !self.log().swapped(job.run()).map_err(|_| Stop)? {
            return Ok(());
        }
        self.n_sweeps[match kind {
            SweepKind::Drop => 0,
            SweepKind::Adopt => 1,
            SweepKind::Copy => 2,
        }] += 1;
        for message in &mut self.messages {
            let found = moved.iter().find(|moved| moved.from == message.at);
            if let (Some(moved), Some(log)) = (found, &mut self.log) {
                assert_eq!((moved.stream, moved.seq), (message.stream, message.seq));
                log.relocated(moved.from, moved.to, moved.len);
                message.at = moved.to;
            }
        }
        if kind != SweepKind::Adopt {
            let job = self.log().retire(&sources);
            self.log().retired(job.run()).map_err(|_| Stop)?;
        }
        Ok(())
    }

    /// Some message reads back as what it is, wherever it lies.
    fn read(&mut self) {
        let Some(index) = u64::try_from(self.messages.len()).ok().filter(|n| 0 < *n) else {
            return;
        };
        let index = usize::try_from(self.below(index)).unwrap();
        let Message { at, len, stream, seq, .. } = self.messages[index];
        let bytes = match self.log().read(at, len) {
            Read::Cached(bytes) => bytes,
            Read::Gone => panic!("{at:?} is gone"),
            Read::Job(job) => match job.run() {
                Ok(bytes) => bytes,
                Err(_) => return,
            },
        };
        assert_eq!(decode_message(&bytes, stream, seq).unwrap().seq, seq);
    }
}
