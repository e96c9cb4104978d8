//! A link that can be cut and slowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a port of this machine.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// Whether it lets anything through.
    open: watch::Sender<bool>,
    /// Milliseconds that each piece of data waits.
    delay: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) async fn start(to: u16) -> Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (open, is_open) = watch::channel(true);
        let delay = Arc::new(AtomicU64::new(0));
        let slow = Arc::clone(&delay);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *is_open.borrow() {
                    tokio::spawn(forward(client, to, is_open.clone(), Arc::clone(&slow)));
                }
            }
        });
        Ok(Proxy { port, open, delay })
    }

    /// Ends all connections and takes no new ones.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.open.send_replace(true);
    }

    pub(crate) fn slow(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.delay.store(millis, Ordering::Relaxed);
    }
}

async fn forward(
    client: TcpStream,
    to: u16,
    mut is_open: watch::Receiver<bool>,
    delay: Arc<AtomicU64>,
) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass(from_client, to_server, &delay) => (),
        () = pass(from_server, to_client, &delay) => (),
        _ = is_open.wait_for(|open| !*open) => (),
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    delay: &AtomicU64,
) {
    let mut piece = vec![0; 64 << 10];
    loop {
        let Ok(length) = from.read(&mut piece).await else { return };
        if length == 0 {
            return;
        }
        let millis = delay.load(Ordering::Relaxed);
        if 0 < millis {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
