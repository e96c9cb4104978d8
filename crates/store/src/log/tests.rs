use bytes::Bytes;
use tradewind_subject::{Timestamp, int};

use super::*;
use crate::{
    disk::{Disk, Fault, FaultDisk, Survival},
    files,
    ids::{Position, StreamId},
    record::{Record, StoredMessage, decode_message},
};

const STREAM: StreamId = StreamId(1);

fn options() -> LogOptions {
    LogOptions { segment_bytes: [4096; 4], reserve_bytes: 0, ..LogOptions::new([1; 16]) }
}

fn open(disk: &FaultDisk) -> Log {
    let (log, _) = Log::open(Arc::new(disk.clone()), options(), &mut |_| Ok(())).unwrap();
    log
}

fn append(log: &mut Log, seq: u64, payload: &[u8]) -> Appended {
    let (subject, headers) = (&b"a.b"[..], &b""[..]);
    let ts = Timestamp(0);
    let publish = Record::Publish { stream: STREAM, seq, ts, subject, headers, payload };
    log.append(Wish::Eager, &publish).unwrap()
}

fn commit(log: &mut Log, durability: Durability) -> Lsn {
    let job = log.take_commit(durability).unwrap();
    log.committed(job.run()).unwrap()
}

#[track_caller]
fn message(log: &Log, seq: u64, at: Appended) -> StoredMessage {
    let bytes = match log.read(at.position, at.len) {
        Read::Cached(bytes) => bytes,
        Read::Job(job) => job.run().unwrap(),
        Read::Gone => panic!("{seq} is gone"),
    };
    decode_message(&bytes, STREAM, seq).unwrap()
}

#[test]
fn a_message_is_readable_from_append_to_eviction() {
    let mut log = open(&FaultDisk::new());
    let first = append(&mut log, 1, b"one");
    let second = append(&mut log, 2, &[b'x'; 3000]);
    let third = append(&mut log, 3, &[b'y'; 3000]);
    assert_ne!(first.position.segment, third.position.segment);
    let check = |log: &Log| {
        assert_eq!(message(log, 1, first).payload, "one");
        assert_eq!(message(log, 2, second).payload.len(), 3000);
        assert_eq!(message(log, 3, third).payload.len(), 3000);
    };
    check(&log);

    let job = log.take_commit(Durability::Sync).unwrap();
    let fourth = append(&mut log, 4, b"four");
    check(&log);
    log.committed(job.run()).unwrap();
    check(&log);

    assert!(matches!(log.read(first.position, first.len), Read::Cached(_)));
    log.set_tail_budget(0);
    assert!(matches!(log.read(first.position, first.len), Read::Job(_)));
    check(&log);
    assert_eq!(message(&log, 4, fourth).payload, "four");
}

#[test]
fn positions_after_a_restart_are_those_of_the_copy() {
    let disk = FaultDisk::new();
    let mut log = open(&disk);
    append(&mut log, 1, b"one");
    commit(&mut log, Durability::Sync);
    append(&mut log, 2, b"two");
    commit(&mut log, Durability::Sync);
    drop(log);
    let mut found = Vec::new();

    let (log, report) = Log::open(Arc::new(disk), options(), &mut |event| {
        let Found::Record(Replayed { lsn, position, len, .. }) = event else { panic!("{event:?}") };
        found.push(Appended { lsn, position, len });
        Ok(())
    })
    .unwrap();

    assert_eq!((report.n_records, report.last, report.epoch), (2, Lsn(2), 2));
    assert_eq!(message(&log, 1, found[0]).payload, "one");
    assert_eq!(message(&log, 2, found[1]).payload, "two");
    let info = log.segments().next().unwrap();
    assert_eq!(info.live_bytes, u64::from(found[0].len + found[1].len));
}

