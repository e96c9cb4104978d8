//! The files a running server leaves for others: its process id and its ports.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::Serialize;
use tradewind_server::{Server, system_words};

use super::resolve::Resolved;

/// Where they are.
#[derive(Debug)]
pub(super) struct Files {
    pid: Option<PathBuf>,
    ports: Option<PathBuf>,
}

/// The content of the ports file; what there is no listener for is absent.
#[derive(Debug, Serialize)]
struct Ports {
    nats: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monitoring: Option<Vec<String>>,
}

impl Files {
    /// `program` is part of the name of the ports file.
    pub(super) fn new(resolved: &Resolved, program: &str) -> Files {
        let name = format!("{program}_{}.ports", std::process::id());
        Files {
            pid: resolved.pid_file.clone(),
            ports: resolved.ports_file_dir.as_ref().map(|dir| dir.join(name)),
        }
    }

    /// Writes the process id: digits and nothing else.
    ///
    /// # Errors
    ///
    /// The line to log before giving up.
    pub(super) fn write_pid(&self) -> Result<(), String> {
        let Some(path) = &self.pid else { return Ok(()) };
        let write = || -> io::Result<()> {
            let mut options = fs::OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
            file.write_all(std::process::id().to_string().as_bytes())
        };
        write().map_err(|error| {
            format!("Could not write pidfile: open {}: {}", path.display(), system_words(&error))
        })
    }

    /// Writes the ports. The file is complete when it appears.
    ///
    /// # Errors
    ///
    /// The line to log; the server goes on without the file.
    pub(super) fn write_ports(&self, server: &Server) -> Result<(), String> {
        let Some(path) = &self.ports else { return Ok(()) };
        let ports = Ports {
            nats: urls("nats", server.client_address()),
            monitoring: server.monitoring_address().map(|address| urls("http", address)),
        };
        let half = path.with_extension("ports.tmp");
        let write = || -> io::Result<()> {
            fs::write(&half, serde_json::to_vec(&ports)?)?;
            fs::rename(&half, path)
        };
        write().map_err(|error| {
            // What is left of it, if anything.
            let _ = fs::remove_file(&half);
            let (path, words) = (path.display(), system_words(&error));
            format!("Error writing ports file ({path}): open {path}: {words}")
        })
    }

    /// Takes the ports file away after a clean stop; the pid file stays, as nats-server's does.
    pub(super) fn remove_ports(&self) {
        if let Some(path) = &self.ports {
            // Somebody else may have removed it.
            let _ = fs::remove_file(path);
        }
    }
}

/// One URL, or for a listener on all interfaces one for each address.
fn urls(scheme: &str, address: SocketAddr) -> Vec<String> {
    let hosts = if address.ip().is_unspecified() { own_addresses() } else { vec![address.ip()] };
    let port = address.port();
    hosts.into_iter().map(|ip| format!("{scheme}://{}", SocketAddr::new(ip, port))).collect()
}

/// The addresses of all interfaces.
fn own_addresses() -> Vec<IpAddr> {
    let v4 = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let mut found: Vec<IpAddr> = local_v4(&v4).into_iter().map(IpAddr::V4).collect();
    found.extend(v6.lines().filter_map(parse_v6).map(IpAddr::V6));
    if found.is_empty() {
        // Not Linux: the loopback, and where a packet to the outside would come from.
        found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
        found.extend(outward().ok());
    }
    found
}

/// The table of routes names an address on one line and says on the next what it is.
fn local_v4(table: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in table.lines() {
        if let Some(address) = line.trim().strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.contains("/32 host LOCAL") {
            found.extend(last.filter(|address| !found.contains(address)));
        }
    }
    found
}

/// 32 hexadecimal digits at the start of the line.
fn parse_v6(line: &str) -> Option<Ipv6Addr> {
    let digits = line.split_whitespace().next()?;
    u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from_bits)
}

/// Connecting a UDP socket sends nothing.
fn outward() -> io::Result<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_host_are_found_in_the_kernel_s_tables() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     \
                     |-- 10.1.2.3\n        /32 host LOCAL\n     |-- 10.1.2.255\n        \
                     /32 link BROADCAST\nLocal:\n     |-- 10.1.2.3\n        /32 host LOCAL\n     \
                     |-- 127.0.0.1\n        /32 host LOCAL\n";
        assert_eq!(local_v4(table), [Ipv4Addr::new(10, 1, 2, 3), Ipv4Addr::LOCALHOST]);
        let line = "00000000000000000000000000000001 01 80 10 80       lo";
        assert_eq!(parse_v6(line), Some(Ipv6Addr::LOCALHOST));
    }

    #[test]
    fn a_listener_on_one_address_has_one_url() {
        assert_eq!(urls("nats", "[::1]:4222".parse().unwrap()), ["nats://[::1]:4222"]);
        assert!(urls("nats", "0.0.0.0:1".parse().unwrap()).contains(&"nats://127.0.0.1:1".into()));
    }
}
