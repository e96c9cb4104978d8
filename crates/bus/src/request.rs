//! Questions and answers.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{HeaderMap, StatusCode};
use futures_util::StreamExt as _;

use crate::bus::Bus;
use crate::codec::{CodecError, Decode, Encode, Encoded};
use crate::consumer::{Delivery, decode};
use crate::producer::CONTENT_TYPE;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Nobody listens.
    #[error("nobody answers on {subject:?}: start a responder there")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// Somebody listens, and did not answer in time.
    #[error("no answer on {subject:?} within {after:?}")]
    TimedOut {
        /// The subject.
        subject: String,
        /// How long was waited.
        after: Duration,
    },
    /// The responder answered with an error.
    #[error("the responder on {subject:?} says: {description} (code {code})")]
    Responder {
        /// The subject.
        subject: String,
        /// Its code.
        code: String,
        /// Its words.
        description: String,
    },
    /// The question does not become bytes, or the answer is not what it should be.
    #[error("{0}")]
    Codec(String),
    /// The connection refuses.
    #[error("the request on {subject:?}: {why}")]
    Client {
        /// The subject.
        subject: String,
        /// Why.
        why: String,
    },
}

impl From<CodecError> for RequestError {
    fn from(error: CodecError) -> RequestError {
        RequestError::Codec(error.to_string())
    }
}

impl Bus {
    /// Asks, and waits for one answer.
    ///
    /// # Errors
    ///
    /// At once if nobody listens; after `timeout` if nobody answers.
    pub async fn request<R: Decode>(
        &self,
        subject: &str,
        question: &(impl Encode + ?Sized),
        timeout: Duration,
    ) -> Result<Delivery<R>, RequestError> {
        let subject = self.config().subject(subject);
        let (body, headers) = self.question(question)?;
        let request =
            async_nats::Request::new().payload(body).headers(headers).timeout(Some(timeout));
        let answer = self.client().send_request(subject.clone(), request).await;
        let answer = answer.map_err(|error| match error.kind() {
            async_nats::RequestErrorKind::NoResponders => {
                RequestError::NoResponders { subject: subject.clone() }
            }
            async_nats::RequestErrorKind::TimedOut => {
                RequestError::TimedOut { subject: subject.clone(), after: timeout }
            }
            _ => RequestError::Client { subject: subject.clone(), why: error.to_string() },
        })?;
        understand(&subject, &answer)
    }

    fn question(
        &self,
        question: &(impl Encode + ?Sized),
    ) -> Result<(bytes::Bytes, HeaderMap), RequestError> {
        let Encoded { body, format } = question.encode(self.config().producer.format)?;
        let mut headers = HeaderMap::new();
        if let Some(format) = format {
            headers.insert(CONTENT_TYPE, format.content_type());
        }
        Ok((body, headers))
    }

    /// Asks all who listen: their answers, up to `n`, that came within `wait`. No answer is no
    /// error, nobody listening is.
    ///
    /// # Errors
    ///
    /// If nobody listens, or the connection refuses.
    pub async fn gather<R: Decode>(
        &self,
        subject: &str,
        question: &(impl Encode + ?Sized),
        n: usize,
        wait: Duration,
    ) -> Result<Vec<Result<Delivery<R>, RequestError>>, RequestError> {
        let subject = self.config().subject(subject);
        let client = self.client();
        let refused = |why: String| RequestError::Client { subject: subject.clone(), why };
        let (body, headers) = self.question(question)?;
        let inbox = client.new_inbox();
        let answers = client.subscribe(inbox.clone()).await;
        let mut answers = answers.map_err(|error| refused(error.to_string()))?;
        let sent =
            client.publish_with_reply_and_headers(subject.clone(), inbox, headers, body).await;
        sent.map_err(|error| refused(error.to_string()))?;
        let deadline = tokio::time::Instant::now() + wait;
        let mut gathered = Vec::new();
        while gathered.len() < n {
            match tokio::time::timeout_at(deadline, answers.next()).await {
                Err(_) | Ok(None) => break,
                Ok(Some(answer)) if answer.status == Some(StatusCode::NO_RESPONDERS) => {
                    return Err(RequestError::NoResponders { subject });
                }
                Ok(Some(answer)) => gathered.push(understand(&subject, &answer)),
            }
        }
        Ok(gathered)
    }
}

/// An answer, or the error that a responder put in its place (the header of NATS ADR-32).
fn understand<R: Decode>(
    subject: &str,
    answer: &async_nats::Message,
) -> Result<Delivery<R>, RequestError> {
    let header = |name: &str| {
        let headers = answer.headers.as_ref()?;
        headers.get(name).map(|value| value.as_str().to_owned())
    };
    if let Some(code) = header("Nats-Service-Error-Code") {
        let description = header("Nats-Service-Error").unwrap_or_default();
        return Err(RequestError::Responder { subject: subject.to_owned(), code, description });
    }
    decode(answer, Arc::new(answer.headers.clone().unwrap_or_default()), None)
        .map_err(RequestError::Codec)
}
