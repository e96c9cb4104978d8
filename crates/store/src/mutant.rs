//! Bugs on demand: the simulator switches one on, and has to find it.
//!
//! Without the feature `mutants`, which only the simulator asks for, [`enabled`] is `false` at
//! compile time. With it, the choice belongs to the thread.
//!
//! A new one needs a variant here, its name in [`Mutant::name`], its place in [`Mutant::ALL`], and
//! one line in the engine that asks [`enabled`].
//!
//! Not here, because they change nothing that could be observed: a checksum that leaves out the
//! length (a changed length changes the summed bytes), and a frame of an older epoch accepted in a
//! recycled file (its LSN never is the next one, because LSNs of frames that were synced are not
//! given out again). Nor the check for a manifest that is older than the segments, since both slots
//! hold the same, and the one for messages that a snapshot counts and no segment has: it takes two
//! faults at once to need them. Nor a sealed segment that may end early, which the chains of the
//! records tell, nor a manifest that is not written anew at a start, of which the other slot has the
//! one before.

/// A seeded bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// A commit is done when it is written.
    AckBeforeSync,
    /// The name of a new segment is not made durable.
    DirectoryNotSynced,
    /// The manifest is written and not synced.
    ManifestNotSynced,
    /// A sync that failed is tried again, and believed.
    SyncRetried,
    /// Recovery copies the tail and does not sync the copy.
    CopyNotSynced,
    /// Recovery goes on in the file of an earlier life.
    TailTrusted,
    /// The first bad frame of the tail ends the log, whatever says that it was synced.
    CutAtFirstBad,
    /// Recovery stays in the epoch of the last life.
    EpochNotRaised,
    /// A full disk counts as a broken one.
    NoSpacePoisons,
    /// What finds no room counts as written.
    NoSpaceAcknowledged,
    /// Segments are given back before the snapshot that replaces them is durable.
    ReleasedEarly,
    /// The files of segments go before the manifest stops naming them.
    UnlinkedFirst,
    /// The checksum of a record is not looked at when it is read.
    ReadUnchecked,
    /// A purge is answered before it is durable.
    PurgeAnsweredEarly,
    /// A confirmed ack is answered before it is durable.
    AckConfirmedEarly,
    /// A duplicate is answered before the first one is durable.
    DuplicateAnsweredEarly,
    /// Messages are delivered before they are durable.
    DeliveredEarly,
    /// Message ids don't come back with the log.
    IdsForgotten,
    /// Message ids don't survive the records that said them first.
    IdsNotSaidAgain,
    /// The state of a snapshot is not taken over.
    SnapshotIgnored,
    /// Acks don't come back with the log.
    AcksForgotten,
    /// A delete is not logged.
    DeleteNotLogged,
    /// An expiry is not logged.
    ExpiryNotLogged,
    /// The end of a stream is not logged.
    StreamGoneNotLogged,
    /// The end of a consumer is not logged.
    ConsumerGoneNotLogged,
    /// A sidecar is believed, whatever segment it is of, and damaged or not.
    SidecarTrusted,
    /// Moved messages are not synced before the manifest names their segment.
    MoveNotSynced,
    /// A stream that lost records serves on.
    QuarantineForgotten,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 28] = [
        Mutant::AckBeforeSync,
        Mutant::DirectoryNotSynced,
        Mutant::ManifestNotSynced,
        Mutant::SyncRetried,
        Mutant::CopyNotSynced,
        Mutant::TailTrusted,
        Mutant::CutAtFirstBad,
        Mutant::EpochNotRaised,
        Mutant::NoSpacePoisons,
        Mutant::NoSpaceAcknowledged,
        Mutant::ReleasedEarly,
        Mutant::UnlinkedFirst,
        Mutant::ReadUnchecked,
        Mutant::PurgeAnsweredEarly,
        Mutant::AckConfirmedEarly,
        Mutant::DuplicateAnsweredEarly,
        Mutant::DeliveredEarly,
        Mutant::IdsForgotten,
        Mutant::IdsNotSaidAgain,
        Mutant::SnapshotIgnored,
        Mutant::AcksForgotten,
        Mutant::DeleteNotLogged,
        Mutant::ExpiryNotLogged,
        Mutant::StreamGoneNotLogged,
        Mutant::ConsumerGoneNotLogged,
        Mutant::SidecarTrusted,
        Mutant::MoveNotSynced,
        Mutant::QuarantineForgotten,
    ];

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Mutant::AckBeforeSync => "ack-before-sync",
            Mutant::DirectoryNotSynced => "directory-not-synced",
            Mutant::ManifestNotSynced => "manifest-not-synced",
            Mutant::SyncRetried => "sync-retried",
            Mutant::CopyNotSynced => "copy-not-synced",
            Mutant::TailTrusted => "tail-trusted",
            Mutant::CutAtFirstBad => "cut-at-first-bad",
            Mutant::EpochNotRaised => "epoch-not-raised",
            Mutant::NoSpacePoisons => "no-space-poisons",
            Mutant::NoSpaceAcknowledged => "no-space-acknowledged",
            Mutant::ReleasedEarly => "released-early",
            Mutant::UnlinkedFirst => "unlinked-first",
            Mutant::ReadUnchecked => "read-unchecked",
            Mutant::PurgeAnsweredEarly => "purge-answered-early",
            Mutant::AckConfirmedEarly => "ack-confirmed-early",
            Mutant::DuplicateAnsweredEarly => "duplicate-answered-early",
            Mutant::DeliveredEarly => "delivered-early",
            Mutant::IdsForgotten => "ids-forgotten",
            Mutant::IdsNotSaidAgain => "ids-not-said-again",
            Mutant::SnapshotIgnored => "snapshot-ignored",
            Mutant::AcksForgotten => "acks-forgotten",
            Mutant::DeleteNotLogged => "delete-not-logged",
            Mutant::ExpiryNotLogged => "expiry-not-logged",
            Mutant::StreamGoneNotLogged => "stream-gone-not-logged",
            Mutant::ConsumerGoneNotLogged => "consumer-gone-not-logged",
            Mutant::SidecarTrusted => "sidecar-trusted",
            Mutant::MoveNotSynced => "move-not-synced",
            Mutant::QuarantineForgotten => "quarantine-forgotten",
        }
    }
}

/// Whether this bug is on, in this thread.
#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn enabled(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use chosen::{choose, enabled};

#[cfg(feature = "mutants")]
mod chosen {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static CHOSEN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Whether this bug is on, in this thread.
    #[inline]
    pub fn enabled(mutant: Mutant) -> bool {
        CHOSEN.get() == Some(mutant)
    }

    /// Switches a bug on in this thread, or all off.
    pub fn choose(mutant: Option<Mutant>) {
        CHOSEN.set(mutant);
    }
}
