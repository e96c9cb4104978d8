//! The command line of nats-server: one dash or two, `-k v` or `-k=v`, no bundling.

mod number;
mod table;
mod usage;

use crate::config::{OnIoError, Secret, SyncInterval};
use crate::duration::SignedDuration;
use table::{Kind, Target};

pub use usage::usage;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum FlagOutcome {
    /// Run the server, or check its configuration.
    Run(Box<Flags>),
    /// Print this to standard output; exit 0.
    Help(String),
    /// Print this to standard output; exit 0.
    Version(String),
    /// Print the message to standard error and the usage to standard output; exit 0, as
    /// nats-server does.
    Usage {
        /// What is wrong.
        message: String,
        /// The help text.
        usage: String,
    },
    /// Print the message to standard error; exit 1.
    Refuse {
        /// What is wrong, the program's name before it.
        message: String,
    },
    /// Send a signal to a running server.
    Signal {
        /// What to tell it.
        command: SignalCommand,
        /// A process id, possibly ending in `*`, or a pid file; [`None`] for the only server there
        /// is.
        target: Option<String>,
    },
}

/// What `--signal` tells a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalCommand {
    /// Send clients away, then stop: SIGUSR2.
    LameDuck,
    /// End at once: SIGKILL.
    Stop,
    /// End cleanly: SIGINT.
    Quit,
    /// End cleanly: SIGTERM.
    Term,
    /// Open the log file anew: SIGUSR1.
    Reopen,
    /// Read the configuration anew: SIGHUP.
    Reload,
}

impl SignalCommand {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            SignalCommand::LameDuck => "ldm",
            SignalCommand::Stop => "stop",
            SignalCommand::Quit => "quit",
            SignalCommand::Term => "term",
            SignalCommand::Reopen => "reopen",
            SignalCommand::Reload => "reload",
        }
    }

    fn find(name: &str) -> Option<SignalCommand> {
        use SignalCommand::{LameDuck, Quit, Reload, Reopen, Stop, Term};
        [LameDuck, Stop, Quit, Term, Reopen, Reload].into_iter().find(|it| it.name() == name)
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// nats-server's.
    Text,
    /// An object a line.
    Json,
}

/// The flags given; [`None`] is what was not. They go before the configuration file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    /// `-c`
    pub config_file: Option<String>,
    /// `-t`: check the configuration, which is then given, and exit.
    pub check_config: bool,
    /// `-p`; -1 for any free port.
    pub port: Option<i64>,
    /// `-a`
    pub host: Option<String>,
    /// `-n`
    pub server_name: Option<String>,
    /// `--client_advertise`
    pub client_advertise: Option<String>,
    /// `-P`
    pub pid_file: Option<String>,
    /// `--ports_file_dir`
    pub ports_file_dir: Option<String>,
    /// `-m`
    pub http_port: Option<i64>,
    /// `-D`, `-DV`, `-DVV`
    pub debug: Option<bool>,
    /// `-V`, `-DV`, `-VV`, `-DVV`
    pub trace: Option<bool>,
    /// `-VV`, `-DVV`
    pub trace_verbose: Option<bool>,
    /// `-T`
    pub logtime: Option<bool>,
    /// `--logtime_utc`
    pub logtime_utc: Option<bool>,
    /// `-l`
    pub log_file: Option<String>,
    /// `--log_size_limit`, in bytes.
    pub log_size_limit: Option<i64>,
    /// `--log_format`
    pub log_format: Option<LogFormat>,
    /// `--max_traced_msg_len`
    pub max_traced_msg_len: Option<i64>,
    /// `-js`
    pub jetstream: Option<bool>,
    /// `-sd`
    pub store_dir: Option<String>,
    /// `--max_memory_store`, in bytes.
    pub max_memory_store: Option<i64>,
    /// `--max_file_store`, in bytes.
    pub max_file_store: Option<i64>,
    /// `--sync_interval`
    pub sync_interval: Option<SyncInterval>,
    /// `--on_io_error`
    pub on_io_error: Option<OnIoError>,
    /// `--user`
    pub username: Option<String>,
    /// `--pass`
    pub password: Option<Secret>,
    /// `--auth`
    pub token: Option<Secret>,
}

