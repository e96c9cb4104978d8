//! The bus: one connection, and everything that goes over it.

mod streams;

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::codec::Decode;
use crate::config::{Config, Mode};
use crate::connection::{ConnectError, Connection, Connections, Link, round_trip};
use crate::consumer::{ConsumeError, ConsumerBuilder, CoreBuilder, Handler, Subscription};
use crate::dead_letter::DeadLetterStore;
use crate::manage::{ManageError, Provisions};
use crate::producer::ProducerBuilder;
use crate::telemetry::{Exporter, Metrics, Tracing};

/// An event bus. Cheap to clone; clones are one bus.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    config: Config,
    connections: Connections,
    provisions: Arc<Provisions>,
    /// Ends with the bus.
    exporter: parking_lot::Mutex<Option<Exporter>>,
    metrics: Metrics,
    tracing: Tracing,
    stopping: CancellationToken,
    /// Ends with the bus.
    #[cfg(feature = "embedded")]
    server: parking_lot::Mutex<Option<tradewind_server::Server>>,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("server_urls", &self.0.config.server_urls)
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

/// How a bus is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether there is a connection right now.
    pub is_connected: bool,
    /// How often it was lost and made again.
    pub reconnects: u64,
    /// Time of a round trip to the server; none without an answer.
    pub round_trip: Option<Duration>,
    /// Name and version of the server.
    pub server: Option<(String, String)>,
}

impl Bus {
    /// Connects to the servers that `config` names, or that Consul does.
    ///
    /// # Errors
    ///
    /// If the configuration does not fit together, credentials can't be read or are refused, or no
    /// server is there and `retry_first_connect` is off.
    pub async fn connect(config: Config) -> Result<Bus, ConnectError> {
        for warning in config.check()? {
            tracing::warn!(%warning, "configuration");
        }
        let telemetry = &config.telemetry;
        let exporter = telemetry.enabled.then(|| crate::telemetry::start(telemetry)).transpose()?;
        let metrics = exporter.as_ref().map_or_else(Metrics::disabled, Exporter::metrics);
        let tracing = exporter.as_ref().map_or_else(Tracing::disabled, Exporter::tracing);
        let urls = crate::discovery::resolve(&config).await;
        let connections = Connections::open(&config, &urls, &metrics).await?;
        let provisions = Provisions::new(connections.first().jetstream.clone());
        let bus = Bus(Arc::new(Inner {
            config,
            connections,
            provisions,
            exporter: parking_lot::Mutex::new(exporter),
            metrics,
            tracing,
            stopping: CancellationToken::new(),
            #[cfg(feature = "embedded")]
            server: parking_lot::Mutex::new(None),
        }));
        bus.follow_discovery();
        Ok(bus)
    }

    /// A bus over a connection that somebody else made, and whose options are theirs.
    pub(crate) fn over(client: Client, jetstream: jetstream::Context) -> Bus {
        let connections = Connections::over(client, jetstream.clone());
        Bus(Arc::new(Inner {
            config: Config { mode: Some(Mode::JetStream), ..Config::default() },
            connections,
            provisions: Provisions::new(jetstream),
            exporter: parking_lot::Mutex::new(None),
            metrics: Metrics::disabled(),
            tracing: Tracing::disabled(),
            stopping: CancellationToken::new(),
            #[cfg(feature = "embedded")]
            server: parking_lot::Mutex::new(None),
        }))
    }

    /// A bus with its server inside the program: streams are kept in `dir`, nothing is installed.
    ///
    /// # Errors
    ///
    /// If the server can't be started: the directory is in use, damaged or can't be written.
    #[cfg(feature = "embedded")]
    pub async fn embedded(dir: impl Into<std::path::PathBuf>) -> Result<Bus, ConnectError> {
        Bus::embedded_with(dir, Config { mode: Some(Mode::JetStream), ..Config::default() }).await
    }

    /// As [`Bus::embedded`]; servers and credentials in `config` are replaced by the embedded one's.
    ///
    /// # Errors
    ///
    /// As [`Bus::embedded`] and [`Bus::connect`].
    #[cfg(feature = "embedded")]
    pub async fn embedded_with(
        dir: impl Into<std::path::PathBuf>,
        mut config: Config,
    ) -> Result<Bus, ConnectError> {
        let options = tradewind_server::Options::embedded(dir);
        let server = tradewind_server::Server::start(options).await?;
        config.server_urls = vec![format!("nats://{}", server.client_address())];
        config.auth = crate::config::Auth {
            token: server.token().map(Into::into),
            ..crate::config::Auth::default()
        };
        (config.consul, config.tls) = (None, crate::config::Tls::default());
        let bus = Bus::connect(config).await?;
        *bus.0.server.lock() = Some(server);
        Ok(bus)
    }

