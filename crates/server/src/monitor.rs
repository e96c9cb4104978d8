//! Monitoring over HTTP: nats-server's paths, fields, their order and error texts.

mod accounts;
mod connections;
mod health;
mod index;
mod jetstream;
mod json;
mod process;
mod query;
mod subscriptions;
mod varz;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::Response;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::net::TcpListener;
use tradewind_subject::Timestamp;

use self::process::Meter;
use self::query::{BadQuery, Query};
use crate::announce::display_host;
use crate::listener;
use crate::shared::Shared;

/// How long a stop waits for answers on their way.
const STOP_PATIENCE: Duration = Duration::from_secs(1);

/// Opens the monitoring port, if one is wanted, and answers on it until the server stops.
///
/// # Errors
///
/// The port can't be opened.
pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Option<SocketAddr>> {
    let Some((host, port)) = &shared.options.http else { return Ok(None) };
    let listener = listener::bind(host, *port)?;
    let address = listener.local_addr()?;
    let host = display_host(host);
    shared.log.info(&format!("Starting http monitor on {host}:{}", address.port()));
    let monitor = Arc::new(Monitor::new(Arc::clone(shared)));
    shared.tasks.spawn(serve(monitor, listener));
    Ok(Some(address))
}

async fn serve(monitor: Arc<Monitor>, listener: TcpListener) {
    let stop = monitor.shared.stop.clone();
    let router = axum::Router::new().fallback(answer).with_state(monitor);
    let served =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let patience = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_PATIENCE).await;
    };
    tokio::select! {
        // It ends only by the stop: errors of accepting are waited out inside.
        _ = served => (),
        () = patience => (),
    }
}

/// What the endpoints share.
struct Monitor {
    shared: Arc<Shared>,
    /// Requests by path, as `/varz` shows them.
    requests: Mutex<BTreeMap<&'static str, u64>>,
    meter: Mutex<Meter>,
}

/// What an endpoint answers.
enum Answer {
    Html(String),
    Json(StatusCode, Vec<u8>),
    Text(StatusCode, String),
}

impl Answer {
    /// An object, indented.
    fn of<T: Serialize>(value: &T) -> Answer {
        Answer::Json(StatusCode::OK, json::pretty(value))
    }
}

impl From<BadQuery> for Answer {
    fn from(BadQuery(text): BadQuery) -> Answer {
        Answer::Text(StatusCode::BAD_REQUEST, text)
    }
}

impl Monitor {
    fn new(shared: Arc<Shared>) -> Monitor {
        let meter = Mutex::new(Meter::new(shared.start));
        Monitor { shared, requests: Mutex::default(), meter }
    }

    fn now() -> Timestamp {
        crate::clock::now()
    }

    /// The endpoint that `path` names, without the base path.
    fn endpoint(&self, path: &str) -> Option<&'static str> {
        let base = self.shared.options.http_base_path.trim_matches('/');
        let rest = match base {
            "" => path,
            base => path.strip_prefix('/')?.strip_prefix(base)?,
        };
        let rest = if rest.is_empty() && !base.is_empty() { "/" } else { rest };
        let is_base = rest == "/" && !base.is_empty() && path.ends_with('/');
        PATHS.into_iter().find(|known| *known == rest && !is_base)
    }

    fn count(&self, endpoint: &'static str) {
        *self.requests.lock().entry(endpoint).or_default() += 1;
    }

    async fn answer(&self, endpoint: &'static str, query: &Query) -> Result<Answer, BadQuery> {
        let now = Monitor::now();
        match endpoint {
            "/" => Ok(Answer::Html(index::page())),
            "/varz" => {
                // It counts itself.
                self.count(endpoint);
                Ok(Answer::of(&varz::Varz::new(self, now).await))
            }
            "/connz" => connections::answer(&self.shared, now, query),
            "/subsz" | "/subscriptionsz" => subscriptions::answer(&self.shared, now, query),
            "/jsz" => jetstream::answer(&self.shared, now, query).await,
            "/healthz" => health::answer(&self.shared, query).await,
            "/accountz" => accounts::accountz(&self.shared, now, query),
            "/accstatz" => accounts::accstatz(&self.shared, now, query),
            "/routez" => Ok(Answer::of(&accounts::Routez::new(&self.shared, now))),
            "/gatewayz" => Ok(Answer::of(&accounts::Gatewayz::new(&self.shared, now))),
            "/leafz" => Ok(Answer::of(&accounts::Leafz::new(&self.shared, now))),
            "/ipqueuesz" => Ok(Answer::of(&BTreeMap::<&str, u64>::new())),
            "/raftz" => {
                Ok(Answer::Text(StatusCode::NOT_FOUND, "No Raft nodes registered".to_owned()))
            }
            _ => Ok(not_found()),
        }
    }
}

const PATHS: [&str; 14] = [
    "/",
    "/varz",
    "/connz",
    "/subsz",
    "/subscriptionsz",
    "/jsz",
    "/healthz",
    "/accountz",
    "/accstatz",
    "/routez",
    "/gatewayz",
    "/leafz",
    "/ipqueuesz",
    "/raftz",
];

fn not_found() -> Answer {
    Answer::Text(StatusCode::NOT_FOUND, "404 page not found\n".to_owned())
}

async fn answer(State(monitor): State<Arc<Monitor>>, uri: Uri) -> Response {
    let Some(endpoint) = monitor.endpoint(uri.path()) else { return respond(not_found()) };
    let query = Query::of(&uri);
    match monitor.answer(endpoint, &query).await {
        Ok(answer) => {
            if !matches!(endpoint, "/varz" | "/raftz" | "/ipqueuesz") {
                monitor.count(if endpoint == "/subscriptionsz" { "/subsz" } else { endpoint });
            }
            respond(answer)
        }
        Err(bad) => respond(bad.into()),
    }
}

fn respond(answer: Answer) -> Response {
    let (status, kind, body) = match answer {
        Answer::Html(page) => (StatusCode::OK, "text/html; charset=utf-8", Body::from(page)),
        Answer::Json(status, body) => (status, "application/json", Body::from(body)),
        Answer::Text(status, text) => (status, "text/plain; charset=utf-8", Body::from(text)),
    };
    let is_json = kind == "application/json";
    let mut response = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    if is_json {
        response = response.header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    }
    // The parts are constants, so building can't fail.
    response.body(body).unwrap_or_default()
}
