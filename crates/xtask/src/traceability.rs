//! docs/traceability.md: each row of the mission's table, and the tests that prove it.
//!
//! The rows come from the table if it lies beside the repository, and otherwise from the page
//! itself, so that the page can be checked where the table is not.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::checkout::{Checkout, SourceFile};
use crate::say;

/// The page, from the root.
pub(crate) const PAGE: &str = "docs/traceability.md";

const TABLE: &str = "../shared/mission/checklist.md";

/// A test that says it proves a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Citation {
    pub(crate) row: String,
    pub(crate) path: String,
    pub(crate) line: usize,
    test: String,
}

/// The page as it should be.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) text: String,
    /// Citations of rows that the table doesn't have.
    pub(crate) unknown: Vec<Citation>,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    id: String,
    /// The part of the system it is about.
    place: String,
}

/// Writes the page.
pub(crate) fn write(checkout: &Checkout) -> Result<bool> {
    let page = page(checkout, &checkout.files()?)?;
    fs::write(checkout.root.join(PAGE), &page.text).context(PAGE)?;
    for Citation { row, path, line, .. } in &page.unknown {
        say(&format!("{path}:{line}: {row} is no row of the table"));
    }
    say(&format!("{PAGE} is written"));
    Ok(page.unknown.is_empty())
}

/// Makes the page from the tests in `files`.
pub(crate) fn page(checkout: &Checkout, files: &[SourceFile]) -> Result<Page> {
    let rows = if let Ok(table) = fs::read_to_string(checkout.root.join(TABLE)) {
        rows_of(&table, 3)
    } else {
        let page = files.iter().find(|file| file.path == PAGE);
        rows_of(&page.context("neither the table nor the page is there")?.text, 2)
    };
    ensure!(!rows.is_empty(), "the table has no rows");
    Ok(render(&rows, files.iter().flat_map(citations).collect()))
}

/// Rows of a Markdown table that begin with an id; the place is in cell number `place_idx`.
fn rows_of(table: &str, place_idx: usize) -> Vec<Row> {
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim);
        let id = cells.nth(1).filter(|cell| is_row_id(cell))?.to_owned();
        Some(Row { id, place: cells.nth(place_idx - 2)?.to_owned() })
    });
    rows.collect()
}

/// `S`, one digit, a dash, two or three digits.
fn is_row_id(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('S').and_then(|rest| rest.split_once('-')).is_some_and(|(seed, row)| {
        seed.len() == 1 && digits(seed) && (2..=3).contains(&row.len()) && digits(row)
    })
}

/// What the tests of one file say they prove.
fn citations(file: &SourceFile) -> Vec<Citation> {
    let (function, comment) = match file.extension() {
        "rs" => ("fn ", "///"),
        "py" => ("def ", "#"),
        _ => return Vec::new(),
    };
    let python = comment == "#";
    let mut found = Vec::new();
    let mut waiting: Vec<(String, usize)> = Vec::new();
    let mut is_test = false;
    let mut current = None;
    for (idx, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("#[") && line.contains("test") {
            is_test = true;
        } else if let Some(name) = function_name(line, function) {
            let counts = is_test || python && name.starts_with("test_");
            current = counts.then_some(name);
            if let Some(test) = current {
                waiting.extend(row_in_name(test).map(|row| (row, idx + 1)));
                found.extend(waiting.drain(..).map(|row| cite(file, test, row)));
            }
            waiting.clear();
            is_test = false;
        } else if line.starts_with(comment) || python && line.starts_with("\"\"\"") {
            let rows = rows_in_comment(line).map(|row| (row, idx + 1));
            match current {
                // A docstring belongs to the function above it.
                Some(test) if line.starts_with("\"\"\"") => {
                    found.extend(rows.map(|row| cite(file, test, row)));
                }
                _ => waiting.extend(rows),
            }
        }
    }
    found
}

fn cite(file: &SourceFile, test: &str, (row, line): (String, usize)) -> Citation {
    Citation { row, path: file.path.clone(), line, test: test.to_owned() }
}

/// The name of the function that `line` begins.
fn function_name<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let (before, rest) = line.split_once(keyword)?;
    let is_head = before
        .split_whitespace()
        .all(|word| matches!(word, "pub" | "pub(crate)" | "async" | "const" | "unsafe"));
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (is_head && end != 0).then(|| &rest[..end])
}

