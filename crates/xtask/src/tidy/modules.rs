//! Every Rust file is compiled: it is where cargo starts, or a `mod` line of its parent names it.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use crate::checkout::SourceFile;
use crate::mask::mask;

/// Follows the `mod` lines from `roots`. `#[path]` is not followed: nothing here needs it.
pub(crate) fn check(roots: &[String], files: &[SourceFile]) -> Vec<Finding> {
    let rust: BTreeMap<&str, &str> = files
        .iter()
        .filter(|file| file.extension() == "rs")
        .map(|file| (file.path.as_str(), file.text.as_str()))
        .collect();
    let mut reached = BTreeSet::new();
    let mut open: Vec<(String, bool)> = roots.iter().map(|root| (root.clone(), true)).collect();
    while let Some((path, is_root)) = open.pop() {
        let Some(text) = rust.get(path.as_str()) else { continue };
        if reached.insert(path.clone()) {
            let folder = folder_of_children(&path, is_root);
            for name in mod_lines(text) {
                open.push((format!("{folder}/{name}.rs"), false));
                open.push((format!("{folder}/{name}/mod.rs"), false));
            }
        }
    }
    let dead = rust.keys().filter(|path| !reached.contains(**path)).map(|path| {
        Finding::new(path, 1, "is compiled by nothing")
            .remedy("name it in a `mod` line of its parent, or delete it")
    });
    let heads = roots.iter().filter_map(|root| {
        let is_head = root.ends_with("/lib.rs") || root.ends_with("/main.rs");
        let says_what = rust.get(root.as_str()).is_none_or(|text| text.starts_with("//!"));
        (is_head && !says_what).then(|| {
            Finding::new(root, 1, "does not say what it is")
                .remedy("begin with `//!`: what it is, what it is not, its invariants")
        })
    });
    dead.chain(heads).collect()
}

fn folder_of_children(path: &str, is_root: bool) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    match name.strip_suffix(".rs") {
        _ if is_root => folder.to_owned(),
        None | Some("mod") => folder.to_owned(),
        Some(stem) => format!("{folder}/{stem}"),
    }
}

/// Names in lines like `#[cfg(test)] pub(crate) mod name;`.
fn mod_lines(text: &str) -> Vec<String> {
    let code = mask(text).code;
    let names = code.lines().filter_map(|line| {
        let mut line = line.trim();
        while let Some(rest) = line.strip_prefix("#[") {
            line = rest.split_once(']')?.1.trim_start();
        }
        let line = match line.strip_prefix("pub(") {
            Some(rest) => rest.split_once(')')?.1.trim_start(),
            None => line.strip_prefix("pub ").unwrap_or(line),
        };
        Some(line.strip_prefix("mod ")?.strip_suffix(';')?.trim().to_owned())
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(roots: &[&str], files: &[(&str, &str)]) -> Vec<String> {
        let roots: Vec<String> = roots.iter().map(|&root| root.to_owned()).collect();
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect();
        let findings = check(&roots, &files);
        findings.iter().map(|it| it.to_string().lines().next().unwrap().to_owned()).collect()
    }

    #[test]
    fn mod_lines_are_followed_through_folders() {
        let files = [
            ("c/src/lib.rs", "//! C.\nmod a;\n#[cfg(test)]\nmod t;\npub(crate) mod p;"),
            ("c/src/a.rs", "mod b;"),
            ("c/src/a/b.rs", ""),
            ("c/src/t.rs", ""),
            ("c/src/p.rs", ""),
        ];
        assert_eq!(found(&["c/src/lib.rs"], &files), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_nothing_names_is_dead() {
        let files = [("c/src/lib.rs", "//! C.\n// mod a;\n"), ("c/src/a.rs", "")];
        assert_eq!(found(&["c/src/lib.rs"], &files), ["c/src/a.rs:1: is compiled by nothing"]);
    }

    #[test]
    fn a_crate_begins_with_what_it_is() {
        let files = [("c/src/main.rs", "fn main() {}"), ("c/tests/x.rs", "")];
        assert_eq!(
            found(&["c/src/main.rs", "c/tests/x.rs"], &files),
            ["c/src/main.rs:1: does not say what it is"]
        );
    }
}
