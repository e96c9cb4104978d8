//! Names of files that say nothing about what is in them.

use super::finding::Finding;
use crate::checkout::SourceFile;

const SAY_NOTHING: [&str; 9] =
    ["utils", "util", "helpers", "helper", "common", "misc", "types", "impls", "mod"];

/// Looks at the name of a Rust file.
pub(crate) fn check(file: &SourceFile) -> Option<Finding> {
    let name = file.path.rsplit('/').next()?.strip_suffix(".rs")?;
    let numbered = name.ends_with('2');
    if !numbered && !SAY_NOTHING.contains(&name) {
        return None;
    }
    let what = format!("the name {name}.rs says nothing");
    Some(Finding::new(&file.path, 1, &what).remedy("name the file after its main type or its verb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(path: &str) -> bool {
        check(&SourceFile { path: path.to_owned(), text: String::new() }).is_none()
    }

    #[test]
    fn a_file_is_named_for_what_is_in_it() {
        assert!(is_fine("a/decode.rs"));
        assert!(is_fine("a/common.py"));
        for path in ["a/utils.rs", "a/types.rs", "a/impls.rs", "a/stream2.rs", "a/x/mod.rs"] {
            assert!(!is_fine(path), "{path}");
        }
    }
}
