//! Copying what lives in some segments to a new one.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use tradewind_subject::int;

use super::bytes as len_of;
use crate::{
    disk::{DiskError, DiskFile, Trouble},
    files::{self, Files},
    frame::{self, HEAD, Header, Layout},
    ids::{Lsn, Position, StreamId},
    log::{
        Log, Poisoned,
        append::FRAME_BYTES_MAX,
        scan::Scan,
        segment::Segment,
        sidecar::{Builder, Identity, Place},
    },
    manifest::Role,
    mark::{self, Mark},
    mutant::{self, Mutant},
    record::{
        Record,
        codec::{self, Body},
    },
};

/// What one run of a [`CopyJob`] writes before it syncs, so that it stands in nobody's way for long.
const SLICE_BYTES: usize = 2 << 20;
/// Records with less than this between them are read together.
const READ_GAP: u32 = 16 << 10;
/// What is read together at most, unless a record is longer.
const READ_BYTES: u32 = 1 << 20;

/// A message that lives in a segment that is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub position: Position,
    /// The length of its record.
    pub len: u32,
}

/// A message that has a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its stream.
    pub stream: StreamId,
    /// Its sequence.
    pub seq: u64,
    /// Where it was.
    pub from: Position,
    /// Where the copy is.
    pub to: Position,
    /// The length of its record.
    pub len: u32,
}

/// Copies messages. Run it where blocking is allowed, and hand the result to [`Log::copied`].
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct CopyJob {
    files: Arc<Files>,
    /// In the order of their records.
    sources: Vec<(u32, Arc<dyn DiskFile>)>,
    /// In the order of the records, and each once, from the first run on.
    kept: Vec<Kept>,
    n_done: usize,
    target: Segment,
    file: Option<Arc<dyn DiskFile>>,
    frame: Option<OpenFrame>,
    builder: Builder,
    moved: Vec<Moved>,
}

#[derive(Debug)]
struct OpenFrame {
    bytes: BytesMut,
    first: Lsn,
    last: Lsn,
    count: u32,
    records_crc: u32,
}

/// What a [`CopyJob`] came to.
#[derive(Debug)]
#[must_use = "the log waits for it"]
pub struct CopyDone(Result<CopyJob, Failure>);

#[derive(Debug)]
enum Failure {
    Trouble(Trouble),
    /// A record is not what it should be, or can't be read.
    Damaged(Position),
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Failure {
        Failure::Trouble(Trouble::Fault(error))
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        Failure::Trouble(trouble)
    }
}

/// How far a copy is.
#[derive(Debug)]
pub enum Copied {
    /// Not at its end: run it again.
    More(Box<CopyJob>),
    /// All is copied and durable, and no manifest knows.
    All {
        /// The new segment: for [`Log::swap`].
        target: Box<Target>,
        /// What is where.
        moved: Vec<Moved>,
    },
    /// There is no room, or a source is damaged: it was given up.
    GivenUp,
}

/// A segment that no manifest names yet.
#[derive(Debug)]
pub struct Target(pub(super) Segment);

impl CopyJob {
    /// Copies some. Blocks.
    pub fn run(mut self) -> CopyDone {
        let failure = match self.slice() {
            Ok(()) => return CopyDone(Ok(self)),
            Err(failure) => failure,
        };
        if let (Some(_), Failure::Damaged(_) | Failure::Trouble(Trouble::Shortage(_))) =
            (&self.file, &failure)
            && let Err(error) = self.files.disk.remove(&files::segment_name(self.target.id))
        {
            return CopyDone(Err(error.into()));
        }
        CopyDone(Err(failure))
    }

    fn slice(&mut self) -> Result<(), Failure> {
        if self.file.is_none() {
            let Segment { id, capacity, first, .. } = self.target;
            self.file = Some(self.files.start_segment(id, capacity, first)?);
            self.sort();
        }
        let mut n_bytes = 0;
        while n_bytes < SLICE_BYTES && self.n_done < self.kept.len() {
            n_bytes += self.batch()?;
        }
        if self.is_over() {
            self.close_frame()?;
        }
        self.sync()?;
        if self.is_over() { self.finish() } else { Ok(()) }
    }

