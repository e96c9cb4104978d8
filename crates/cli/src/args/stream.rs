use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::units;

/// Manage streams.
#[derive(Args, Debug)]
pub(crate) struct Stream {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do with streams.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a stream.
    #[command(visible_alias = "create", alias = "new")]
    Add(Box<Add>),
    /// List the streams.
    #[command(visible_alias = "list", alias = "l")]
    Ls(Ls),
    /// Show a stream.
    #[command(visible_alias = "nfo", alias = "i")]
    Info(Info),
    /// Show the state of a stream.
    State(State),
    /// Show the messages of a stream.
    View(View),
    /// Show one message of a stream.
    Get(Get),
    /// Delete one message of a stream, and overwrite it.
    Rmm(Rmm),
    /// Delete messages of a stream.
    Purge(Purge),
    /// Delete a stream.
    #[command(visible_alias = "delete", alias = "del")]
    Rm(Rm),
}

/// Create a stream.
#[derive(Args, Debug)]
#[command(after_help = "\
What is not said has nats's defaults: file storage, limits retention, discard old, no limits.

Examples:
  tradewind stream add ORDERS --subjects 'ORDERS.*'
  tradewind stream add EVENTS --subjects 'e.>' --max-age 7d --max-bytes 10GB --discard old
  tradewind stream add JOBS --subjects 'jobs.*' --retention work --storage memory
  tradewind stream add COPY --mirror ORDERS
  tradewind stream add ORDERS --config orders.json")]
pub(crate) struct Add {
    /// Name of the stream.
    pub(crate) stream: Option<String>,
    /// Read the configuration from a JSON file; flags for subjects, description and replicas win.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Show the configuration instead of creating the stream.
    #[arg(long)]
    pub(crate) validate: bool,
    /// Accept the defaults (they are accepted anyway).
    #[arg(long)]
    pub(crate) defaults: bool,
    /// Subjects of the stream, separated by commas; may be repeated.
    #[arg(long, value_name = "SUBJECTS", value_delimiter = ',')]
    pub(crate) subjects: Vec<String>,
    /// What the stream is for.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// Copies of the data in a cluster.
    #[arg(long, value_name = "N")]
    pub(crate) replicas: Option<u32>,
    /// Cluster to be in.
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// Tag of the servers to be on; may be repeated.
    #[arg(long = "tag", alias = "tags", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Metadata; may be repeated.
    #[arg(long, value_name = "K=V")]
    pub(crate) metadata: Vec<String>,
    /// Where messages are kept and how long.
    #[command(flatten)]
    pub(crate) keep: Keep,
    /// What may be done with messages.
    #[command(flatten)]
    pub(crate) allow: Permissions,
    /// Where messages come from and go to.
    #[command(flatten)]
    pub(crate) flow: Flow,
}

/// Where messages are kept and how long.
#[derive(Args, Debug)]
#[command(next_help_heading = "Storage and limits")]
pub(crate) struct Keep {
    /// Where messages are kept.
    #[arg(long, value_name = "STORAGE", default_value = "file")]
    pub(crate) storage: Storage,
    /// Compression of files: none or s2.
    #[arg(long, value_name = "ALGORITHM", value_parser = ["none", "s2"])]
    pub(crate) compression: Option<String>,
    /// What keeps a message: limits, interest of consumers, or work still to be done.
    #[arg(long, value_name = "POLICY", default_value = "limits", ignore_case = true)]
    pub(crate) retention: Retention,
    /// What goes when a limit is reached: old messages, or the new one.
    #[arg(long, value_name = "POLICY", ignore_case = true)]
    pub(crate) discard: Option<Discard>,
    /// Refuse new messages at --max-msgs-per-subject.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) discard_per_subject: Option<bool>,
    /// Sequence of the first message.
    #[arg(long, value_name = "SEQUENCE")]
    pub(crate) first_sequence: Option<u64>,
    /// Most messages.
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true, hide_default_value = true)]
    pub(crate) max_msgs: i64,
    /// Most messages of a subject.
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true, hide_default_value = true)]
    pub(crate) max_msgs_per_subject: i64,
    /// Most bytes.
    #[arg(long, value_name = "SIZE", default_value = "-1", value_parser = units::size, allow_negative_numbers = true, hide_default_value = true)]
    pub(crate) max_bytes: i64,
    /// Longest time a message is kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration_or_unlimited, allow_negative_numbers = true)]
    pub(crate) max_age: Option<Duration>,
    /// Largest message.
    #[arg(long, value_name = "SIZE", default_value = "-1", value_parser = units::size, allow_negative_numbers = true, hide_default_value = true)]
    pub(crate) max_msg_size: i64,
    /// Most consumers.
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true, hide_default_value = true)]
    pub(crate) max_consumers: i64,
    /// Time in which a message id counts as a duplicate.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) dupe_window: Option<Duration>,
    /// Longest time a consumer of the stream may be idle.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) limit_consumer_inactive: Option<Duration>,
    /// Most unacknowledged messages a consumer of the stream may have.
    #[arg(long, value_name = "N")]
    pub(crate) limit_consumer_max_pending: Option<i64>,
    /// When messages are synced: default or async.
    #[arg(long, value_name = "MODE", value_parser = ["default", "async"])]
    pub(crate) persist_mode: Option<String>,
}

