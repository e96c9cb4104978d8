//! A message comes to a stream.

use tradewind_proto::Publish;
use tradewind_store::mutant::{self, Mutant};
use tradewind_store::{Burned, Record, Wish};

use super::context::Context;
use super::slot::Slot;
use crate::api::config::Retention;
use crate::api::error::ApiError;
use crate::api::response::{append_pub_ack, append_pub_error};
use crate::stream::publish::{PublishHeaders, without_request_info};
use crate::stream::{self, Admission, PublishRecord};

impl Slot {
    /// Decides about `publish`, keeps it, and sees that it is acknowledged.
    pub(super) fn capture(&mut self, context: &mut Context, publish: &Publish<'_>) {
        if !self.is_memory
            && let Some(why) = context.log.poisoned()
        {
            let error = ApiError::stream_store_failed(why);
            return self.refuse_at_once(context, publish.reply, &error);
        }
        let block = without_request_info(publish.headers);
        let headers = PublishHeaders::parse(&block);
        let is_wanted = self.retention != Retention::Interest || self.is_wanted(publish.subject);
        let offered = stream::Publish {
            subject: publish.subject,
            headers: &headers,
            payload_len: publish.payload.len(),
            is_wanted,
        };
        let admission = match self.stream.admit(context.now, &offered) {
            Ok(admission) => admission,
            Err(refusal) => return self.refuse(context, publish.reply, &ApiError::from(refusal)),
        };
        let is_awaited = !publish.reply.is_empty() && !self.stream.config().no_ack;
        let eager = is_awaited && !self.speaks_at_once();
        let wish = if eager { Wish::Eager } else { Wish::Lazy };
        let stored = match admission {
            Admission::Duplicate { seq } => {
                self.acknowledge(context, publish.reply, seq, true);
                return;
            }
            Admission::Append { seq, ts } => {
                let publish = Publish { headers: &block, ..*publish };
                self.append(context, wish, &publish, &headers, (seq, ts)).map(|()| seq)
            }
            Admission::Burn { seq, ts } => {
                self.burn(context, wish, (seq, ts), headers.msg_id).map(|()| seq)
            }
        };
        match stored {
            Ok(seq) => self.acknowledge(context, publish.reply, seq, false),
            Err(error) => self.refuse_at_once(context, publish.reply, &error),
        }
    }

    fn append(
        &mut self,
        context: &mut Context,
        wish: Wish,
        publish: &Publish<'_>,
        headers: &PublishHeaders<'_>,
        (seq, ts): (u64, tradewind_subject::Timestamp),
    ) -> Result<(), ApiError> {
        if !self.is_memory && context.log.space_low() {
            return Err(ApiError::STORAGE_RESOURCES_EXCEEDED);
        }
        self.log_removals(context);
        let record = Record::Publish {
            stream: self.id,
            seq,
            ts,
            subject: publish.subject,
            headers: publish.headers,
            payload: publish.payload,
        };
        let appended = self.log(context, wish, &record).map_err(ApiError::stream_store_failed)?;
        let record = PublishRecord {
            seq,
            ts,
            subject: publish.subject,
            headers,
            payload_len: publish.payload.len(),
            position: appended.position,
            len: appended.len,
            lsn: appended.lsn,
        };
        let mut removed = std::mem::take(&mut context.removed);
        self.mark_undurable(context);
        self.stream.apply_publish(&record, &mut removed);
        self.tell_appended(context, seq, publish.subject);
        self.after_removal(context, &mut removed);
        context.removed = removed;
        // Only one with a lifetime of its own can be too old before those in front of it.
        if self.entered.is_none() || headers.ttl.is_some() {
            self.enter_expiry(context);
        }
        Ok(())
    }

    fn burn(
        &mut self,
        context: &mut Context,
        wish: Wish,
        (seq, ts): (u64, tradewind_subject::Timestamp),
        msg_id: Option<&[u8]>,
    ) -> Result<(), ApiError> {
        self.log_removals(context);
        let burned = Some(Burned { ts, id: msg_id.unwrap_or_default() });
        let record = Record::Skip { stream: self.id, first: seq, last: seq, burned };
        let appended = self.log(context, wish, &record).map_err(ApiError::stream_store_failed)?;
        self.mark_undurable(context);
        self.stream.apply_burn(seq, ts, msg_id, appended.lsn);
        Ok(())
    }

    /// What comes now is durable with the next commit, and not spoken of before.
    pub(super) fn mark_undurable(&mut self, context: &mut Context) {
        if self.speaks_at_once() {
            return;
        }
        let last_seq = self.stream.index().last_seq();
        let waits = (!self.consumers.is_empty()).then_some(self.id);
        self.undurable.mark(&mut context.groups, last_seq, waits);
    }

    /// Tells the consumers that want it of a new message.
    fn tell_appended(&mut self, context: &mut Context, seq: u64, subject: &[u8]) {
        for at in 0..self.unfiltered.len() {
            let id = self.unfiltered[at];
            self.tell_one(context, id, seq);
        }
        if !self.filtered.is_empty() {
            let mut told = Vec::new();
            self.filtered.for_each_match(subject, |id| told.push(*id));
            for id in told {
                self.tell_one(context, id, seq);
            }
        }
    }

    fn tell_one(&mut self, context: &mut Context, id: tradewind_store::ConsumerId, seq: u64) {
        if let Some(slot) = self.consumers.get_mut(&id)
            && slot.consumer.on_appended(seq)
            && self.speaks_at_once()
        {
            // Of others it may be spoken when it is durable: the commit kicks.
            context.kicked.insert((self.id, id));
        }
    }

    fn acknowledge(&self, context: &mut Context, reply: &[u8], seq: u64, is_duplicate: bool) {
        if reply.is_empty() || self.stream.config().no_ack {
            return;
        }
        let early = is_duplicate && mutant::enabled(Mutant::DuplicateAnsweredEarly);
        let at_once = self.speaks_at_once() || early;
        let out = if at_once { &mut context.out } else { context.after_commit() };
        out.pub_ack(reply, |out| append_pub_ack(out, &self.ack_prefix, seq, is_duplicate));
    }

    fn refuse(&self, context: &mut Context, reply: &[u8], error: &ApiError) {
        if reply.is_empty() || self.stream.config().no_ack {
            return;
        }
        let out = if self.speaks_at_once() { &mut context.out } else { context.after_commit() };
        out.answer(reply, |out| append_pub_error(out, self.name(), error));
    }

    /// As [`Slot::refuse`], of an error that speaks of nothing in the stream: without room or after
    /// an I/O error there may be no commit to wait for.
    fn refuse_at_once(&self, context: &mut Context, reply: &[u8], error: &ApiError) {
        if !reply.is_empty() && !self.stream.config().no_ack {
            context.out.answer(reply, |out| append_pub_error(out, self.name(), error));
        }
    }
}
