use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tradewind_proto::Info;
use tradewind_router::CloseReason;
use tradewind_router::auth::{AuthConfigError, Authenticator};
use tradewind_store::Disk;

use crate::account::Account;
use crate::clients::Clients;
use crate::descriptors::Descriptors;
use crate::log::Log;
use crate::mailbox::Letter;
use crate::medium::Medium;
use crate::options::Options;
use crate::shard_host::{self, JetStreamError, Place, ShardHost, Surroundings};
use crate::shared::{GLOBAL_ACCOUNT, Shared, new_info, random_seed};
use crate::store::StoreState;
use crate::{announce, clock, keeper, listener, monitor};

/// How long a stop waits for connections to take their last bytes.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A running server.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    monitoring: Option<SocketAddr>,
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
    #[error(
        "Error listening on port: {}:{port}, \"{}\"",
        announce::display_host(host),
        announce::listen_error(host, *port, source)
    )]
    Listen {
        /// Host of the listener.
        host: String,
        /// Port of the listener.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The monitoring port can't be opened.
    #[error(
        "Can't start monitoring: can't listen to the monitor port: {}",
        announce::listen_error(host, *port, source)
    )]
    Monitor {
        /// Host of the listener.
        host: String,
        /// Port of the listener.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The process may not open enough files.
    #[error("only {limit} file descriptors are allowed (ulimit -n), at least {least} are needed")]
    Descriptors {
        /// How many it may open.
        limit: usize,
        /// How many it needs.
        least: usize,
    },
    /// The log file can't be opened.
    #[error("error opening file: open {path}: {}", announce::system_words(source))]
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
        let log = Log::open(options.log.clone())
            .map_err(|source| StartError::Log { path: options.log.target.to_string(), source })?;
        Server::start_with_log(options, Arc::new(log)).await
    }

    /// As [`Server::start`], with lines going to `log` whatever the options say of it. An error is
    /// logged as well.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing is left running.
    pub async fn start_with_log(options: Options, log: Arc<Log>) -> Result<Server, StartError> {
        Server::start_on(options, log, None).await
    }

    /// As [`Server::start_with_log`], with the store on `disk` instead of a directory.
    pub(crate) async fn start_on(
        options: Options,
        log: Arc<Log>,
        disk: Option<Arc<dyn Disk>>,
    ) -> Result<Server, StartError> {
        let started = Server::begin(options, Arc::clone(&log), disk).await;
        if let Err(error) = &started {
            log.fatal(&error.to_string());
        }
        started
    }

    async fn begin(
        options: Options,
        log: Arc<Log>,
        disk: Option<Arc<dyn Disk>>,
    ) -> Result<Server, StartError> {
        if options.max_pending < options.max_payload {
            return Err(StartError::PayloadOverPending {
                max_payload: options.max_payload,
                max_pending: options.max_pending,
            });
        }
        let auth = Authenticator::new(options.auth.clone())?;
        let info = new_info(&options);
        announce::server(&log, &info, &options);
        if auth.plaintext_passwords() {
            log.warn("Plaintext passwords detected, use nkeys or bcrypt");
        }
        if let Some((limit, least)) = Descriptors::now().too_few() {
            return Err(StartError::Descriptors { limit, least });
        }
        let account = Arc::new(Account::new(GLOBAL_ACCOUNT));
        let host =
            start_jetstream(&options, &info, Surroundings::new(&account, &log), disk).await?;
        let descriptors = Descriptors::now();
        if let Some(warning) = descriptors.warning() {
            log.warn(&warning);
        }
        let shared = Shared {
            clients: Clients::new(options.max_closed_clients),
            info,
            start: clock::now(),
            auth,
            account,
            jetstream: host.as_ref().map(|host| Arc::clone(&host.mailbox)),
            store: host.as_ref().map(|host| Arc::clone(&host.store)),
            medium: host.as_ref().map_or(Medium::UNKNOWN, |host| host.medium),
            connections_max: descriptors.connections(options.max_connections),
            log: Arc::clone(&log),
            stop: CancellationToken::new(),
            stop_accepting: CancellationToken::new(),
            tasks: TaskTracker::new(),
            seed: random_seed(),
            options,
        };
        match listen(shared) {
            Ok((shared, address, monitoring)) => {
                Ok(Server { shared, address, monitoring, shard: host })
            }
            Err(error) => {
                stop_jetstream(host, &log).await;
                Err(error)
            }
        }
    }

    /// The token that clients of an embedded server have to present.
    pub fn token(&self) -> Option<&str> {
        self.shared.options.embedded_token.as_deref()
    }

    /// The address clients connect to.
    pub fn client_address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the monitoring port, if there is one.
    pub fn monitoring_address(&self) -> Option<SocketAddr> {
        self.monitoring
    }

    /// How the store is; healthy if there is none.
    pub fn store_state(&self) -> StoreState {
        self.shared.store.as_ref().map(|store| store.state()).unwrap_or_default()
    }

    /// Waits until the store takes no writes any more, and returns the reason. What to do then is
    /// the program's choice: reads and core NATS go on.
    pub async fn store_failed(&self) -> String {
        match &self.shared.store {
            Some(store) => store.failed().await,
            None => std::future::pending().await,
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Stops accepting, closes all connections and ends.
    pub async fn shutdown(self) {
        let shared = &self.shared;
        shared.log.info("Initiating Shutdown...");
        shared.stop_accepting.cancel();
        stop_jetstream(self.shard, &shared.log).await;
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

async fn start_jetstream(
    options: &Options,
    info: &Info,
    surroundings: Surroundings,
    disk: Option<Arc<dyn Disk>>,
) -> Result<Option<ShardHost>, StartError> {
    let Some(jetstream) = &options.jetstream else { return Ok(None) };
    let log = &Arc::clone(&surroundings.log);
    let begun = clock::now();
    log.info("Starting JetStream");
    let place = match disk {
        Some(disk) => Place { disk, medium: Medium::UNKNOWN },
        None => Place::in_directory(&jetstream.store_dir)?,
    };
    let medium = place.medium;
    let settings =
        shard_host::shard_options(jetstream, info.server_name.clone(), options.max_payload);
    let (shard, recovered) = shard_host::start(place, settings, surroundings).await?;
    announce::jetstream(log, jetstream, &recovered);
    if let Some(warning) = medium.warning() {
        log.warn(&warning);
    }
    announce::jetstream_took(log, clock::now().since(begun));
    Ok(Some(shard))
}

/// Returns once all that was acknowledged is on disk.
async fn stop_jetstream(shard: Option<ShardHost>, log: &Log) {
    let Some(shard) = shard else { return };
    log.info("Initiating JetStream Shutdown...");
    shard.mailbox.leave(Letter::Stop);
    // It is an error if the thread is gone already.
    let _ = shard.ended.await;
    log.info("JetStream Shutdown");
}

type Listening = (Arc<Shared>, SocketAddr, Option<SocketAddr>);

/// Opens the ports; the server is ready when this returns.
fn listen(mut shared: Shared) -> Result<Listening, StartError> {
    let (host, port) = (shared.options.host.clone(), shared.options.port);
    let listener = listener::bind(&host, port);
    let (listener, address) = listener
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
        .map_err(|source| StartError::Listen { host: host.clone(), port, source })?;
    shared.info.port = address.port();
    if let Some((host, port)) = &shared.options.client_advertise {
        shared.info.host.clone_from(host);
        shared.info.port = *port;
    }
    let shared = Arc::new(shared);
    let monitoring = monitor::start(&shared).map_err(|source| {
        let (host, port) = shared.options.http.clone().unwrap_or_default();
        StartError::Monitor { host, port, source }
    })?;
    let host = announce::display_host(&host);
    shared.log.info(&format!("Listening for client connections on {host}:{}", address.port()));
    shared.tasks.spawn(listener::run(Arc::clone(&shared), listener));
    shared.tasks.spawn(keeper::run(Arc::clone(&shared)));
    shared.log.info("Server is ready");
    Ok((shared, address, monitoring))
}
