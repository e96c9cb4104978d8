use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tradewind_router::CloseReason;
use tradewind_router::auth::{AuthConfigError, Authenticator};

use crate::account::Account;
use crate::clients::Clients;
use crate::log::Log;
use crate::mailbox::Letter;
use crate::options::{JetStreamOptions, Options, SyncPolicy};
use crate::shard_host::{self, JetStreamError, ShardHost};
use crate::shared::{GLOBAL_ACCOUNT, Shared, new_info, random_seed};
use crate::{clock, keeper, listener};

/// How long a stop waits for connections to take their last bytes.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A running server.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    shard: Option<ShardHost>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The client listener can't be opened.
    #[error("Error listening on port: {host}:{port}, {source:?}")]
    Listen {
        /// Host of the listener.
        host: String,
        /// Port of the listener.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The log file can't be opened.
    #[error("error opening log file {path:?}: {source}")]
    Log {
        /// Name of the file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Users that contradict each other.
    #[error(transparent)]
    Auth(#[from] AuthConfigError),
    /// JetStream can't be started.
    #[error("Can't start JetStream: {0}")]
    JetStream(#[from] JetStreamError),
    /// Limits that contradict each other.
    #[error("max_payload ({max_payload}) cannot be higher than max_pending ({max_pending})")]
    PayloadOverPending {
        /// Largest message.
        max_payload: usize,
        /// Most bytes waiting for a client.
        max_pending: usize,
    },
}

impl Server {
    /// Starts a server on the current tokio runtime; it is ready when this returns.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing is left running.
    pub async fn start(options: Options) -> Result<Server, StartError> {
        let log = Log::open(options.log.clone()).map_err(|source| StartError::Log {
            path: format!("{:?}", options.log.target),
            source,
        })?;
        if options.max_pending < options.max_payload {
            return Err(StartError::PayloadOverPending {
                max_payload: options.max_payload,
                max_pending: options.max_pending,
            });
        }
        let auth = Authenticator::new(options.auth.clone())?;
        let mut info = new_info(&options);
        announce(&log, &info, &options);
        if auth.plaintext_passwords() {
            log.warn("Plaintext passwords detected, use nkeys or bcrypt");
        }
        let account = Arc::new(Account::new(GLOBAL_ACCOUNT));
        let seed = random_seed();
        let shard = match &options.jetstream {
            Some(jetstream) => {
                let begun = clock::now();
                let (shard, recovered) = shard_host::start(
                    jetstream,
                    info.server_name.clone(),
                    options.max_payload,
                    Arc::clone(&account),
                    seed,
                )
                .await?;
                announce_jetstream(&log, jetstream, &recovered);
                let took = clock::now().since(begun);
                log.info(&format!("Took {took:?} to start JetStream"));
                Some(shard)
            }
            None => None,
        };
        let listener = listener::bind(&options.host, options.port);
        let (listener, address) = listener
            .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
            .map_err(|source| StartError::Listen {
                host: options.host.clone(),
                port: options.port,
                source,
            })?;
        info.port = address.port();
        if let Some((host, port)) = &options.client_advertise {
            info.host.clone_from(host);
            info.port = *port;
        }
        let shared = Arc::new(Shared {
            clients: Clients::new(options.max_closed_clients),
            info,
            start: clock::now(),
            auth,
            account,
            jetstream: shard.as_ref().map(|shard| Arc::clone(&shard.mailbox)),
            log,
            stop: CancellationToken::new(),
            stop_accepting: CancellationToken::new(),
            tasks: TaskTracker::new(),
            seed,
            options,
        });
        let host = display_host(&shared.options.host);
        shared.log.info(&format!("Listening for client connections on {host}:{}", address.port()));
        shared.tasks.spawn(listener::run(Arc::clone(&shared), listener));
        shared.tasks.spawn(keeper::run(Arc::clone(&shared)));
        shared.log.info("Server is ready");
        Ok(Server { shared, address, shard })
    }

    /// The token that clients of an embedded server have to present.
    pub fn token(&self) -> Option<&str> {
        self.shared.options.embedded_token.as_deref()
    }

    /// The address clients connect to.
    pub fn client_address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, closes all connections and ends.
    pub async fn shutdown(self) {
        let shared = &self.shared;
        shared.log.info("Initiating Shutdown...");
        shared.stop_accepting.cancel();
        if let Some(shard) = self.shard {
            shared.log.info("Initiating JetStream Shutdown...");
            shard.mailbox.leave(Letter::Stop);
            // It ends once all that was acknowledged is on disk.
            let _ = shard.ended.await;
            shared.log.info("JetStream Shutdown");
        }
        for client in shared.clients.open() {
            client.close(CloseReason::ServerShutdown);
        }
        shared.stop.cancel();
        shared.tasks.close();
        if tokio::time::timeout(STOP_PATIENCE, shared.tasks.wait()).await.is_err() {
            shared.log.warn("Some connections did not end in time");
        }
        shared.log.info("Server Exiting..");
    }
}

/// A host as it stands before a colon and a port.
fn display_host(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

fn announce(log: &Log, info: &tradewind_proto::Info, _options: &Options) {
    log.info("Starting nats-server");
    log.info(&format!("  Version:  {}", info.version));
    log.info(&format!("  Git:      [tradewind {}]", env!("CARGO_PKG_VERSION")));
    log.info(&format!("  Name:     {}", info.server_name));
    log.info(&format!("  ID:       {}", info.server_id));
}

fn announce_jetstream(
    log: &Log,
    options: &JetStreamOptions,
    recovered: &tradewind_jetstream::shard::Recovered,
) {
    log.info("Starting JetStream");
    let directory = shard_host::directory(&options.store_dir);
    log.info(&format!("  Store Directory: \"{}\"", directory.display()));
    match options.sync {
        SyncPolicy::Always => log.info("  Durability:      on disk before every acknowledgement"),
        SyncPolicy::Interval(every) => log.warn(&format!(
            "  Durability:      synced every {every:?}: a power loss may lose what was acknowledged in that time"
        )),
    }
    if let Some(cut) = &recovered.log.cut {
        log.warn(&format!(
            "  Cut off an unfinished write at the end of {} (byte {}); nothing acknowledged was lost",
            cut.file, cut.offset
        ));
    }
    if 0 < recovered.streams {
        log.info(&format!(
            "  Restored {} messages of {} streams",
            recovered.messages, recovered.streams
        ));
    }
}
