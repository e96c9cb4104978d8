use std::sync::Arc;

use tradewind_proto::Connect;
use tradewind_subject::{SeededMap, is_filter, is_literal, tokens};

use crate::auth::{Permissions, SubscribeVerdict, User};
use crate::interest::{ClientId, Subscription};

/// Why a connection ended, in the words of `/connz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client went away.
    ClientClosed,
    /// No valid credentials in time.
    AuthenticationTimeout,
    /// Wrong credentials.
    AuthenticationFailure,
    /// Too many bytes waited for it.
    SlowConsumerPendingBytes,
    /// It did not take bytes in time.
    SlowConsumerWriteDeadline,
    /// Writing failed.
    WriteError,
    /// Reading failed.
    ReadError,
    /// It reported an error.
    ParseError,
    /// It did not answer pings.
    StaleConnection,
    /// It broke the protocol.
    ProtocolViolation,
    /// It asked for a protocol level we don't have.
    BadClientProtocolVersion,
    /// There are too many connections.
    MaxConnectionsExceeded,
    /// A message over the limit.
    MaxPayloadExceeded,
    /// A control line over the limit.
    MaxControlLineExceeded,
    /// Headers without having asked for them.
    MessageHeaderViolation,
    /// `no_responders` without headers.
    NoRespondersRequiresHeaders,
    /// The server stops.
    ServerShutdown,
}

impl CloseReason {
    /// nats-server's name of the reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            CloseReason::ClientClosed => "Client Closed",
            CloseReason::AuthenticationTimeout => "Authentication Timeout",
            CloseReason::AuthenticationFailure => "Authentication Failure",
            CloseReason::SlowConsumerPendingBytes => "Slow Consumer (Pending Bytes)",
            CloseReason::SlowConsumerWriteDeadline => "Slow Consumer (Write Deadline)",
            CloseReason::WriteError => "Write Error",
            CloseReason::ReadError => "Read Error",
            CloseReason::ParseError => "Parse Error",
            CloseReason::StaleConnection => "Stale Connection",
            CloseReason::ProtocolViolation => "Protocol Violation",
            CloseReason::BadClientProtocolVersion => "Bad Client Protocol Version",
            CloseReason::MaxConnectionsExceeded => "Maximum Connections Exceeded",
            CloseReason::MaxPayloadExceeded => "Maximum Message Payload Exceeded",
            CloseReason::MaxControlLineExceeded => "Maximum Control Line Exceeded",
            CloseReason::MessageHeaderViolation => "Message Header Violation",
            CloseReason::NoRespondersRequiresHeaders => "No Responders Requires Headers",
            CloseReason::ServerShutdown => "Server Shutdown",
        }
    }

    /// The `-ERR` text the client is told, if it is told anything.
    pub const fn error_text(self) -> Option<&'static str> {
        match self {
            CloseReason::AuthenticationTimeout => Some("Authentication Timeout"),
            CloseReason::AuthenticationFailure => Some("Authorization Violation"),
            CloseReason::StaleConnection => Some("Stale Connection"),
            CloseReason::BadClientProtocolVersion => Some("invalid client protocol"),
            CloseReason::MaxConnectionsExceeded => Some("maximum connections exceeded"),
            CloseReason::MaxPayloadExceeded => Some("Maximum Payload Violation"),
            CloseReason::MaxControlLineExceeded => Some("maximum control line exceeded"),
            CloseReason::NoRespondersRequiresHeaders => {
                Some("no responders requires headers support")
            }
            _ => None,
        }
    }
}

/// Limits of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionLimits {
    /// Most subscriptions; 0 is no limit.
    pub max_subscriptions: usize,
    /// Most tokens of a filter; 0 is no limit.
    pub max_subscription_tokens: usize,
}

/// What one connection is and may do: the part of the protocol that remembers.
#[derive(Debug)]
pub struct Session<T> {
    id: ClientId,
    limits: SessionLimits,
    connect: Connect,
    connected: bool,
    user: Option<Arc<User>>,
    subscriptions: SeededMap<Box<[u8]>, Arc<Subscription<T>>>,
}

