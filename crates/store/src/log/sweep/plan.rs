//! What is worth sweeping.

use std::ops::RangeInclusive;

use crate::{ids::Lsn, log::segment::SegmentInfo, manifest::Role};

/// Segments to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Neighbours in the order of their records; either the oldest of the log, or cold ones.
    pub sources: Vec<u32>,
    /// What becomes of what lives there.
    pub kind: SweepKind,
    /// The last record of the log that leaves it; zero for cold segments.
    pub log_through: Lsn,
}

/// What becomes of the messages that live in swept segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepKind {
    /// There are none.
    Drop,
    /// They stay where they are; only the rest of the segment is needed no more.
    Adopt,
    /// They are copied to another segment.
    Copy,
}

/// Segments that one sweep takes at most.
const SOURCES_MAX: usize = 64;
/// What a segment has besides records: its head, and a frame.
const ENVELOPE: u64 = 128;
/// A segment with this share of live bytes is not worth copying: tenths.
const ADOPT_TENTHS: u64 = 9;

/// Decides, from the sealed segments in their order.
///
/// `log_bytes` are the bounds of the log's budget, in between it is an eighth of what lives;
/// `segment_bytes` is the most that one sweep copies.
pub(super) fn plan(
    segments: &[SegmentInfo],
    log_bytes: &RangeInclusive<u64>,
    segment_bytes: u32,
    is_space_low: bool,
) -> Option<Sweep> {
    let n_cold = segments.iter().take_while(|it| it.role == Role::Cold).count();
    let (cold, log) = segments.split_at(n_cold);
    // Damage stays where it is, and what comes after it in the log is needed to judge it.
    let n_sound = log.iter().take_while(|it| !it.is_damaged).count();
    let log = &log[..n_sound];
    let live: u64 = segments.iter().map(|it| it.live_bytes).sum();
    let budget = (live / 8).clamp(*log_bytes.start(), *log_bytes.end());
    let used: u64 = log.iter().map(|it| u64::from(it.len)).sum();
    let is_over = budget < used || is_space_low;
    drop_dead(log)
        .or_else(|| cold_sweep(cold, segment_bytes, is_space_low))
        .or_else(|| is_over.then(|| log_sweep(log, segment_bytes, is_space_low)).flatten())
}

fn drop_dead(log: &[SegmentInfo]) -> Option<Sweep> {
    let n_dead = log.iter().take_while(|it| it.live_bytes == 0).take(SOURCES_MAX).count();
    sweep(&log[..n_dead], SweepKind::Drop)
}

/// The oldest of the log: as they are if they live, else a copy of what does.
fn log_sweep(log: &[SegmentInfo], segment_bytes: u32, is_space_low: bool) -> Option<Sweep> {
    let n_alive = log.iter().take_while(|it| is_alive(it)).take(SOURCES_MAX).count();
    if 0 < n_alive {
        // With hardly any room left, that would give back none.
        return if is_space_low { None } else { sweep(&log[..n_alive], SweepKind::Adopt) };
    }
    let mut room = u64::from(segment_bytes);
    let fits = |(index, it): &(usize, &SegmentInfo)| {
        // A single long record may need more than a usual segment has.
        let fits = *index == 0 || (it.live_bytes <= room && !is_alive(it));
        room = room.saturating_sub(it.live_bytes);
        fits
    };
    let n_sources = log.iter().enumerate().take(SOURCES_MAX).take_while(fits).count();
    sweep(&log[..n_sources], SweepKind::Copy)
}

fn is_alive(segment: &SegmentInfo) -> bool {
    u64::from(segment.len) * ADOPT_TENTHS <= segment.live_bytes * 10
}

/// Cold segments that nothing lives in, that are half dead, or that are small and many.
fn cold_sweep(cold: &[SegmentInfo], segment_bytes: u32, is_space_low: bool) -> Option<Sweep> {
    let is_sound = |it: &SegmentInfo| !it.is_damaged;
    if let Some(dead) = cold.iter().position(|it| it.live_bytes == 0 && is_sound(it)) {
        return sweep(&cold[dead..=dead], SweepKind::Drop);
    }
    // A quarter dead is enough when there is no room.
    let quarters = if is_space_low { 1 } else { 2 };
    let is_sparse = |it: &SegmentInfo| u64::from(it.len) * quarters < dead_bytes(it) * 4;
    let is_small = |it: &SegmentInfo| it.live_bytes * 4 < u64::from(segment_bytes);
    let mut best: Option<&[SegmentInfo]> = None;
    let mut start = 0;
    while start < cold.len() {
        let mut room = u64::from(segment_bytes);
        let fits = |(index, it): &(usize, &SegmentInfo)| {
            let is_wanted = is_sound(it) && (is_sparse(it) || is_small(it));
            let fits = is_wanted && (*index == 0 || it.live_bytes <= room);
            room = room.saturating_sub(it.live_bytes);
            fits
        };
        let n = cold[start..].iter().enumerate().take(SOURCES_MAX).take_while(fits).count();
        let run = &cold[start..start + n];
        start += n.max(1);
        /// So many small ones are made one.
        const MANY: usize = 4;
        let is_worth_it = run.iter().any(is_sparse) || MANY <= run.len();
        if is_worth_it && best.is_none_or(|best| gain(best) < gain(run)) {
            best = Some(run);
        }
    }
    sweep(best?, SweepKind::Copy)
}

