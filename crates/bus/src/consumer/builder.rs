use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{consumer, stream};

use super::batch::{BatchHandler, BatchWorker};
use super::engine::{Engine, EngineOptions};
use super::fetch::Fetcher;
use super::lanes::Lanes;
use super::ordered::OrderedBuilder;
use super::retry::Retry;
use super::settle::{Settle, Single};
use super::source::{ConsumerSpec, Kind, deliver_policy, explicit};
use super::{ConsumeError, Handler, Subscription};
use crate::bus::Bus;
use crate::codec::Decode;
use crate::config::{self, DeliverPolicy, Mode};
use crate::dead_letter::{DeadLetterPolicy, DeadLetters};
use crate::idempotency::Store;
use crate::manage::OnDrift;

/// A key for lanes: messages of one key are handled in order.
pub(crate) type KeyOf = Arc<dyn Fn(&async_nats::Message) -> Vec<u8> + Send + Sync>;

/// Where a new consumer begins: the policies of JetStream.
pub type Start = DeliverPolicy;

/// Makes a consumer of a stream. What is not set is as the bus' configuration says.
///
/// It is durable, explicitly acknowledged and pulled from, unless said otherwise.
#[must_use = "call run or fetcher"]
pub struct ConsumerBuilder<T> {
    bus: Bus,
    stream: String,
    stream_config: Option<stream::Config>,
    name: Option<String>,
    is_ephemeral: bool,
    filters: Vec<String>,
    kind: Kind,
    options: config::Consumer,
    retry: Retry,
    concurrency: usize,
    lanes_by: Option<KeyOf>,
    in_order: bool,
    handler_timeout: Option<Duration>,
    dead_letters: Option<DeadLetterPolicy>,
    idempotency: Option<(Arc<dyn Store>, Duration)>,
    on_drift: OnDrift,
    data: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for ConsumerBuilder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsumerBuilder")
            .field("stream", &self.stream)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<T: Decode + Send + 'static> ConsumerBuilder<T> {
    pub(crate) fn new(bus: Bus, stream: String) -> ConsumerBuilder<T> {
        let options = bus.config().consumer.clone();
        let is_ours = bus.config().stream.name.as_deref() == Some(&stream);
        ConsumerBuilder {
            name: options.name.clone(),
            retry: Retry::new(options.redelivery, options.max_deliver),
            stream_config: if is_ours { bus.stream_config() } else { None },
            bus,
            stream,
            is_ephemeral: false,
            filters: Vec::new(),
            kind: Kind::Pull,
            concurrency: 1,
            lanes_by: None,
            in_order: false,
            handler_timeout: None,
            dead_letters: None,
            idempotency: None,
            on_drift: OnDrift::default(),
            options,
            data: PhantomData,
        }
    }

    /// The stream is made like this if it is missing, now and whenever it gets lost.
    pub fn stream_config(mut self, config: stream::Config) -> ConsumerBuilder<T> {
        self.stream_config = Some(stream::Config { name: self.stream.clone(), ..config });
        self
    }

    /// Name of the durable consumer. All who use one share its messages.
    pub fn durable(mut self, name: impl Into<String>) -> ConsumerBuilder<T> {
        self.name = Some(name.into());
        self
    }

    /// Not kept on the server when nobody uses it any more.
    pub fn ephemeral(mut self) -> ConsumerBuilder<T> {
        self.is_ephemeral = true;
        self
    }

    /// Only messages of this subject, or with this filter; may be said several times.
    pub fn filter(mut self, subject: impl AsRef<str>) -> ConsumerBuilder<T> {
        self.filters.push(self.bus.config().subject(subject.as_ref()));
        self
    }

    /// As [`ConsumerBuilder::filter`], without the bus' prefix.
    pub(crate) fn exact_filter(mut self, subject: String) -> ConsumerBuilder<T> {
        self.filters.push(subject);
        self
    }

    /// The server sends without being asked, to one member of the group each if there is one.
    pub fn push(mut self, group: Option<&str>) -> ConsumerBuilder<T> {
        self.kind = Kind::Push { group: group.map(str::to_owned) };
        self
    }

