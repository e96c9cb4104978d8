//! Decision records: every one that is cited exists.

use std::collections::BTreeSet;

use super::finding::Finding;
use crate::checkout::SourceFile;

const FOLDER: &str = "docs/adr/";

/// Looks for `ADR-` and four digits; those of NATS have fewer.
pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let there: BTreeSet<&str> =
        files.iter().filter_map(|file| file.path.strip_prefix(FOLDER)?.split('-').next()).collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path != "Cargo.lock") {
        for (idx, line) in file.text.lines().enumerate() {
            for number in cited(line).filter(|number| !there.contains(number)) {
                let what = format!("cites ADR-{number}, which is not in {FOLDER}");
                let remedy = "write the record, or cite the right one";
                findings.push(Finding::new(&file.path, idx + 1, &what).remedy(remedy));
            }
        }
    }
    findings
}

fn cited(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("ADR-").filter_map(|(at, mark)| {
        let rest = &line[at + mark.len()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (digits == 4).then(|| &rest[..4])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cited_record_exists() {
        let file =
            |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let number = "0002";
        let files = [
            file("docs/adr/0001-effects.md", ""),
            file("a.rs", &format!("// ADR-0001, NATS ADR-8\n// see ADR-{number}.")),
        ];
        let findings = check(&files);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].to_string().starts_with(&format!("a.rs:2: cites ADR-{number}")));
    }
}
