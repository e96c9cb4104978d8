//! Whether many streams share syncs as one does.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Load, Watch, verdict};
use crate::{num, out};

const WINDOWS: [usize; 3] = [1, 64, 1024];
/// Publishes at each of the windows, a second or two on a usual disk.
const PUBLISHES: [u64; 3] = [4_000, 100_000, 400_000];
/// What many streams must reach of the figures of one.
const SAME: f64 = 0.95;

/// Publishes to one stream and to `streams`, in alternating rounds; false if many need more syncs
/// for as many acks.
pub(super) fn run(watch: &Watch<'_>, streams: usize, rounds: usize) -> Result<(bool, Value)> {
    let mut figures = Vec::new();
    let mut all_good = true;
    for (window, count) in WINDOWS.into_iter().zip(PUBLISHES) {
        let mut shared: [Vec<Shared>; 2] = Default::default();
        for _ in 0..rounds.max(1) {
            for (shared, streams) in shared.iter_mut().zip([1, streams]) {
                let (syncs, took) = watch.counted(Load::Spread { streams, window }, count)?;
                let syncs = num::float(syncs.max(1));
                shared.push(Shared {
                    per_sync: num::float(count) / syncs,
                    syncs_per_second: syncs / took.as_secs_f64(),
                });
            }
        }
        let [one, many] = shared.map(|rounds| Shared::median(&rounds));
        let good = one.per_sync * SAME <= many.per_sync;
        all_good &= good;
        out::say(&format!(
            "window {window}: 1 stream {:.1} acks per sync, {:.0} syncs/s; {streams} streams \
             {:.1} acks per sync, {:.0} syncs/s: {}",
            one.per_sync,
            one.syncs_per_second,
            many.per_sync,
            many.syncs_per_second,
            verdict(good)
        ));
        figures.push(json!({
            "window": window, "publishes": count, "streams": [1, streams],
            "acks_per_sync": [one.per_sync, many.per_sync],
            "syncs_per_second": [one.syncs_per_second, many.syncs_per_second],
            "holds": good,
        }));
    }
    Ok((all_good, Value::Array(figures)))
}

#[derive(Clone, Copy, Debug)]
struct Shared {
    per_sync: f64,
    syncs_per_second: f64,
}

impl Shared {
    fn median(rounds: &[Shared]) -> Shared {
        let middle = |figure: fn(&Shared) -> f64| {
            num::median(&rounds.iter().map(figure).collect::<Vec<_>>()).unwrap_or(0.0)
        };
        Shared {
            per_sync: middle(|shared| shared.per_sync),
            syncs_per_second: middle(|shared| shared.syncs_per_second),
        }
    }
}
