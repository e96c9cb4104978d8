//! Clippy takes the nearest `clippy.toml` and does not merge it with the root's: the copies in the
//! pure crates have to hold the root's lines, and those that keep a crate pure.

use super::finding::Finding;

/// Crates with a `clippy.toml` of their own.
pub(crate) const PURE: [&str; 7] =
    ["subject", "proto", "store", "router", "jetstream", "conf", "sim"];

const KEEP_PURE: [&str; 4] = [
    "std::collections::HashMap",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::thread::spawn",
];

/// Compares the `clippy.toml` at `path` with the root's.
pub(crate) fn check(root: &str, path: &str, text: Option<&str>) -> Vec<Finding> {
    let Some(text) = text else {
        return vec![
            Finding::new(path, 1, "is missing, so the root's clippy.toml rules a pure crate")
                .remedy("copy the one of crates/proto"),
        ];
    };
    let mut findings = Vec::new();
    // A pure crate has no tokio; clippy warns about a path it can't find.
    let wanted = root.lines().map(str::trim).filter(|line| !line.contains("\"tokio::"));
    for line in wanted.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if !text.lines().any(|own| own.trim() == line) {
            let what = format!("lacks the root's line `{line}`");
            findings.push(Finding::new(path, 1, &what).remedy("copy the line from clippy.toml"));
        }
    }
    for banned in KEEP_PURE {
        if !text.contains(&format!("\"{banned}\"")) {
            let what = format!("does not ban {banned}");
            findings.push(Finding::new(path, 1, &what).remedy("ban it, as crates/proto does"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "# comment\nlimit = 70\nmethods = [\n    { path = \"tokio::x\" },\n]\n";

    fn pure(extra: &str) -> String {
        KEEP_PURE.map(|name| format!("\"{name}\"\n")).concat() + "methods = [\n]\n" + extra
    }

    #[test]
    fn a_copy_holds_the_roots_lines_less_those_about_tokio() {
        assert_eq!(check(ROOT, "c", Some(&pure("limit = 70\n"))), []);
        let findings = check(ROOT, "c", Some(&pure("limit = 71\n")));
        assert!(findings[0].to_string().contains("lacks the root's line `limit = 70`"));
        assert_eq!(findings.len(), 1);
    }

    #[test]
    fn a_pure_crate_bans_clocks_threads_and_random_order() {
        assert_eq!(check("", "c", Some("")).len(), KEEP_PURE.len());
        assert_eq!(check("", "c", None).len(), 1);
    }
}
