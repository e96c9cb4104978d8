//! What was stored and is not there any more is an error, never a shorter log.

use std::sync::Arc;

use tradewind_store::{
    Corruption, Disk, Durability, FaultDisk, Found, Log, LogOptions, Lsn, MemDisk, OpenError,
    Record, StreamId, Survival, Wish,
};

use crate::script::{Fact, Opened, Script, open, options};

/// A store in which everything is known to be durable.
fn settled() -> (FaultDisk, Vec<Fact>) {
    let disk = FaultDisk::new();
    let mut script = Script::new(disk.clone(), 21);
    script.run(200).unwrap();
    for _ in 0..40 {
        script.publish().unwrap();
    }
    script.settle().unwrap();
    drop(script);
    let disk = disk.survivor(Survival::Kill);
    let facts = open(&disk.survivor(Survival::Kill)).unwrap().facts;
    assert!(3 < disk.list().unwrap().iter().filter(|name| name.contains(".log")).count());
    (disk, facts)
}

/// Opens a copy: all of it, or it is said that something is missing. Returns whether it was said.
#[track_caller]
fn check_all_or_error(disk: &FaultDisk, expected: &[Fact], context: &str) -> bool {
    let names = |disk: &FaultDisk| disk.list().unwrap().len();
    let before = names(disk);
    match open(disk) {
        Ok(opened) if opened.report.damage.is_empty() => {
            assert_same(&opened.facts, expected, context);
            false
        }
        Ok(opened) => {
            let invented = opened.facts.iter().find(|fact| !expected.contains(fact));
            assert_eq!(invented, None, "{context}");
            true
        }
        Err(OpenError::Corrupt(_) | OpenError::Replay(_) | OpenError::Disk(_)) => {
            assert!(before <= names(disk), "{context}: nothing was removed");
            true
        }
        Err(error) => panic!("{context}: {error:?}"),
    }
}

#[track_caller]
fn assert_same(facts: &[Fact], expected: &[Fact], context: &str) {
    let differ = facts.iter().zip(expected).find(|(fact, expected)| fact != expected);
    assert_eq!(differ, None, "{context}");
    assert_eq!(facts.len(), expected.len(), "{context}");
}

fn content(disk: &FaultDisk) -> Vec<(String, Option<Vec<u8>>)> {
    let names = disk.list().unwrap();
    names.into_iter().map(|name| (name.clone(), disk.content(&name))).collect()
}

/// The first damage, and the streams that lost records, to an owner who goes on all the same.
fn corruption(disk: &FaultDisk) -> Corruption {
    let mut lost = Vec::new();
    let opened = Log::open(Arc::new(disk.clone()), options(), &mut |found| {
        if let Found::Lost(found) = found {
            lost.extend(found.stream);
        }
        Ok(())
    });
    let mut found = match opened {
        Err(OpenError::Corrupt(corruption)) => return *corruption,
        opened => opened.unwrap().1.damage.remove(0),
    };
    lost.sort_unstable();
    lost.dedup();
    found.streams = lost;
    found
}

#[test]
fn a_flipped_bit_is_an_error_or_harmless() {
    let (disk, facts) = settled();
    let mut n_errors = 0;
    for (name, content) in content(&disk) {
        let content = content.unwrap();
        let used = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 9);
        for at in (0..used.min(content.len())).step_by(9) {
            let copy = disk.survivor(Survival::Kill);
            let mut flipped = content.clone();
            flipped[at] ^= 1 << (at % 8);
            copy.set_content(&name, &flipped);

            n_errors += u32::from(check_all_or_error(&copy, &facts, &format!("{name} at {at}")));
        }
    }
    assert!(1000 < n_errors);
}

#[test]
fn a_lost_file_is_an_error_unless_it_held_nothing() {
    let (disk, facts) = settled();
    for (name, _) in content(&disk) {
        let copy = disk.survivor(Survival::Kill);
        copy.lose(&name);

        let error = check_all_or_error(&copy, &facts, &name);

        assert_eq!(error, name.contains(".log"), "{name}");
    }
}

