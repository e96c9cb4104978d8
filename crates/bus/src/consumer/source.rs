//! Where messages come from: a consumer on the server, made sure of, and asked or listened to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, pull, push};
use async_nats::jetstream::context::{ConsumerInfoError, ConsumerInfoErrorKind};
use async_nats::jetstream::stream;
use async_nats::{Client, Subscriber};

use super::ConsumeError;
use super::pull::PullRequest;
use crate::bus::Bus;
use crate::config::DeliverPolicy;
use crate::manage::{self, Drift, ManageError, OnDrift};

/// How messages get from the consumer to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Asked for.
    Pull,
    /// Sent by the server to a subject, one member of the group each.
    Push { group: Option<String> },
}

/// A consumer as it should be.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerSpec {
    pub(crate) stream: String,
    /// Made if it is missing.
    pub(crate) stream_config: Option<stream::Config>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) config: pull::Config,
    pub(crate) on_drift: OnDrift,
}

/// A consumer that is there.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) messages: Subscriber,
    pub(crate) consumer: String,
    /// When the stream was made: a stream of the same name made later is another.
    pub(crate) stream_created: jiff::Timestamp,
    client: Client,
    /// Where and how to ask; none if the server pushes.
    ask: Option<(String, String)>,
    n_asked: AtomicU64,
}

impl Source {
    /// Asks for messages.
    pub(crate) async fn ask(&self, request: PullRequest) -> Result<(), ConsumeError> {
        let Some((subject, inbox)) = &self.ask else { return Ok(()) };
        let n_asked = self.n_asked.fetch_add(1, Ordering::AcqRel) + 1;
        let inbox = format!("{inbox}.{n_asked}");
        let body = serde_json::to_vec(&request).unwrap_or_default();
        let sent = self.client.publish_with_reply(subject.clone(), inbox, body.into());
        sent.await.map_err(|error| client_error(subject, error))
    }

    /// Whether a status is about the last request, and not about one before.
    pub(crate) fn is_current(&self, status_subject: &str) -> bool {
        let number = status_subject.rsplit('.').next().and_then(|it| it.parse::<u64>().ok());
        number == Some(self.n_asked.load(Ordering::Acquire))
    }

    /// Whether messages have to be asked for.
    pub(crate) fn is_pull(&self) -> bool {
        self.ask.is_some()
    }
}

pub(crate) fn client_error(what: &str, why: impl std::fmt::Display) -> ConsumeError {
    ConsumeError::Client { what: what.to_owned(), why: why.to_string() }
}

impl ConsumerSpec {
    /// Makes sure of stream and consumer, and opens the way from there to here.
    pub(crate) async fn open(&self, bus: &Bus) -> Result<Source, ConsumeError> {
        let client = bus.client().clone();
        let stream = self.find_stream(bus).await?;
        let stream_created = timestamp(stream.cached_info().created);
        let inbox = client.new_inbox();
        let subscribed = match &self.kind {
            Kind::Pull => client.subscribe(format!("{inbox}.*")).await,
            Kind::Push { group: None } => client.subscribe(self.deliver_subject(&inbox)).await,
            Kind::Push { group: Some(group) } => {
                client.queue_subscribe(self.deliver_subject(&inbox), group.clone()).await
            }
        };
        let messages = subscribed.map_err(|error| client_error(&self.stream, error))?;
        let consumer = match &self.kind {
            Kind::Pull => self.ensure(&stream, "pull", &self.config).await?,
            Kind::Push { group } => {
                let config = self.push_config(self.deliver_subject(&inbox), group.clone());
                self.ensure(&stream, "push", &config).await?
            }
        };
        let prefix = api_prefix(bus);
        let ask = (self.kind == Kind::Pull)
            .then(|| (format!("{prefix}.CONSUMER.MSG.NEXT.{}.{consumer}", self.stream), inbox));
        Ok(Source { messages, consumer, stream_created, client, ask, n_asked: AtomicU64::new(0) })
    }

    async fn find_stream(&self, bus: &Bus) -> Result<stream::Stream, ConsumeError> {
        if let Some(config) = &self.stream_config {
            manage::ensure_stream(bus.context(), config, OnDrift::Report).await?;
        }
        let found = match bus.context().get_stream(&self.stream).await {
            // The bus made sure of it once, and it is gone.
            Err(error) if manage::is_missing(&error) => {
                bus.provisions().restore().await?;
                bus.context().get_stream(&self.stream).await
            }
            found => found,
        };
        found.map_err(|error| {
            let name = self.stream.clone();
            if manage::is_missing(&error) {
                ManageError::NotFound { what: "stream", name }.into()
            } else {
                client_error(&name, error)
            }
        })
    }

    /// A durable push consumer delivers to one subject, whoever listens there.
    fn deliver_subject(&self, inbox: &str) -> String {
        match &self.name {
            Some(name) => format!("_DELIVER.{}.{name}", self.stream),
            None => inbox.to_owned(),
        }
    }

