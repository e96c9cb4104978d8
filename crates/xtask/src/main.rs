//! The tasks of this repository, in Rust instead of shell: `cargo xtask <task>`.
//!
//! `ci` is all of continuous integration; the other tasks are its steps that need more than one
//! command line. Nothing here is part of the product, and no other crate depends on it.

mod bus_suite;
mod checkout;
mod ci;
mod cluster;
mod command;
mod fuzz;
mod install;
mod mask;
mod postgres;
mod tidy;
mod traceability;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::checkout::Checkout;

const USAGE: &str = "usage: cargo xtask <task>

  ci [STEP…]                 all steps in order, or the named ones
  tidy [--shrink]            structure: crate edges, sizes, dead files, left-overs; --shrink lowers the ratchet
  traceability               writes docs/traceability.md from the tests
  install [--fuzz]           installs by name what the tests (or the fuzz targets) need
  bus [WAY [FILTER…]]        the suite of the bus: embedded, process, cluster; all three unless told
  postgres -- COMMAND…       runs a command with a fresh PostgreSQL at TRADEWIND_POSTGRES_URL
  fuzz [--seconds N] [TARGET…]   runs the fuzz targets, 60 s each unless told";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("xtask: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// False if the task found what it looks for.
fn run(args: &[String]) -> Result<bool> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let checkout = Checkout::find()?;
    match args.as_slice() {
        ["ci", steps @ ..] => ci::run(&checkout, steps),
        ["tidy"] => tidy::run(&checkout, false),
        ["tidy", "--shrink"] => tidy::run(&checkout, true),
        ["traceability"] => traceability::write(&checkout),
        ["install"] => install::for_tests(&checkout),
        ["install", "--fuzz"] => install::for_fuzzing(&checkout),
        ["bus"] => bus_suite::WAYS.iter().try_fold(true, |good, way| {
            Ok(bus_suite::run(&checkout, way, &[], |it| command::watch(it, |_| ()))? && good)
        }),
        ["bus", way, filter @ ..] => {
            bus_suite::run(&checkout, way, filter, |it| command::watch(it, |_| ()))
        }
        ["postgres", "--", command @ ..] => postgres::run(&checkout, command),
        ["fuzz", options @ ..] => fuzz::run(&checkout, options),
        _ => bail!("{USAGE}"),
    }
}

/// One line for the person at the terminal.
#[expect(clippy::print_stdout, reason = "the tasks talk to a terminal")]
fn say(line: &str) {
    println!("{line}");
}
