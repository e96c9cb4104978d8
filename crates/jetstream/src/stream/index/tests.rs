use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::stream::filter::FilterSet;

/// The same, naively.
#[derive(Debug, Default)]
struct Model {
    live: BTreeMap<u64, (String, Stored)>,
    first: u64,
    last: u64,
}

impl Model {
    fn append(&mut self, seq: u64, subject: &str, stored: Stored) {
        if self.live.is_empty() {
            self.first = seq;
        }
        self.live.insert(seq, (subject.to_owned(), stored));
        self.last = seq;
    }

    fn remove(&mut self, seq: u64) -> bool {
        let removed = self.live.remove(&seq).is_some();
        if removed {
            self.first = self.live.keys().next().copied().unwrap_or(self.last + 1);
        }
        removed
    }

    fn purge_to(&mut self, seq: u64) {
        let gone: Vec<u64> = self.live.range(..seq).map(|(&seq, _)| seq).collect();
        for seq in gone {
            self.remove(seq);
        }
        if self.last < seq {
            (self.first, self.last) = (seq, seq - 1);
        }
    }

    fn matching(&self, filter: &FilterSet) -> Vec<u64> {
        let live = self.live.iter();
        live.filter(|(_, (name, _))| filter.matches(name.as_bytes())).map(|(&seq, _)| seq).collect()
    }

