//! What must be true of what a server says and keeps, from what it was asked and what it answered.
//!
//! Nothing here is taken from the engine: streams are maps, and a change is known to have happened
//! as soon as anything is said that speaks of it. What is found after a crash must be one of the
//! states a stream went through, at or after the last one that was spoken of.

mod consumer;
mod receive;
mod stream;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

pub(crate) use self::{
    consumer::{Acked, ConsumerModel},
    stream::{Msg, StreamState},
};
use crate::script::{ConsumerSpec, Kind, StreamSpec};

/// What is expected on a reply subject.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// A PubAck: sequence, and whether it is a duplicate; or a refusal.
    Publish { stream: &'static str, op: u64, seq: Option<(u64, bool)> },
    /// An answer of the API; how many messages were purged, if that is certain.
    Api { stream: &'static str, op: u64, ok: bool, purged: Option<u64> },
    /// The confirmation of an ack of these messages.
    Ack { stream: &'static str, op: u64, consumer: usize, seqs: Vec<u64> },
    /// A store that takes no writes says no, or nothing.
    Refusal,
}

/// The states that a stream of one name may be in: the first is certain to have been reached.
#[derive(Clone, Debug)]
struct Track {
    states: VecDeque<(u64, Option<Rc<StreamState>>)>,
}

/// All that is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    tracks: BTreeMap<&'static str, Track>,
    /// All consumers there ever were.
    pub(crate) consumers: Vec<ConsumerModel>,
    expected: BTreeMap<String, Expect>,
    /// The operation being done.
    pub(crate) op: u64,
    pub(crate) now: i64,
    /// The latest time there ever was.
    pub(crate) latest: i64,
    /// Counts openings of the store.
    pub(crate) epoch: u64,
    /// Changes with all that becomes known.
    pub(crate) version: u64,
    /// The store takes no writes any more.
    pub(crate) is_dead: bool,
    /// A refusal that nobody expected is no error: the disk is full.
    pub(crate) is_full: bool,
    pub(crate) n_refused: u64,
    pub(crate) n_deliveries: u64,
    pub(crate) n_answers: u64,
}

impl Model {
    pub(crate) fn newest(&self, stream: &str) -> Option<&Rc<StreamState>> {
        self.tracks.get(stream)?.states.back()?.1.as_ref()
    }

    pub(crate) fn streams(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.tracks.keys().copied().collect::<Vec<_>>().into_iter()
    }

    /// The states that a stream may be found in, the oldest first.
    pub(crate) fn candidates(&self, stream: &str) -> impl Iterator<Item = Option<&StreamState>> {
        let states = self.tracks.get(stream).map(|track| track.states.iter());
        states.into_iter().flatten().map(|(_, state)| state.as_deref())
    }

    /// The stream is certain to be in this state.
    pub(crate) fn settle_on(&mut self, stream: &'static str, state: Option<StreamState>) {
        let states = VecDeque::from([(self.op, state.map(Rc::new))]);
        self.tracks.insert(stream, Track { states });
    }

    /// The stream goes on to a new state.
    fn advance(&mut self, stream: &'static str, state: Option<StreamState>) {
        let missing = || Track { states: VecDeque::from([(0, None)]) };
        let track = self.tracks.entry(stream).or_insert_with(missing);
        track.states.push_back((self.op, state.map(Rc::new)));
        self.version += 1;
    }

    /// The newest state changes in a way that nobody promised to keep.
    fn amend(&mut self, stream: &str, change: impl FnOnce(&mut StreamState)) {
        let track = self.tracks.get_mut(stream).unwrap();
        change(Rc::make_mut(track.states.back_mut().unwrap().1.as_mut().unwrap()));
        self.version += 1;
    }

    /// Something was said that speaks of the state after `op`.
    fn confirm(&mut self, stream: &str, op: u64) {
        let Some(track) = self.tracks.get_mut(stream) else { return };
        while track.states.get(1).is_some_and(|(reached, _)| *reached <= op) {
            track.states.pop_front();
            self.version += 1;
        }
    }

    /// An operation was refused before it did anything.
    fn revert(&mut self, stream: &str, op: u64) {
        if let Some(track) = self.tracks.get_mut(stream)
            && track.states.back().is_some_and(|(reached, _)| *reached == op)
            && 1 < track.states.len()
        {
            track.states.pop_back();
            self.version += 1;
        }
    }

    pub(crate) fn expect(&mut self, reply: String, expect: Expect) {
        self.expected.insert(reply, expect);
    }

    /// Replies that have not come.
    pub(crate) fn unanswered(&self) -> usize {
        self.expected.len()
    }

    pub(crate) fn is_expected(&self, reply: &str) -> bool {
        self.expected.contains_key(reply)
    }

    pub(crate) fn forget_unanswered(&mut self) {
        self.expected.clear();
    }

    pub(crate) fn create(&mut self, spec: StreamSpec) -> bool {
        if let Some(found) = self.newest(spec.name) {
            return found.spec == spec;
        }
        self.advance(spec.name, Some(StreamState::new(spec)));
        true
    }

    pub(crate) fn update(&mut self, spec: StreamSpec) -> bool {
        let Some(state) = self.newest(spec.name) else { return false };
        let mut state = StreamState::clone(state);
        state.update(spec);
        self.advance(spec.name, Some(state));
        true
    }

    pub(crate) fn drop_stream(&mut self, name: &'static str) -> bool {
        let exists = self.newest(name).is_some();
        if exists {
            self.advance(name, None);
        }
        exists
    }

    pub(crate) fn publish(&mut self, stream: &'static str, mut msg: Msg) -> Option<(u64, bool)> {
        msg.op = self.op;
        let mut state = StreamState::clone(self.newest(stream)?);
        if !state.is_expected_by(&msg) {
            return None;
        }
        if let Some(id) = &msg.id
            && let Some(id) = state.ids.get(id).filter(|id| self.now < id.at + state.window())
        {
            return Some((id.seq, true));
        }
        let wanted = |id: &usize| self.consumers[*id].wants(&msg.subject);
        let is_wanted = state.consumers.values().any(wanted);
        let seq = state.publish(self.now, msg, is_wanted)?;
        self.advance(stream, Some(state));
        Some((seq, false))
    }

    /// How many messages that takes out, if that is certain.
    pub(crate) fn purge(
        &mut self,
        stream: &'static str,
        (filter, before, keep): (&str, u64, u64),
    ) -> Option<u64> {
        let mut state = StreamState::clone(self.newest(stream)?);
        let certain = state.leaving.is_empty();
        let purged = state.purge(filter, before, keep);
        self.advance(stream, Some(state));
        certain.then_some(purged)
    }

    pub(crate) fn delete(&mut self, stream: &'static str, seq: u64) -> bool {
        let Some(state) = self.newest(stream) else { return false };
        let mut state = StreamState::clone(state);
        let deleted = state.delete(seq);
        if deleted {
            self.advance(stream, Some(state));
        }
        deleted
    }

    pub(crate) fn consumer(&self, stream: &str, name: &str) -> Option<usize> {
        self.newest(stream)?.consumers.get(name).copied()
    }

    pub(crate) fn add_consumer(&mut self, spec: ConsumerSpec) -> bool {
        let Some(state) = self.newest(spec.stream) else { return false };
        if let Some(id) = state.consumers.get(spec.name) {
            // Where it starts can't be changed.
            return self.consumers[*id].spec == spec;
        }
        let mut state = StreamState::clone(state);
        state.settle();
        state.consumers.insert(spec.name, self.consumers.len());
        self.consumers.push(ConsumerModel::new(spec, state.last, self.now));
        self.advance(spec.stream, Some(state));
        true
    }

    pub(crate) fn drop_consumer(&mut self, stream: &'static str, name: &str) -> bool {
        let Some(state) = self.newest(stream) else { return false };
        let mut state = StreamState::clone(state);
        state.settle();
        let Some(id) = state.consumers.remove(name) else { return false };
        if state.spec.retention == "interest" {
            let gone = &self.consumers[id];
            let needed = |seq: u64, msg: &Msg| gone.needs(seq, msg) != Acked::Surely;
            let seqs: Vec<u64> =
                state.live.iter().filter(|(seq, msg)| needed(**seq, msg)).map(|at| *at.0).collect();
            for seq in seqs {
                let sure = gone.needs(seq, &state.live[&seq]) == Acked::Not;
                self.let_go(&mut state, seq, sure);
            }
        }
        self.advance(stream, Some(state));
        true
    }

    /// With interest retention: the message leaves if no consumer needs it.
    fn let_go(&self, state: &mut StreamState, seq: u64, sure: bool) {
        let Some(msg) = state.live.get(&seq) else { return };
        let needs = state.consumers.values().map(|id| self.consumers[*id].needs(seq, msg));
        match needs.min().unwrap_or(Acked::Surely) {
            Acked::Not => (),
            Acked::Surely if sure => {
                state.live.remove(&seq);
            }
            Acked::Surely | Acked::Maybe => {
                state.leaving.insert(seq);
            }
        }
    }

    /// A client acknowledged messages; whether that is promised will be known with its answer.
    pub(crate) fn acked(&mut self, id: usize, seqs: &[u64], confirmed: bool) {
        let stream = self.consumers[id].spec.stream;
        for seq in seqs {
            self.consumers[id].ack(*seq);
        }
        let Some(newest) = self.newest(stream) else { return };
        let mut state = StreamState::clone(newest);
        match state.spec.retention {
            "workqueue" if confirmed => seqs.iter().for_each(|seq| drop(state.live.remove(seq))),
            "workqueue" => {
                let present: Vec<u64> =
                    seqs.iter().copied().filter(|seq| state.live.contains_key(seq)).collect();
                state.leaving.extend(present);
            }
            "interest" => seqs.iter().for_each(|seq| self.let_go(&mut state, *seq, confirmed)),
            _ => return,
        }
        if confirmed {
            self.advance(stream, Some(state));
        } else {
            self.amend(stream, |newest| *newest = state);
        }
    }

    /// Time went by: what is too old leaves, though nobody promised that it will not come back.
    pub(crate) fn expire(&mut self, now: i64) {
        self.now = now;
        self.latest = self.latest.max(now);
        for stream in self.streams() {
            let Some(state) = self.newest(stream) else { continue };
            let old = state.too_old(now);
            if !old.iter().all(|seq| state.leaving.contains(seq)) {
                self.amend(stream, |state| state.leaving.extend(old));
            }
        }
    }

    /// What lives in memory is gone with the process.
    fn lose_volatile(&self, state: &mut StreamState) {
        state.consumers.retain(|_, id| self.consumers[*id].spec.kind != Kind::Volatile);
    }

    /// What of a state is there after a stop.
    pub(crate) fn without_volatile<'a>(
        &self,
        state: Option<&'a StreamState>,
    ) -> Option<Cow<'a, StreamState>> {
        let state = state.filter(|state| !state.spec.memory)?;
        let volatile = |id: &usize| self.consumers[*id].spec.kind == Kind::Volatile;
        if !state.consumers.values().any(volatile) {
            return Some(Cow::Borrowed(state));
        }
        let mut state = state.clone();
        self.lose_volatile(&mut state);
        Some(Cow::Owned(state))
    }

    /// The clock is set back: an id that was over its time may have been forgotten, or not.
    pub(crate) fn set_back(&mut self) {
        for stream in self.streams() {
            let Some(state) = self.newest(stream) else { continue };
            let over = |id: &stream::Id| id.at + state.window() <= self.now;
            let doubtful: Vec<String> =
                state.ids.iter().filter(|(_, id)| over(id)).map(|(id, _)| id.clone()).collect();
            if !doubtful.is_empty() {
                self.amend(stream, |state| {
                    state.ids.retain(|id, _| !doubtful.contains(id));
                    state.doubtful.extend(doubtful);
                });
            }
        }
    }

    /// After a clean stop nothing is uncertain.
    pub(crate) fn stopped(&mut self) {
        for stream in self.streams() {
            let state = self.newest(stream).map(|state| {
                let mut state = StreamState::clone(state);
                state.settle();
                self.lose_volatile(&mut state);
                state
            });
            let state = state.filter(|state| !state.spec.memory);
            self.settle_on(stream, state);
        }
        self.version += 1;
    }

    /// After a crash each stream is in the state it was found in; what nobody was promised may or
    /// may not have happened.
    pub(crate) fn crashed(&mut self, found: Vec<(&'static str, Option<StreamState>)>) {
        for (stream, mut state) in found {
            if let Some(state) = &mut state {
                self.lose_volatile(state);
            }
            self.settle_on(stream, state);
        }
        self.consumers.iter_mut().for_each(ConsumerModel::crashed);
        self.expected.clear();
        (self.is_dead, self.is_full, self.n_refused) = (false, false, 0);
        self.version += 1;
    }

    /// Whether what a consumer is told is written down.
    pub(crate) fn is_kept(&self, id: usize) -> bool {
        let spec = &self.consumers[id].spec;
        let stream = self.newest(spec.stream);
        spec.kind != Kind::Volatile && stream.is_some_and(|state| !state.spec.memory)
    }

    /// Messages of a consumer that wait for an ack, with where it goes.
    pub(crate) fn waiting(&self, id: usize) -> &BTreeMap<u64, String> {
        &self.consumers[id].replies
    }

    /// Messages that a consumer still has to deliver.
    pub(crate) fn owed(&self, id: usize) -> BTreeSet<u64> {
        let consumer = &self.consumers[id];
        let Some(state) = self.newest(consumer.spec.stream) else { return BTreeSet::new() };
        let owed = |(seq, msg): &(&u64, &Rc<Msg>)| {
            consumer.needs(**seq, msg) == Acked::Not
                && !state.leaving.contains(seq)
                && !consumer.is_exhausted(**seq)
        };
        state.live.iter().filter(owed).map(|(seq, _)| *seq).collect()
    }
}
