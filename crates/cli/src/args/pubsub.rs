use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::units;

/// Publish messages.
#[derive(Args, Debug)]
#[command(after_help = "\
Bodies, subjects and header values may use functions that make every message different:
  {{Count}} {{TimeStamp}} {{Unix}} {{UnixNano}} {{Time}} {{ID}} {{UUID}} {{Random 10 100}}

Examples:
  tradewind pub greet 'hello'
  tradewind pub orders.{{Count}} 'order {{ID}}' --count 100 --sleep 10ms
  tradewind pub orders.new -H Nats-Msg-Id:1 -J 'stored once'
  tradewind pub logs --send-on newline")]
pub(crate) struct Publish {
    /// Subject to publish to.
    pub(crate) subject: String,
    /// Body; read from stdin if it is left out and stdin is no terminal.
    pub(crate) body: Option<String>,
    /// Reply subject of the messages.
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) reply: Option<String>,
    /// Number of messages.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,
    /// Pause between messages.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) sleep: Option<Duration>,
    /// Publish to JetStream and wait for its acknowledgement.
    #[arg(short = 'J', long)]
    pub(crate) jetstream: bool,
    /// Say nothing about what is published.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// How the message is made.
    #[command(flatten)]
    pub(crate) compose: Compose,
}

/// How a message is made.
#[derive(Args, Debug)]
pub(crate) struct Compose {
    /// Header of the messages; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "K:V")]
    pub(crate) headers: Vec<String>,
    /// Read the body from stdin, whatever stdin is.
    #[arg(long, alias = "stdin")]
    pub(crate) force_stdin: bool,
    /// When to send what stdin says: all at its end, or every line.
    #[arg(long, value_name = "WHEN", default_value = "eof")]
    pub(crate) send_on: SendOn,
    /// Use functions in subject, body and headers (--no-templates: don't).
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set, hide_default_value = true, hide_possible_values = true)]
    pub(crate) templates: bool,
}

/// When to send what stdin says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SendOn {
    /// One message, at the end.
    Eof,
    /// A message for every line.
    Newline,
}

/// Receive messages.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind sub 'orders.>'
  tradewind sub 'orders.>' --queue workers --raw
  tradewind sub --stream ORDERS --all --count 10
  tradewind sub 'orders.*' --durable audit --ack
  tradewind sub 'orders.*' --since 1h --terminate-at-end --json")]
pub(crate) struct Subscribe {
    /// Subjects to subscribe to.
    #[arg(required_unless_present_any = ["inbox", "stream"])]
    pub(crate) subjects: Vec<String>,
    /// Queue group to be a member of.
    #[arg(long, value_name = "GROUP")]
    pub(crate) queue: Option<String>,
    /// Show bodies only.
    #[arg(short, long)]
    pub(crate) raw: bool,
    /// Stop after this many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Stop when there was no message for this long.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub(crate) wait: Option<Duration>,
    /// Acknowledge messages that come from JetStream.
    #[arg(long)]
    pub(crate) ack: bool,
    /// Subscribe to a new inbox.
    #[arg(short, long, conflicts_with = "subjects")]
    pub(crate) inbox: bool,
    /// Show headers, not bodies.
    #[arg(long)]
    pub(crate) headers_only: bool,
    /// Show subjects, nothing else.
    #[arg(long)]
    pub(crate) subjects_only: bool,
    /// Subjects not to show; may be repeated.
    #[arg(short = 'I', long = "ignore-subject", value_name = "SUBJECT")]
    pub(crate) ignore: Vec<String>,
    /// Show the time each message arrived.
    #[arg(short, long)]
    pub(crate) timestamp: bool,
    /// Write each message to a file of this directory; - for stdout, ended by a zero byte.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) dump: Option<String>,
    /// Where JetStream begins.
    #[command(flatten)]
    pub(crate) start: Start,
}

