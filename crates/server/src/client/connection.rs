//! What a connection does with what it was sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tradewind_proto::{ClientOp, Connect, DecodeError, Decoder, Publish, Step, encode};
use tradewind_router::auth::{AuthFailure, BcryptCheck, Begin, Credentials, User};
use tradewind_router::{CloseReason, Refusal, Session, SessionLimits, Subscribe, Unsubscribe};
use tradewind_subject::int::u64_from;

use super::Client;
use super::outbox::Appended;
use crate::clock;
use crate::dispatch::{Dispatcher, Origin, Slow, Target};
use crate::shared::Shared;

/// What the reader knows of its connection.
pub(super) struct Connection {
    shared: Arc<Shared>,
    client: Arc<Client>,
    session: Session<Target>,
    dispatcher: Dispatcher,
    decoder: Decoder,
    nonce: String,
    told_account: bool,
    n_messages: u64,
    n_bytes: u64,
}

/// Why a pass over the input ended before all of it was used.
enum Stop {
    Close(CloseReason),
    Authenticate(Box<(Connect, BcryptCheck)>),
}

impl From<CloseReason> for Stop {
    fn from(reason: CloseReason) -> Stop {
        Stop::Close(reason)
    }
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, client: Arc<Client>, nonce: String) -> Connection {
        let options = &shared.options;
        let limits = SessionLimits {
            max_subscriptions: options.max_subscriptions,
            max_subscription_tokens: options.max_subscription_tokens,
        };
        let mut session = Session::new(client.id, limits);
        if !shared.auth.required()
            && let Begin::Done(Ok(user)) = shared.auth.begin(&Credentials::default(), b"")
        {
            client.set_permissions(user.permissions.clone());
            session.set_default_user(user);
        }
        let decoder = Decoder {
            max_control_line: options.max_control_line,
            max_payload: options.max_payload,
            connect_first: shared.auth.required(),
        };
        let seed = client.id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ shared.seed;
        let dispatcher = Dispatcher::new(Arc::clone(&shared.account), seed);
        Connection {
            shared,
            client,
            session,
            dispatcher,
            decoder,
            nonce,
            told_account: false,
            n_messages: 0,
            n_bytes: 0,
        }
    }

    /// Uses up what was read; returns how many bytes the next operation lacks at least.
    pub(super) async fn pass(
        &mut self,
        buffer: &mut [u8],
        filled: &mut usize,
    ) -> Result<usize, CloseReason> {
        self.client.last_activity.store(clock::now().nanos(), Ordering::Relaxed);
        self.forget_ended();
        let mut used = 0;
        let missing = loop {
            match self.process(&buffer[used..*filled], &mut used) {
                Ok(missing) => break missing,
                Err(Stop::Authenticate(pending)) => {
                    self.after_pass();
                    self.run_bcrypt(*pending).await?;
                }
                Err(Stop::Close(reason)) => {
                    self.after_pass();
                    return Err(reason);
                }
            }
        };
        buffer.copy_within(used..*filled, 0);
        *filled -= used;
        if let Some(slow) = self.after_pass() {
            Dispatcher::slow_down(slow).await;
        }
        Ok(missing)
    }

    fn after_pass(&mut self) -> Option<Slow> {
        self.client.in_messages.fetch_add(self.n_messages, Ordering::Relaxed);
        self.client.in_bytes.fetch_add(self.n_bytes, Ordering::Relaxed);
        (self.n_messages, self.n_bytes) = (0, 0);
        self.dispatcher.flush()
    }

    fn process(&mut self, input: &[u8], used: &mut usize) -> Result<usize, Stop> {
        let mut at = 0;
        loop {
            match self.decoder.decode(&input[at..]) {
                Ok(Step::Op { op, len }) => {
                    at += len;
                    *used += len;
                    self.handle(op)?;
                }
                Ok(Step::Incomplete { missing }) => return Ok(missing),
                Err(error) => return Err(self.undecodable(error).into()),
            }
        }
    }

    #[inline]
    fn handle(&mut self, op: ClientOp<'_>) -> Result<(), Stop> {
        match op {
            ClientOp::Publish { publish, with_headers } => {
                Ok(self.publish(&publish, with_headers)?)
            }
            ClientOp::Subscribe { subject, queue, sid } => {
                self.subscribe(subject, queue, sid);
                Ok(())
            }
            ClientOp::Unsubscribe { sid, max } => {
                self.unsubscribe(sid, max);
                Ok(())
            }
            ClientOp::Ping => {
                self.ping();
                Ok(())
            }
            ClientOp::Pong => {
                self.pong();
                Ok(())
            }
            ClientOp::Connect(json) => self.connect(json),
            ClientOp::Ignored => Ok(()),
        }
    }

    #[inline]
    fn publish(&mut self, publish: &Publish<'_>, with_headers: bool) -> Result<(), CloseReason> {
        if with_headers && !self.session.options().headers {
            return Err(CloseReason::MessageHeaderViolation);
        }
        self.n_messages += 1;
        self.n_bytes += u64_from(publish.headers.len() + publish.payload.len());
        if let Err(refusal) = self.may_publish(publish) {
            self.refuse(&refusal);
            return Ok(());
        }
        if self.session.finds_fault_with(publish.subject) {
            self.refuse(&Refusal::invalid_publish_subject());
        }
        self.acknowledge();
        let options = self.session.options();
        let no_responders = options.no_responders;
        let origin = Origin { client: self.client.id, echo: options.echo, no_responders };
        let n_reached = self.dispatcher.publish(origin, publish);
        if n_reached == 0 && no_responders && !publish.reply.is_empty() {
            self.dispatcher.no_responders(origin, publish.subject, publish.reply);
        }
        Ok(())
    }

    #[inline]
    fn may_publish(&mut self, publish: &Publish<'_>) -> Result<(), Refusal> {
        Session::<Target>::check_reserved(publish.subject, publish.reply)?;
        if self.session.permissions().is_none() || self.client.may_publish(publish.subject) {
            return Ok(());
        }
        let subject = String::from_utf8_lossy(publish.subject);
        self.shared
            .log
            .error_of(&self.client, &format!("Publish Violation - Subject \"{subject}\""));
        Err(Refusal::publish_denied(publish.subject))
    }

    fn subscribe(&mut self, subject: &[u8], queue: Option<&[u8]>, sid: &[u8]) {
        let target = Target::Client(Arc::clone(&self.client));
        match self.session.subscribe(subject, queue, sid, target) {
            Ok(Subscribe::Added(subscription)) => {
                self.shared.account.add(&subscription);
                self.client.n_subscriptions.fetch_add(1, Ordering::Relaxed);
                self.acknowledge();
            }
            Ok(Subscribe::Kept) => self.acknowledge(),
            Err(refusal) => {
                if refusal.0.starts_with("Permissions") {
                    let subject = String::from_utf8_lossy(subject);
                    let text = format!("Subscription Violation - Subject \"{subject}\"");
                    self.shared.log.error_of(&self.client, &text);
                }
                self.refuse(&refusal);
            }
        }
    }

    fn unsubscribe(&mut self, sid: &[u8], max: Option<u64>) {
        if let Unsubscribe::Removed(subscription) = self.session.unsubscribe(sid, max) {
            self.shared.account.remove(&subscription);
            self.client.n_subscriptions.fetch_sub(1, Ordering::Relaxed);
        }
        self.acknowledge();
    }

    fn ping(&mut self) {
        if self.client.rtt.load(Ordering::Relaxed) == 0 {
            // Until we measure it: how long the client took to greet.
            let took = clock::now().nanos() - self.client.start.nanos();
            self.client.rtt.store(took, Ordering::Relaxed);
        }
        self.say(|out| out.extend_from_slice(encode::PONG));
        if self.session.is_connected() && !self.told_account {
            self.told_account = true;
            if 1 <= self.session.options().protocol {
                let info = self.shared.connect_info(&self.client, &self.nonce);
                self.say(|out| info.append_line(out));
            }
        }
    }

    fn pong(&mut self) {
        let client = &self.client;
        if 0 < client.pings_out.swap(0, Ordering::Relaxed) {
            let sent = client.ping_sent.load(Ordering::Relaxed);
            client.rtt.store(clock::now().nanos() - sent, Ordering::Relaxed);
        }
    }

    fn connect(&mut self, json: &[u8]) -> Result<(), Stop> {
        let Ok(connect) = Connect::parse(json) else {
            return Err(CloseReason::ProtocolViolation.into());
        };
        Session::<Target>::check_connect(&connect)?;
        let credentials = Credentials::from(&connect);
        match self.shared.auth.begin(&credentials, self.nonce.as_bytes()) {
            Begin::Done(outcome) => Ok(self.authenticated(connect, outcome)?),
            Begin::Bcrypt(check) => Err(Stop::Authenticate(Box::new((connect, check)))),
        }
    }

    /// A password check by bcrypt takes tens of milliseconds: not on this thread.
    async fn run_bcrypt(
        &mut self,
        (connect, check): (Connect, BcryptCheck),
    ) -> Result<(), CloseReason> {
        let outcome = tokio::task::spawn_blocking(move || check.run()).await;
        let outcome = outcome.map_err(|_| CloseReason::AuthenticationFailure)?;
        self.authenticated(connect, outcome)
    }

    fn authenticated(
        &mut self,
        connect: Connect,
        outcome: Result<Arc<User>, AuthFailure>,
    ) -> Result<(), CloseReason> {
        let user = match outcome {
            Ok(user) => user,
            Err(failure) => {
                self.shared.log.error_of(&self.client, &failure.to_string());
                return Err(CloseReason::AuthenticationFailure);
            }
        };
        self.client.identify(&connect, &user);
        self.client.unauthenticated.store(false, Ordering::Relaxed);
        self.decoder.connect_first = false;
        let ended = self.session.connected(connect, user);
        self.shared.account.remove_all(&ended);
        self.client.n_subscriptions.fetch_sub(u64_from(ended.len()), Ordering::Relaxed);
        self.acknowledge();
        Ok(())
    }

    fn undecodable(&mut self, error: DecodeError) -> CloseReason {
        match error {
            DecodeError::PayloadTooLarge { .. } => CloseReason::MaxPayloadExceeded,
            DecodeError::ControlLine => CloseReason::MaxControlLineExceeded,
            DecodeError::NotConnect => CloseReason::AuthenticationFailure,
            DecodeError::ClientError => CloseReason::ParseError,
            DecodeError::UnknownOperation => {
                self.say(|out| encode::error(out, "Unknown Protocol Operation"));
                CloseReason::ProtocolViolation
            }
            malformed => {
                self.shared.log.error_of(&self.client, &malformed.to_string());
                CloseReason::ProtocolViolation
            }
        }
    }

    #[inline]
    fn acknowledge(&mut self) {
        if self.session.options().verbose {
            self.say(|out| out.extend_from_slice(encode::OK));
        }
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.say(|out| encode::error(out, &refusal.0));
    }

    fn say(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let appended = self.client.outbox.control(write);
        if appended == Appended::Overflow {
            self.client.close(CloseReason::SlowConsumerPendingBytes);
        }
        self.dispatcher.touched(&self.client, appended);
    }

    /// Forgets subscriptions that had their last message.
    fn forget_ended(&mut self) {
        let ended = std::mem::take(&mut *self.client.ended.lock());
        for subscription in ended {
            if self.session.forget(&subscription) {
                self.client.n_subscriptions.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn end(&mut self) {
        let subscriptions = self.session.close();
        self.shared.account.remove_all(&subscriptions);
    }
}
