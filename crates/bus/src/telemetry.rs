//! Metrics and spans by OpenTelemetry, behind the cargo feature `otel`.
//!
//! Without the feature the same types exist and do nothing, so that nobody who measures has to
//! ask whether it was built in.

#[cfg(not(feature = "otel"))]
mod disabled;
#[cfg(feature = "otel")]
mod exporter;
#[cfg(feature = "otel")]
mod instruments;
#[cfg(feature = "otel")]
mod metrics;
#[cfg(feature = "otel")]
mod prometheus;
#[cfg(feature = "otel")]
mod spans;
#[cfg(feature = "otel")]
mod trace_context;

#[cfg(test)]
#[cfg(feature = "otel")]
mod dashboard_tests;
#[cfg(test)]
#[cfg(feature = "otel")]
mod otlp_tests;

use std::net::SocketAddr;

#[cfg(not(feature = "otel"))]
pub use self::disabled::{
    ConsumerMetrics, Exporter, HandleSpan, Metrics, ProducerMetrics, PublishSpan, TraceContext,
    Tracing, extract, inject, start,
};
#[cfg(feature = "otel")]
pub use self::exporter::{Exporter, start};
#[cfg(feature = "otel")]
pub use self::metrics::{ConsumerMetrics, Metrics, ProducerMetrics};
#[cfg(feature = "otel")]
pub use self::spans::{HandleSpan, PublishSpan, Tracing};
#[cfg(feature = "otel")]
pub use self::trace_context::{TraceContext, extract, inject};

/// Why nothing, or not everything, is exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// Telemetry is enabled in a program that was built without it.
    #[error("telemetry is enabled, but tradewind-bus was built without its cargo feature `otel`")]
    NotBuilt,
    /// Exporters run as tasks.
    #[error("telemetry has to be started inside a Tokio runtime")]
    NoRuntime,
    /// The endpoint is no address that OTLP over gRPC can go to.
    #[error("cannot export over OTLP to {endpoint}")]
    Otlp {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The Prometheus endpoint cannot be opened.
    #[error("cannot serve metrics at {address}")]
    Prometheus {
        /// As it was given.
        address: SocketAddr,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The last export failed or took too long.
    #[error("what was measured last may not have been exported: {0}")]
    Shutdown(String),
}

#[cfg(test)]
#[cfg(not(feature = "otel"))]
mod tests {
    use super::*;
    use crate::config::Telemetry;

    /// Rows: S2-08, S2-41.
    #[test]
    fn s2_08_without_the_feature_enabling_is_an_error_that_names_it() {
        let enabled = Telemetry { enabled: true, ..Telemetry::default() };

        let error = start(&enabled).expect_err("not built");

        assert!(error.to_string().contains("cargo feature `otel`"), "{error}");
    }

    /// Rows: S2-08, S2-41.
    #[tokio::test]
    async fn s2_08_without_the_feature_disabled_telemetry_starts_and_does_nothing() {
        let exporter = start(&Telemetry::default()).unwrap();
        let mut headers = async_nats::HeaderMap::new();

        exporter.metrics().producer().publish_failed();
        let span = PublishSpan::start(&exporter.tracing(), "orders");
        span.inject(&mut headers);
        span.end("published");

        assert!(headers.is_empty());
        assert!(exporter.prometheus_address().is_none());
        exporter.shutdown().await.unwrap();
    }
}
