//! Questions to Consul's agent.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_nats::rustls::crypto::ring;
use async_nats::rustls::{ClientConfig, RootCertStore};
use reqwest::header::HeaderValue;
use reqwest::{Client, Method, RequestBuilder, Response, Url};

use super::{DiscoveryCause, DiscoveryError};
use crate::config;

/// Bytes of the longest answer that is read: some ten thousand instances.
const ANSWER_MAX: usize = 16 << 20;
/// Characters of a refusal's text that are shown.
const TEXT_MAX: usize = 200;
/// After this time without a sign of life a connection with a blocking query is probed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// An agent of Consul, and the service asked for.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    client: Client,
    /// Ends at the host, or the path that a proxy puts the API under.
    url: Url,
    service: String,
    /// Marked as sensitive: `Debug` doesn't show it.
    token: Option<HeaderValue>,
    timeout: Duration,
}

/// An answer with status 2xx.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// `X-Consul-Index`.
    pub(super) index: Option<u64>,
}

impl Agent {
    pub(super) fn new(config: &config::Consul) -> Result<Agent, DiscoveryError> {
        let failed = |address: &str, cause| DiscoveryError {
            address: address.to_owned(),
            service: config.service.clone(),
            cause,
        };
        let url = parse_address(&config.address)
            // The text may have a password in it, so it is not shown.
            .map_err(|reason| failed("(unreadable address)", DiscoveryCause::Address(reason)))?;
        let failed = |cause| failed(&shown(&url), cause);
        if config.service.trim().is_empty() {
            return Err(failed(DiscoveryCause::NoService));
        }
        let token = config.token.as_ref().map(config::Secret::reveal).filter(|it| !it.is_empty());
        let token = token
            .map(|token| {
                let mut header = HeaderValue::from_str(token)?;
                header.set_sensitive(true);
                Ok(header)
            })
            .transpose()
            .map_err(|_: reqwest::header::InvalidHeaderValue| failed(DiscoveryCause::Token))?;
        let client = client(url.scheme() == "https", config.timeout)
            .map_err(|reason| failed(DiscoveryCause::Tls(reason)))?;
        Ok(Agent { client, url, service: config.service.clone(), token, timeout: config.timeout })
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn error(&self, cause: DiscoveryCause) -> DiscoveryError {
        DiscoveryError { address: shown(&self.url), service: self.service.clone(), cause }
    }

    /// The healthy instances. `after`: once the index is over this one, or this time has passed.
    pub(super) async fn health(
        &self,
        after: Option<(u64, Duration)>,
    ) -> Result<Answer, DiscoveryError> {
        let mut query = vec![("passing", "true".to_owned())];
        let mut timeout = self.timeout;
        if let Some((index, wait)) = after {
            query.extend([("index", index.to_string()), ("wait", milliseconds(wait))]);
            // Consul adds up to a sixteenth, so that not all clients ask again at once.
            timeout = timeout.saturating_add(wait).saturating_add(wait / 16);
        }
        let request = self.request(Method::GET, &["health", "service", &self.service], &query);
        self.send(request, timeout).await
    }

    /// A request to `/v1/` and `path`, whose parts may have any characters.
    pub(super) fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> RequestBuilder {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) => request.header("X-Consul-Token", token.clone()),
            None => request,
        }
    }

    /// `timeout` is until the answer was read as a whole.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        timeout: Duration,
    ) -> Result<Answer, DiscoveryError> {
        let failed = |error: reqwest::Error| {
            self.error(if error.is_timeout() {
                DiscoveryCause::Timeout(timeout)
            } else {
                DiscoveryCause::Unreachable(innermost(&error))
            })
        };
        let response = request.timeout(timeout).send().await.map_err(failed)?;
        let status = response.status();
        let index = response.headers().get("X-Consul-Index");
        let index = index.and_then(|index| index.to_str().ok()?.parse().ok());
        let body = read(response).await.map_err(failed)?;
        let Some(body) = body else {
            let reason = format!("it is over {ANSWER_MAX} bytes");
            return Err(self.error(DiscoveryCause::Answer(reason)));
        };
        if !status.is_success() {
            let text = self.refusal(&body);
            return Err(self.error(DiscoveryCause::Status { status: status.as_u16(), text }));
        }
        Ok(Answer { body, index })
    }

    /// The start of a refusal on one line, the token struck out should Consul repeat it.
    fn refusal(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let text = match self.token.as_ref().and_then(|token| token.to_str().ok()) {
            Some(token) => text.replace(token, "…"),
            None => text.into_owned(),
        };
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().take(TEXT_MAX).collect()
    }
}

/// As Go writes durations, which Consul reads.
pub(super) fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

fn parse_address(address: &str) -> Result<Url, String> {
    let address = address.trim();
    let with_scheme =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let url = Url::parse(&with_scheme).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("scheme {:?} is neither http nor https", url.scheme()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has more than scheme, host, port and path".to_owned());
    }
    Ok(url)
}

/// Without the password that a URL may have.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail for URLs without a host only, and ours has one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.as_str().trim_end_matches('/').to_owned()
}

fn client(https: bool, connect_timeout: Duration) -> Result<Client, String> {
    let mut roots = RootCertStore::empty();
    if https {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let first = found.errors.first().map(|error| format!(": {error}"));
            return Err(format!("no certificates to trust{}", first.unwrap_or_default()));
        }
    }
    // Given here, because reqwest otherwise takes the process's provider and panics without one.
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(connect_timeout)
        .tcp_keepalive(KEEPALIVE)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| innermost(&error))
}

/// None if it is longer than any answer should be.
async fn read(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if ANSWER_MAX < body.len() + chunk.len() {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// What an error comes down to, such as "Connection refused".
fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
