//! What the arguments say before they are parsed.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What this process is to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The server; so many arguments come before its own.
    Server {
        /// How many arguments are not the server's.
        skip: usize,
    },
    /// The command line, under this name.
    CommandLine {
        /// The name the user called it by.
        name: String,
    },
}

/// Switches that can be turned off as `--no-<name>`, as in nats.
const NEGATABLE: &[&str] = &[
    "ack",
    "allow-batch",
    "allow-counter",
    "allow-direct",
    "allow-fast",
    "allow-mirror-direct",
    "allow-msg-ttl",
    "allow-rollup",
    "allow-schedules",
    "compress",
    "deletes",
    "deny-delete",
    "deny-purge",
    "discard-per-subject",
    "flow-control",
    "headers-only",
    "progress",
    "templates",
    "wait",
];

/// The role `args` ask for: by the name in front, then by the first word.
pub(crate) fn role(args: &[OsString]) -> Role {
    let name = args.first().and_then(|path| Path::new(path).file_stem()).and_then(OsStr::to_str);
    match name {
        Some("nats-server") => Role::Server { skip: 1 },
        Some("nats") => Role::CommandLine { name: "nats".to_owned() },
        _ if args.get(1).is_some_and(|word| word == "serve") => Role::Server { skip: 2 },
        _ => Role::CommandLine { name: "tradewind".to_owned() },
    }
}

/// Rewrites `--no-<switch>` to `--<switch>=false`, up to `--`.
pub(crate) fn normalize(args: Vec<OsString>) -> Vec<OsString> {
    let mut open = true;
    let rewrite = |arg: OsString| {
        open &= arg != "--";
        let switch = arg.to_str().and_then(|text| text.strip_prefix("--no-"));
        match switch {
            Some(switch) if open && NEGATABLE.contains(&switch) => {
                OsString::from(format!("--{switch}=false"))
            }
            _ => arg,
        }
    };
    args.into_iter().map(rewrite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_name_decides_the_role() {
        let command_line = |name: &str| Role::CommandLine { name: name.to_owned() };
        let cases = [
            ("/usr/bin/nats-server -js", Role::Server { skip: 1 }),
            ("nats-server serve", Role::Server { skip: 1 }),
            ("tradewind serve -js", Role::Server { skip: 2 }),
            ("./nats pub a b", command_line("nats")),
            ("tradewind pub serve b", command_line("tradewind")),
            ("target/debug/tradewind", command_line("tradewind")),
        ];
        for (line, expected) in cases {
            assert_eq!(role(&words(line)), expected, "{line}");
        }
    }

    #[test]
    fn only_known_switches_are_negated_and_only_before_the_dashes() {
        let line = "tradewind stream add A --no-ack --no-color -- --no-ack";
        let expected = "tradewind stream add A --ack=false --no-color -- --no-ack";
        assert_eq!(normalize(words(line)), words(expected));
    }
}