/// Where JetStream begins.
#[derive(Args, Debug)]
#[command(next_help_heading = "JetStream")]
pub(crate) struct Start {
    /// Stream to read; found by the subject if it is left out.
    #[arg(long, value_name = "STREAM")]
    pub(crate) stream: Option<String>,
    /// Durable consumer, which remembers where it was.
    #[arg(long, value_name = "NAME")]
    pub(crate) durable: Option<String>,
    /// Begin with the first message of the stream.
    #[arg(long, group = "begin")]
    pub(crate) all: bool,
    /// Begin with the next message.
    #[arg(long, group = "begin")]
    pub(crate) new: bool,
    /// Begin with the last message.
    #[arg(long, group = "begin")]
    pub(crate) last: bool,
    /// Begin with the last message of every subject.
    #[arg(long, group = "begin")]
    pub(crate) last_per_subject: bool,
    /// Begin with what came in this long ago.
    #[arg(long, group = "begin", value_name = "DURATION", value_parser = units::duration)]
    pub(crate) since: Option<Duration>,
    /// Begin with this sequence.
    #[arg(long = "start-sequence", group = "begin", value_name = "SEQUENCE", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sequence: Option<u64>,
    /// Stop at the end of the stream.
    #[arg(long)]
    pub(crate) terminate_at_end: bool,
}

impl Start {
    /// Whether any of this was asked for.
    pub(crate) fn is_jetstream(&self) -> bool {
        self.stream.is_some()
            || self.durable.is_some()
            || self.all
            || self.new
            || self.last
            || self.last_per_subject
            || self.since.is_some()
            || self.sequence.is_some()
            || self.terminate_at_end
    }
}

/// Send requests and show the replies.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind req service.time ''
  tradewind req service.echo 'request {{Count}}' --count 10 --raw
  tradewind req service.all 'who is there' --replies 0 --timeout 2s")]
pub(crate) struct Request {
    /// Subject to send to.
    pub(crate) subject: String,
    /// Body; read from stdin if it is left out and stdin is no terminal.
    pub(crate) body: Option<String>,
    /// Show bodies only.
    #[arg(short, long)]
    pub(crate) raw: bool,
    /// Number of requests.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,
    /// Replies to wait for; 0 takes all that come before the timeout.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) replies: u64,
    /// Longest time between two replies.
    #[arg(long, value_name = "DURATION", default_value = "300ms", value_parser = units::duration)]
    pub(crate) reply_timeout: Duration,
    /// How the message is made.
    #[command(flatten)]
    pub(crate) compose: Compose,
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    wait: Option<bool>,
}

/// Answer requests.
#[derive(Args, Debug)]
#[command(after_help = "\
The body may use the functions of `pub`, and {{.Request}} for the body of the request. In
--command, {{1}} is the second token of the request's subject; the command finds the request in
NATS_REQUEST_SUBJECT and NATS_REQUEST_BODY.

Examples:
  tradewind reply service.echo --echo
  tradewind reply service.time '{{TimeStamp}}' --queue clocks
  tradewind reply 'weather.>' --command 'curl -s wttr.in/{{1}}?format=3'")]
pub(crate) struct Reply {
    /// Subject to listen on.
    pub(crate) subject: String,
    /// Body of the replies.
    pub(crate) body: Option<String>,
    /// Answer with what was asked.
    #[arg(long, conflicts_with_all = ["body", "command"])]
    pub(crate) echo: bool,
    /// Answer with the output of this command.
    #[arg(long, value_name = "COMMAND", conflicts_with = "body")]
    pub(crate) command: Option<String>,
    /// Queue group to be a member of.
    #[arg(short, long, value_name = "GROUP", default_value = "NATS-RPLY-22")]
    pub(crate) queue: String,
    /// Wait a random time before each reply, at most this long.
    #[arg(long, value_name = "MAX", value_parser = units::duration)]
    pub(crate) sleep: Option<Duration>,
    /// Header of the replies; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "K:V")]
    pub(crate) headers: Vec<String>,
    /// Stop after this many requests.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

/// Measure the round-trip time to the server.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind rtt
  tradewind rtt 100 --json")]
pub(crate) struct Rtt {
    /// Number of round trips.
    #[arg(default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) iterations: u32,
}