/// Bytes that come back.
fn gain(segments: &[SegmentInfo]) -> u64 {
    segments.iter().map(dead_bytes).sum()
}

/// Bytes that a copy would not have.
fn dead_bytes(segment: &SegmentInfo) -> u64 {
    u64::from(segment.len).saturating_sub(segment.live_bytes + ENVELOPE)
}

fn sweep(segments: &[SegmentInfo], kind: SweepKind) -> Option<Sweep> {
    let last = segments.last()?;
    let log_through = if last.role == Role::Log { last.last } else { Lsn::ZERO };
    Some(Sweep { sources: segments.iter().map(|it| it.id).collect(), kind, log_through })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of 10 000 bytes, numbered from 1: role and live bytes in hundreds.
    fn segments(of: &[(Role, u64)]) -> Vec<SegmentInfo> {
        let segment = |(id, (role, live_bytes)): (u32, &(Role, u64))| SegmentInfo {
            id,
            role: *role,
            first: Lsn(u64::from(id) * 10),
            last: Lsn(u64::from(id) * 10 + 9),
            len: 10_000,
            live_bytes: *live_bytes * 100,
            sealed: true,
            is_damaged: false,
        };
        (1..).zip(of).map(segment).collect()
    }

    fn check(of: &[(Role, u64)], is_space_low: bool, expected: Option<(&[u32], SweepKind)>) {
        let found = plan(&segments(of), &(25_000..=100_000), 10_000, is_space_low);
        let found = found.as_ref().map(|sweep| (&sweep.sources[..], sweep.kind));
        assert_eq!(found, expected, "{of:?}");
    }

    #[test]
    fn what_is_dead_goes_first_and_the_rest_when_the_log_is_over_its_budget() {
        use Role::{Cold, Log};
        use SweepKind::{Adopt, Copy, Drop};

        check(&[], false, None);
        check(&[(Log, 50), (Log, 0)], false, None);
        check(&[(Log, 0), (Log, 0), (Log, 3)], false, Some((&[1, 2], Drop)));
        check(&[(Log, 50), (Log, 40), (Log, 30)], false, Some((&[1, 2], Copy)));
        check(&[(Log, 95), (Log, 90), (Log, 30)], false, Some((&[1, 2], Adopt)));
        check(&[(Cold, 0), (Cold, 99), (Log, 1)], false, Some((&[1], Drop)));
        check(&[(Cold, 48), (Cold, 99), (Log, 1)], false, Some((&[1], Copy)));
        check(&[(Cold, 51), (Cold, 48), (Cold, 20)], false, Some((&[2, 3], Copy)));
        check(&[(Cold, 70), (Log, 90)], false, None);
    }

    #[test]
    fn without_room_a_quarter_dead_is_enough_and_nothing_is_kept_for_its_order() {
        use Role::{Cold, Log};

        check(&[(Cold, 70), (Log, 90)], true, Some((&[1], SweepKind::Copy)));
        check(&[(Cold, 80), (Log, 50)], true, Some((&[2], SweepKind::Copy)));
        check(&[(Cold, 80), (Log, 95)], true, None);
    }

    #[test]
    fn many_small_ones_become_one() {
        use Role::Cold;
        let mut small = segments(&[(Cold, 10), (Cold, 10), (Cold, 10), (Cold, 10)]);
        for segment in &mut small {
            segment.len = 1_100;
        }

        let four = plan(&small, &(25_000..=100_000), 10_000, false).unwrap();

        assert_eq!((&four.sources[..], four.kind), (&[1, 2, 3, 4][..], SweepKind::Copy));
        assert_eq!(plan(&small[..3], &(25_000..=100_000), 10_000, false), None);
    }

    #[test]
    fn damage_is_left_where_it_is() {
        use Role::{Cold, Log};
        let mut all = segments(&[(Cold, 0), (Log, 0), (Log, 0)]);
        all[0].is_damaged = true;
        all[2].is_damaged = true;

        let found = plan(&all, &(25_000..=100_000), 10_000, false).unwrap();

        assert_eq!(found.sources, [2]);
    }
}
