//! The bytes of a [`State`] and of its changes.
//!
//! Numbers are varints; sequences and times are written as the distance to the ones before.

use tradewind_subject::{
    Timestamp,
    int::u64_from,
    varint::{self, put, put_signed},
};

use super::{
    SeqPair,
    outstanding::{Outstanding, Sent, Wait},
    state::{LastPerSubject, Op, State},
};

const VERSION: u8 = 1;

/// Why bytes are not the state of a consumer, or not a change of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// They end too early, or hold a number too large.
    #[error("consumer state ends too early or holds a bad number")]
    Truncated,
    /// They were written by a newer version.
    #[error("consumer state of unknown version {0}")]
    Version(u8),
    /// They hold something else.
    #[error("unknown kind {0} in consumer state")]
    Kind(u8),
}

/// Changes not taken yet.
#[derive(Debug, Default)]
pub(super) struct Journal {
    bytes: Vec<u8>,
    last: Last,
}

/// What numbers are relative to.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    stream: u64,
    consumer: u64,
    time: i64,
}

impl Journal {
    pub(super) fn push(&mut self, op: Op) {
        let (kind, seq) = match op {
            Op::Send { seq, .. } => (1, seq.stream),
            Op::Resend { seq, .. } => (2, seq.stream),
            Op::Remove { seq } => (3, seq),
            Op::AckAll { seq } => (4, seq.stream),
            Op::Queue { seq, .. } => (5, seq),
            Op::Delay { seq, .. } => (6, seq),
            Op::Touch { seq, .. } => (7, seq),
            Op::Exhaust { seq } => (8, seq),
            Op::Purge { first } => (9, first),
        };
        if self.bytes.is_empty() {
            self.bytes.push(VERSION);
            self.last = Last::default();
        }
        self.bytes.push(kind);
        put_near(&mut self.bytes, &mut self.last.stream, seq);
        if let Op::Send { seq, .. } | Op::Resend { seq, .. } | Op::AckAll { seq } = op {
            put_near(&mut self.bytes, &mut self.last.consumer, seq.consumer);
        }
        if let Op::Queue { redeliveries, .. }
        | Op::Delay { redeliveries, .. }
        | Op::Touch { redeliveries, .. } = op
        {
            put(&mut self.bytes, redeliveries);
        }
        if let Op::Send { at, .. }
        | Op::Resend { at, .. }
        | Op::Touch { at, .. }
        | Op::Delay { until: at, .. } = op
        {
            put_time(&mut self.bytes, &mut self.last.time, at);
        }
    }

    /// Appends what changed since the last call to `out`; `false` if nothing did.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.bytes);
        let changed = !self.bytes.is_empty();
        if 4096 < self.bytes.capacity() {
            // Ten thousand consumers must not each keep the buffer of their busiest moment.
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
        changed
    }
}

/// Calls `apply` with each change in `bytes`.
pub(super) fn read_ops(bytes: &[u8], mut apply: impl FnMut(Op)) -> Result<(), StateError> {
    let mut reader = Reader::new(bytes)?;
    let mut last = Last::default();
    while let Some((&kind, rest)) = reader.0.split_first() {
        reader.0 = rest;
        let seq = reader.near(&mut last.stream)?;
        let op = match kind {
            1 | 2 => {
                let seq = SeqPair { consumer: reader.near(&mut last.consumer)?, stream: seq };
                let at = reader.time(&mut last.time)?;
                if kind == 1 { Op::Send { seq, at } } else { Op::Resend { seq, at } }
            }
            3 => Op::Remove { seq },
            4 => Op::AckAll {
                seq: SeqPair { consumer: reader.near(&mut last.consumer)?, stream: seq },
            },
            5 => Op::Queue { seq, redeliveries: reader.number()? },
            6 => Op::Delay {
                seq,
                redeliveries: reader.number()?,
                until: reader.time(&mut last.time)?,
            },
            7 => {
                Op::Touch { seq, redeliveries: reader.number()?, at: reader.time(&mut last.time)? }
            }
            8 => Op::Exhaust { seq },
            9 => Op::Purge { first: seq },
            _ => return Err(StateError::Kind(kind)),
        };
        apply(op);
    }
    Ok(())
}

