//! Messages for JetStream itself: the API, acknowledgements, flow control.

use tradewind_proto::{Headers, Publish};
use tradewind_store::StreamId;
use tradewind_store::mutant::{self, Mutant};

use super::Shard;
use crate::api::error::ApiError;
use crate::api::response;
use crate::api::subject::{ApiCall, ConsumerRef};
use crate::api::validate::is_level_unmet;
use crate::consumer::AckSubject;

/// Prefix of all subjects of the API.
const API: &[u8] = b"$JS.API.";

/// How a call of the API ended: the answer, or why it was refused. `None` is no answer at all.
pub(super) type Answer = Option<Result<Vec<u8>, ApiError>>;

impl Shard {
    /// Takes in a message for JetStream itself.
    pub(super) fn control(&mut self, publish: &Publish<'_>, no_responders: bool) {
        let served = if let Some(call) = publish.subject.strip_prefix(API) {
            match ApiCall::parse(call) {
                Some(call) => self.call(call, publish),
                // Not even an error: the caller times out, as with nats-server.
                None => true,
            }
        } else if publish.subject.starts_with(b"$JS.ACK.") {
            self.ack(publish)
        } else {
            self.flow_control(publish)
        };
        if !served && no_responders && !publish.reply.is_empty() {
            self.no_responders(publish);
        }
    }

    /// The answer that nobody is there.
    fn no_responders(&mut self, publish: &Publish<'_>) {
        let mut headers = b"NATS/1.0 503\r\nNats-Subject: ".to_vec();
        headers.extend_from_slice(publish.subject);
        headers.extend_from_slice(b"\r\n\r\n");
        let status =
            Publish { subject: publish.reply, reply: b"", headers: &headers, payload: b"" };
        self.context.out.push(publish.reply, &status);
    }

    fn call(&mut self, call: ApiCall<'_>, publish: &Publish<'_>) -> bool {
        match call {
            ApiCall::MsgNext(consumer) => return self.pull(consumer, publish),
            ApiCall::DirectGet(stream) => return self.direct_get(stream, None, publish),
            ApiCall::DirectGetLast { stream, subject } => {
                return self.direct_get(stream, Some(subject), publish);
            }
            _ => (),
        }
        // What an answer tells of consumers has to be in the log that it waits for.
        self.log_touched();
        let answer = if required_level_unmet(publish.headers) {
            Some(Err(ApiError::REQUIRED_API_LEVEL))
        } else {
            self.serve(call, publish.payload)
        };
        self.context.api_total += 1;
        let Some(mut answer) = answer else { return true };
        let stuck = self.context.stuck().map(ApiError::stream_general_error);
        let is_stuck = stuck.is_some();
        if let Some(error) = stuck.filter(|_| answer.is_ok()) {
            // It may speak of what a restart does not find.
            answer = Err(error);
        }
        let json = answer.unwrap_or_else(|error| {
            self.context.api_errors += 1;
            response::refusal(call, &error)
        });
        if !publish.reply.is_empty() {
            let context = &mut self.context;
            let early = mutant::enabled(Mutant::PurgeAnsweredEarly)
                && matches!(call, ApiCall::StreamPurge(_));
            let out = if is_stuck || early { &mut context.out } else { context.after_commit() };
            out.answer(publish.reply, |out| out.extend_from_slice(&json));
        }
        true
    }

