//! Checks of structure that neither the compiler nor clippy makes.

mod edges;
mod finding;
mod leftovers;
mod lints;
mod modules;
mod names;
mod records;
mod sizes;

use std::fs;

use anyhow::{Context, Result};

use self::finding::Finding;
use crate::checkout::{Checkout, SourceFile};
use crate::{say, traceability};

const RATCHET: &str = "crates/xtask/ratchet.txt";

/// Prints what is wrong; true if nothing is. `shrink` first lowers the ratchet to what is there.
pub(crate) fn run(checkout: &Checkout, shrink: bool) -> Result<bool> {
    let files = checkout.files()?;
    let mut findings = Vec::new();
    let ratchet = files.iter().find(|file| file.path == RATCHET).context(RATCHET)?;
    if shrink {
        let path = checkout.root.join(RATCHET);
        fs::write(path, sizes::shrunk(&ratchet.text, &files))?;
        say("the ratchet is as low as it goes; run tidy again");
        return Ok(true);
    }
    for package in &checkout.packages {
        let manifest = checkout.relative(&package.manifest_path);
        let text = text_of(&files, &manifest).unwrap_or_default();
        findings.extend(edges::check(package, &manifest, text));
    }
    let root_lints = text_of(&files, "clippy.toml").context("clippy.toml")?;
    for name in lints::PURE {
        if checkout.packages.iter().any(|package| package.name == format!("tradewind-{name}")) {
            let path = format!("crates/{name}/clippy.toml");
            findings.extend(lints::check(root_lints, &path, text_of(&files, &path)));
        }
    }
    findings.extend(sizes::check(RATCHET, &ratchet.text, &files));
    findings.extend(modules::check(&roots(checkout, &files), &files));
    for file in &files {
        findings.extend(names::check(file));
        findings.extend(leftovers::check(file));
    }
    findings.extend(records::check(&files));
    findings.extend(traceability_findings(checkout, &files)?);
    findings.sort();
    for finding in &findings {
        say(&finding.to_string());
    }
    say(&format!("tidy: {} files, {} findings", files.len(), findings.len()));
    Ok(findings.is_empty())
}

fn text_of<'a>(files: &'a [SourceFile], path: &str) -> Option<&'a str> {
    files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
}

/// The files cargo starts to compile from; those of the fuzz targets are named in their manifest.
fn roots(checkout: &Checkout, files: &[SourceFile]) -> Vec<String> {
    let targets = checkout.packages.iter().flat_map(|package| &package.targets);
    let mut roots: Vec<String> =
        targets.map(|target| checkout.relative(&target.src_path)).collect();
    let fuzz = text_of(files, "fuzz/Cargo.toml").unwrap_or_default();
    let paths = fuzz.lines().filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
    roots.extend(paths.map(|path| format!("fuzz/{path}")));
    roots
}

fn traceability_findings(checkout: &Checkout, files: &[SourceFile]) -> Result<Vec<Finding>> {
    let page = traceability::page(checkout, files)?;
    let mut findings: Vec<Finding> = page
        .unknown
        .iter()
        .map(|cited| {
            Finding::new(&cited.path, cited.line, &format!("{} is no row of the table", cited.row))
                .remedy("cite an existing row")
        })
        .collect();
    if text_of(files, traceability::PAGE) != Some(page.text.as_str()) {
        findings.push(
            Finding::new(traceability::PAGE, 1, "does not match the tests")
                .remedy("run `cargo xtask traceability` and commit the page"),
        );
    }
    Ok(findings)
}
