//! Log lines in nats-server's form, which launchers parse: `[pid] time [INF] text`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{Timestamp, Zoned, tz::TimeZone};
use parking_lot::Mutex;

use crate::client::Client;
use crate::options::{LogOptions, LogTarget};

/// Writes log lines.
#[derive(Debug)]
pub(crate) struct Log {
    options: LogOptions,
    debug: AtomicBool,
    output: Mutex<Output>,
}

#[derive(Debug)]
enum Output {
    None,
    Stderr,
    File(File),
}

impl Output {
    fn open(target: &LogTarget) -> io::Result<Output> {
        Ok(match target {
            LogTarget::None => Output::None,
            LogTarget::Stderr => Output::Stderr,
            LogTarget::File(path) => {
                Output::File(OpenOptions::new().create(true).append(true).open(path)?)
            }
        })
    }
}

impl Log {
    /// # Errors
    ///
    /// The log file can't be opened.
    pub(crate) fn open(options: LogOptions) -> io::Result<Log> {
        let output = Mutex::new(Output::open(&options.target)?);
        let debug = AtomicBool::new(options.debug);
        Ok(Log { options, debug, output })
    }

    /// Opens the log file anew, after somebody moved it away.
    pub(crate) fn reopen(&self) {
        if !matches!(self.options.target, LogTarget::File(_)) {
            self.info("File log re-open ignored, not a file logger");
            return;
        }
        match Output::open(&self.options.target) {
            Ok(output) => {
                *self.output.lock() = output;
                self.info("File log re-opened");
            }
            Err(error) => self.error(&format!("File log re-open failed: {error}")),
        }
    }

    pub(crate) fn info(&self, text: &str) {
        self.write("INF", text);
    }

    pub(crate) fn warn(&self, text: &str) {
        self.write("WRN", text);
    }

    pub(crate) fn error(&self, text: &str) {
        self.write("ERR", text);
    }

    pub(crate) fn fatal(&self, text: &str) {
        self.write("FTL", text);
    }

    /// A line about a connection, if those are wanted.
    pub(crate) fn debug(&self, client: &Client, text: &str) {
        if self.debug.load(Ordering::Relaxed) {
            self.write("DBG", &format!("{} - cid:{} - {text}", client.peer, client.id.0));
        }
    }

    /// Something a connection did wrong.
    pub(crate) fn error_of(&self, client: &Client, text: &str) {
        self.write("ERR", &format!("{} - cid:{} - {text}", client.peer, client.id.0));
    }

    fn write(&self, level: &str, text: &str) {
        let mut output = self.output.lock();
        if matches!(*output, Output::None) {
            return;
        }
        let line = self.line(level, text);
        // There is nobody to tell that the log can't be written.
        let _ = match &mut *output {
            Output::None => Ok(()),
            Output::Stderr => io::stderr().lock().write_all(line.as_bytes()),
            Output::File(file) => file.write_all(line.as_bytes()),
        };
    }

    fn line(&self, level: &str, text: &str) -> String {
        let pid = std::process::id();
        let now = Timestamp::now();
        if self.options.json {
            let record = serde_json::json!({
                "time": now.to_string(), "pid": pid, "level": level, "msg": text,
            });
            return format!("{record}\n");
        }
        if self.options.no_time {
            return format!("[{pid}] [{level}] {text}\n");
        }
        let zone = if self.options.utc { TimeZone::UTC } else { TimeZone::system() };
        let time = Zoned::new(now, zone).strftime("%Y/%m/%d %H:%M:%S%.6f").to_string();
        format!("[{pid}] {time} [{level}] {text}\n")
    }
}
