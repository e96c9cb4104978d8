//! `--signal`: telling a running server something.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use tradewind_conf::SignalCommand;
use tradewind_server::system_words;

use super::REFERENCE;

/// Signals `target`: a process id, the beginning of one before a `*`, or a pid file. Without one
/// there has to be exactly one server.
///
/// # Errors
///
/// Why that is impossible, in nats-server's words.
pub(super) fn send(command: SignalCommand, target: Option<&str>) -> Result<(), String> {
    let target = match target.filter(|target| Path::new(target).is_file()) {
        Some(file) => Some(read_pid_file(file)?),
        None => target.map(ToOwned::to_owned),
    };
    let target = target.as_deref().filter(|target| !target.is_empty());
    let pids = match target {
        Some(target) if !target.ends_with('*') => {
            let pid = target.parse().map_err(|_| format!("invalid pid: {target}"))?;
            vec![pid]
        }
        Some(pattern) => running(pattern.trim_end_matches('*')),
        None => running(""),
    };
    match pids.as_slice() {
        [] => return Err(format!("no {REFERENCE} processes running")),
        [_] => (),
        many if target.is_none() => {
            let list: Vec<_> = many.iter().map(ToString::to_string).collect();
            return Err(format!("multiple {REFERENCE} processes running:\n{}", list.join("\n")));
        }
        _ => (),
    }
    let failures: Vec<String> = pids.iter().filter_map(|pid| signal(command, *pid).err()).collect();
    // nats-server leaves the first line empty.
    if failures.is_empty() { Ok(()) } else { Err(format!("\n{}", failures.join("\n"))) }
}

fn read_pid_file(file: &str) -> Result<String, String> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("open {file}: {}", system_words(&error)))?;
    Ok(text.trim().to_owned())
}

fn signal(command: SignalCommand, number: i32) -> Result<(), String> {
    let name = command.name();
    let signal = match command {
        SignalCommand::LameDuck => Signal::USR2,
        SignalCommand::Stop => Signal::KILL,
        SignalCommand::Quit => Signal::INT,
        SignalCommand::Term => Signal::TERM,
        SignalCommand::Reopen => Signal::USR1,
        SignalCommand::Reload => Signal::HUP,
    };
    // Zero and less would mean whole groups of processes.
    let pid = Some(number).filter(|number| 0 < *number).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| format!("invalid pid: {number}"))?;
    kill_process(pid, signal)
        .map_err(|error| format!("signal {name:?} {number}: {}", system_words(&error.into())))
}

/// Servers whose process id begins with `start`, this process left out.
fn running(start: &str) -> Vec<i32> {
    let own = std::process::id().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut pids: Vec<i32> = names
        .filter(|name| name.starts_with(start) && *name != own && is_server(name))
        .filter_map(|name| name.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// Whether the process runs a server: by the name of its program, or our `serve`.
fn is_server(pid: &str) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let program = words.next().unwrap_or_default();
    match program.rsplit('/').next() {
        Some(REFERENCE) => true,
        Some("tradewind") => words.next().is_some_and(|word| word == "serve"),
        _ => false,
    }
}
