use std::time::{Duration, Instant};

use anyhow::Result;
use async_nats::{StatusCode, Subscriber};
use futures_util::StreamExt;

use super::compose::{Composer, Outgoing};
use super::message::{self, Parts};
use crate::args::pubsub::Request;
use crate::context::Session;
use crate::output;
use crate::problem::Problem;

pub(super) async fn run(session: &Session, args: &Request) -> Result<()> {
    let mut composer = Composer::new(session, &args.subject, args.body.as_deref(), &args.compose)?;
    while let Some(body) = composer.next_body()? {
        for _ in 0..args.count {
            let outgoing = composer.compose(&body)?;
            ask(session, args, outgoing).await?;
        }
    }
    Ok(())
}

async fn ask(session: &Session, args: &Request, outgoing: Outgoing) -> Result<()> {
    let Outgoing { subject, headers, body } = outgoing;
    if !args.raw {
        session.note(&format!("Sending request on {subject:?}"));
    }
    let inbox = session.client.new_inbox();
    let mut replies = session.client.subscribe(inbox.clone()).await?;
    let start = Instant::now();
    if headers.is_empty() {
        session.client.publish_with_reply(subject.clone(), inbox, body).await?;
    } else {
        session
            .client
            .publish_with_reply_and_headers(subject.clone(), inbox, headers, body)
            .await?;
    }
    let count = receive(session, args, &subject, &mut replies, start).await?;
    replies.unsubscribe().await?;
    if count == 0 {
        // It may have been forbidden, which the server says apart.
        session.round_trip().await?;
        let waited = output::duration(session.timeout);
        return Err(Problem::new(format!("no reply on {subject} within {waited}"))
            .with_remedy("wait longer with --timeout")
            .into());
    }
    Ok(())
}

/// Shows the replies that come and counts them.
async fn receive(
    session: &Session,
    args: &Request,
    subject: &str,
    replies: &mut Subscriber,
    start: Instant,
) -> Result<u64> {
    let mut count = 0;
    let mut patience = session.timeout;
    let mut sum_of_times = Duration::ZERO;
    while let Ok(Some(reply)) = tokio::time::timeout(patience, replies.next()).await {
        if reply.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(Problem::new(format!("nobody listens on {subject}: no responders"))
                .with_remedy(format!("answer it with: tradewind reply {subject} --echo"))
                .into());
        }
        let elapsed = start.elapsed();
        show(session, args, &reply, elapsed)?;
        count += 1;
        if count == args.replies {
            break;
        }
        if args.replies == 0 {
            patience = session.timeout.saturating_sub(elapsed);
        } else {
            // As in nats: the usual time of a reply, and some more.
            sum_of_times += elapsed;
            let usual = sum_of_times / u32::try_from(count).unwrap_or(u32::MAX);
            patience = usual + args.reply_timeout;
        }
    }
    Ok(count)
}

fn show(
    session: &Session,
    args: &Request,
    reply: &async_nats::Message,
    elapsed: Duration,
) -> Result<()> {
    if session.out.is_json() {
        let mut object = message::to_json(reply, None, Parts::default());
        object["rtt"] = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX).into();
        return session.out.json_line(&object);
    }
    if args.raw {
        return session.out.body(&reply.payload);
    }
    session.note(&format!("Received with rtt {}", output::duration(elapsed)));
    message::show_content(session, reply.headers.as_ref(), &reply.payload, Parts::default())
}