/// An operation that is refused with a line; the connection stays open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// What `SUB` leads to.
#[derive(Debug)]
pub enum Subscribe<T> {
    /// A new subscription, to be put among the interest.
    Added(Arc<Subscription<T>>),
    /// The sid is in use: nothing happens.
    Kept,
}

/// What `UNSUB` leads to.
#[derive(Debug)]
pub enum Unsubscribe<T> {
    /// The subscription is over, to be taken out of the interest.
    Removed(Arc<Subscription<T>>),
    /// It goes on, maybe until a count is reached, or is not known.
    Kept,
}

impl<T> Session<T> {
    /// A connection that has said nothing yet: it has the defaults of a telnet user.
    pub fn new(id: ClientId, limits: SessionLimits) -> Session<T> {
        Session {
            id,
            limits,
            connect: Connect::default(),
            connected: false,
            user: None,
            subscriptions: SeededMap::default(),
        }
    }

    /// What the client said of itself.
    pub fn options(&self) -> &Connect {
        &self.connect
    }

    /// Whether `CONNECT` was accepted.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Who it is.
    pub fn user(&self) -> Option<&Arc<User>> {
        self.user.as_ref()
    }

    /// What it may do; none if everything.
    pub fn permissions(&self) -> Option<&Arc<Permissions>> {
        self.user.as_ref().and_then(|user| user.permissions.as_ref())
    }

