//! Messages one asks for oneself.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::StatusCode;
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::meta::Meta;
use super::pull::PullRequest;
use super::settle::decode;
use super::source::{ConsumerSpec, Source, client_error};
use super::{ConsumeError, Delivery};
use crate::bus::Bus;
use crate::codec::Decode;

/// A consumer that is asked for messages by hand.
#[derive(Debug)]
pub struct Fetcher<T> {
    bus: Bus,
    spec: ConsumerSpec,
    source: Source,
    epoch: u64,
    data: PhantomData<fn() -> T>,
}

/// A message that was asked for by hand. Not acknowledged, it comes again after `ack_wait`.
#[derive(Debug)]
pub struct Fetched<T> {
    /// The message; or why it can't be decoded.
    pub delivery: Result<Delivery<T>, String>,
    /// The message as it came.
    pub raw: async_nats::Message,
    bus: Bus,
}

impl<T: Decode> Fetcher<T> {
    pub(crate) async fn open(bus: Bus, spec: ConsumerSpec) -> Result<Fetcher<T>, ConsumeError> {
        let source = spec.open(&bus).await?;
        if !source.is_pull() {
            let text = "a fetcher asks, a push consumer sends: leave push() out";
            return Err(ConsumeError::Options(text.to_owned()));
        }
        let epoch = bus.link().borrow().epoch;
        Ok(Fetcher { bus, spec, source, epoch, data: PhantomData })
    }

    /// Up to `n` messages: as soon as there are so many, at the latest after `wait`. None in that
    /// time is no error.
    ///
    /// # Errors
    ///
    /// If the consumer is lost and can't be opened again.
    pub async fn fetch(
        &mut self,
        n: usize,
        wait: Duration,
    ) -> Result<Vec<Fetched<T>>, ConsumeError> {
        let deadline = Instant::now() + wait;
        let mut fetched = Vec::with_capacity(n.min(1024));
        while fetched.len() < n {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if !self.fetch_some(n, left, &mut fetched).await? {
                break;
            }
            // The consumer was lost and is there again.
        }
        Ok(fetched)
    }

    /// One request. Whether it is worth another, because the consumer was opened again.
    async fn fetch_some(
        &mut self,
        n: usize,
        left: Duration,
        fetched: &mut Vec<Fetched<T>>,
    ) -> Result<bool, ConsumeError> {
        let epoch = self.bus.link().borrow().epoch;
        if epoch != self.epoch {
            self.reopen().await?;
            return Ok(true);
        }
        let request =
            PullRequest { batch: n - fetched.len(), expires: left.as_nanos(), idle_heartbeat: 0 };
        self.source.ask(request).await?;
        let deadline = tokio::time::Instant::now() + left;
        while fetched.len() < n {
            let next = tokio::time::timeout_at(deadline, self.source.messages.next()).await;
            let message = match next {
                Err(_) => return Ok(false),
                Ok(None) => return Err(ConsumeError::Closed),
                Ok(Some(message)) => message,
            };
            match message.status {
                None | Some(StatusCode::OK) => fetched.push(Fetched::new(&self.bus, message)),
                // The end of a request that we did not wait for.
                Some(_) if !self.source.is_current(&message.subject) => (),
                Some(StatusCode::NO_RESPONDERS) => {
                    self.reopen().await?;
                    return Ok(true);
                }
                Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => return Ok(false),
                Some(status) if status.as_u16() == 409 => {
                    let why = message.description.unwrap_or_default();
                    if why.contains("Consumer Deleted") || why.contains("Leadership") {
                        self.reopen().await?;
                        return Ok(true);
                    }
                    return Err(client_error(&self.spec.stream, why));
                }
                Some(_) => (),
            }
        }
        Ok(false)
    }

    async fn reopen(&mut self) -> Result<(), ConsumeError> {
        self.epoch = self.bus.link().borrow().epoch;
        self.source = self.spec.open(&self.bus).await?;
        Ok(())
    }
}

impl<T: Decode> Fetched<T> {
    fn new(bus: &Bus, raw: async_nats::Message) -> Fetched<T> {
        let headers = Arc::new(raw.headers.clone().unwrap_or_default());
        let meta = raw.reply.as_deref().and_then(Meta::parse);
        Fetched { delivery: decode(&raw, headers, meta.as_ref()), raw, bus: bus.clone() }
    }
}

impl<T> Fetched<T> {
    async fn say(&self, word: Bytes) -> Result<(), ConsumeError> {
        let Some(reply) = &self.raw.reply else { return Ok(()) };
        let said = self.bus.client().publish(reply.clone(), word).await;
        said.map_err(|error| client_error(&self.raw.subject, error))
    }

    /// It is done.
    ///
    /// # Errors
    ///
    /// If the connection refuses.
    pub async fn ack(&self) -> Result<(), ConsumeError> {
        self.say(Bytes::from_static(b"+ACK")).await
    }

    /// It is done, and the server says that it knows.
    ///
    /// # Errors
    ///
    /// If the server does not say so in time: then it may come again.
    pub async fn double_ack(&self) -> Result<(), ConsumeError> {
        let Some(reply) = &self.raw.reply else { return Ok(()) };
        let said = self.bus.client().request(reply.clone(), Bytes::from_static(b"+ACK")).await;
        said.map(|_| ()).map_err(|error| client_error(&self.raw.subject, error))
    }

    /// Once more, after `wait`. Without a wait the server delivers at once, which burns deliveries
    /// within milliseconds: that is [`Fetched::nak_at_once`].
    ///
    /// # Errors
    ///
    /// If the connection refuses.
    pub async fn nak(&self, wait: Duration) -> Result<(), ConsumeError> {
        self.say(Bytes::from(format!("-NAK {{\"delay\":{}}}", wait.as_nanos()))).await
    }

    /// Once more, at once.
    ///
    /// # Errors
    ///
    /// If the connection refuses.
    pub async fn nak_at_once(&self) -> Result<(), ConsumeError> {
        self.say(Bytes::from_static(b"-NAK")).await
    }

    /// Never more.
    ///
    /// # Errors
    ///
    /// If the connection refuses.
    pub async fn terminate(&self) -> Result<(), ConsumeError> {
        self.say(Bytes::from_static(b"+TERM")).await
    }

    /// It is worked on: `ack_wait` begins anew.
    ///
    /// # Errors
    ///
    /// If the connection refuses.
    pub async fn in_progress(&self) -> Result<(), ConsumeError> {
        self.say(Bytes::from_static(b"+WPI")).await
    }
}