    /// Handlers that run at once.
    pub fn concurrency(mut self, concurrency: usize) -> ConsumerBuilder<T> {
        self.concurrency = concurrency;
        self
    }

    /// With [`ConsumerBuilder::concurrency`]: messages of one key are handled one after the other.
    pub fn lanes_by(
        mut self,
        key: impl Fn(&async_nats::Message) -> Vec<u8> + Send + Sync + 'static,
    ) -> ConsumerBuilder<T> {
        self.lanes_by = Some(Arc::new(key));
        self
    }

    /// One message at a time over all who share the consumer: the next comes when this one is
    /// settled, so that a retry does not let others pass.
    pub fn in_order(mut self) -> ConsumerBuilder<T> {
        (self.in_order, self.concurrency) = (true, 1);
        self
    }

    /// How often a message is tried, and when.
    pub fn retry(mut self, retry: Retry) -> ConsumerBuilder<T> {
        self.retry = retry;
        self
    }

    /// A handler that takes longer is given up and its message tried again. Without it, a handler is
    /// waited for; but after ten times `ack_wait` the server may deliver its message to another.
    pub fn handler_timeout(mut self, timeout: Duration) -> ConsumerBuilder<T> {
        self.handler_timeout = Some(timeout);
        self
    }

    /// Where messages go that can't be handled. Without it they stay in the stream, undelivered.
    pub fn dead_letters(mut self, policy: DeadLetterPolicy) -> ConsumerBuilder<T> {
        self.dead_letters = Some(policy);
        self
    }

    /// A message that was handled before, by its id, is acknowledged and not handled again. Nobody
    /// else handles it while `lease` lasts.
    pub fn idempotent(mut self, store: Arc<dyn Store>, lease: Duration) -> ConsumerBuilder<T> {
        self.idempotency = Some((store, lease));
        self
    }

    /// What to do if the consumer is there and differs.
    pub fn on_drift(mut self, on_drift: OnDrift) -> ConsumerBuilder<T> {
        self.on_drift = on_drift;
        self
    }

    /// Changes the other options: `ack_wait`, `max_ack_pending`, `batch_size`, `deliver_policy`…
    pub fn with(mut self, change: impl FnOnce(&mut config::Consumer)) -> ConsumerBuilder<T> {
        change(&mut self.options);
        self
    }

    /// Calls `handler` for each message, until the subscription ends.
    ///
    /// # Errors
    ///
    /// If stream or consumer can't be made or found, or the options do not fit together. What
    /// happens later is repaired and tried again.
    pub async fn run<H: Handler<T>>(self, handler: H) -> Result<Subscription, ConsumeError> {
        let (spec, options, settle) = self.prepare().await?;
        let worker = Single::new(settle, handler);
        Engine::start(spec, options, worker).await
    }

    /// Calls `handler` for up to `n` messages at once, which came within `wait` of the first.
    ///
    /// # Errors
    ///
    /// As [`ConsumerBuilder::run`].
    pub async fn run_batches<H: BatchHandler<T>>(
        mut self,
        n: usize,
        wait: Duration,
        handler: H,
    ) -> Result<Subscription, ConsumeError> {
        self.without_store("batches take")?;
        self.options.batch_size = self.options.batch_size.max(n);
        let (spec, options, settle) = self.prepare().await?;
        let worker = BatchWorker::start(settle, handler, n.max(1), wait);
        Engine::start(spec, options, worker).await
    }

    /// Messages one asks for oneself, to acknowledge by hand.
    ///
    /// # Errors
    ///
    /// As [`ConsumerBuilder::run`].
    pub async fn fetcher(self) -> Result<Fetcher<T>, ConsumeError> {
        self.without_store("a fetcher takes")?;
        let (spec, options, _) = self.prepare().await?;
        Fetcher::open(options.bus, spec).await
    }

    /// Everything from some sequence on, in order and without gaps, by a consumer of our own that
    /// nobody sees and nothing is acknowledged to.
    pub fn ordered(self) -> OrderedBuilder<T> {
        let option = match () {
            () if self.dead_letters.is_some() => Some("dead letters"),
            () if self.idempotency.is_some() => Some("idempotency store"),
            () if self.concurrency != 1 => Some("concurrency"),
            () if self.kind != Kind::Pull => Some("push"),
            () => None,
        };
        let start = self.options.deliver_policy;
        OrderedBuilder::new(self.bus, self.stream, self.filters, start).refuse(option)
    }

