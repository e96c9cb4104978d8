//! Accepts connections.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::announce::system_words;
use crate::client;
use crate::shared::Shared;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Opens a listening socket. Port 0 takes any free port.
pub(crate) fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = (bare, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, "host has no address"))?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Accepts clients until the server stops.
pub(crate) async fn run(shared: Arc<Shared>, listener: TcpListener) {
    /// Errors that come again within this time belong to one episode, of which one line tells.
    const EPISODE: Duration = Duration::from_mins(1);
    let mut pause = Duration::ZERO;
    let mut last_error: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop_accepting.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Duration::ZERO;
                let _ = stream.set_nodelay(true);
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                shared.tasks.spawn(client::serve(Arc::clone(&shared), stream, peer));
            }
            Err(error) => {
                // Out of descriptors: those who are here go on, the others wait.
                pause = (pause * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
                if last_error.is_none_or(|last| EPISODE < last.elapsed()) {
                    shared.log.error(&format!(
                        "Error accepting a client: {}; those who are here go on",
                        system_words(&error)
                    ));
                }
                last_error = Some(Instant::now());
                tokio::select! {
                    () = tokio::time::sleep(pause) => (),
                    () = shared.stop_accepting.cancelled() => return,
                }
            }
        }
    }
}
