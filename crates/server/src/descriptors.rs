//! File descriptors: how many there are, and how many clients may have.

use rustix::process::{Resource, getrlimit};
use tradewind_subject::int::usize_from;

/// Descriptors that clients leave to the store, to monitoring, and to those who are sent away.
const RESERVE_MAX: usize = 256;
/// Fewer than that are worth a warning.
const ENOUGH: usize = 1024;

/// How many descriptors this process may have; none if there is no limit.
pub(crate) fn limit() -> Option<usize> {
    getrlimit(Resource::Nofile).current.map(usize_from)
}

/// The most connections at a time, of `wanted` (0 is any number), that leave some of `limit`.
pub(crate) fn connections(wanted: usize, limit: Option<usize>) -> usize {
    let Some(limit) = limit else { return wanted };
    let possible = (limit - (limit / 4).min(RESERVE_MAX)).max(1);
    if wanted == 0 { possible } else { wanted.min(possible) }
}

/// What to tell who starts a server with so few.
pub(crate) fn warning(limit: Option<usize>) -> Option<String> {
    let limit = limit.filter(|limit| *limit < ENOUGH)?;
    let connections = connections(0, Some(limit));
    Some(format!(
        "Only {limit} file descriptors are allowed (ulimit -n): at most {connections} connections"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_descriptors_to_the_store() {
        assert_eq!(connections(65_536, Some(1024)), 768);
        assert_eq!(connections(65_536, Some(64)), 48);
        assert_eq!(connections(100, Some(1024)), 100);
        assert_eq!(connections(0, Some(10_000)), 9744);
        assert_eq!(connections(0, None), 0);
        assert!(warning(Some(256)).is_some());
        assert_eq!(warning(Some(1024)), None);
    }
}
