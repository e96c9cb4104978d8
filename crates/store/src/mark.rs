//! Places that the simulator has to come by: what it never reached it proves nothing about.
//!
//! Without the feature `mutants` a [`hit`] is nothing at all. With it, each thread remembers which
//! marks it came by.

use crate::record::Record;

/// A place in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "named by `Mark::name`")]
pub enum Mark {
    ReplayPublish,
    ReplaySkip,
    ReplayRemove,
    ReplayPurgeTo,
    ReplayStreamPut,
    ReplayStreamGone,
    ReplayConsumerPut,
    ReplayConsumerGone,
    ReplayConsumerDelta,
    ReplayStreamState,
    ReplayConsumerState,
    ReplayMessageIds,
    ReplayIdle,
    NewStore,
    OneSlotUnreadable,
    SealedRead,
    TailCopied,
    TailEmpty,
    TornEnd,
    LeftoverRemoved,
    UnlistedTolerated,
    OldTailKept,
    UnnamedRemoved,
    SpareRemoved,
    RestoredFromSnapshot,
    DamagedTail,
    DamagedSealed,
    DamagedHead,
    TruncatedSegment,
    MissingSegment,
    MissingManifest,
    NoManifest,
    Rolled,
    RolledIntoSpare,
    Stalled,
    RetiredToPool,
    PoolFilled,
    CommitFailed,
    ChoreFailed,
    DamagedRead,
    SidecarRead,
    SidecarBad,
    ColdRead,
    Salvaged,
    StreamLost,
    UnknownLost,
    DamagedTailKept,
    Dropped,
    Adopted,
    Copied,
    Swapped,
    CopyGivenUp,
    Witnessed,
}

impl Mark {
    /// All of them, in the order of their numbers.
    pub const ALL: [Mark; 53] = [
        Mark::ReplayPublish,
        Mark::ReplaySkip,
        Mark::ReplayRemove,
        Mark::ReplayPurgeTo,
        Mark::ReplayStreamPut,
        Mark::ReplayStreamGone,
        Mark::ReplayConsumerPut,
        Mark::ReplayConsumerGone,
        Mark::ReplayConsumerDelta,
        Mark::ReplayStreamState,
        Mark::ReplayConsumerState,
        Mark::ReplayMessageIds,
        Mark::ReplayIdle,
        Mark::NewStore,
        Mark::OneSlotUnreadable,
        Mark::SealedRead,
        Mark::TailCopied,
        Mark::TailEmpty,
        Mark::TornEnd,
        Mark::LeftoverRemoved,
        Mark::UnlistedTolerated,
        Mark::OldTailKept,
        Mark::UnnamedRemoved,
        Mark::SpareRemoved,
        Mark::RestoredFromSnapshot,
        Mark::DamagedTail,
        Mark::DamagedSealed,
        Mark::DamagedHead,
        Mark::TruncatedSegment,
        Mark::MissingSegment,
        Mark::MissingManifest,
        Mark::NoManifest,
        Mark::Rolled,
        Mark::RolledIntoSpare,
        Mark::Stalled,
        Mark::RetiredToPool,
        Mark::PoolFilled,
        Mark::CommitFailed,
        Mark::ChoreFailed,
        Mark::DamagedRead,
        Mark::SidecarRead,
        Mark::SidecarBad,
        Mark::ColdRead,
        Mark::Salvaged,
        Mark::StreamLost,
        Mark::UnknownLost,
        Mark::DamagedTailKept,
        Mark::Dropped,
        Mark::Adopted,
        Mark::Copied,
        Mark::Swapped,
        Mark::CopyGivenUp,
        Mark::Witnessed,
    ];

    /// The replay of a record.
    pub(crate) const fn of_replayed(record: &Record<'_>) -> Mark {
        match record {
            Record::Publish { .. } => Mark::ReplayPublish,
            Record::Skip { .. } => Mark::ReplaySkip,
            Record::Remove { .. } => Mark::ReplayRemove,
            Record::PurgeTo { .. } => Mark::ReplayPurgeTo,
            Record::StreamPut { .. } => Mark::ReplayStreamPut,
            Record::StreamGone { .. } => Mark::ReplayStreamGone,
            Record::ConsumerPut { .. } => Mark::ReplayConsumerPut,
            Record::ConsumerGone { .. } => Mark::ReplayConsumerGone,
            Record::ConsumerDelta { .. } => Mark::ReplayConsumerDelta,
            Record::StreamState { .. } => Mark::ReplayStreamState,
            Record::ConsumerState { .. } => Mark::ReplayConsumerState,
            Record::MessageIds { .. } => Mark::ReplayMessageIds,
        }
    }

