//! The connection: found, kept, watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::{Client, ClientError, ConnectOptions, Event};
use tokio::sync::watch;

use crate::config::{Auth, Config, ConfigError, Secret};
use crate::telemetry::Metrics;

/// Why a bus is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// What it was told does not fit together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file of credentials can't be read.
    #[error("{what} can't be read: {source}")]
    Secret {
        /// Which option.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A seed is none.
    #[error("nkey_seed is not a seed (they start with S, as in SU…): {0}")]
    Seed(String),
    /// No server could be reached, or the one reached said no.
    #[error("no connection to {urls}: {cause}")]
    Unreachable {
        /// The servers tried.
        urls: String,
        /// What the last one came to.
        cause: String,
    },
    /// The service discovery failed, and there is no URL to fall back to.
    #[error(transparent)]
    Discovery(#[from] crate::discovery::DiscoveryError),
    /// A telemetry exporter can't be started.
    #[error(transparent)]
    Telemetry(#[from] crate::telemetry::TelemetryError),
    /// The embedded server can't be started.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Embedded(#[from] tradewind_server::StartError),
}

/// Unanswered pings after which async-nats gives a connection up; it has no option for that.
const PINGS_OF_THE_CLIENT: usize = 2;

/// What is known of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// How often it was made; 0 before the first time.
    pub(crate) epoch: u64,
    pub(crate) is_up: bool,
    /// It will not be made again.
    pub(crate) is_closed: bool,
}

/// One or more connections to the same servers.
#[derive(Debug)]
pub(crate) struct Connections {
    all: Vec<Connection>,
    turn: AtomicUsize,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) link: watch::Receiver<Link>,
}

impl Connections {
    pub(crate) async fn open(
        config: &Config,
        urls: &[String],
        metrics: &Metrics,
    ) -> Result<Connections, ConnectError> {
        let mut all = Vec::with_capacity(config.pool.max(1));
        for _ in 0..config.pool.max(1) {
            all.push(Connection::open(config, urls, metrics).await?);
        }
        Ok(Connections { all, turn: AtomicUsize::new(0) })
    }

    /// One that somebody else made.
    pub(crate) fn over(client: Client, jetstream: jetstream::Context) -> Connections {
        let connection = Connection::over(client, jetstream);
        Connections { all: vec![connection], turn: AtomicUsize::new(0) }
    }

    /// The one that everything uses that has no reason to use another.
    pub(crate) fn first(&self) -> &Connection {
        &self.all[0]
    }

    /// Each in turn.
    pub(crate) fn next(&self) -> &Connection {
        &self.all[self.turn.fetch_add(1, Ordering::Relaxed) % self.all.len()]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.all.iter()
    }
}

impl Connection {
    async fn open(
        config: &Config,
        urls: &[String],
        metrics: &Metrics,
    ) -> Result<Connection, ConnectError> {
        let (told, link) = watch::channel(Link::default());
        let told = Arc::new(told);
        let unreachable = |cause: String| ConnectError::Unreachable { urls: urls.join(","), cause };
        let first = options(config, &told, metrics)?.connect(urls).await;
        let client = match first {
            Ok(client) => client,
            Err(error) if config.connection.retry_first_connect && is_worth_retrying(&error) => {
                tracing::warn!(urls = urls.join(","), %error, "no server yet: trying on");
                let again = options(config, &told, metrics)?.retry_on_initial_connect();
                again.connect(urls).await.map_err(|error| unreachable(error.to_string()))?
            }
            Err(error) => return Err(unreachable(error.to_string())),
        };
        let connection = Connection { jetstream: context(config, &client), client, link };
        connection.wait_for_first(config.connection.connect_timeout).await;
        connection.warn_of_cluster(config);
        if config.connection.max_pings_out != PINGS_OF_THE_CLIENT {
            connection
                .watch_pings(config.connection.ping_interval, config.connection.max_pings_out);
        }
        Ok(connection)
    }

