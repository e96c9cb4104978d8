//! The table of crates in ARCHITECTURE.md: who may depend on whom, and on what outside.

use super::finding::Finding;
use crate::checkout::Package;

/// What the pure crates must not reach: sockets, runtimes, clocks, dice.
const IO: [&str; 14] = [
    "async-nats",
    "axum",
    "fastrand",
    "getrandom",
    "hyper",
    "mio",
    "polling",
    "rand",
    "reqwest",
    "rustls",
    "signal-hook",
    "socket2",
    "tokio",
    "tokio-util",
];

/// One row of the table.
struct Rule {
    name: &'static str,
    /// Crates of this workspace it may depend on.
    ours: &'static [&'static str],
    /// The same, for its tests only.
    in_tests: &'static [&'static str],
    /// Whether [`IO`] is out of bounds.
    pure: bool,
    /// What else it must not see.
    banned: &'static [&'static str],
}

const RULES: [Rule; 14] = [
    Rule {
        name: "subject",
        ours: &[],
        in_tests: &[],
        pure: true,
        banned: &["rustix", "parking_lot", "serde_json"],
    },
    Rule { name: "proto", ours: &["subject"], in_tests: &[], pure: true, banned: &["rustix"] },
    Rule { name: "store", ours: &["subject"], in_tests: &[], pure: true, banned: &["serde_json"] },
    Rule {
        name: "router",
        ours: &["subject", "proto"],
        in_tests: &[],
        pure: true,
        banned: &["rustix", "parking_lot"],
    },
    Rule {
        name: "jetstream",
        ours: &["subject", "proto", "store"],
        in_tests: &[],
        pure: true,
        banned: &["rustix", "parking_lot"],
    },
    Rule { name: "conf", ours: &["subject"], in_tests: &[], pure: true, banned: &["rustix"] },
    Rule {
        name: "server",
        ours: &["subject", "proto", "store", "router", "jetstream", "conf"],
        in_tests: &[],
        pure: false,
        banned: &["anyhow", "clap"],
    },
    Rule {
        name: "bus",
        ours: &["server"],
        in_tests: &["server"],
        pure: false,
        banned: &["anyhow", "clap"],
    },
    Rule {
        name: "operator",
        ours: &["bus", "conf"],
        in_tests: &["server"],
        pure: false,
        banned: &[],
    },
    Rule { name: "lab", ours: &["bus"], in_tests: &[], pure: false, banned: &[] },
    Rule { name: "cli", ours: &["bus", "server", "conf"], in_tests: &[], pure: false, banned: &[] },
    Rule {
        name: "sim",
        ours: &["subject", "proto", "router", "jetstream", "store"],
        in_tests: &[],
        pure: true,
        banned: &[],
    },
    Rule { name: "examples", ours: &["bus", "server"], in_tests: &[], pure: false, banned: &[] },
    Rule { name: "xtask", ours: &[], in_tests: &[], pure: false, banned: &[] },
];

/// Compares what `package` declares with its row.
pub(crate) fn check(package: &Package, manifest: &str, text: &str) -> Vec<Finding> {
    let short = short(&package.name);
    let Some(rule) = RULES.iter().find(|rule| rule.name == short) else {
        let what = format!("{} is not in the table of crates", package.name);
        return vec![Finding::new(manifest, 1, &what).remedy(
            "a new crate needs a row in ARCHITECTURE.md and in crates/xtask/src/tidy/edges.rs",
        )];
    };
    let mut findings = Vec::new();
    // Programs to read stand where one looks for them.
    let home = if short == "examples" { "examples".to_owned() } else { format!("crates/{short}") };
    if manifest != format!("{home}/Cargo.toml") {
        let what = format!("{} lies in another folder", package.name);
        findings.push(Finding::new(manifest, 1, &what).remedy("folder = name without tradewind-"));
    }
    for dependency in &package.dependencies {
        let in_tests = dependency.kind.as_deref() == Some("dev");
        if !allows(rule, &dependency.name, in_tests) {
            let what = format!("{short} must not depend on {}", dependency.name);
            findings.push(Finding::new(manifest, line_of(text, &dependency.name), &what).remedy(
                "move the code to a crate that may (ARCHITECTURE.md, table of crates), or write an ADR",
            ));
        }
    }
    if !["sim", "store"].contains(&short)
        && let Some(index) = text.lines().position(|line| line.contains("mutants"))
    {
        let what = format!("{short} asks for seeded bugs");
        findings.push(
            Finding::new(manifest, index + 1, &what)
                .remedy("the feature `mutants` of the store is for the simulator only"),
        );
    }
    findings
}

fn allows(rule: &Rule, dependency: &str, in_tests: bool) -> bool {
    if let Some(ours) = dependency.strip_prefix("tradewind-") {
        return rule.ours.contains(&ours) || in_tests && rule.in_tests.contains(&ours);
    }
    let io = rule.pure && IO.contains(&dependency);
    !io && !rule.banned.contains(&dependency)
}

/// The name without `tradewind-`.
fn short(name: &str) -> &str {
    name.strip_prefix("tradewind-").unwrap_or(name)
}

fn line_of(text: &str, key: &str) -> usize {
    let declares =
        |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
    text.lines().position(declares).map_or(1, |idx| idx + 1)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::checkout::Dependency;

    fn found(name: &str, dependencies: &[(&str, Option<&str>)]) -> Vec<String> {
        let package = Package {
            name: format!("tradewind-{name}"),
            manifest_path: PathBuf::new(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency {
                    name: (*name).to_owned(),
                    kind: kind.map(str::to_owned),
                })
                .collect(),
            targets: Vec::new(),
        };
        let lines = dependencies.iter().map(|(name, _)| format!("{name}.workspace = true\n"));
        let findings =
            check(&package, &format!("crates/{name}/Cargo.toml"), &lines.collect::<String>());
        findings
            .iter()
            .map(|finding| finding.to_string().lines().next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn dependencies_point_down() {
        assert!(found("router", &[("tradewind-proto", None), ("bytes", None)]).is_empty());
        assert_eq!(
            found("router", &[("bytes", None), ("tradewind-jetstream", None)]),
            ["crates/router/Cargo.toml:2: router must not depend on tradewind-jetstream"]
        );
    }

    #[test]
    fn a_pure_crate_sees_no_runtime_not_even_in_its_tests() {
        assert_eq!(
            found("store", &[("tokio", Some("dev"))]),
            ["crates/store/Cargo.toml:1: store must not depend on tokio"]
        );
        assert!(found("server", &[("tokio", None)]).is_empty());
    }

    #[test]
    fn seeded_bugs_are_for_the_simulator_only() {
        let text = "tradewind-store = { workspace = true, features = [\"mutants\"] }\n";
        let found = |name: &str| {
            let package = Package {
                name: format!("tradewind-{name}"),
                manifest_path: PathBuf::new(),
                dependencies: Vec::new(),
                targets: Vec::new(),
            };
            check(&package, &format!("crates/{name}/Cargo.toml"), text).len()
        };

        assert_eq!((found("sim"), found("cli"), found("server")), (0, 1, 1));
    }

    #[test]
    fn tests_may_have_edges_of_their_own() {
        assert!(found("operator", &[("tradewind-server", Some("dev"))]).is_empty());
        assert_eq!(found("operator", &[("tradewind-server", None)]).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(
            found("util", &[]),
            ["crates/util/Cargo.toml:1: tradewind-util is not in the table of crates"]
        );
    }
}