    /// The subscriptions.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Arc<Subscription<T>>> {
        self.subscriptions.values()
    }

    /// How many subscriptions there are.
    pub fn n_subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Checks what a `CONNECT` asks for, before its credentials are looked at.
    ///
    /// # Errors
    ///
    /// The reason to close.
    pub fn check_connect(connect: &Connect) -> Result<(), CloseReason> {
        if connect.names_account {
            return Err(CloseReason::AuthenticationFailure);
        }
        if !(0..=1).contains(&connect.protocol) {
            return Err(CloseReason::BadClientProtocolVersion);
        }
        if connect.no_responders && !connect.headers {
            return Err(CloseReason::NoRespondersRequiresHeaders);
        }
        Ok(())
    }

    /// Takes over an accepted `CONNECT`. A second one ends all subscriptions, which are returned.
    pub fn connected(&mut self, connect: Connect, user: Arc<User>) -> Vec<Arc<Subscription<T>>> {
        let again = self.connected;
        self.connect = connect;
        self.connected = true;
        self.user = Some(user);
        if again { self.close() } else { Vec::new() }
    }

    /// Sets the user of a client that need not send `CONNECT`.
    pub fn set_default_user(&mut self, user: Arc<User>) {
        if !self.connected {
            self.user = Some(user);
        }
    }

    /// Ends all subscriptions, which are returned.
    pub fn close(&mut self) -> Vec<Arc<Subscription<T>>> {
        std::mem::take(&mut self.subscriptions).into_values().collect()
    }

    /// Decides about `SUB`.
    ///
    /// # Errors
    ///
    /// The line to answer instead of `+OK`.
    pub fn subscribe(
        &mut self,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
        target: T,
    ) -> Result<Subscribe<T>, Refusal> {
        if !is_filter(subject) {
            return Err(Refusal("Invalid Subject".to_owned()));
        }
        let filtered = self.may_subscribe(subject, queue)?;
        if self.subscriptions.contains_key(sid) {
            return Ok(Subscribe::Kept);
        }
        if 0 < self.limits.max_subscriptions
            && self.limits.max_subscriptions <= self.n_subscriptions()
        {
            return Err(Refusal("maximum subscriptions exceeded".to_owned()));
        }
        let mut subscription = Subscription::new(self.id, sid, subject, queue, target);
        subscription.filtered = filtered;
        let subscription = Arc::new(subscription);
        self.subscriptions.insert(sid.into(), Arc::clone(&subscription));
        Ok(Subscribe::Added(subscription))
    }

    /// Whether deliveries have to be checked.
    fn may_subscribe(&self, subject: &[u8], queue: Option<&[u8]>) -> Result<bool, Refusal> {
        let text = String::from_utf8_lossy(subject);
        let tokens_max = self.limits.max_subscription_tokens;
        if 0 < tokens_max && tokens_max < tokens(subject).count() {
            return Err(Refusal(format!(
                "Permissions Violation for Subscription to \"{text}\", too many tokens"
            )));
        }
        let verdict = match (queue, self.permissions()) {
            // The server's own group name is not for clients.
            (Some(b"_sys_"), _) => SubscribeVerdict::Denied,
            (_, None) => SubscribeVerdict::Allowed,
            (queue, Some(permissions)) => permissions.check_subscribe(subject, queue),
        };
        match (verdict, queue) {
            (SubscribeVerdict::Allowed, _) => Ok(false),
            (SubscribeVerdict::Filtered, _) => Ok(true),
            (SubscribeVerdict::Denied, None) => {
                Err(Refusal(format!("Permissions Violation for Subscription to \"{text}\"")))
            }
            (SubscribeVerdict::Denied, Some(queue)) => Err(Refusal(format!(
                "Permissions Violation for Subscription to \"{text}\" using queue \"{}\"",
                String::from_utf8_lossy(queue)
            ))),
        }
    }

    /// Decides about `UNSUB`.
    pub fn unsubscribe(&mut self, sid: &[u8], max: Option<u64>) -> Unsubscribe<T> {
        let Some(subscription) = self.subscriptions.get(sid) else {
            return Unsubscribe::Kept;
        };
        if let Some(max) = max
            && !subscription.end_after(max)
        {
            return Unsubscribe::Kept;
        }
        match self.subscriptions.remove(sid) {
            Some(subscription) => Unsubscribe::Removed(subscription),
            None => Unsubscribe::Kept,
        }
    }

    /// Forgets a subscription that has had its last message. Whether it was still known: its sid
    /// may belong to another one by now.
    pub fn forget(&mut self, ended: &Arc<Subscription<T>>) -> bool {
        let is_known = self.subscriptions.get(&ended.sid).is_some_and(|s| Arc::ptr_eq(s, ended));
        is_known && self.subscriptions.remove(&ended.sid).is_some()
    }

    /// Whether a publish has a subject that a pedantic client should hear about. It is routed all
    /// the same.
    pub fn finds_fault_with(&self, subject: &[u8]) -> bool {
        self.connect.pedantic && !is_literal(subject)
    }

    /// Checks the names that are reserved whatever the permissions say.
    ///
    /// # Errors
    ///
    /// The line to answer; the message is dropped.
    #[inline]
    pub fn check_reserved(subject: &[u8], reply: &[u8]) -> Result<(), Refusal> {
        if let Some(b'$' | b'_') = reply.first()
            && [&b"_R_."[..], b"$JS.ACK.", b"$GR.", b"_GR_."]
                .iter()
                .any(|name| reply.starts_with(name))
        {
            return Err(Refusal(format!(
                "Permissions Violation for Publish with Reply of \"{}\"",
                String::from_utf8_lossy(reply)
            )));
        }
        if let Some(b'$' | b'_') = subject.first()
            && [&b"$GR."[..], b"_GR_.", b"$NRG."].iter().any(|name| subject.starts_with(name))
        {
            return Err(denied_publish(subject));
        }
        Ok(())
    }
}

/// What a client is told that may not publish to `subject`.
pub(crate) fn denied_publish(subject: &[u8]) -> Refusal {
    Refusal(format!(
        "Permissions Violation for Publish to \"{}\"",
        String::from_utf8_lossy(subject)
    ))
}

impl Refusal {
    /// The refusal of a publish that permissions forbid.
    pub fn publish_denied(subject: &[u8]) -> Refusal {
        denied_publish(subject)
    }

