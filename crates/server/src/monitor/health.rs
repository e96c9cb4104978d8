//! `/healthz`: whether all is well, for probes.

use axum::http::StatusCode;
use serde::Serialize;
use tradewind_jetstream::shard::ShardReport;

use super::query::{BadQuery, Query};
use super::{Answer, jetstream, json};
use crate::shared::Shared;
use crate::store::StoreState;

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Detail>,
}

#[derive(Debug, Serialize)]
struct Detail {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<String>,
    error: String,
}

/// Something that is not well.
#[derive(Debug)]
struct Trouble {
    code: StatusCode,
    kind: &'static str,
    error: String,
}

impl Trouble {
    fn new(code: StatusCode, kind: &'static str, error: impl Into<String>) -> Trouble {
        Trouble { code, kind, error: error.into() }
    }
}

struct Request {
    account: String,
    stream: String,
    consumer: String,
    /// Only whether JetStream is on.
    js_enabled_only: bool,
    /// Only whether the server answers.
    js_server_only: bool,
    details: bool,
}

impl Request {
    fn of(query: &Query) -> Result<Request, BadQuery> {
        // An older spelling.
        let js_enabled = query.boolean("js-enabled")?;
        let js_enabled_only = query.boolean("js-enabled-only")? || js_enabled;
        let js_server_only = query.boolean("js-server-only")?;
        query.boolean("js-meta-only")?;
        let text = |name| query.text(name).to_owned();
        Ok(Request {
            account: text("account"),
            stream: text("stream"),
            consumer: text("consumer"),
            js_enabled_only,
            js_server_only,
            details: query.boolean("details")?,
        })
    }

    /// What is wrong with the request itself.
    fn fault(&self) -> Option<Trouble> {
        let text = if !self.stream.is_empty() && self.account.is_empty() {
            "\"account\" must not be empty when checking stream health"
        } else if !self.consumer.is_empty() && self.stream.is_empty() {
            "\"stream\" must not be empty when checking consumer health"
        } else {
            return None;
        };
        Some(Trouble::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", text))
    }
}

pub(super) async fn answer(shared: &Shared, query: &Query) -> Result<Answer, BadQuery> {
    let request = Request::of(query)?;
    let Some(trouble) = check(shared, &request).await else {
        let well = Health { status: "ok", error: None, errors: Vec::new() };
        return Ok(Answer::Json(StatusCode::OK, json::compact(&well)));
    };
    let code = trouble.code;
    let is_away = matches!(code, StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE);
    let health = if request.details {
        shared.log.warn("Healthcheck failed: 1 errors");
        Health { status: "error", error: None, errors: vec![detail(&request, trouble)] }
    } else {
        shared.log.warn(&format!("Healthcheck failed: {:?}", trouble.error));
        let status = if is_away { "unavailable" } else { "error" };
        Health { status, error: Some(trouble.error), errors: Vec::new() }
    };
    Ok(Answer::Json(code, json::compact(&health)))
}

fn detail(request: &Request, trouble: Trouble) -> Detail {
    let named = |text: &str, kinds: &[&str]| {
        (kinds.contains(&trouble.kind) && !text.is_empty()).then(|| text.to_owned())
    };
    Detail {
        kind: trouble.kind,
        account: named(&request.account, &["ACCOUNT", "STREAM", "CONSUMER"]),
        stream: named(&request.stream, &["STREAM", "CONSUMER"]),
        consumer: named(&request.consumer, &["CONSUMER"]),
        error: trouble.error,
    }
}

async fn check(shared: &Shared, request: &Request) -> Option<Trouble> {
    if !shared.is_accepting() {
        let text = "failed to be ready for connections after 1ms: server";
        return Some(Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, "CONN", text));
    }
    if let Some(fault) = request.fault() {
        return Some(fault);
    }
    if shared.options.jetstream.is_none() || request.js_server_only {
        return None;
    }
    let failed = shared.store.as_ref().and_then(|store| store_trouble(store.state()));
    if failed.is_some() && !request.js_enabled_only {
        return failed;
    }
    let Some(report) = jetstream::report(shared).await else {
        let code = StatusCode::SERVICE_UNAVAILABLE;
        return Some(Trouble::new(code, "JETSTREAM", "JetStream not enabled"));
    };
    if request.js_enabled_only {
        return None;
    }
    if request.account.is_empty() { None } else { find(shared, request, &report) }
}

/// What is wrong with the store as a whole.
fn store_trouble(state: StoreState) -> Option<Trouble> {
    let text = match state {
        StoreState::Healthy => return None,
        StoreState::Full => "JetStream is out of disk space: publishes are refused".to_owned(),
        StoreState::Failed { reason } => format!("JetStream takes no writes: {reason}"),
    };
    Some(Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "JETSTREAM", text))
}

/// Looks for the account, stream and consumer named.
fn find(shared: &Shared, request: &Request, report: &ShardReport) -> Option<Trouble> {
    let Request { account, stream, consumer, .. } = request;
    let missing = |kind, text| Some(Trouble::new(StatusCode::NOT_FOUND, kind, text));
    if *account != shared.account.name {
        return missing("ACCOUNT", format!("JetStream account {account:?} not found"));
    }
    if stream.is_empty() {
        return None;
    }
    let Some(found) = report.streams.iter().find(|known| known.info.config.name == *stream) else {
        let text = format!("JetStream stream {stream:?} not found on account {account:?}");
        return missing("STREAM", text);
    };
    if consumer.is_empty() || found.consumers.iter().any(|known| known.name == *consumer) {
        return None;
    }
    let text = format!(
        "JetStream consumer {consumer:?} not found for stream {stream:?} on account {account:?}"
    );
    missing("CONSUMER", text)
}
