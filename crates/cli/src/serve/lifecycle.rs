//! A server from its start to its end, and the signals in between.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tradewind_conf::{Flags, OnIoError};
use tradewind_server::{Log, Server, system_words};

use super::files::Files;
use super::reload;
use super::resolve::Resolved;

/// Runs a server until it is told to stop.
///
/// # Errors
///
/// What to tell the user if there is no log to tell it to.
pub(super) async fn run(
    mut resolved: Resolved,
    flags: Flags,
    files: Files,
) -> Result<ExitCode, String> {
    let mut signals = Signals::listen()
        .map_err(|error| format!("could not listen for signals: {}", system_words(&error)))?;
    let options = resolved.options.clone();
    let log = Log::open(options.log.clone()).map_err(|error| {
        format!("error opening file: open {}: {}", options.log.target, system_words(&error))
    })?;
    let log = Arc::new(log);
    for warning in &resolved.warnings {
        log.warn(warning);
    }
    if let Err(line) = files.write_pid() {
        log.fatal(&line);
        return Ok(ExitCode::FAILURE);
    }
    // It logs why it does not start.
    let Ok(server) = Server::start_with_log(options, Arc::clone(&log)).await else {
        return Ok(ExitCode::FAILURE);
    };
    if let Err(line) = files.write_ports(&server) {
        log.error(&line);
    }
    let exits = resolved.on_io_error == OnIoError::Exit;
    let code = tokio::select! {
        () = obey(&mut signals, &server, &log, &mut resolved, &flags) => ExitCode::SUCCESS,
        reason = server.store_failed(), if exits => {
            log.fatal(&format!("Ending because of on_io_error: exit: {reason}"));
            ExitCode::FAILURE
        }
    };
    server.shutdown().await;
    files.remove_ports();
    Ok(code)
}

/// Does what signals ask for, until one asks for the end.
async fn obey(
    signals: &mut Signals,
    server: &Server,
    log: &Log,
    running: &mut Resolved,
    flags: &Flags,
) {
    loop {
        match signals.next(log).await {
            Asked::Stop | Asked::StopUnlessLeaving => return,
            Asked::Leave => return leave(signals, server, log).await,
            Asked::Reopen => log.reopen(),
            Asked::Reload => reload::reload(log, running, flags),
        }
    }
}

/// Lame duck mode. SIGTERM is no reason to hurry, SIGINT is.
async fn leave(signals: &mut Signals, server: &Server, log: &Log) {
    let interrupted = async {
        loop {
            match signals.next(log).await {
                Asked::Stop => return,
                Asked::Reopen => log.reopen(),
                Asked::StopUnlessLeaving | Asked::Leave | Asked::Reload => (),
            }
        }
    };
    tokio::select! {
        () = server.lame_duck() => (),
        () = interrupted => (),
    }
}

/// What a signal asks for.
enum Asked {
    Stop,
    StopUnlessLeaving,
    Leave,
    Reopen,
    Reload,
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    user_1: Signal,
    user_2: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            user_1: signal(SignalKind::user_defined1())?,
            user_2: signal(SignalKind::user_defined2())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal and logs it.
    async fn next(&mut self, log: &Log) -> Asked {
        let (name, asked) = tokio::select! {
            _ = self.interrupt.recv() => ("interrupt", Asked::Stop),
            _ = self.terminate.recv() => ("terminated", Asked::StopUnlessLeaving),
            _ = self.user_1.recv() => ("user defined signal 1", Asked::Reopen),
            _ = self.user_2.recv() => ("user defined signal 2", Asked::Leave),
            _ = self.hangup.recv() => ("hangup", Asked::Reload),
        };
        log.info(&format!("Trapped \"{name}\" signal"));
        asked
    }
}
