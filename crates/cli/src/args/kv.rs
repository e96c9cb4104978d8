use std::time::Duration;

use clap::{Args, Subcommand};

use super::stream::Storage;
use crate::units;

/// Keep values under keys.
#[derive(Args, Debug)]
pub(crate) struct Kv {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do with values.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a bucket.
    #[command(visible_alias = "new")]
    Add(Box<Add>),
    /// Set the value of a key.
    Put(Put),
    /// Show the value of a key.
    Get(Get),
    /// Set the value of a key that has none.
    Create(Create),
    /// Set the value of a key if it was not changed meanwhile.
    Update(Update),
    /// Delete a key or a bucket.
    #[command(visible_alias = "rm")]
    Del(Del),
    /// Delete a key and its history.
    Purge(Purge),
    /// Show the history of a key.
    History(Key),
    /// Show a bucket.
    #[command(visible_alias = "status", alias = "view")]
    Info(Info),
    /// Show changes as they happen.
    Watch(Watch),
    /// List the buckets, or the keys of one.
    #[command(visible_alias = "list")]
    Ls(Ls),
}

/// Create a bucket.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv add CONFIG
  tradewind kv add SESSIONS --ttl 1h --storage memory
  tradewind kv add AUDIT --history 10 --max-bucket-size 1GB")]
pub(crate) struct Add {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// What the bucket is for.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Values kept of each key.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=64))]
    pub(crate) history: i64,
    /// Where values are kept.
    #[arg(long, value_name = "STORAGE", default_value = "file")]
    pub(crate) storage: Storage,
    /// How long values are kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) ttl: Option<Duration>,
    /// Allow keys with a time to live, and keep their markers this long.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) marker_ttl: Option<Duration>,
    /// Copies of the data in a cluster.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) replicas: usize,
    /// Largest value.
    #[arg(long, value_name = "SIZE", default_value = "-1", value_parser = units::size, allow_negative_numbers = true, hide_default_value = true)]
    pub(crate) max_value_size: i64,
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
    /// Subjects to republish.
    #[arg(long, value_name = "SOURCE", requires = "republish_destination")]
    pub(crate) republish_source: Option<String>,
    /// Where to republish them.
    #[arg(long, value_name = "DEST")]
    pub(crate) republish_destination: Option<String>,
    /// Republish headers only.
    #[arg(long)]
    pub(crate) republish_headers: bool,
}

/// Set the value of a key.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv put CONFIG color blue
  tradewind kv put CONFIG color")]
pub(crate) struct Put {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// The key.
    pub(crate) key: String,
    /// The value; read from stdin if it is left out and stdin is no terminal.
    pub(crate) value: Option<String>,
}

/// Set the value of a key that has none.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv create LOCKS job-1 'host 7' --ttl 30s")]
pub(crate) struct Create {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// The key.
    pub(crate) key: String,
    /// The value; read from stdin if it is left out and stdin is no terminal.
    pub(crate) value: Option<String>,
    /// How long the key is kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) ttl: Option<Duration>,
}

/// Set the value of a key if it was not changed meanwhile.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv update CONFIG color green 7")]
pub(crate) struct Update {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// The key.
    pub(crate) key: String,
    /// The value.
    pub(crate) value: String,
    /// Revision of the value it replaces.
    pub(crate) revision: u64,
}

/// Show the value of a key.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv get CONFIG color
  tradewind kv get CONFIG color --raw
  tradewind kv get CONFIG color --revision 3")]
pub(crate) struct Get {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// The key.
    pub(crate) key: String,
    /// The value of this revision.
    #[arg(long, value_name = "REVISION")]
    pub(crate) revision: Option<u64>,
    /// The value only.
    #[arg(long)]
    pub(crate) raw: bool,
}

/// Delete a key or a bucket.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv del CONFIG color --force
  tradewind kv del CONFIG --force")]
pub(crate) struct Del {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// The key; the whole bucket if it is left out.
    pub(crate) key: Option<String>,
    /// Don't ask.
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Delete a key and its history.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv purge CONFIG color --force")]
pub(crate) struct Purge {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// The key.
    pub(crate) key: String,
    /// Don't ask.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// How long the marker of the purge is kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) ttl: Option<Duration>,
}

/// Show the history of a key.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv history CONFIG color")]
pub(crate) struct Key {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// The key.
    pub(crate) key: String,
}

/// Show a bucket.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv status CONFIG")]
pub(crate) struct Info {
    /// Name of the bucket.
    pub(crate) bucket: String,
}

/// Show changes as they happen.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv watch CONFIG
  tradewind kv watch CONFIG 'color.*' --updates --no-deletes")]
pub(crate) struct Watch {
    /// Name of the bucket.
    pub(crate) bucket: String,
    /// The keys.
    #[arg(default_value = ">")]
    pub(crate) key: String,
    /// Begin with all values that are kept.
    #[arg(long, group = "begin")]
    pub(crate) history: bool,
    /// Show new values only.
    #[arg(long, group = "begin")]
    pub(crate) updates: bool,
    /// Begin with this revision.
    #[arg(long, group = "begin", value_name = "REVISION")]
    pub(crate) revision: Option<u64>,
    /// Show deletes (the default; --no-deletes: don't).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) deletes: Option<bool>,
    /// Stop after this many changes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

/// List the buckets, or the keys of one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind kv ls
  tradewind kv ls CONFIG --verbose --display-value")]
pub(crate) struct Ls {
    /// Name of the bucket.
    pub(crate) bucket: Option<String>,
    /// Only matching keys.
    pub(crate) key: Option<String>,
    /// Names only.
    #[arg(short, long)]
    pub(crate) names: bool,
    /// All about each key.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// With --verbose: the values too.
    #[arg(long)]
    pub(crate) display_value: bool,
}
