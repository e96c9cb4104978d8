//! Instances made known to Consul.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::DiscoveryError;
use super::request::{Agent, milliseconds};

/// An instance of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// Unique on the agent.
    pub id: String,
    /// Where it listens; none: on the agent's node.
    pub address: Option<String>,
    /// Port for clients.
    pub port: u16,
    /// Tags.
    pub tags: Vec<String>,
    /// Metadata.
    pub meta: BTreeMap<String, String>,
    /// How Consul finds out whether it is healthy; none: it always is.
    pub check: Option<Check>,
}

/// How Consul finds out whether an instance is healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is tried.
    pub probe: Probe,
    /// How often; Consul makes it a second at least.
    pub interval: Duration,
    /// Time after which a try has failed.
    pub timeout: Duration,
    /// Time of failing after which the instance is forgotten; Consul makes it a minute at least.
    pub deregister_after: Option<Duration>,
}

/// What a check tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A GET of this URL answers 2xx, such as `http://10.0.0.1:8222/healthz`.
    Http(String),
    /// Something takes connections at this address, such as `10.0.0.1:4222`.
    Tcp(String),
}

impl Agent {
    pub(super) async fn register(&self, registration: &Registration) -> Result<(), DiscoveryError> {
        let request = self
            .request(Method::PUT, &["agent", "service", "register"], &[])
            .json(&body(self.service(), registration));
        self.send(request, self.timeout()).await.map(drop)
    }

    pub(super) async fn deregister(&self, id: &str) -> Result<(), DiscoveryError> {
        let request = self.request(Method::PUT, &["agent", "service", "deregister", id], &[]);
        self.send(request, self.timeout()).await.map(drop)
    }
}

fn body(service: &str, registration: &Registration) -> Value {
    let mut body = json!({
        "ID": registration.id,
        "Name": service,
        "Port": registration.port,
        "Tags": registration.tags,
        "Meta": registration.meta,
    });
    if let Some(address) = &registration.address {
        body["Address"] = json!(address);
    }
    if let Some(check) = &registration.check {
        let (kind, target) = match &check.probe {
            Probe::Http(url) => ("HTTP", url),
            Probe::Tcp(address) => ("TCP", address),
        };
        body["Check"] = json!({
            kind: target,
            "Interval": milliseconds(check.interval),
            "Timeout": milliseconds(check.timeout),
        });
        if let Some(after) = check.deregister_after {
            body["Check"]["DeregisterCriticalServiceAfter"] = json!(milliseconds(after));
        }
    }
    body
}