/// What may be done with messages.
#[derive(Args, Debug)]
#[command(next_help_heading = "What is allowed (--no-… switches off)")]
pub(crate) struct Permissions {
    /// Acknowledge publishes (the default).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) ack: Option<bool>,
    /// Direct gets (the default).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) allow_direct: Option<bool>,
    /// Direct gets from mirrors.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) allow_mirror_direct: Option<bool>,
    /// Messages that replace all before them.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) allow_rollup: Option<bool>,
    /// Times to live of single messages.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) allow_msg_ttl: Option<bool>,
    /// Publishing in atomic batches.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) allow_batch: Option<bool>,
    /// Publishing in fast batches.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) allow_fast: Option<bool>,
    /// Distributed counters.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) allow_counter: Option<bool>,
    /// Scheduled messages.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) allow_schedules: Option<bool>,
    /// Forbid deleting single messages.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) deny_delete: Option<bool>,
    /// Forbid purging.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) deny_purge: Option<bool>,
    /// How long the markers of deleted subjects are kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) subject_del_markers_ttl: Option<Duration>,
}

/// Where messages come from and go to.
#[derive(Args, Debug)]
#[command(next_help_heading = "Mirrors, sources and republishing")]
pub(crate) struct Flow {
    /// Stream to mirror: its name, or JSON.
    #[arg(long, value_name = "STREAM", conflicts_with_all = ["subjects", "sources"])]
    pub(crate) mirror: Option<String>,
    /// Stream to take messages from: its name, or JSON; may be repeated.
    #[arg(long = "source", value_name = "STREAM")]
    pub(crate) sources: Vec<String>,
    /// Subjects to transform.
    #[arg(long, value_name = "SOURCE", requires = "transform_destination")]
    pub(crate) transform_source: Option<String>,
    /// What to transform them to.
    #[arg(long, value_name = "DEST")]
    pub(crate) transform_destination: Option<String>,
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

/// Where messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Storage {
    /// In files.
    #[value(alias = "f")]
    File,
    /// In memory.
    #[value(alias = "m")]
    Memory,
}

/// What keeps a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Retention {
    /// Limits.
    Limits,
    /// Interest of consumers.
    Interest,
    /// Work still to be done.
    #[value(aliases = ["workq", "workqueue"])]
    Work,
}

/// What goes when a limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Discard {
    /// Old messages.
    Old,
    /// The new message.
    New,
}

/// List the streams.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind stream ls
  tradewind stream ls --subject 'orders.*' --names")]
pub(crate) struct Ls {
    /// Only streams with subjects that match.
    #[arg(long, value_name = "FILTER")]
    pub(crate) subject: Option<String>,
    /// Names only.
    #[arg(short, long)]
    pub(crate) names: bool,
    /// The streams of buckets too.
    #[arg(short, long)]
    pub(crate) all: bool,
}

/// Show a stream.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind stream info ORDERS
  tradewind stream info ORDERS --json")]
pub(crate) struct Info {
    /// Name of the stream.
    pub(crate) stream: String,
    /// The state only.
    #[arg(long)]
    pub(crate) state: bool,
    #[arg(long, hide = true)]
    no_select: bool,
}

/// Show the state of a stream.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind stream state ORDERS")]
pub(crate) struct State {
    /// Name of the stream.
    pub(crate) stream: String,
    #[arg(long, hide = true)]
    no_select: bool,
}

/// Show the messages of a stream.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind stream view ORDERS
  tradewind stream view ORDERS 50 --id 1000
  tradewind stream view ORDERS --subject 'ORDERS.eu' --since 1h --raw")]
pub(crate) struct View {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Number of messages.
    #[arg(default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) size: u64,
    /// Begin with this sequence.
    #[arg(long, value_name = "SEQUENCE")]
    pub(crate) id: Option<u64>,
    /// Begin with what came in this long ago.
    #[arg(long, value_name = "DURATION", conflicts_with = "id", value_parser = units::duration)]
    pub(crate) since: Option<Duration>,
    /// Only messages of matching subjects.
    #[arg(long, value_name = "FILTER")]
    pub(crate) subject: Option<String>,
    /// Bodies only.
    #[arg(short, long)]
    pub(crate) raw: bool,
}

/// Show one message of a stream.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind stream get ORDERS 42
  tradewind stream get ORDERS --last-for ORDERS.new --json")]
pub(crate) struct Get {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Sequence of the message.
    #[arg(required_unless_present = "last_for")]
    pub(crate) id: Option<u64>,
    /// The last message of this subject.
    #[arg(short = 'S', long, value_name = "SUBJECT", conflicts_with = "id")]
    pub(crate) last_for: Option<String>,
}

/// Delete one message of a stream, and overwrite it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind stream rmm ORDERS 42 --force")]
pub(crate) struct Rmm {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Sequence of the message.
    pub(crate) id: u64,
    /// Don't ask.
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Delete messages of a stream.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind stream purge ORDERS --force
  tradewind stream purge ORDERS --subject ORDERS.old --keep 10 -f")]
pub(crate) struct Purge {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Don't ask.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Only messages of matching subjects.
    #[arg(long, value_name = "FILTER")]
    pub(crate) subject: Option<String>,
    /// Only messages before this sequence.
    #[arg(long, value_name = "SEQUENCE", conflicts_with = "keep")]
    pub(crate) seq: Option<u64>,
    /// All but the last so many messages.
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<u64>,
}

/// Delete a stream.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind stream rm ORDERS --force")]
pub(crate) struct Rm {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Don't ask.
    #[arg(short, long)]
    pub(crate) force: bool,
}
