//! A server process under test.

use std::fs::{self, File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectOptions};
use serde_json::Value;
use tempfile::TempDir;

/// How long a server may take to start or to stop.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running server with its own store; killed and removed on drop.
pub(crate) struct Server {
    child: Child,
    dir: TempDir,
    nats: SocketAddr,
    monitoring: Option<SocketAddr>,
    jetstream: bool,
}

impl Server {
    /// Starts a server with JetStream and no config file.
    pub(crate) fn start() -> Server {
        Server::launch(None, true)
    }

    /// Starts a server with JetStream and the config file `text`.
    pub(crate) fn with_config(text: &str) -> Server {
        Server::launch(Some(text), true)
    }

    /// Starts a server with JetStream and the config file `text`, after the shell's `commands`:
    /// limits set there hold for the server.
    pub(crate) fn after(commands: &str, text: &str) -> Server {
        Server::launch_after(commands, Some(text), true)
    }

    /// Starts a server without JetStream.
    pub(crate) fn core_only() -> Server {
        Server::launch(None, false)
    }

    /// Whether the program under test is nats-server itself.
    pub(crate) fn is_reference() -> bool {
        let (program, _) = program();
        let program = fs::canonicalize(&program).unwrap_or(program);
        program.file_name().is_some_and(|name| name == "nats-server")
    }

    /// Where clients connect.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.nats
    }

    /// Where the monitoring port is, when the config asks for one.
    pub(crate) fn monitoring(&self) -> SocketAddr {
        self.monitoring.expect("the server has a monitoring port")
    }

    /// The URL for clients.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.nats)
    }

    /// The directory given with `-sd`.
    pub(crate) fn store_dir(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// A client that reconnects quickly.
    pub(crate) async fn client(&self) -> Client {
        self.client_with(ConnectOptions::new()).await
    }

    /// A client with these options, which reconnects quickly.
    pub(crate) async fn client_with(&self, options: ConnectOptions) -> Client {
        let connected =
            options.reconnect_delay_callback(|_| Duration::from_millis(20)).connect(self.url());
        connected.await.expect("a client connects")
    }

    /// The JetStream context of a new client.
    pub(crate) async fn jetstream(&self) -> Context {
        jetstream::new(self.client().await)
    }

    /// Ends the process as a power cut of the process would: no handler runs.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().expect("the server is killed");
        self.child.wait().expect("the server is reaped");
    }

    /// Asks the process to stop and waits; it must end by itself, with code 0.
    pub(crate) fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("TERM is sent");
        let status = self.wait_exit();
        assert!(status.success(), "a clean stop ends with code 0, not {status}");
    }

    /// Starts again after [`Server::kill9`] or [`Server::stop`]: same store, same port.
    pub(crate) fn restart(&mut self) {
        let port = i32::from(self.nats.port());
        self.child = spawn("", self.dir.path(), port, self.jetstream);
        self.await_ports();
    }

    /// [`Server::kill9`], then [`Server::restart`].
    pub(crate) fn crash(&mut self) {
        self.kill9();
        self.restart();
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("server.log")).expect("the log is read")
    }

    fn launch(config: Option<&str>, jetstream: bool) -> Server {
        Server::launch_after("", config, jetstream)
    }

    fn launch_after(commands: &str, config: Option<&str>, jetstream: bool) -> Server {
        let dir = tempfile::tempdir().expect("a temporary directory");
        if let Some(text) = config {
            fs::write(dir.path().join("server.conf"), text).expect("the config file is written");
        }
        let child = spawn(commands, dir.path(), -1, jetstream);
        let nats = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Server { child, dir, nats, monitoring: None, jetstream };
        server.await_ports();
        server
    }

    /// Waits for the ports file of this process.
    fn await_ports(&mut self) {
        let deadline = Instant::now() + START_LIMIT;
        let ending = format!("_{}.ports", self.child.id());
        loop {
            if let Some(ports) = read_ports(self.dir.path(), &ending) {
                self.nats = first_addr(&ports, "nats").expect("a client port");
                self.monitoring = first_addr(&ports, "monitoring");
                return;
            }
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                panic!("the server ended at its start: {status}");
            }
            assert!(Instant::now() < deadline, "no ports file after {START_LIMIT:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn wait_exit(&mut self) -> std::process::ExitStatus {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server did not stop in {START_LIMIT:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either call fails only when the process has ended already, which is what we want.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = fs::read(self.dir.path().join("server.log")).unwrap_or_default();
            eprintln!("--- server log ---\n{}--- end ---", String::from_utf8_lossy(&log));
        }
    }
}

/// The program to start and the arguments that come first.
pub(crate) fn program() -> (PathBuf, Vec<&'static str>) {
    if let Some(path) = std::env::var_os("TRADEWIND_SUITE_SERVER") {
        return (PathBuf::from(path), Vec::new());
    }
    // This test is target/<profile>/deps/it-<hash>; the binary is target/<profile>/tradewind.
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent).expect("a target directory");
    let binary = profile.join("tradewind");
    assert!(
        binary.exists(),
        "{} is missing: `cargo build` makes it, or name a server in TRADEWIND_SUITE_SERVER",
        binary.display()
    );
    (binary, vec!["serve"])
}

/// How a program ended that was not meant to serve.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the server with `args` where it has to end by itself.
pub(crate) fn run(args: &[&str]) -> End {
    let (program, first) = program();
    let mut command = Command::new(program);
    command.args(first).args(args).stdin(Stdio::null());
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let deadline = Instant::now() + START_LIMIT;
    while child.try_wait().expect("the child can be asked").is_none() {
        if Instant::now() > deadline {
            drop(child.kill());
            panic!("{args:?} did not end by itself");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().expect("the output is read");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    End { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn spawn(commands: &str, dir: &Path, port: i32, jetstream: bool) -> Child {
    let (program, first) = program();
    let mut command = if commands.is_empty() {
        Command::new(program)
    } else {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{commands}; exec \"$0\" \"$@\"")).arg(program);
        shell
    };
    command.args(first).args(["-a", "127.0.0.1", "-p", &port.to_string()]);
    command.arg("--ports_file_dir").arg(dir);
    if jetstream {
        command.arg("-js").arg("-sd").arg(dir.join("store"));
    }
    let config = dir.join("server.conf");
    if config.exists() {
        command.arg("-c").arg(config);
    }
    let log = log_file(dir);
    let log_too = log.try_clone().expect("the log handle is cloned");
    command.stdin(Stdio::null()).stdout(log_too).stderr(log);
    command.spawn().expect("the server starts")
}

fn log_file(dir: &Path) -> File {
    let path = dir.join("server.log");
    OpenOptions::new().create(true).append(true).open(path).expect("the log opens")
}

fn read_ports(dir: &Path, ending: &str) -> Option<Value> {
    let entries = fs::read_dir(dir).expect("the directory is read");
    let found = entries
        .filter_map(Result::ok)
        .find(|entry| entry.file_name().to_str().is_some_and(|name| name.ends_with(ending)))?;
    serde_json::from_slice(&fs::read(found.path()).ok()?).ok()
}

fn first_addr(ports: &Value, listener: &str) -> Option<SocketAddr> {
    let url = ports.get(listener)?.get(0)?.as_str()?;
    let (_, host) = url.split_once("://")?;
    host.parse().ok()
}