#[test]
fn one_commit_is_under_way_at_a_time_and_takes_everything() {
    let mut log = open(&FaultDisk::new());
    assert!(log.take_commit(Durability::Sync).is_none());
    append(&mut log, 1, b"one");
    assert!(log.has_eager());
    assert!(0 < log.pending_bytes());

    let job = log.take_commit(Durability::Sync).unwrap();
    append(&mut log, 2, b"two");
    append(&mut log, 3, b"three");

    assert!(log.take_commit(Durability::Sync).is_none());
    assert_eq!(log.committed(job.run()).unwrap(), Lsn(1));
    assert_eq!(commit(&mut log, Durability::Sync), Lsn(3));
    assert!(!log.has_eager());
    assert_eq!(log.pending_bytes(), 0);
}

#[test]
fn a_lazy_record_asks_for_nothing() {
    let mut log = open(&FaultDisk::new());

    log.append(Wish::Lazy, &Record::StreamPut { stream: STREAM, config: b"" }).unwrap();

    assert!(!log.has_eager());
    assert!(log.has_lazy());
}

#[test]
fn an_unsynced_commit_survives_a_kill_and_is_synced_by_the_next() {
    let disk = FaultDisk::new();
    let mut log = open(&disk);
    append(&mut log, 1, b"one");
    commit(&mut log, Durability::Sync);

    append(&mut log, 2, b"two");
    assert_eq!(commit(&mut log, Durability::Os), Lsn(2));

    assert_eq!((log.durable(), log.synced()), (Lsn(2), Lsn(1)));
    assert_eq!(open(&disk.survivor(Survival::Kill)).durable(), Lsn(2));
    assert_eq!(open(&disk.survivor(Survival::PowerNone)).durable(), Lsn(1));
    assert_eq!(commit(&mut log, Durability::Sync), Lsn(2));
    assert_eq!(log.synced(), Lsn(2));
    assert!(log.take_commit(Durability::Sync).is_none());
    assert_eq!(open(&disk.survivor(Survival::PowerNone)).durable(), Lsn(2));
}

#[test]
fn a_failed_sync_poisons_for_good_and_reads_go_on() {
    let disk = FaultDisk::new();
    let mut log = open(&disk);
    let first = append(&mut log, 1, b"one");
    commit(&mut log, Durability::Sync);
    append(&mut log, 2, b"two");
    let job = log.take_commit(Durability::Sync).unwrap();
    disk.plan(Fault::Io(disk.ops() + 1));

    let refused = log.committed(job.run());

    assert!(matches!(refused, Err(Poisoned::Disk(_))));
    assert_eq!(log.durable(), Lsn(1));
    let put = Record::StreamPut { stream: STREAM, config: b"" };
    assert!(matches!(log.append(Wish::Lazy, &put), Err(AppendError::Poisoned(_))));
    assert!(log.take_commit(Durability::Sync).is_none());
    log.set_tail_budget(0);
    assert_eq!(message(&log, 1, first).payload, "one");
}

#[test]
fn a_record_that_is_too_long_is_refused_and_leaves_no_trace() {
    let mut log = Log::memory();
    let state = vec![0; crate::RECORD_BYTES_MAX];

    let refused = log.append(Wish::Lazy, &Record::StreamState { stream: STREAM, state: &state });

    assert!(matches!(refused, Err(AppendError::TooLong { .. })));
    assert_eq!(log.appended(), Lsn::ZERO);
    assert!(!log.has_lazy());
}

/// Gives back all segments that nothing lives in.
fn drop_dead(log: &mut Log) {
    let sweep = log.plan_sweeps(true).remove(0);
    assert_eq!(sweep.kind, SweepKind::Drop);
    let sources = sweep.sources.clone();
    let job = log.swap(sweep, None);
    assert!(log.swapped(job.run()).unwrap());
    let job = log.retire(&sources);
    log.retired(job.run()).unwrap();
}

#[test]
fn a_segment_is_given_back_only_when_nothing_lives_there() {
    let disk = FaultDisk::new();
    let mut log = open(&disk);
    let first = append(&mut log, 1, &[0; 3000]);
    let second = append(&mut log, 2, &[0; 3000]);
    let id = first.position.segment;
    commit(&mut log, Durability::Sync);
    assert_eq!(log.plan_sweeps(true), []);

    log.released(first.position, first.len);
    drop_dead(&mut log);

    assert_eq!(log.segments().next().unwrap().id, id + 1);
    assert!(matches!(log.read(first.position, first.len), Read::Gone));
    assert!(disk.content(&files::segment_name(id)).is_none());
    drop(log);
    assert_eq!(open(&disk).durable(), second.lsn);
}