/// Reads `args`, the command line without the program's own name.
///
/// `program` and `version` appear in messages: `nats-server` and `2.15.1` make
/// `nats-server: v2.15.1`.
pub fn parse_flags(program: &str, version: &str, args: &[String]) -> FlagOutcome {
    let refuse = |text: &str| FlagOutcome::Refuse { message: format!("{program}: {text}") };
    let mut typed = Typed::default();
    let rest = match typed.take_all(args) {
        Ok(rest) => rest,
        Err(message) => return FlagOutcome::Usage { message, usage: usage(program) },
    };
    let word = rest.first().map(|word| word.to_lowercase());
    if typed.version || word.as_deref() == Some("version") && !typed.help {
        return FlagOutcome::Version(format!("{program}: v{version}"));
    }
    if typed.help || word.as_deref() == Some("help") {
        return FlagOutcome::Help(usage(program));
    }
    if let Some(word) = rest.first() {
        return refuse(&format!("unrecognized command: {word:?}"));
    }
    if let Some(signal) = typed.signal.as_deref().filter(|signal| !signal.is_empty()) {
        return signal_outcome(signal).unwrap_or_else(|reason| refuse(&reason));
    }
    if !typed.unsupported.is_empty() {
        return refuse(&typed.unsupported.join("\n"));
    }
    if typed.flags.check_config && typed.flags.config_file.is_none() {
        return refuse("must specify [-c, --config] option to check configuration file syntax");
    }
    FlagOutcome::Run(Box::new(typed.finish()))
}

fn signal_outcome(signal: &str) -> Result<FlagOutcome, String> {
    let mut parts = signal.split('=');
    let command = parts.next().unwrap_or_default();
    let target = parts.next().filter(|target| !target.is_empty()).map(ToOwned::to_owned);
    let extra: Vec<&str> = parts.collect();
    if !extra.is_empty() {
        return Err(format!("invalid signal parameters: [{}]", extra.join(" ")));
    }
    let command =
        SignalCommand::find(command).ok_or_else(|| format!("unknown signal {command:?}"))?;
    Ok(FlagOutcome::Signal { command, target })
}

/// What was typed, before it is known what it means together.
#[derive(Debug, Default)]
struct Typed {
    flags: Flags,
    help: bool,
    version: bool,
    signal: Option<String>,
    /// `-DV`, `-VV`, `-DVV`: they win over `-D` and `-V`, in this order.
    debug_and_trace: Option<bool>,
    verbose: Option<bool>,
    debug_and_verbose: Option<bool>,
    /// Sentences about flags of nats-server that are refused.
    unsupported: Vec<String>,
}

