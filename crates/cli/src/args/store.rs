//! `store`: look at a store without a server.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Look at the files of a store, and decide about damage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tradewind store verify ./data
  tradewind store dump ./data --stream 3
  tradewind store repair ./data
  tradewind store repair ./data --accept-loss ORDERS")]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do with it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read everything and say what is wrong and where; changes nothing, also beside a running
    /// server. Ends with 1 if something is damaged.
    #[command(after_help = "Examples:
  tradewind store verify ./data
  tradewind store verify ./data --output json")]
    Verify(Directory),
    /// Show every record; changes nothing.
    #[command(after_help = "Examples:
  tradewind store dump ./data
  tradewind store dump ./data --stream 3")]
    Dump(Dump),
    /// Show which streams lost something; with --accept-loss let them go on with what is left. The
    /// server must not be running.
    #[command(after_help = "Examples:
  tradewind store repair ./data
  tradewind store repair ./data --accept-loss ORDERS")]
    Repair(Repair),
}

/// The store.
#[derive(Debug, Args)]
pub(crate) struct Directory {
    /// The store directory of the server, as in `serve --store_dir`.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

/// Options of `store dump`.
#[derive(Debug, Args)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) at: Directory,
    /// Only records of the stream with this number.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) stream: Option<u64>,
}

/// Options of `store repair`.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    pub(crate) at: Directory,
    /// A stream that goes on with what is left of it; what it lost is gone for good.
    #[arg(long, value_name = "STREAM")]
    pub(crate) accept_loss: Vec<String>,
}
