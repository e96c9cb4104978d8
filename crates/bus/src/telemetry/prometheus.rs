//! `GET /metrics`: the text that Prometheus scrapes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, Registry, TextEncoder};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::TelemetryError;

/// How long scrapes that are under way may take when the endpoint closes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The open endpoint; closes when dropped.
#[derive(Debug)]
pub(super) struct Endpoint {
    address: SocketAddr,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Opens it in the runtime that the caller is in.
    pub(super) fn open(
        address: SocketAddr,
        registry: Registry,
    ) -> Result<Endpoint, TelemetryError> {
        let failed =
            |error: std::io::Error| TelemetryError::Prometheus { address, source: error.into() };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;

        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let router = Router::new().route("/metrics", get(scrape)).with_state(registry);
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
            if let Err(error) = served {
                tracing::warn!(%error, "the Prometheus endpoint closed");
            }
        });
        Ok(Endpoint { address: bound, stop, task: Some(task) })
    }

    /// Where it listens; has the port if 0 was asked for.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes it and waits until the port is free.
    pub(super) async fn close(mut self) {
        self.stop.cancel();
        let Some(mut task) = self.task.take() else { return };
        if tokio::time::timeout(CLOSE_TIMEOUT, &mut task).await.is_err() {
            task.abort();
            // Cancelled, as asked: the listener is gone with the task.
            let _cancelled = task.await;
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn scrape(State(registry): State<Registry>) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => {
            ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
