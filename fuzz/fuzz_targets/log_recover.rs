//! Recovery: a store with any bytes changed opens or is refused; it never panics, and a refusal
//! changes nothing. That undamaged records come back is what the tests of the store show.
//!
//! Input: edits of a small store, each one byte that chooses the file, two that choose the place,
//! one that is the length, then that many bytes; a length of 255 cuts the file there.
#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use tradewind_store::{
    Disk, Durability, FaultDisk, Log, LogOptions, OpenError, Record, StreamId, Survival, Wish,
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

fn check(disk: &FaultDisk) {
    let before = image(disk);
    match Log::open(Arc::new(disk.clone()), options(), &mut |_| Ok(())) {
        Ok((mut log, _)) => {
            if log.append(Wish::Eager, &publish(1_000, b"after")).is_ok() {
                let job = log.take_commit(Durability::Sync).expect("something is pending");
                log.committed(job.run()).expect("the disk takes it");
            }
        }
        Err(OpenError::Corrupt(_)) => assert_eq!(image(disk), before, "a refusal changes nothing"),
        Err(_) => (),
    }
}

fn options() -> LogOptions {
    LogOptions {
        segment_bytes: [2048, 4096, 4096, 8192],
        tail_bytes: 2048,
        spare_segments: 1,
        reserve_bytes: 0,
        ..LogOptions::new([9; 16])
    }
}

/// Some segments, some frames each.
fn store() -> FaultDisk {
    let disk = FaultDisk::new();
    let (mut log, _) =
        Log::open(Arc::new(disk.clone()), options(), &mut |_| Ok(())).expect("a new store");
    for seq in 1..=60 {
        log.append(Wish::Eager, &publish(seq, &[b'x'; 90])).expect("an append");
        if seq % 4 == 0 {
            let job = log.take_commit(Durability::Sync).expect("something is pending");
            log.committed(job.run()).expect("a commit");
        }
    }
    drop(log);
    disk
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
