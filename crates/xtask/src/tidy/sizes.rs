//! Sizes of files: what is too large is listed with its size, and the list only shrinks.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::finding::Finding;
use crate::checkout::SourceFile;

/// Lines of code that a file may have without being listed.
const USUAL: usize = 400;
/// Lines of code that no file may have.
const HARD: usize = 800;

const HEAD: &str = "# Files of more than 400 lines without their tests, with their size, which may \
only shrink.\n# `cargo xtask tidy --shrink` lowers the figures.\n";

/// Compares the sizes of `files` with the list at `path`.
pub(crate) fn check(path: &str, ratchet: &str, files: &[SourceFile]) -> Vec<Finding> {
    let mut listed = listed(ratchet);
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| counts(file)) {
        let lines = lines_of_code(&file.text);
        let limit = listed.remove(file.path.as_str());
        let complaint = match limit {
            _ if lines > HARD => Some(format!("{lines} lines; none may have over {HARD}")),
            None if lines > USUAL => Some(format!("{lines} lines; the limit is {USUAL}")),
            Some((_, limit)) if lines > limit => {
                Some(format!("grew from {limit} to {lines} lines, and is too long already"))
            }
            _ => None,
        };
        if let Some(what) = complaint {
            let remedy = "split it by what changes together";
            findings.push(Finding::new(&file.path, USUAL, &what).remedy(remedy));
        } else if let Some((line, limit)) = limit
            && lines < limit
        {
            let what = format!("{} has shrunk from {limit} to {lines} lines", file.path);
            let remedy = "run `cargo xtask tidy --shrink`, so that it can't grow again";
            findings.push(Finding::new(path, line, &what).remedy(remedy));
        }
    }
    for (gone, (line, _)) in listed {
        let what = format!("{gone} is not there or not counted");
        findings.push(Finding::new(path, line, &what).remedy("delete the line"));
    }
    findings
}

/// The list with no figure higher than it has to be and none added.
pub(crate) fn shrunk(ratchet: &str, files: &[SourceFile]) -> String {
    let listed = listed(ratchet);
    let mut text = HEAD.to_owned();
    for file in files.iter().filter(|file| counts(file)) {
        let lines = lines_of_code(&file.text);
        if let Some((_, limit)) = listed.get(file.path.as_str())
            && lines > USUAL
        {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{} {}", lines.min(*limit), file.path);
        }
    }
    text
}

/// Path → (line of the list, lines of the file).
fn listed(ratchet: &str) -> BTreeMap<&str, (usize, usize)> {
    let entries = ratchet.lines().enumerate().filter_map(|(idx, line)| {
        let (lines, path) = line.split_once(' ')?;
        Some((path, (idx + 1, lines.parse().ok()?)))
    });
    entries.collect()
}

/// Neither tests nor generated.
fn counts(file: &SourceFile) -> bool {
    let path = file.path.as_str();
    let test = path.ends_with("/tests.rs") || path.contains("/tests/");
    let generated = file.text.lines().take(3).any(|line| line.starts_with("//! Generated"));
    file.extension() == "rs" && !test && !generated
}

/// Up to the unit tests.
fn lines_of_code(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    });
    tests.unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize) -> SourceFile {
        SourceFile { path: path.to_owned(), text: "x\n".repeat(lines) }
    }

    #[track_caller]
    fn found(ratchet: &str, file: SourceFile) -> Option<String> {
        let findings = check("r", ratchet, &[file]);
        assert!(findings.len() <= 1, "{findings:?}");
        findings.first().map(|finding| finding.to_string().lines().next().unwrap().to_owned())
    }

    #[test]
    fn a_long_file_has_to_be_listed() {
        assert_eq!(found("", file("a.rs", 400)), None);
        assert_eq!(found("", file("a.rs", 401)).unwrap(), "a.rs:400: 401 lines; the limit is 400");
        assert_eq!(found("401 a.rs", file("a.rs", 401)), None);
    }

    #[test]
    fn a_listed_file_only_shrinks() {
        let grown = "a.rs:400: grew from 500 to 501 lines, and is too long already";
        assert_eq!(found("500 a.rs", file("a.rs", 501)).unwrap(), grown);
        let shrunk = "r:1: a.rs has shrunk from 500 to 499 lines";
        assert_eq!(found("500 a.rs", file("a.rs", 499)).unwrap(), shrunk);
        assert_eq!(
            found("1 b.rs", file("a.rs", 1)).unwrap(),
            "r:1: b.rs is not there or not counted"
        );
    }

    #[test]
    fn the_hard_limit_knows_no_exception() {
        assert!(found("900 a.rs", file("a.rs", 801)).unwrap().contains("none may have over 800"));
    }

    #[test]
    fn tests_and_generated_files_do_not_count() {
        assert_eq!(found("", file("a/tests.rs", 900)), None);
        assert_eq!(found("", file("a/tests/it/x.rs", 900)), None);
        let text = "//! Generated from `x`.\n".to_owned() + &"x\n".repeat(900);
        assert_eq!(found("", SourceFile { path: "a.rs".to_owned(), text }), None);
        let text = "x\n#[cfg(test)]\nmod tests {\n".to_owned() + &"x\n".repeat(900);
        assert_eq!(found("", SourceFile { path: "a.rs".to_owned(), text }), None);
    }

    #[test]
    fn shrinking_lowers_and_drops_but_never_adds() {
        let files = [file("a.rs", 450), file("b.rs", 300), file("c.rs", 700)];
        assert_eq!(shrunk("500 a.rs\n410 b.rs\n", &files), format!("{HEAD}450 a.rs\n"));
    }
}
