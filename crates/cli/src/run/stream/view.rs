//! Messages of a stream, also of one that allows no direct gets.

use anyhow::{Context, Result};
use async_nats::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::args::stream::{Get, View};
use crate::context::Session;
use crate::output;
use crate::problem::ApiError;
use crate::run::message::{self, Parts};
use crate::{api, fields, headers};

/// No such message.
const NOT_FOUND: i64 = 10037;

/// A message as it is stored.
#[derive(Debug)]
struct Stored {
    subject: String,
    seq: u64,
    time: Option<Timestamp>,
    headers: HeaderMap,
    body: Bytes,
}

/// Shows a page of messages.
pub(super) async fn view(session: &Session, args: &View) -> Result<()> {
    let info = api::stream_info(session, &args.stream).await;
    let info = info.with_context(|| format!("can't load stream {}", args.stream))?;
    let mut seq = match args.since {
        Some(since) => first_since(session, &args.stream, &info, since).await?,
        None => args.id.unwrap_or(0),
    };
    seq = seq.max(fields::uint(&info, "/state/first_seq")).max(1);
    let mut shown = 0;
    while shown < args.size {
        let Some(stored) = next(session, args, seq).await? else {
            if !args.raw && !session.out.is_json() {
                session.note("Reached apparent end of data");
            }
            return Ok(());
        };
        seq = stored.seq + 1;
        shown += 1;
        show(session, &stored, args.raw)?;
    }
    if seq <= fields::uint(&info, "/state/last_seq") && !args.raw {
        let size = args.size;
        session.note(&format!("More: tradewind stream view {} {size} --id {seq}", args.stream));
    }
    Ok(())
}

/// The first message from `seq` on that `args` want; none at the end of the stream.
async fn next(session: &Session, args: &View, seq: u64) -> Result<Option<Stored>> {
    let filter = args.subject.as_deref().unwrap_or(">");
    let wanted = json!({"seq": seq, "next_by_subj": filter});
    match fetch(session, &args.stream, &wanted).await {
        Ok(stored) => Ok(Some(stored)),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ApiError>().is_some_and(|error| error.err_code == NOT_FOUND)
}

/// The first sequence that is not older than `age`: found by halving.
async fn first_since(
    session: &Session,
    stream: &str,
    info: &Value,
    age: std::time::Duration,
) -> Result<u64> {
    let start = Timestamp::now().checked_sub(age)?;
    let mut low = fields::uint(info, "/state/first_seq").max(1);
    let mut high = fields::uint(info, "/state/last_seq") + 1;
    while low < high {
        let middle = low + (high - low) / 2;
        match fetch(session, stream, &json!({"seq": middle, "next_by_subj": ">"})).await {
            Ok(stored) if stored.time.is_some_and(|time| time < start) => low = stored.seq + 1,
            Ok(_) => high = middle,
            Err(error) if is_not_found(&error) => high = middle,
            Err(error) => return Err(error),
        }
    }
    Ok(low)
}

/// Shows one message.
pub(super) async fn get(session: &Session, args: &Get) -> Result<()> {
    let (wanted, what) = match (&args.last_for, args.id) {
        (Some(subject), _) => {
            (json!({"last_by_subj": subject}), format!("the last message of {subject}"))
        }
        (None, id) => {
            let id = id.unwrap_or_default();
            (json!({"seq": id}), format!("message {id}"))
        }
    };
    let answer = ask(session, &args.stream, &wanted).await;
    let answer = answer.with_context(|| format!("can't get {what} of stream {}", args.stream))?;
    if session.out.is_json() {
        // As nats does it: bodies in base64.
        return session.out.json(&answer["message"]);
    }
    let stored = decode(&answer)?;
    let time = stored.time.map(|time| time.to_string()).unwrap_or_default();
    session.out.line(&format!(
        "Item: {}#{} received {time} ({}) on Subject {}\n",
        args.stream,
        stored.seq,
        output::ago(stored.time),
        stored.subject,
    ))?;
    let pairs = headers::pairs(&stored.headers);
    if !pairs.is_empty() {
        session.out.line("Headers:")?;
        for (name, value) in pairs {
            session.out.line(&format!("  {name}: {value}"))?;
        }
        session.out.line("")?;
    }
    session.out.body(&stored.body)
}

/// Gets a message by the API that needs no permission of the stream.
async fn ask(session: &Session, stream: &str, wanted: &Value) -> Result<Value> {
    api::call(session, &format!("STREAM.MSG.GET.{}", api::name(stream)?), wanted).await
}

async fn fetch(session: &Session, stream: &str, wanted: &Value) -> Result<Stored> {
    decode(&ask(session, stream, wanted).await?)
}

fn decode(answer: &Value) -> Result<Stored> {
    let decode = |path: &str| STANDARD.decode(fields::text(answer, path));
    let raw_headers =
        decode("/message/hdrs").context("the headers of the message are not in base64")?;
    Ok(Stored {
        subject: fields::text(answer, "/message/subject").to_owned(),
        seq: fields::uint(answer, "/message/seq"),
        time: fields::time(answer, "/message/time"),
        headers: parse_headers(&String::from_utf8_lossy(&raw_headers)),
        body: decode("/message/data").context("the body of the message is not in base64")?.into(),
    })
}

/// Reads headers as they are stored; what is no header is left out.
fn parse_headers(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in text.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.parse::<async_nats::HeaderName>();
        let value = value.trim().parse::<async_nats::HeaderValue>();
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

fn to_json(stored: &Stored) -> Value {
    let mut object = Map::new();
    object.insert("subject".to_owned(), stored.subject.as_str().into());
    object.insert("seq".to_owned(), stored.seq.into());
    if !stored.headers.is_empty() {
        object.insert("headers".to_owned(), message::headers_json(&stored.headers));
    }
    output::put_body(&mut object, "data", &stored.body);
    object.insert("time".to_owned(), stored.time.map(|time| time.to_string()).into());
    object.into()
}

fn show(session: &Session, stored: &Stored, raw: bool) -> Result<()> {
    if session.out.is_json() {
        return session.out.json_line(&to_json(stored));
    }
    if raw {
        return session.out.body(&stored.body);
    }
    let time = stored.time.map(output::local_time).unwrap_or_default();
    session.out.line(&format!("[{}] Subject: {} Received: {time}", stored.seq, stored.subject))?;
    message::show_content(session, Some(&stored.headers), &stored.body, Parts::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_headers_are_read() {
        let headers = parse_headers("NATS/1.0\r\nA: 1\r\nA: 2\r\nEmpty:\r\n\r\n");
        let pairs: Vec<String> = headers::pairs(&headers)
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(pairs, ["A=1", "A=2", "Empty="]);
    }
}
