//! What the example programs share: a bus to work with, and waiting.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tradewind_bus::{Bus, Config, Mode, Subscription};

/// A bus, and the directory of its server if that is inside the program.
#[derive(Debug)]
pub struct Example {
    /// The bus.
    pub bus: Bus,
    dir: Option<TempDir>,
}

impl Example {
    /// Sends what is on its way, stops the server inside and removes what it kept.
    ///
    /// # Errors
    ///
    /// If the directory can't be removed.
    pub async fn close(self) -> anyhow::Result<()> {
        self.bus.close().await;
        match self.dir {
            Some(dir) => dir.close().context("removing what the server kept"),
            None => Ok(()),
        }
    }
}

/// A bus for the example `name`.
///
/// On the servers that `NATS_SERVER_URL` lists, if it is set; `NATS_USERNAME`, `NATS_PASSWORD` and
/// others say who we are there ([`Config::from_env`]). Else on a server inside this program, which keeps its streams in `name`
/// under `TRADEWIND_EXAMPLE_DIR`, or in a directory that goes with the program.
///
/// # Errors
///
/// If there is no server, or none can be started.
pub async fn connect(name: &str) -> anyhow::Result<Example> {
    if let Some(config) = server_config()? {
        let bus = Bus::connect(config).await.context("connecting")?;
        return Ok(Example { bus, dir: None });
    }
    let config = Config { mode: Some(Mode::JetStream), ..Config::default() };
    let (path, dir) = if let Some(parent) = std::env::var_os("TRADEWIND_EXAMPLE_DIR") {
        (PathBuf::from(parent).join(name), None)
    } else {
        let dir = TempDir::with_prefix(format!("tradewind-{name}-"))?;
        (dir.path().to_owned(), Some(dir))
    };
    std::fs::create_dir_all(&path)?;
    let bus = Bus::embedded_with(path, config).await.context("starting a server")?;
    Ok(Example { bus, dir })
}

/// What the environment says of servers; none if it names none.
///
/// # Errors
///
/// If it says what can't be.
pub fn server_config() -> anyhow::Result<Option<Config>> {
    if std::env::var_os("NATS_SERVER_URL").is_none_or(|urls| urls.is_empty()) {
        return Ok(None);
    }
    Ok(Some(Config { mode: Some(Mode::JetStream), ..Config::from_env()? }))
}

/// Listens for SIGINT (Ctrl-C) and SIGTERM from now on; what is returned waits for one of them.
///
/// # Errors
///
/// If the system does not let us listen for them.
pub fn wait_for_signal() -> std::io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

/// Waits until `condition` holds.
///
/// # Errors
///
/// If it does not within half a minute.
pub async fn until(what: &str, condition: impl Fn() -> bool) -> anyhow::Result<()> {
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.with_context(|| format!("waited in vain for {what}"))
}

/// Waits until the subscription has acknowledged `n` messages.
///
/// # Errors
///
/// If it does not within half a minute.
pub async fn until_acked(subscription: &Subscription, n: u64) -> anyhow::Result<()> {
    until("acknowledgements", || n <= subscription.stats().acked).await
}
