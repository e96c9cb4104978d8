//! The command line, with nats's words.

pub(crate) mod consumer;
pub(crate) mod dlq;
pub(crate) mod kv;
pub(crate) mod object;
pub(crate) mod pubsub;
pub(crate) mod store;
pub(crate) mod stream;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::output::{Color, Format, Printer};
use crate::problem::Problem;
use crate::units;

/// A NATS server with JetStream, and the command line for any NATS server.
#[derive(Debug, Parser)]
#[command(
    name = "tradewind",
    version,
    disable_help_flag = true,
    max_term_width = 100,
    after_help = "\
Examples:
  tradewind quickstart                           a server with a stream, a consumer and messages
  tradewind serve -js -sd ./data -m 8222         a server, with nats-server's flags
  tradewind stream add ORDERS --subjects 'ORDERS.*'
  tradewind pub ORDERS.new 'order {{Count}}' --count 10
  tradewind sub '>'

Exit codes: 0 done, 1 failed, 2 wrong usage."
)]
pub(crate) struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global flags")]
pub(crate) struct Global {
    /// NATS server URLs, separated by commas.
    #[arg(
        short,
        long,
        global = true,
        env = "NATS_URL",
        value_name = "URL",
        default_value = "nats://127.0.0.1:4222"
    )]
    pub(crate) server: String,
    /// User name, or a token if there is no password.
    #[arg(long, global = true, env = "NATS_USER", value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Password of the user.
    #[arg(
        long,
        global = true,
        env = "NATS_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub(crate) password: Option<String>,
    /// Token.
    #[arg(long, global = true, env = "NATS_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// File with user credentials (JWT and seed).
    #[arg(long, global = true, env = "NATS_CREDS", value_name = "FILE")]
    pub(crate) creds: Option<PathBuf>,
    /// Nkey seed, or the file it is in.
    #[arg(long, global = true, env = "NATS_NKEY", hide_env_values = true, value_name = "FILE")]
    pub(crate) nkey: Option<String>,
    /// User JWT, or the file it is in; needs --seed.
    #[arg(long, global = true, env = "NATS_JWT", hide_env_values = true, value_name = "JWT")]
    pub(crate) jwt: Option<String>,
    /// Seed of the JWT, or the file it is in.
    #[arg(long, global = true, env = "NATS_SEED", hide_env_values = true, value_name = "SEED")]
    pub(crate) seed: Option<String>,
    /// TLS certificate of this client.
    #[arg(long, global = true, env = "NATS_CERT", value_name = "FILE")]
    pub(crate) tlscert: Option<PathBuf>,
    /// TLS key of this client.
    #[arg(long, global = true, env = "NATS_KEY", value_name = "FILE")]
    pub(crate) tlskey: Option<PathBuf>,
    /// TLS certificates of the authorities to trust.
    #[arg(long, global = true, env = "NATS_CA", value_name = "FILE")]
    pub(crate) tlsca: Option<PathBuf>,
    /// Begin with TLS, before the server says anything.
    #[arg(long, global = true)]
    pub(crate) tlsfirst: bool,
    /// Time to wait for an answer.
    #[arg(long, global = true, env = "NATS_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = units::duration)]
    pub(crate) timeout: Duration,
    /// Name of the connection.
    #[arg(long, global = true, value_name = "NAME", default_value = concat!("Tradewind CLI ", env!("CARGO_PKG_VERSION")), hide_default_value = true)]
    pub(crate) connection_name: String,
    /// JetStream domain.
    #[arg(long, global = true, value_name = "DOMAIN")]
    pub(crate) js_domain: Option<String>,
    /// Prefix of the JetStream API, if it is not the usual one.
    #[arg(long, global = true, value_name = "PREFIX")]
    pub(crate) js_api_prefix: Option<String>,
    /// Prefix of reply subjects.
    #[arg(long, global = true, value_name = "PREFIX")]
    pub(crate) inbox_prefix: Option<String>,
    /// How to write data: table or json (on `add` and `object get`: the file to write).
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) output: Option<String>,
    /// Write JSON: the same as --output json.
    #[arg(short, long, global = true)]
    pub(crate) json: bool,
    /// No colours, even on a terminal.
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Colour of the lines between things.
    #[arg(long, global = true, env = "NATS_COLOR", value_name = "SCHEME")]
    pub(crate) colors: Option<Color>,
    /// Show what the JetStream API is asked and answers.
    #[arg(long, global = true)]
    pub(crate) trace: bool,
    /// Show this.
    // One line for each flag: the long form would bury them in blank lines.
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    help: Option<bool>,
    #[arg(long, global = true, hide = true, env = "NATS_CONTEXT")]
    context: Option<String>,
    #[arg(long, global = true, hide = true)]
    no_context: bool,
    #[arg(long, global = true, hide = true, env = "NATS_SOCKS_PROXY")]
    socks_proxy: Option<String>,
    #[arg(long, global = true, hide = true)]
    js_event_prefix: Option<String>,
}

