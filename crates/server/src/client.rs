//! One client connection: its handle, its reader task and its writer task.

mod connection;
pub(crate) mod outbox;
mod reader;
mod writer;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tradewind_proto::{Connect, Publish, encode};
use tradewind_router::auth::{Permissions, PublishGate, User};
use tradewind_router::{ClientId, CloseReason, Subscription};
use tradewind_subject::Timestamp;

use self::outbox::{Appended, Outbox};
use crate::dispatch::Target;

pub(crate) use self::reader::serve;

/// What others see of a connection: where its messages go, and its counters.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) peer: SocketAddr,
    pub(crate) start: Timestamp,
    pub(crate) outbox: Outbox,
    /// The socket, as long as the connection's own tasks hold it: a handle that others keep must not
    /// keep it open.
    stream: Weak<TcpStream>,
    closing: Notify,
    close_reason: OnceLock<CloseReason>,
    with_headers: AtomicBool,
    /// Whether the client has to authenticate and has not done so yet.
    pub(crate) unauthenticated: AtomicBool,
    pub(crate) in_messages: AtomicU64,
    pub(crate) in_bytes: AtomicU64,
    pub(crate) n_subscriptions: AtomicU64,
    pub(crate) last_activity: AtomicI64,
    pub(crate) pings_out: AtomicU32,
    pub(crate) ping_sent: AtomicI64,
    pub(crate) rtt: AtomicI64,
    pub(crate) identity: Mutex<Identity>,
    /// Subscriptions that ended by count, for the owner to forget.
    pub(crate) ended: Mutex<Vec<Arc<Subscription<Target>>>>,
    /// What the user may publish, and which requests it may answer; none if everything.
    gate: Mutex<Option<PublishGate>>,
    /// Whether `gate` has to hear of deliveries.
    tracks_responses: AtomicBool,
}

/// Who is connected, for monitoring and logs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Identity {
    pub(crate) connected: bool,
    pub(crate) protocol: u8,
    pub(crate) name: String,
    pub(crate) lang: String,
    pub(crate) version: String,
    pub(crate) user: String,
}

impl Client {
    pub(crate) fn new(
        id: ClientId,
        stream: &Arc<TcpStream>,
        peer: SocketAddr,
        start: Timestamp,
        max_pending: usize,
    ) -> Client {
        Client {
            id,
            peer,
            start,
            outbox: Outbox::new(max_pending),
            stream: Arc::downgrade(stream),
            closing: Notify::new(),
            close_reason: OnceLock::new(),
            with_headers: AtomicBool::new(false),
            unauthenticated: AtomicBool::new(false),
            in_messages: AtomicU64::new(0),
            in_bytes: AtomicU64::new(0),
            n_subscriptions: AtomicU64::new(0),
            last_activity: AtomicI64::new(start.nanos()),
            pings_out: AtomicU32::new(0),
            ping_sent: AtomicI64::new(0),
            rtt: AtomicI64::new(0),
            identity: Mutex::new(Identity::default()),
            ended: Mutex::new(Vec::new()),
            gate: Mutex::new(None),
            tracks_responses: AtomicBool::new(false),
        }
    }

    /// Takes over what `CONNECT` said.
    pub(crate) fn identify(&self, connect: &Connect, user: &User) {
        self.with_headers.store(connect.headers, Ordering::Relaxed);
        *self.identity.lock() = Identity {
            connected: true,
            protocol: u8::from(1 <= connect.protocol),
            name: connect.name.clone(),
            lang: connect.lang.clone(),
            version: connect.version.clone(),
            user: user.name.as_deref().unwrap_or_default().to_owned(),
        };
        self.set_permissions(user.permissions.clone());
    }

    pub(crate) fn set_permissions(&self, permissions: Option<Arc<Permissions>>) {
        let gate = permissions.map(PublishGate::new);
        let tracks = gate.as_ref().is_some_and(PublishGate::tracks_responses);
        *self.gate.lock() = gate;
        self.tracks_responses.store(tracks, Ordering::Relaxed);
    }

    /// Whether the client may publish to `subject` now; counts a response.
    pub(crate) fn may_publish(&self, subject: &[u8]) -> bool {
        let mut gate = self.gate.lock();
        gate.as_mut().is_none_or(|gate| gate.permits(crate::clock::now(), subject))
    }

    /// Whether permissions let a delivery through; remembers requests that may be answered.
    fn may_receive(&self, subscription: &Subscription<Target>, publish: &Publish<'_>) -> bool {
        let mut gate = self.gate.lock();
        let Some(gate) = gate.as_mut() else { return true };
        let queue = subscription.queue.as_deref();
        if subscription.filtered && !gate.permissions().may_deliver(publish.subject, queue) {
            return false;
        }
        if !publish.reply.is_empty() {
            gate.delivered(crate::clock::now(), publish.reply);
        }
        true
    }

    /// Appends a message for `subscription`. [`Appended::Closed`] also if permissions forbid it.
    #[inline]
    pub(crate) fn deliver(
        &self,
        subscription: &Subscription<Target>,
        publish: &Publish<'_>,
    ) -> Appended {
        let guarded = subscription.filtered || self.tracks_responses.load(Ordering::Relaxed);
        if guarded && !self.may_receive(subscription, publish) {
            return Appended::Closed;
        }
        let with_headers = self.with_headers.load(Ordering::Relaxed);
        let headers = if with_headers { publish.headers.len() } else { 0 };
        let appended = self.outbox.message(headers + publish.payload.len(), |out| {
            encode::message(out, &subscription.sid, publish, with_headers);
        });
        if appended == Appended::Overflow {
            self.close(CloseReason::SlowConsumerPendingBytes);
        }
        appended
    }

    /// Sees that what waits gets written: from here if it is little.
    pub(crate) fn flush(&self) {
        if let Some(stream) = self.stream.upgrade() {
            self.outbox.flush(&stream);
        }
    }

    /// Ends the connection. What waits is still written, if the client reads it.
    pub(crate) fn close(&self, reason: CloseReason) {
        if self.close_reason.set(reason).is_err() {
            return;
        }
        match reason {
            CloseReason::SlowConsumerPendingBytes
            | CloseReason::SlowConsumerWriteDeadline
            | CloseReason::WriteError
            | CloseReason::ReadError
            | CloseReason::ClientClosed => self.outbox.discard(),
            _ => {
                if let Some(text) = reason.error_text() {
                    self.outbox.control(|out| encode::error(out, text));
                }
                self.outbox.close();
            }
        }
        self.closing.notify_one();
    }

    /// Why it was closed, if it was.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.close_reason.get().copied()
    }

    /// Waits until it is closed.
    async fn closed(&self) {
        while self.close_reason.get().is_none() {
            self.closing.notified().await;
        }
    }
}
