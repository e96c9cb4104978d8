//! The room of rot: files of the store are damaged while the server is down.
//!
//! Each file by each kind of damage, every time from the same intact store. The
//! server has to serve everything, or to say that it can't: by not starting, by
//! an error for the stream or the message, or by a bad `/healthz`. What it may
//! not do is serve less, or something else, as if that were all.

mod damage;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use self::damage::{Damage, Store, copy};
use crate::health::health;
use crate::out;
use crate::peer::{Launch, Peer, Server, Setup, free_port};
use crate::promises::{self, Client, Ledger, Mix, Moments};
use crate::rng::Rng;
use crate::room::{self, Basics, Expectations, Outcome, Verdict};

const STREAM: &str = "ROT";
const PADDING: usize = 4 * 1024;

/// Options of `lab rot`.
#[derive(Debug, clap::Args)]
pub(crate) struct RotArgs {
    #[command(flatten)]
    pub(crate) basics: Basics,
    /// Flipped bits per file, each in a trial of its own.
    #[arg(long, default_value_t = 6)]
    flips: u64,
    /// Publishes before the damage.
    #[arg(long, default_value_t = 600)]
    publishes: u64,
    /// Only files whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// The server was killed, not stopped, before the damage.
    #[arg(long)]
    after_kill: bool,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// All is there, and the server is content.
    Intact,
    /// All is there, and the server complains.
    IntactLoud,
    /// It did not start, and named the file.
    RefusedNamed,
    /// It did not start.
    Refused,
    /// It started and said that something can't be read.
    Loud,
    /// Less or something else is served, as if nothing were wrong.
    Silent,
}

impl End {
    const ALL: [(End, &'static str); 6] = [
        (End::Intact, "intact"),
        (End::IntactLoud, "intact, loud"),
        (End::RefusedNamed, "refused, named"),
        (End::Refused, "refused"),
        (End::Loud, "loud"),
        (End::Silent, "SILENT"),
    ];
}

/// Runs the room.
pub(crate) fn run(args: &RotArgs, peer: &Peer, seed: u64) -> Result<Outcome> {
    let home = tempfile::Builder::new().prefix("lab-rot-").tempdir()?;
    let mut room = RotRoom {
        args,
        peer,
        place: home.path().to_path_buf(),
        ledger: Ledger::new(seed),
        table: BTreeMap::new(),
        expected: Expectations::default(),
        removed: Vec::new(),
    };
    let older = home.path().join("older");
    let base = home.path().join("base");
    room.make(&older, &base)?;
    let store = Store::open(base, older)?;
    let mut rng = Rng::new(seed, 6);
    let mut silent = Vec::new();
    for file in store.files() {
        if args.only.as_deref().is_some_and(|only| !file.to_string_lossy().contains(only)) {
            continue;
        }
        for damage in store.damages(file, args.flips, &mut rng)? {
            room::go_on()?;
            let (end, words) = room.trial(&store, file, &damage)?;
            *room.table.entry((kind(file), damage.name())).or_default().entry(end).or_default() +=
                1;
            if end == End::Silent {
                out::note(&format!("SILENT: {} {damage:?}: {words}", file.display()));
                silent.push(format!("{} {damage:?}: {words}", file.display()));
            }
        }
    }
    let RotRoom { table, mut expected, removed, ledger, .. } = room;
    expected.note(silent.is_empty(), "nothing is served silently short or wrong", first(&silent));
    expected.note(
        removed.is_empty(),
        "no file is removed because it can't be read",
        first(&removed),
    );
    let mut verdict = Verdict::new(
        format!("damage to files, {}", peer.side.name()),
        &ledger.figures,
        ledger.findings,
    );
    for (end, name) in End::ALL {
        let count: u64 = table.values().filter_map(|row| row.get(&end)).sum();
        verdict.figures.push((name.to_owned(), count));
    }
    print(&table);
    verdict.more = json!({"silent": silent, "removed": removed, "table": figures(&table)});
    verdict.expectations = expected;
    Ok(Outcome::Ran(Box::new(verdict)))
}

fn first(list: &[String]) -> String {
    match list {
        [] => "none".to_owned(),
        [first, ..] => format!("{}, first {first}", list.len()),
    }
}

type Table = BTreeMap<(String, &'static str), BTreeMap<End, u64>>;

fn print(table: &Table) {
    let names = End::ALL.map(|(_, name)| format!("{name:>15}")).concat();
    out::say(&format!("{:<16} {:<14}{names}", "file", "damage"));
    for ((file, damage), row) in table {
        let counts = End::ALL.map(|(end, _)| format!("{:>15}", row.get(&end).unwrap_or(&0)));
        out::say(&format!("{file:<16} {damage:<14}{}", counts.concat()));
    }
}

fn figures(table: &Table) -> Value {
    let rows = table.iter().map(|((file, damage), row)| {
        let counts: BTreeMap<&str, u64> = End::ALL
            .iter()
            .map(|(end, name)| (*name, row.get(end).copied().unwrap_or(0)))
            .collect();
        json!({"file": file, "damage": damage, "ends": counts})
    });
    rows.collect()
}

/// The name without its numbers.
fn kind(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let letters: String = name.chars().filter(|c| !c.is_ascii_digit()).collect();
    letters.trim_matches('.').to_owned()
}

struct RotRoom<'a> {
    args: &'a RotArgs,
    peer: &'a Peer,
    place: PathBuf,
    ledger: Ledger,
    table: Table,
    expected: Expectations,
    /// Files that were gone after a trial.
    removed: Vec<String>,
}

impl RotRoom<'_> {
    /// A store with some history, and the same store earlier.
    fn make(&mut self, older: &Path, base: &Path) -> Result<()> {
        let store = self.place.join("store");
        let setup = self.args.basics.setup(&store)?;
        promises::prepare(&self.peer.start(&setup)?, STREAM)?;
        for copy_to in [older, base] {
            let mut server = self.peer.start(&setup)?;
            let mix = Mix { publishes: self.args.publishes, padding: PADDING, ..Mix::full() };
            Client { server: &server, stream: STREAM, mix: &mix }
                .work(&mut self.ledger, &Moments::open())?;
            promises::settle(&server, STREAM, &mut self.ledger)?;
            if self.args.after_kill {
                server.kill()?;
            } else {
                server.stop()?;
            }
            copy(&store, copy_to)?;
        }
        Ok(())
    }