    /// What a table calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Mark::ReplayPublish => "record: Publish",
            Mark::ReplaySkip => "record: Skip",
            Mark::ReplayRemove => "record: Remove",
            Mark::ReplayPurgeTo => "record: PurgeTo",
            Mark::ReplayStreamPut => "record: StreamPut",
            Mark::ReplayStreamGone => "record: StreamGone",
            Mark::ReplayConsumerPut => "record: ConsumerPut",
            Mark::ReplayConsumerGone => "record: ConsumerGone",
            Mark::ReplayConsumerDelta => "record: ConsumerDelta",
            Mark::ReplayStreamState => "record: StreamState",
            Mark::ReplayConsumerState => "record: ConsumerState",
            Mark::ReplayMessageIds => "record: MessageIds",
            Mark::ReplayIdle => "record: Idle",
            Mark::NewStore => "recovery: new store",
            Mark::OneSlotUnreadable => "recovery: one manifest slot unreadable",
            Mark::SealedRead => "recovery: sealed segment read",
            Mark::TailCopied => "recovery: tail copied",
            Mark::TailEmpty => "recovery: tail empty",
            Mark::TornEnd => "recovery: torn end cut",
            Mark::LeftoverRemoved => "recovery: leftover of a start or a roll removed",
            Mark::UnlistedTolerated => "recovery: segment outside the manifest tolerated",
            Mark::OldTailKept => "recovery: old tail becomes a spare or goes",
            Mark::UnnamedRemoved => "recovery: segment that the manifest dropped removed",
            Mark::SpareRemoved => "recovery: spare removed",
            Mark::RestoredFromSnapshot => "recovery: stream restored from a snapshot",
            Mark::DamagedTail => "damage: synced records of the tail",
            Mark::DamagedSealed => "damage: sealed segment",
            Mark::DamagedHead => "damage: segment head",
            Mark::TruncatedSegment => "damage: segment truncated",
            Mark::MissingSegment => "damage: segment missing",
            Mark::MissingManifest => "damage: one manifest slot missing",
            Mark::NoManifest => "damage: no readable manifest",
            Mark::Rolled => "run: new segment",
            Mark::RolledIntoSpare => "run: new segment from a spare",
            Mark::Stalled => "run: commit without room",
            Mark::RetiredToPool => "run: segment into the pool",
            Mark::PoolFilled => "run: pool filled",
            Mark::CommitFailed => "run: commit failed",
            Mark::ChoreFailed => "run: housekeeping failed",
            Mark::SidecarRead => "recovery: sidecar instead of its segment",
            Mark::SidecarBad => "recovery: sidecar not believed",
            Mark::ColdRead => "recovery: cold segment read",
            Mark::Salvaged => "damage: records of a damaged frame saved",
            Mark::StreamLost => "damage: stream known to have lost records",
            Mark::UnknownLost => "damage: streams that nothing is left of may be lost",
            Mark::DamagedTailKept => "damage: damaged tail set aside",
            Mark::Dropped => "sweep: dead segments dropped",
            Mark::Adopted => "sweep: living segments adopted",
            Mark::Copied => "sweep: messages copied",
            Mark::Swapped => "sweep: copy in the manifest",
            Mark::CopyGivenUp => "sweep: copy given up",
            Mark::Witnessed => "run: end of the log in the manifest",
            Mark::DamagedRead => "run: damaged record read",
        }
    }
}

/// The engine came by.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn hit(_: Mark) {}

#[cfg(feature = "mutants")]
pub use seen::{hit, take};

#[cfg(feature = "mutants")]
mod seen {
    use std::cell::Cell;

    use super::Mark;

    thread_local! {
        static SEEN: Cell<u64> = const { Cell::new(0) };
    }

    #[expect(clippy::as_conversions, reason = "the number of a variant")]
    const fn bit(mark: Mark) -> u64 {
        1 << (mark as u8)
    }

    /// The engine came by.
    #[inline]
    pub fn hit(mark: Mark) {
        SEEN.set(SEEN.get() | bit(mark));
    }

    /// The marks that this thread came by since it last asked: bit *n* for the *n*th of
    /// [`Mark::ALL`].
    pub fn take() -> u64 {
        SEEN.replace(0)
    }
}
