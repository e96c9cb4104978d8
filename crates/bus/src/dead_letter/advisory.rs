//! The server's word that a message was delivered for the last time: of handlers that never return
//! and processes that die, nobody else speaks.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{Dead, DeadLetters};
use crate::codec::Raw;
use crate::consumer::timestamp;
use crate::consumer::{ConsumeError, Fetched, Fetcher, Meta};
use async_nats::jetstream::stream::RetentionPolicy;

/// Where that word is said.
pub(super) fn subject(stream: &str, consumer: &str) -> String {
    format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.{consumer}")
}

#[derive(Debug, Deserialize)]
struct Advisory {
    stream: String,
    consumer: String,
    stream_seq: u64,
    deliveries: u64,
}

impl DeadLetters {
    /// Moves messages whose deliveries are used up into the dead letters, until `stopping`. All
    /// instances of a consumer share the work.
    pub(crate) async fn follow_advisories(
        self: Arc<Self>,
        consumer: String,
        stopping: CancellationToken,
    ) {
        const WAIT: Duration = Duration::from_secs(5);
        const PAUSE: Duration = Duration::from_millis(500);
        let mut opened: Option<Fetcher<Raw>> = None;
        while !stopping.is_cancelled() && !self.bus.is_closed() {
            let step = async {
                let open = match opened.take() {
                    Some(open) => open,
                    None => self.open_advisories(&consumer).await?,
                };
                opened.insert(open).fetch(10, WAIT).await
            };
            let result = tokio::select! {
                result = step => result,
                () = stopping.cancelled() => return,
            };
            match result {
                Ok(advisories) => {
                    for advisory in advisories {
                        self.on_advisory(&advisory).await;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "no word of last deliveries: trying on");
                    opened = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn open_advisories(&self, consumer: &str) -> Result<Fetcher<Raw>, ConsumeError> {
        let name = format!("mover-{}-{consumer}", self.stream);
        let builder = self.bus.consume::<Raw>(&self.advisories).durable(name);
        let builder = builder.exact_filter(subject(&self.stream, &self.consumer));
        builder
            .retry(crate::consumer::Retry::new(
                crate::backoff::Backoff::fixed(Duration::from_secs(1)),
                None,
            ))
            .fetcher()
            .await
    }

    async fn on_advisory(&self, fetched: &Fetched<Raw>) {
        let settled = match serde_json::from_slice::<Advisory>(&fetched.raw.payload) {
            Ok(advisory) => self.bury_exhausted(&advisory).await,
            Err(error) => {
                tracing::warn!(%error, "an advisory that is none: passed over");
                Ok(())
            }
        };
        let said = match settled {
            Ok(()) => fetched.ack().await,
            Err(why) => {
                tracing::warn!(why, "an exhausted message is no dead letter yet: trying on");
                fetched.nak(Duration::from_secs(1)).await
            }
        };
        if let Err(error) = said {
            tracing::debug!(%error, "an advisory comes again");
        }
    }

    async fn bury_exhausted(&self, advisory: &Advisory) -> Result<(), String> {
        let stream = self.bus.context().get_stream(&advisory.stream).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let message = match stream.get_raw_message(advisory.stream_seq).await {
            Ok(message) => message,
            // It is gone: nothing to bury, or buried before.
            Err(error) if error.to_string().contains("no message found") => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let info = stream.cached_info();
        let meta = Meta {
            stream: advisory.stream.clone(),
            consumer: advisory.consumer.clone(),
            num_delivered: advisory.deliveries,
            stream_sequence: advisory.stream_seq,
            consumer_sequence: 0,
            timestamp: timestamp(message.time),
            num_pending: 0,
            domain: None,
        };
        let headers = message.headers;
        let message = async_nats::Message {
            subject: message.subject,
            reply: None,
            length: message.payload.len(),
            payload: message.payload,
            headers: None,
            status: None,
            description: None,
        };
        let error = "delivered for the last time and never settled: the handler does not return, or \
             its process died";
        let dead = Dead {
            message: &message,
            headers: &headers,
            meta: &meta,
            reason: "max_deliver",
            error,
        };
        self.bury(&dead, timestamp(info.created)).await.map_err(|error| error.to_string())?;
        let metrics = self.bus.metrics().consumer(&advisory.stream, &advisory.consumer);
        metrics.dead_lettered("max_deliver");
        if info.config.retention != RetentionPolicy::Limits {
            // Nobody will acknowledge it any more, and so it would stay.
            let _ = stream.delete_message(advisory.stream_seq).await;
        }
        Ok(())
    }
}
