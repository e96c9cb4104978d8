//! Where metrics and spans go: OTLP over gRPC, a Prometheus endpoint.

use std::net::SocketAddr;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{InstrumentationScope, Key};
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::Registry;

use super::prometheus::Endpoint;
use super::{Metrics, TelemetryError, Tracing};
use crate::config::Telemetry;

/// Where OTLP goes if telemetry is enabled and nothing says where to.
const DEFAULT_OTLP_ENDPOINT: &str = "http://localhost:4317";

/// Exports what [`Exporter::metrics`] and [`Exporter::tracing`] record, until it is shut down.
#[derive(Debug)]
pub struct Exporter {
    metrics: Metrics,
    tracing: Tracing,
    prometheus: Option<Endpoint>,
    providers: Option<Providers>,
}

#[derive(Debug)]
struct Providers {
    meters: SdkMeterProvider,
    spans: Option<SdkTracerProvider>,
}

/// Starts to export as `config` says; has to be called inside a Tokio runtime.
///
/// Metrics and spans go over OTLP to `otlp_endpoint`, or to `http://localhost:4317` if there is no
/// Prometheus endpoint either. The `OTEL_*` variables that OpenTelemetry defines are heard:
/// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_EXPORTER_OTLP_HEADERS`,
/// `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_TRACES_SAMPLER` and their like.
///
/// # Errors
/// An endpoint that is no URL, an address that cannot be listened on, no runtime. A collector that
/// does not answer is none: it is tried again with the next export.
pub fn start(config: &Telemetry) -> Result<Exporter, TelemetryError> {
    if !config.enabled {
        return Ok(Exporter::disabled());
    }
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(TelemetryError::NoRuntime);
    }
    let nowhere = config.otlp_endpoint.is_none() && config.prometheus.is_none();
    let default = nowhere.then_some(DEFAULT_OTLP_ENDPOINT);
    let otlp = config.otlp_endpoint.as_deref().or(default);
    let resource = resource();

    let mut meters = SdkMeterProvider::builder().with_resource(resource.clone());
    if let Some(endpoint) = otlp {
        meters = meters.with_periodic_exporter(metric_exporter(endpoint)?);
    }
    let mut prometheus = None;
    if let Some(address) = config.prometheus {
        let registry = Registry::new();
        let reader =
            opentelemetry_prometheus::exporter()
                .with_registry(registry.clone())
                .build()
                .map_err(|error| TelemetryError::Prometheus { address, source: error.into() })?;
        meters = meters.with_reader(reader);
        prometheus = Some(Endpoint::open(address, registry)?);
    }
    let meters = meters.build();
    let spans = match otlp {
        Some(endpoint) => Some(
            SdkTracerProvider::builder()
                .with_resource(resource)
                .with_batch_exporter(span_exporter(endpoint)?)
                .build(),
        ),
        None => None,
    };
    Ok(Exporter {
        metrics: Metrics::from_meter(&meters.meter_with_scope(scope())),
        tracing: spans.as_ref().map_or(Tracing::disabled(), |spans| {
            Tracing::from_tracer(spans.tracer_with_scope(scope()))
        }),
        prometheus,
        providers: Some(Providers { meters, spans }),
    })
}

impl Exporter {
    fn disabled() -> Exporter {
        Exporter {
            metrics: Metrics::disabled(),
            tracing: Tracing::disabled(),
            prometheus: None,
            providers: None,
        }
    }

    /// Where to record what is to be exported.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Where to start spans that are to be exported; disabled without OTLP.
    pub fn tracing(&self) -> Tracing {
        self.tracing.clone()
    }

    /// Where the Prometheus endpoint listens; has the port if 0 was asked for.
    pub fn prometheus_address(&self) -> Option<SocketAddr> {
        self.prometheus.as_ref().map(Endpoint::address)
    }

    /// Exports what is left, then stops. Takes up to about ten seconds if the collector does not
    /// answer.
    ///
    /// # Errors
    /// The last export failed or took too long.
    pub async fn shutdown(mut self) -> Result<(), TelemetryError> {
        if let Some(endpoint) = self.prometheus.take() {
            endpoint.close().await;
        }
        let Some(providers) = self.providers.take() else { return Ok(()) };
        // The providers block until their threads are done, and those wait for tasks of this runtime.
        tokio::task::spawn_blocking(move || providers.shutdown())
            .await
            .map_err(|error| TelemetryError::Shutdown(error.to_string()))?
    }
}

impl Drop for Exporter {
    /// Dropped without a shutdown: exports what is left in the background, for as long as the
    /// runtime lives.
    fn drop(&mut self) {
        let Some(providers) = self.providers.take() else { return };
        let background = std::thread::Builder::new().name("telemetry-shutdown".to_owned());
        let spawned = background.spawn(move || {
            if let Err(error) = providers.shutdown() {
                tracing::warn!(%error, "telemetry was dropped without a shutdown");
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "telemetry was dropped without a shutdown");
        }
    }
}

impl Providers {
    fn shutdown(self) -> Result<(), TelemetryError> {
        let spans = self.spans.map_or(Ok(()), |spans| spans.shutdown());
        let meters = self.meters.shutdown();
        spans.and(meters).map_err(|error| TelemetryError::Shutdown(error.to_string()))
    }
}

fn metric_exporter(endpoint: &str) -> Result<MetricExporter, TelemetryError> {
    let builder = MetricExporter::builder().with_tonic().with_endpoint(url(endpoint));
    let builder = if is_encrypted(endpoint) { builder.with_tls_config(tls()) } else { builder };
    builder.build().map_err(|error| refused(endpoint, error))
}

fn span_exporter(endpoint: &str) -> Result<SpanExporter, TelemetryError> {
    let builder = SpanExporter::builder().with_tonic().with_endpoint(url(endpoint));
    let builder = if is_encrypted(endpoint) { builder.with_tls_config(tls()) } else { builder };
    builder.build().map_err(|error| refused(endpoint, error))
}

/// `endpoint` with a scheme: many write `collector:4317`.
fn url(endpoint: &str) -> String {
    if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") }
}

fn is_encrypted(endpoint: &str) -> bool {
    endpoint.starts_with("https://")
}

fn tls() -> ClientTlsConfig {
    ClientTlsConfig::new().with_enabled_roots()
}

fn refused(endpoint: &str, error: ExporterBuildError) -> TelemetryError {
    TelemetryError::Otlp { endpoint: endpoint.to_owned(), source: error.into() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// What the environment says of this service; its name is that of the program if it does not say.
fn resource() -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&Key::from_static_str("service.name"));
    if name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        return found;
    }
    let program = std::env::current_exe().ok();
    let stem = program.as_ref().and_then(|path| path.file_stem()?.to_str());
    let name = stem.unwrap_or(env!("CARGO_PKG_NAME")).to_owned();
    Resource::builder().with_service_name(name).build()
}
