//! What all tasks of one server share.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tradewind_proto::Info;
use tradewind_router::auth::Authenticator;
use tradewind_subject::Timestamp;

use crate::account::Account;
use crate::client::Client;
use crate::clients::Clients;
use crate::log::Log;
use crate::mailbox::Mailbox;
use crate::medium::Medium;
use crate::options::{NATS_VERSION, Options};
use crate::store::StoreWatch;

/// Name of the account of everybody.
pub(crate) const GLOBAL_ACCOUNT: &str = "$G";

/// What all tasks of one server share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) info: Info,
    pub(crate) start: Timestamp,
    pub(crate) auth: Authenticator,
    pub(crate) account: Arc<Account>,
    /// JetStream, if it is on.
    pub(crate) jetstream: Option<Arc<Mailbox>>,
    /// How its store is.
    pub(crate) store: Option<Arc<StoreWatch>>,
    /// What its store lies on.
    pub(crate) medium: Medium,
    /// The most connections at a time; 0 is any number.
    pub(crate) connections_max: usize,
    pub(crate) clients: Clients,
    pub(crate) log: Arc<Log>,
    /// Tells everything to end.
    pub(crate) stop: CancellationToken,
    /// Tells the listener to end.
    pub(crate) stop_accepting: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// Makes choices of this process differ from those of others.
    pub(crate) seed: u64,
}

/// Identity of a server, made at every start.
pub(crate) fn new_info(options: &Options) -> Info {
    let server_id = KeyPair::new_server().public_key();
    let name = &options.server_name;
    Info {
        server_name: if name.is_empty() { server_id.clone() } else { name.clone() },
        server_id,
        version: NATS_VERSION.to_owned(),
        proto: 1,
        go: concat!("tradewind ", env!("CARGO_PKG_VERSION")).to_owned(),
        host: options.host.clone(),
        port: options.port,
        headers: true,
        max_payload: options.max_payload,
        jetstream: options.jetstream.is_some(),
        api_lvl: 5,
        xkey: nkeys::XKey::new().public_key(),
        ..Info::default()
    }
}

impl Shared {
    /// What an nkey has to sign; empty if nobody uses one.
    pub(crate) fn nonce(&self) -> String {
        if !self.auth.needs_nonce() {
            return String::new();
        }
        let mut bytes = [0_u8; 11];
        // Eleven random bytes, written as 15 characters of base64url as nats-server does.
        random_bytes(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The greeting of a new connection.
    pub(crate) fn info_for(&self, client: &Client, nonce: &str) -> Info {
        Info {
            auth_required: self.auth.required(),
            client_id: client.id.0,
            client_ip: client.peer.ip().to_string(),
            nonce: nonce.to_owned(),
            ..self.info.clone()
        }
    }

    /// What a client is told after its first ping.
    pub(crate) fn connect_info(&self, client: &Client, nonce: &str) -> Info {
        Info {
            connect_info: true,
            remote_account: self.account.name.clone(),
            ..self.info_for(client, nonce)
        }
    }

    /// Whether clients still get in.
    pub(crate) fn is_accepting(&self) -> bool {
        !self.stop_accepting.is_cancelled()
    }

    /// Subscriptions of all clients.
    pub(crate) fn n_subscriptions(&self) -> u64 {
        let open = self.clients.open();
        open.iter().map(|client| client.n_subscriptions.load(Ordering::Relaxed)).sum()
    }
}

/// Fills `bytes` with what nobody can guess.
pub(crate) fn random_bytes(bytes: &mut [u8]) {
    // The system's generator gives this little at once or not at all; without it nothing is safe, so
    // ask again until it answers.
    while rustix::rand::getrandom(&mut *bytes, rustix::rand::GetRandomFlags::empty())
        != Ok(bytes.len())
    {}
}

/// A number that differs from process to process.
pub(crate) fn random_seed() -> u64 {
    let mut bytes = [0; 8];
    random_bytes(&mut bytes);
    u64::from_le_bytes(bytes)
}
