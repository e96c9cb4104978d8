use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::stream::Stream;
use bytes::Bytes;

use super::headers;
use crate::bus::Bus;
use crate::compress::CompressError;
use crate::consumer::{decode_body, timestamp};
use crate::manage::{self, ManageError};
use crate::producer::{Headers, Prepared, Producer, PublishError};

/// A dead letter.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its sequence among the dead letters.
    pub sequence: u64,
    /// When it died.
    pub time: jiff::Timestamp,
    /// `max_deliver` or `permanent_error`.
    pub reason: String,
    /// The last error, in words.
    pub error: String,
    /// Stream of the message.
    pub stream: String,
    /// Consumer that could not handle it.
    pub consumer: String,
    /// Subject of the message.
    pub subject: String,
    /// Its sequence in its stream.
    pub stream_sequence: u64,
    /// How often it was delivered.
    pub num_delivered: u64,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, as it was published.
    pub body: Bytes,
}

impl DeadLetter {
    /// The body, decompressed if it was compressed.
    ///
    /// # Errors
    ///
    /// If it can't be decompressed.
    pub fn plain_body(&self) -> Result<Bytes, CompressError> {
        decode_body(&self.headers, &self.body)
    }
}

/// What became of a replay.
#[derive(Debug)]
pub struct Replayed {
    /// Sequence of the dead letter.
    pub sequence: u64,
    /// Where it is now; or why it is still a dead letter.
    pub result: Result<crate::producer::PubAck, PublishError>,
}

/// The dead letters in a stream: to look at, to try again, to throw away.
#[derive(Debug)]
pub struct DeadLetterStore {
    bus: Bus,
    stream: Stream,
    producer: Producer,
}

impl DeadLetterStore {
    /// The dead letters in a stream, over a connection that is there already.
    ///
    /// # Errors
    ///
    /// If there is no such stream.
    pub async fn with_client(
        client: async_nats::Client,
        context: async_nats::jetstream::Context,
        stream: &str,
    ) -> Result<DeadLetterStore, ManageError> {
        DeadLetterStore::open(&Bus::over(client, context), stream).await
    }

    pub(crate) async fn open(bus: &Bus, name: &str) -> Result<DeadLetterStore, ManageError> {
        let refused = |why: String| {
            let (what, name) = ("dead-letter stream", name.to_owned());
            ManageError::Refused { what, name, why }
        };
        let stream = match bus.context().get_stream(name).await {
            Ok(stream) => stream,
            Err(error) if manage::is_missing(&error) => {
                let (what, name) = ("dead-letter stream", name.to_owned());
                return Err(ManageError::NotFound { what, name });
            }
            Err(error) => return Err(refused(error.to_string())),
        };
        let producer =
            bus.stream_producer().with(|options| options.publish_timeout = Duration::from_secs(10));
        let producer = producer.start().await.map_err(|error| refused(error.to_string()))?;
        Ok(DeadLetterStore { bus: bus.clone(), stream, producer })
    }

    fn name(&self) -> &str {
        &self.stream.cached_info().config.name
    }

    fn refused(&self, why: impl std::fmt::Display) -> ManageError {
        let (what, name) = ("dead-letter stream", self.name().to_owned());
        ManageError::Refused { what, name, why: why.to_string() }
    }

