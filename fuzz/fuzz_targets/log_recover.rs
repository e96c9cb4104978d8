//! Recovery: a store with any bytes changed (segments of the log and cold ones, sidecars, the
//! manifest) opens or is refused; it never panics, never shows a byte that was not written, and a
//! refusal changes nothing. That undamaged records come back is what the tests of the store show.
//!
//! Input: edits of a small store, each one byte that chooses the file, two that choose the place,
//! one that is the length, then that many bytes; a length of 255 cuts the file there.
#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use tradewind_store::{
    Copied, Disk, Durability, FaultDisk, Found, Kept, Log, LogOptions, OpenError, Read, Record,
    StreamId, Survival, Wish, decode_message,
};
use tradewind_subject::Timestamp;

const CUT: u8 = 255;

fuzz_target!(|data: &[u8]| {
    static STORE: OnceLock<FaultDisk> = OnceLock::new();
    let disk = STORE.get_or_init(store).survivor(Survival::Kill);
    let names = sorted_names(&disk);
    let mut rest = data;
    while let [file, high, low, len, after @ ..] = rest {
        let name = &names[usize::from(*file) % names.len()];
        let mut content = disk.content(name).expect("a file that is listed");
        let at = usize::from(u16::from_be_bytes([*high, *low])) % (content.len() + 1);
        if *len == CUT {
            content.truncate(at);
            rest = after;
        } else {
            let (bytes, after) = after.split_at(usize::from(*len).min(after.len()));
            let room = bytes.len().min(content.len() - at);
            content[at..at + room].copy_from_slice(&bytes[..room]);
            rest = after;
        }
        disk.set_content(name, &content);
    }
    check(&disk);
});

/// Whatever is found was written: no byte is made up.
fn check(disk: &FaultDisk) {
    let before = image(disk);
    let mut found_at = Vec::new();
    let opened = Log::open(Arc::new(disk.clone()), options(), &mut |found| {
        if let Found::Record(found) = found
            && let Record::Publish { seq, subject, payload, .. } = found.record
        {
            assert!((1..=LAST).contains(&seq) && subject == b"a.b", "a message of nobody");
            assert!(payload.is_empty() || payload == PAYLOAD, "other bytes");
            assert_eq!(found.payload_len, PAYLOAD.len(), "another length");
            found_at.push((seq, found.position, found.len));
        }
        Ok(())
    });
    match opened {
        Ok((mut log, _)) => {
            for (seq, at, len) in found_at {
                let bytes = match log.read(at, len) {
                    Read::Cached(bytes) => bytes,
                    Read::Job(job) => match job.run() {
                        Ok(bytes) => bytes,
                        Err(_) => continue,
                    },
                    Read::Gone => panic!("{at:?} is gone"),
                };
                if let Ok(message) = decode_message(&bytes, StreamId(1), seq) {
                    assert_eq!(&message.payload[..], PAYLOAD, "other bytes");
                }
            }
            if log.append(Wish::Eager, &publish(1_000, b"after")).is_ok() {
                let job = log.take_commit(Durability::Sync).expect("something is pending");
                log.committed(job.run()).expect("the disk takes it");
            }
        }
        Err(OpenError::Corrupt(_)) => assert_eq!(image(disk), before, "a refusal changes nothing"),
        Err(_) => (),
    }
}

const LAST: u64 = 60;
const PAYLOAD: &[u8] = &[b'x'; 90];

fn options() -> LogOptions {
    LogOptions {
        segment_bytes: [2048, 4096, 4096, 8192],
        tail_bytes: 2048,
        spare_segments: 1,
        reserve_bytes: 0,
        log_bytes: 4_000..=8_000,
        ..LogOptions::new([9; 16])
    }
}

/// Some segments, some frames each, some sidecars, and a cold segment.
fn store() -> FaultDisk {
    let disk = FaultDisk::new();
    let (mut log, _) =
        Log::open(Arc::new(disk.clone()), options(), &mut |_| Ok(())).expect("a new store");
    let mut appended = Vec::new();
    for seq in 1..=LAST {
        appended.push(log.append(Wish::Eager, &publish(seq, PAYLOAD)).expect("an append"));
        if seq % 4 == 0 {
            commit(&mut log);
        }
    }
    for (at, _) in appended.iter().zip(1..).filter(|(_, n)| n % 3 == 0) {
        log.released(at.position, at.len);
    }
    let sweep = log.plan_sweep(false).expect("the log is over its budget");
    let here = appended.iter().zip(1..).filter(|(_, n)| n % 3 != 0).map(|(at, _)| at);
    let here = here.filter(|at| sweep.sources.contains(&at.position.segment));
    let kept = here.map(|at| Kept { position: at.position, len: at.len }).collect();
    let mut job = log.copy(&sweep.sources, kept).expect("something lives there");
    let target = loop {
        match log.copied(job.run()).expect("a copy") {
            Copied::More(more) => job = *more,
            Copied::All { target, .. } => break target,
            Copied::GivenUp => panic!("there is room"),
        }
    };
    log.append(Wish::Eager, &Record::StreamState { stream: StreamId(1), state: b"now" })
        .expect("an append");
    commit(&mut log);
    let sources = sweep.sources.clone();
    let job = log.swap(sweep, Some(target));
    log.swapped(job.run()).expect("a swap");
    let job = log.retire(&sources);
    log.retired(job.run()).expect("the files go");
    while let Some(job) = log.take_index_job() {
        log.inspected(job.run()).expect("a sidecar");
    }
    drop(log);
    disk
}

fn commit(log: &mut Log) {
    let job = log.take_commit(Durability::Sync).expect("something is pending");
    log.committed(job.run()).expect("a commit");
}

fn publish(seq: u64, payload: &[u8]) -> Record<'_> {
    let ts = Timestamp(0);
    Record::Publish { stream: StreamId(1), seq, ts, subject: b"a.b", headers: b"", payload }
}

fn sorted_names(disk: &FaultDisk) -> Vec<String> {
    let mut names = disk.list().expect("the list of files");
    names.sort();
    names
}

fn image(disk: &FaultDisk) -> Vec<(String, Option<Vec<u8>>)> {
    let names = sorted_names(disk).into_iter();
    names.map(|name| (name.clone(), disk.content(&name))).collect()
}
