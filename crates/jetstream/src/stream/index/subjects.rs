use std::{collections::VecDeque, hash::BuildHasher as _};

use hashbrown::HashTable;
use tradewind_subject::{
    SeededState,
    int::{u32_saturating, usize_from_u32},
    matches,
};

use super::ordered::Ordered;
use crate::stream::filter::{FilterSet, literal_prefix};

/// A subject of one index, as a small number.
///
/// Good while the subject has messages, and then until the next append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(pub(super) u32);

/// The live messages of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubjectInfo {
    /// How many there are.
    pub count: u64,
    /// Sequence of the first.
    pub first: u64,
    /// Sequence of the last.
    pub last: u64,
}

/// Subjects kept without messages, so that a work queue does not allocate for each of its messages.
const IDLE_SUBJECTS: usize = 64;

/// Idle subjects dropped per new subject.
const DROPS_PER_NEW: usize = 4;

#[derive(Debug)]
struct Subject {
    name: Box<[u8]>,
    first: u64,
    last: u64,
    count: u32,
    /// Stands in `idle`.
    is_queued: bool,
}

/// The subjects of an index: by name, by id and in order.
#[derive(Debug, Default)]
pub(super) struct SubjectTable {
    subjects: Vec<Subject>,
    by_name: HashTable<u32>,
    ordered: Ordered,
    hasher: SeededState,
    /// Ids without a name, to be used again.
    free: Vec<u32>,
    /// Ids whose last message went, oldest first; some have messages again.
    idle: VecDeque<u32>,
    n_live: usize,
    /// Per 64 ids, how often one of them lost its name.
    epochs: Vec<u32>,
}

impl SubjectTable {
    /// Changes when one of the 64 ids around `id` may mean another subject.
    pub(super) fn epoch(&self, id: u32) -> u32 {
        self.epochs[usize_from_u32(id / 64)]
    }

    /// Subjects with messages.
    pub(super) fn len(&self) -> usize {
        self.n_live
    }

    pub(super) fn name(&self, id: SubjectId) -> &[u8] {
        &self.subjects[usize_from_u32(id.0)].name
    }

    pub(super) fn info(&self, id: SubjectId) -> SubjectInfo {
        let subject = &self.subjects[usize_from_u32(id.0)];
        SubjectInfo { count: subject.count.into(), first: subject.first, last: subject.last }
    }

    /// The id of a subject with messages.
    pub(super) fn find(&self, name: &[u8]) -> Option<SubjectId> {
        let id = self.lookup(name)?;
        (0 < self.subjects[usize_from_u32(id)].count).then_some(SubjectId(id))
    }

    /// Counts a message of `name` behind all others; also returns the one before it.
    pub(super) fn append(&mut self, name: &[u8], seq: u64) -> (SubjectId, Option<u64>) {
        let id = match self.lookup(name) {
            Some(id) => id,
            None => self.insert(name),
        };
        let subject = &mut self.subjects[usize_from_u32(id)];
        let prev = (0 < subject.count).then_some(subject.last);
        if prev.is_none() {
            subject.first = seq;
            self.n_live += 1;
        }
        subject.count += 1;
        subject.last = seq;
        (SubjectId(id), prev)
    }

    /// Counts a message out, given its neighbours of the same subject.
    pub(super) fn remove(&mut self, id: SubjectId, prev: Option<u64>, next: Option<u64>) {
        let subject = &mut self.subjects[usize_from_u32(id.0)];
        subject.count -= 1;
        match (prev, next) {
            (None, Some(next)) => subject.first = next,
            (Some(prev), None) => subject.last = prev,
            _ => (),
        }
        if subject.count == 0 {
            self.retire(id);
        }
    }

    /// Counts all messages out.
    pub(super) fn remove_all(&mut self) {
        for id in 0..u32_saturating(self.subjects.len()) {
            if 0 < std::mem::take(&mut self.subjects[usize_from_u32(id)].count) {
                self.retire(SubjectId(id));
            }
        }
    }

