//! File descriptors: how many there are, and how many clients may have.

use rustix::process::{Resource, getrlimit};
use tradewind_subject::int::usize_from;

/// Descriptors that clients leave to the store, to monitoring, and to those who are sent away.
const RESERVE_MAX: usize = 256;
/// With fewer the store, or the first client, finds none.
const LEAST: usize = 40;
/// Fewer than that are worth a warning.
const ENOUGH: usize = 1024;

/// The descriptors of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors {
    /// How many there may be; none if there is no limit.
    limit: Option<usize>,
    /// How many are open, without any client.
    used: usize,
}

impl Descriptors {
    /// As it is now.
    pub(crate) fn now() -> Descriptors {
        /// Where the system does not tell.
        const USUAL: usize = 32;
        let limit = getrlimit(Resource::Nofile).current.map(usize_from);
        let used = std::fs::read_dir("/proc/self/fd").map_or(USUAL, Iterator::count);
        Descriptors { limit, used }
    }

    /// The limit, and what it has to be, if nobody could be served.
    pub(crate) fn too_few(self) -> Option<(usize, usize)> {
        self.limit.filter(|limit| *limit < LEAST).map(|limit| (limit, LEAST))
    }

    /// The most connections at a time, of `wanted` (0 is any number).
    pub(crate) fn connections(self, wanted: usize) -> usize {
        let Some(limit) = self.limit else { return wanted };
        let reserved = self.used + (limit / 4).min(RESERVE_MAX);
        let possible = limit.saturating_sub(reserved).max(1);
        if wanted == 0 { possible } else { wanted.min(possible) }
    }

    /// What to tell who starts a server with so few.
    pub(crate) fn warning(self) -> Option<String> {
        let limit = self.limit.filter(|limit| *limit < ENOUGH)?;
        let connections = self.connections(0);
        Some(format!(
            "Only {limit} file descriptors are allowed (ulimit -n): at most {connections} \
             connections"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_descriptors_to_the_store() {
        let of = |limit| Descriptors { limit, used: 20 };
        assert_eq!(of(Some(1024)).connections(65_536), 748);
        assert_eq!(of(Some(64)).connections(65_536), 28);
        assert_eq!(of(Some(1024)).connections(100), 100);
        assert_eq!(of(Some(10_000)).connections(0), 9724);
        assert_eq!(of(Some(10)).connections(0), 1);
        assert_eq!(of(None).connections(0), 0);
        assert!(of(Some(256)).warning().is_some());
        assert_eq!(of(Some(1024)).warning(), None);
    }
}
