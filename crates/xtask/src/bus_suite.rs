//! The suite of the bus, three ways: against a server of ours in the process, `tradewind serve`,
//! and a cluster of nats-servers.

use std::process::Command;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::cluster::with_cluster;
use crate::command::succeed;

/// The ways, in the order they are run.
pub(crate) const WAYS: [&str; 3] = ["embedded", "process", "cluster"];

/// Runs the suite as `way` says, each command by `run`.
pub(crate) fn run<T>(
    checkout: &Checkout,
    way: &str,
    filter: &[&str],
    run: impl FnOnce(&mut Command) -> Result<T>,
) -> Result<T> {
    let mut command = Command::new("cargo");
    command
        .current_dir(&checkout.root)
        .args(["test", "-p", "tradewind-bus", "--all-features", "--test", "it", "--"])
        .args(filter)
        .env("TRADEWIND_BUS_SUITE", way);
    match way {
        "embedded" => run(&mut command),
        "process" => {
            // The tests of the workspace have built it; alone, it is built here.
            succeed(Command::new("cargo").current_dir(&checkout.root).args([
                "build",
                "-p",
                "tradewind-cli",
            ]))?;
            run(command.env("TRADEWIND_BINARY", checkout.target.join("debug/tradewind")))
        }
        "cluster" => with_cluster(checkout, |urls| run(command.env("TRADEWIND_BUS_CLUSTER", urls))),
        other => bail!("{other} is no way to run the suite: embedded, process or cluster"),
    }
}
