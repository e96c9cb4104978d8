use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use super::tally::Tally;
use super::{Outcome, Step};
use crate::checkout::Checkout;
use crate::command::{shown, watch, works};
use crate::{bus_suite, fuzz, install, postgres, say, tidy};

/// Names the server that the suites drive; unset, they drive ours.
const SUITE_SERVER: &str = "TRADEWIND_SUITE_SERVER";

/// All steps in their order: what is quick and what others need comes first.
pub(super) const STEPS: [Step; 25] = [
    Step {
        name: "install",
        needs_build: false,
        run: |it, tally| checked(install::for_tests(it), tally),
    },
    Step {
        name: "fmt",
        needs_build: false,
        run: |it, tally| check(cargo(it, &["fmt", "--all", "--check"]), tally),
    },
    Step {
        name: "tidy",
        needs_build: false,
        run: |it, tally| checked(tidy::run(it, false), tally),
    },
    Step { name: "clippy", needs_build: false, run: clippy },
    Step { name: "deny", needs_build: false, run: deny },
    Step { name: "build", needs_build: false, run: build },
    Step {
        name: "test",
        needs_build: true,
        run: |it, tally| test(cargo(it, &["test", "--workspace", "--no-fail-fast"]), tally),
    },
    Step { name: "sim", needs_build: false, run: sim },
    Step { name: "suite-theirs", needs_build: true, run: suite_theirs },
    Step { name: "bus-ways", needs_build: true, run: bus_ways },
    Step { name: "bus-postgres", needs_build: false, run: bus_postgres },
    Step { name: "python", needs_build: true, run: |it, tally| test(pytest(it), tally) },
    Step { name: "python-theirs", needs_build: false, run: python_theirs },
    Step {
        name: "lab-kill",
        needs_build: true,
        run: |it, tally| check(lab(it, &["kill", "--cycles", "100"]), tally),
    },
    Step {
        name: "lab-kill-foreign",
        needs_build: true,
        run: |it, tally| {
            check(lab(it, &["kill", "--cycles", "20", "--client", "async-nats"]), tally)
        },
    },
    Step { name: "lab-power", needs_build: true, run: lab_power },
    Step { name: "lab-eio", needs_build: true, run: |it, tally| check(lab(it, &["eio"]), tally) },
    Step { name: "lab-full", needs_build: true, run: |it, tally| check(lab(it, &["full"]), tally) },
    Step {
        name: "lab-syscall",
        needs_build: true,
        run: |it, tally| check(lab(it, &["syscall", "--stride", "2"]), tally),
    },
    Step {
        name: "lab-slow",
        needs_build: true,
        run: |it, tally| check(lab(it, &["slow", "--seconds", "4", "--pauses", "3"]), tally),
    },
    Step {
        name: "lab-files",
        needs_build: true,
        run: |it, tally| check(lab(it, &["files"]), tally),
    },
    Step { name: "lab-rot", needs_build: true, run: |it, tally| check(lab(it, &["rot"]), tally) },
    Step { name: "lab-syncs", needs_build: true, run: lab_syncs },
    Step { name: "lab-chaos", needs_build: true, run: lab_chaos },
    Step { name: "fuzz", needs_build: false, run: fuzz_smoke },
];

fn clippy(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    let args = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    check(cargo(checkout, &args), tally)
}

/// Release for the rooms; what `cargo test` runs comes from the dev profile, assertions on.
fn build(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    let release = ["build", "--release", "-p", "tradewind-cli", "-p", "tradewind-lab"];
    match check(cargo(checkout, &release), tally)? {
        Outcome::Passed => {
            check(cargo(checkout, &["build", "--workspace", "--all-targets"]), tally)
        }
        other => Ok(other),
    }
}

/// The simulator: seeds, the fixed script, damage, and whether it finds seeded bugs.
fn sim(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    let rooms: [&[&str]; 4] = [
        &["run", "--crashes", "50000", "--covered"],
        &["script"],
        &["rot", "--cases", "10000"],
        &["mutants"],
    ];
    let mut outcome = Outcome::Passed;
    for room in rooms {
        // A build of its own: seeded bugs are compiled into nothing else.
        let run = ["run", "--quiet", "--profile", "sim", "-p", "tradewind-sim", "--"];
        if check(cargo(checkout, &[&run, room].concat()), tally)? == Outcome::Failed {
            outcome = Outcome::Failed;
        }
    }
    Ok(outcome)
}