#[test]
fn a_truncated_file_is_an_error_unless_it_held_nothing() {
    let (disk, facts) = settled();
    for (name, content) in content(&disk) {
        for len in [0, 64, content.as_ref().unwrap().len().saturating_sub(1)] {
            let copy = disk.survivor(Survival::Kill);
            let mut content = content.clone().unwrap();
            let was_used = content.iter().skip(len).any(|byte| *byte != 0);
            content.truncate(len);
            copy.set_content(&name, &content);

            let error = check_all_or_error(&copy, &facts, &format!("{name} to {len}"));

            assert!(error || !was_used || !name.contains(".log"), "{name} to {len}");
        }
    }
}

/// A publish of one byte, committed alone.
fn publish(log: &mut Log, stream: u64, seq: u64) {
    append(log, stream, seq, b"x");
    let job = log.take_commit(Durability::Sync).unwrap();
    log.committed(job.run()).unwrap();
}

fn append(log: &mut Log, stream: u64, seq: u64, payload: &[u8]) {
    let ts = tradewind_subject::Timestamp(0);
    let stream = StreamId(stream);
    let publish = Record::Publish { stream, seq, ts, subject: b"a", headers: b"", payload };
    log.append(Wish::Eager, &publish).unwrap();
}

const SEGMENT: &str = "0000000001.log";
const SEGMENT_HEAD: usize = 64;

/// The offset of the frame with this index, when every frame holds one message of one byte.
fn frame_at(index: usize) -> usize {
    SEGMENT_HEAD + index * (48_usize + 32 + 24 + 2 + 4 + 4).next_multiple_of(8)
}

fn flip(disk: &FaultDisk, at: usize) {
    let mut content = disk.content(SEGMENT).unwrap();
    content[at] ^= 1;
    disk.set_content(SEGMENT, &content);
}

#[test]
fn damage_names_the_place_and_the_streams() {
    let disk = FaultDisk::new();
    let mut log = open(&disk).unwrap().log;
    for seq in 1..=3 {
        publish(&mut log, 7, seq);
        publish(&mut log, 8, seq);
    }
    drop(log);

    flip(&disk, frame_at(2) + 60);

    let found = corruption(&disk);
    assert_eq!((found.file.as_str(), found.offset), (SEGMENT, 64 + 2 * 120));
    assert_eq!((found.lsn, found.streams), (Lsn(3), vec![StreamId(7)]));
}

#[test]
fn an_idle_marker_tells_damage_from_a_torn_end() {
    let disk = FaultDisk::new();
    let mut log = open(&disk).unwrap().log;
    publish(&mut log, 7, 1);
    publish(&mut log, 8, 1);
    assert!(log.idle_marker_due());
    let unmarked = disk.survivor(Survival::PowerNone);
    log.append_idle().unwrap();
    let job = log.take_commit(Durability::Sync).unwrap();
    log.committed(job.run()).unwrap();
    assert!(!log.idle_marker_due());
    drop(log);

    flip(&unmarked, frame_at(1) + 60);
    flip(&disk, frame_at(1) + 60);

    let Opened { facts, report, .. } = open(&unmarked).unwrap();
    assert_eq!((facts.len(), report.last), (1, Lsn(1)));
    let cut = report.cut.unwrap();
    assert_eq!((cut.file.as_str(), cut.offset, cut.lsn), (SEGMENT, 64 + 120, Lsn(2)));
    let found = corruption(&disk);
    assert_eq!((found.lsn, found.streams), (Lsn(2), vec![StreamId(8)]));
}

#[test]
fn an_older_state_of_a_segment_is_an_error() {
    let disk = FaultDisk::new();
    let mut log = open(&disk).unwrap().log;
    publish(&mut log, 7, 1);
    let old = disk.content(SEGMENT).unwrap();
    // More than the segment holds: it is sealed.
    for seq in 2..40 {
        publish(&mut log, 7, seq);
    }
    drop(log);

    disk.set_content(SEGMENT, &old);

    assert_eq!(corruption(&disk).lsn, Lsn(2));
}

