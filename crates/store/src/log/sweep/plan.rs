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
    /// Bytes that nobody needs any more, or that the log has no longer.
    pub freed_bytes: u64,
    /// Bytes by which the log is over its budget.
    pub excess_bytes: u64,
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

/// So many small ones are made one.
const MANY: usize = 4;
/// Segments that one sweep takes at most.
const SOURCES_MAX: usize = 64;
/// What a segment has besides records: its head, and a frame.
const ENVELOPE: u64 = 128;
/// A segment with this share of live bytes is not worth copying: tenths.
const ADOPT_TENTHS: u64 = 9;

/// What the plan depends on besides the segments.
pub(super) struct Limits<'a> {
    /// Bounds of the log's budget; in between it is an eighth of what lives.
    pub(super) log_bytes: &'a RangeInclusive<u64>,
    /// The most that one sweep copies.
    pub(super) segment_bytes: u32,
    pub(super) is_space_low: bool,
}

/// Decides, from the sealed segments in their order, the most urgent first; those that are kept
/// stay where they are, and so does what comes after them in the log.
pub(super) fn plan(
    segments: &[SegmentInfo],
    limits: &Limits<'_>,
    is_kept: impl Fn(&SegmentInfo) -> bool + Copy,
) -> Vec<Sweep> {
    let n_cold = segments.iter().take_while(|it| it.role == Role::Cold).count();
    let (cold, log) = segments.split_at(n_cold);
    let n_free = log.iter().take_while(|it| !is_kept(it)).count();
    let log = &log[..n_free];
    let live: u64 = segments.iter().map(|it| it.live_bytes).sum();
    let budget = (live / 8).clamp(*limits.log_bytes.start(), *limits.log_bytes.end());
    let used: u64 = log.iter().map(|it| u64::from(it.len)).sum();
    let is_over = budget < used || limits.is_space_low;
    let of_log = is_over.then(|| log_sweep(log, limits)).flatten();
    let all = [drop_dead(log), cold_sweep(cold, limits, is_kept), of_log].into_iter().flatten();
    all.map(|sweep| Sweep { excess_bytes: used.saturating_sub(budget), ..sweep }).collect()
}

fn drop_dead(log: &[SegmentInfo]) -> Option<Sweep> {
    let n_dead = log.iter().take_while(|it| it.live_bytes == 0).take(SOURCES_MAX).count();
    sweep(&log[..n_dead], SweepKind::Drop)
}

/// The oldest of the log: as they are if they live, else a copy of what does.
fn log_sweep(log: &[SegmentInfo], limits: &Limits<'_>) -> Option<Sweep> {
    let n_alive = log.iter().take_while(|it| is_alive(it)).take(SOURCES_MAX).count();
    if 0 < n_alive {
        // With hardly any room left, that would give back none.
        return if limits.is_space_low { None } else { sweep(&log[..n_alive], SweepKind::Adopt) };
    }
    let mut room = u64::from(limits.segment_bytes);
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
fn cold_sweep(
    cold: &[SegmentInfo],
    limits: &Limits<'_>,
    is_kept: impl Fn(&SegmentInfo) -> bool,
) -> Option<Sweep> {
    let is_sound = |it: &SegmentInfo| !is_kept(it);
    if let Some(dead) = cold.iter().position(|it| it.live_bytes == 0 && is_sound(it)) {
        return sweep(&cold[dead..=dead], SweepKind::Drop);
    }
    // A quarter dead is enough when there is no room.
    let quarters = if limits.is_space_low { 1 } else { 2 };
    let is_sparse = |it: &SegmentInfo| u64::from(it.len) * quarters < dead_bytes(it) * 4;
    let is_small = |it: &SegmentInfo| it.live_bytes * 4 < u64::from(limits.segment_bytes);
    let mut best: Option<&[SegmentInfo]> = None;
    let mut start = 0;
    while start < cold.len() {
        let mut room = u64::from(limits.segment_bytes);
        let fits = |(index, it): &(usize, &SegmentInfo)| {
            let is_wanted = is_sound(it) && (is_sparse(it) || is_small(it));
            let fits = is_wanted && (*index == 0 || it.live_bytes <= room);
            room = room.saturating_sub(it.live_bytes);
            fits
        };
        let n = cold[start..].iter().enumerate().take(SOURCES_MAX).take_while(fits).count();
        let run = &cold[start..start + n];
        start += n.max(1);
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
    let freed_bytes = match kind {
        SweepKind::Adopt => segments.iter().map(|it| u64::from(it.len)).sum(),
        SweepKind::Drop | SweepKind::Copy => gain(segments),
    };
    let sources = segments.iter().map(|it| it.id).collect();
    Some(Sweep { sources, kind, log_through, freed_bytes, excess_bytes: 0 })
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
            is_unreadable: false,
        };
        (1..).zip(of).map(segment).collect()
    }

    fn plan_of(segments: &[SegmentInfo], is_space_low: bool) -> Option<Sweep> {
        let log_bytes = &(25_000..=100_000);
        let limits = Limits { log_bytes, segment_bytes: 10_000, is_space_low };
        plan(segments, &limits, |it| it.is_damaged).into_iter().next()
    }

    fn check(of: &[(Role, u64)], is_space_low: bool, expected: Option<(&[u32], SweepKind)>) {
        let found = plan_of(&segments(of), is_space_low);
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

        let four = plan_of(&small, false).unwrap();

        assert_eq!((&four.sources[..], four.kind), (&[1, 2, 3, 4][..], SweepKind::Copy));
        assert_eq!(plan_of(&small[..3], false), None);
    }

    #[test]
    fn damage_is_left_where_it_is() {
        use Role::{Cold, Log};
        let mut all = segments(&[(Cold, 0), (Log, 0), (Log, 0)]);
        all[0].is_damaged = true;
        all[2].is_damaged = true;

        let found = plan_of(&all, false).unwrap();

        assert_eq!(found.sources, [2]);
    }
}