/// The suite that drives our server, driving nats-server.
fn suite_theirs(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    let mut command = cargo(checkout, &["test", "-p", "tradewind-server", "--test", "it"]);
    command.env(SUITE_SERVER, checkout.venv_program("nats-server"));
    test(command, tally)
}

/// The suite of the bus in its other ways; embedded it ran with the other tests.
fn bus_ways(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    let mut outcome = Outcome::Passed;
    for way in ["process", "cluster"] {
        let passed = bus_suite::run(checkout, way, &[], |command| {
            say(&shown(command));
            watch(command, |line| tally.read(line))
        })?;
        if !passed {
            outcome = Outcome::Failed;
        }
    }
    Ok(outcome)
}

/// The stores of handled messages, with a real PostgreSQL.
fn bus_postgres(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    postgres::with_postgres(checkout, |url| {
        let args = ["test", "-p", "tradewind-bus", "--all-features", "--lib", "idempotency"];
        let mut command = cargo(checkout, &args);
        command.env(postgres::URL, url);
        test(command, tally)
    })
}

/// The bus on one server of ours and on a cluster, while both are broken.
fn lab_chaos(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    let mut outcome = Outcome::Passed;
    for server in ["ours", "theirs"] {
        let room = lab(checkout, &["chaos", "--server", server, "--seconds", "20", "--seed", "7"]);
        if check(room, tally)? == Outcome::Failed {
            outcome = Outcome::Failed;
        }
    }
    Ok(outcome)
}

fn python_theirs(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    let mut command = pytest(checkout);
    command.env(SUITE_SERVER, checkout.venv_program("nats-server"));
    test(command, tally)
}

fn deny(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    if !works(Command::new("cargo").args(["deny", "--version"])) {
        return Ok(Outcome::Skipped("cargo-deny is not installed"));
    }
    check(cargo(checkout, &["deny", "check", "bans", "licenses", "sources"]), tally)
}

fn lab_syncs(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    if !works(Command::new("strace").args(["-o", "/dev/null", "true"])) {
        return Ok(Outcome::Skipped("strace is not installed or may not trace"));
    }
    // The proof gates; how many acks share a sync is a figure of the machine, for the long form.
    check(lab(checkout, &["syncs", "--proof-only"]), tally)
}

/// First the room itself, by writers whose worth is known; then our server.
fn lab_power(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    match check(lab(checkout, &["power", "--calibrate", "--cycles", "30"]), tally)? {
        Outcome::Passed => check(lab(checkout, &["power", "--cycles", "50"]), tally),
        other => Ok(other),
    }
}

fn fuzz_smoke(checkout: &Checkout, tally: &mut Tally) -> Result<Outcome> {
    if !install::has_nightly() || !install::has_cargo_fuzz() {
        return Ok(Outcome::Skipped(
            "no nightly toolchain or no cargo-fuzz: cargo xtask install --fuzz",
        ));
    }
    checked(fuzz::run(checkout, &["--seconds", "20"]), tally)
}

fn cargo(checkout: &Checkout, args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args);
    prepared(command, checkout)
}

/// Quiet, and without a cache in the tree.
fn pytest(checkout: &Checkout) -> Command {
    let mut command = Command::new(checkout.venv_program("python"));
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "interop/python"]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    prepared(command, checkout)
}

fn lab(checkout: &Checkout, args: &[&str]) -> Command {
    let release = checkout.target.join("release");
    let mut command = Command::new(release.join("lab"));
    command.args(args);
    command.arg("--ours").arg(release.join("tradewind"));
    command.arg("--theirs").arg(checkout.venv_program("nats-server"));
    prepared(command, checkout)
}

/// From the root, with the tests' own Python and nats-server first on the path.
fn prepared(mut command: Command, checkout: &Checkout) -> Command {
    let mut path: OsString = checkout.venv().join("bin").into_os_string();
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    command.current_dir(&checkout.root).env("PATH", path).env_remove(SUITE_SERVER);
    command
}

/// A command that is one check.
fn check(mut command: Command, tally: &mut Tally) -> Result<Outcome> {
    say(&shown(&command));
    checked(watch(&mut command, |_| ()), tally)
}

fn checked(result: Result<bool>, tally: &mut Tally) -> Result<Outcome> {
    let passed = result?;
    tally.count(passed);
    Ok(if passed { Outcome::Passed } else { Outcome::Failed })
}

/// A command that runs tests, each of which counts.
fn test(mut command: Command, tally: &mut Tally) -> Result<Outcome> {
    say(&shown(&command));
    let passed = watch(&mut command, |line| tally.read(line))?;
    Ok(if passed { Outcome::Passed } else { Outcome::Failed })
}