    /// The name of the consumer, made if it is missing.
    async fn ensure<C>(
        &self,
        stream: &stream::Stream,
        kind: &'static str,
        config: &C,
    ) -> Result<String, ConsumeError>
    where
        C: consumer::IntoConsumerConfig + consumer::FromConsumer + Clone + Send + 'static,
    {
        let refused = |why: String| ManageError::Refused {
            what: "consumer",
            name: self.name.clone().unwrap_or_default(),
            why,
        };
        let wanted = config.clone().into_consumer_config();
        let Some(name) = &self.name else {
            let created = stream.create_consumer(config.clone()).await;
            let created = created.map_err(|error| refused(error.to_string()))?;
            return Ok(created.cached_info().name.clone());
        };
        let found = match stream.consumer_info(name).await {
            Ok(found) => found,
            Err(error) if is_missing(&error) => {
                let created = stream.create_consumer_strict(config.clone()).await;
                return match created {
                    Ok(_) => Ok(name.clone()),
                    // Another instance was faster.
                    Err(_) if stream.consumer_info(name).await.is_ok() => Ok(name.clone()),
                    Err(error) => Err(refused(error.to_string()).into()),
                };
            }
            Err(error) => return Err(client_error(&self.stream, error)),
        };
        let is_push = found.config.deliver_subject.is_some();
        if is_push != (kind == "push") {
            return Err(ManageError::OtherKind {
                stream: self.stream.clone(),
                name: name.clone(),
                found: if is_push { "push" } else { "pull" },
                asked: kind,
            }
            .into());
        }
        self.settle_drift(stream, config, &wanted, &found.config).await?;
        Ok(name.clone())
    }

    async fn settle_drift<C>(
        &self,
        stream: &stream::Stream,
        config: &C,
        wanted: &consumer::Config,
        found: &consumer::Config,
    ) -> Result<(), ConsumeError>
    where
        C: consumer::IntoConsumerConfig + consumer::FromConsumer + Clone + Send + 'static,
    {
        let name = self.name.clone().unwrap_or_default();
        let as_json = |config| {
            serde_json::to_value(config).map_err(|error| client_error(&self.stream, error))
        };
        let mut drift = Drift::between(&as_json(wanted)?, &as_json(found)?);
        // Where it began can't be changed, and says nothing of where it is now.
        drift.0.retain(|it| !it.field.starts_with("opt_start") && it.field != "deliver_policy");
        if drift.is_empty() {
            return Ok(());
        }
        match self.on_drift {
            OnDrift::Report => {
                tracing::warn!(stream = self.stream, consumer = name, %drift, "consumer differs");
                Ok(())
            }
            OnDrift::Fail => Err(ManageError::Drifted { what: "consumer", name, drift }.into()),
            OnDrift::Update => {
                let updated = stream.update_consumer(config.clone()).await;
                updated.map(|_| ()).map_err(|error| {
                    let why = format!("it differs ({drift}) and can't be updated: {error}");
                    ManageError::Refused { what: "consumer", name, why }.into()
                })
            }
        }
    }

    fn push_config(&self, deliver_subject: String, group: Option<String>) -> push::Config {
        let it = self.config.clone();
        push::Config {
            deliver_subject,
            deliver_group: group,
            durable_name: it.durable_name,
            name: it.name,
            description: it.description,
            deliver_policy: it.deliver_policy,
            ack_policy: it.ack_policy,
            ack_wait: it.ack_wait,
            max_deliver: it.max_deliver,
            filter_subject: it.filter_subject,
            filter_subjects: it.filter_subjects,
            max_ack_pending: it.max_ack_pending,
            flow_control: self.kind == Kind::Push { group: None },
            idle_heartbeat: HEARTBEAT_OF_PUSH,
            inactive_threshold: it.inactive_threshold,
            num_replicas: it.num_replicas,
            memory_storage: it.memory_storage,
            metadata: it.metadata,
            backoff: it.backoff,
            ..push::Config::default()
        }
    }
}

/// How often a push consumer says that it is there.
pub(crate) const HEARTBEAT_OF_PUSH: Duration = Duration::from_millis(500);

fn is_missing(error: &ConsumerInfoError) -> bool {
    matches!(error.kind(), ConsumerInfoErrorKind::NotFound)
}

/// What every subject of the JetStream API begins with.
fn api_prefix(bus: &Bus) -> String {
    let domain = &bus.config().jetstream_domain;
    if domain.is_empty() { "$JS.API".to_owned() } else { format!("$JS.{domain}.API") }
}

pub(crate) fn timestamp(at: time::OffsetDateTime) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(at.unix_timestamp_nanos()).unwrap_or_default()
}

pub(crate) fn deliver_policy(policy: DeliverPolicy) -> consumer::DeliverPolicy {
    match policy {
        DeliverPolicy::All => consumer::DeliverPolicy::All,
        DeliverPolicy::Last => consumer::DeliverPolicy::Last,
        DeliverPolicy::New => consumer::DeliverPolicy::New,
        DeliverPolicy::LastPerSubject => consumer::DeliverPolicy::LastPerSubject,
        DeliverPolicy::ByStartSequence(start_sequence) => {
            consumer::DeliverPolicy::ByStartSequence { start_sequence }
        }
        DeliverPolicy::ByStartTime(at) => {
            let start_time = time::OffsetDateTime::from_unix_timestamp_nanos(at.as_nanosecond())
                .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
            consumer::DeliverPolicy::ByStartTime { start_time }
        }
    }
}

/// What every consumer of ours has.
pub(crate) fn explicit() -> pull::Config {
    pull::Config { ack_policy: AckPolicy::Explicit, ..pull::Config::default() }
}
