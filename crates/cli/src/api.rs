//! Requests to the JetStream API, whose answers stay JSON: what the server says is what users see.

use anyhow::Result;
use serde_json::{Value, json};

use crate::context::Session;
use crate::fields;
use crate::problem::{self, ApiError};

/// Asks `subject` (without the prefix) and returns its answer, or the error in it.
pub(crate) async fn call(session: &Session, subject: &str, body: &Value) -> Result<Value> {
    session.trace(|| format!(">>> {subject}\n{body}"));
    let answer: Value = session
        .js
        .request(subject.to_owned(), body)
        .await
        .map_err(|error| problem::request(error.kind(), &error))?;
    session.trace(|| format!("<<< {subject}\n{answer}"));
    match answer.get("error") {
        None => Ok(answer),
        Some(error) => Err(ApiError {
            code: fields::int(error, "/code"),
            err_code: fields::int(error, "/err_code"),
            description: fields::text(error, "/description").to_owned(),
        }
        .into()),
    }
}

/// Asks `subject` page by page and returns all elements of the answers' list named `key`.
pub(crate) async fn all(
    session: &Session,
    subject: &str,
    key: &str,
    body: Value,
) -> Result<Vec<Value>> {
    let path = format!("/{key}");
    let mut body = body;
    let mut found: Vec<Value> = Vec::new();
    loop {
        body["offset"] = json!(found.len());
        let page = call(session, subject, &body).await?;
        let elements = fields::list(&page, &path);
        if elements.is_empty() {
            return Ok(found);
        }
        found.extend_from_slice(elements);
        let total = usize::try_from(fields::uint(&page, "/total")).unwrap_or_default();
        if total <= found.len() {
            return Ok(found);
        }
    }
}

/// Information on a stream.
pub(crate) async fn stream_info(session: &Session, stream: &str) -> Result<Value> {
    call(session, &format!("STREAM.INFO.{}", name(stream)?), &json!({})).await
}

/// Information on a consumer.
pub(crate) async fn consumer_info(
    session: &Session,
    stream: &str,
    consumer: &str,
) -> Result<Value> {
    let subject = format!("CONSUMER.INFO.{}.{}", name(stream)?, name(consumer)?);
    call(session, &subject, &json!({})).await
}

/// A name that can be a token of a subject.
///
/// # Errors
///
/// A usage error: such a name would ask about something else.
pub(crate) fn name(name: &str) -> Result<&str> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
    if name.is_empty() || name.contains(bad) {
        let message = format!("{name:?} is not a name: no blanks and none of . * > / \\");
        return Err(problem::Problem::usage(message).into());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_single_tokens() {
        assert!(name("ORDERS_1-x").is_ok());
        for bad in ["", "a.b", "a b", "*", ">", "a/b", "a\\b", "a\n"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