/// Writes all of `state`.
pub(super) fn write_state(state: &State, out: &mut Vec<u8>) {
    out.push(VERSION);
    for value in [
        state.next_seq,
        state.delivered.consumer,
        state.delivered.stream,
        state.floor.consumer,
        state.floor.stream,
    ] {
        put(out, value);
    }
    let mut last = Last::default();
    let outstanding = &state.outstanding;
    put(out, outstanding.len());
    for (seq, sent) in outstanding.iter() {
        put_near(out, &mut last.stream, seq);
        put_near(out, &mut last.consumer, sent.consumer_seq);
        put_time(out, &mut last.time, sent.at);
        put(out, sent.redeliveries);
        match sent.wait {
            // The queue's order is written below.
            Wait::Queued(_) => out.push(0),
            Wait::Timeout(at) => {
                out.push(1);
                put_time(out, &mut last.time, at);
            }
            Wait::Delayed(at) => {
                out.push(2);
                put_time(out, &mut last.time, at);
            }
        }
    }
    put_seqs(out, outstanding.queued(), outstanding.queue_order());
    put(out, u64_from(outstanding.exhausted().len()));
    let mut near = 0;
    for (&seq, &redeliveries) in outstanding.exhausted() {
        put_near(out, &mut near, seq);
        put(out, redeliveries);
    }
    match &state.last_per_subject {
        None => out.push(0),
        Some(skipping) => {
            out.push(1);
            put(out, skipping.up_to);
            put_seqs(out, u64_from(skipping.seqs.len()), skipping.seqs.iter().copied());
        }
    }
}

/// Reads what [`write_state`] wrote.
pub(super) fn read_state(bytes: &[u8]) -> Result<State, StateError> {
    let mut reader = Reader::new(bytes)?;
    let mut state = State {
        next_seq: reader.number()?,
        delivered: SeqPair { consumer: reader.number()?, stream: reader.number()? },
        floor: SeqPair { consumer: reader.number()?, stream: reader.number()? },
        outstanding: reader.outstanding()?,
        last_per_subject: None,
    };
    if reader.byte()? == 1 {
        let up_to = reader.number()?;
        let mut list = LastPerSubject { up_to, ..LastPerSubject::default() };
        reader.seqs(|seq| list.seqs.push_back(seq))?;
        state.last_per_subject = Some(Box::new(list));
    }
    Ok(state)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Behind the version.
    fn new(bytes: &'a [u8]) -> Result<Reader<'a>, StateError> {
        match bytes.split_first() {
            Some((&VERSION, rest)) => Ok(Reader(rest)),
            Some((&version, _)) => Err(StateError::Version(version)),
            None => Err(StateError::Truncated),
        }
    }

    fn outstanding(&mut self) -> Result<Outstanding, StateError> {
        let mut outstanding = Outstanding::default();
        let mut last = Last::default();
        for _ in 0..self.number()? {
            let seq = self.near(&mut last.stream)?;
            let mut sent = Sent {
                consumer_seq: self.near(&mut last.consumer)?,
                at: self.time(&mut last.time)?,
                redeliveries: self.number()?,
                wait: Wait::Delayed(Timestamp::MIN),
            };
            match self.byte()? {
                0 => (),
                1 => sent.wait = Wait::Timeout(self.time(&mut last.time)?),
                2 => sent.wait = Wait::Delayed(self.time(&mut last.time)?),
                kind => return Err(StateError::Kind(kind)),
            }
            outstanding.insert(seq, sent);
        }
        self.seqs(|seq| outstanding.enqueue(seq))?;
        let mut near = 0;
        for _ in 0..self.number()? {
            let seq = self.near(&mut near)?;
            outstanding.insert_exhausted(seq, self.number()?);
        }
        Ok(outstanding)
    }

    fn seqs(&mut self, mut take: impl FnMut(u64)) -> Result<(), StateError> {
        let mut near = 0;
        for _ in 0..self.number()? {
            take(self.near(&mut near)?);
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, StateError> {
        let (&byte, rest) = self.0.split_first().ok_or(StateError::Truncated)?;
        self.0 = rest;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u64, StateError> {
        varint::take(&mut self.0).ok_or(StateError::Truncated)
    }

    fn signed(&mut self) -> Result<i64, StateError> {
        varint::take_signed(&mut self.0).ok_or(StateError::Truncated)
    }

    fn near(&mut self, last: &mut u64) -> Result<u64, StateError> {
        *last = last.wrapping_add(self.signed()?.cast_unsigned());
        Ok(*last)
    }

    fn time(&mut self, last: &mut i64) -> Result<Timestamp, StateError> {
        *last = last.wrapping_add(self.signed()?);
        Ok(Timestamp(*last))
    }
}

fn put_near(out: &mut Vec<u8>, last: &mut u64, value: u64) {
    put_signed(out, value.wrapping_sub(*last).cast_signed());
    *last = value;
}

fn put_time(out: &mut Vec<u8>, last: &mut i64, value: Timestamp) {
    put_signed(out, value.nanos().wrapping_sub(*last));
    *last = value.nanos();
}

fn put_seqs(out: &mut Vec<u8>, count: u64, seqs: impl Iterator<Item = u64>) {
    put(out, count);
    let mut near = 0;
    for seq in seqs {
        put_near(out, &mut near, seq);
    }
}