    /// A store is asked for each message, which neither batches nor fetches do.
    fn without_store(&self, what: &str) -> Result<(), ConsumeError> {
        if self.idempotency.is_none() {
            return Ok(());
        }
        let text =
            format!("{what} no idempotency store: claim messages in it yourself, by their id");
        Err(ConsumeError::Options(text))
    }

    async fn prepare(self) -> Result<(ConsumerSpec, EngineOptions, Settle), ConsumeError> {
        self.check()?;
        let spec = self.spec();
        let bus = self.bus.clone();
        if let Some(config) = &self.stream_config {
            bus.provisions().keep(config.clone());
        }
        let dead_letters = match &self.dead_letters {
            Some(policy) => {
                let name = spec.name.clone().unwrap_or_default();
                Some(DeadLetters::provision(&bus, policy.clone(), &self.stream, &name).await?)
            }
            None => None,
        };
        let settle = Settle::new(&bus, self.retry, self.handler_timeout)
            .dead_letters(dead_letters.clone())
            .idempotency(self.idempotency.clone());
        let concurrency = self.concurrency.min(self.options.max_inflight).max(1);
        let lanes = match self.lanes_by {
            _ if concurrency == 1 => Lanes::One,
            Some(key) => Lanes::ByKey(concurrency, key),
            None => Lanes::Any(concurrency),
        };
        let options = EngineOptions {
            bus,
            lanes,
            capacity: self.options.batch_size.min(self.options.max_inflight).max(concurrency),
            batch: self.options.batch_size,
            ack_wait: self.options.ack_wait,
            handler_limit: self.handler_timeout.unwrap_or(self.options.ack_wait * 10),
            backlog_warn: self.options.backlog_warn_threshold,
            dead_letters,
        };
        Ok((spec, options, settle))
    }

    fn check(&self) -> Result<(), ConsumeError> {
        let says = |text: &str| Err(ConsumeError::Options(text.to_owned()));
        if self.bus.config().mode == Some(Mode::Core) {
            return says(
                "a stream is consumed with JetStream, and this bus is told to use Core NATS: \
                 say Mode::JetStream, or subscribe to a subject",
            );
        }
        if self.concurrency == 0 {
            return says("concurrency is 0: nothing would ever be handled");
        }
        if self.options.ack_wait.is_zero() {
            return says("ack_wait is 0: every message would be delivered again at once");
        }
        if self.is_ephemeral && self.dead_letters.is_some() {
            return says(
                "dead letters need a durable consumer: an ephemeral one forgets what it delivered",
            );
        }
        if self.name.is_none() && !self.is_ephemeral {
            return says(
                "a consumer needs a name: call durable(\"…\"), or ephemeral() for one that is \
                 not kept",
            );
        }
        if self.lanes_by.is_some() && self.in_order {
            return says("in_order is one message at a time: it has no lanes");
        }
        Ok(())
    }

    fn spec(&self) -> ConsumerSpec {
        let name = self.name.clone().filter(|_| !self.is_ephemeral);
        let options = &self.options;
        let mut filters = self.filters.clone();
        let filter_subject = if filters.len() == 1 { filters.remove(0) } else { String::new() };
        let max_ack_pending = if self.in_order { Some(1) } else { options.max_ack_pending };
        let config = consumer::pull::Config {
            durable_name: name.clone(),
            deliver_policy: deliver_policy(options.deliver_policy),
            ack_wait: options.ack_wait,
            max_deliver: self.retry.max_deliver.map_or(-1, i64::from),
            max_ack_pending: max_ack_pending.map_or(0, |n| i64::try_from(n).unwrap_or(i64::MAX)),
            filter_subject,
            filter_subjects: filters,
            ..explicit()
        };
        ConsumerSpec {
            stream: self.stream.clone(),
            stream_config: self.stream_config.clone(),
            name,
            kind: self.kind.clone(),
            config,
            on_drift: self.on_drift,
        }
    }
}
