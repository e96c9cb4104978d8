//! What Consul says of a service.

use serde::Deserialize;

use super::request::Answer;

/// Where a server listens whose registration says no port.
const PORT_DEFAULT: u16 = 4222;

/// Healthy instances.
#[derive(Debug)]
pub(super) struct Instances {
    /// Sorted, each once.
    pub(super) urls: Vec<String>,
    /// `X-Consul-Index`.
    pub(super) index: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    node: Node,
    service: Service,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    port: u16,
}

pub(super) fn parse(answer: &Answer) -> Result<Instances, String> {
    let entries: Vec<Entry> =
        serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    let mut urls = entries.iter().map(url).collect::<Result<Vec<String>, String>>()?;
    urls.sort_unstable();
    urls.dedup();
    Ok(Instances { urls, index: answer.index })
}

/// A service without an address is on its node's.
fn url(entry: &Entry) -> Result<String, String> {
    let own = entry.service.address.as_deref().filter(|address| !address.is_empty());
    let host = own.unwrap_or(&entry.node.address);
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@?#,".contains(c)) {
        return Err(format!("{host:?} is no address of an instance"));
    }
    let port = if entry.service.port == 0 { PORT_DEFAULT } else { entry.service.port };
    let bare_ipv6 = host.contains(':') && !host.starts_with('[');
    Ok(if bare_ipv6 { format!("nats://[{host}]:{port}") } else { format!("nats://{host}:{port}") })
}
