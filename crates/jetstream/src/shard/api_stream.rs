//! Calls of the API about streams.

use tradewind_store::mutant::{self, Mutant};
use tradewind_store::{Record, RemoveReason, Wish};

use super::Shard;
use super::advisory::Change;
use super::context::Context;
use super::slot::Slot;
use crate::api::config::{Storage, StreamConfig};
use crate::api::error::ApiError;
use crate::api::request::{
    List, ListRequest, PurgeRequest, StreamInfoRequest, StreamRequest, expect_empty,
};
use crate::api::response::{self, AccountInfo, ApiStats, Page, StreamInfo, StreamState};
use crate::api::subject::ApiCall;
use crate::api::validate::{Reserved, StreamPlan, plan_stream_create, plan_stream_update};
use crate::stream::filter::FilterSet;
use crate::stream::{Removal, Stream};

/// Sequences shown by `deleted_details`.
const DELETED_MAX: usize = 1_000_000;

type Served = Result<Vec<u8>, ApiError>;

impl Shard {
    pub(super) fn account_info(&self) -> Vec<u8> {
        response::account_info(&self.usage())
    }

    /// What the account uses.
    pub(super) fn usage(&self) -> AccountInfo {
        let limits = self.context.options.limits.account.clone();
        let (mut memory, mut storage) = (0, 0);
        let (mut reserved_memory, mut reserved_storage) = (0, 0);
        let mut consumers = 0;
        for slot in self.slots.values() {
            let bytes = slot.stream.index().bytes();
            let reserved = u64::try_from(slot.stream.config().max_bytes).unwrap_or(0);
            if slot.is_memory {
                memory += bytes;
                reserved_memory += reserved;
            } else {
                storage += bytes;
                reserved_storage += reserved;
            }
            consumers += slot.consumers.len();
        }
        let api = ApiStats {
            total: self.context.api_total,
            errors: self.context.api_errors,
            ..ApiStats::default()
        };
        AccountInfo {
            memory,
            storage,
            reserved_memory,
            reserved_storage,
            streams: self.slots.len(),
            consumers,
            limits,
            domain: None,
            api,
        }
    }

    /// Of all streams, those that are not served included: their names and subjects are taken.
    fn configs(&self) -> impl Iterator<Item = &StreamConfig> + Clone {
        let offline = self.offline.values().filter(|offline| offline.is_named);
        let slots =
            self.slots.values().map(Box::as_ref).chain(offline.map(|offline| &offline.slot));
        slots.map(|slot| slot.stream.config())
    }

    /// Bytes promised to all streams.
    fn reserved(&self) -> Reserved {
        let sum = |storage| {
            let of_kind = self.configs().filter(|config| config.storage == storage);
            of_kind.map(|config| config.max_bytes.max(0)).fold(0, i64::saturating_add)
        };
        Reserved { memory: sum(Storage::Memory), storage: sum(Storage::File) }
    }

