use serde::Serialize;

/// Broken promises: how many of each kind, and the first few in words.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Findings {
    pub(crate) violations: Violations,
    pub(crate) examples: Vec<String>,
}

/// Broken promises, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Violations {
    /// Acknowledged, and older than anything of its publisher that is left.
    pub(crate) lost_prefix: u64,
    /// Acknowledged and gone, with older and newer ones left.
    pub(crate) lost_middle: u64,
    /// Acknowledged, and newer than anything of its publisher that is left.
    pub(crate) lost_suffix: u64,
    /// Acknowledged or read, but a get of that sequence finds nothing or another value.
    pub(crate) misplaced: u64,
    /// Bytes nobody sent.
    pub(crate) altered: u64,
    /// A publisher's later message before its earlier one, or sequences that do not rise.
    pub(crate) reordered: u64,
    /// A value no publisher had got to.
    pub(crate) unexpected: u64,
    /// A value stored twice, or a retry that was not answered as one.
    pub(crate) duplicates: u64,
    /// Removed and the removal answered, or seen to be missing, and there again.
    pub(crate) reborn: u64,
    /// A sequence given out before, or a last sequence that went back.
    pub(crate) reused: u64,
    /// Delivered again after its ack was confirmed.
    pub(crate) confirmed_redelivered: u64,
    /// In the stream, but never delivered to a consumer that drained it.
    pub(crate) never_delivered: u64,
    /// Delivered at a sequence that now holds something else or nothing.
    pub(crate) phantoms: u64,
    /// A stream or consumer that was created, the creation answered, and is gone.
    pub(crate) vanished: u64,
    /// A consumer that claims to be past the end of its stream.
    pub(crate) ahead: u64,
}

/// Picks the counter of one kind.
pub(crate) type Kind = fn(&mut Violations) -> &mut u64;

impl Violations {
    /// All kinds by name.
    pub(crate) fn by_name(&self) -> [(&'static str, u64); 15] {
        [
            ("lost prefix", self.lost_prefix),
            ("lost middle", self.lost_middle),
            ("lost suffix", self.lost_suffix),
            ("misplaced", self.misplaced),
            ("altered", self.altered),
            ("reordered", self.reordered),
            ("unexpected", self.unexpected),
            ("duplicates", self.duplicates),
            ("reborn", self.reborn),
            ("reused", self.reused),
            ("confirmed redelivered", self.confirmed_redelivered),
            ("never delivered", self.never_delivered),
            ("phantoms", self.phantoms),
            ("vanished", self.vanished),
            ("ahead", self.ahead),
        ]
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.by_name().iter().all(|(_, count)| *count == 0)
    }
}

impl Findings {
    /// Counts a violation and keeps the words of the first few of its kind.
    pub(crate) fn add(&mut self, kind: Kind, words: impl FnOnce() -> String) {
        const EXAMPLES_PER_KIND: u64 = 4;
        let count = kind(&mut self.violations);
        *count += 1;
        if *count <= EXAMPLES_PER_KIND {
            self.examples.push(words());
        }
    }
}
