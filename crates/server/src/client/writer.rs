use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tradewind_router::CloseReason;

use super::Client;
use super::outbox::write_all;

/// Writes what others append, until the connection is closed and all is written.
pub(super) async fn run(client: Arc<Client>, stream: Arc<TcpStream>, deadline: Duration) {
    let mut chunk = Vec::new();
    while client.outbox.take(&mut chunk).await {
        let written = tokio::time::timeout(deadline, write_all(&stream, &chunk)).await;
        let reason = match written {
            Ok(Ok(())) => {
                client.outbox.wrote(&mut chunk);
                continue;
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Ok(Err(_)) => CloseReason::WriteError,
            Err(_) => CloseReason::SlowConsumerWriteDeadline,
        };
        client.close(reason);
        return;
    }
}