    /// Puts what is kept in the order of the sources, each message once.
    fn sort(&mut self) {
        let order: BTreeMap<u32, usize> =
            self.sources.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
        self.kept.sort_by_cached_key(|Kept { position, .. }| {
            (order.get(&position.segment).copied(), position.offset)
        });
        self.kept.dedup();
    }

    fn is_over(&self) -> bool {
        self.n_done == self.kept.len()
    }

    /// Copies records that lie close together, and returns their bytes.
    fn batch(&mut self) -> Result<usize, Failure> {
        let first = self.kept[self.n_done];
        let start = first.position.offset;
        let mut end = start + first.len;
        let mut n_records = 1;
        for next in &self.kept[self.n_done + 1..] {
            let Position { segment, offset } = next.position;
            let is_here = segment == first.position.segment && end <= offset;
            if !is_here || end + READ_GAP < offset || READ_BYTES < offset + next.len - start {
                break;
            }
            end = offset + next.len;
            n_records += 1;
        }
        let source = self.sources.iter().find(|(id, _)| *id == first.position.segment);
        let (_, file) = source.ok_or(Failure::Damaged(first.position))?;
        // What can't be read is left where it is: it says nothing about what can be written.
        let read = file.read_at(u64::from(start), len_of(end - start));
        let bytes = read.map_err(|_| Failure::Damaged(first.position))?;
        for at in self.n_done..self.n_done + n_records {
            let Kept { position, len } = self.kept[at];
            let from = len_of(position.offset - start);
            self.add(position, &bytes.slice(from..from + len_of(len)))?;
        }
        self.n_done += n_records;
        Ok(len_of(end - start))
    }

    /// Adds the record at `from`, once it is checked.
    fn add(&mut self, from: Position, bytes: &Bytes) -> Result<(), Failure> {
        let checked = codec::split(bytes).ok().filter(|(_, _, rest)| rest.is_empty());
        let (record, crc, _) = checked.ok_or(Failure::Damaged(from))?;
        let decoded = codec::decode(record).map_err(|_| Failure::Damaged(from))?;
        let Body::Record(Record::Publish { stream, seq, .. }) = decoded.body else {
            return Err(Failure::Damaged(from));
        };
        if self.frame.as_ref().is_some_and(|it| FRAME_BYTES_MAX < it.bytes.len() + bytes.len()) {
            self.close_frame()?;
        }
        let frame = self.frame.get_or_insert_with(|| OpenFrame {
            bytes: BytesMut::zeroed(HEAD),
            first: decoded.lsn,
            last: decoded.lsn,
            count: 0,
            records_crc: 0,
        });
        let offset = self.target.end + int::u32_saturating(frame.bytes.len());
        frame.bytes.extend_from_slice(bytes);
        frame.count += 1;
        frame.last = decoded.lsn;
        frame.records_crc = frame::add_sum(frame.records_crc, crc);
        let len = int::u32_saturating(bytes.len());
        self.builder.add(Place { lsn: decoded.lsn, offset, len }, record, &decoded);
        let to = Position { segment: self.target.id, offset };
        self.target.spans.add(stream, seq);
        self.moved.push(Moved { stream, seq, from, to, len });
        Ok(())
    }

    fn close_frame(&mut self) -> Result<(), Failure> {
        let (Some(mut frame), Some(file)) = (self.frame.take(), &self.file) else { return Ok(()) };
        let header = Header {
            copied: true,
            sparse: true,
            epoch: self.files.epoch,
            segment: self.target.id,
            count: frame.count,
            first: frame.first,
            watermark: frame.last,
            len: int::u32_saturating(frame.bytes.len() - HEAD),
        };
        let head = header.encode(self.files.salt);
        let sum = frame::trailer(frame.records_crc, &head);
        frame.bytes[..HEAD].copy_from_slice(&head);
        frame.bytes.extend_from_slice(&sum.to_le_bytes());
        frame.bytes.resize(frame.bytes.len().next_multiple_of(frame::ALIGN), 0);
        let bytes = frame.bytes.freeze();
        if self.target.content == 0 && self.target.end == Layout::DISK.segment_head {
            self.target.first = frame.first;
        }
        file.write_at(u64::from(self.target.end), &bytes)?;
        self.target.add_frame(int::u32_saturating(bytes.len()), sum, frame.last);
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        if mutant::enabled(Mutant::MoveNotSynced) {
            return Ok(());
        }
        self.file.as_ref().map_or(Ok(()), |file| file.sync())
    }

