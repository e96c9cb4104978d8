//! The server under test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tradewind_bus::{Bus, Config, Mode};
use tradewind_server::{Options, Server};

/// How long a server may take to start.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A server under test; gone when dropped.
pub(crate) struct Broker {
    way: Way,
    /// Of the store.
    dir: TempDir,
}

enum Way {
    Embedded { server: Option<Server>, port: u16 },
    Process { child: Child, port: u16 },
    Cluster { urls: Vec<String>, account: usize },
}

/// Accounts of the cluster that tests have taken.
static ACCOUNTS: AtomicUsize = AtomicUsize::new(0);

impl Broker {
    /// One with JetStream and an empty store.
    pub(crate) async fn start() -> Broker {
        let dir = tempfile::tempdir().unwrap();
        let way = match std::env::var("TRADEWIND_BUS_SUITE").as_deref() {
            Ok("cluster") => {
                let urls = std::env::var("TRADEWIND_BUS_CLUSTER").expect("the cluster's URLs");
                let account = ACCOUNTS.fetch_add(1, Ordering::SeqCst);
                Way::Cluster { urls: urls.split(',').map(str::to_owned).collect(), account }
            }
            Ok("process") => {
                let (child, port) = spawn(dir.path(), 0);
                Way::Process { child, port }
            }
            Ok("embedded") | Err(_) => {
                let server = embedded(dir.path(), 0).await;
                let port = server.client_address().port();
                Way::Embedded { server: Some(server), port }
            }
            Ok(other) => panic!("TRADEWIND_BUS_SUITE={other}: embedded, process or cluster"),
        };
        Broker { way, dir }
    }

    /// A configuration that leads here: JetStream, quick to reconnect.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config { mode: Some(Mode::JetStream), ..Config::new(self.urls()) };
        if let Way::Cluster { account, .. } = &self.way {
            config.auth.username = Some(format!("user{account}"));
            config.auth.password = Some("secret".into());
            config.stream.replicas = Some(3);
        }
        config.connection.backoff.base = Duration::from_millis(20);
        config.connection.backoff.max = Duration::from_millis(200);
        config
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        match &self.way {
            Way::Embedded { port, .. } | Way::Process { port, .. } => {
                vec![format!("nats://127.0.0.1:{port}")]
            }
            Way::Cluster { urls, .. } => urls.clone(),
        }
    }

    /// A bus on it.
    pub(crate) async fn bus(&self) -> Bus {
        self.bus_with(|_| ()).await
    }

    pub(crate) async fn bus_with(&self, change: impl FnOnce(&mut Config)) -> Bus {
        let mut config = self.config();
        change(&mut config);
        if config.mode == Some(Mode::Core) {
            // Copies are of streams.
            config.stream.replicas = None;
        }
        Bus::connect(config).await.expect("a bus connects")
    }

    /// Copies of a stream here.
    pub(crate) fn replicas(&self) -> usize {
        if self.is_cluster() { 3 } else { 1 }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.way, Way::Cluster { .. })
    }

    /// Whether it has what only later servers of ours have: batches, lifetimes.
    pub(crate) fn is_theirs(&self) -> bool {
        self.is_cluster()
    }

    /// Waits until what is listened to on one node is known to the others: Core messages that come
    /// earlier are for nobody.
    pub(crate) async fn spread_interest(&self) {
        if self.is_cluster() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Stops it; what was acknowledged stays on the disk. Not on the cluster: others use it.
    pub(crate) async fn stop(&mut self) {
        match &mut self.way {
            Way::Embedded { server, .. } => server.take().expect("it runs").shutdown().await,
            Way::Process { child, .. } => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            Way::Cluster { .. } => panic!("a shared cluster is not stopped"),
        }
    }

    /// Starts it again on the same port.
    pub(crate) async fn start_again(&mut self) {
        let dir = self.dir.path();
        match &mut self.way {
            Way::Embedded { server, port } => *server = Some(embedded(dir, *port).await),
            Way::Process { child, port } => *child = spawn(dir, *port).0,
            Way::Cluster { .. } => panic!("a shared cluster is not restarted"),
        }
    }

    /// Forgets all that it stored. Call it while it is stopped.
    pub(crate) fn wipe(&mut self) {
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Way::Process { child, .. } = &mut self.way {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Without its token, so that it can come back on the same port for the same bus.
async fn embedded(dir: &Path, port: u16) -> Server {
    let mut options = Options::embedded(dir.join("store"));
    options.auth = Options::default().auth;
    options.port = port;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match Server::start(options.clone()).await {
            Ok(server) => return server,
            Err(error) if deadline < Instant::now() => panic!("no server: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn spawn(dir: &Path, port: u16) -> (Child, u16) {
    let ports = dir.join("ports");
    let _ = std::fs::remove_dir_all(&ports);
    std::fs::create_dir_all(&ports).unwrap();
    let asked = if port == 0 { "-1".to_owned() } else { port.to_string() };
    let child = Command::new(binary())
        .args(["serve", "-a", "127.0.0.1", "-p", &asked, "-js", "-sd"])
        .arg(dir.join("store"))
        .arg("--ports_file_dir")
        .arg(&ports)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let child = child.expect("the tradewind binary is there");
    let deadline = Instant::now() + START_LIMIT;
    let mut port = None;
    while port.is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        port = port_of(&ports);
    }
    (child, port.expect("the server starts"))
}

fn port_of(dir: &Path) -> Option<u16> {
    let path = std::fs::read_dir(dir)
        .ok()?
        .flatten()
        .find(|it| it.path().extension().is_some_and(|it| it == "ports"))?;
    let text = std::fs::read_to_string(path.path()).ok()?;
    let ports: serde_json::Value = serde_json::from_str(&text).ok()?;
    let url = ports["nats"][0].as_str()?;
    let address: SocketAddr = url.strip_prefix("nats://")?.parse().ok()?;
    std::net::TcpStream::connect(address).ok()?;
    Some(address.port())
}

/// The `tradewind` binary: named, or built beside this test.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TRADEWIND_BINARY") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).expect("target/debug/deps/it-…").join("tradewind")
}
