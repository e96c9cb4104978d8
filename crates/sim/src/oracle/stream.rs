use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use tradewind_subject::matches;

use crate::script::StreamSpec;

/// A message as it was published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Msg {
    /// The operation that brought it.
    pub(crate) op: u64,
    pub(crate) subject: String,
    pub(crate) headers: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) ts: i64,
    pub(crate) id: Option<String>,
    pub(crate) rollup: &'static str,
    /// Seconds it may live; 0 is for ever.
    pub(crate) ttl_s: u64,
    /// What its headers say is the last sequence, of the stream and of its subject.
    pub(crate) expected_last: Option<u64>,
    pub(crate) expected_of_subject: Option<u64>,
}

/// A remembered message id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) seq: u64,
    pub(crate) at: i64,
    pub(crate) subject: String,
}

/// A stream as it may be found.
#[derive(Clone, Debug)]
pub(crate) struct StreamState {
    pub(crate) spec: StreamSpec,
    pub(crate) live: BTreeMap<u64, Rc<Msg>>,
    /// Of the live ones: those that may have left.
    pub(crate) leaving: BTreeSet<u64>,
    pub(crate) last: u64,
    last_ts: i64,
    pub(crate) ids: BTreeMap<String, Id>,
    /// Ids that were forgotten or not when the clock was set back.
    pub(crate) doubtful: BTreeSet<String>,
    /// Name → number in the model.
    pub(crate) consumers: BTreeMap<&'static str, usize>,
}

impl Msg {
    /// As nats-server's stores count.
    pub(crate) fn size(&self, in_memory: bool) -> u64 {
        let bytes = self.subject.len() + self.headers.len() + self.payload.len();
        let more = match (in_memory, self.headers.is_empty()) {
            (true, _) => 16,
            (false, true) => 30,
            (false, false) => 34,
        };
        u64::try_from(bytes + more).unwrap()
    }
}

impl StreamState {
    pub(crate) fn new(spec: StreamSpec) -> StreamState {
        StreamState {
            spec,
            live: BTreeMap::new(),
            leaving: BTreeSet::new(),
            last: 0,
            last_ts: i64::MIN,
            ids: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            consumers: BTreeMap::new(),
        }
    }

    pub(crate) fn window(&self) -> i64 {
        i64::try_from(self.spec.window_ms).unwrap() * 1_000_000
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.live.values().map(|msg| msg.size(self.spec.memory)).sum()
    }

    /// What is on its way out is gone.
    pub(crate) fn settle(&mut self) {
        for seq in std::mem::take(&mut self.leaving) {
            self.live.remove(&seq);
        }
    }

    fn of_subject(&self, subject: &str) -> Vec<u64> {
        self.live.iter().filter(|(_, msg)| msg.subject == subject).map(|(seq, _)| *seq).collect()
    }

    /// Whether the last sequences are what the message expects.
    pub(crate) fn is_expected_by(&self, msg: &Msg) -> bool {
        let last_of_subject = self.of_subject(&msg.subject).last().copied().unwrap_or(0);
        msg.expected_of_subject.is_none_or(|seq| seq == last_of_subject)
            && msg.expected_last.is_none_or(|seq| seq == self.last)
    }

    /// The sequence that the message gets, if it is not refused.
    pub(crate) fn publish(&mut self, now: i64, mut msg: Msg, is_wanted: bool) -> Option<u64> {
        let same = self.of_subject(&msg.subject);
        let is_burned = self.spec.retention == "interest" && !is_wanted;
        if !is_burned && self.spec.discard_new && !self.has_room(same.len()) {
            return None;
        }
        self.settle();
        self.last += 1;
        self.last_ts = self.last_ts.max(now);
        msg.ts = self.last_ts;
        if let Some(name) = &msg.id {
            let (seq, at, subject) = (self.last, msg.ts, msg.subject.clone());
            self.ids.insert(name.clone(), Id { seq, at, subject });
        }
        if is_burned {
            return Some(self.last);
        }
        let (subject, rollup) = (msg.subject.clone(), msg.rollup);
        self.live.insert(self.last, Rc::new(msg));
        self.evict_of_subject(&subject);
        self.evict();
        match rollup {
            "all" => self.live.retain(|seq, _| *seq == self.last),
            "sub" => self.live.retain(|seq, msg| *seq == self.last || msg.subject != subject),
            _ => (),
        }
        Some(self.last)
    }

    fn has_room(&self, n_of_subject: usize) -> bool {
        let max_per_subject = usize::try_from(self.spec.max_per_subject).unwrap();
        let replaces = 0 < max_per_subject && max_per_subject <= n_of_subject;
        if replaces && self.spec.discard_new_per_subject {
            return false;
        }
        let n_messages = u64::try_from(self.live.len()).unwrap();
        replaces || self.spec.max_msgs == 0 || n_messages < self.spec.max_msgs
    }

    fn evict_of_subject(&mut self, subject: &str) {
        let max = usize::try_from(self.spec.max_per_subject).unwrap();
        let seqs = self.of_subject(subject);
        if 0 < max && max < seqs.len() {
            seqs[..seqs.len() - max].iter().for_each(|seq| drop(self.live.remove(seq)));
        }
    }

    fn evict(&mut self) {
        if self.spec.discard_new {
            return;
        }
        let limit = |max: u64| if max == 0 { u64::MAX } else { max };
        let (max_msgs, max_bytes) = (limit(self.spec.max_msgs), limit(self.spec.max_bytes));
        while max_msgs < u64::try_from(self.live.len()).unwrap() || max_bytes < self.bytes() {
            self.live.pop_first();
        }
    }

    pub(crate) fn update(&mut self, spec: StreamSpec) {
        self.settle();
        self.spec = spec;
        self.evict();
        let subjects: BTreeSet<String> =
            self.live.values().map(|msg| msg.subject.clone()).collect();
        for subject in &subjects {
            self.evict_of_subject(subject);
        }
    }

    /// How many messages leave: those that match, in front of `before` (0 is no bound), but for the
    /// last.
    pub(crate) fn purge(&mut self, filter: &str, before: u64, keep: u64) -> u64 {
        self.settle();
        let matching =
            |msg: &Msg| filter.is_empty() || matches(filter.as_bytes(), msg.subject.as_bytes());
        let mut seqs: Vec<u64> =
            self.live.iter().filter(|(_, msg)| matching(msg)).map(|(seq, _)| *seq).collect();
        if 0 < before {
            seqs.retain(|seq| *seq < before);
        }
        let n_purged = seqs.len().saturating_sub(usize::try_from(keep).unwrap());
        seqs[..n_purged].iter().for_each(|seq| drop(self.live.remove(seq)));
        if filter.is_empty() {
            self.last = self.last.max(before.saturating_sub(1));
        }
        u64::try_from(n_purged).unwrap()
    }

    pub(crate) fn delete(&mut self, seq: u64) -> bool {
        let found = self.live.contains_key(&seq);
        if found {
            self.settle();
            self.live.remove(&seq);
        }
        found
    }

    pub(crate) fn too_old(&self, now: i64) -> Vec<u64> {
        let age = i64::try_from(self.spec.max_age_ms).unwrap() * 1_000_000;
        let old = |msg: &Msg| {
            let ttl = i64::try_from(msg.ttl_s).unwrap() * 1_000_000_000;
            0 < age && msg.ts + age <= now || 0 < ttl && msg.ts + ttl <= now
        };
        self.live.iter().filter(|(_, msg)| old(msg)).map(|(seq, _)| *seq).collect()
    }
}
