//! Log lines in nats-server's form, which launchers parse: `[pid] time [INF] text`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{Timestamp, Zoned, tz::TimeZone};
use parking_lot::Mutex;
use tradewind_subject::int::u64_from;

use crate::client::Client;
use crate::options::{LogOptions, LogTarget};

/// Writes log lines.
#[derive(Debug)]
pub struct Log {
    options: LogOptions,
    debug: AtomicBool,
    output: Mutex<Output>,
}

#[derive(Debug)]
enum Output {
    None,
    Stderr,
    File { file: File, len: u64 },
}

impl Output {
    fn open(target: &LogTarget) -> io::Result<Output> {
        Ok(match target {
            LogTarget::None => Output::None,
            LogTarget::Stderr => Output::Stderr,
            LogTarget::File(path) => {
                let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
                let len = file.metadata()?.len();
                Output::File { file, len }
            }
        })
    }

    fn append(&mut self, line: &str) {
        // There is nobody to tell that the log can't be written.
        let _ = match self {
            Output::None => Ok(()),
            Output::Stderr => io::stderr().lock().write_all(line.as_bytes()),
            Output::File { file, len } => {
                *len += u64_from(line.len());
                file.write_all(line.as_bytes())
            }
        };
    }
}

impl Log {
    /// Opens the log that `options` describe.
    ///
    /// # Errors
    ///
    /// The log file can't be opened.
    pub fn open(options: LogOptions) -> io::Result<Log> {
        let output = Mutex::new(Output::open(&options.target)?);
        let debug = AtomicBool::new(options.debug);
        Ok(Log { options, debug, output })
    }

    /// Opens the log file anew, after somebody moved it away.
    pub fn reopen(&self) {
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

    /// Logs an event of the life of the server.
    pub fn info(&self, text: &str) {
        self.write("INF", text);
    }

    /// Logs what somebody should know.
    pub fn warn(&self, text: &str) {
        self.write("WRN", text);
    }

    /// Logs what somebody should look into.
    pub fn error(&self, text: &str) {
        self.write("ERR", text);
    }

    /// Logs why the server ends.
    pub fn fatal(&self, text: &str) {
        self.write("FTL", text);
    }

    /// Turns lines about connections on or off.
    pub fn set_debug(&self, on: bool) {
        self.debug.store(on, Ordering::Relaxed);
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
        output.append(&self.line(level, text));
        match self.set_aside(&mut output) {
            Ok(None) => (),
            Ok(Some(path)) => {
                let text = format!("Rotated log, backup saved as \"{}\"", path.display());
                output.append(&self.line("INF", &text));
            }
            Err(error) => {
                let text = format!("Unable to rotate the log: {error}");
                output.append(&self.line("ERR", &text));
            }
        }
    }

    /// Renames a file that is too long and begins a new one.
    fn set_aside(&self, output: &mut Output) -> io::Result<Option<PathBuf>> {
        let (LogTarget::File(path), Output::File { len, .. }) =
            (&self.options.target, &mut *output)
        else {
            return Ok(None);
        };
        if self.options.size_limit == 0 || *len <= self.options.size_limit {
            return Ok(None);
        }
        // If it can't be moved, the next attempt is due after as much again.
        *len = 0;
        let backup = backup_name(path);
        std::fs::rename(path, &backup)?;
        *output = Output::open(&self.options.target)?;
        Ok(Some(backup))
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

/// Where a log file goes: its name and the time.
fn backup_name(path: &Path) -> PathBuf {
    let now = Zoned::new(Timestamp::now(), TimeZone::system());
    let mut name = path.as_os_str().to_owned();
    name.push(now.strftime(".%Y.%m.%d.%H.%M.%S.%9f").to_string());
    PathBuf::from(name)
}