    /// The refusal of a wildcard or otherwise unfit subject, told to pedantic clients only.
    pub fn invalid_publish_subject() -> Refusal {
        Refusal("Invalid Publish Subject".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session<u8> {
        Session::new(
            ClientId(1),
            SessionLimits { max_subscriptions: 2, max_subscription_tokens: 3 },
        )
    }

    #[track_caller]
    fn refused(result: Result<Subscribe<u8>, Refusal>, expected: &str) {
        assert_eq!(result.unwrap_err().0, expected);
    }

    #[test]
    fn a_live_sid_is_kept_and_a_third_subscription_is_over_the_limit() {
        let mut session = session();
        assert!(matches!(session.subscribe(b"a", None, b"1", 0), Ok(Subscribe::Added(_))));
        assert!(matches!(session.subscribe(b"b", None, b"1", 0), Ok(Subscribe::Kept)));
        assert!(matches!(session.subscribe(b"b", None, b"2", 0), Ok(Subscribe::Added(_))));
        refused(session.subscribe(b"c", None, b"3", 0), "maximum subscriptions exceeded");
    }

    #[test]
    fn bad_filters_and_reserved_names_are_refused_with_nats_servers_words() {
        let mut session = session();
        refused(session.subscribe(b"a..b", None, b"1", 0), "Invalid Subject");
        refused(
            session.subscribe(b"a.b.c.d", None, b"1", 0),
            "Permissions Violation for Subscription to \"a.b.c.d\", too many tokens",
        );
        refused(
            session.subscribe(b"a", Some(b"_sys_"), b"1", 0),
            "Permissions Violation for Subscription to \"a\" using queue \"_sys_\"",
        );
        for (subject, reply, expected) in [
            ("a", "$JS.ACK.x", "Permissions Violation for Publish with Reply of \"$JS.ACK.x\""),
            ("$NRG.x", "", "Permissions Violation for Publish to \"$NRG.x\""),
        ] {
            let refusal = Session::<u8>::check_reserved(subject.as_bytes(), reply.as_bytes());
            assert_eq!(refusal.unwrap_err().0, expected);
        }
        assert!(Session::<u8>::check_reserved(b"$JS.ACK.x", b"_INBOX.1").is_ok());
    }

    #[test]
    fn unsubscribe_with_a_maximum_ends_at_once_when_it_is_reached() {
        let mut session = session();
        let Ok(Subscribe::Added(subscription)) = session.subscribe(b"a", None, b"1", 0) else {
            panic!("not added");
        };
        subscription.take_turn();
        assert!(matches!(session.unsubscribe(b"1", Some(2)), Unsubscribe::Kept));
        assert!(matches!(session.unsubscribe(b"1", Some(1)), Unsubscribe::Removed(_)));
        assert!(matches!(session.unsubscribe(b"1", None), Unsubscribe::Kept));
    }

    #[test]
    fn a_second_connect_ends_all_subscriptions() {
        let mut session = session();
        let nobody = || Arc::new(User { name: None, permissions: None, account: "$G".into() });
        assert!(session.connected(Connect::default(), nobody()).is_empty());
        session.subscribe(b"a", None, b"1", 0).unwrap();
        assert_eq!(session.connected(Connect::default(), nobody()).len(), 1);
        assert_eq!(session.n_subscriptions(), 0);
    }

    #[test]
    fn connect_is_checked_before_credentials() {
        let connect = Connect { no_responders: true, ..Connect::default() };
        assert_eq!(
            Session::<u8>::check_connect(&connect),
            Err(CloseReason::NoRespondersRequiresHeaders)
        );
        let connect = Connect { protocol: 2, ..Connect::default() };
        assert_eq!(
            Session::<u8>::check_connect(&connect),
            Err(CloseReason::BadClientProtocolVersion)
        );
        let connect = Connect { names_account: true, ..Connect::default() };
        assert_eq!(Session::<u8>::check_connect(&connect), Err(CloseReason::AuthenticationFailure));
    }
}
