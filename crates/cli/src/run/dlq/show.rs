//! Dead letters as users see them.

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tradewind_bus::DeadLetter;

use super::{PAGE, holds_dead_letters, letter, open};
use crate::args::dlq::{Ls, View};
use crate::context::Session;
use crate::output::{self, Columns, Table, comma, size};
use crate::run::message;
use crate::{api, fields, headers};

/// The streams, or the dead letters of one.
pub(super) async fn ls(session: &Session, args: &Ls) -> Result<()> {
    match &args.stream {
        Some(stream) => letters(session, args, stream).await,
        None => streams(session).await,
    }
}

async fn streams(session: &Session) -> Result<()> {
    let mut found = api::all(session, "STREAM.LIST", "streams", json!({})).await?;
    found.retain(holds_dead_letters);
    found.sort_by(|a, b| fields::text(a, "/config/name").cmp(fields::text(b, "/config/name")));
    if session.out.is_json() {
        let object = |stream: &Value| {
            json!({
                "stream": fields::text(stream, "/config/name"),
                "dead_letters": fields::uint(stream, "/state/messages"),
                "bytes": fields::uint(stream, "/state/bytes"),
                "last": fields::time(stream, "/state/last_ts").map(|time| time.to_string()),
            })
        };
        return session.out.json(&found.iter().map(object).collect());
    }
    if found.is_empty() {
        return session.out.line("No streams of dead letters found");
    }
    let headings = ["Stream", "Dead Letters", "Size", "Last"];
    let mut table = Table::new("Streams of dead letters", &headings);
    for stream in &found {
        table.row(vec![
            fields::text(stream, "/config/name").to_owned(),
            comma(fields::uint(stream, "/state/messages")),
            size(fields::uint(stream, "/state/bytes")),
            output::ago(fields::time(stream, "/state/last_ts")),
        ]);
    }
    session.out.table(&table)
}

async fn letters(session: &Session, args: &Ls, stream: &str) -> Result<()> {
    let (found, more) = found(session, args, stream).await?;
    if session.out.is_json() {
        return session.out.json(&found.iter().map(summary).map(Value::from).collect());
    }
    if found.is_empty() {
        return session.out.line(&format!("No dead letters found in {stream}"));
    }
    let headings =
        ["Sequence", "Time", "Reason", "Stream", "Consumer", "Subject", "Deliveries", "Error"];
    let mut table = Table::new(format!("Dead letters in {stream}"), &headings);
    for letter in &found {
        table.row(vec![
            letter.sequence.to_string(),
            output::local_time(letter.time),
            letter.reason.clone(),
            letter.stream.clone(),
            letter.consumer.clone(),
            letter.subject.clone(),
            letter.num_delivered.to_string(),
            output::shortened(&letter.error),
        ]);
    }
    session.out.table(&table)?;
    if let Some(next) = more {
        session.note(&format!("More: tradewind dlq ls {stream} --from {next}{}", filters(args)));
    }
    Ok(())
}

/// The dead letters that `args` want; the sequence to go on with, if there may be more.
async fn found(
    session: &Session,
    args: &Ls,
    stream: &str,
) -> Result<(Vec<DeadLetter>, Option<u64>)> {
    let (letters, info) = open(session, stream).await?;
    let last = fields::uint(&info, "/state/last_seq");
    let limit = usize::try_from(args.limit)?;
    let wanted = |told: &Option<String>, is: &str| told.as_deref().is_none_or(|told| told == is);
    let (mut found, mut next) = (Vec::new(), args.from);
    while found.len() < limit {
        let page = letters.list(next, PAGE.min(limit - found.len())).await?;
        let Some(end) = page.last() else { return Ok((found, None)) };
        next = end.sequence + 1;
        found.extend(page.into_iter().filter(|letter| {
            wanted(&args.reason, &letter.reason) && wanted(&args.consumer, &letter.consumer)
        }));
    }
    Ok((found, (next <= last).then_some(next)))
}