impl Global {
    /// Refuses flags of nats that would change what happens and that are not supported.
    pub(crate) fn refuse_unsupported(&self) -> Result<()> {
        let refusal = |flag: &str, instead: &str| {
            Err(Problem::usage(format!("{flag} is not supported yet")).with_remedy(instead).into())
        };
        let set = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
        if set(&self.context) && !self.no_context {
            return refusal(
                "--context (NATS_CONTEXT)",
                "name the server with --server and the user with --creds or --user",
            );
        }
        if set(&self.socks_proxy) {
            return refusal("--socks-proxy", "connect without a proxy");
        }
        if set(&self.js_event_prefix) {
            return refusal("--js-event-prefix", "leave it out: no command here listens to events");
        }
        if set(&self.js_api_prefix) && set(&self.js_domain) {
            return Err(Problem::usage("--js-api-prefix and --js-domain exclude each other").into());
        }
        Ok(())
    }

    fn format(&self) -> Format {
        if self.json || self.output.as_deref() == Some("json") {
            Format::Json
        } else {
            Format::Table
        }
    }

    /// The file in `--output`, if that is not a format.
    pub(crate) fn file(&self) -> Option<String> {
        self.output.clone().filter(|output| !is_format(output))
    }

    /// The printer these flags ask for.
    pub(crate) fn printer(&self) -> Printer {
        // https://no-color.org: any value that is not empty.
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Printer::new(self.format(), !self.no_color && !no_color, self.colors)
    }
}

fn is_format(output: &str) -> bool {
    matches!(output, "table" | "json")
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server, with nats-server's flags.
    Serve {
        /// nats-server's flags: see `tradewind serve --help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Start a server with a stream, a consumer and messages, and serve until Ctrl-C.
    Quickstart(Quickstart),
    /// Publish messages.
    #[command(name = "publish", visible_alias = "pub")]
    Publish(Box<pubsub::Publish>),
    /// Receive messages.
    #[command(name = "subscribe", visible_alias = "sub")]
    Subscribe(Box<pubsub::Subscribe>),
    /// Send requests and show the replies.
    #[command(name = "request", visible_alias = "req")]
    Request(Box<pubsub::Request>),
    /// Answer requests.
    Reply(Box<pubsub::Reply>),
    /// Measure the round-trip time to the server.
    Rtt(pubsub::Rtt),
    /// Manage streams.
    #[command(visible_alias = "str", aliases = ["st", "ms", "s"])]
    Stream(stream::Stream),
    /// Manage consumers and receive from them.
    #[command(visible_alias = "con", aliases = ["obs", "c"])]
    Consumer(consumer::Consumer),
    /// Keep values under keys.
    Kv(kv::Kv),
    /// Keep files.
    #[command(visible_alias = "obj")]
    Object(object::Object),
    /// Look at dead letters, try them again, throw them away.
    Dlq(dlq::Dlq),
    /// Look at the files of a store, and decide about damage.
    Store(store::Store),
}

impl Command {
    /// Refuses an `--output` that is no format, where no file can be meant.
    pub(crate) fn check_output(&self, output: Option<&str>) -> Result<()> {
        let takes_file = match self {
            Command::Stream(stream) => matches!(stream.command, stream::Command::Add(_)),
            Command::Consumer(consumer) => matches!(consumer.command, consumer::Command::Add(_)),
            Command::Object(object) => matches!(object.command, object::Command::Get(_)),
            _ => false,
        };
        match output {
            Some(other) if !takes_file && !is_format(other) => {
                Err(Problem::usage(format!("--output {other}: the formats are table and json"))
                    .into())
            }
            _ => Ok(()),
        }
    }
}

/// Start a server with a stream, a consumer and messages, and serve until Ctrl-C.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  tradewind quickstart
  tradewind quickstart --store-dir /var/lib/tradewind --port 4333 --http-port 8333")]
pub(crate) struct Quickstart {
    /// Directory the server keeps everything in.
    #[arg(long, value_name = "DIR", default_value = "./tradewind-data")]
    pub(crate) store_dir: PathBuf,
    /// Address to listen on; 0.0.0.0 lets other machines in.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Port for clients; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = 4222)]
    pub(crate) port: u16,
    /// Port of monitoring; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = 8222)]
    pub(crate) http_port: u16,
    /// Stop when everything has been shown.
    #[arg(long)]
    pub(crate) once: bool,
}

#[cfg(test)]
mod tests;
