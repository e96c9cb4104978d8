//! Calls of the API about consumers.

use tradewind_store::mutant::{self, Mutant};
use tradewind_store::{ConsumerId, Ranges, Record, RemoveReason, SeqRange, Wish};
use tradewind_subject::{Timestamp, int::usize_from};

use super::Shard;
use super::advisory::Change;
use super::consumers::ranges_of;
use super::context::{Context, Event};
use super::slot::{ConsumerSlot, Slot};
use crate::api::config::{ConsumerConfig, Retention};
use crate::api::error::ApiError;
use crate::api::request::{ConsumerRequest, List, ListRequest, expect_empty};
use crate::api::response::{self, ConsumerInfo, Page, SequenceInfo};
use crate::api::subject::{ApiCall, ConsumerRef, ConsumerTarget};
use crate::api::validate::{ConsumerPlan, ExistingConsumer, plan_consumer};
use crate::consumer::{Closing, Consumer, Setup};

type Served = Result<Vec<u8>, ApiError>;

impl Shard {
    pub(super) fn create_consumer(&mut self, target: &ConsumerTarget<'_>, body: &[u8]) -> Served {
        let strict = self.context.options.strict;
        let request = ConsumerRequest::parse(target, body, strict)?;
        let id = self.id_of(&request.stream_name)?;
        let context = &mut self.context;
        let slot = self.slots.get_mut(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let existing = request.config.asked_name().and_then(|name| slot.consumer_names.get(name));
        let existing = existing.copied();
        let found = existing.and_then(|id| slot.consumers.get(&id));
        let stored = found
            .map(|slot| ExistingConsumer { config: slot.consumer.config(), is_bound: slot.bound });
        let others = slot.consumers.iter().filter(|(id, _)| Some(**id) != existing);
        let others = others.map(|(_, slot)| slot.consumer.config());
        let (stream, limits) = (slot.stream.config(), &context.options.limits);
        let plan = plan_consumer(request, stream, limits, stored, &others)?;
        let id = match (plan, existing) {
            (ConsumerPlan::Update(config), Some(id)) => {
                slot.update_consumer(context, id, config)?
            }
            (ConsumerPlan::Update(config) | ConsumerPlan::Create(config), _) => {
                slot.add_consumer(context, config)?
            }
        };
        let info = slot.consumer_info(id, context.now).ok_or(ApiError::CONSUMER_NOT_FOUND)?;
        Ok(response::consumer_create(&info))
    }

    fn find(&self, at: ConsumerRef<'_>) -> Result<(&Slot, ConsumerId), ApiError> {
        let id = &self.id_of(at.stream)?;
        let slot = self.slots.get(id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let consumer = slot.consumer_names.get(at.consumer).ok_or(ApiError::CONSUMER_NOT_FOUND)?;
        Ok((slot, *consumer))
    }

    pub(super) fn consumer_info(&self, at: ConsumerRef<'_>, body: &[u8]) -> Served {
        expect_empty(body)?;
        let (slot, id) = self.find(at)?;
        let info = slot.consumer_info(id, self.context.now).ok_or(ApiError::CONSUMER_NOT_FOUND)?;
        Ok(response::consumer_info(&info))
    }

    pub(super) fn delete_consumer_call(&mut self, at: ConsumerRef<'_>, body: &[u8]) -> Served {
        expect_empty(body)?;
        let (slot, id) = self.find(at)?;
        let stream = slot.id;
        if let Some(slot) = self.slots.get_mut(&stream)
            && !slot.delete_consumer(&mut self.context, id)
        {
            return Err(ApiError::stream_general_error("the store takes no writes"));
        }
        Ok(response::deleted(ApiCall::ConsumerDelete(at)))
    }

    pub(super) fn consumer_names(&self, stream: &str, body: &[u8]) -> Served {
        let strict = self.context.options.strict;
        let request = ListRequest::parse(List::Consumers, body, strict)?;
        let id = &self.id_of(stream)?;
        let slot = self.slots.get(id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let names: Vec<&str> = slot.consumer_names.keys().map(String::as_str).collect();
        let (page, range) = Page::of(names.len(), request.offset, response::NAMES_LIMIT);
        Ok(response::consumer_names(page, &names[range]))
    }

    pub(super) fn consumer_list(&self, stream: &str, body: &[u8]) -> Served {
        let strict = self.context.options.strict;
        let request = ListRequest::parse(List::Consumers, body, strict)?;
        let id = &self.id_of(stream)?;
        let slot = self.slots.get(id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let ids: Vec<ConsumerId> = slot.consumer_names.values().copied().collect();
        let (page, range) = Page::of(ids.len(), request.offset, response::LIST_LIMIT);
        let now = self.context.now;
        let infos: Vec<ConsumerInfo> =
            ids[range].iter().filter_map(|id| slot.consumer_info(*id, now)).collect();
        Ok(response::consumer_list(page, &infos))
    }
}

impl ConsumerSlot {
    pub(super) fn new(consumer: Consumer, created: Timestamp, is_logged: bool) -> ConsumerSlot {
        ConsumerSlot {
            consumer,
            created,
            entered: None,
            is_logged,
            removes: Vec::new(),
            is_changed: false,
            bound: false,
        }
    }
}

impl Slot {
    fn add_consumer(
        &mut self,
        context: &mut Context,
        mut config: ConsumerConfig,
    ) -> Result<ConsumerId, ApiError> {
        let name = config.asked_name().map_or_else(|| ephemeral_name(context), str::to_owned);
        if config.name.is_none() && config.durable_name.is_some() {
            config.name.clone_from(&config.durable_name);
        }
        let id = ConsumerId(context.next_id());
        let is_logged = !self.is_memory && !config.mem_storage;
        let setup = Setup {
            stream: self.name().to_owned(),
            name: name.clone(),
            config,
            payload_max: context.options.max_payload,
            logged: is_logged,
            seed: context.next_random(),
        };
        self.log_deltas(context);
        let consumer = Consumer::new(context.now, setup, self.stream.index());
        let slot = ConsumerSlot::new(consumer, context.now, is_logged);
        if is_logged && !self.write_consumer(context, id, &slot, Wish::Eager) {
            return Err(ApiError::consumer_create("the store takes no writes"));
        }
        self.consumers.insert(id, slot);
        self.undurable.wait(&mut context.groups, self.id);
        self.enlist(context, id);
        context.consumer_changed(self.name(), &name, Change::Created);
        Ok(id)
    }

    /// Makes a consumer known to everybody who has to know it.
    pub(super) fn enlist(&mut self, context: &mut Context, id: ConsumerId) {
        let Some(slot) = self.consumers.get(&id) else { return };
        let consumer = &slot.consumer;
        self.consumer_names.insert(consumer.name().to_owned(), id);
        if consumer.filter().is_all() {
            self.unfiltered.push(id);
        } else {
            for filter in consumer.filter().filters() {
                self.filtered.insert(filter, id);
            }
        }
        let deliver = consumer.config().deliver_subject.clone().unwrap_or_default().into_bytes();
        if deliver.is_empty() {
            self.with_consumer(context, id, |_, _, _| ());
            return;
        }
        let bound = context.has_interest(&deliver);
        context.deliver_subjects.insert((deliver.clone(), self.id, id));
        context.events.push(Event::Watch(deliver));
        self.with_consumer(context, id, |consumer, now, actions| {
            consumer.on_interest(now, bound, actions);
        });
        if let Some(slot) = self.consumers.get_mut(&id) {
            slot.bound = bound;
        }
        context.kicked.insert((self.id, id));
    }

    /// The reverse of [`Slot::enlist`].
    fn delist(&mut self, context: &mut Context, id: ConsumerId) {
        let Some(slot) = self.consumers.get_mut(&id) else { return };
        context.deadlines.forget((self.id, Some(id)), &mut slot.entered);
        let consumer = &slot.consumer;
        self.consumer_names.remove(consumer.name());
        self.unfiltered.retain(|other| *other != id);
        for filter in consumer.filter().filters() {
            self.filtered.remove_if(filter, |other| *other == id);
        }
        if let Some(deliver) = consumer.config().deliver_subject.clone().filter(|s| !s.is_empty()) {
            context.deliver_subjects.remove(&(deliver.clone().into_bytes(), self.id, id));
            context.events.push(Event::Unwatch(deliver.into_bytes()));
        }
    }

    fn update_consumer(
        &mut self,
        context: &mut Context,
        id: ConsumerId,
        mut config: ConsumerConfig,
    ) -> Result<ConsumerId, ApiError> {
        self.log_deltas(context);
        let Some(slot) = self.consumers.get(&id) else { return Err(ApiError::CONSUMER_NOT_FOUND) };
        if config.name.is_none() && config.durable_name.is_some() {
            config.name.clone_from(&config.durable_name);
        }
        if *slot.consumer.config() == config {
            return Ok(id);
        }
        self.delist(context, id);
        let index = self.stream.index();
        let Some(slot) = self.consumers.get_mut(&id) else {
            return Err(ApiError::CONSUMER_NOT_FOUND);
        };
        slot.consumer.update(context.now, config, index);
        self.enlist(context, id);
        let Some(slot) = self.consumers.get(&id) else { return Err(ApiError::CONSUMER_NOT_FOUND) };
        if slot.is_logged && !self.write_consumer(context, id, slot, Wish::Eager) {
            return Err(ApiError::consumer_create("the store takes no writes"));
        }
        self.remove_unneeded(context);
        context.kicked.insert((self.id, id));
        Ok(id)
    }

    /// With interest retention: takes out live messages that no consumer needs any more.
    pub(super) fn remove_unneeded(&mut self, context: &mut Context) {
        if self.retention != Retention::Interest {
            return;
        }
        let index = self.stream.index();
        let mut unneeded = Vec::new();
        let mut next = index.next_live(0);
        while let Some(seq) = next {
            if let Some(entry) = index.get(seq) {
                let subject = index.subject(entry.subject);
                if !self.consumers.values().any(|slot| slot.consumer.still_needs(seq, subject)) {
                    unneeded.push(seq);
                }
            }
            next = index.next_live(seq + 1);
        }
        if !unneeded.is_empty() {
            self.remove(context, RemoveReason::Acked, &ranges_of(&unneeded), false);
        }
    }

    /// Deletes a consumer, and the messages that only waited for it. Whether the log took it; if
    /// not, nothing changed.
    pub(super) fn delete_consumer(&mut self, context: &mut Context, id: ConsumerId) -> bool {
        self.log_deltas(context);
        let ranges = ranges_of(&self.only_needed_by(id));
        let pairs: Vec<SeqRange> =
            ranges.iter().map(|r| SeqRange { first: *r.start(), last: *r.end() }).collect();
        let gone =
            Record::ConsumerGone { stream: self.id, consumer: id, removes: Ranges::new(&pairs) };
        let is_logged = self.consumers.get(&id).is_some_and(|slot| slot.is_logged)
            && !mutant::enabled(Mutant::ConsumerGoneNotLogged);
        if (is_logged || !ranges.is_empty()) && self.log(context, Wish::Eager, &gone).is_err() {
            return false;
        }
        self.with_consumer(context, id, |consumer, _, actions| {
            consumer.closing_statuses(Closing::Deleted, actions);
        });
        self.delist(context, id);
        let Some(slot) = self.consumers.remove(&id) else { return true };
        context.kicked.remove(&(self.id, id));
        if !ranges.is_empty() {
            self.apply_removal(context, &ranges);
        }
        let name = slot.consumer.name().to_owned();
        context.consumer_changed(self.name(), &name, Change::Deleted);
        true
    }

    /// With interest retention: live messages that no other consumer needs.
    fn only_needed_by(&self, id: ConsumerId) -> Vec<u64> {
        let mut seqs = Vec::new();
        let Some(slot) = self.consumers.get(&id) else { return seqs };
        if self.retention != Retention::Interest {
            return seqs;
        }
        let index = self.stream.index();
        let mut next = index.next_live(0);
        while let Some(seq) = next {
            if let Some(entry) = index.get(seq) {
                let subject = index.subject(entry.subject);
                let mut others = self.consumers.iter().filter(|(other, _)| **other != id);
                if slot.consumer.still_needs(seq, subject)
                    && !others.any(|(_, slot)| slot.consumer.still_needs(seq, subject))
                {
                    seqs.push(seq);
                }
            }
            next = index.next_live(seq + 1);
        }
        seqs
    }

    /// A purge is done: consumers move on.
    pub(super) fn tell_purged(&mut self, context: &mut Context) {
        let ids: Vec<ConsumerId> = self.consumers.keys().copied().collect();
        for id in ids {
            let Some(slot) = self.consumers.get_mut(&id) else { continue };
            let mut actions = std::mem::take(&mut context.actions);
            slot.consumer.on_purged(context.now, self.stream.index(), &mut actions);
            context.actions = actions;
            self.with_consumer(context, id, |_, _, _| ());
        }
    }

    /// Ends everything that belongs to a stream that is gone.
    pub(super) fn dissolve(&mut self, context: &mut Context) {
        let ids: Vec<ConsumerId> = self.consumers.keys().copied().collect();
        for id in ids {
            self.with_consumer(context, id, |consumer, _, actions| {
                consumer.closing_statuses(Closing::Deleted, actions);
            });
            self.delist(context, id);
            context.kicked.remove(&(self.id, id));
        }
        context.deadlines.forget((self.id, None), &mut self.entered);
        context.touched.remove(&self.id);
        context.events.push(Event::Captures { stream: self.id, subjects: Vec::new() });
        let index = self.stream.index();
        let mut next = index.next_live(0);
        while let Some(seq) = next {
            if let Some(entry) = index.get(seq) {
                super::slot::release(context, self.is_memory, entry.position, entry.len);
            }
            next = index.next_live(seq + 1);
        }
    }

    /// What is shown of a consumer.
    pub(super) fn consumer_info(&self, id: ConsumerId, now: Timestamp) -> Option<ConsumerInfo> {
        let slot = self.consumers.get(&id)?;
        let state = slot.consumer.info(now);
        let place = |seq: crate::consumer::SeqPair, last_active| SequenceInfo {
            consumer_seq: seq.consumer,
            stream_seq: seq.stream,
            last_active,
        };
        let remaining = state.pause_remaining.map(|left| left.as_nanos());
        Some(ConsumerInfo {
            stream_name: self.name().to_owned(),
            name: slot.consumer.name().to_owned(),
            created: slot.created,
            config: slot.consumer.config().clone(),
            delivered: place(state.delivered, state.last_delivered),
            ack_floor: place(state.ack_floor, state.last_acked),
            num_ack_pending: state.num_ack_pending,
            num_redelivered: state.num_redelivered,
            num_waiting: state.num_waiting,
            num_pending: state.num_pending,
            push_bound: state.push_bound.unwrap_or(false),
            paused: remaining.is_some(),
            pause_remaining: remaining.and_then(|left| i64::try_from(left).ok()).unwrap_or(0),
            ts: now,
        })
    }
}

/// A name in the form of nats-server's for consumers without one.
fn ephemeral_name(context: &mut Context) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut random = context.next_random();
    let mut name = String::with_capacity(8);
    for _ in 0..8 {
        name.push(char::from(DIGITS[usize_from(random % 62)]));
        random /= 62;
    }
    name
}
