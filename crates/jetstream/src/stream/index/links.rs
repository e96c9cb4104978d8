use std::collections::BTreeMap;

/// Stands for a distance that is too large, which [`FarLinks`] keeps.
const FAR: u32 = u32::MAX;

/// The neighbours, of the same subject, of messages that are 2³² sequences or more away from them.
///
/// Practically always empty: it takes a range of burned sequences of that size.
#[derive(Debug, Default)]
pub(super) struct FarLinks {
    next: BTreeMap<u64, u64>,
    prev: BTreeMap<u64, u64>,
}

impl FarLinks {
    /// The sequence meant by the `link` forward of the message `seq`.
    pub(super) fn next(&self, seq: u64, link: u32) -> Option<u64> {
        match link {
            0 => None,
            FAR => self.next.get(&seq).copied(),
            distance => Some(seq + u64::from(distance)),
        }
    }

    /// The sequence meant by the `link` backward of the message `seq`.
    pub(super) fn prev(&self, seq: u64, link: u32) -> Option<u64> {
        match link {
            0 => None,
            FAR => self.prev.get(&seq).copied(),
            distance => Some(seq - u64::from(distance)),
        }
    }

    /// The link forward of the message `seq` to `next`.
    pub(super) fn link_next(&mut self, seq: u64, next: Option<u64>) -> u32 {
        let Some(next) = next else { return 0 };
        let link = distance(seq, next);
        if link == FAR {
            self.next.insert(seq, next);
        }
        link
    }

    /// The link backward of the message `seq` to `prev`.
    pub(super) fn link_prev(&mut self, seq: u64, prev: Option<u64>) -> u32 {
        let Some(prev) = prev else { return 0 };
        let link = distance(prev, seq);
        if link == FAR {
            self.prev.insert(seq, prev);
        }
        link
    }

    /// Forgets the links of the removed message `seq`.
    pub(super) fn forget(&mut self, seq: u64) {
        if !self.next.is_empty() {
            self.next.remove(&seq);
        }
        if !self.prev.is_empty() {
            self.prev.remove(&seq);
        }
    }
}

fn distance(from: u64, to: u64) -> u32 {
    u32::try_from(to - from).unwrap_or(FAR)
}