/// `s0_34_…` or `test_s0_34_…`.
fn row_in_name(name: &str) -> Option<String> {
    let name = name.strip_prefix("test_").unwrap_or(name);
    let mut parts = name.split('_');
    let (seed, row) = (parts.next()?, parts.next()?);
    let id = format!("S{}-{row}", seed.strip_prefix('s')?);
    is_row_id(&id).then_some(id)
}

fn rows_in_comment(comment: &str) -> impl Iterator<Item = String> {
    let list = comment.split_once("Rows:").map_or("", |(_, list)| list);
    let words = list.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| is_row_id(word)).map(str::to_owned)
}

fn render(rows: &[Row], citations: Vec<Citation>) -> Page {
    let mut tests: BTreeMap<&str, Vec<&Citation>> = BTreeMap::new();
    for citation in &citations {
        tests.entry(&citation.row).or_default().push(citation);
    }
    let proven = rows.iter().filter(|row| tests.contains_key(row.id.as_str())).count();
    let mut text = format!(
        "# Traceability\n\n\
         Written by `cargo xtask traceability`: the rows of the mission's table, and the tests \
         that say in their name or in a line `Rows:` that they prove them.\n\n\
         {proven} of {} rows have a test.\n\n| Row | Where | Tests |\n|---|---|---|\n",
        rows.len()
    );
    for Row { id, place } in rows {
        let mut links: Vec<String> =
            tests.get(id.as_str()).into_iter().flatten().map(|it| link(it)).collect();
        links.sort();
        links.dedup();
        let links = if links.is_empty() { "–".to_owned() } else { links.join("<br>") };
        // Writing to a String can't fail.
        let _ = writeln!(text, "| {id} | {place} | {links} |");
    }
    let is_unknown = |citation: &Citation| rows.iter().all(|row| row.id != citation.row);
    let unknown = citations.into_iter().filter(is_unknown).collect();
    Page { text, unknown }
}

fn link(citation: &Citation) -> String {
    format!("[`{}`](../{})", citation.test, citation.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[(&str, &str, usize)]) {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        let found = citations(&file);
        let found: Vec<(&str, &str, usize)> =
            found.iter().map(|it| (it.row.as_str(), it.test.as_str(), it.line)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_rust_test_names_its_rows_in_its_name_and_above_it() {
        let text = "/// Rows: S0-30, S1-102\n#[tokio::test]\nasync fn s0_34_acks() {}\n";
        check(
            "a.rs",
            text,
            &[("S0-30", "s0_34_acks", 1), ("S1-102", "s0_34_acks", 1), ("S0-34", "s0_34_acks", 3)],
        );
    }

    #[test]
    fn what_is_no_test_proves_nothing() {
        check("a.rs", "/// Rows: S0-30\nfn s0_34_acks() {}\n\n#[test]\nfn other() {}\n", &[]);
        check("a.py", "# Rows: S0-30\ndef s0_34_acks(): pass\n", &[]);
        check("a.md", "Rows: S0-30\n", &[]);
    }

    #[test]
    fn a_python_test_may_name_them_in_its_docstring() {
        let text = "# Rows: S4-01\nasync def test_s4_19_x(server):\n    \"\"\"Rows: S4-02\"\"\"\n";
        check(
            "a.py",
            text,
            &[
                ("S4-01", "test_s4_19_x", 1),
                ("S4-19", "test_s4_19_x", 2),
                ("S4-02", "test_s4_19_x", 3),
            ],
        );
    }

    #[test]
    fn the_page_holds_its_own_rows() {
        let table = "| ID | L | Where | Feature |\n|---|---|---|---|\n| S0-01 | 1 | SRV | x |\n| S0-02 | 1 | CLI OPR | y |\n";
        let rows = rows_of(table, 3);
        let file = SourceFile {
            path: "c/a.rs".to_owned(),
            text: "#[test]\nfn s0_01_x() {}\n#[test]\nfn s9_77_x() {}\n".to_owned(),
        };
        let page = render(&rows, citations(&file));
        assert!(page.text.contains("\n| S0-01 | SRV | [`s0_01_x`](../c/a.rs) |\n"));
        assert!(page.text.contains("1 of 2 rows have a test"));
        assert_eq!(page.unknown.len(), 1);
        assert_eq!(rows_of(&page.text, 2), rows);
    }
}
