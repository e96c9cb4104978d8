//! What was meant for later, for nobody, or for one machine only.

use super::finding::Finding;
use crate::checkout::SourceFile;
use crate::mask::{Masked, mask};

// Put together here, so that this file does not find itself.
const UNWRITTEN: [&str; 2] = [concat!("to", "do!("), concat!("unimpl", "emented!(")];
const IGNORED: &str = concat!("#[ign", "ore");
const MARKS: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];
const LATER: &str = concat!("TO", "DO");
const PLACES: [&str; 4] =
    [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Looks at every line of a text file.
pub(crate) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.extension() == "rs" {
        let Masked { code, comments } = mask(&file.text);
        for (line, text) in numbered(&code) {
            findings.extend(in_code(&file.path, line, text));
        }
        for (line, text) in numbered(&comments) {
            findings.extend(in_comment(&file.path, line, text));
        }
    } else if is_ours(file) {
        for (line, text) in numbered(&file.text) {
            findings.extend(in_comment(&file.path, line, text));
        }
    }
    if file.path != "Cargo.lock" {
        for (line, text) in numbered(&file.text) {
            if let Some(place) = PLACES.iter().find(|place| text.contains(**place)) {
                let what = format!("names a path of one machine ({place}…)");
                let remedy = "use a path within the repository, or a temporary directory";
                findings.push(Finding::new(&file.path, line, &what).remedy(remedy));
            }
        }
    }
    findings
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(idx, line)| (idx + 1, line))
}

/// Files with comments of people.
fn is_ours(file: &SourceFile) -> bool {
    matches!(file.extension(), "py" | "toml" | "sh" | "yml") || file.path == ".ci/run"
}

fn in_code(path: &str, line: usize, text: &str) -> Option<Finding> {
    if let Some(call) = UNWRITTEN.iter().find(|call| text.contains(**call)) {
        let what = format!("`{call}…)` is code that is not written");
        return Some(
            Finding::new(path, line, &what).remedy("write it, or refuse the case by name"),
        );
    }
    text.contains(IGNORED).then(|| {
        Finding::new(path, line, "a test that does not run")
            .remedy("make it pass or delete it; one that a machine can't run says SKIPPED")
    })
}

fn in_comment(path: &str, line: usize, text: &str) -> Option<Finding> {
    if let Some(mark) = MARKS.iter().find(|mark| has_word(text, mark)) {
        let what = format!("{mark} marks something broken");
        return Some(Finding::new(path, line, &what).remedy("mend it, or open an issue"));
    }
    let named = text.contains(&format!("{LATER}(#"));
    (has_word(text, LATER) && !named).then(|| {
        Finding::new(path, line, "work for later that no issue knows")
            .remedy(&format!("do it, or write {LATER}(#number)"))
    })
}

/// Whether `word` stands alone in `text`.
fn has_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '\\';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(path: &str, text: &str) -> usize {
        check(&SourceFile { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn unwritten_code_and_tests_that_do_not_run_are_found_in_code_only() {
        for call in UNWRITTEN {
            assert_eq!(found("a.rs", &format!("fn f() {{ {call}) }}")), 1);
            assert_eq!(found("a.rs", &format!("let s = \"{call})\"; // {call})")), 0);
        }
        assert_eq!(found("a.rs", &format!("{IGNORED}]\nfn t() {{}}")), 1);
        assert_eq!(found("a.rs", &format!("{IGNORED} = \"slow\"]\nfn t() {{}}")), 1);
    }

    #[test]
    fn work_for_later_needs_an_issue() {
        assert_eq!(found("a.rs", &format!("// {LATER}: more")), 1);
        assert_eq!(found("a.rs", &format!("// {LATER}(#12): more")), 0);
        assert_eq!(found("a.py", &format!("# {LATER} more")), 1);
        assert_eq!(found("a.md", &format!("{LATER} lists are fine in prose")), 0);
    }

    #[test]
    fn marks_count_as_whole_words_in_comments() {
        let [broken, crosses] = MARKS;
        assert_eq!(found("a.rs", &format!("// {broken}\n/* {crosses} */")), 2);
        assert_eq!(found("a.rs", &format!("/// `\\u{crosses}X`")), 0);
        assert_eq!(found("a.rs", &format!("let {crosses} = 1;")), 0);
    }

    #[test]
    fn no_file_knows_the_machine_it_was_written_on() {
        for place in PLACES {
            assert_eq!(found("a.md", &format!("see {place}x")), 1);
        }
        assert_eq!(found("a.md", "see target/x and /tmp/y"), 0);
    }
}
