use clap::{CommandFactory, Parser};

use super::Cli;
use crate::argv;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    let words = line.split(' ').map(std::ffi::OsString::from).collect();
    Cli::try_parse_from(argv::normalize(words))
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_examples() {
    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        if !command.has_subcommands() && command.get_name() != "serve" {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n"), "{path} has no examples");
        }
        command.get_subcommands().for_each(|command| check(command, &path));
    }
    check(&Cli::command(), "");
}

#[test]
fn examples_in_the_help_are_valid_commands() {
    fn check(command: &clap::Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().filter_map(|line| line.trim_start().strip_prefix("tradewind ")) {
            let line = line.split(" | ").next().unwrap_or_default();
            let line = line.split("  ").next().unwrap_or_default();
            let mut words = vec!["tradewind".to_owned()];
            words.extend(crate::run::shell_words(line).unwrap());
            let words = words.into_iter().map(std::ffi::OsString::from).collect();
            if let Err(error) = Cli::try_parse_from(argv::normalize(words)) {
                panic!("{line}: {error}");
            }
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn nats_spellings_are_understood() {
    let lines = [
        "nats pub a b",
        "nats publish a b --count 5 --sleep 1s -H A:b --reply r",
        "nats -s nats://h:1 --user u --password p sub > --count=1 -r",
        "nats sub a --queue q --headers-only",
        "nats req a b --replies 0 --reply-timeout 1s",
        "nats reply a --echo --queue q",
        "nats str ls -n",
        "nats s info ORDERS --json",
        "nats stream add A --subjects a,b --subjects c --no-allow-direct --ack --defaults",
        "nats stream create A --config f.json",
        "nats stream rm A -f",
        "nats stream purge A --subject x --keep 5 --force",
        "nats stream get A 5",
        "nats stream get A --last-for x",
        "nats stream view A 20 --id 5",
        "nats con add A c --pull --ack explicit --deliver all --defaults --max-deliver=-1",
        "nats c next A c --count 5 --no-ack",
        "nats consumer ls A",
        "nats kv add B --history 5 --ttl 1h --storage memory",
        "nats kv update B k v 3",
        "nats kv watch B a.* --no-deletes",
        "nats obj put B f --name n",
        "nats object get B f -O x --no-progress",
        "nats rtt 10 --json",
    ];
    for line in lines {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn flags_of_nats_that_are_not_supported_are_refused() {
    for flag in ["--context=prod", "--socks-proxy=x", "--js-event-prefix=x"] {
        let cli = parse(&format!("nats {flag} stream ls")).unwrap();
        let error = cli.global.refuse_unsupported().unwrap_err().to_string();
        assert!(error.contains("not supported"), "{flag}: {error}");
    }
    let cli = parse("nats --context=prod --no-context stream ls").unwrap();
    assert!(cli.global.refuse_unsupported().is_ok());
}

#[test]
fn output_is_a_format_except_where_a_file_is_meant() {
    let check = |line: &str| {
        let cli = parse(line).unwrap();
        cli.command.check_output(cli.global.output.as_deref()).is_ok()
    };
    assert!(check("nats stream ls --output json"));
    assert!(check("nats stream add A --output a.json"));
    assert!(!check("nats stream ls --output a.json"));
}
