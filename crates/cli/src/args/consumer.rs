use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::units;

/// Manage consumers and receive from them.
#[derive(Args, Debug)]
pub(crate) struct Consumer {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do with consumers.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a consumer.
    #[command(visible_alias = "create", alias = "new")]
    Add(Box<Add>),
    /// List the consumers of a stream.
    #[command(visible_alias = "list")]
    Ls(Ls),
    /// Show a consumer.
    #[command(visible_alias = "nfo")]
    Info(Info),
    /// Show the state of a consumer.
    State(Info),
    /// Receive messages from a pull consumer.
    Next(Next),
    /// Receive messages from a consumer until Ctrl-C.
    Sub(Sub),
    /// Delete a consumer.
    #[command(visible_alias = "delete", alias = "del")]
    Rm(Rm),
}

/// Create a consumer.
#[derive(Args, Debug)]
#[command(after_help = "\
What is not said has nats's defaults: a durable pull consumer of all messages with explicit acks.

Examples:
  tradewind consumer add ORDERS workers --filter ORDERS.new --max-deliver 5 --wait 30s
  tradewind consumer add ORDERS audit --deliver new --ack none
  tradewind consumer add ORDERS push --target push.orders --deliver-group g --heartbeat 5s
  tradewind consumer add ORDERS --ephemeral --deliver 1h
  tradewind consumer add ORDERS workers --config workers.json")]
pub(crate) struct Add {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Name of the consumer.
    pub(crate) consumer: Option<String>,
    /// Read the configuration from a JSON file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Show the configuration instead of creating the consumer.
    #[arg(long)]
    pub(crate) validate: bool,
    /// Accept the defaults (they are accepted anyway).
    #[arg(long)]
    pub(crate) defaults: bool,
    /// What the consumer is for.
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// A consumer that goes when nobody uses it.
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// How long a consumer that nobody uses is kept.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) inactive_threshold: Option<Duration>,
    /// Keep the state in memory.
    #[arg(long)]
    pub(crate) memory: bool,
    /// Copies of the state in a cluster.
    #[arg(long, value_name = "N")]
    pub(crate) replicas: Option<u32>,
    /// Metadata; may be repeated.
    #[arg(long, value_name = "K=V")]
    pub(crate) metadata: Vec<String>,
    /// What is delivered.
    #[command(flatten)]
    pub(crate) what: What,
    /// What happens to messages that are not acknowledged.
    #[command(flatten)]
    pub(crate) acks: Acks,
    /// How messages are delivered.
    #[command(flatten)]
    pub(crate) how: How,
}

/// What is delivered.
#[derive(Args, Debug)]
#[command(next_help_heading = "What is delivered")]
pub(crate) struct What {
    /// Subjects to deliver, separated by commas; may be repeated.
    #[arg(long = "filter", value_name = "SUBJECTS", value_delimiter = ',')]
    pub(crate) filters: Vec<String>,
    /// Where to begin: all, new, last, subject (the last of each), a duration or a sequence.
    #[arg(long, value_name = "POLICY", default_value = "all")]
    pub(crate) deliver: String,
    /// At once, or at the pace messages came in: instant or original.
    #[arg(long, value_name = "POLICY", value_parser = ["instant", "original"])]
    pub(crate) replay: Option<String>,
    /// Headers, not bodies.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) headers_only: Option<bool>,
}

/// What happens to messages that are not acknowledged.
#[derive(Args, Debug)]
#[command(next_help_heading = "Acknowledgements")]
pub(crate) struct Acks {
    /// What an acknowledgement is for: explicit (one message), all before it, or none needed.
    #[arg(long, value_name = "POLICY", ignore_case = true)]
    pub(crate) ack: Option<Ack>,
    /// Time to acknowledge a message.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) wait: Option<Duration>,
    /// Most deliveries of a message; -1 has no limit.
    #[arg(long, value_name = "TRIES", allow_negative_numbers = true)]
    pub(crate) max_deliver: Option<i64>,
    /// Most unacknowledged messages.
    #[arg(long, alias = "max-outstanding", value_name = "N", allow_negative_numbers = true)]
    pub(crate) max_pending: Option<i64>,
    /// Times between deliveries: none or linear.
    #[arg(long, value_name = "MODE", value_parser = ["none", "linear"])]
    pub(crate) backoff: Option<String>,
    /// Steps of the backoff.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) backoff_steps: u32,
    /// Shortest time of the backoff.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = units::duration)]
    pub(crate) backoff_min: Duration,
    /// Longest time of the backoff.
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = units::duration)]
    pub(crate) backoff_max: Duration,
    /// Percentage of acknowledgements to report.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) sample: Option<u8>,
}

