use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream;
use futures_util::StreamExt;
use futures_util::stream::select_all;

use super::message::{self, Delivery, Parts};
use super::{interrupted, matches, replay};
use crate::args::pubsub::Subscribe;
use crate::context::Session;
use crate::problem::Problem;

pub(super) async fn run(session: &Session, args: &Subscribe) -> Result<()> {
    if args.start.is_jetstream() {
        if args.queue.is_some() || args.inbox {
            let problem =
                Problem::usage("JetStream subscriptions have no queue group and no inbox");
            return Err(problem.with_remedy("share a consumer instead: --durable <name>").into());
        }
        return replay::run(session, args).await;
    }
    let subjects =
        if args.inbox { vec![session.client.new_inbox()] } else { args.subjects.clone() };
    let mut subscribers = Vec::new();
    for subject in &subjects {
        let subscriber = match &args.queue {
            Some(queue) => session.client.queue_subscribe(subject.clone(), queue.clone()).await,
            None => session.client.subscribe(subject.clone()).await,
        };
        subscribers.push(subscriber.with_context(|| format!("can't subscribe to {subject}"))?);
    }
    // A forbidden subject is an error now, not silence for ever.
    session.round_trip().await?;
    if !args.raw || args.inbox {
        let group =
            args.queue.as_ref().map(|queue| format!(" in group {queue:?}")).unwrap_or_default();
        session.note(&format!("Subscribing on {}{group}", subjects.join(", ")));
    }
    let mut messages = select_all(subscribers);
    let mut viewer = Viewer::new(session, args);
    let idle = args.wait.unwrap_or(Duration::MAX);
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(idle, messages.next()) => next,
            () = interrupted() => return Ok(()),
        };
        let Ok(Some(message)) = next else { return Ok(()) };
        let message = jetstream::Message { message, context: session.js.clone() };
        let delivery = Delivery::of(&message);
        viewer.show(&message.message, delivery.as_ref())?;
        if args.ack && delivery.is_some() {
            let acked = message.ack().await;
            acked.map_err(|error| Problem::new(format!("can't acknowledge: {error}")))?;
        }
        if viewer.is_done() {
            return Ok(());
        }
    }
}

/// Shows messages as a subscription was told to, and counts them.
#[derive(Debug)]
pub(super) struct Viewer<'a> {
    session: &'a Session,
    args: &'a Subscribe,
    parts: Parts,
    shown: u64,
}

impl<'a> Viewer<'a> {
    pub(super) fn new(session: &'a Session, args: &'a Subscribe) -> Viewer<'a> {
        let parts = Parts {
            raw: args.raw,
            headers_only: args.headers_only,
            subjects_only: args.subjects_only,
            timestamp: args.timestamp,
        };
        Viewer { session, args, parts, shown: 0 }
    }

    /// Whether as many messages were shown as were asked for.
    pub(super) fn is_done(&self) -> bool {
        self.args.count.is_some_and(|count| count <= self.shown)
    }

    /// Shows a message, unless its subject is to be ignored.
    pub(super) fn show(
        &mut self,
        message: &async_nats::Message,
        delivery: Option<&Delivery>,
    ) -> Result<()> {
        if self.args.ignore.iter().any(|filter| matches(filter, &message.subject)) {
            return Ok(());
        }
        self.shown += 1;
        match self.args.dump.as_deref() {
            None => message::show(self.session, self.shown, message, delivery, self.parts),
            Some("-") => {
                let text = message::to_json(message, delivery, self.parts).to_string();
                self.session.out.raw(text.as_bytes())?;
                self.session.out.raw(b"\0")
            }
            Some(directory) => {
                let number = delivery.map_or(self.shown, |delivery| delivery.stream_seq);
                let path = Path::new(directory).join(format!("{number}.json"));
                let text = message::to_json(message, delivery, self.parts).to_string();
                std::fs::write(&path, text)
                    .with_context(|| format!("can't write {}", path.display()))
            }
        }
    }
}