    /// Its events go to somebody else: what is known of it is found by looking, as long as it is used.
    fn over(client: Client, jetstream: jetstream::Context) -> Connection {
        const LOOK: Duration = Duration::from_millis(100);
        let (told, link) = watch::channel(seen(&client));
        let watched = client.clone();
        tokio::spawn(async move {
            while tokio::time::timeout(LOOK, told.closed()).await.is_err() {
                let now = seen(&watched);
                told.send_if_modified(|link| std::mem::replace(link, now) != now);
            }
        });
        Connection { client, jetstream, link }
    }

    /// The first connect may still be under way.
    async fn wait_for_first(&self, timeout: Duration) {
        let mut link = self.link.clone();
        let up = link.wait_for(|link| link.is_up || link.is_closed);
        // Not a failure: whoever uses the connection waits as after a lost one.
        let _ = tokio::time::timeout(timeout, up).await;
    }

    fn warn_of_cluster(&self, config: &Config) {
        let Some(expected) = &config.cluster_id else { return };
        let cluster = self.client.try_server_info().and_then(|info| info.cluster);
        if self.link.borrow().is_up && cluster.as_deref() != Some(expected) {
            let cluster = cluster.as_deref().unwrap_or("none");
            tracing::warn!(expected, cluster, "the server belongs to another cluster");
        }
    }

    /// async-nats gives up a connection after two unanswered pings, whatever one wishes: another
    /// number is counted here, by round trips of our own.
    fn watch_pings(&self, interval: Duration, max_out: usize) {
        let (client, mut link) = (self.client.clone(), self.link.clone());
        tokio::spawn(async move {
            let mut n_missed = 0;
            loop {
                tokio::time::sleep(interval).await;
                let now = *link.borrow_and_update();
                if now.is_closed {
                    return;
                }
                let answered = tokio::time::timeout(interval, round_trip(&client)).await;
                n_missed = if answered.is_ok() || !now.is_up { 0 } else { n_missed + 1 };
                if max_out <= n_missed {
                    tracing::warn!(n_missed, "pings are not answered: connecting anew");
                    n_missed = 0;
                    let _ = client.force_reconnect().await;
                }
            }
        });
    }

    pub(crate) fn is_up(&self) -> bool {
        self.link.borrow().is_up
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.link.borrow().is_closed
    }
}

/// What a client says of its connection.
fn seen(client: &Client) -> Link {
    let is_up = client.connection_state() == async_nats::connection::State::Connected;
    let epoch = client.statistics().connects.load(Ordering::Relaxed);
    Link { epoch, is_up, is_closed: false }
}

/// A word to the server and back: nobody answers on an inbox, and the server says so.
pub(crate) async fn round_trip(client: &Client) {
    let _ = client.request(client.new_inbox(), bytes::Bytes::new()).await;
}

/// An error that time may heal. Wrong credentials it will not.
fn is_worth_retrying(error: &async_nats::ConnectError) -> bool {
    use async_nats::ConnectErrorKind as Kind;
    !matches!(error.kind(), Kind::Authentication | Kind::AuthorizationViolation | Kind::ServerParse)
}

fn context(config: &Config, client: &Client) -> jetstream::Context {
    let builder = jetstream::context::ContextBuilder::new();
    if config.jetstream_domain.is_empty() {
        builder.timeout(config.connection.request_timeout).build(client.clone())
    } else {
        let builder = builder.domain(config.jetstream_domain.clone());
        let mut context = builder.build(client.clone());
        context.set_timeout(config.connection.request_timeout);
        context
    }
}

