//! Servers under test as child processes: ours and nats-server, started the same way.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::conn::Conn;
use crate::proc::{self, Usage};
use crate::rng::Rng;

/// How long a server may take until its first INFO line, recovery included.
const START_PATIENCE: Duration = Duration::from_mins(2);
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Which of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Side {
    /// Tradewind.
    Ours,
    /// nats-server.
    Theirs,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Side::Ours => "ours",
            Side::Theirs => "theirs",
        }
    }
}

/// A program that can be started as a server.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) side: Side,
    pub(crate) binary: PathBuf,
}

/// How to start it; the defaults are core NATS on a free port.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) jetstream: bool,
    /// A store that outlives the process; without one it is removed with the server.
    pub(crate) store: Option<PathBuf>,
    pub(crate) port: Option<u16>,
    /// JetStream syncs before each answer: a config file for nats-server, nothing for ours.
    pub(crate) sync_always: bool,
    /// A port for `/healthz` and the like.
    pub(crate) monitor: Option<u16>,
    /// JetStream's limit in bytes, where the usual share of the disk is not wanted.
    pub(crate) max_store: Option<u64>,
    /// How long it may take to start, if not the usual time.
    pub(crate) patience: Option<Duration>,
    /// A program and its flags in front of the server's, such as `strace -D`; it must keep the pid.
    pub(crate) wrapper: Vec<OsString>,
}

/// A running server; killed, and its files removed, on drop.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    /// From `exec` to the first accepted connection.
    pub(crate) started_in: Duration,
    home: TempDir,
}

/// How a start went.
#[derive(Debug)]
pub(crate) enum Launch {
    /// It takes connections.
    Up(Server),
    /// It ended before; these were its last words.
    Ended { status: ExitStatus, said: String },
}

impl Peer {
    /// Ours: `path`, or the release binary beside this one or in the workspace.
    pub(crate) fn ours(path: Option<&Path>) -> Result<Peer> {
        let found = match path {
            Some(path) => Some(path.to_path_buf()),
            None => our_candidates().into_iter().find(|candidate| candidate.is_file()),
        };
        let binary = found.context(
            "no tradewind binary: build it with `cargo build --release` or name one with --ours",
        )?;
        ensure!(binary.is_file(), "{} is not a file", binary.display());
        Ok(Peer { side: Side::Ours, binary: behind_launcher(&binary)? })
    }

    /// nats-server: `path`, or the one on PATH; `None` if there is none.
    pub(crate) fn theirs(path: Option<&Path>) -> Result<Option<Peer>> {
        let binary = match path {
            Some(path) => {
                ensure!(path.is_file(), "{} is not a file", path.display());
                path.to_path_buf()
            }
            None => match on_path("nats-server") {
                Some(path) => path,
                None => return Ok(None),
            },
        };
        Ok(Some(Peer { side: Side::Theirs, binary: behind_launcher(&binary)? }))
    }

    /// Starts the program and waits until it takes connections.
    pub(crate) fn start(&self, setup: &Setup) -> Result<Server> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.launch(setup)? {
                Launch::Up(server) => return Ok(server),
                Launch::Ended { said, .. }
                    if setup.port.is_none()
                        && said.contains("address already in use")
                        && attempts < 5 => {}
                Launch::Ended { said, status } => {
                    let name = self.binary.display();
                    bail!("{name} did not start ({status}); it said:\n{said}");
                }
            }
        }
    }

    /// Starts the program once, and waits until it takes connections or ends.
    ///
    /// # Errors
    ///
    /// It can't be run, or does neither in time.
    pub(crate) fn launch(&self, setup: &Setup) -> Result<Launch> {
        let home = tempfile::Builder::new().prefix("lab-").tempdir()?;
        let port = match setup.port {
            Some(port) => port,
            None => free_port()?,
        };
        let began = Instant::now();
        let child = self.spawn(setup, port, home.path())?;
        let mut server = Server { child, port, started_in: Duration::ZERO, home };
        match server.wait_ready(began, setup.patience.unwrap_or(START_PATIENCE)) {
            Ok(None) => Ok(Launch::Up(server)),
            Ok(Some(status)) => Ok(Launch::Ended { status, said: server.log_tail() }),
            Err(error) => Err(error.context(format!("it said:\n{}", server.log_tail()))),
        }
    }

    fn spawn(&self, setup: &Setup, port: u16, home: &Path) -> Result<Child> {
        let mut words: Vec<OsString> = setup.wrapper.clone();
        words.push(self.binary.clone().into());
        if self.has_subcommands() {
            words.push("serve".into());
        }
        words.extend(["-a", "127.0.0.1", "-p"].map(OsString::from));
        words.push(port.to_string().into());
        if let Some(monitor) = setup.monitor {
            words.extend(["-m".into(), monitor.to_string().into()]);
        }
        if setup.jetstream {
            let store = setup.store.clone().unwrap_or_else(|| home.join("store"));
            let sync = setup.sync_always && !self.has_subcommands();
            if sync || setup.max_store.is_some() {
                let config = home.join("server.conf");
                let mut text = format!("jetstream {{\n store_dir: \"{}\"\n", store.display());
                if sync {
                    text.push_str(" sync_interval: always\n");
                }
                if let Some(bytes) = setup.max_store {
                    text.extend([" max_file_store: ", &bytes.to_string(), "\n"]);
                }
                text.push_str("}\n");
                fs::write(&config, text)?;
                words.extend(["-c".into(), config.into()]);
            } else {
                words.extend(["-js".into(), "-sd".into(), store.into()]);
            }
        }
        let log = File::create(home.join("server.log"))?;
        let (program, arguments) = words.split_first().context("no program")?;
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))
    }

    /// Whether this is the multi-call binary; under nats-server's name there are only flags.
    fn has_subcommands(&self) -> bool {
        self.binary.file_name().is_none_or(|name| name != "nats-server")
    }
}

