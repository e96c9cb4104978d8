//! A long script of everything that is done to a log, with a model of what must be left of it.

use std::{ops::Range, sync::Arc};

use tradewind_store::{
    ConsumerId, Durability, FaultDisk, Log, LogOptions, Lsn, OpenError, Position, Ranges, Read,
    Record, RecoveryReport, RemoveReason, SeqRange, StreamId, Wish, decode_message,
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
        ..LogOptions::new([9; 16])
    }
}

/// Opens a log, and says what was in it.
pub(crate) fn open(disk: &FaultDisk) -> Result<(Log, Vec<Fact>, RecoveryReport), OpenError> {
    let mut facts = Vec::new();
    let (log, report) = Log::open(Arc::new(disk.clone()), options(), &mut |replayed| {
        facts.push(fact(replayed.lsn, &replayed.record));
        Ok(())
    })?;
    Ok((log, facts, report))
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
        Record::Skip { first, last, .. } => (2, first ^ last.rotate_left(9)),
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
    /// The last record that may be gone because its segment was given back.
    pub(crate) released: Lsn,
    messages: Vec<(Position, u32, StreamId, u64)>,
    seq: u64,
    pub(crate) n_stalls: u32,
    pub(crate) n_reclaimed: u32,
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
            released: Lsn::ZERO,
            messages: Vec::new(),
            seq: 0,
            n_stalls: 0,
            n_reclaimed: 0,
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
                37 => self.reclaim()?,
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
        let (log, facts, _) = match open(&self.disk) {
            Err(OpenError::Disk(_)) => return Err(Stop),
            opened => opened.unwrap(),
        };
        // The process merely restarted: what was written is there.
        let kept = self.check(&facts, self.written, "restart");
        self.facts.truncate(kept.end);
        self.messages.retain(|_| false);
        (self.synced, self.written) = (log.durable(), log.durable());
        self.log = Some(log);
        Ok(())
    }

    /// Checks what was replayed: everything up to `acked`, nothing invented, in order.
    #[track_caller]
    pub(crate) fn check(&self, replayed: &[Fact], acked: Lsn, context: &str) -> Range<usize> {
        let start = match replayed.first() {
            Some(first) => self.facts.iter().position(|fact| fact.lsn == first.lsn),
            None => Some(self.facts.len()),
        };
        let start = start.unwrap_or_else(|| panic!("{context}: invented {:?}", replayed[0]));
        let expected = &self.facts[start..];
        assert!(replayed.len() <= expected.len(), "{context}: invented records");
        assert_eq!(replayed, &expected[..replayed.len()], "{context}");
        let end = start + replayed.len();
        let lost = |fact: &&Fact| self.released < fact.lsn && fact.lsn <= acked;
        if let Some(lost) = self.facts[..start].iter().chain(&self.facts[end..]).find(lost) {
            panic!("{context}: lost {lost:?}, acknowledged up to {acked}");
        }
        start..end
    }

    fn append(&mut self, record: &Record<'_>) -> Result<(), Stop> {
        let wish = if self.below(2) == 0 { Wish::Eager } else { Wish::Lazy };
        let appended = self.log().append(wish, record).map_err(|_| Stop)?;
        self.facts.push(fact(appended.lsn, record));
        if let Record::Publish { stream, seq, .. } = *record {
            self.messages.push((appended.position, appended.len, stream, seq));
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
        let other = match self.below(9) {
            0 => Record::Skip { stream, first: seq, last: seq + 1 },
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

    fn reclaim(&mut self) -> Result<(), Stop> {
        let segments: Vec<_> = self.log().segments().filter(|segment| segment.sealed).collect();
        let Some(last) = segments.len().checked_sub(2).map(|index| segments[index]) else {
            return Ok(());
        };
        for segment in &segments {
            if segment.id <= last.id {
                self.log().released_bytes(segment.id, segment.live_bytes);
            }
        }
        self.messages.retain(|(at, ..)| last.id < at.segment);
        self.append(&Record::StreamState { stream: StreamId(1), state: b"snapshot" })?;
        self.log().release_through(last.id).unwrap();
        assert!(self.log().take_reclaim().is_none(), "the snapshot is not synced");
        self.commit(Durability::Sync)?;
        self.released = last.last;
        let job = self.log().take_reclaim().unwrap();
        self.log().reclaimed(job.run()).map_err(|_| Stop)?;
        self.n_reclaimed += 1;
        Ok(())
    }

    /// Some message reads back as what it is, wherever it lies.
    fn read(&mut self) {
        let Some(index) = u64::try_from(self.messages.len()).ok().filter(|n| 0 < *n) else {
            return;
        };
        let index = usize::try_from(self.below(index)).unwrap();
        let (at, len, stream, seq) = self.messages[index];
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