#[test]
fn a_source_that_cant_be_read_stays_and_poisons_nothing() {
    let disk = FaultDisk::new();
    let mut log = open(&disk);
    let first = append(&mut log, 1, &[1; 1000]);
    append(&mut log, 2, &[2; 3000]);
    commit(&mut log, Durability::Sync);
    let Position { segment, .. } = first.position;
    let n_files = disk.list().unwrap().len();
    // It ends before the record.
    let name = files::segment_name(segment);
    disk.set_content(&name, &disk.content(&name).unwrap()[..64]);

    let job = log.copy(&[segment], vec![Kept { position: first.position, len: first.len }]);

    assert!(matches!(log.copied(job.unwrap().run()), Ok(Copied::GivenUp)));
    assert!(log.poisoned().is_none());
    assert!(log.segments().any(|it| it.id == segment && it.is_unreadable));
    assert_eq!(disk.list().unwrap().len(), n_files, "the half copy is gone");
    append(&mut log, 3, b"three");
    commit(&mut log, Durability::Sync);
}

#[test]
fn the_pool_is_refilled_whenever_a_spare_was_taken() {
    let mut log = open(&FaultDisk::new());
    append(&mut log, 1, &[1; 3000]);
    append(&mut log, 2, &[2; 3000]);
    let job = log.take_pool_job().unwrap();
    log.pooled(job.run()).unwrap();
    assert!(log.take_pool_job().is_none());

    // The roll was before the refill, and takes a spare after it.
    commit(&mut log, Durability::Sync);

    assert!(log.take_pool_job().is_some());
}

#[test]
fn a_file_that_is_being_read_is_not_recycled() {
    let disk = FaultDisk::new();
    let mut log = open(&disk);
    let first = append(&mut log, 1, &[7; 3000]);
    append(&mut log, 2, &[0; 3000]);
    commit(&mut log, Durability::Sync);
    log.set_tail_budget(0);
    let Read::Job(read) = log.read(first.position, first.len) else { panic!("evicted") };

    log.released(first.position, first.len);
    drop_dead(&mut log);
    for seq in 3..10 {
        append(&mut log, seq, &[0; 3000]);
        commit(&mut log, Durability::Sync);
    }

    let message = decode_message(&read.run().unwrap(), STREAM, 1).unwrap();
    assert_eq!(message.payload, vec![7; 3000]);
}

#[test]
fn a_released_file_becomes_the_next_segment() {
    let disk = FaultDisk::new();
    let mut log = open(&disk);
    let first = append(&mut log, 1, &[7; 3000]);
    append(&mut log, 2, &[0; 3000]);
    commit(&mut log, Durability::Sync);
    log.released(first.position, first.len);
    drop_dead(&mut log);
    assert!(log.take_pool_job().is_none(), "the pool is full again");

    append(&mut log, 3, b"short");
    let last = append(&mut log, 4, &[0; 3000]);
    commit(&mut log, Durability::Sync);

    let content = disk.content(&files::segment_name(3)).unwrap();
    assert!(content.contains(&7) || content.len() == 4096);
    assert_eq!(open(&disk.survivor(Survival::PowerNone)).durable(), last.lsn);
}

#[test]
fn a_spare_makes_a_full_disk_known_one_segment_early() {
    let disk = FaultDisk::new();
    let mut log = open(&disk);
    append(&mut log, 1, b"one");
    commit(&mut log, Durability::Sync);
    assert!(!log.space_low());

    disk.plan(Fault::Full(0));
    let job = log.take_pool_job().unwrap();
    log.pooled(job.run()).unwrap();
    assert!(log.space_low());
    append(&mut log, 2, b"an ack still fits");
    assert_eq!(commit(&mut log, Durability::Sync), Lsn(2));

    disk.heal();
    let job = log.take_pool_job().unwrap();
    log.pooled(job.run()).unwrap();
    assert!(!log.space_low());
    assert!(log.take_pool_job().is_none());
}

