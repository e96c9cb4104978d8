use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::stream::Storage;
use crate::units;

/// Keep files.
#[derive(Args, Debug)]
pub(crate) struct Object {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do with files.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a bucket.
    Add(Box<Add>),
    /// Put a file into a bucket.
    Put(Put),
    /// Get a file from a bucket.
    Get(Get),
    /// Delete a file or a bucket.
    #[command(visible_alias = "del")]
    Rm(Rm),
    /// Show a bucket or a file in it.
    #[command(visible_alias = "show", alias = "i")]
    Info(Info),
    /// List the buckets, or the files of one.
    #[command(visible_alias = "list")]
    Ls(Ls),
}

/// Create a bucket.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind object add FILES
  tradewind object add FILES --ttl 30d --max-bucket-size 10GB")]
pub(crate) struct Add {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// What the bucket is for.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Where files are kept.
    #[arg(long, value_name = "STORAGE", default_value = "file")]
    pub(crate) storage: Storage,
    /// How long files are kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) ttl: Option<Duration>,
    /// Copies of the data in a cluster.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) replicas: usize,
    /// Most bytes.
    #[arg(long, value_name = "SIZE", default_value = "-1", value_parser = units::size, allow_negative_numbers = true, hide_default_value = true)]
    pub(crate) max_bucket_size: i64,
    /// Compress the data.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) compress: Option<bool>,
    /// Cluster to be in.
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// Tag of the servers to be on; may be repeated.
    #[arg(long, value_name = "TAG")]
    pub(crate) tags: Vec<String>,
}

/// Put a file into a bucket.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind object put FILES report.pdf
  tradewind object put FILES report.pdf --name reports/2026.pdf --force
  tradewind object put FILES --name backup.tar")]
pub(crate) struct Put {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// The file; stdin if it is left out.
    #[arg(required_unless_present = "name")]
    pub(crate) file: Option<PathBuf>,
    /// Name of the object, if it is not that of the file.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// What the object is.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Header of the object; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "K:V")]
    pub(crate) headers: Vec<String>,
    /// Size of the messages it is cut into.
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) chunk_size: Option<i64>,
    /// Replace what has the name without asking.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Show how far it is (the default on a terminal; --no-progress: don't).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) progress: Option<bool>,
}

/// Get a file from a bucket.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind object get FILES report.pdf
  tradewind object get FILES report.pdf -O /tmp/report.pdf --force
  tradewind object get FILES notes.txt -O - | less")]
pub(crate) struct Get {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// Name of the object.
    pub(crate) file: String,
    /// File to write, as --output FILE; - for stdout.
    #[arg(short = 'O', value_name = "FILE")]
    pub(crate) target: Option<String>,
    /// Replace the file without asking.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Show how far it is (the default on a terminal; --no-progress: don't).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) progress: Option<bool>,
}

/// Delete a file or a bucket.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind object rm FILES report.pdf --force
  tradewind object rm FILES --force")]
pub(crate) struct Rm {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// Name of the object; the whole bucket if it is left out.
    pub(crate) file: Option<String>,
    /// Don't ask.
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Show a bucket or a file in it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind object info FILES
  tradewind object info FILES report.pdf")]
pub(crate) struct Info {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// Name of the object.
    pub(crate) file: Option<String>,
}

/// List the buckets, or the files of one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind object ls
  tradewind object ls FILES")]
pub(crate) struct Ls {
    /// Name of the bucket.
    pub(crate) bucket: Option<String>,
    /// Names only.
    #[arg(short, long)]
    pub(crate) names: bool,
}
