//! Publishes whose caller waits, and sends again itself.

use std::time::{Duration, Instant};

use async_nats::StatusCode;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::PublishError;
use super::answer::{Answer, PubAck};
use super::prepared::Prepared;
use super::stored::{NOT_NOW, Publisher, Waiter};

impl Publisher {
    /// Publishes and waits, without the window: the caller itself sends again. It saves a message two
    /// changes of tasks.
    pub(crate) async fn publish_and_wait(
        &self,
        prepared: Prepared,
    ) -> Result<PubAck, PublishError> {
        if self.is_ordered {
            let (told, result) = oneshot::channel();
            self.publish(prepared, Waiter::Caller(told)).await?;
            return result.await.unwrap_or(Err(PublishError::Closed));
        }
        let room = self.room(prepared.body.len()).await?;
        let since = Instant::now();
        let patience = self.window.lock().patience();
        let deadline = tokio::time::Instant::now() + patience.in_all;
        let mut attempts = 0;
        let tries = self.send_until_stored(&prepared, patience.attempt, &mut attempts);
        let result = match tokio::time::timeout_at(deadline, tries).await {
            Ok(result) => result,
            Err(_) => Err(PublishError::TimedOut { after: patience.in_all, attempts }),
        };
        drop(room);
        self.tell_of(&prepared, since, &result);
        result
    }

    async fn send_until_stored(
        &self,
        prepared: &Prepared,
        patience: Duration,
        attempts: &mut u32,
    ) -> Result<PubAck, PublishError> {
        let mut link = self.connection.link.clone();
        loop {
            let up = *link.borrow_and_update();
            if up.is_closed {
                return Err(PublishError::Closed);
            }
            if !up.is_up {
                let _ = link.changed().await;
                continue;
            }
            *attempts += 1;
            let answer = tokio::select! {
                biased;
                answer = self.attempt(prepared, patience) => answer?,
                // What is under way may be lost with the connection.
                changed = link.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Err(PublishError::Closed),
                },
            };
            let fails_fast = prepared.fails_fast;
            match answer.map(|answer| Answer::of(&answer, *attempts)) {
                None => continue,
                Some(Answer::Stored(ack)) => return Ok(ack),
                Some(Answer::Nonsense(why)) => return Err(PublishError::Client(why)),
                Some(Answer::Refused(refusal)) if !refusal.is_passing() => {
                    return Err(refusal.into());
                }
                Some(Answer::NoStream) => {
                    let subject = prepared.subject.as_str();
                    if self.is_hopeless(subject, fails_fast, *attempts) {
                        return Err(PublishError::NoStream { subject: subject.to_owned() });
                    }
                    self.provisions.restore_soon();
                }
                Some(Answer::Refused(_)) => (),
            }
            tokio::time::sleep(NOT_NOW.wait_now(*attempts)).await;
        }
    }

    /// One attempt; none if it got no answer in time.
    async fn attempt(
        &self,
        prepared: &Prepared,
        patience: Duration,
    ) -> Result<Option<async_nats::Message>, PublishError> {
        use async_nats::RequestErrorKind as Kind;
        let request = async_nats::Request::new()
            .payload(prepared.body.clone())
            .headers(prepared.headers.to_map())
            .timeout(Some(patience));
        let answer = self.connection.client.send_request(prepared.subject.clone(), request).await;
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => match error.kind() {
                Kind::TimedOut => Ok(None),
                Kind::NoResponders => Ok(Some(async_nats::Message {
                    subject: prepared.subject.clone(),
                    reply: None,
                    payload: Bytes::new(),
                    headers: None,
                    status: Some(StatusCode::NO_RESPONDERS),
                    description: None,
                    length: 0,
                })),
                _ => Err(PublishError::Client(error.to_string())),
            },
        }
    }
}
