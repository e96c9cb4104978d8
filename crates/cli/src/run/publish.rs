use anyhow::Result;
use async_nats::jetstream::context::PublishErrorKind;
use serde_json::json;

use super::compose::{Composer, Outgoing};
use crate::args::pubsub::Publish;
use crate::context::Session;
use crate::output::{Progress, comma};
use crate::problem::Problem;

/// From this many messages on, each is no longer mentioned.
const MENTIONED_MAX: u64 = 20;

pub(super) async fn run(session: &Session, args: &Publish) -> Result<()> {
    if args.jetstream && args.reply.is_some() {
        return Err(Problem::usage("--jetstream takes the reply subject for itself").into());
    }
    let mut composer = Composer::new(session, &args.subject, args.body.as_deref(), &args.compose)?;
    let many = MENTIONED_MAX < args.count;
    let mentioned = !args.quiet && !many;
    let mut progress =
        Progress::messages(args.count, many && !args.quiet && !session.out.is_json());
    let (mut messages, mut bytes) = (0u64, 0u64);
    while let Some(body) = composer.next_body()? {
        for _ in 0..args.count {
            let outgoing = composer.compose(&body)?;
            let size = u64::try_from(outgoing.body.len()).unwrap_or(u64::MAX);
            let done = format!("Published {size} bytes to {:?}", outgoing.subject);
            if args.jetstream {
                store(session, outgoing, mentioned).await?;
            } else {
                send(session, args, outgoing).await?;
            }
            if mentioned {
                session.note(&done);
            }
            (messages, bytes) = (messages + 1, bytes + size);
            progress.advance(1);
            if let Some(sleep) = args.sleep.filter(|_| messages < args.count) {
                tokio::time::sleep(sleep).await;
            }
        }
    }
    if !args.jetstream {
        session.round_trip().await?;
        if session.out.is_json() {
            let summary = json!({"subject": args.subject, "messages": messages, "bytes": bytes});
            session.out.json(&summary)?;
        }
    }
    progress.finish();
    Ok(())
}

async fn send(session: &Session, args: &Publish, outgoing: Outgoing) -> Result<()> {
    let Outgoing { subject, headers, body } = outgoing;
    let client = &session.client;
    match (&args.reply, headers.is_empty()) {
        (None, true) => client.publish(subject, body).await?,
        (None, false) => client.publish_with_headers(subject, headers, body).await?,
        (Some(reply), true) => client.publish_with_reply(subject, reply.clone(), body).await?,
        (Some(reply), false) => {
            client.publish_with_reply_and_headers(subject, reply.clone(), headers, body).await?;
        }
    }
    Ok(())
}

/// Publishes to JetStream and shows its acknowledgement.
async fn store(session: &Session, outgoing: Outgoing, mentioned: bool) -> Result<()> {
    let Outgoing { subject, headers, body } = outgoing;
    let sent = session.js.publish_with_headers(subject.clone(), headers, body).await;
    let acked = match sent {
        Ok(ack) => ack.await,
        Err(error) => Err(error),
    };
    let ack = acked.map_err(|error| match error.kind() {
        PublishErrorKind::StreamNotFound => {
            Problem::new(format!("no stream takes messages on {subject}")).with_remedy(format!(
                "create one with: tradewind stream add <stream> --subjects '{subject}'"
            ))
        }
        PublishErrorKind::TimedOut => {
            Problem::new(format!("no acknowledgement for {subject} in time"))
                .with_remedy("wait longer with --timeout")
        }
        _ => Problem::new(format!("{subject} was not stored: {error}")),
    })?;
    if session.out.is_json() {
        return session.out.json_line(&json!({
            "subject": subject,
            "stream": ack.stream,
            "seq": ack.sequence,
            "domain": ack.domain,
            "duplicate": ack.duplicate,
        }));
    }
    if mentioned {
        let domain = match ack.domain.as_str() {
            "" => String::new(),
            domain => format!(" Domain: {domain:?}"),
        };
        let duplicate = if ack.duplicate { " Duplicate: true" } else { "" };
        let line = format!(
            "Stored in Stream: {} Sequence: {}{domain}{duplicate}",
            ack.stream,
            comma(ack.sequence)
        );
        session.out.line(&line)?;
    }
    Ok(())
}
