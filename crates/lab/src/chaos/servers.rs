//! What is killed: one server of ours, or a cluster of three nats-servers.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::proxy::Proxy;
use crate::peer::{Peer, Side, free_port};

/// Servers behind proxies.
#[derive(Debug)]
pub(crate) struct Servers {
    peer: Peer,
    pub(crate) nodes: Vec<Node>,
    dir: TempDir,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) proxy: Proxy,
    route: u16,
    child: Option<Child>,
}

impl Servers {
    pub(crate) async fn start(peer: &Peer) -> Result<Servers> {
        let n_nodes = if peer.side == Side::Ours { 1 } else { 3 };
        let mut nodes = Vec::new();
        for number in 0..n_nodes {
            let (port, route) = (free_port()?, free_port()?);
            let proxy = Proxy::start(port).await?;
            nodes.push(Node { name: format!("n{number}"), port, proxy, route, child: None });
        }
        let mut servers = Servers { peer: peer.clone(), nodes, dir: tempfile::tempdir()? };
        for number in 0..n_nodes {
            servers.launch(number)?;
        }
        Ok(servers)
    }

    pub(crate) fn replicas(&self) -> usize {
        self.nodes.len()
    }

    /// Where the bus goes: through the proxies.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|it| format!("nats://127.0.0.1:{}", it.proxy.port)).collect()
    }

    /// Where the probe goes: straight.
    pub(crate) fn direct_urls(&self) -> Vec<String> {
        self.nodes.iter().map(|it| format!("nats://127.0.0.1:{}", it.port)).collect()
    }

    /// Starts a node, on the store it had.
    pub(crate) fn launch(&mut self, number: usize) -> Result<()> {
        let node = &self.nodes[number];
        let (store, log) = (self.dir.path().join(&node.name), self.dir.path().join("log"));
        let mut command = Command::new(&self.peer.binary);
        match self.peer.side {
            Side::Ours => {
                command.args([
                    "serve",
                    "-a",
                    "127.0.0.1",
                    "-p",
                    &node.port.to_string(),
                    "-js",
                    "-sd",
                ]);
                command.arg(&store);
            }
            Side::Theirs => {
                let config = self.dir.path().join(format!("{}.conf", node.name));
                std::fs::write(&config, self.config(node, &store))?;
                command.arg("-c").arg(config);
            }
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let child = command.stdout(Stdio::null()).stderr(log).spawn();
        let child = child.with_context(|| format!("starting {}", self.peer.binary.display()))?;
        self.nodes[number].child = Some(child);
        Ok(())
    }

    fn config(&self, node: &Node, store: &Path) -> String {
        let routes: Vec<String> =
            self.nodes.iter().map(|it| format!("nats://127.0.0.1:{}", it.route)).collect();
        // Clients are told of the proxies, not of the ports behind them.
        format!(
            "server_name: {}\nlisten: \"127.0.0.1:{}\"\nclient_advertise: \"127.0.0.1:{}\"\n\
             jetstream {{ store_dir: \"{}\" }}\n\
             cluster {{ name: chaos, listen: \"127.0.0.1:{}\", routes: [{}] }}\n",
            node.name,
            node.port,
            node.proxy.port,
            store.display(),
            node.route,
            routes.join(", "),
        )
    }

    /// Ends a node as kill -9 does.
    pub(crate) fn kill(&mut self, number: usize) -> Result<()> {
        if let Some(mut child) = self.nodes[number].child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// A stream answers: all are up and agree.
    pub(crate) async fn wait_until_ready(&self) -> Result<async_nats::Client> {
        const LIMIT: Duration = Duration::from_mins(1);
        let ready = async {
            loop {
                if let Ok(client) = async_nats::connect(&self.direct_urls()[..]).await
                    && async_nats::jetstream::new(client.clone()).query_account().await.is_ok()
                {
                    return client;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(LIMIT, ready).await.context("the servers do not get ready")
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for number in 0..self.nodes.len() {
            let _ = self.kill(number);
        }
    }
}
