//! `tradewind serve`, and the whole of a link named `nats-server`: start, signals, stop.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what nats-server prints")]

mod capacity;
mod disk;
mod files;
mod lifecycle;
mod reload;
mod resolve;
mod signal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use tradewind_conf::{Config, FlagOutcome, Flags, digest, parse_file, parse_flags};
use tradewind_server::NATS_VERSION;

use self::disk::Disk;
use self::files::Files;
use self::resolve::{Defaults, Resolved, resolve};

/// The name under which nats-server's users know us.
const REFERENCE: &str = "nats-server";

/// Runs a server with `args`, the command line behind the program's name, to its end.
pub(crate) fn run(args: Vec<OsString>) -> ExitCode {
    let program = Program::current();
    let mut texts = Vec::new();
    for arg in args {
        match arg.into_string() {
            Ok(text) => texts.push(text),
            Err(arg) => return program.refuse(&format!("{} is not valid UTF-8", arg.display())),
        }
    }
    match parse_flags(program.name, NATS_VERSION, &texts) {
        FlagOutcome::Run(flags) if flags.check_config => check(&program, &flags),
        FlagOutcome::Run(flags) => start(&program, *flags),
        FlagOutcome::Help(text) => print(&text),
        FlagOutcome::Version(_) => print(&program.version()),
        FlagOutcome::Usage { message, usage } => {
            eprintln!("{message}");
            print(&usage)
        }
        FlagOutcome::Refuse { message } => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
        FlagOutcome::Signal { command, target } => match signal::send(command, target.as_deref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => program.refuse(&reason),
        },
    }
}

/// How this program was called.
struct Program {
    /// What messages begin with.
    name: &'static str,
    /// The last part of the path it was called by.
    file_name: String,
}

impl Program {
    fn current() -> Program {
        let path = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = if file_name.starts_with(REFERENCE) { REFERENCE } else { "tradewind" };
        Program { name, file_name }
    }

    /// The line starts with what tools look for.
    fn version(&self) -> String {
        let theirs = format!("{REFERENCE}: v{NATS_VERSION}");
        if self.name == REFERENCE {
            return theirs;
        }
        format!("{theirs} (tradewind {})", env!("CARGO_PKG_VERSION"))
    }

    fn refuse(&self, reason: &str) -> ExitCode {
        eprintln!("{}: {reason}", self.name);
        ExitCode::FAILURE
    }
}

fn print(text: &str) -> ExitCode {
    println!("{}", text.trim_end_matches('\n'));
    ExitCode::SUCCESS
}

/// A configuration as read from its file.
#[derive(Debug, Default)]
struct Loaded {
    config: Config,
    digest: String,
}

/// Reads the file the flags name, if they name one.
///
/// # Errors
///
/// What is wrong with it.
fn load(flags: &Flags) -> Result<Loaded, String> {
    let Some(file) = &flags.config_file else { return Ok(Loaded::default()) };
    let document = parse_file(file, &mut Disk).map_err(|error| error.to_string())?;
    let config = Config::read(&document).map_err(|problems| problems.to_string())?;
    Ok(Loaded { config, digest: digest(&document.root) })
}

/// `-t`: says whether the configuration file is good.
fn check(program: &Program, flags: &Flags) -> ExitCode {
    let loaded = match load(flags) {
        Ok(loaded) => loaded,
        Err(reason) => return program.refuse(&reason),
    };
    let (fatal, harmless): (Vec<_>, Vec<_>) =
        loaded.config.warnings.iter().partition(|warning| warning.fails_check);
    for warning in harmless {
        eprintln!("{}", warning.text);
    }
    if !fatal.is_empty() {
        let texts: Vec<_> = fatal.iter().map(|warning| warning.text.as_str()).collect();
        return program.refuse(&texts.join("\n"));
    }
    let file = flags.config_file.as_deref().unwrap_or_default();
    eprintln!("{}: configuration file {file} is valid ({})", program.name, loaded.digest);
    ExitCode::SUCCESS
}

fn start(program: &Program, flags: Flags) -> ExitCode {
    let resolved =
        load(&flags).and_then(|loaded| to_options(loaded, &flags, &Defaults::of_system()));
    let resolved = match resolved {
        Ok(resolved) => resolved,
        Err(reason) => return program.refuse(&reason),
    };
    for warning in &resolved.early_warnings {
        eprintln!("{warning}");
    }
    capacity::raise_descriptors();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return program.refuse(&format!("could not start threads: {error}")),
    };
    let files = Files::new(&resolved, &program.file_name);
    match runtime.block_on(lifecycle::run(resolved, flags, files)) {
        Ok(code) => code,
        Err(reason) => program.refuse(&reason),
    }
}

/// # Errors
///
/// All that is wrong with flags and file together, a line each.
fn to_options(loaded: Loaded, flags: &Flags, defaults: &Defaults) -> Result<Resolved, String> {
    let Loaded { config, digest } = loaded;
    let mut resolved = resolve(config, flags, defaults).map_err(|problems| problems.join("\n"))?;
    resolved.options.config_file = flags.config_file.clone().unwrap_or_default();
    resolved.options.config_digest = digest;
    Ok(resolved)
}
