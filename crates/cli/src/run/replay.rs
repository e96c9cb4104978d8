//! `sub` on a stream.

use std::time::Duration;

use anyhow::Result;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, stream::Stream};
use futures_util::{Stream as Messages, StreamExt};
use serde_json::json;

use super::consumer::one_by_one;
use super::interrupted;
use super::message::Delivery;
use super::subscribe::Viewer;
use crate::args::pubsub::{Start, Subscribe};
use crate::context::Session;
use crate::problem::{ApiError, Problem};
use crate::{api, fields};

pub(super) async fn run(session: &Session, args: &Subscribe) -> Result<()> {
    let name = match &args.start.stream {
        Some(stream) => stream.clone(),
        None => stream_of(session, args).await?,
    };
    // Asked for its errors, which say more than the library's.
    let info = api::stream_info(session, &name).await?;
    let stream = session.js.get_stream_no_info(&name).await?;
    let what = if args.subjects.is_empty() {
        fields::texts(&info, "/config/subjects").join(", ")
    } else {
        args.subjects.join(", ")
    };
    session.note(&format!(
        "Subscribing to JetStream Stream {name} holding messages with subject {what}"
    ));
    if let Some(durable) = &args.start.durable {
        let consumer = durable_consumer(session, &stream, (&name, durable), args).await?;
        return show(session, args, one_by_one(consumer), true, u64::MAX).await;
    }
    let config = pull::OrderedConfig {
        deliver_policy: policy(&args.start)?,
        filter_subjects: filters(args),
        headers_only: args.headers_only,
        ..Default::default()
    };
    let consumer = stream.create_consumer(config).await;
    let consumer =
        consumer.map_err(|error| Problem::new(format!("can't read stream {name}: {error}")))?;
    let pending = consumer.cached_info().num_pending;
    show(session, args, consumer.messages().await?, false, pending).await
}

/// The stream that has the subjects.
async fn stream_of(session: &Session, args: &Subscribe) -> Result<String> {
    let subject = args.subjects.first().map(String::as_str).unwrap_or_default();
    let found = api::all(session, "STREAM.NAMES", "streams", json!({"subject": subject})).await?;
    let name = found.first().and_then(|name| name.as_str()).map(str::to_owned);
    name.ok_or_else(|| {
        Problem::new(format!("no stream has messages on {subject}"))
            .with_remedy("list the streams with: tradewind stream ls")
            .into()
    })
}

/// The subjects to read; everything if there are none, which some policies want to be told.
fn filters(args: &Subscribe) -> Vec<String> {
    if args.subjects.is_empty() && args.start.last_per_subject {
        return vec![">".to_owned()];
    }
    args.subjects.clone()
}

fn policy(start: &Start) -> Result<DeliverPolicy> {
    if let Some(start_sequence) = start.sequence {
        return Ok(DeliverPolicy::ByStartSequence { start_sequence });
    }
    if let Some(since) = start.since {
        return Ok(DeliverPolicy::ByStartTime { start_time: before(since)? });
    }
    Ok(if start.last {
        DeliverPolicy::Last
    } else if start.last_per_subject {
        DeliverPolicy::LastPerSubject
    } else if start.new {
        DeliverPolicy::New
    } else {
        DeliverPolicy::All
    })
}

/// The time `age` ago.
fn before(age: Duration) -> Result<async_nats::datetime::DateTime> {
    let nanos = jiff::Timestamp::now().as_nanosecond() - i128::try_from(age.as_nanos())?;
    async_nats::datetime::from_nanos(nanos)
        .map_err(|error| Problem::usage(format!("--since: {error}")).into())
}

/// The durable consumer, made if it does not exist.
async fn durable_consumer(
    session: &Session,
    stream: &Stream<()>,
    (stream_name, durable): (&str, &str),
    args: &Subscribe,
) -> Result<jetstream::consumer::Consumer<pull::Config>> {
    let problem = |error: &dyn std::fmt::Display| {
        Problem::new(format!("can't use consumer {stream_name} > {durable}: {error}"))
    };
    match api::consumer_info(session, stream_name, durable).await {
        Ok(info) if fields::text(&info, "/config/deliver_subject").is_empty() => {
            stream.get_consumer(durable).await.map_err(|error| problem(&error).into())
        }
        Ok(_) => Err(problem(&"it pushes its messages")
            .with_remedy(format!(
                "receive them with: tradewind consumer sub {stream_name} {durable}"
            ))
            .into()),
        Err(error) => {
            if error.downcast_ref::<ApiError>().is_none_or(|error| error.err_code != 10014) {
                return Err(error);
            }
            let config = pull::Config {
                durable_name: Some(durable.to_owned()),
                deliver_policy: policy(&args.start)?,
                ack_policy: AckPolicy::Explicit,
                filter_subjects: filters(args),
                headers_only: args.headers_only,
                ..Default::default()
            };
            stream.create_consumer(config).await.map_err(|error| problem(&error).into())
        }
    }
}

/// Shows `messages`, of which `pending` were there at the start.
async fn show<E>(
    session: &Session,
    args: &Subscribe,
    messages: impl Messages<Item = Result<jetstream::Message, E>>,
    acks: bool,
    pending: u64,
) -> Result<()>
where
    anyhow::Error: From<E>,
{
    let mut messages = Box::pin(messages);
    let mut viewer = Viewer::new(session, args);
    let idle = args.wait.unwrap_or(Duration::MAX);
    if args.start.terminate_at_end && pending == 0 {
        return Ok(());
    }
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(idle, messages.next()) => next,
            () = interrupted() => return Ok(()),
        };
        let Ok(Some(message)) = next else { return Ok(()) };
        let message = message?;
        let delivery = Delivery::of(&message);
        viewer.show(&message.message, delivery.as_ref())?;
        if acks {
            let acked = message.double_ack().await;
            acked.map_err(|error| Problem::new(format!("can't acknowledge: {error}")))?;
        }
        let at_end = delivery.is_some_and(|delivery| delivery.pending == 0);
        if viewer.is_done() || (args.start.terminate_at_end && at_end) {
            return Ok(());
        }
    }
}