/// The filters as they were typed.
fn filters(args: &Ls) -> String {
    let flag = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!(" --{name} {value}")).unwrap_or_default()
    };
    let limit = if args.limit == 50 { String::new() } else { format!(" --limit {}", args.limit) };
    format!("{limit}{}{}", flag("reason", &args.reason), flag("consumer", &args.consumer))
}

/// What a table shows of a dead letter, and programs get of each.
fn summary(letter: &DeadLetter) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("sequence", letter.sequence.into());
    put("time", letter.time.to_string().into());
    put("reason", letter.reason.as_str().into());
    put("error", letter.error.as_str().into());
    put("stream", letter.stream.as_str().into());
    put("consumer", letter.consumer.as_str().into());
    put("subject", letter.subject.as_str().into());
    put("stream_sequence", letter.stream_sequence.into());
    put("num_delivered", letter.num_delivered.into());
    object
}

/// All of a dead letter.
pub(super) async fn view(session: &Session, args: &View) -> Result<()> {
    let (letters, _) = open(session, &args.stream).await?;
    let letter = letter(&letters, &args.stream, args.sequence).await?;
    let plain = letter.plain_body();
    if args.raw {
        let what = || format!("can't show the body of dead letter {}", letter.sequence);
        return session.out.raw(&plain.with_context(what)?);
    }
    if session.out.is_json() {
        let mut object = summary(&letter);
        object.insert("headers".to_owned(), message::headers_json(&letter.headers));
        match &plain {
            Ok(body) => output::put_body(&mut object, "data", body),
            Err(error) => {
                object.insert("data_error".to_owned(), error.to_string().into());
                output::put_body(&mut object, "data", &letter.body);
            }
        }
        return session.out.json(&object.into());
    }
    session.out.columns(&columns(&args.stream, &letter))?;
    session.out.line("\nBody:\n")?;
    match plain {
        Ok(body) => session.out.line(&readable(&body)),
        Err(error) => {
            session.note(&format!("{error}: the body is shown as it is stored"));
            session.out.line(&hex(&letter.body))
        }
    }
}

fn columns(stream: &str, letter: &DeadLetter) -> Columns {
    let time = output::local_time(letter.time);
    let mut columns = Columns::new(format!("Dead letter {stream}#{} @ {time}", letter.sequence));
    columns.row("Reason", letter.reason.as_str());
    columns.row_if("Error", &letter.error);
    columns.row("Subject", letter.subject.as_str());
    columns.row("Stream", format!("{} seq {}", letter.stream, letter.stream_sequence));
    columns.row("Consumer", letter.consumer.as_str());
    columns.row("Deliveries", letter.num_delivered.to_string());
    columns.section("Headers");
    for (name, value) in headers::pairs(&letter.headers) {
        columns.row(&name, value);
    }
    columns
}

/// A body for people: JSON indented, other text as it is, what is no text in hex.
fn readable(body: &Bytes) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !c.is_whitespace()) => {
            let value = serde_json::from_str::<Value>(text);
            let indented = value.and_then(|value| serde_json::to_string_pretty(&value));
            indented.unwrap_or_else(|_| text.to_owned())
        }
        _ => hex(body),
    }
}

/// Sixteen bytes a line, with the offset of the first and what can be read of them.
fn hex(bytes: &[u8]) -> String {
    let line = |(idx, chunk): (usize, &[u8])| {
        let codes: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let dotted = |&byte: &u8| if (b' '..=b'~').contains(&byte) { byte.into() } else { '.' };
        let text: String = chunk.iter().map(dotted).collect();
        format!("{:08x}  {:<47}  {text}", idx * 16, codes.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_shown_as_what_they_are() {
        let cases: [(&[u8], &str); 4] = [
            (b"{\"b\":1,\"a\":[]}", "{\n  \"b\": 1,\n  \"a\": []\n}"),
            (b"{\"b\":", "{\"b\":"),
            ("gr\u{fc}n\n".as_bytes(), "gr\u{fc}n\n"),
            (
                b"\x00ABCDEFGHIJKLMNO\xff",
                "00000000  00 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  .ABCDEFGHIJKLMNO\n\
                 00000010  ff                                               .",
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(readable(&Bytes::from(body)), expected);
        }
    }
}