    fn serve(&mut self, call: ApiCall<'_>, body: &[u8]) -> Answer {
        Some(match call {
            // Whatever its body is, nats-server does not look at it.
            ApiCall::AccountInfo => Ok(self.account_info()),
            ApiCall::StreamCreate(name) => self.create_stream(name, body),
            ApiCall::StreamUpdate(name) => self.update_stream(name, body),
            ApiCall::StreamNames => self.stream_names(body),
            ApiCall::StreamList => self.stream_list(body),
            ApiCall::StreamInfo(name) => self.stream_info(name, body),
            ApiCall::StreamDelete(name) => self.delete_stream(name, body),
            ApiCall::StreamPurge(name) => self.purge_stream(name, body),
            ApiCall::MsgGet(name) => self.get_message(name, body),
            ApiCall::MsgDelete(name) => self.delete_message(name, body),
            ApiCall::ConsumerCreate(target) => self.create_consumer(&target, body),
            ApiCall::ConsumerNames(stream) => self.consumer_names(stream, body),
            ApiCall::ConsumerList(stream) => self.consumer_list(stream, body),
            ApiCall::ConsumerInfo(consumer) => self.consumer_info(consumer, body),
            ApiCall::ConsumerDelete(consumer) => self.delete_consumer_call(consumer, body),
            ApiCall::ClusterOnly(_) => Err(ApiError::CLUSTER_REQUIRED),
            ApiCall::StreamSnapshot(_) | ApiCall::StreamRestore(_) => {
                Err(unsupported("snapshot and restore"))
            }
            ApiCall::ConsumerPause(_) => Err(unsupported("pausing a consumer")),
            ApiCall::ConsumerUnpin(_) => Err(unsupported("priority groups")),
            ApiCall::ConsumerReset(_) => Err(unsupported("resetting a consumer")),
            ApiCall::MsgNext(_) | ApiCall::DirectGet(_) | ApiCall::DirectGetLast { .. } => {
                return None;
            }
        })
    }

    fn pull(&mut self, to: ConsumerRef<'_>, publish: &Publish<'_>) -> bool {
        let Some(&stream) = self.names.get(to.stream) else { return false };
        let Some(slot) = self.slots.get_mut(&stream) else { return false };
        let Some(&id) = slot.consumer_names.get(to.consumer) else { return false };
        if publish.reply.is_empty() {
            return true;
        }
        slot.with_consumer(&mut self.context, id, |consumer, now, actions| {
            consumer.on_pull(now, publish.reply, publish.payload, actions);
        });
        true
    }

    fn ack(&mut self, publish: &Publish<'_>) -> bool {
        let Some(subject) = AckSubject::parse(publish.subject) else { return false };
        let name = |token| std::str::from_utf8(token).ok();
        let Some(stream) = name(subject.stream).and_then(|name| self.names.get(name)) else {
            return false;
        };
        let Some(slot) = self.slots.get_mut(stream) else { return false };
        let Some(&id) = name(subject.consumer).and_then(|name| slot.consumer_names.get(name))
        else {
            return false;
        };
        if !slot.consumers.get(&id).is_some_and(|slot| slot.consumer.takes_acks()) {
            return false;
        }
        let Some(ack) = subject.ack else { return true };
        let reply = Some(publish.reply).filter(|reply| !reply.is_empty());
        slot.with_consumer(&mut self.context, id, |consumer, now, actions| {
            consumer.on_ack(now, ack, publish.payload, reply, actions);
        });
        true
    }

    /// `$JS.FC.<stream>.<consumer>.<random>`
    fn flow_control(&mut self, publish: &Publish<'_>) -> bool {
        let Ok(text) = std::str::from_utf8(publish.subject) else { return false };
        let tokens: Vec<&str> = text.split('.').collect();
        let [_, _, stream, consumer, _] = tokens[..] else { return false };
        let Some(slot) = self.slot_id(stream) else { return false };
        let Some(slot) = self.slots.get_mut(&slot) else { return false };
        let Some(&id) = slot.consumer_names.get(consumer) else { return false };
        slot.with_consumer(&mut self.context, id, |consumer, now, actions| {
            consumer.on_flow_control_reply(now, publish.subject, actions);
        });
        true
    }

    fn slot_id(&self, name: &str) -> Option<StreamId> {
        self.names.get(name).copied()
    }
}

/// What is answered to a call whose feature is still missing.
fn unsupported(what: &str) -> ApiError {
    ApiError::stream_general_error(format_args!("{what} is not supported by this server yet"))
}

pub(super) fn required_level_unmet(headers: &[u8]) -> bool {
    Headers::new(headers).get(b"Nats-Required-Api-Level").is_some_and(is_level_unmet)
}