impl Server {
    pub(crate) fn connect(&self) -> Result<Conn> {
        Conn::open(self.port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time and resident memory so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        proc::usage(self.pid())
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.context("a process without id")?, signal)?;
        Ok(())
    }

    /// SIGSTOP, and waits until no thread of it runs any more: a call it is in is finished first.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let deadline = Instant::now() + STOP_PATIENCE;
        while !proc::is_stopped(self.pid())? {
            ensure!(Instant::now() < deadline, "the server does not stop");
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Whether the process is gone.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Whether it ended by SIGKILL.
    pub(crate) fn was_killed(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some_and(was_killed))
    }

    /// SIGTERM, then SIGKILL if that is not heeded; false then.
    pub(crate) fn stop(&mut self) -> Result<bool> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                self.kill()?;
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(true)
    }

    /// The last lines the server wrote.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read(self.home.path().join("server.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// The end of the process if it came before the first INFO line.
    fn wait_ready(&mut self, began: Instant, patience: Duration) -> Result<Option<ExitStatus>> {
        while began.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if greets(self.port) {
                self.started_in = began.elapsed();
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!("no INFO line within {} s", patience.as_secs())
    }
}

/// Whether a process ended by SIGKILL.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::KILL.as_raw())
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a process that is already gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port below the range the system hands out to clients, so that a client
/// that retries while the server is down can neither take it nor meet itself.
pub(crate) fn free_port() -> Result<u16> {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let mut rng = Rng::new(u64::from(clock.subsec_nanos()), u64::from(std::process::id()));
    for _ in 0..200 {
        let port = u16::try_from(rng.between(15_000, 32_000))?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between 15000 and 32000")
}

fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    let mut start = [0; 4];
    // A server that accepts but does not speak is still starting.
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.read_exact(&mut start).is_ok()
        && &start == b"INFO"
}

fn our_candidates() -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("tradewind")));
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map(|dir| PathBuf::from(dir).join("release/tradewind"));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/tradewind");
    beside.into_iter().chain(target).chain([workspace]).collect()
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found: Vec<PathBuf> = std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .filter(|file| file.is_file())
        .collect();
    found.iter().find(|file| is_elf(file)).or_else(|| found.first()).cloned()
}

fn is_elf(file: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(file).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && &magic == b"\x7fELF"
}

/// The program a launcher script ends up running: a script in front of the
/// server would be measured with it at every start.
fn behind_launcher(binary: &Path) -> Result<PathBuf> {
    if is_elf(binary) {
        return Ok(binary.to_path_buf());
    }
    let peer = Peer { side: Side::Theirs, binary: binary.to_path_buf() };
    let server = peer.start(&Setup::default())?;
    match fs::read_link(format!("/proc/{}/exe", server.pid())) {
        Ok(real) if real.file_name() == binary.file_name() => Ok(real),
        Ok(_) => Ok(binary.to_path_buf()),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("{} ended", binary.display()),
        Err(error) => Err(error.into()),
    }
}