fn options(
    config: &Config,
    told: &Arc<watch::Sender<Link>>,
    metrics: &Metrics,
) -> Result<ConnectOptions, ConnectError> {
    let connection = &config.connection;
    let encrypted = config.tls.required || config.server_urls.iter().any(|url| is_tls(url));
    let mut backoff = connection.backoff;
    if encrypted {
        backoff.jitter = connection.jitter_tls;
    }
    let mut options = ConnectOptions::new()
        .connection_timeout(connection.connect_timeout)
        .request_timeout(Some(connection.request_timeout))
        .ping_interval(connection.ping_interval)
        .subscription_capacity(connection.pending_msgs_limit)
        .max_reconnects(connection.max_reconnects)
        .reconnect_delay_callback(move |attempts| {
            backoff.wait_now(u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX))
        })
        .require_tls(config.tls.required);
    if let Some(name) = &config.client_id {
        options = options.name(name);
    }
    if config.tls.first {
        options = options.tls_first();
    }
    if let Some(ca) = &config.tls.ca {
        options = options.add_root_certificates(ca.clone());
    }
    if let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    let (told, metrics) = (Arc::clone(told), metrics.clone());
    let options = options.event_callback(move |event| {
        note(&told, &metrics, &event);
        std::future::ready(())
    });
    authenticate(options, &config.auth)
}

fn is_tls(url: &str) -> bool {
    url.starts_with("tls://") || url.starts_with("wss://")
}

/// async-nats has no event for a reconnect: it is a connect that is not the first.
fn note(told: &watch::Sender<Link>, metrics: &Metrics, event: &Event) {
    match event {
        Event::Connected => told.send_modify(|link| {
            if 0 < link.epoch {
                metrics.reconnected();
            }
            link.epoch += 1;
            link.is_up = true;
        }),
        Event::Disconnected => told.send_modify(|link| link.is_up = false),
        Event::Closed | Event::ClientError(ClientError::MaxReconnects) => {
            told.send_modify(|link| (link.is_up, link.is_closed) = (false, true));
        }
        Event::SlowConsumer(subscription) => {
            tracing::warn!(subscription, "a subscription is too slow: messages were dropped");
        }
        Event::ServerError(error) => tracing::warn!(%error, "the server reports an error"),
        Event::ClientError(error) => tracing::debug!(%error, "the connection reports an error"),
        Event::LameDuckMode | Event::Draining => tracing::info!(%event, "the connection will end"),
    }
}

fn authenticate(options: ConnectOptions, auth: &Auth) -> Result<ConnectOptions, ConnectError> {
    let resolved = |what, secret: &Secret| {
        secret.resolve().map_err(|source| ConnectError::Secret { what, source })
    };
    if let Some(path) = &auth.credentials {
        let what = "the credentials file";
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConnectError::Secret { what, source })?;
        return options.credentials(&text).map_err(|source| ConnectError::Secret { what, source });
    }
    if let Some(jwt) = &auth.jwt {
        let jwt = resolved("jwt", jwt)?;
        let seed = auth.nkey_seed.as_ref().map(|seed| resolved("nkey_seed", seed)).transpose()?;
        let pair = seed.map(|seed| nkeys::KeyPair::from_seed(seed.reveal())).transpose();
        let pair = pair.map_err(|error| ConnectError::Seed(error.to_string()))?.map(Arc::new);
        return Ok(options.jwt(jwt.reveal().to_owned(), move |nonce| {
            let pair = pair.clone();
            async move {
                // A bearer token needs no signature.
                let Some(pair) = pair else { return Ok(Vec::new()) };
                pair.sign(&nonce).map_err(async_nats::AuthError::new)
            }
        }));
    }
    if let Some(seed) = &auth.nkey_seed {
        let seed = resolved("nkey_seed", seed)?;
        nkeys::KeyPair::from_seed(seed.reveal())
            .map_err(|error| ConnectError::Seed(error.to_string()))?;
        return Ok(options.nkey(seed.reveal().to_owned()));
    }
    if let Some(token) = &auth.token {
        return Ok(options.token(resolved("token", token)?.reveal().to_owned()));
    }
    if let Some(user) = &auth.username {
        let password = auth.password.as_ref().map(|it| resolved("password", it)).transpose()?;
        let password = password.map(|it| it.reveal().to_owned()).unwrap_or_default();
        return Ok(options.user_and_password(user.clone(), password));
    }
    Ok(options)
}
