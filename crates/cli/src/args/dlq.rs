use clap::{Args, Subcommand};

/// Look at dead letters, try them again, throw them away.
#[derive(Args, Debug)]
pub(crate) struct Dlq {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the streams of dead letters, or the dead letters of one.
    #[command(visible_alias = "list")]
    Ls(Ls),
    /// Show all of a dead letter.
    #[command(visible_alias = "info")]
    View(View),
    /// Publish dead letters again, where they came from.
    Replay(Replay),
    /// Delete dead letters.
    #[command(visible_alias = "delete", alias = "del")]
    Rm(Rm),
    /// Delete all dead letters of a stream.
    Purge(Purge),
}

/// List the streams of dead letters, or the dead letters of one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind dlq ls
  tradewind dlq ls ORDERS-dlq
  tradewind dlq ls ORDERS-dlq --reason max_deliver --consumer work --from 100 --limit 20")]
pub(crate) struct Ls {
    /// Name of the stream of dead letters.
    pub(crate) stream: Option<String>,
    /// Begin with this sequence.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 1, requires = "stream")]
    pub(crate) from: u64,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50, requires = "stream", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// Only those that died of this: max_deliver or permanent_error.
    #[arg(long, value_name = "REASON", requires = "stream")]
    pub(crate) reason: Option<String>,
    /// Only those that this consumer could not handle.
    #[arg(long, value_name = "CONSUMER", requires = "stream")]
    pub(crate) consumer: Option<String>,
}

/// Show all of a dead letter.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind dlq view ORDERS-dlq 7
  tradewind dlq view ORDERS-dlq 7 --raw")]
pub(crate) struct View {
    /// Name of the stream of dead letters.
    pub(crate) stream: String,
    /// Sequence of the dead letter.
    #[arg(value_name = "SEQ")]
    pub(crate) sequence: u64,
    /// The body only, decompressed.
    #[arg(long)]
    pub(crate) raw: bool,
}

/// Publish dead letters again, where they came from.
#[derive(Args, Debug)]
#[command(after_help = "\
A dead letter that was published again is deleted.

Examples:
  tradewind dlq replay ORDERS-dlq 7 9
  tradewind dlq replay ORDERS-dlq --all --dry-run
  tradewind dlq replay ORDERS-dlq --all")]
pub(crate) struct Replay {
    /// Name of the stream of dead letters.
    pub(crate) stream: String,
    /// Sequences of the dead letters.
    #[arg(value_name = "SEQ", conflicts_with = "all")]
    pub(crate) sequences: Vec<u64>,
    /// All that are there now.
    #[arg(long)]
    pub(crate) all: bool,
    /// Show what would be published, and publish nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Delete dead letters.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind dlq rm ORDERS-dlq 7 9")]
pub(crate) struct Rm {
    /// Name of the stream of dead letters.
    pub(crate) stream: String,
    /// Sequences of the dead letters.
    #[arg(value_name = "SEQ", required = true)]
    pub(crate) sequences: Vec<u64>,
}

/// Delete all dead letters of a stream.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind dlq purge ORDERS-dlq --force")]
pub(crate) struct Purge {
    /// Name of the stream of dead letters.
    pub(crate) stream: String,
    /// Don't ask.
    #[arg(short, long)]
    pub(crate) force: bool,
}
