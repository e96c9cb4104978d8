//! How much memory and disk there is, for limits that are not given.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Three quarters of the memory this process may use; [`None`] where that can't be told.
pub(super) fn memory() -> Option<i64> {
    let whole = cgroup_limit().into_iter().chain(total_memory()).min()?;
    Some(share(whole))
}

/// Three quarters of what is free on the disk of `dir`, which need not exist yet.
pub(super) fn storage(dir: &Path) -> Option<i64> {
    let absolute = std::path::absolute(dir).ok()?;
    let disk = absolute.ancestors().find_map(|dir| rustix::fs::statvfs(dir).ok())?;
    Some(share(disk.f_bavail.saturating_mul(disk.f_frsize)))
}

/// Lets this process have as many file descriptors as it may, as programs in Go do. The usual limit
/// is low for the sake of programs that call `select`.
pub(super) fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where that is not allowed, the limit stays what it is, and the server tells if it is low.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn share(whole: u64) -> i64 {
    i64::try_from(whole / 4 * 3).unwrap_or(i64::MAX)
}

/// What a container may use: the first file is of cgroups version 2, the other of version 1.
fn cgroup_limit() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files.iter().find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
}

fn total_memory() -> Option<u64> {
    let info = rustix::system::sysinfo();
    info.totalram.checked_mul(u64::from(info.mem_unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_memory_and_a_disk_for_a_directory_yet_to_be_made() {
        assert!(memory().is_some_and(|bytes| 0 < bytes));
        assert!(storage(Path::new("no/such/dir")).is_some_and(|bytes| 0 < bytes));
    }
}
