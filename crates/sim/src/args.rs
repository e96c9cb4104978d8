//! What can be asked for.

use std::ops::Range;

use clap::{Args, Parser, Subcommand};

/// Deterministic simulation of streams, consumers and store on a faulty disk.
#[derive(Debug, Parser)]
#[command(name = "sim")]
pub(crate) struct Cli {
    /// Carries out one seed.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Tells the story of the seed.
    #[arg(long, requires = "seed")]
    pub(crate) trace: bool,
    /// Looks for a smaller plan that fails like the seed, and tells that one's story.
    #[arg(long, requires = "seed")]
    pub(crate) shrink: bool,
    /// Figures as one JSON object on the last line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) room: Option<Room>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Room {
    /// Many seeds, each once: crashes, failing and full disks, damage.
    Run(RunArgs),
    /// A crash, an I/O error and a full disk at every disk operation of a fixed script.
    Script(ScriptArgs),
    /// Damages files in many ways; none may go unnoticed and matter.
    Rot(RotArgs),
    /// Switches on seeded bugs, one after the other; each has to be found.
    Mutants(MutantArgs),
    /// How many percent of the seeds came by which fault, record and branch of the recovery.
    Coverage(CoverageArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// From seed A up to B, without B.
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "0..18446744073709551615")]
    pub(crate) seeds: Range<u64>,
    /// Ends after so many crashes with their recoveries; without this, --minutes and an end of
    /// --seeds, after 50000.
    #[arg(long)]
    pub(crate) crashes: Option<u64>,
    /// Ends after so many minutes.
    #[arg(long)]
    pub(crate) minutes: Option<u64>,
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
    /// Fails if some fault, record or branch came up in less than one percent of the seeds.
    #[arg(long)]
    pub(crate) covered: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ScriptArgs {
    /// An error is tried at each so manieth operation; crashes always at all.
    #[arg(long, default_value_t = 1)]
    pub(crate) stride: u64,
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
}

#[derive(Debug, Args)]
pub(crate) struct RotArgs {
    #[arg(long, default_value_t = 10_000)]
    pub(crate) cases: u64,
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
}

#[derive(Debug, Args)]
pub(crate) struct MutantArgs {
    /// Seeds to find each in.
    #[arg(long, default_value_t = 2000)]
    pub(crate) seeds: u64,
    /// Only this one.
    #[arg(long)]
    pub(crate) only: Option<String>,
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
}

#[derive(Debug, Args)]
pub(crate) struct CoverageArgs {
    #[arg(long, default_value_t = 2000)]
    pub(crate) seeds: u64,
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("two numbers, as in 0..1000")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok(number(from)?..number(to)?)
}
