//! `sim`: runs simulations and says what they found.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a tool for the terminal, which shows how long things take"
)]

mod args;
mod fleet;
mod report;
mod rooms;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Room};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let passed = match (&cli.room, cli.seed) {
        (Some(Room::Run(args)), _) => rooms::run(args, cli.json),
        (Some(Room::Script(args)), _) => rooms::script(args, cli.json),
        (Some(Room::Rot(args)), _) => rooms::rot(args, cli.json),
        (Some(Room::Mutants(args)), _) => rooms::mutants(args, cli.json),
        (Some(Room::Coverage(args)), _) => rooms::coverage(args, cli.json),
        (None, Some(seed)) => rooms::one(seed, cli.trace, cli.shrink),
        (None, None) => {
            eprintln!("sim: name a room or a --seed; see --help");
            return ExitCode::from(2);
        }
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
