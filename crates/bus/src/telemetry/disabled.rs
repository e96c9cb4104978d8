//! The same types without the cargo feature `otel`: nothing is recorded.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use async_nats::HeaderMap;

use super::TelemetryError;
use crate::config::Telemetry;

/// Where a bus records; here, nowhere.
#[derive(Clone, Debug)]
pub struct Metrics(());

impl Metrics {
    /// Records nothing.
    pub const fn disabled() -> Metrics {
        Metrics(())
    }

    /// The handle of one producer.
    pub fn producer(&self) -> ProducerMetrics {
        ProducerMetrics(())
    }

    /// The handle of one consumer.
    pub fn consumer(&self, _stream: &str, _consumer: &str) -> ConsumerMetrics {
        ConsumerMetrics(())
    }

    /// A lost connection came back.
    pub fn reconnected(&self) {}

    /// The idempotency store knew the message.
    pub fn duplicate(&self) {}
}

/// Where a producer records; here, nowhere.
#[derive(Clone, Debug)]
pub struct ProducerMetrics(());

impl ProducerMetrics {
    /// A publish succeeded.
    pub fn published(&self, _latency: Duration, _stored: bool, _duplicate: bool) {}

    /// A publish failed for good.
    pub fn publish_failed(&self) {}
}

/// Where a consumer records; here, nowhere.
#[derive(Clone, Debug)]
pub struct ConsumerMetrics(());

impl ConsumerMetrics {
    /// A message was delivered.
    pub fn delivered(&self, _age: Option<Duration>, _redelivered: bool) {}

    /// A handler was done with a message.
    pub fn handled(&self, _outcome: &'static str, _took: Duration) {}

    /// So many more messages are in handlers.
    pub fn in_process(&self, _delta: i64) {}

    /// A handler panicked.
    pub fn panicked(&self) {}

    /// A message was put among the dead letters.
    pub fn dead_lettered(&self, _reason: &'static str) {}

    /// Messages of the stream that the consumer has yet to deliver.
    pub fn backlog(&self, _pending: u64) {}
}

/// Exports nothing.
#[derive(Debug)]
pub struct Exporter(());

/// Starts nothing.
///
/// # Errors
/// Telemetry is enabled: it was not built in.
pub fn start(config: &Telemetry) -> Result<Exporter, TelemetryError> {
    if config.enabled { Err(TelemetryError::NotBuilt) } else { Ok(Exporter(())) }
}

impl Exporter {
    /// Where to record.
    pub fn metrics(&self) -> Metrics {
        Metrics(())
    }

    /// Where to start spans.
    pub fn tracing(&self) -> Tracing {
        Tracing(())
    }

    /// Where the Prometheus endpoint listens: there is none.
    pub fn prometheus_address(&self) -> Option<SocketAddr> {
        None
    }

    /// Stops.
    ///
    /// # Errors
    /// None.
    pub fn shutdown(self) -> impl Future<Output = Result<(), TelemetryError>> + Send {
        std::future::ready(Ok(()))
    }
}

/// Which span of which trace a message comes from: of none.
#[derive(Clone, Debug, PartialEq)]
pub enum TraceContext {}

impl TraceContext {
    /// 32 lower-case hex digits.
    pub fn trace_id(&self) -> String {
        match *self {}
    }

    /// 16 lower-case hex digits.
    pub fn span_id(&self) -> String {
        match *self {}
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        match *self {}
    }
}

/// Writes `context` into `headers`.
pub fn inject(_headers: &mut HeaderMap, context: &TraceContext) {
    match *context {}
}

/// The context in `headers`: never looked for.
pub fn extract(_headers: &HeaderMap) -> Option<TraceContext> {
    None
}

/// Where spans are started; here, nowhere.
#[derive(Clone, Debug)]
pub struct Tracing(());

impl Tracing {
    /// Starts no span.
    pub const fn disabled() -> Tracing {
        Tracing(())
    }

    /// Whether spans are started at all.
    pub fn is_enabled(&self) -> bool {
        false
    }
}

/// The span of a publish; here, none.
#[derive(Debug)]
pub struct PublishSpan(());

impl PublishSpan {
    /// Starts none.
    pub fn start(_tracing: &Tracing, _subject: &str) -> PublishSpan {
        PublishSpan(())
    }

    /// Leaves `headers` alone.
    pub fn inject(&self, _headers: &mut HeaderMap) {}

    /// None.
    pub fn context(&self) -> Option<TraceContext> {
        None
    }

    /// The publish succeeded.
    pub fn end(self, _outcome: &'static str) {}

    /// The publish failed.
    pub fn fail(self, _outcome: &'static str, _error: &dyn Display) {}
}

/// The span of a handler; here, none.
#[derive(Debug)]
pub struct HandleSpan(());

impl HandleSpan {
    /// Starts none.
    pub fn start(_tracing: &Tracing, _subject: &str, _headers: &HeaderMap) -> HandleSpan {
        HandleSpan(())
    }

    /// `handler` as it is.
    pub fn within<F: Future>(&self, handler: F) -> impl Future<Output = F::Output> + use<F> {
        handler
    }

    /// None.
    pub fn context(&self) -> Option<TraceContext> {
        None
    }

    /// The handler did its work.
    pub fn end(self, _outcome: &'static str) {}

    /// The handler failed.
    pub fn fail(self, _outcome: &'static str, _error: &dyn Display) {}
}