    /// Up to `n` dead letters from sequence `from` on, the oldest first.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn list(&self, from: u64, n: usize) -> Result<Vec<DeadLetter>, ManageError> {
        let (mut letters, mut next) = (Vec::new(), from.max(1));
        while letters.len() < n {
            let Some(letter) = self.first_from(next).await? else { break };
            next = letter.sequence + 1;
            letters.push(letter);
        }
        Ok(letters)
    }

    /// The first dead letter at or behind `sequence`.
    async fn first_from(&self, sequence: u64) -> Result<Option<DeadLetter>, ManageError> {
        let subject = format!("STREAM.MSG.GET.{}", self.name());
        let wanted = serde_json::json!({ "seq": sequence, "next_by_subj": ">" });
        let answer = self.bus.context().request(subject, &wanted).await;
        let answer: Answer = answer.map_err(|error| self.refused(error))?;
        match (answer.message, answer.error) {
            (Some(message), _) => message.try_into().map(Some).map_err(|error| self.refused(error)),
            (None, Some(error)) if error.code == 404 => Ok(None),
            (None, Some(error)) => Err(self.refused(error.description)),
            (None, None) => Err(self.refused("an answer without a message")),
        }
    }

    /// How many there are.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn count(&self) -> Result<u64, ManageError> {
        let info = self.stream.get_info().await.map_err(|error| self.refused(error))?;
        Ok(info.state.messages)
    }

    /// The dead letter `sequence`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn view(&self, sequence: u64) -> Result<DeadLetter, ManageError> {
        let found = self.first_from(sequence).await?;
        found.filter(|letter| letter.sequence == sequence).ok_or_else(|| ManageError::NotFound {
            what: "dead letter",
            name: format!("{sequence} of {}", self.name()),
        })
    }

    /// Publishes a dead letter to the subject it came from, and then takes it out of here. A crash in
    /// between, and a replay of it again, publish it once within that stream's duplicate window.
    ///
    /// # Errors
    ///
    /// If there is none of that sequence, or the server does not answer.
    pub async fn replay(&self, sequence: u64) -> Result<Replayed, ManageError> {
        let letter = self.view(sequence).await?;
        let created = timestamp(self.stream.cached_info().created).as_nanosecond();
        let id = format!("replay:{}:{created}:{sequence}", self.name());
        let mut others = HeaderMap::new();
        for (name, values) in letter.headers.iter() {
            let name_text: &str = name.as_ref();
            if name_text.starts_with("Nats-DLQ-") || name_text == "Nats-Msg-Id" {
                continue;
            }
            for value in values {
                others.append(name.clone(), value.clone());
            }
        }
        let prepared = Prepared {
            subject: letter.subject.as_str().into(),
            body: letter.body.clone(),
            headers: Headers { id: Some(id), others: Some(Box::new(others)), ..Headers::default() },
            fails_fast: false,
        };
        let result = self.producer.publish_prepared(prepared).await;
        if result.is_ok() {
            self.remove(sequence).await?;
        }
        Ok(Replayed { sequence, result })
    }

    /// Takes one out.
    ///
    /// # Errors
    ///
    /// If there is none of that sequence, or the server does not answer.
    pub async fn remove(&self, sequence: u64) -> Result<(), ManageError> {
        match self.stream.delete_message(sequence).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refused(format!("{sequence}: {error}"))),
        }
    }

    /// Takes all out. How many those were.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn purge(&self) -> Result<u64, ManageError> {
        let purged = self.stream.purge().await.map_err(|error| self.refused(error))?;
        Ok(purged.purged)
    }
}

/// An answer of the API to `STREAM.MSG.GET`.
#[derive(Debug, serde::Deserialize)]
struct Answer {
    message: Option<Stored>,
    error: Option<Failure>,
}

#[derive(Debug, serde::Deserialize)]
struct Failure {
    code: u16,
    #[serde(default)]
    description: String,
}

#[derive(Debug, serde::Deserialize)]
struct Stored {
    seq: u64,
    /// Base64.
    #[serde(default)]
    data: String,
    /// Base64.
    #[serde(default)]
    hdrs: String,
    time: jiff::Timestamp,
}

impl TryFrom<Stored> for DeadLetter {
    type Error = String;

    fn try_from(stored: Stored) -> Result<DeadLetter, String> {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD;
        let plain = |text: &str| base64.decode(text).map_err(|error| error.to_string());
        let map = parse_headers(&plain(&stored.hdrs)?);
        let text =
            |name: &str| map.get(name).map(|value| value.as_str().to_owned()).unwrap_or_default();
        let number = |name: &str| text(name).parse().unwrap_or(0);
        Ok(DeadLetter {
            sequence: stored.seq,
            time: stored.time,
            reason: text(headers::REASON),
            error: text(headers::ERROR),
            stream: text(headers::STREAM),
            consumer: text(headers::CONSUMER),
            subject: text(headers::SUBJECT),
            stream_sequence: number(headers::SEQUENCE),
            num_delivered: number(headers::NUM_DELIVERED),
            body: plain(&stored.data)?.into(),
            headers: map,
        })
    }
}

/// The lines of a header block behind its first.
fn parse_headers(block: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in String::from_utf8_lossy(block).split("\r\n").skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            headers.append(name, value.trim());
        }
    }
    headers
}
