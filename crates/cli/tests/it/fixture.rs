use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// The command line under test.
pub(crate) const TRADEWIND: &str = env!("CARGO_BIN_EXE_tradewind");

/// A server with JetStream on a port of its own; it ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) directory: TempDir,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::start_with(&[])
    }

    pub(crate) fn start_with(flags: &[&str]) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let suite_server = std::env::var_os("TRADEWIND_SUITE_SERVER");
        let mut command =
            Command::new(suite_server.as_deref().unwrap_or_else(|| TRADEWIND.as_ref()));
        if suite_server.is_none() {
            command.arg("serve");
        }
        command.args(["-a", "127.0.0.1", "-p", "-1", "-js", "-sd"]);
        command.arg(directory.path().join("store")).args(flags);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let url = listening_url(&mut child);
        Server { child, url, directory }
    }

    /// A command for this server.
    pub(crate) fn run(&self, line: &str) -> Run {
        self.run_with(line, b"")
    }

    /// A command for this server that reads `input`.
    pub(crate) fn run_with(&self, line: &str, input: &[u8]) -> Run {
        run_in(self.directory.path(), &self.url, line, input)
    }

    /// The output of a command that succeeds.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> String {
        self.run(line).ok()
    }

    /// A command that goes on while the test does something else.
    pub(crate) fn background(&self, line: &str) -> Background {
        let mut child = command(self.directory.path(), &self.url, line)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        // Said when it is ready.
        assert!(stderr.read_line(&mut first).unwrap() != 0, "{line} ended");
        Background { child, _stderr: stderr, first }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command in the background, which has said its first line on stderr.
pub(crate) struct Background {
    child: Child,
    // Kept open, so that what is said later is no broken pipe.
    _stderr: BufReader<std::process::ChildStderr>,
    pub(crate) first: String,
}

impl Background {
    /// What it wrote to stdout, once it ended by itself.
    pub(crate) fn output(self) -> String {
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Reads the log until the server is ready; goes on reading, so that the server can go on writing.
fn listening_url(child: &mut Child) -> String {
    const LISTENING: &str = "Listening for client connections on ";
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    let mut url = None;
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() != 0, "the server ended:\n{text}");
        if let Some((_, address)) = line.split_once(LISTENING) {
            url = Some(format!("nats://{}", address.trim()));
        }
        if line.contains("Server is ready") {
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            return url.unwrap();
        }
        text.push_str(&line);
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        String::from_utf8(self.stdout).unwrap()
    }

    /// The error of a command that fails with `code`.
    #[track_caller]
    pub(crate) fn error(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self.stderr
    }
}

/// Runs `line` in `directory` against the server at `url`.
pub(crate) fn run_in(directory: &Path, url: &str, line: &str, input: &[u8]) -> Run {
    let mut child = command(directory, url, line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without reading all of it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    Run { code: status.code(), stdout, stderr: String::from_utf8(stderr).unwrap() }
}

/// The words of `line`, separated by blanks; an underscore pair `__` stands for a blank in a word.
fn command(directory: &Path, url: &str, line: &str) -> Command {
    let mut command = Command::new(TRADEWIND);
    command.current_dir(directory).env_clear().env("NATS_URL", url).env("TZ", "UTC");
    command.args(line.split(' ').map(|word| word.replace("__", " "))).stdin(Stdio::null());
    command
}

/// A port that nobody listens on.
pub(crate) fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("nats://{}", listener.local_addr().unwrap())
}

/// Text with `<time>` for every date, time and duration, so that it can be compared.
pub(crate) fn steady(text: &str) -> String {
    text.split_inclusive(char::is_whitespace).map(steady_word).collect()
}

fn steady_word(word: &str) -> String {
    let bare = word.trim_end();
    let inner = bare.trim_start_matches('[').trim_end_matches(']');
    let digits = inner.chars().filter(char::is_ascii_digit).count();
    let is_date = digits == 8 && inner.matches('-').count() == 2;
    let is_time = digits == 6 && inner.matches(':').count() == 2;
    let is_duration = 2 <= digits && inner.contains('.') && inner.ends_with('s');
    if is_date || is_time || is_duration { word.replace(inner, "<time>") } else { word.to_owned() }
}