#[test]
fn a_commit_without_room_is_taken_again() {
    let disk = FaultDisk::new();
    let mut log = open(&disk);
    append(&mut log, 1, &[0; 3000]);
    append(&mut log, 2, &[0; 3000]);
    let third = append(&mut log, 3, &[0; 3000]);
    // Past the creation of the first segment.
    disk.plan(Fault::Full(disk.ops() + 7));

    assert_eq!(commit(&mut log, Durability::Sync), Lsn(1));

    assert!(log.is_stalled());
    assert!(log.space_low());
    assert!(!log.idle_marker_due());
    let fourth = append(&mut log, 4, b"four");
    disk.heal();
    assert_eq!(commit(&mut log, Durability::Sync), third.lsn);
    assert_eq!(commit(&mut log, Durability::Sync), fourth.lsn);
    assert_eq!(open(&disk.survivor(Survival::PowerNone)).durable(), fourth.lsn);
}

#[test]
fn memory_is_given_back_with_the_last_message_of_any_segment() {
    let mut log = Log::memory();
    let mut appended = Vec::new();
    for seq in 1..=3000 {
        appended.push(append(&mut log, seq, &[1; 300]));
        commit(&mut log, Durability::Os);
    }
    let segments: Vec<SegmentInfo> = log.segments().collect();
    assert_eq!(segments.len(), 5);

    let middle = segments[2].id;
    for at in appended.iter().filter(|at| at.position.segment == middle) {
        log.released(at.position, at.len);
    }

    let left: Vec<u32> = log.segments().map(|segment| segment.id).collect();
    assert_eq!(left, [1, 2, 4, 5]);
    for (at, seq) in appended.iter().zip(1..) {
        match log.read(at.position, at.len) {
            Read::Gone => assert_eq!(at.position.segment, middle),
            _ => assert_eq!(message(&log, seq, *at).payload.len(), 300),
        }
    }
}

#[test]
fn a_memory_log_costs_little_more_than_its_messages() {
    let mut log = Log::memory();
    let (n_messages, payload) = (20_000, [1; 100]);
    for seq in 1..=n_messages {
        append(&mut log, seq, &payload);
        commit(&mut log, Durability::Os);
    }

    let held: u64 = log.segments().map(|segment| u64::from(segment.len)).sum();
    // A frame of one message adds an entry of the memory disk: an offset and a slice.
    let entries = n_messages * int::u64_from(size_of::<(u64, Bytes)>());
    let bound = n_messages * (100 * 3 / 2 + 150);
    assert!(held + entries * 2 < bound, "{held} + {entries} of {bound}");
    assert_eq!(log.tail_bytes(), 0);
}

#[test]
fn the_owner_can_poison_the_log_once() {
    let mut log = Log::memory();

    log.poison(Poisoned::Owner("one".to_owned()));
    let first = log.poison(Poisoned::Owner("two".to_owned()));

    assert!(matches!(first, Poisoned::Owner(why) if why == "one"));
    assert!(log.take_commit(Durability::Os).is_none());
}

/// After a failed sync the page cache shows a manifest that the disk does not have.
#[test]
fn a_start_leaves_two_manifests_alike_whatever_failed_before() {
    for op in 0..12 {
        let disk = FaultDisk::new();
        let mut log = open(&disk);
        append(&mut log, 1, &[0; 3000]);
        commit(&mut log, Durability::Sync);
        append(&mut log, 2, &[0; 3000]);
        disk.plan(Fault::Io(disk.ops() + op));
        let job = log.take_commit(Durability::Sync).unwrap();
        _ = log.committed(job.run());
        drop(log);
        disk.heal();

        drop(open(&disk));

        let after = disk.survivor(Survival::PowerNone);
        let generation = |slot: &str| {
            let content = after.content(slot).unwrap();
            u64::from_le_bytes(*content[16..].first_chunk().unwrap())
        };
        assert_eq!(generation("manifest.0"), generation("manifest.1"), "op {op}");
    }
}