    /// Servers that come and go in Consul become those that a lost connection is made to.
    fn follow_discovery(&self) {
        let Some(consul) = &self.0.config.consul else { return };
        let Ok(consul) = crate::discovery::Consul::new(consul) else { return };
        let (bus, stopping) = (self.clone(), self.child_token());
        let mut servers = consul.watch(crate::discovery::WatchOptions::default());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = stopping.cancelled() => return,
                    urls = servers.changed() => {
                        let Some(urls) = urls else { return };
                        if urls.is_empty() {
                            // Those known are better than none.
                            continue;
                        }
                        for connection in bus.0.connections.iter() {
                            let set = connection.client.set_server_pool(&urls[..]).await;
                            if let Err(error) = set {
                                tracing::warn!(%error, "discovered servers can't be used");
                            }
                        }
                    }
                }
            }
        });
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Whether there is a connection right now.
    pub fn is_connected(&self) -> bool {
        self.0.connections.first().is_up()
    }

    /// Whether it was closed, or gave up connecting.
    pub fn is_closed(&self) -> bool {
        self.0.stopping.is_cancelled() || self.0.connections.first().is_closed()
    }

    /// The async-nats client below, for what the bus does not do.
    pub fn client(&self) -> &Client {
        &self.0.connections.first().client
    }

    /// The async-nats JetStream context below, for what the bus does not do.
    pub fn context(&self) -> &jetstream::Context {
        &self.0.connections.first().jetstream
    }

    /// The next connection of the pool.
    pub(crate) fn next_connection(&self) -> &Connection {
        self.0.connections.next()
    }

    pub(crate) fn link(&self) -> watch::Receiver<Link> {
        self.0.connections.first().link.clone()
    }

    pub(crate) fn provisions(&self) -> &Arc<Provisions> {
        &self.0.provisions
    }

    /// What it measures.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Where its spans go.
    pub fn tracing(&self) -> &Tracing {
        &self.0.tracing
    }

    /// Where Prometheus finds its metrics, if it was told to show them.
    pub fn prometheus_address(&self) -> Option<std::net::SocketAddr> {
        self.0.exporter.lock().as_ref().and_then(Exporter::prometheus_address)
    }

    pub(crate) fn child_token(&self) -> CancellationToken {
        self.0.stopping.child_token()
    }

    /// A producer in the mode of the configuration.
    pub fn producer(&self) -> ProducerBuilder {
        ProducerBuilder::new(self.clone(), self.0.config.effective_mode())
    }

    /// A producer of Core messages.
    pub fn core_producer(&self) -> ProducerBuilder {
        ProducerBuilder::new(self.clone(), Mode::Core)
    }

    /// A producer of stored messages.
    pub fn stream_producer(&self) -> ProducerBuilder {
        ProducerBuilder::new(self.clone(), Mode::JetStream)
    }

    /// A consumer of a stream.
    pub fn consume<T: Decode + Send + 'static>(&self, stream: &str) -> ConsumerBuilder<T> {
        ConsumerBuilder::new(self.clone(), stream.to_owned())
    }

    /// A subscription to a subject of Core NATS; wildcards are welcome.
    pub fn subscribe<T: Decode + Send + 'static>(&self, subject: &str) -> CoreBuilder<T> {
        CoreBuilder::new(self.clone(), subject)
    }

    /// Consumes `topic` as one of `group`, in the mode of the configuration: a durable consumer of
    /// that name on the stream that takes the topic, or a queue group.
    ///
    /// # Errors
    ///
    /// If no stream takes the topic, or the server refuses.
    pub async fn register<T: Decode + Send + 'static, H: Handler<T>>(
        &self,
        topic: &str,
        group: &str,
        handler: H,
    ) -> Result<Subscription, ConsumeError> {
        if self.0.config.effective_mode() == Mode::Core {
            return self.subscribe(topic).group(group).run(handler).await;
        }
        let stream = match &self.0.config.stream.name {
            Some(name) => name.clone(),
            None => self.stream_of(topic).await?,
        };
        // An explicit durable name wins over the group: a consumer has one name.
        let name = self.0.config.consumer.name.clone().unwrap_or_else(|| group.to_owned());
        if name != group {
            tracing::info!(consumer = name, group, "the durable name is used, the group noted");
        }
        self.consume(&stream).durable(name).filter(topic).run(handler).await
    }

    async fn stream_of(&self, topic: &str) -> Result<String, ConsumeError> {
        let subject = self.0.config.subject(topic);
        let found = self.context().stream_by_subject(subject.clone()).await;
        found.map_err(|error| ConsumeError::Client {
            what: subject,
            why: format!(
                "{error}: no stream takes it; create one, or name it in the configuration"
            ),
        })
    }

    /// The dead letters in a stream.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub async fn dead_letters(&self, stream: &str) -> Result<DeadLetterStore, ManageError> {
        DeadLetterStore::open(self, stream).await
    }

    /// How it is, by asking the server.
    pub async fn health(&self) -> Health {
        let link = *self.link().borrow();
        let since = std::time::Instant::now();
        let client = self.client();
        let answered = tokio::time::timeout(Duration::from_secs(2), round_trip(client)).await;
        let server = client.try_server_info();
        Health {
            is_connected: link.is_up,
            reconnects: link.epoch.saturating_sub(1),
            round_trip: (link.is_up && answered.is_ok()).then(|| since.elapsed()),
            server: server.map(|info| (info.server_name, info.version)),
        }
    }

    /// Ends it: subscriptions take no more, what was published is sent, connections are closed. A
    /// second call does nothing.
    pub async fn close(&self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        if self.0.stopping.is_cancelled() {
            return;
        }
        self.0.stopping.cancel();
        for connection in self.0.connections.iter() {
            let _ = tokio::time::timeout(PATIENCE, connection.client.flush()).await;
            if connection.client.drain().await.is_ok() {
                let mut link = connection.link.clone();
                let closed = link.wait_for(|link| link.is_closed);
                let _ = tokio::time::timeout(PATIENCE, closed).await;
            }
        }
        let exporter = self.0.exporter.lock().take();
        if let Some(exporter) = exporter
            && let Err(error) = exporter.shutdown().await
        {
            tracing::warn!(%error, "the last metrics and traces are lost");
        }
        #[cfg(feature = "embedded")]
        {
            let server = self.0.server.lock().take();
            if let Some(server) = server {
                server.shutdown().await;
            }
        }
    }
}
