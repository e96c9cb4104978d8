//! Threads that take numbers in turn; what they find comes to one place.

use std::{
    ops::Range,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

/// Does `work` for each number of a range in some threads, and hands the results to `take` in the
/// order in which they come. Ends early when `take` says so.
pub(crate) fn each<T: Send>(
    numbers: Range<u64>,
    n_threads: usize,
    work: impl Fn(u64) -> T + Sync,
    mut take: impl FnMut(u64, T) -> bool,
) {
    let next = AtomicU64::new(numbers.start);
    let over = AtomicBool::new(false);
    let (results, received) = mpsc::sync_channel(64);
    thread::scope(|scope| {
        for _ in 0..n_threads.max(1) {
            let results = results.clone();
            let (next, over, work, end) = (&next, &over, &work, numbers.end);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if end <= number || results.send((number, work(number))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        for (number, result) in &received {
            if !take(number, result) {
                over.store(true, Ordering::Relaxed);
                break;
            }
        }
        drop(received);
    });
}