    fn trial(&mut self, store: &Store, file: &Path, damage: &Damage) -> Result<(End, String)> {
        let place = self.place.join("trial");
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        store.damaged(file, damage, &place)?;
        let before = damage::names(&place)?;
        let mut setup = self.args.basics.setup(&place)?;
        setup.monitor = Some(free_port()?);
        let ended = match self.peer.launch(&setup) {
            Ok(Launch::Ended { said, .. }) => refused(&said, file),
            Ok(Launch::Up(server)) => self.look(server, &setup)?,
            Err(error) => (End::Loud, format!("{error:#}")),
        };
        if !matches!(ended.0, End::Intact | End::IntactLoud) {
            let after = damage::names(&place)?;
            // Room may come and go; data may not. Whoever serves may give back what is dead, but
            // keeps what is damaged.
            let is_data = |it: &&PathBuf| !["free", "reserve"].contains(&kind(it).as_str());
            let is_served = matches!(ended.0, End::Loud);
            let gone: BTreeSet<&PathBuf> = (before.difference(&after).filter(is_data))
                .filter(|it| !is_served || it.as_path() == file)
                .filter(|it| !after.contains(&it.with_extension("damaged")))
                .collect();
            if !gone.is_empty() {
                self.removed.push(format!("{gone:?} after {damage:?} of {}", file.display()));
            }
        }
        Ok(ended)
    }

    fn look(&self, mut server: Server, setup: &Setup) -> Result<(End, String)> {
        let monitor = setup.monitor.context("a port")?;
        let well = health(monitor).is_ok_and(|(code, _)| code == 200);
        let mut trial = self.ledger.clone();
        let read = promises::judge(&server, STREAM, &mut trial);
        let well = well && health(monitor).is_ok_and(|(code, _)| code == 200);
        server.kill()?;
        let findings = trial.findings;
        Ok(match (read, findings.violations.is_clean(), well) {
            (Err(error), _, _) => (End::Loud, format!("{error:#}")),
            (Ok(()), true, true) => (End::Intact, String::new()),
            (Ok(()), true, false) => (End::IntactLoud, String::new()),
            (Ok(()), false, false) => (End::Loud, String::new()),
            (Ok(()), false, true) => (End::Silent, findings.examples.join("; ")),
        })
    }
}

fn refused(said: &str, file: &Path) -> (End, String) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if said.contains(&*name) {
        (End::RefusedNamed, said.to_owned())
    } else {
        (End::Refused, said.to_owned())
    }
}
