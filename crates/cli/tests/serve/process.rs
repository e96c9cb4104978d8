//! A server process, and ways to talk to it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tradewind");

/// Runs `tradewind serve` to its end.
pub(crate) fn run<S: AsRef<OsStr>>(dir: &Path, args: &[S]) -> Output {
    Command::new(PROGRAM).arg("serve").args(args).current_dir(dir).output().unwrap()
}

/// Exit code, standard output and standard error of [`run`].
pub(crate) fn outcome<S: AsRef<OsStr>>(dir: &Path, args: &[S]) -> (Option<i32>, String, String) {
    let output = run(dir, args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Asks again and again until there is an answer.
pub(crate) fn poll<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A running server with a directory of its own, killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) dir: TempDir,
    ports: Value,
}

impl Server {
    /// Starts on free ports of the loopback, monitoring included, with `args` behind.
    pub(crate) fn start(args: &[&str]) -> Server {
        let dir = TempDir::new().unwrap();
        Server::start_in(dir, args)
    }

    pub(crate) fn with_config(config: &str, args: &[&str]) -> Server {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("c.conf"), config).unwrap();
        Server::start_in(dir, &[&["-c", "c.conf"], args].concat())
    }

    fn start_in(dir: TempDir, args: &[&str]) -> Server {
        let fixed = ["-a", "127.0.0.1", "-p", "-1", "-m", "-1", "-P", "pid", "-l", "log"];
        let child = Command::new(PROGRAM)
            .arg("serve")
            .args(fixed)
            .args(["--ports_file_dir", "."])
            .args(args)
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Server { child, dir, ports: Value::Null };
        let file = server.ports_file();
        let text = poll("the ports file", || {
            assert!(server.child.try_wait().unwrap().is_none(), "it ended: {}", server.log());
            fs::read_to_string(&file).ok()
        });
        server.ports = serde_json::from_str(&text).expect("complete when visible");
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn ports_file(&self) -> PathBuf {
        let name = Path::new(PROGRAM).file_name().unwrap().to_string_lossy();
        self.dir.path().join(format!("{name}_{}.ports", self.pid()))
    }

    pub(crate) fn ports(&self) -> &Value {
        &self.ports
    }

    /// The first address of a kind of listener.
    fn address(&self, kind: &str) -> String {
        let url = self.ports[kind][0].as_str().unwrap();
        url.split("//").nth(1).unwrap().to_owned()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address("nats").rsplit(':').next().unwrap().parse().unwrap()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Waits for a line in the log that contains `text`.
    pub(crate) fn logged(&self, text: &str) {
        poll(text, || self.log().contains(text).then_some(()));
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The exit code once it has ended.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let child = &mut self.child;
        poll("the end", || child.try_wait().unwrap()).code()
    }

    /// Connects and says who it is; `options` are fields of `CONNECT`.
    pub(crate) fn client(&self, options: &str) -> Client {
        let mut client = Client::connect(&self.address("nats"));
        client.line();
        client.say(&format!("CONNECT {{\"verbose\":false,{options}}}\r\nPING\r\n"));
        assert_eq!(client.line(), "PONG");
        client
    }

    /// Status, head and body of an answer.
    pub(crate) fn http(&self, method: &str, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address("monitoring")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("{method} {path} HTTP/1.0\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    /// The object at `path`.
    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.http("GET", path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that speaks the protocol by hand.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: &str) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next line; empty at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// All lines to the end of the connection, but pings.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let lines = std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty()));
        lines.filter(|line| line != "PING").collect()
    }

    /// A round trip, so that what was said before has been done.
    pub(crate) fn flush(&mut self) {
        self.say("PING\r\n");
        while self.line() != "PONG" {}
    }
}
