//! What a store directory lies on, and whether a sync means anything there.

use std::path::Path;

use rustix::fs::statfs;

/// The file system of a store directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Medium {
    /// Its name; its number is not known here if this is `unknown`.
    pub(crate) name: &'static str,
    pub(crate) trust: Trust,
}

/// What a sync is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It reaches the disk, if the disk does not lie.
    Durable,
    /// Nothing survives a restart of the machine.
    Volatile,
    /// It depends on what lies below, or at the other end of a wire.
    Unknown,
}

/// The file systems that are known, by the number that `statfs` gives.
const KNOWN: [(u64, &str, Trust); 17] = [
    (0xef53, "ext4", Trust::Durable),
    (0x5846_5342, "xfs", Trust::Durable),
    (0x9123_683e, "btrfs", Trust::Durable),
    (0xf2f5_2010, "f2fs", Trust::Durable),
    (0x2fc1_2fc1, "zfs", Trust::Durable),
    (0xca45_1a4e, "bcachefs", Trust::Durable),
    (0x0102_1994, "tmpfs", Trust::Volatile),
    (0x8584_58f6, "ramfs", Trust::Volatile),
    (0x794c_7630, "overlay", Trust::Unknown),
    (0x6969, "nfs", Trust::Unknown),
    (0x6573_5546, "fuse", Trust::Unknown),
    (0x0102_1997, "9p", Trust::Unknown),
    (0xff53_4d42, "cifs", Trust::Unknown),
    (0xfe53_4d42, "smb2", Trust::Unknown),
    (0x517b, "smb", Trust::Unknown),
    (0x00c3_6400, "ceph", Trust::Unknown),
    (0x4d44, "fat", Trust::Unknown),
];

impl Medium {
    /// What `path` lies on. A file system that is not known, or does not say, is not trusted.
    pub(crate) fn of(path: &Path) -> Medium {
        let number = statfs(path).ok().and_then(|stat| u64::try_from(stat.f_type).ok());
        number.map_or(Medium::UNKNOWN, Medium::numbered)
    }

    /// Where nothing is known.
    pub(crate) const UNKNOWN: Medium = Medium { name: "unknown", trust: Trust::Unknown };

    fn numbered(number: u64) -> Medium {
        let found = KNOWN.iter().find(|(known, ..)| *known == number);
        found.map_or(Medium::UNKNOWN, |&(_, name, trust)| Medium { name, trust })
    }

    /// What to tell who starts a server on it.
    pub(crate) fn warning(self) -> Option<String> {
        let what = match self.trust {
            Trust::Durable => return None,
            Trust::Volatile => "nothing stored there survives a restart of the machine",
            Trust::Unknown => "whether a sync reaches a disk there is not known",
        };
        Some(format!("The store directory is on {}: {what}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_volatile_and_what_is_not_known_is_not_trusted() {
        assert_eq!(Medium::of(Path::new("/proc")).trust, Trust::Unknown);
        assert_eq!(Medium::of(Path::new("/no/such/path")), Medium::UNKNOWN);
        assert_eq!(Medium::numbered(0x0102_1994).trust, Trust::Volatile);
        assert_eq!(Medium::numbered(0xef53).warning(), None);
        let text = Medium::numbered(0x6969).warning().unwrap();
        assert_eq!(
            text,
            "The store directory is on nfs: whether a sync reaches a disk there is not known"
        );
    }
}
