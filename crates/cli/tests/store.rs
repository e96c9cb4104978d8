//! `tradewind store`, on the store that is kept as a fixture.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn fixture() -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/store-1");
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        if name != "content.txt" {
            fs::copy(entry.path(), to.path().join(name)).unwrap();
        }
    }
    to
}

fn store(args: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradewind"));
    command.arg("store").args(&args[..1]).arg(directory).args(&args[1..]).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Flips a bit of the last message, which no other record makes up for.
fn spoil(directory: &Path) {
    let path = directory.join(tail(directory));
    let mut bytes = fs::read(&path).unwrap();
    let name = b"$KV.a.last";
    let at = (0..bytes.len()).rfind(|at| bytes[*at..].starts_with(name)).unwrap();
    bytes[at + 1] ^= 1;
    fs::write(&path, bytes).unwrap();
}

/// The segment without a sidecar: a sidecar makes up for its segment, until somebody reads there.
fn tail(directory: &Path) -> String {
    let names: Vec<String> = contents(directory).into_iter().map(|(name, _)| name).collect();
    let has_none = |name: &&String| {
        name.strip_suffix(".log").is_some_and(|it| !names.contains(&format!("{it}.side")))
    };
    names.iter().find(has_none).unwrap().clone()
}

fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let mut all: Vec<_> = entries
        .map(|it| (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn a_sound_store_is_called_sound_and_left_alone() {
    let store_dir = fixture();
    let before = contents(store_dir.path());

    let verified = store(&["verify"], store_dir.path());
    let dumped = store(&["dump"], store_dir.path());

    assert!(verified.status.success(), "{verified:?}");
    let said = text(&verified.stdout);
    assert!(said.contains("ORDERS") && said.ends_with("sound\n"), "{said}");
    assert!(text(&dumped.stdout).contains("publish seq 1 orders.0"));
    assert_eq!(contents(store_dir.path()), before);
}

#[test]
fn damage_is_named_and_nothing_is_changed_without_being_told() {
    let store_dir = fixture();
    spoil(store_dir.path());
    let before = contents(store_dir.path());

    let verified = store(&["verify", "--output", "json"], store_dir.path());
    let shown = store(&["repair"], store_dir.path());

    assert_eq!(verified.status.code(), Some(1));
    assert!(text(&verified.stdout).contains(&tail(store_dir.path())), "{verified:?}");
    assert!(text(&verified.stderr).contains("store repair"), "{verified:?}");
    assert!(text(&shown.stdout).contains("--accept-loss"), "{shown:?}");
    assert_eq!(contents(store_dir.path()), before);
}

#[test]
fn an_accepted_loss_makes_the_store_sound_again() {
    let store_dir = fixture();
    spoil(store_dir.path());
    let found = text(&store(&["verify"], store_dir.path()).stdout);
    let lost: Vec<&str> = found
        .lines()
        .filter(|line| line.contains("LOST"))
        .map(|line| line.split(' ').nth(2).unwrap().trim_end_matches(':'))
        .collect();
    assert!(!lost.is_empty(), "{found}");

    let wrong = store(&["repair", "--accept-loss", "NOBODY"], store_dir.path());
    let args: Vec<&str> = ["repair"]
        .into_iter()
        .chain(lost.iter().flat_map(|name| ["--accept-loss", name]))
        .collect();
    let accepted = store(&args, store_dir.path());

    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    assert!(accepted.status.success(), "{accepted:?}");
    let after = text(&store(&["verify"], store_dir.path()).stdout);
    assert!(!after.contains("LOST"), "{after}");
}

#[test]
fn what_is_no_store_is_said_to_be_none() {
    let empty = tempfile::tempdir().unwrap();

    let output = store(&["verify"], empty.path());

    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no manifest"), "{output:?}");
    assert_eq!(contents(empty.path()), []);
}
