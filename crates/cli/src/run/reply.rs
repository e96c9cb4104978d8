use anyhow::{Context, Result};
use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures_util::StreamExt;

use super::message::{self, Parts};
use super::{interrupted, shell_words};
use crate::args::pubsub::Reply;
use crate::context::Session;
use crate::headers::Headers;
use crate::template::{self, Request, Template};

/// How requests are answered.
#[derive(Debug)]
enum Answer {
    Echo,
    Body(Template),
    /// The words of a command, each with functions.
    Command(Vec<Template>),
}

pub(super) async fn run(session: &Session, args: &Reply) -> Result<()> {
    let answer = match (&args.body, &args.command) {
        (Some(body), _) => Answer::Body(Template::parse(body)?),
        (None, Some(command)) => Answer::Command(command_words(command)?),
        (None, None) => {
            if !args.echo {
                session.note("No body or command supplied, enabling echo mode");
            }
            Answer::Echo
        }
    };
    let headers = Headers::parse(&args.headers, true)?;
    let mut requests =
        session.client.queue_subscribe(args.subject.clone(), args.queue.clone()).await?;
    session.round_trip().await?;
    session.note(&format!("Listening on {:?} in group {:?}", args.subject, args.queue));
    let mut count = 0;
    loop {
        let request = tokio::select! {
            request = requests.next() => request,
            () = interrupted() => None,
        };
        let Some(request) = request else { return Ok(()) };
        respond(session, args, &answer, headers.render(count)?, (count, &request)).await?;
        count += 1;
        if args.count.is_some_and(|limit| limit <= count) {
            return session.round_trip().await.map(drop);
        }
    }
}

/// Splits a command before its functions are evaluated: what a request says stays one word.
fn command_words(command: &str) -> Result<Vec<Template>> {
    // Blanks inside a function are not those between words.
    const BLANK: char = '\u{1}';
    let mut inside = false;
    let mut guarded = String::new();
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('{', Some('{')) => inside = true,
            ('}', Some('}')) => inside = false,
            _ => (),
        }
        guarded.push(if inside && c == ' ' { BLANK } else { c });
    }
    let words = shell_words(&guarded)?;
    words.iter().map(|word| Template::parse(&word.replace(BLANK, " "))).collect()
}

async fn respond(
    session: &Session,
    args: &Reply,
    answer: &Answer,
    mut headers: HeaderMap,
    (count, request): (u64, &Message),
) -> Result<()> {
    show(session, count, request)?;
    let Some(reply) = request.reply.clone() else {
        session.note("It asks for no reply");
        return Ok(());
    };
    if let Some(max) = args.sleep.filter(|max| !max.is_zero()) {
        let nanos = u64::try_from(max.as_nanos()).unwrap_or(u64::MAX);
        tokio::time::sleep(std::time::Duration::from_nanos(template::random() % nanos)).await;
    }
    let input = Request { subject: &request.subject, body: &request.payload };
    let body = match answer {
        Answer::Echo => {
            for (name, values) in request.headers.iter().flat_map(HeaderMap::iter) {
                for value in values {
                    headers.append(name.clone(), value.clone());
                }
            }
            headers.insert("NATS-Reply-Counter", count.to_string().as_str());
            request.payload.clone()
        }
        Answer::Body(body) => body.render(count, input).into(),
        Answer::Command(words) => match output_of(words, count, input).await {
            Ok(output) => output,
            Err(error) => {
                session.note(&format!("{error:#}"));
                return Ok(());
            }
        },
    };
    session.client.publish_with_headers(reply, headers, body).await?;
    Ok(())
}

fn show(session: &Session, count: u64, request: &Message) -> Result<()> {
    if session.out.is_json() {
        return session.out.json_line(&message::to_json(request, None, Parts::default()));
    }
    session.note(&format!("[#{count}] Received on subject {:?}:", request.subject.as_str()));
    message::show_content(session, request.headers.as_ref(), &request.payload, Parts::default())
}

/// Runs the command and gives what it writes, errors last.
async fn output_of(words: &[Template], count: u64, request: Request<'_>) -> Result<Bytes> {
    let words: Vec<String> = words
        .iter()
        .map(|word| String::from_utf8_lossy(&word.render(count, request)).into_owned())
        .collect();
    let (program, arguments) = words.split_first().context("--command is empty")?;
    let body = String::from_utf8_lossy(request.body);
    let run = tokio::process::Command::new(program)
        .args(arguments)
        .env("NATS_REQUEST_SUBJECT", request.subject)
        // An environment variable can't hold a zero byte.
        .env("NATS_REQUEST_BODY", body.replace('\0', ""))
        .stdin(std::process::Stdio::null())
        .output()
        .await;
    let run = run.with_context(|| format!("command {program:?} failed to run"))?;
    let mut output = run.stdout;
    output.extend_from_slice(&run.stderr);
    Ok(output.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_says_stays_one_word() {
        let words = command_words("curl 'a b' {{ 1 }}?x={{.Request}}").unwrap();
        let request = Request { subject: "weather.new york", body: b"1; rm -rf /" };
        let render = |word: &Template| String::from_utf8(word.render(1, request)).unwrap();
        let rendered: Vec<String> = words.iter().map(render).collect();
        assert_eq!(rendered, ["curl", "a b", "new york?x=1; rm -rf /"]);
    }
}