/// How messages are delivered.
#[derive(Args, Debug)]
#[command(next_help_heading = "Pull and push")]
pub(crate) struct How {
    /// Deliver when asked (the default).
    #[arg(long, conflicts_with = "target")]
    pub(crate) pull: bool,
    /// Most waiting pulls.
    #[arg(long, value_name = "N")]
    pub(crate) max_waiting: Option<i64>,
    /// Most messages of a pull.
    #[arg(long, value_name = "N")]
    pub(crate) max_pull_batch: Option<i64>,
    /// Longest time of a pull.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) max_pull_expire: Option<Duration>,
    /// Most bytes of a pull.
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) max_pull_bytes: Option<i64>,
    /// Push to this subject.
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) target: Option<String>,
    /// Queue group the pushes are for.
    #[arg(long, value_name = "GROUP", requires = "target")]
    pub(crate) deliver_group: Option<String>,
    /// Flow control of pushes.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", requires = "target")]
    pub(crate) flow_control: Option<bool>,
    /// Heartbeat of pushes; -1 has none.
    #[arg(long, value_name = "DURATION", value_parser = units::duration_or_unlimited, allow_negative_numbers = true)]
    pub(crate) heartbeat: Option<Duration>,
    /// Most bits per second of pushes.
    #[arg(long, value_name = "BPS", requires = "target")]
    pub(crate) bps: Option<u64>,
}

/// What an acknowledgement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ack {
    /// No message.
    None,
    /// A message and all before it.
    All,
    /// A message.
    Explicit,
}

/// List the consumers of a stream.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind consumer ls ORDERS
  tradewind consumer ls ORDERS --names")]
pub(crate) struct Ls {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Names only.
    #[arg(short, long)]
    pub(crate) names: bool,
    #[arg(long, hide = true)]
    no_select: bool,
}

/// Show a consumer.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind consumer info ORDERS workers
  tradewind consumer info ORDERS workers --json")]
pub(crate) struct Info {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Name of the consumer.
    pub(crate) consumer: String,
    #[arg(long, hide = true)]
    no_select: bool,
}

/// Receive messages from a pull consumer.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind consumer next ORDERS workers
  tradewind consumer next ORDERS workers --count 10 --raw
  tradewind consumer next ORDERS workers --nak --wait 1s")]
pub(crate) struct Next {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Name of the consumer.
    pub(crate) consumer: String,
    /// Acknowledge the messages (the default; --no-ack: don't).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) ack: Option<bool>,
    /// Refuse the messages: they are delivered again.
    #[arg(long, conflicts_with_all = ["ack", "term"])]
    pub(crate) nak: bool,
    /// Give the messages up: they are not delivered again.
    #[arg(long, conflicts_with = "ack")]
    pub(crate) term: bool,
    /// Bodies only.
    #[arg(short, long)]
    pub(crate) raw: bool,
    /// Time to wait for the messages; --timeout if it is left out.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) wait: Option<Duration>,
    /// Number of messages.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
}

/// Receive messages from a consumer until Ctrl-C.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind consumer sub ORDERS workers
  tradewind consumer sub ORDERS workers --raw --no-ack")]
pub(crate) struct Sub {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Name of the consumer.
    pub(crate) consumer: String,
    /// Acknowledge the messages (the default; --no-ack: don't).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) ack: Option<bool>,
    /// Bodies only.
    #[arg(short, long)]
    pub(crate) raw: bool,
    /// Stop after this many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

/// Delete a consumer.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind consumer rm ORDERS workers --force")]
pub(crate) struct Rm {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Name of the consumer.
    pub(crate) consumer: String,
    /// Don't ask.
    #[arg(short, long)]
    pub(crate) force: bool,
}