#[test]
fn what_a_start_has_copied_is_known_to_be_durable() {
    let disk = FaultDisk::new();
    let mut log = open(&disk).unwrap().log;
    publish(&mut log, 7, 1);
    drop(log);
    drop(open(&disk).unwrap());
    let name = "0000000002.log";
    let mut content = disk.content(name).unwrap();

    content[frame_at(0) + 60] ^= 1;
    disk.set_content(name, &content);

    assert_eq!(corruption(&disk).lsn, Lsn(1));
}

/// The same store went two ways, as after a restored backup: every frame is valid.
#[test]
fn a_segment_of_another_history_is_an_error() {
    let disk = FaultDisk::new();
    drop(open(&disk).unwrap());
    let other = disk.survivor(Survival::PowerNone);
    for (disk, stream) in [(&disk, 7), (&other, 8)] {
        let mut log = open(disk).unwrap().log;
        for seq in 1..40 {
            publish(&mut log, stream, seq);
        }
    }

    disk.set_content(SEGMENT, &other.content(SEGMENT).unwrap());

    assert_eq!(corruption(&disk).file, SEGMENT);
}

/// A message whose payload is a segment of another store, full of valid frames with high
/// watermarks, does not turn a torn end into damage.
#[test]
fn frames_inside_a_payload_are_not_believed() {
    let other = FaultDisk::new();
    let forged = LogOptions { instance: [3; 16], ..options() };
    let (mut log, _) = Log::open(Arc::new(other.clone()), forged, &mut |_| Ok(())).unwrap();
    for seq in 1..9 {
        publish(&mut log, 7, seq);
    }
    let frames = other.content(SEGMENT).unwrap();
    let disk = FaultDisk::new();
    let mut log = open(&disk).unwrap().log;
    publish(&mut log, 7, 1);
    for shift in 0..8 {
        append(&mut log, 7, 2, &[&vec![0; shift], &frames[64..164]].concat());
    }
    let job = log.take_commit(Durability::Sync).unwrap();
    log.committed(job.run()).unwrap();
    drop(log);

    flip(&disk, frame_at(1) + 60);

    assert_eq!(open(&disk).unwrap().facts.len(), 1);
}

#[test]
fn a_directory_with_anything_else_in_it_is_left_alone() {
    for (name, expected_nats) in [("jetstream", true), ("notes.txt", false), ("1.log", false)] {
        let disk = MemDisk::new();
        disk.create(name).unwrap();

        let error = Log::open(Arc::new(disk.clone()), options(), &mut |_| Ok(())).unwrap_err();

        assert!(
            matches!(&error, OpenError::Foreign { name: n, nats } if n == name && *nats == expected_nats),
            "{error:?}"
        );
        assert_eq!(disk.list().unwrap(), [name]);
    }
}

#[test]
fn a_store_is_open_once() {
    let disk = FaultDisk::new();
    let log = open(&disk).unwrap().log;

    assert!(matches!(open(&disk), Err(OpenError::Locked)));
    drop(log);
    open(&disk).unwrap();
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let (disk, _) = settled();
    for slot in ["manifest.0", "manifest.1"] {
        let copy = disk.survivor(Survival::Kill);
        let mut content = copy.content(slot).unwrap();
        let len = usize::try_from(u32::from_le_bytes(*content[12..].first_chunk().unwrap()));
        let covered = len.unwrap() - 4;
        content[10] = 9;
        let crc = crc32c::crc32c(&content[..covered]);
        content[covered..covered + 4].copy_from_slice(&crc.to_le_bytes());
        copy.set_content(slot, &content);

        assert!(matches!(open(&copy), Err(OpenError::Newer { needs: 9, .. })));
    }
}

#[test]
fn an_error_of_the_owner_changes_nothing() {
    let (disk, facts) = settled();
    let before = content(&disk);
    let mut n_seen = 0;

    let error = Log::open(Arc::new(disk.clone()), options(), &mut |_| {
        n_seen += 1;
        if n_seen == 3 { Err(tradewind_store::ReplayError("no".into())) } else { Ok(()) }
    });

    assert!(matches!(error.unwrap_err(), OpenError::Replay(_)));
    assert_eq!(content(&disk), before);
    assert!(!check_all_or_error(&disk, &facts, "again"));
}
