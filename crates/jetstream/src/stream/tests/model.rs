//! The stream against a list of messages, under random limits.

use proptest::prelude::*;

use super::*;
use crate::api::config::{Discard, Storage};

#[derive(Clone, Debug)]
struct Message {
    seq: u64,
    subject: &'static str,
    size: u64,
}

#[derive(Clone, Debug)]
enum Op {
    Publish { subject: usize, payload_len: usize, rollup: Option<bool> },
    Remove { nth: usize },
    PurgeTo { nth: usize },
    Update(Box<StreamConfig>),
}

const SUBJECTS: [&str; 4] = ["S.a", "S.b", "S.c.d", "S.c.e"];

fn limit(range: std::ops::Range<i64>) -> impl Strategy<Value = i64> {
    prop_oneof![Just(-1), range]
}

fn limits() -> impl Strategy<Value = StreamConfig> {
    let discard = prop_oneof![3 => Just(Discard::Old), 1 => Just(Discard::New)];
    let storage = prop_oneof![Just(Storage::File), Just(Storage::Memory)];
    (limit(1..8), limit(40..400), limit(1..4), discard, any::<bool>(), storage).prop_map(
        |(max_msgs, max_bytes, max_msgs_per_subject, discard, per_subject, storage)| StreamConfig {
            max_msgs,
            max_bytes,
            max_msgs_per_subject,
            discard,
            discard_new_per_subject: per_subject,
            storage,
            allow_rollup_hdrs: true,
            ..config()
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    let rollup = prop_oneof![8 => Just(None), 1 => Just(Some(true)), 1 => Just(Some(false))];
    prop_oneof![
        12 => (0..4_usize, 0..60_usize, rollup).prop_map(|(subject, payload_len, rollup)| {
            Op::Publish { subject, payload_len, rollup }
        }),
        3 => any::<usize>().prop_map(|nth| Op::Remove { nth }),
        1 => any::<usize>().prop_map(|nth| Op::PurgeTo { nth }),
        1 => limits().prop_map(|config| Op::Update(Box::new(config))),
    ]
}

#[derive(Debug)]
struct Model {
    config: StreamConfig,
    live: Vec<Message>,
    removed: Vec<u64>,
}

impl Model {
    fn over(limit: i64, value: usize) -> bool {
        0 < limit && usize::try_from(limit).unwrap() < value
    }

    fn take(&mut self, at: usize) {
        self.removed.push(self.live.remove(at).seq);
    }

    fn take_if(&mut self, gone: impl Fn(&Message) -> bool) {
        while let Some(at) = self.live.iter().position(&gone) {
            self.take(at);
        }
    }

    fn bytes(&self) -> u64 {
        self.live.iter().map(|message| message.size).sum()
    }

    fn limit_subject(&mut self, subject: &str) {
        let count = |model: &Model| model.live.iter().filter(|m| m.subject == subject).count();
        while Model::over(self.config.max_msgs_per_subject, count(self)) {
            let at = self.live.iter().position(|message| message.subject == subject).unwrap();
            self.take(at);
        }
    }

    fn limit_all(&mut self) {
        while self.config.discard == Discard::Old
            && (Model::over(self.config.max_msgs, self.live.len())
                || Model::over(self.config.max_bytes, usize::try_from(self.bytes()).unwrap()))
        {
            self.take(0);
        }
    }

    fn admits(&self, subject: &str, size: u64) -> bool {
        if self.config.discard == Discard::Old {
            return true;
        }
        let own: Vec<&Message> = self.live.iter().filter(|m| m.subject == subject).collect();
        let full = Model::over(self.config.max_msgs_per_subject, own.len() + 1);
        if full && self.config.discard_new_per_subject {
            return false;
        }
        let bytes = usize::try_from(self.bytes() + size).unwrap();
        let fits = !Model::over(self.config.max_bytes, bytes);
        if full {
            return fits || size <= own[0].size;
        }
        fits && !Model::over(self.config.max_msgs, self.live.len() + 1)
    }

    fn publish(&mut self, message: &Message, rollup: Option<bool>) {
        self.live.push(message.clone());
        self.limit_subject(message.subject);
        self.limit_all();
        if let Some(all) = rollup {
            let (seq, subject) = (message.seq, message.subject);
            self.take_if(|other| other.seq < seq && (all || other.subject == subject));
        }
    }
}

fn step(stream: &mut Stream, model: &mut Model, op: &Op) {
    let mut removed = Vec::new();
    match op {
        Op::Publish { subject, payload_len, rollup } => {
            let name = SUBJECTS[*subject];
            let lines = match rollup {
                None => &[][..],
                Some(true) => &["Nats-Rollup: all"],
                Some(false) => &["Nats-Rollup: sub"],
            };
            let size = stream.message_size(name.len(), block(lines).len(), *payload_len);
            let admission = admit_at(stream, T0, name, lines, *payload_len);
            assert_eq!(admission.is_ok(), model.admits(name, size), "{admission:?} {model:?}");
            let Ok(Admission::Append { seq, .. }) = admission else { return };
            let gone = apply(stream, T0, name, lines, *payload_len);
            model.publish(&Message { seq, subject: name, size }, *rollup);
            assert_eq!(gone, std::mem::take(&mut model.removed));
        }
        Op::Remove { nth } if !model.live.is_empty() => {
            let at = nth % model.live.len();
            let seq = model.live[at].seq;
            stream.apply_remove(&[seq..=seq], &mut removed);
            model.take(at);
        }
        Op::PurgeTo { nth } if !model.live.is_empty() => {
            let seq = model.live[nth % model.live.len()].seq;
            stream.apply_purge_to(seq, &mut removed);
            model.take_if(|message| message.seq < seq);
        }
        Op::Remove { .. } | Op::PurgeTo { .. } => (),
        Op::Update(config) => {
            // The storage of a stream can't change.
            let config = StreamConfig { storage: model.config.storage, ..(**config).clone() };
            stream.update(config.clone(), &mut removed);
            model.config = config;
            model.limit_all();
            for subject in SUBJECTS {
                model.limit_subject(subject);
            }
        }
    }
    assert_eq!(seqs(&removed), std::mem::take(&mut model.removed));
}

proptest! {
    #[test]
    fn limits_and_rollups_agree_with_a_list(
        config in limits(),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut stream = stream(config.clone());
        let mut model = Model { config, live: Vec::new(), removed: Vec::new() };
        for op in &ops {
            step(&mut stream, &mut model, op);
            let expected: Vec<u64> = model.live.iter().map(|message| message.seq).collect();
            prop_assert_eq!(live(&stream), expected);
            prop_assert_eq!(stream.state().bytes, model.bytes());
        }
    }
}

#[test]
fn a_message_larger_than_the_stream_vanishes_with_all_others() {
    let mut stream = stream(StreamConfig { max_bytes: 90, ..config() });
    apply(&mut stream, T0, "S.a", &[], 5);
    apply(&mut stream, T0, "S.b", &[], 5);

    let gone = apply(&mut stream, T0, "S.b", &[], 100);

    let state = stream.state();
    assert_eq!(gone, [1, 2, 3]);
    assert_eq!((state.first_seq, state.last_seq, state.bytes), (4, 3, 0));
}

#[test]
fn an_eviction_comes_before_the_rollup() {
    let mut stream = stream(StreamConfig { max_msgs: 3, allow_rollup_hdrs: true, ..config() });
    for subject in ["S.b", "S.a", "S.a"] {
        put(&mut stream, subject);
    }

    apply(&mut stream, T0, "S.a", &["Nats-Rollup: sub"], 1);

    assert_eq!(live(&stream), [4]);
}

#[test]
fn an_update_evicts_by_number_before_it_evicts_by_subject() {
    let mut stream = stream(config());
    for subject in ["S.b", "S.a", "S.a", "S.a"] {
        put(&mut stream, subject);
    }

    stream
        .update(StreamConfig { max_msgs: 3, max_msgs_per_subject: 1, ..config() }, &mut Vec::new());

    assert_eq!(live(&stream), [4]);
}

#[test]
fn a_size_is_what_nats_server_counts() {
    for (storage, headers_len, size) in [
        (Storage::File, 0, 43),
        (Storage::File, 18, 65),
        (Storage::Memory, 0, 29),
        (Storage::Memory, 18, 47),
    ] {
        let stream = stream(StreamConfig { storage, ..config() });
        assert_eq!(stream.message_size(8, headers_len, 5), size, "{storage:?}");
    }
}