impl Typed {
    /// Takes flags up to the first word that is none, and gives what is left. The error is for
    /// printing above the usage.
    fn take_all<'a>(&mut self, args: &'a [String]) -> Result<&'a [String], String> {
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            let Some(dashed) = arg.strip_prefix('-').filter(|name| !name.is_empty()) else {
                return Ok(rest);
            };
            rest = after;
            let body = dashed.strip_prefix('-').unwrap_or(dashed);
            if body.is_empty() {
                return Ok(rest);
            }
            if body.starts_with(['-', '=']) {
                return Err(format!("bad flag syntax: {arg}"));
            }
            let (name, value) = match body.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (body, None),
            };
            let Some(flag) = table::find(name) else {
                return Err(format!("flag provided but not defined: -{name}"));
            };
            let value = match (value, flag.kind) {
                (Some(value), _) => value,
                (None, Kind::Bool) => "true",
                (None, _) => {
                    let (value, after) = rest
                        .split_first()
                        .ok_or_else(|| format!("flag needs an argument: -{name}"))?;
                    rest = after;
                    value
                }
            };
            self.take(flag, name, value)?;
        }
        Ok(rest)
    }

    fn take(&mut self, flag: &table::Flag, name: &str, value: &str) -> Result<(), String> {
        let invalid = |reason: &str| format!("invalid value {value:?} for flag -{name}: {reason}");
        match flag.kind {
            Kind::Bool => {
                let truth = number::boolean(value).ok_or_else(|| {
                    format!("invalid boolean value {value:?} for -{name}: parse error")
                })?;
                self.take_bool(flag, name, truth);
            }
            Kind::Int => {
                let number = number::integer(value).map_err(invalid)?;
                self.take_int(flag, name, number);
            }
            Kind::Size => {
                let size = number::size(value).map_err(invalid)?;
                self.take_int(flag, name, size);
            }
            Kind::Text => self.take_text(flag, name, value).map_err(|it| invalid(&it))?,
        }
        Ok(())
    }

    fn take_bool(&mut self, flag: &table::Flag, name: &str, truth: bool) {
        match flag.target {
            Target::Help => self.help = truth,
            Target::Version => self.version = truth,
            Target::CheckConfig => self.flags.check_config = truth,
            Target::Debug => self.flags.debug = Some(truth),
            Target::Trace => self.flags.trace = Some(truth),
            Target::DebugAndTrace => self.debug_and_trace = Some(truth),
            Target::Verbose => self.verbose = Some(truth),
            Target::DebugAndVerbose => self.debug_and_verbose = Some(truth),
            Target::Logtime => self.flags.logtime = Some(truth),
            Target::LogtimeUtc => self.flags.logtime_utc = Some(truth),
            Target::JetStream => self.flags.jetstream = Some(truth),
            Target::Unsupported(reason) if truth => self.refuse(name, reason),
            _ => (),
        }
    }

    fn take_int(&mut self, flag: &table::Flag, name: &str, number: i64) {
        match flag.target {
            Target::Port => self.flags.port = Some(number),
            Target::HttpPort => self.flags.http_port = Some(number),
            Target::LogSizeLimit => self.flags.log_size_limit = Some(number),
            Target::MaxTracedMsgLen => self.flags.max_traced_msg_len = Some(number),
            Target::MaxMemoryStore => self.flags.max_memory_store = Some(number),
            Target::MaxFileStore => self.flags.max_file_store = Some(number),
            Target::Unsupported(reason) if number != 0 => self.refuse(name, reason),
            _ => (),
        }
    }

    fn take_text(&mut self, flag: &table::Flag, name: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned());
        match flag.target {
            Target::ConfigFile => self.flags.config_file = text().filter(|path| !path.is_empty()),
            Target::Host => self.flags.host = text(),
            Target::ServerName => self.flags.server_name = text(),
            Target::ClientAdvertise => self.flags.client_advertise = text(),
            Target::PidFile => self.flags.pid_file = text(),
            Target::PortsFileDir => self.flags.ports_file_dir = text(),
            Target::LogFile => self.flags.log_file = text(),
            Target::StoreDir => self.flags.store_dir = text(),
            Target::User => self.flags.username = text(),
            Target::Pass => self.flags.password = text().map(Secret),
            Target::Auth => self.flags.token = text().map(Secret),
            Target::Signal => self.signal = text(),
            Target::LogFormat => self.flags.log_format = Some(log_format(value)?),
            Target::OnIoError => self.flags.on_io_error = Some(OnIoError::parse(value)?),
            Target::SyncInterval => self.flags.sync_interval = Some(sync_interval(value)?),
            Target::Unsupported(reason) if !value.is_empty() => self.refuse(name, reason),
            _ => (),
        }
        Ok(())
    }

    fn refuse(&mut self, name: &str, reason: &str) {
        self.unsupported.push(format!(
            "flag -{name} is known to nats-server but not supported by tradewind yet: {reason}"
        ));
    }

    fn finish(self) -> Flags {
        let mut flags = self.flags;
        if let Some(truth) = self.debug_and_trace {
            (flags.debug, flags.trace) = (Some(truth), Some(truth));
        }
        if let Some(truth) = self.debug_and_verbose {
            flags.debug = Some(truth);
            (flags.trace, flags.trace_verbose) = (Some(truth), Some(truth));
        }
        if let Some(truth) = self.verbose {
            (flags.trace, flags.trace_verbose) = (Some(truth), Some(truth));
        }
        flags
    }
}

fn log_format(value: &str) -> Result<LogFormat, String> {
    match value {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("use text or json".to_owned()),
    }
}

fn sync_interval(value: &str) -> Result<SyncInterval, String> {
    if value.eq_ignore_ascii_case("always") {
        return Ok(SyncInterval::Always);
    }
    let interval = SignedDuration::parse(value)?.unsigned();
    interval.map(SyncInterval::Every).ok_or_else(|| "needs to be positive".to_owned())
}

#[cfg(test)]
mod tests;
