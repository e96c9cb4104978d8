//! What a session asks and what it hears: the ends of its reply subjects, and what comes there.

use anyhow::{Result, bail};
use serde_json::Value;

use super::Stored;
use super::ledger::Removal;
use super::readback::stored_from;
use crate::wire::Message;

/// Where all answers of a session come in.
pub(super) const INBOX: &str = "_INBOX.work.";

/// A question that awaits its answer; its text is the end of the reply subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    Publish(u64),
    Retry(u64),
    Remove(Removal),
    Ack(u64),
}

impl Question {
    pub(super) fn token(self) -> String {
        match self {
            Question::Publish(counter) => format!("p{counter}"),
            Question::Retry(counter) => format!("r{counter}"),
            Question::Remove(Removal::Message(seq)) => format!("d{seq}"),
            Question::Remove(Removal::Below(seq)) => format!("b{seq}"),
            Question::Ack(seq) => format!("a{seq}"),
        }
    }

    pub(super) fn parse(token: &str) -> Option<Question> {
        let number = token.get(1..)?.parse().ok()?;
        Some(match token.get(..1)? {
            "p" => Question::Publish(number),
            "r" => Question::Retry(number),
            "d" => Question::Remove(Removal::Message(number)),
            "b" => Question::Remove(Removal::Below(number)),
            "a" => Question::Ack(number),
            _ => return None,
        })
    }
}

/// What came on the inbox.
pub(super) enum Heard {
    Fetched {
        stored: Stored,
        reply: String,
    },
    FetchEnded,
    /// The error is a status, such as 503.
    Answer {
        token: String,
        answer: Result<Value, String>,
    },
}

impl Heard {
    pub(super) fn of(message: &Message<'_>, seed: u64) -> Result<Heard> {
        let subject = std::str::from_utf8(message.subject)?;
        if let Some(token) = subject.strip_prefix(INBOX).filter(|token| *token != "fetch") {
            let answer = match message.status() {
                Some(code) => Err(format!("status {code}")),
                None if message.payload.is_empty() => Ok(Value::Null),
                None => Ok(serde_json::from_slice(message.payload)?),
            };
            return Ok(Heard::Answer { token: token.to_owned(), answer });
        }
        let Some(reply) = message.reply else {
            return match message.status() {
                Some(_) => Ok(Heard::FetchEnded),
                None => bail!("neither a message nor a status on {subject}"),
            };
        };
        let reply = std::str::from_utf8(reply)?;
        Ok(Heard::Fetched {
            stored: stored_from(reply, message.payload, seed)?,
            reply: reply.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_known_by_its_token() {
        let questions = [
            Question::Publish(7),
            Question::Retry(7),
            Question::Remove(Removal::Message(7)),
            Question::Remove(Removal::Below(7)),
            Question::Ack(7),
        ];
        for question in questions {
            assert_eq!(Question::parse(&question.token()), Some(question));
        }
        assert_eq!(Question::parse("fetch"), None);
        assert_eq!(Question::parse(""), None);
    }
}
