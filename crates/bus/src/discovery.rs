//! Servers found in Consul, over the HTTP API of its agent.

mod answer;
mod registration;
mod request;
mod watch;

use std::time::Duration;

pub use self::registration::{Check, Probe, Registration};
pub use self::watch::{WatchOptions, Watcher};
use crate::config::{self, Config};

/// A service in Consul. Clones share their connections to the agent.
#[derive(Clone, Debug)]
pub struct Consul {
    agent: request::Agent,
}

/// Why Consul was of no help. The ACL token is never part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Consul at {address}, service {service:?}: {cause}")]
pub struct DiscoveryError {
    /// Address of the agent.
    pub address: String,
    /// Name of the service.
    pub service: String,
    /// What happened.
    pub cause: DiscoveryCause,
}

/// What happened to a question to Consul.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryCause {
    /// The configured address is none.
    #[error("the address is wrong: {0}")]
    Address(String),
    /// No service is named.
    #[error("the service has no name")]
    NoService,
    /// The token can't be a header.
    #[error("the token has characters that no token has")]
    Token,
    /// TLS can't be set up.
    #[error("no TLS: {0}")]
    Tls(String),
    /// The agent can't be reached, or broke off.
    #[error("can't be reached: {0}")]
    Unreachable(String),
    /// The agent didn't answer in time.
    #[error("no answer in {0:?}")]
    Timeout(Duration),
    /// The agent refused.
    #[error("answered {status}: {text}")]
    Status {
        /// HTTP status.
        status: u16,
        /// The start of what came with it.
        text: String,
    },
    /// The answer is not what the API promises.
    #[error("the answer can't be read: {0}")]
    Answer(String),
}

impl Consul {
    /// The service that `config` names, at its agent. Asks nothing yet. The proxy variables of the
    /// environment are ignored and redirects not followed: the token goes to the agent only.
    ///
    /// # Errors
    ///
    /// If the address is no `http://` or `https://` URL (without scheme it counts as `http://`),
    /// the service has no name, the token can't be a header, TLS finds no certificates to trust.
    pub fn new(config: &config::Consul) -> Result<Consul, DiscoveryError> {
        Ok(Consul { agent: request::Agent::new(config)? })
    }

    /// URLs, `nats://host:port`, of the service's instances whose checks pass, sorted. May be none.
    ///
    /// # Errors
    ///
    /// If Consul can't be reached, refuses, takes longer than the configured timeout, or answers
    /// what can't be read.
    pub async fn healthy(&self) -> Result<Vec<String>, DiscoveryError> {
        Ok(self.instances(None).await?.urls)
    }

    /// Follows the service: every change of its healthy instances, by blocking queries. Needs a
    /// Tokio runtime.
    pub fn watch(&self, options: WatchOptions) -> Watcher {
        Watcher::start(self.clone(), options)
    }

    /// Registers an instance of the service with the agent, or changes the one of this id. With a
    /// check it is not healthy before the check passed.
    ///
    /// # Errors
    ///
    /// As [`Consul::healthy`].
    pub async fn register(&self, registration: &Registration) -> Result<(), DiscoveryError> {
        self.agent.register(registration).await
    }

    /// Takes the instance of this id from the agent.
    ///
    /// # Errors
    ///
    /// As [`Consul::healthy`]; an id that the agent doesn't know is refused with status 404 or 500.
    pub async fn deregister(&self, id: &str) -> Result<(), DiscoveryError> {
        self.agent.deregister(id).await
    }

    /// `after`: answer once the index is over this one, or this time has passed.
    async fn instances(
        &self,
        after: Option<(u64, Duration)>,
    ) -> Result<answer::Instances, DiscoveryError> {
        let answer = self.agent.health(after).await?;
        answer::parse(&answer).map_err(|reason| self.agent.error(DiscoveryCause::Answer(reason)))
    }
}

/// URLs of the servers to connect to: the healthy ones that Consul knows, if [`Config::consul`] is
/// set. If it isn't, or Consul is of no help, those of [`Config::server_urls`]; a warning says why.
pub async fn resolve(config: &Config) -> Vec<String> {
    let Some(consul) = &config.consul else {
        return config.server_urls.clone();
    };
    let found = match Consul::new(consul) {
        Ok(consul) => consul.healthy().await,
        Err(error) => Err(error),
    };
    let cause = match found {
        Ok(urls) if !urls.is_empty() => return urls,
        Ok(_) => format!("Consul lists no healthy instance of service {:?}", consul.service),
        Err(error) => error.to_string(),
    };
    tracing::warn!(%cause, urls = ?config.server_urls, "using the configured servers");
    config.server_urls.clone()
}

#[cfg(test)]
mod log;
#[cfg(test)]
mod real_tests;
#[cfg(test)]
mod stub;
#[cfg(test)]
mod tests;
