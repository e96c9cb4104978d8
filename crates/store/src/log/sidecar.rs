//! What a sealed segment says, without the payloads: so that a start need not read the segment.
//!
//! A sidecar is a cache. Its segment alone can say all that is in it; one that is missing, damaged
//! or not of exactly this segment is made anew. `FORMAT.md` has the bytes.

use bytes::{BufMut, Bytes, BytesMut};
use hashbrown::HashTable;
use tradewind_subject::{
    SeededMap, SeededState, Timestamp, int,
    varint::{put, put_signed, take, take_signed},
};

use crate::{
    frame::{FORMAT, Salt},
    ids::{Lsn, StreamId},
    log::segment::Segment,
    manifest::Seal,
    mutant::{self, Mutant},
    record::{
        Record,
        codec::{self, Body, Decoded},
    },
};

const MAGIC: [u8; 8] = *b"TWSIDE\0\0";
const HEAD: usize = 48;
const CRC: usize = 4;

/// What is short about an entry, because it follows from the one before.
mod flag {
    /// A message, and not the bytes of another record.
    pub(super) const MESSAGE: u8 = 1;
    /// Of the same stream as the message before.
    pub(super) const SAME_STREAM: u8 = 2;
    /// With the sequence after the stream's last.
    pub(super) const NEXT_SEQ: u8 = 4;
    /// Right behind the record before.
    pub(super) const ADJACENT: u8 = 8;
    /// With the LSN after the one before.
    pub(super) const NEXT_LSN: u8 = 16;
    /// It has headers.
    pub(super) const HEADERS: u8 = 32;
}

/// Where a record of a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) lsn: Lsn,
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

impl Place {
    fn end(self) -> u32 {
        self.offset.saturating_add(self.len)
    }
}

/// A stream as far as the entries have been written or read.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    stream: StreamId,
    /// Its record before this segment's first.
    before: Lsn,
    lsn: Lsn,
    seq: u64,
}

/// Makes the sidecar of a segment from its records, taken in their order.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    streams: Vec<Cursor>,
    by_stream: SeededMap<StreamId, usize>,
    /// The stream of the message before.
    recent: usize,
    /// Lengths and names.
    subjects: Vec<u8>,
    /// Where in `subjects` each one starts, and ends.
    subject_places: Vec<(usize, usize)>,
    by_subject: HashTable<usize>,
    hasher: SeededState,
    entries: Vec<u8>,
    last: Option<Place>,
    ts: i64,
}

impl Builder {
    /// The next record, with its bytes.
    pub(crate) fn add(&mut self, place: Place, record: &[u8], decoded: &Decoded<'_>) {
        let adjacent = self.last.is_some_and(|last| last.end() == place.offset);
        let next_lsn = self.last.is_some_and(|last| last.lsn.next() == place.lsn);
        let mut flags = u8::from(adjacent) * flag::ADJACENT + u8::from(next_lsn) * flag::NEXT_LSN;
        let mut fields = Vec::new();
        std::mem::swap(&mut fields, &mut self.entries);
        let at = fields.len();
        fields.push(0);
        if !adjacent {
            put(&mut fields, u64::from(place.offset));
        }
        if !next_lsn {
            put(&mut fields, place.lsn.0);
        }
        match decoded.body {
            Body::Record(Record::Publish { stream, seq, ts, subject, headers, payload }) => {
                let cursor = self.cursor(stream, decoded.prev);
                flags |= flag::MESSAGE;
                if cursor == self.recent {
                    flags |= flag::SAME_STREAM;
                } else {
                    put(&mut fields, int::u64_from(cursor));
                }
                self.recent = cursor;
                let state = &mut self.streams[cursor];
                state.lsn = place.lsn;
                if state.seq + 1 == seq {
                    flags |= flag::NEXT_SEQ;
                } else {
                    put(&mut fields, seq);
                }
                state.seq = seq;
                put_signed(&mut fields, ts.nanos().wrapping_sub(self.ts));
                self.ts = ts.nanos();
                put(&mut fields, int::u64_from(self.subject(subject)));
                put(&mut fields, int::u64_from(payload.len()));
                if !headers.is_empty() {
                    flags |= flag::HEADERS;
                    put(&mut fields, int::u64_from(headers.len()));
                    fields.extend_from_slice(headers);
                }
            }
            Body::Record(other) => {
                let cursor = self.cursor(other.stream(), decoded.prev);
                self.streams[cursor].lsn = place.lsn;
                fields.extend_from_slice(record);
            }
            Body::Idle { .. } => fields.extend_from_slice(record),
        }
        fields[at] = flags;
        self.entries = fields;
        self.last = Some(place);
    }