    pub(super) fn create_stream(&mut self, name: &str, body: &[u8]) -> Served {
        let options = &self.context.options;
        let request = StreamRequest::create(name, body, options.strict)?;
        let plan = plan_stream_create(request, &options.limits, self.configs(), self.reserved())?;
        let StreamPlan::Create(config) = plan else {
            let id = self.id_of(name)?;
            let slot = self.slots.get(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
            return Ok(response::stream_create(&slot.info(&self.context, StreamState::default)));
        };
        let id = tradewind_store::StreamId(self.context.next_id());
        let mut slot = Slot::new(id, Stream::new(*config, self.context.now));
        if !slot.is_memory {
            let config = super::recover::stream_body(&slot.stream, true);
            let put = Record::StreamPut { stream: id, config: &config };
            let appended = slot.log(&mut self.context, Wish::Eager, &put);
            slot.snapshot = appended.map_err(ApiError::stream_create)?.lsn;
        }
        slot.announce(&mut self.context);
        let info = slot.info(&self.context, StreamState::default);
        self.context.stream_changed(name, Change::Created);
        self.names.insert(name.to_owned(), id);
        self.slots.insert(id, Box::new(slot));
        Ok(response::stream_create(&info))
    }

    pub(super) fn update_stream(&mut self, name: &str, body: &[u8]) -> Served {
        let options = &self.context.options;
        let request = StreamRequest::update(name, body, options.strict, &options.limits)?;
        let id = self.id_of(name)?;
        let slot = self.slots.get(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let consumers =
            slot.consumers.values().map(|slot| (slot.consumer.name(), slot.consumer.config()));
        let config = plan_stream_update(
            slot.stream.config(),
            request,
            &options.limits,
            self.configs(),
            consumers,
            self.reserved(),
        )?;
        let context = &mut self.context;
        let Some(slot) = self.slots.get_mut(&id) else { return Err(ApiError::STREAM_NOT_FOUND) };
        slot.log_deltas(context);
        let before = slot.stream.config().clone();
        if !slot.is_memory {
            let next = Stream::new(config.clone(), slot.stream.created());
            let body = super::recover::stream_body(&next, false);
            let put = Record::StreamPut { stream: id, config: &body };
            slot.log(context, Wish::Eager, &put).map_err(ApiError::stream_update)?;
        }
        slot.retention = config.retention;
        let mut removed = std::mem::take(&mut context.removed);
        slot.stream.update(config, &mut removed);
        slot.after_removal(context, &mut removed);
        context.removed = removed;
        if before.subjects != slot.stream.config().subjects {
            slot.announce(context);
        }
        context.deadlines.forget((id, None), &mut slot.entered);
        slot.enter_expiry(context);
        context.stream_changed(name, Change::Updated);
        Ok(response::stream_update(&slot.info(context, StreamState::default)))
    }

    /// Streams whose subjects overlap with `subject`, by name.
    fn listed(&self, subject: Option<&str>) -> Vec<&Slot> {
        let wanted = |slot: &&Slot| {
            let Some(subject) = subject.filter(|subject| !subject.is_empty()) else { return true };
            let mut subjects = slot.stream.config().subjects.iter();
            subjects.any(|own| tradewind_subject::overlaps(own.as_bytes(), subject.as_bytes()))
        };
        let slots = self.names.values().filter_map(|id| self.slots.get(id));
        slots.map(Box::as_ref).filter(wanted).collect()
    }

    pub(super) fn stream_names(&self, body: &[u8]) -> Served {
        let request = ListRequest::parse(List::StreamNames, body, self.context.options.strict)?;
        let slots = self.listed(request.subject.as_deref());
        let (page, range) = Page::of(slots.len(), request.offset, response::NAMES_LIMIT);
        let names: Vec<&str> = slots[range].iter().map(|slot| slot.name()).collect();
        Ok(response::stream_names(page, &names))
    }

    pub(super) fn stream_list(&self, body: &[u8]) -> Served {
        let request = ListRequest::parse(List::StreamInfos, body, self.context.options.strict)?;
        let slots = self.listed(request.subject.as_deref());
        let (page, range) = Page::of(slots.len(), request.offset, response::LIST_LIMIT);
        let infos: Vec<StreamInfo> = (slots[range].iter())
            .map(|slot| slot.info(&self.context, StreamState::default))
            .collect();
        let offline = self.offline.values();
        let offline = offline.filter_map(|it| Some((it.name()?, it.why.as_str()))).collect();
        Ok(response::stream_list(page, &infos, &offline))
    }

    pub(super) fn stream_info(&self, name: &str, body: &[u8]) -> Served {
        let request = StreamInfoRequest::parse(body, self.context.options.strict)?;
        let id = &self.id_of(name)?;
        let slot = self.slots.get(id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let mut page = Page::default();
        let info = slot.info(&self.context, || {
            let mut state = StreamState::default();
            if request.deleted_details {
                state.deleted = slot.stream.deleted(DELETED_MAX);
            }
            if let Some(filter) = request.subjects_filter.as_deref().filter(|f| !f.is_empty()) {
                let filter = FilterSet::one(filter);
                let limit = tradewind_subject::int::u64_from(response::SUBJECTS_LIMIT);
                let offset = u64::try_from(request.offset).unwrap_or(0);
                let found = slot.stream.subjects(&filter, offset, limit);
                let name = |subject: &[u8]| String::from_utf8_lossy(subject).into_owned();
                state.subjects = found.subjects.iter().map(|(s, n)| (name(s), *n)).collect();
                let total = tradewind_subject::int::usize_from(found.total);
                if 0 < total {
                    let offset = tradewind_subject::int::usize_from(offset).min(total);
                    page = Page { total, offset, limit: response::SUBJECTS_LIMIT };
                }
            }
            state
        });
        Ok(response::stream_info(&info, &self.context.options.server_name, page))
    }

    pub(super) fn delete_stream(&mut self, name: &str, body: &[u8]) -> Served {
        expect_empty(body)?;
        if self.delete_offline(name)? {
            return Ok(response::deleted(ApiCall::StreamDelete(name)));
        }
        let id = self.id_of(name)?;
        let context = &mut self.context;
        let slot = self.slots.get(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        if !slot.is_memory && !mutant::enabled(Mutant::StreamGoneNotLogged) {
            let gone = Record::StreamGone { stream: id };
            let gone = slot.log(context, Wish::Eager, &gone);
            self.sweeper.bury(id, gone.map_err(ApiError::stream_general_error)?.lsn);
        }
        self.names.remove(name);
        let Some(mut slot) = self.slots.remove(&id) else {
            return Err(ApiError::STREAM_NOT_FOUND);
        };
        slot.dissolve(context);
        context.stream_changed(name, Change::Deleted);
        Ok(response::deleted(ApiCall::StreamDelete(name)))
    }

    pub(super) fn purge_stream(&mut self, name: &str, body: &[u8]) -> Served {
        let request = PurgeRequest::parse(body, self.context.options.strict)?;
        let id = self.id_of(name)?;
        let context = &mut self.context;
        let slot = self.slots.get_mut(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let filter = request.filter.as_deref().unwrap_or_default();
        let asked = crate::stream::PurgeRequest {
            filter: filter.as_bytes(),
            seq: request.seq,
            keep: request.keep,
        };
        slot.log_deltas(context);
        let plan = slot.stream.plan_purge(&asked)?;
        let logged = match plan.removal {
            None => true,
            Some(Removal::To(seq)) => slot.purge_to(context, seq),
            Some(Removal::Ranges(ranges)) => {
                slot.remove(context, RemoveReason::Purged, &ranges, true)
            }
        };
        if !logged {
            return Err(ApiError::stream_purge_failed("the store takes no writes"));
        }
        Ok(response::stream_purge(plan.purged))
    }
}

impl Slot {
    /// What is shown of the stream, with what `more` adds to its state.
    pub(super) fn info(&self, context: &Context, more: impl FnOnce() -> StreamState) -> StreamInfo {
        let state = self.stream.state();
        StreamInfo {
            config: self.stream.config().clone(),
            created: self.stream.created(),
            state: StreamState {
                messages: state.messages,
                bytes: state.bytes,
                first_seq: state.first_seq,
                first_ts: state.first_ts,
                last_seq: state.last_seq,
                last_ts: state.last_ts,
                num_subjects: state.num_subjects,
                num_deleted: state.num_deleted,
                consumer_count: self.consumers.len(),
                ..more()
            },
            domain: None,
            cluster: None,
            ts: context.now,
            durability: self.durability(context.options.sync),
        }
    }

    fn purge_to(&mut self, context: &mut Context, seq: u64) -> bool {
        let record = Record::PurgeTo { stream: self.id, seq };
        if self.log(context, Wish::Eager, &record).is_err() {
            return false;
        }
        self.mark_undurable(context);
        let mut removed = std::mem::take(&mut context.removed);
        self.stream.apply_purge_to(seq, &mut removed);
        self.after_purge(context, &mut removed);
        context.removed = removed;
        true
    }
}