    /// Visits the subjects with messages that `filters` wants, each once, until `visit` says stop.
    pub(super) fn for_each<'a>(
        &'a self,
        filters: &FilterSet,
        mut visit: impl FnMut(SubjectId, &'a [u8]) -> bool,
    ) {
        if filters.is_all() {
            self.walk(b"", visit);
            return;
        }
        for literal in filters.literals() {
            if let Some(id) = self.find(literal)
                && visit(id, self.name(id))
            {
                return;
            }
        }
        for (idx, filter) in filters.wildcards().iter().enumerate() {
            let earlier = &filters.wildcards()[..idx];
            let stopped = self.walk(literal_prefix(filter), |id, name| {
                matches(filter, name)
                    && !earlier.iter().any(|earlier| matches(earlier, name))
                    && visit(id, name)
            });
            if stopped {
                return;
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        // An allocation costs the allocator about eight bytes and is rounded to sixteen.
        let names: usize =
            self.subjects.iter().map(|subject| (subject.name.len() + 8).next_multiple_of(16)).sum();
        names
            + self.subjects.capacity() * size_of::<Subject>()
            + self.by_name.allocation_size()
            + self.ordered.heap_bytes()
            + (self.free.capacity() + self.idle.capacity() + self.epochs.capacity()) * 4
    }

    /// Visits subjects with messages that start with `prefix`, in order; true if stopped.
    fn walk<'a>(
        &'a self,
        prefix: &[u8],
        mut visit: impl FnMut(SubjectId, &'a [u8]) -> bool,
    ) -> bool {
        let name = |id: u32| &*self.subjects[usize_from_u32(id)].name;
        for id in self.ordered.from(|id| name(id) < prefix) {
            let subject = &self.subjects[usize_from_u32(id)];
            if !subject.name.starts_with(prefix) {
                return false;
            }
            if 0 < subject.count && visit(SubjectId(id), &subject.name) {
                return true;
            }
        }
        false
    }

    fn lookup(&self, name: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(name);
        self.by_name.find(hash, |&id| *self.subjects[usize_from_u32(id)].name == *name).copied()
    }

    fn insert(&mut self, name: &[u8]) -> u32 {
        self.drop_idle();
        let subject = Subject { name: name.into(), first: 0, last: 0, count: 0, is_queued: false };
        let id = if let Some(id) = self.free.pop() {
            self.subjects[usize_from_u32(id)] = subject;
            id
        } else {
            self.subjects.push(subject);
            self.epochs.resize(self.subjects.len().div_ceil(64).max(self.epochs.len()), 0);
            u32_saturating(self.subjects.len() - 1)
        };
        let SubjectTable { subjects, by_name, ordered, hasher, .. } = self;
        let name_of = |id: u32| &*subjects[usize_from_u32(id)].name;
        by_name.insert_unique(hasher.hash_one(name), id, |&id| hasher.hash_one(name_of(id)));
        ordered.insert(id, |other| name_of(other) < name);
        id
    }

    fn retire(&mut self, id: SubjectId) {
        self.n_live -= 1;
        let subject = &mut self.subjects[usize_from_u32(id.0)];
        if !subject.is_queued {
            subject.is_queued = true;
            self.idle.push_back(id.0);
        }
    }

    /// Makes room for a new subject.
    fn drop_idle(&mut self) {
        if self.n_live == 0 && IDLE_SUBJECTS < self.idle.len() {
            // After a purge: one by one would be slow.
            let mut epochs = std::mem::take(&mut self.epochs);
            for epoch in &mut epochs {
                *epoch = epoch.wrapping_add(1);
            }
            let hasher = self.hasher.clone();
            *self = SubjectTable { hasher, epochs, ..SubjectTable::default() };
            return;
        }
        for _ in 0..DROPS_PER_NEW {
            if self.idle.len() <= IDLE_SUBJECTS {
                return;
            }
            let Some(id) = self.idle.pop_front() else { return };
            self.subjects[usize_from_u32(id)].is_queued = false;
            if self.subjects[usize_from_u32(id)].count == 0 {
                self.forget(id);
            }
        }
    }

    fn forget(&mut self, id: u32) {
        let SubjectTable { subjects, by_name, ordered, hasher, free, epochs, .. } = self;
        let name_of = |id: u32| &*subjects[usize_from_u32(id)].name;
        let name = name_of(id);
        if let Ok(entry) = by_name.find_entry(hasher.hash_one(name), |&other| other == id) {
            entry.remove();
        }
        ordered.remove(|other| name_of(other) < name);
        subjects[usize_from_u32(id)].name = Box::default();
        free.push(id);
        let epoch = &mut epochs[usize_from_u32(id / 64)];
        *epoch = epoch.wrapping_add(1);
    }
}