    /// The sidecar of `segment`, which is sealed and has exactly the records added.
    pub(crate) fn finish(self, salt: Salt, segment: &Identity) -> Bytes {
        let mut tables = Vec::new();
        for cursor in &self.streams {
            put(&mut tables, cursor.stream.0);
            put(&mut tables, cursor.before.0);
        }
        let len = HEAD + tables.len() + self.subjects.len() + self.entries.len() + CRC;
        let mut out = BytesMut::with_capacity(len);
        out.put_slice(&segment.head());
        out.put_u32_le(int::u32_saturating(self.streams.len()));
        out.put_u32_le(int::u32_saturating(self.subject_places.len()));
        out.put_slice(&tables);
        out.put_slice(&self.subjects);
        out.put_slice(&self.entries);
        let crc = salt.sum(&out);
        out.put_u32_le(crc);
        out.freeze()
    }

    fn cursor(&mut self, stream: StreamId, before: Lsn) -> usize {
        if self.streams.get(self.recent).is_some_and(|recent| recent.stream == stream) {
            return self.recent;
        }
        let end = self.streams.len();
        let at = *self.by_stream.entry(stream).or_insert(end);
        if at == end {
            self.streams.push(Cursor { stream, before, ..Cursor::default() });
        }
        at
    }

    fn subject(&mut self, subject: &[u8]) -> usize {
        use std::hash::BuildHasher as _;
        let hash = self.hasher.hash_one(subject);
        let (names, places) = (&self.subjects, &self.subject_places);
        let name = |at: usize| &names[places[at].0..places[at].1];
        if let Some(found) = self.by_subject.find(hash, |at| name(*at) == subject) {
            return *found;
        }
        let at = places.len();
        let hasher = &self.hasher;
        self.by_subject.insert_unique(hash, at, |at| hasher.hash_one(name(*at)));
        put(&mut self.subjects, int::u64_from(subject.len()));
        let start = self.subjects.len();
        self.subjects.extend_from_slice(subject);
        self.subject_places.push((start, self.subjects.len()));
        at
    }
}

/// Which segment a sidecar is of: what the manifest says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) segment: u32,
    pub(crate) first: Lsn,
    pub(crate) seal: Seal,
}

impl Identity {
    pub(crate) fn of(segment: &Segment) -> Identity {
        Identity { segment: segment.id, first: segment.first, seal: segment.seal() }
    }

    /// 40 bytes.
    fn head(&self) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.put_u16_le(FORMAT);
        head.put_u16_le(0);
        head.put_u32_le(self.segment);
        head.put_u32_le(self.seal.len);
        head.put_u32_le(self.seal.content);
        head.put_u64_le(self.first.0);
        head.put_u64_le(self.seal.last.0);
        head
    }
}

/// One record of a segment, as its sidecar tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) place: Place,
    /// A message is without its payload.
    pub(crate) decoded: Decoded<'a>,
    pub(crate) payload_len: usize,
}

/// The records of a segment, read from its sidecar.
#[derive(Debug)]
pub(crate) struct Sidecar<'a> {
    streams: Vec<Cursor>,
    by_stream: SeededMap<StreamId, usize>,
    subjects: Vec<&'a [u8]>,
    rest: &'a [u8],
    last: Option<Place>,
    recent: usize,
    ts: i64,
}