    fn lasts(&self, to: u64, filter: &FilterSet) -> Vec<u64> {
        let mut lasts = BTreeMap::new();
        for (&seq, (name, _)) in self.live.range(..=to) {
            if filter.matches(name.as_bytes()) {
                lasts.insert(name, seq);
            }
        }
        lasts.into_values().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

#[derive(Clone, Debug)]
enum Op {
    Append { gap: u64, subject: u8 },
    Many { count: u16, subjects: u8 },
    Skip { count: u64 },
    Remove { at: u16 },
    RemoveEach { step: u8, of: u16 },
    PurgeTo { at: u16, beyond: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let gap = prop_oneof![8 => Just(0), 2 => 0..3000_u64, 1 => Just(1 << 33)];
    prop_oneof![
        6 => (gap, 0..12_u8).prop_map(|(gap, subject)| Op::Append { gap, subject }),
        3 => (1..1500_u16, 1..40_u8).prop_map(|(count, subjects)| Op::Many { count, subjects }),
        1 => (0..3000_u64).prop_map(|count| Op::Skip { count }),
        6 => any::<u16>().prop_map(|at| Op::Remove { at }),
        2 => (1..5_u8, any::<u16>()).prop_map(|(step, of)| Op::RemoveEach { step, of }),
        1 => (any::<u16>(), 0..5_u64).prop_map(|(at, beyond)| Op::PurgeTo { at, beyond }),
    ]
}

fn name(subject: u8) -> String {
    format!("t{}.{}.{}", subject % 3, subject % 4, subject)
}

fn filters() -> Vec<FilterSet> {
    vec![
        FilterSet::all(),
        FilterSet::one(name(5)),
        FilterSet::one("none"),
        FilterSet::new([name(1), name(2), "none".into()]),
        FilterSet::one("t1.>"),
        FilterSet::one("*.2.*"),
        FilterSet::new(["t0.*.0", "t1.*.>", "*.1.*", &name(8)]),
        FilterSet::one("x.*"),
    ]
}

fn stored(seq: u64) -> Stored {
    Stored {
        ts: Timestamp(i64::try_from(seq / 3).unwrap()),
        position: Position { segment: 1, offset: 2 },
        len: 1,
        size: u32::try_from(seq % 100).unwrap() + 1,
    }
}

struct Pair {
    index: Index,
    model: Model,
}

impl Pair {
    fn append(&mut self, seq: u64, subject: u8) {
        let id = self.index.append(seq, name(subject).as_bytes(), stored(seq));
        assert_eq!(self.index.subject(id), name(subject).as_bytes());
        self.model.append(seq, &name(subject), stored(seq));
    }

    fn remove(&mut self, seq: u64) {
        let expected = self.model.live.get(&seq).cloned();
        let removed = self.index.remove(seq);
        assert_eq!(removed.is_some(), self.model.remove(seq));
        if let (Some(removed), Some((name, _))) = (removed, expected) {
            assert_eq!(self.index.subject(removed.entry.subject), name.as_bytes());
        }
    }

    /// A sequence somewhere among those used.
    fn pick(&self, at: u16) -> u64 {
        let live: Vec<u64> = self.model.live.keys().copied().collect();
        live.get(usize::from(at) % live.len().max(1)).copied().unwrap_or(self.model.last)
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Append { gap, subject } => self.append(self.model.last + 1 + gap, subject),
            Op::Many { count, subjects } => {
                for n in 0..count {
                    let subject = u8::try_from(n % u16::from(subjects)).unwrap();
                    self.append(self.model.last + 1, subject);
                }
            }
            Op::Skip { count } => {
                let last = self.model.last + count;
                self.index.skip(last, Some(stored(last).ts));
                self.model.last = last;
                if self.model.live.is_empty() {
                    self.model.first = last + 1;
                }
            }
            Op::Remove { at } => self.remove(self.pick(at)),
            Op::RemoveEach { step, of } => {
                let from = self.pick(of);
                let gone: Vec<u64> = self.model.live.range(from..).map(|(&seq, _)| seq).collect();
                for seq in gone.into_iter().step_by(step.into()) {
                    self.remove(seq);
                }
            }
            Op::PurgeTo { at, beyond } => {
                let to = if beyond == 4 { self.model.last + 7 } else { self.pick(at) };
                let mut gone = Vec::new();
                self.index.purge_to(to, &mut |removed| gone.push(removed.seq));
                let expected: Vec<u64> = self.model.live.range(..to).map(|(&seq, _)| seq).collect();
                assert_eq!(gone, expected);
                self.model.purge_to(to);
            }
        }
    }

    fn check(&self, at: u16) {
        let Pair { index, model } = self;
        let n_live = u64_from(model.live.len());
        assert_eq!((index.first_seq(), index.last_seq()), (model.first, model.last));
        assert_eq!(index.messages(), n_live);
        let bytes: u64 = model.live.values().map(|(_, stored)| u64::from(stored.size)).sum();
        assert_eq!(index.bytes(), bytes);
        let subjects: BTreeSet<_> = model.live.values().map(|(name, _)| name).collect();
        assert_eq!(index.num_subjects(), u64_from(subjects.len()));
        let ranges = index.deleted_ranges();
        let deleted: u64 = ranges.iter().map(|range| range.end() - range.start() + 1).sum();
        assert_eq!(deleted, index.num_deleted());
        for range in &ranges {
            assert_eq!(model.live.range(range.clone()).count(), 0);
        }
        for (&seq, (name, stored)) in &model.live {
            let entry = index.get(seq).unwrap();
            assert_eq!(index.subject(entry.subject), name.as_bytes());
            assert_eq!((entry.ts, entry.size), (stored.ts, stored.size));
        }
        for name in subjects {
            let own = model.matching(&FilterSet::one(name));
            let info = index.subject_info(name.as_bytes()).unwrap();
            assert_eq!((info.count, info.first), (u64_from(own.len()), own[0]));
            assert_eq!(Some(&info.last), own.last());
        }
        let picked = self.pick(at);
        for from in [
            0,
            model.first,
            picked,
            picked + 1,
            picked.saturating_sub(1),
            model.last,
            model.last + 1,
        ] {
            self.check_from(from);
        }
    }

    fn check_from(&self, from: u64) {
        let Pair { index, model } = self;
        for filter in filters() {
            let all = model.matching(&filter);
            let rest: Vec<u64> = all.iter().copied().filter(|&seq| from <= seq).collect();
            let context = format!("{filter:?} from {from}");
            assert_eq!(index.next_matching(from, &filter), rest.first().copied(), "{context}");
            assert_eq!(index.count_matching(from, &filter), u64_from(rest.len()), "{context}");
            assert_eq!(index.last_matching(&filter), all.last().copied(), "{context}");
            assert_eq!(
                index.last_per_subject(&filter),
                model.lasts(u64::MAX, &filter),
                "{context}"
            );
            let up_to = index.last_per_subject_up_to(from, &filter);
            assert_eq!(up_to, model.lasts(from, &filter), "{context}");
        }
        let ts = stored(from).ts;
        let expected =
            model.live.iter().find(|(_, (_, stored))| ts <= stored.ts).map(|(&seq, _)| seq);
        assert_eq!(index.seq_at_time(ts), expected.unwrap_or(model.last + 1));
        let prev = model.live.range(..=from).next_back().map(|(&seq, _)| seq);
        assert_eq!(index.prev_live(from), prev);
        for len in [0, 1, 7, 3_000] {
            let count = u64_from(model.live.range(from..from + len).count());
            assert_eq!(index.count_in(from..from + len), count, "{len} from {from}");
            let bound = model.live.range(from..).map(|(&seq, _)| seq).nth(usize_from(len));
            assert_eq!(index.nth_live_from(from, len), bound, "{len} from {from}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_index_agrees_with_a_map(ops in prop::collection::vec((op(), any::<u16>()), 1..32)) {
        let mut pair = Pair { index: Index::new(), model: Model::default() };
        for (step, (op, at)) in ops.iter().enumerate() {
            pair.apply(op);
            if step % 8 == 7 {
                pair.check(*at);
            }
        }
        pair.check(0);
    }
}

fn filled(count: u64, subjects: u64) -> Index {
    let mut index = Index::new();
    for seq in 1..=count {
        index.append(seq, format!("orders.customer.{:08}", seq % subjects).as_bytes(), stored(seq));
    }
    index
}

#[test]
fn a_message_costs_at_most_40_bytes() {
    let index = filled(100_000, 1);

    assert!(index.heap_bytes() <= 40 * 100_000, "{}", index.heap_bytes());
}

#[test]
fn a_subject_costs_at_most_150_bytes() {
    let index = filled(100_000, 100_000);

    assert!(index.heap_bytes() <= (40 + 150) * 100_000, "{}", index.heap_bytes());
}

#[test]
fn few_survivors_in_a_long_range_cost_little() {
    let mut index = Index::new();
    for seq in 1..=2_000_000_u64 {
        index.append(seq, b"kv.hot", stored(seq));
        if seq % 2000 != 1 && 1 < seq {
            index.remove(seq - u64::from(seq % 2000 == 2) - 1);
        }
    }

    assert!(index.messages() <= 2002, "{}", index.messages());
    assert!(index.heap_bytes() <= 2_000_000, "{}", index.heap_bytes());
}

#[test]
fn a_work_queue_keeps_few_subjects_in_memory() {
    let mut index = Index::new();
    for seq in 1..=100_000_u64 {
        index.append(seq, format!("job.{seq}").as_bytes(), stored(seq));
        index.remove(seq);
    }

    assert_eq!((index.first_seq(), index.last_seq(), index.num_subjects()), (100_001, 100_000, 0));
    assert!(index.heap_bytes() < 200_000, "{}", index.heap_bytes());
}

#[test]
fn subjects_come_in_order() {
    let index = filled(5000, 5000);
    let mut names = Vec::new();

    index.subjects_matching(&FilterSet::one("orders.>"), |name, info| {
        assert_eq!(info.count, 1);
        names.push(name.to_vec());
        false
    });

    assert!(names.is_sorted());
    assert_eq!(names.len(), 5000);
}

#[test]
fn a_purge_behind_the_end_moves_the_sequence() {
    let mut index = filled(3, 1);

    index.purge_to(10, &mut |_| ());

    assert_eq!((index.first_seq(), index.last_seq(), index.num_deleted()), (10, 9, 0));
    index.append(10, b"a", stored(10));
    assert_eq!((index.first_seq(), index.messages()), (10, 1));
}

#[test]
fn a_filter_follows_subjects_that_come_and_go() {
    let mut index = Index::new();
    let filter = FilterSet::one("job.*.odd");
    for seq in 1..=5000_u64 {
        let parity = if seq % 2 == 1 { "odd" } else { "even" };
        index.append(seq, format!("job.{}.{parity}", seq / 3 * 7).as_bytes(), stored(seq));
        let first = index.first_seq();
        let expected = first + u64::from(first.is_multiple_of(2));
        assert_eq!(index.next_matching(0, &filter), (expected <= seq).then_some(expected));
        if 100 < seq {
            index.remove(first);
        }
    }
}