    /// Reads the copy again, and writes its sidecar.
    fn finish(&mut self) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        let name = files::segment_name(self.target.id);
        let mut scan = Scan::new(name, self.target.id, Arc::clone(file), self.files.salt)?;
        let (mut at, mut n_records) = (len_of(Layout::DISK.segment_head), 0);
        while at < len_of(self.target.end) {
            let frame = scan.frame(at)?.ok_or_else(|| unlike(&scan.name))?;
            at += frame.bytes.len();
            n_records += len_of(frame.header.count);
        }
        if n_records != self.kept.len() {
            return Err(unlike(&scan.name).into());
        }
        let identity = Identity::of(&self.target);
        let sidecar = std::mem::take(&mut self.builder).finish(self.files.salt, &identity);
        self.target.has_sidecar = self.files.write_sidecar(self.target.id, &sidecar)?;
        self.target.spans.close();
        self.target.file = Some(Arc::clone(file));
        Ok(())
    }
}

/// What was just written reads back as something else: nothing on this disk can be trusted.
fn unlike(name: &str) -> DiskError {
    DiskError::from_io("verify", name, std::io::Error::other("reads back unlike what was written"))
}

impl Log {
    /// A job that copies the messages `kept` of some sealed segments to a new one; none if nothing
    /// is kept. A message may be named twice.
    pub fn copy(&mut self, sources: &[u32], kept: Vec<Kept>) -> Option<CopyJob> {
        let first = self.segment(*sources.first()?)?.first;
        let bytes: usize = kept.iter().map(|it| len_of(it.len)).sum();
        // As many frames as fit into it, each with some padding; and one for each long record.
        let envelope = HEAD + frame::CRC + frame::ALIGN;
        let n_long = kept.iter().filter(|it| FRAME_BYTES_MAX / 2 < len_of(it.len)).count();
        let n_frames = 1 + bytes / (FRAME_BYTES_MAX / 2) + n_long * 2;
        let head = Layout::DISK.segment_head;
        let capacity = len_of(head) + bytes + n_frames * envelope;
        if kept.is_empty() {
            return None;
        }
        let capacity = int::u32_saturating(capacity);
        let mut target = Segment::new(self.next_segment, capacity, first, head);
        target.role = Role::Cold;
        self.next_segment += 1;
        let files_of = |id: &u32| Some((*id, Arc::clone(self.segment(*id)?.file.as_ref()?)));
        let sources = sources.iter().filter_map(files_of).collect();
        self.sweeping = true;
        Some(CopyJob {
            files: Arc::clone(&self.files),
            sources,
            kept,
            n_done: 0,
            target,
            file: None,
            frame: None,
            builder: Builder::default(),
            moved: Vec::new(),
        })
    }

    /// Takes note of how far a copy is.
    ///
    /// # Errors
    ///
    /// An I/O error, other than a full disk or a source that can't be read, poisons the log.
    pub fn copied(&mut self, done: CopyDone) -> Result<Copied, Poisoned> {
        match done.0 {
            Ok(job) if job.is_over() && job.target.file.is_some() => {
                mark::hit(Mark::Copied);
                let CopyJob { target, moved, .. } = job;
                Ok(Copied::All { target: Box::new(Target(target)), moved })
            }
            Ok(job) => Ok(Copied::More(Box::new(job))),
            Err(failure) => {
                mark::hit(Mark::CopyGivenUp);
                self.sweeping = false;
                match failure {
                    Failure::Trouble(Trouble::Shortage(shortage)) => {
                        self.files.note_shortage(&shortage);
                    }
                    Failure::Damaged(at) => self.note_damage(at, "a record is damaged"),
                    Failure::Trouble(Trouble::Fault(error)) => {
                        return Err(self.poison(Poisoned::Disk(error)));
                    }
                }
                Ok(Copied::GivenUp)
            }
        }
    }
}
