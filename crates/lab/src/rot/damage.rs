//! What can happen to a file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::kind;
use crate::num;
use crate::rng::Rng;

/// One thing done to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// One bit is another; among the bytes that are not zero.
    Flip {
        at: usize,
        mask: u8,
    },
    Truncate(usize),
    Delete,
    /// As it was some time before.
    Older,
    /// The contents of two files change places.
    SwapWith(PathBuf),
}

impl Damage {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Damage::Flip { .. } => "flip",
            Damage::Truncate(0) => "truncate to 0",
            Damage::Truncate(_) => "truncate",
            Damage::Delete => "delete",
            Damage::Older => "older copy",
            Damage::SwapWith(_) => "swap",
        }
    }
}

/// An intact store to make damaged ones of.
#[derive(Debug)]
pub(super) struct Store {
    base: PathBuf,
    older: PathBuf,
    files: BTreeSet<PathBuf>,
}

impl Store {
    pub(super) fn open(base: PathBuf, older: PathBuf) -> Result<Store> {
        let files = names(&base)?;
        Ok(Store { base, older, files })
    }

    /// All files, from the store's root.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// All that can happen to `file`.
    pub(super) fn damages(&self, file: &Path, flips: u64, rng: &mut Rng) -> Result<Vec<Damage>> {
        let bytes = fs::read(self.base.join(file))?;
        let mut damages = vec![Damage::Delete];
        let used: Vec<usize> =
            bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| at).collect();
        for flip in 0..flips.min(num::wide(used.len())) {
            // The first is in the head.
            let last = if flip == 0 { used.len().min(32) } else { used.len() } - 1;
            let at = used[num::narrow(rng.between(0, num::wide(last)))];
            damages.push(Damage::Flip { at, mask: 1 << rng.between(0, 7) });
        }
        if !bytes.is_empty() {
            let mut cuts = vec![0, bytes.len() / 2, bytes.len() - 1];
            // Within what is used, where a file is longer than its contents.
            cuts.extend(used.last().map(|last| last / 2));
            cuts.sort_unstable();
            cuts.dedup();
            damages.extend(cuts.into_iter().map(Damage::Truncate));
        }
        if fs::read(self.older.join(file)).is_ok_and(|older| older != bytes) {
            damages.push(Damage::Older);
        }
        let other = self.files().find(|other| {
            *other != file
                && kind(other) == kind(file)
                && fs::read(self.base.join(other)).is_ok_and(|other| other != bytes)
        });
        damages.extend(other.map(|other| Damage::SwapWith(other.to_path_buf())));
        Ok(damages)
    }

    /// A copy at `place`, damaged.
    pub(super) fn damaged(&self, file: &Path, damage: &Damage, place: &Path) -> Result<()> {
        copy(&self.base, place)?;
        let path = place.join(file);
        match damage {
            Damage::Flip { at, mask } => {
                let mut bytes = fs::read(&path)?;
                *bytes.get_mut(*at).context("beyond the file")? ^= mask;
                fs::write(&path, bytes)?;
            }
            Damage::Truncate(length) => {
                fs::OpenOptions::new().write(true).open(&path)?.set_len(num::wide(*length))?;
            }
            Damage::Delete => fs::remove_file(&path)?,
            Damage::Older => {
                fs::copy(self.older.join(file), &path)?;
            }
            Damage::SwapWith(other) => {
                fs::copy(self.base.join(other), &path)?;
                fs::copy(self.base.join(file), place.join(other))?;
            }
        }
        Ok(())
    }
}

/// Copies a directory.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for name in names(from)? {
        let target = to.join(&name);
        fs::create_dir_all(target.parent().context("no parent")?)?;
        fs::copy(from.join(&name), &target)?;
    }
    Ok(())
}

/// The files below `root`, from there.
pub(super) fn names(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                names.insert(path.strip_prefix(root)?.to_path_buf());
            } else {
                bail!("{} is neither a file nor a folder", path.display());
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two logs that differ, one of them with an older copy.
    fn store(home: &Path) -> Store {
        let (base, older) = (home.join("base"), home.join("older"));
        for (folder, name, bytes) in [
            (&base, "1.log", &b"first file"[..]),
            (&base, "2.log", b"second"),
            (&older, "1.log", b"first"),
        ] {
            fs::create_dir_all(folder.join("js")).unwrap();
            fs::write(folder.join("js").join(name), bytes).unwrap();
        }
        Store::open(base, older).unwrap()
    }

    #[test]
    fn every_kind_of_damage_is_tried_and_changes_the_store() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        let file = Path::new("js/1.log");

        let damages = store.damages(file, 2, &mut Rng::new(1, 1)).unwrap();

        let names: BTreeSet<&str> = damages.iter().map(Damage::name).collect();
        let all = ["delete", "flip", "older copy", "swap", "truncate", "truncate to 0"];
        assert_eq!(names, all.into_iter().collect());
        for (n, damage) in damages.iter().enumerate() {
            let place = home.path().join(format!("trial{n}"));
            store.damaged(file, damage, &place).unwrap();
            let bytes = fs::read(place.join(file)).ok();
            assert_ne!(bytes.as_deref(), Some(&b"first file"[..]), "{damage:?}");
        }
    }
}
