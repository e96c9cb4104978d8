//! A cluster of nats-servers for the bus' suite: three nodes, and an account for each test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::checkout::Checkout;

const NODES: usize = 3;
/// More than the suite has tests: each takes one.
const ACCOUNTS: usize = 250;
/// How long the nodes may take to find each other and a leader.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Running nodes; ended when dropped.
struct Cluster {
    nodes: Vec<Child>,
    ports: Vec<u16>,
    dir: tempfile::TempDir,
}

/// Runs `work` with the URLs of a cluster, joined by commas.
pub(crate) fn with_cluster<T>(
    checkout: &Checkout,
    work: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    let cluster = Cluster::start(checkout)?;
    let urls: Vec<String> =
        cluster.ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
    work(&urls.join(","))
}

impl Cluster {
    fn start(checkout: &Checkout) -> Result<Cluster> {
        let dir = tempfile::tempdir_in(&checkout.target)?;
        let (ports, routes) = (free_ports()?, free_ports()?);
        let mut cluster = Cluster { nodes: Vec::new(), ports, dir };
        for node in 0..NODES {
            let config = cluster.dir.path().join(format!("n{node}.conf"));
            std::fs::write(&config, cluster.config(node, &routes))?;
            let log = std::fs::File::create(cluster.dir.path().join(format!("n{node}.log")))?;
            let started = Command::new(checkout.venv_program("nats-server"))
                .arg("-c")
                .arg(&config)
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .context("nats-server, which `cargo xtask install` installs")?;
            cluster.nodes.push(started);
        }
        let deadline = Instant::now() + START_LIMIT;
        while !is_ready(cluster.ports[0]) {
            if deadline < Instant::now() {
                bail!("the cluster has no leader within {START_LIMIT:?}: {}", cluster.log());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(cluster)
    }

    fn config(&self, node: usize, routes: &[u16]) -> String {
        let accounts = (0..ACCOUNTS).map(|n| {
            format!(
                "  A{n} {{ jetstream: enabled, users: [{{user: user{n}, password: secret}}] }}\n"
            )
        });
        let urls: Vec<String> =
            routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        format!(
            "server_name: n{node}\nlisten: \"127.0.0.1:{}\"\n\
             jetstream {{ store_dir: \"{}\" }}\n\
             cluster {{ name: suite, listen: \"127.0.0.1:{}\", routes: [{}] }}\n\
             accounts {{\n  $SYS {{ users: [{{user: sys, password: sys}}] }}\n{}}}\n",
            self.ports[node],
            path(&self.dir.path().join(format!("n{node}"))),
            routes[node],
            urls.join(", "),
            accounts.collect::<String>(),
        )
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("n0.log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn free_ports() -> Result<Vec<u16>> {
    let listeners: Vec<TcpListener> =
        (0..NODES).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Whether JetStream answers, which it does when the cluster has a leader.
fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(
            b"CONNECT {\"user\":\"user0\",\"pass\":\"secret\",\"verbose\":false}\r\nSUB r 1\r\n\
              PUB $JS.API.STREAM.NAMES r 0\r\n\r\n",
        )?;
        let answer = BufReader::new(stream).lines().map_while(Result::ok);
        Ok(answer.take(4).any(|line| line.contains("\"total\":0")))
    };
    ask().unwrap_or(false)
}
