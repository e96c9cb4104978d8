use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpStream;
use tradewind_router::CloseReason;

use super::connection::Connection;
use super::{Client, writer};
use crate::clock;
use crate::shared::Shared;

/// Read buffers start and end with this many bytes.
const BUFFER_MIN: usize = 4 * 1024;
/// Largest read buffer that does not hold one larger message.
const BUFFER_MAX: usize = 256 * 1024;
/// A large buffer is let go after this much silence.
const QUIET: Duration = Duration::from_secs(5);
/// How long the last words of the client are read, so that it can read ours.
const LINGER: Duration = Duration::from_millis(500);

/// Runs one connection to its end.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let stream = Arc::new(stream);
    let id = shared.clients.next_id();
    let client = Arc::new(Client::new(id, &stream, peer, clock::now(), shared.options.max_pending));
    let nonce = shared.nonce();
    let mut greeting = Vec::new();
    shared.info_for(&client, &nonce).append_line(&mut greeting);
    client.outbox.control(|out| out.extend_from_slice(&greeting));
    client.unauthenticated.store(shared.auth.required(), Ordering::Relaxed);
    if !shared.clients.add(&client, shared.connections_max) {
        client.close(CloseReason::MaxConnectionsExceeded);
    }
    let deadline = shared.options.write_deadline;
    let writer = tokio::spawn(writer::run(Arc::clone(&client), Arc::clone(&stream), deadline));
    client.outbox.wake_writer();
    shared.log.debug(&client, "Client connection created");

    let mut connection = Connection::new(Arc::clone(&shared), Arc::clone(&client), nonce);
    let reason = tokio::select! {
        biased;
        () = client.closed() => CloseReason::ClientClosed,
        reason = read(&mut connection, &stream) => reason,
    };
    client.close(reason);
    connection.end();
    finish(&client, &stream, writer).await;
    let reason = client.close_reason().unwrap_or(reason);
    shared.log.debug(&client, &format!("Client connection closed: {}", reason.as_str()));
    shared.clients.remove(&client);
}

/// Lets the client read what we said last, then closes the socket.
async fn finish(client: &Client, stream: &TcpStream, mut writer: tokio::task::JoinHandle<()>) {
    let gone = matches!(
        client.close_reason(),
        Some(
            CloseReason::ClientClosed
                | CloseReason::ReadError
                | CloseReason::WriteError
                | CloseReason::SlowConsumerPendingBytes
                | CloseReason::SlowConsumerWriteDeadline
        )
    );
    if gone || tokio::time::timeout(LINGER, &mut writer).await.is_err() {
        writer.abort();
        return;
    }
    // Unread input would turn our close into a reset that overtakes the last line.
    let _ = socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write);
    let drain = async {
        let mut scrap = vec![0; BUFFER_MIN];
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut scrap) {
                Ok(0) => return,
                Ok(_) => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                Err(_) => return,
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, drain).await;
}

/// Reads until there is a reason to stop.
async fn read(connection: &mut Connection, stream: &TcpStream) -> CloseReason {
    let mut buffer: Vec<u8> = Vec::new();
    let mut filled = 0;
    loop {
        if let Err(reason) = wait_readable(stream, &mut buffer, filled).await {
            return reason;
        }
        if buffer.len() < BUFFER_MIN {
            buffer.resize(BUFFER_MIN, 0);
        }
        match stream.try_read(&mut buffer[filled..]) {
            Ok(0) => return CloseReason::ClientClosed,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return CloseReason::ReadError,
        }
        let full = filled == buffer.len();
        let missing = match connection.pass(&mut buffer, &mut filled).await {
            Ok(missing) => missing,
            Err(reason) => return reason,
        };
        // A message that does not fit gets the room it needs, once.
        let wanted = if full { (buffer.len() * 2).min(BUFFER_MAX) } else { 0 };
        let wanted = wanted.max(filled + missing);
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        } else if filled == 0 && BUFFER_MAX < buffer.len() {
            // It was for one large message.
            buffer = Vec::new();
        }
        tokio::task::consume_budget().await;
    }
}

/// Waits for input. While nothing is half read, an idle connection gives its buffer back.
async fn wait_readable(
    stream: &TcpStream,
    buffer: &mut Vec<u8>,
    filled: usize,
) -> Result<(), CloseReason> {
    if filled == 0 && buffer.len() <= BUFFER_MIN {
        *buffer = Vec::new();
    }
    if filled == 0 && !buffer.is_empty() {
        match tokio::time::timeout(QUIET, stream.readable()).await {
            Ok(ready) => return ready.map_err(|_| CloseReason::ReadError),
            Err(_) => *buffer = Vec::new(),
        }
    }
    stream.readable().await.map_err(|_| CloseReason::ReadError)
}
