//! `tradewind`: the server and the command line in one binary.
//!
//! The name it is called by decides what it is: `nats-server` is the server with nats-server's own
//! flags, `nats` is the command line, and `tradewind` is both.

mod api;
mod args;
mod argv;
mod context;
mod fields;
mod headers;
mod output;
mod problem;
mod quickstart;
mod run;
mod serve;
mod template;
mod units;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::argv::Role;
use crate::context::Session;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    match argv::role(&args) {
        Role::Server { skip } => serve::run(args.split_off(skip.min(args.len()))),
        Role::CommandLine { name } => command_line(&name, args),
    }
}

fn command_line(name: &str, args: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(argv::normalize(args)) {
        Ok(cli) => cli,
        Err(problem) => return problem::report_usage(name, &problem),
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(Box::pin(execute(cli))));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => problem::report(name, &error),
    }
}

async fn execute(cli: Cli) -> anyhow::Result<()> {
    if let Command::Quickstart(quickstart) = cli.command {
        return quickstart::run(&cli.global.printer(), &quickstart).await;
    }
    cli.global.refuse_unsupported()?;
    cli.command.check_output(cli.global.output.as_deref())?;
    if let Command::Store(args) = &cli.command {
        return run::store(&cli.global.printer(), &args.command);
    }
    if let Command::Rtt(args) = &cli.command {
        return run::rtt(&cli.global, args).await;
    }
    let session = Session::connect(&cli.global).await?;
    let done = run::command(&session, cli.command).await;
    // What was written last must reach the server, whatever came of the command.
    let flushed = session.close().await;
    done.and(flushed)
}
