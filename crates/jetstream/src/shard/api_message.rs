//! Calls of the API about single messages, and direct get.

use tradewind_proto::{HEADER_LINE, Publish};
use tradewind_store::{RemoveReason, StoredMessage};
use tradewind_subject::Timestamp;

use super::Shard;
use super::control::required_level_unmet;
use super::slot::{Slot, Unreadable};
use crate::api::error::ApiError;
use crate::api::request::{MsgDeleteRequest, MsgGetRequest, MsgSelector, Start};
use crate::api::response;
use crate::api::subject::ApiCall;
use crate::api::time::append_time;
use crate::stream::filter::FilterSet;
use crate::stream::index::Index;

type Served = Result<Vec<u8>, ApiError>;

impl Shard {
    pub(super) fn get_message(&self, name: &str, body: &[u8]) -> Served {
        let request = MsgGetRequest::parse(body, self.context.options.strict)?;
        let id = &self.id_of(name)?;
        let slot = self.slots.get(id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let selector = request.selector().ok_or(ApiError::BAD_REQUEST)?;
        let seq = select(slot.stream.index(), selector).ok_or(ApiError::NO_MESSAGE_FOUND)?;
        let message = slot.read(&self.context, seq).map_err(|unreadable| match unreadable {
            Unreadable::Gone => ApiError::NO_MESSAGE_FOUND,
            Unreadable::Damaged(why) => ApiError::stream_general_error(why),
        })?;
        let hdrs: &[u8] = if request.no_hdr { b"" } else { &message.headers };
        Ok(response::msg_get(&response::StoredMessage {
            subject: &message.subject,
            seq,
            hdrs,
            data: &message.payload,
            time: message.ts,
        }))
    }

    pub(super) fn delete_message(&mut self, name: &str, body: &[u8]) -> Served {
        let request = MsgDeleteRequest::parse(body, self.context.options.strict)?;
        let id = self.id_of(name)?;
        let slot = self.slots.get_mut(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        slot.stream.plan_delete(request.seq)?;
        slot.log_deltas(&mut self.context);
        let range = [request.seq..=request.seq];
        if !slot.remove(&mut self.context, RemoveReason::Deleted, &range, true) {
            return Err(ApiError::stream_msg_delete_failed("the store takes no writes"));
        }
        Ok(response::deleted(ApiCall::MsgDelete(name)))
    }

    /// Answers a direct get; false if the stream has none.
    pub(super) fn direct_get(
        &mut self,
        name: &str,
        subject: Option<&str>,
        publish: &Publish<'_>,
    ) -> bool {
        let Some(slot) = self.names.get(name).and_then(|id| self.slots.get(id)) else {
            return false;
        };
        if !slot.stream.config().allow_direct {
            return false;
        }
        if publish.reply.is_empty() {
            return true;
        }
        let request = match subject {
            None => MsgGetRequest::direct(publish.payload),
            Some(subject) => MsgGetRequest::direct_last(subject, publish.payload),
        };
        let status = |text: &str| format!("NATS/1.0 {text}\r\n\r\n").into_bytes();
        let answer = if required_level_unmet(publish.headers) {
            Err(status("412 Required Api Level"))
        } else {
            match request {
                Err(refusal) => Err(status(refusal.status())),
                Ok(request) if is_batch(&request) => {
                    Err(status("408 Batch Not Supported By This Server Yet"))
                }
                Ok(request) => slot.direct_message(self, &request),
            }
        };
        let reply = publish.reply;
        let (headers, payload) = match &answer {
            Ok((headers, message)) => (headers, &message.payload[..]),
            Err(status) => (status, &b""[..]),
        };
        let durable = match &answer {
            Ok((_, message)) => message.seq <= slot.visible(&self.context),
            Err(_) => false,
        };
        let shown = Publish { subject: reply, reply: b"", headers, payload };
        let out = if durable { &mut self.context.out } else { self.context.after_commit() };
        out.push(reply, &shown);
        true
    }
}

impl Slot {
    /// The headers and the message of a direct get, or the status that says why not.
    fn direct_message(
        &self,
        shard: &Shard,
        request: &MsgGetRequest,
    ) -> Result<(Vec<u8>, StoredMessage), Vec<u8>> {
        let not_found = || b"NATS/1.0 404 Message Not Found\r\n\r\n".to_vec();
        let selector = request.selector().ok_or_else(not_found)?;
        let seq = select(self.stream.index(), selector).ok_or_else(not_found)?;
        let message = self.read(&shard.context, seq).map_err(|unreadable| match unreadable {
            Unreadable::Gone => not_found(),
            Unreadable::Damaged(why) => format!("NATS/1.0 500 {why}\r\n\r\n").into_bytes(),
        })?;
        let headers =
            if request.no_hdr { Vec::new() } else { direct_headers(self.name(), &message) };
        Ok((headers, message))
    }
}

fn is_batch(request: &MsgGetRequest) -> bool {
    0 < request.batch || !request.multi_last.is_empty()
}

/// The message a request means.
fn select(index: &Index, selector: MsgSelector<'_>) -> Option<u64> {
    match selector {
        MsgSelector::At(Start::Seq(seq)) => index.get(seq).map(|_| seq),
        MsgSelector::At(Start::Time(at)) => index.next_live(first_since(index, at)),
        MsgSelector::Next { subject, start } => {
            let from = match start {
                Start::Seq(seq) => seq,
                Start::Time(at) => first_since(index, at),
            };
            index.next_matching(from, &FilterSet::one(subject))
        }
        MsgSelector::Last { subject } => index.last_matching(&FilterSet::one(subject)),
    }
}

fn first_since(index: &Index, at: Timestamp) -> u64 {
    index.seq_at_time(at)
}

/// The message's own headers and those that say where it comes from.
fn direct_headers(stream: &str, message: &StoredMessage) -> Vec<u8> {
    let mut block = if message.headers.is_empty() {
        HEADER_LINE.to_vec()
    } else {
        message.headers[..message.headers.len().saturating_sub(2)].to_vec()
    };
    block.extend_from_slice(b"Nats-Stream: ");
    block.extend_from_slice(stream.as_bytes());
    block.extend_from_slice(b"\r\nNats-Subject: ");
    block.extend_from_slice(&message.subject);
    block.extend_from_slice(
        format!("\r\nNats-Sequence: {}\r\nNats-Time-Stamp: ", message.seq).as_bytes(),
    );
    append_time(&mut block, Some(message.ts));
    block.extend_from_slice(b"\r\n\r\n");
    block
}
