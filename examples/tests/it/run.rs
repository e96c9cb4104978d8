//! Running an example, and reading what it prints.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long an example may take.
const LIMIT: Duration = Duration::from_secs(90);

/// An example that is to be run. It keeps temporary files in a directory of its own.
pub(crate) struct Example {
    command: Command,
    temp_dir: tempfile::TempDir,
}

/// An example that runs; killed when it takes too long.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    temp_dir: tempfile::TempDir,
    /// Dropped, it ends the watch over the time.
    _ended: mpsc::Sender<()>,
}

/// What an example printed, what of it was not read before; and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) lines: Vec<String>,
    pub(crate) errors: String,
    pub(crate) code: Option<i32>,
}

impl Example {
    pub(crate) fn new(name: &str) -> Example {
        let temp_dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(program(name));
        for name in ["NATS_SERVER_URL", "NATS_USERNAME", "NATS_PASSWORD", "TRADEWIND_EXAMPLE_DIR"] {
            command.env_remove(name);
        }
        command.env("TMPDIR", temp_dir.path()).env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Example { command, temp_dir }
    }

    /// On servers that are there.
    pub(crate) fn on(self, urls: &str) -> Example {
        self.with("NATS_SERVER_URL", urls)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Example {
        self.command.env(name, value);
        self
    }

    /// Keeps what its server stores below `dir`.
    pub(crate) fn keeping(mut self, dir: &Path) -> Example {
        self.command.env("TRADEWIND_EXAMPLE_DIR", dir);
        self
    }

    /// Runs in `dir`.
    pub(crate) fn within(mut self, dir: &Path) -> Example {
        self.command.current_dir(dir);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the example starts");
        let lines = BufReader::new(child.stdout.take().unwrap());
        let (ended, watched) = mpsc::channel::<()>();
        let pid = Pid::from_child(&child);
        std::thread::spawn(move || {
            if watched.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Running { child, lines, temp_dir: self.temp_dir, _ended: ended }
    }

    /// Runs it to its end, which is a good one, and leaves nothing behind.
    #[track_caller]
    pub(crate) fn run(self) -> Ended {
        let running = self.start();
        let temp_dir = running.temp_dir.path().to_owned();
        let (ended, left) = running.end_and(|| std::fs::read_dir(temp_dir).unwrap().count());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(left, 0, "files are left behind");
        ended
    }
}

impl Running {
    #[track_caller]
    pub(crate) fn read_lines(&mut self, n: usize) -> Vec<String> {
        (0..n)
            .map(|_| {
                let mut line = String::new();
                self.lines.read_line(&mut line).unwrap();
                line.strip_suffix('\n').expect("one more line").to_owned()
            })
            .collect()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        std::thread::sleep(Duration::from_millis(300));
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn end(self) -> Ended {
        self.end_and(|| ()).0
    }

    /// Waits for its end, and calls `then` before its directory goes.
    fn end_and<T>(mut self, then: impl FnOnce() -> T) -> (Ended, T) {
        let lines = self.lines.lines().map(|line| line.expect("UTF-8")).collect();
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let code = self.child.wait().unwrap().code();
        (Ended { lines, errors, code }, then())
    }
}

/// The lines of a text that is written with eight blanks before each.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines().skip(1).map(|line| line.strip_prefix("        ").unwrap().to_owned()).collect()
}

/// Cargo builds examples beside the tests' directory.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).expect("target/debug/deps/it-…");
    let program = profile.join("examples").join(name);
    assert!(
        program.is_file(),
        "no {}: cargo build -p tradewind-examples --examples",
        program.display()
    );
    program
}
