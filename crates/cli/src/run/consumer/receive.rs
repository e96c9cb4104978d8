//! Messages from consumers.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream::consumer::{PullConsumer, PushConsumer};
use async_nats::jetstream::{AckKind, Message};
use futures_util::{Stream, StreamExt};

use crate::args::consumer::{Next, Sub};
use crate::context::Session;
use crate::problem::Problem;
use crate::run::interrupted;
use crate::run::message::{self, Delivery, Parts};
use crate::{api, fields, headers, output};

/// How long a pull waits before it is renewed.
const PULL_EXPIRES: Duration = Duration::from_secs(30);

/// What is done with a message that was shown.
#[derive(Clone, Copy, Debug)]
struct Handling {
    raw: bool,
    ack: Option<AckKind>,
}

/// Fetches some messages of a pull consumer.
pub(super) async fn next(session: &Session, args: &Next) -> Result<()> {
    let (stream, name) = (args.stream.as_str(), args.consumer.as_str());
    let info = api::consumer_info(session, stream, name).await;
    let info = info.with_context(|| format!("can't load consumer {stream} > {name}"))?;
    if !fields::text(&info, "/config/deliver_subject").is_empty() {
        let problem = Problem::new(format!("consumer {stream} > {name} is not a pull consumer"));
        let remedy = format!("receive its messages with: tradewind consumer sub {stream} {name}");
        return Err(problem.with_remedy(remedy).into());
    }
    let ack = if args.term {
        Some(AckKind::Term)
    } else if args.nak {
        Some(AckKind::Nak(None))
    } else {
        let acks = fields::text(&info, "/config/ack_policy") != "none";
        (acks && args.ack.unwrap_or(true)).then_some(AckKind::Ack)
    };
    let consumer: PullConsumer = session.js.get_consumer_from_stream(name, stream).await?;
    let count = usize::try_from(args.count)?;
    let wait = args.wait.unwrap_or(session.timeout);
    let mut messages =
        consumer.batch().max_messages(count).expires(wait).messages().await.map_err(|error| {
            Problem::new(format!("can't fetch from {stream} > {name}: {error}"))
        })?;
    let handling = Handling { raw: args.raw, ack };
    let mut shown = 0u32;
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| {
            Problem::new(format!("can't fetch from {stream} > {name}: {error}"))
        })?;
        handle(session, &message, handling).await?;
        shown += 1;
    }
    if shown == 0 {
        let problem = Problem::new(format!("no message came within {}", output::duration(wait)));
        let remedy = format!("see what is left with: tradewind consumer info {stream} {name}");
        return Err(problem.with_remedy(remedy).into());
    }
    Ok(())
}

/// Shows what a consumer delivers until Ctrl-C.
pub(super) async fn sub(session: &Session, args: &Sub) -> Result<()> {
    let (stream, name) = (args.stream.as_str(), args.consumer.as_str());
    let info = api::consumer_info(session, stream, name).await;
    let info = info.with_context(|| format!("can't load consumer {stream} > {name}"))?;
    let acks = fields::text(&info, "/config/ack_policy") != "none";
    let handling =
        Handling { raw: args.raw, ack: (acks && args.ack.unwrap_or(true)).then_some(AckKind::Ack) };
    session.note(&format!("Subscribing to consumer {stream} > {name}"));
    if fields::text(&info, "/config/deliver_subject").is_empty() {
        let consumer: PullConsumer = session.js.get_consumer_from_stream(name, stream).await?;
        receive(session, args, one_by_one(consumer), handling).await
    } else {
        let consumer: PushConsumer = session.js.get_consumer_from_stream(name, stream).await?;
        receive(session, args, consumer.messages().await?, handling).await
    }
}

/// The messages of a pull consumer, each fetched when it is wanted: one that is fetched but not
/// shown would wait for its redelivery.
pub(in crate::run) fn one_by_one(consumer: PullConsumer) -> impl Stream<Item = Result<Message>> {
    let fetch = async |consumer: &PullConsumer| -> Result<Option<Message>> {
        let mut batch = consumer.batch().max_messages(1).expires(PULL_EXPIRES).messages().await?;
        let message = batch.next().await.transpose();
        message.map_err(|error| Problem::new(format!("can't fetch: {error}")).into())
    };
    futures_util::stream::try_unfold(consumer, move |consumer| async move {
        loop {
            if let Some(message) = fetch(&consumer).await? {
                return Ok(Some((message, consumer)));
            }
        }
    })
}

async fn receive<E>(
    session: &Session,
    args: &Sub,
    messages: impl Stream<Item = Result<Message, E>>,
    handling: Handling,
) -> Result<()>
where
    anyhow::Error: From<E>,
{
    let mut messages = Box::pin(messages);
    let mut shown = 0;
    while args.count.is_none_or(|count| shown < count) {
        let next = tokio::select! {
            next = messages.next() => next,
            () = interrupted() => None,
        };
        let Some(message) = next else { break };
        handle(session, &message?, handling).await?;
        shown += 1;
    }
    Ok(())
}

/// Shows a message and says to the server what became of it.
async fn handle(session: &Session, message: &Message, handling: Handling) -> Result<()> {
    show(session, message, handling.raw)?;
    let Some(kind) = handling.ack else { return Ok(()) };
    let done = match kind {
        AckKind::Nak(_) => "NaKed message",
        AckKind::Term => "Terminated message",
        _ => "Acknowledged message",
    };
    // Confirmed: what is said to be acknowledged is.
    let acked = message.double_ack_with(kind).await;
    acked.map_err(|error| Problem::new(format!("can't acknowledge the message: {error}")))?;
    if handling.raw || session.out.is_json() {
        return Ok(());
    }
    session.out.line(&format!("{done}\n"))
}

fn show(session: &Session, message: &Message, raw: bool) -> Result<()> {
    let delivery = Delivery::of(message);
    let out = &session.out;
    if out.is_json() {
        return out.json_line(&message::to_json(message, delivery.as_ref(), Parts::default()));
    }
    if raw {
        return out.body(&message.payload);
    }
    let now = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
    let subject = message.subject.as_str();
    let heading = match &delivery {
        None => format!("[{now}] subj: {subject}"),
        Some(delivery) => format!(
            "[{now}] subj: {subject} / tries: {} / cons seq: {} / str seq: {} / pending: {}",
            delivery.delivered,
            delivery.consumer_seq,
            delivery.stream_seq,
            output::comma(delivery.pending),
        ),
    };
    out.line(&heading)?;
    let pairs = message.headers.as_ref().map(headers::pairs).unwrap_or_default();
    if !pairs.is_empty() {
        out.line("\nHeaders:\n")?;
        for (name, value) in pairs {
            out.line(&format!("  {name}: {value}"))?;
        }
        out.line("\nData:\n")?;
    }
    out.line("")?;
    out.body(&message.payload)?;
    out.line("")
}