impl<'a> Sidecar<'a> {
    /// `None` if `bytes` are not the whole and undamaged sidecar of `segment`.
    pub(crate) fn open(bytes: &'a [u8], salt: Salt, segment: &Identity) -> Option<Sidecar<'a>> {
        let (covered, crc) = bytes.split_last_chunk()?;
        let (head, mut rest) = covered.split_first_chunk::<HEAD>()?;
        let is_mine = head.starts_with(&segment.head());
        let is_whole = salt.sum(covered) == u32::from_le_bytes(*crc);
        let is_good = (is_mine && is_whole) || mutant::enabled(Mutant::SidecarTrusted);
        if !is_good {
            return None;
        }
        let count = |at: usize| head[at..].first_chunk().map(|b| u32::from_le_bytes(*b));
        let mut sidecar = Sidecar {
            streams: Vec::new(),
            by_stream: SeededMap::default(),
            subjects: Vec::new(),
            rest: &[],
            last: None,
            recent: 0,
            ts: 0,
        };
        for _ in 0..count(40)? {
            let (stream, before) = (StreamId(take(&mut rest)?), Lsn(take(&mut rest)?));
            sidecar.by_stream.insert(stream, sidecar.streams.len());
            sidecar.streams.push(Cursor { stream, before, lsn: before, seq: 0 });
        }
        for _ in 0..count(44)? {
            let len = int::usize_from(take(&mut rest)?);
            let (subject, after) = rest.split_at_checked(len)?;
            sidecar.subjects.push(subject);
            rest = after;
        }
        sidecar.rest = rest;
        Some(sidecar)
    }

    /// Whether all records were read.
    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next record; `None` if it makes no sense.
    pub(crate) fn entry(&mut self) -> Option<Entry<'a>> {
        let (&flags, rest) = self.rest.split_first()?;
        self.rest = rest;
        let has = |flag: u8| flags & flag != 0;
        let offset = match self.last {
            Some(last) if has(flag::ADJACENT) => last.end(),
            _ => u32::try_from(take(&mut self.rest)?).ok()?,
        };
        let lsn = match self.last {
            Some(last) if has(flag::NEXT_LSN) => last.lsn.next(),
            _ => Lsn(take(&mut self.rest)?),
        };
        let entry = if has(flag::MESSAGE) {
            self.message(flags, lsn, offset)?
        } else {
            self.other(lsn, offset)?
        };
        self.last = Some(entry.place);
        Some(entry)
    }

    fn message(&mut self, flags: u8, lsn: Lsn, offset: u32) -> Option<Entry<'a>> {
        let has = |flag: u8| flags & flag != 0;
        if !has(flag::SAME_STREAM) {
            self.recent = int::usize_from(take(&mut self.rest)?);
        }
        let cursor = self.streams.get_mut(self.recent)?;
        let prev = std::mem::replace(&mut cursor.lsn, lsn);
        cursor.seq =
            if has(flag::NEXT_SEQ) { cursor.seq.checked_add(1)? } else { take(&mut self.rest)? };
        let (stream, seq) = (cursor.stream, cursor.seq);
        self.ts = self.ts.wrapping_add(take_signed(&mut self.rest)?);
        let subject = *self.subjects.get(int::usize_from(take(&mut self.rest)?))?;
        let payload_len = int::usize_from(take(&mut self.rest)?);
        let mut headers = &[][..];
        if has(flag::HEADERS) {
            let len = int::usize_from(take(&mut self.rest)?);
            (headers, self.rest) = self.rest.split_at_checked(len)?;
        }
        let ts = Timestamp(self.ts);
        let record = Record::Publish { stream, seq, ts, subject, headers, payload: &[] };
        let len = codec::encoded_len(&record).checked_add(payload_len)?;
        let place = Place { lsn, offset, len: u32::try_from(len).ok()? };
        let decoded = Decoded { lsn, prev, body: Body::Record(record) };
        Some(Entry { place, decoded, payload_len })
    }

    fn other(&mut self, lsn: Lsn, offset: u32) -> Option<Entry<'a>> {
        let (record, _, rest) = codec::split(self.rest).ok()?;
        self.rest = rest;
        let decoded = codec::decode(record).ok()?;
        if let Body::Record(record) = decoded.body {
            let cursor = *self.by_stream.get(&record.stream())?;
            self.streams.get_mut(cursor)?.lsn = lsn;
        }
        let place = Place { lsn, offset, len: int::u32_saturating(record.len()) };
        Some(Entry { place, decoded, payload_len: 0 })
    }
}
