//! Damage to files: what can't be noticed may not matter, and what is noticed is not touched.

use std::sync::Arc;

use tradewind_jetstream::shard::OpenShardError;
use tradewind_store::{Disk as _, FaultDisk, OpenError, Survival};

use crate::{
    check::{Figures, Scene, kind_of, states},
    dice::Dice,
    driver::Driver,
    found::Found,
    story,
};

/// One kind of damage, with what it needs to choose where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rot {
    kind: Kind,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// One bit.
    Flip,
    /// A few bits of a sector.
    Scatter,
    /// A sector of zeroes, or of something else.
    Sector,
    /// A bit in each slot of the manifest.
    Slots,
    Truncate,
    Lose,
    /// Two files have each other's content: two slots of the manifest, or two segments. If a slot and
    /// the only segment it alone names are both lost, nothing is left to tell: a gap until both slots
    /// are written at each edit.
    Swap,
}

/// Bytes that a disk writes as one.
const SECTOR: usize = 512;

impl Rot {
    pub(crate) fn draw(dice: &mut Dice) -> Rot {
        let kind = match dice.below(16) {
            0..=4 => Kind::Flip,
            5 => Kind::Scatter,
            6 | 7 => Kind::Sector,
            8..=10 => Kind::Truncate,
            11..=13 => Kind::Lose,
            14 => Kind::Slots,
            _ => Kind::Swap,
        };
        Rot { kind, seed: dice.next() }
    }

    /// Does the damage; whether there was anything to damage.
    fn spoil(self, disk: &FaultDisk) -> bool {
        let mut dice = Dice::new(self.seed);
        let mut names = disk.list().unwrap();
        names.retain(|name| !["lock", "free"].contains(&kind_of(name)));
        if names.is_empty() {
            return false;
        }
        names.sort();
        let name = &names[dice.index(names.len())];
        let mut content = disk.content(name).unwrap();
        if content.is_empty() {
            return false;
        }
        // Files are mostly room for more: the part that is in use is what counts.
        let used = content.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        let bound = if dice.chance(90) { used } else { content.len() };
        // Heads are small, and there are as many of them as of files.
        let bound = if dice.chance(10) { bound.min(64) } else { bound };
        let at = dice.index(bound);
        story::tell(|| format!("{self:?} hits {name} of {names:?} at {at}, used {used}"));
        let end = witness(name, &content).unwrap_or(content.len());
        match self.kind {
            Kind::Flip => content[at] ^= 1 << dice.below(8),
            Kind::Scatter => {
                for _ in 0..2 + dice.below(4) {
                    let near = (at + dice.index(SECTOR)).min(end.max(1) - 1);
                    content[near] ^= 1 << dice.below(8);
                }
            }
            Kind::Sector => {
                let from = at - at % SECTOR;
                let to = (from + SECTOR).min(end).max(from);
                let with = if dice.chance(50) { 0 } else { 0xa5 };
                content[from..to].fill(with);
            }
            Kind::Truncate => content.truncate(at),
            Kind::Slots => {
                for slot in names.iter().filter(|name| name.starts_with("manifest")) {
                    let mut content = disk.content(slot).unwrap();
                    if let Some(byte) = content.get_mut(at % 76) {
                        *byte ^= 1 << dice.below(8);
                    }
                    disk.set_content(slot, &content);
                }
            }
            Kind::Lose => disk.lose(name),
            Kind::Swap => {
                let others: Vec<_> =
                    names.iter().filter(|other| group_of(other) == group_of(name)).collect();
                let other = others[dice.index(others.len())];
                disk.set_content(name, &disk.content(other).unwrap());
                disk.set_content(other, &content);
            }
        }
        if !matches!(self.kind, Kind::Lose | Kind::Swap | Kind::Slots) {
            disk.set_content(name, &content);
        }
        true
    }

    /// Damages a copy of a disk whose server stopped cleanly, and starts it: it says so and touches
    /// nothing, or everything is there.
    pub(crate) fn check(self, disk: &FaultDisk, scene: Scene<'_>, figures: &mut Figures) {
        let spoilt = disk.survivor(Survival::Kill);
        let label = format!("{}, {self:?}", scene.label);
        let scene = Scene { label: &label, ..scene };
        if !self.spoil(&spoilt) {
            return;
        }
        figures.damaged += 1;
        let before = contents(&spoilt);
        let opened = Driver::open(Arc::new(spoilt.clone()), scene.now, scene.tuning);
        story::mix_number(spoilt.ops());
        match opened {
            Err(OpenShardError::Log(error)) => {
                figures.reported += 1;
                story::tell(|| format!("{self:?}: {error}"));
                if matches!(error, OpenError::Locked) {
                    scene.fail("damage is taken for a lock");
                }
                if contents(&spoilt) != before {
                    scene.fail(&format!("{error}, and the files were changed"));
                }
            }
            Err(error) => scene.fail(&format!("an error of no use: {error:?}")),
            Ok(mut driver) => {
                story::tell(|| format!("{self:?}: opened, {:?}", driver.report));
                let Some(found) = Found::look(&mut driver) else { scene.fail("no answer") };
                let alarm = driver.alarm.clone();
                figures.reported += u64::from(found.has_damage() || alarm.is_raised());
                if let Err(why) = states(scene.model, &found, &alarm) {
                    scene.fail(&format!("damage was not noticed: {why}"));
                }
            }
        }
    }
}

/// Files that could be taken for one another.
fn group_of(name: &str) -> &str {
    if name.starts_with("manifest") { "manifest" } else { kind_of(name) }
}

/// Where the last frame of a segment begins.
///
/// In a log that came to rest it says that all before it was synced. Damage that takes what was
/// written last and this witness with it looks like a torn end, and nothing on the disk can tell the
/// two apart: a gap that the format is known to have, and that no more than one bit can't reach.
fn witness(name: &str, content: &[u8]) -> Option<usize> {
    let segment: u32 = name.strip_suffix(".log")?.parse().ok()?;
    let is_ours = |at: &usize| {
        let number = content.get(at + 16..at + 20);
        content[*at..].starts_with(b"TWF1") && number == Some(&segment.to_le_bytes())
    };
    (0..content.len()).step_by(8).rfind(is_ours)
}

fn contents(disk: &FaultDisk) -> Vec<(String, Vec<u8>)> {
    let mut names = disk.list().unwrap();
    names.retain(|name| name != "lock");
    names.sort();
    names.into_iter().map(|name| (name.clone(), disk.content(&name).unwrap())).collect()
}

/// A bit of a segment flips, durably; what undoes it.
pub(crate) fn decay(disk: &FaultDisk, seed: u64) -> Option<(String, Vec<u8>)> {
    let mut dice = Dice::new(seed);
    let mut names = disk.list().unwrap();
    names.retain(|name| kind_of(name) == "log");
    if names.is_empty() {
        return None;
    }
    names.sort();
    let name = names[dice.index(names.len())].clone();
    let content = disk.content(&name).unwrap();
    let used = content.iter().rposition(|byte| *byte != 0)? + 1;
    let mut spoilt = content.clone();
    // More than one: a server has much in memory.
    for _ in 0..12 {
        spoilt[dice.index(used)] ^= 1 << dice.below(8);
    }
    disk.set_content(&name, &spoilt);
    Some((name, content))
}
