//! All connections, for the keeper, monitoring and shutdown.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tradewind_router::{ClientId, CloseReason};
use tradewind_subject::Timestamp;

use crate::client::Client;
use crate::clock;

/// Open connections by number, and the last closed ones.
#[derive(Debug)]
pub(crate) struct Clients {
    next_id: AtomicU64,
    inner: Mutex<Inner>,
    closed_max: usize,
}

#[derive(Debug, Default)]
struct Inner {
    open: BTreeMap<ClientId, Arc<Client>>,
    closed: VecDeque<Closed>,
    n_total: u64,
    n_slow: u64,
    n_stale: u64,
    /// Counters of connections that are gone.
    gone: Traffic,
}

/// A connection that is gone.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) client: Arc<Client>,
    pub(crate) stop: Timestamp,
    pub(crate) reason: CloseReason,
}

/// Messages and bytes, in and out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) in_msgs: u64,
    pub(crate) in_bytes: u64,
    pub(crate) out_msgs: u64,
    pub(crate) out_bytes: u64,
}

/// Totals over all connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) open: usize,
    pub(crate) total: u64,
    pub(crate) slow: u64,
    pub(crate) stale: u64,
    pub(crate) traffic: Traffic,
}

impl Traffic {
    /// Counters of one connection.
    pub(crate) fn of(client: &Client) -> Traffic {
        let sent = client.outbox.sent();
        Traffic {
            in_msgs: client.in_messages.load(Ordering::Relaxed),
            in_bytes: client.in_bytes.load(Ordering::Relaxed),
            out_msgs: sent.messages,
            out_bytes: sent.bytes,
        }
    }

    fn add(&mut self, other: Traffic) {
        self.in_msgs += other.in_msgs;
        self.in_bytes += other.in_bytes;
        self.out_msgs += other.out_msgs;
        self.out_bytes += other.out_bytes;
    }
}

impl Clients {
    pub(crate) fn new(closed_max: usize) -> Clients {
        // Numbers below are for the server's own subscriptions.
        Clients { next_id: AtomicU64::new(4), inner: Mutex::default(), closed_max }
    }

    pub(crate) fn next_id(&self) -> ClientId {
        ClientId(self.next_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Adds a connection unless there are `max` of them.
    pub(crate) fn add(&self, client: &Arc<Client>, max: usize) -> bool {
        let mut inner = self.inner.lock();
        if 0 < max && max <= inner.open.len() {
            return false;
        }
        inner.n_total += 1;
        inner.open.insert(client.id, Arc::clone(client));
        true
    }

    /// Takes out a connection that has ended, and remembers it for monitoring.
    pub(crate) fn remove(&self, client: &Arc<Client>) {
        let mut inner = self.inner.lock();
        if inner.open.remove(&client.id).is_none() {
            return;
        }
        let reason = client.close_reason().unwrap_or(CloseReason::ClientClosed);
        match reason {
            CloseReason::SlowConsumerPendingBytes | CloseReason::SlowConsumerWriteDeadline => {
                inner.n_slow += 1;
            }
            CloseReason::StaleConnection => inner.n_stale += 1,
            _ => (),
        }
        inner.gone.add(Traffic::of(client));
        if self.closed_max <= inner.closed.len() {
            inner.closed.pop_front();
        }
        if 0 < self.closed_max {
            inner.closed.push_back(Closed {
                client: Arc::clone(client),
                stop: clock::now(),
                reason,
            });
        }
    }

    pub(crate) fn open(&self) -> Vec<Arc<Client>> {
        self.inner.lock().open.values().cloned().collect()
    }

    pub(crate) fn closed(&self) -> Vec<Closed> {
        self.inner.lock().closed.iter().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.lock().open.len()
    }

    pub(crate) fn totals(&self) -> Totals {
        let inner = self.inner.lock();
        let mut traffic = inner.gone;
        for client in inner.open.values() {
            traffic.add(Traffic::of(client));
        }
        Totals {
            open: inner.open.len(),
            total: inner.n_total,
            slow: inner.n_slow,
            stale: inner.n_stale,
            traffic,
        }
    }
}
