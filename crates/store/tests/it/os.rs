//! On a real directory.

use std::{path::Path, sync::Arc};

use tradewind_store::{
    Durability, Log, LogOptions, OpenError, OsDisk, Read, Record, StreamId, Wish, decode_message,
};
use tradewind_subject::Timestamp;

fn open(path: &Path) -> Result<(Log, u64), OpenError> {
    let disk = Arc::new(OsDisk::new(path)?);
    let mut n_records = 0;
    let (log, _) = Log::open(disk, LogOptions::new([5; 16]), &mut |_| {
        n_records += 1;
        Ok(())
    })?;
    Ok((log, n_records))
}

fn append(log: &mut Log, seq: u64, payload: &[u8]) -> tradewind_store::Appended {
    let (stream, ts) = (StreamId(1), Timestamp(0));
    let publish = Record::Publish { stream, seq, ts, subject: b"a.b", headers: b"", payload };
    log.append(Wish::Eager, &publish).unwrap()
}

fn commit(log: &mut Log) {
    while let Some(job) = log.take_commit(Durability::Sync) {
        log.committed(job.run()).unwrap();
    }
}

fn used(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let files = std::fs::read_dir(path).unwrap();
    files.map(|entry| entry.unwrap().metadata().unwrap().blocks() * 512).sum()
}

#[test]
fn messages_of_all_sizes_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path()).unwrap();
    log.set_tail_budget(0);
    let sizes = [0, 1, 200, 70_000, 1 << 20, 3 << 20, 100];
    let mut appended = Vec::new();
    for (size, seq) in sizes.into_iter().zip(1..) {
        appended.push((seq, append(&mut log, seq, &vec![7; size]), size));
        commit(&mut log);
        if let Some(job) = log.take_pool_job() {
            log.pooled(job.run()).unwrap();
        }
    }
    for (seq, at, size) in &appended {
        let Read::Job(job) = log.read(at.position, at.len) else { panic!("not in memory") };
        let message = decode_message(&job.run().unwrap(), StreamId(1), *seq).unwrap();
        assert_eq!(message.payload, vec![7; *size]);
    }
    assert!(matches!(open(dir.path()), Err(OpenError::Locked)));
    drop(log);

    let (log, n_records) = open(dir.path()).unwrap();

    assert_eq!(n_records, 7);
    assert_eq!(log.durable(), appended[6].1.lsn);
}

fn log_pool(log: &mut Log) -> tradewind_store::PoolDone {
    log.take_pool_job().unwrap().run()
}

#[test]
fn an_empty_store_is_small() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path()).unwrap();
    append(&mut log, 1, b"x");
    commit(&mut log);
    let done = log_pool(&mut log);
    log.pooled(done).unwrap();

    assert!(used(dir.path()) < 8 << 20);
}
