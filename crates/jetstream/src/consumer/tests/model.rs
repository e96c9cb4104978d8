//! Random operations against a model that scans.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tradewind_subject::Timestamp;

use super::{
    World,
    world::{explicit, setup, subject},
};
use crate::{
    api::config::{AckPolicy, ConsumerConfig, DeliverPolicy},
    consumer::{Consumer, SeqPair},
};

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Remove(u64),
    Purge(u64),
    Pull(u64),
    NoWait(u64),
    Ack(usize, &'static str),
    Wait(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let body = prop::sample::select(vec![
        "+ACK", "+ACK", "+ACK", "-NAK", "-NAK 3s", "+WPI", "+TERM", "+NXT 2",
    ]);
    prop_oneof![
        6 => (0..3_u64).prop_map(Step::Append),
        2 => (0..40_u64).prop_map(Step::Remove),
        1 => (0..10_u64).prop_map(Step::Purge),
        4 => (1..5_u64).prop_map(Step::Pull),
        1 => (1..5_u64).prop_map(Step::NoWait),
        8 => (0..64_usize, body).prop_map(|(nth, body)| Step::Ack(nth, body)),
        3 => (0..20_i64).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

fn config() -> impl Strategy<Value = ConsumerConfig> {
    let policy = prop::sample::select(vec![
        DeliverPolicy::All,
        DeliverPolicy::New,
        DeliverPolicy::Last,
        DeliverPolicy::LastPerSubject,
    ]);
    let ack = prop::sample::select(vec![AckPolicy::Explicit, AckPolicy::Explicit, AckPolicy::All]);
    let filters = prop::sample::select(vec![vec![], vec!["a"], vec!["a", "b"], vec!["*"]]);
    (policy, ack, filters, 0..4_i64, 0..4_i64).prop_map(
        |(deliver_policy, ack_policy, filters, max_deliver, max_ack_pending)| ConsumerConfig {
            deliver_policy,
            ack_policy,
            filter_subjects: filters.into_iter().map(str::to_owned).collect(),
            max_deliver: if max_deliver == 0 { -1 } else { max_deliver },
            max_ack_pending: if max_ack_pending == 0 { -1 } else { max_ack_pending * 2 },
            ack_wait: 10_000_000_000,
            ..explicit()
        },
    )
}

/// What is true of a consumer, found out the slow way.
struct Model {
    config: ConsumerConfig,
    /// Live, matching, not delivered.
    pending: BTreeSet<u64>,
    /// Delivered, not acknowledged, live: how often.
    unacked: BTreeMap<u64, u64>,
    acked: BTreeSet<u64>,
    floor: SeqPair,
    seen: usize,
}

impl Model {
    fn new(world: &World, config: ConsumerConfig) -> Model {
        let matching: Vec<u64> = (1..=world.index.last_seq())
            .filter(|&seq| world.consumer.filter().matches(subject(seq).as_bytes()))
            .collect();
        let last_of = |seq: &u64| {
            !matching.iter().any(|other| seq < other && subject(*other) == subject(*seq))
        };
        let pending = match config.deliver_policy {
            DeliverPolicy::New => BTreeSet::new(),
            DeliverPolicy::Last => matching.last().copied().into_iter().collect(),
            DeliverPolicy::LastPerSubject => matching.iter().copied().filter(last_of).collect(),
            _ => matching.iter().copied().collect(),
        };
        Model {
            config,
            pending,
            unacked: BTreeMap::new(),
            acked: BTreeSet::new(),
            floor: SeqPair::default(),
            seen: 0,
        }
    }

    fn acknowledge(&mut self, seq: u64) {
        if self.config.ack_policy == AckPolicy::All {
            let all: Vec<u64> = self.unacked.range(..=seq).map(|(&seq, _)| seq).collect();
            self.acked.extend(all);
            self.unacked = self.unacked.split_off(&(seq + 1));
        } else if self.unacked.remove(&seq).is_some() {
            self.acked.insert(seq);
        }
    }

    fn gone(&mut self, seq: u64) {
        self.pending.remove(&seq);
        self.unacked.remove(&seq);
    }

    /// Takes in what was delivered since the last call.
    fn deliveries(&mut self, world: &World) -> Result<(), TestCaseError> {
        for delivery in &world.sent[self.seen..] {
            let seq = delivery.seq.stream;
            prop_assert!(!self.acked.contains(&seq), "{seq} was acknowledged");
            let count = self.unacked.entry(seq).or_default();
            *count += 1;
            if *count == 1 {
                prop_assert_eq!(self.pending.pop_first(), Some(seq));
            }
            prop_assert_eq!(delivery.deliveries, *count);
            prop_assert!(
                self.config.max_deliver < 0
                    || *count <= u64::try_from(self.config.max_deliver).unwrap()
            );
        }
        self.seen = world.sent.len();
        Ok(())
    }

    fn check(&mut self, world: &World) -> Result<(), TestCaseError> {
        let info = world.info();
        prop_assert_eq!(info.num_pending, u64::try_from(self.pending.len()).unwrap());
        let given_up = u64::try_from(self.unacked.len()).unwrap() - info.num_ack_pending;
        prop_assert!(given_up == 0 || 0 < self.config.max_deliver);
        prop_assert!(self.floor.stream <= info.ack_floor.stream);
        prop_assert!(self.floor.consumer <= info.ack_floor.consumer);
        self.floor = info.ack_floor;
        for seq in 1..=world.index.last_seq() + 1 {
            let wanted = self.pending.contains(&seq) || self.unacked.contains_key(&seq);
            let matching = world.consumer.filter().matches(subject(seq).as_bytes());
            let live = world.index.get(seq).is_some();
            if live && matching {
                prop_assert_eq!(world.consumer.still_needs(seq, subject(seq).as_bytes()), wanted);
            }
        }
        if given_up == 0
            && let Some((&first, _)) = self.unacked.first_key_value()
        {
            prop_assert!(info.ack_floor.stream < first);
        }
        prop_assert!(info.ack_floor.stream <= info.delivered.stream);
        prop_assert!(info.ack_floor.consumer <= info.delivered.consumer);
        Ok(())
    }
}

fn run(world: &mut World, model: &mut Model, step: &Step) -> Result<(), TestCaseError> {
    match *step {
        Step::Append(burn) => {
            let seq = world.index.last_seq() + 1;
            if burn == 0 && seq.is_multiple_of(7) {
                world.index.skip(seq, Some(world.now));
                return Ok(());
            }
            if world.consumer.filter().matches(subject(seq).as_bytes()) {
                model.pending.insert(seq);
            }
            world.append(subject(seq));
        }
        Step::Remove(back) => {
            let seq = world.index.last_seq().saturating_sub(back);
            model.gone(seq);
            world.remove(seq);
        }
        Step::Purge(back) => {
            let first = world.index.last_seq().saturating_sub(back);
            for seq in 1..first {
                model.gone(seq);
            }
            world.index.purge_to(first, &mut |_| ());
            world.act(|world, out| world.consumer.on_purged(world.now, &world.index, out));
        }
        Step::Pull(batch) => {
            world.pull(&format!(r#"{{"batch":{batch},"expires":30000000000}}"#));
        }
        Step::NoWait(batch) => {
            world.pull(&format!(r#"{{"batch":{batch},"no_wait":true}}"#));
        }
        Step::Ack(nth, body) => {
            let count = world.sent.len();
            if count != 0 {
                let nth = count - nth % count;
                if matches!(body, "+ACK" | "+TERM" | "+NXT 2") {
                    model.acknowledge(world.sent[nth - 1].seq.stream);
                }
                world.ack(nth, body);
            }
        }
        Step::Wait(seconds) => {
            world.wait(seconds * 1_000_000_000);
        }
        Step::Restart => (),
    }
    model.deliveries(world)
}

/// A consumer made from the last snapshot and the deltas since then.
fn restart(world: &mut World, config: &ConsumerConfig, base: &[u8], deltas: &[Vec<u8>]) {
    let mut restored = Consumer::restore(world.now, setup(config.clone()), base).unwrap();
    for delta in deltas {
        restored.apply_delta(delta).unwrap();
    }
    restored.recovered(&world.index);
    world.consumer = restored;
}

/// Without the place where the next search starts: that is found again.
fn comparable(consumer: &Consumer) -> (Vec<u8>, u64) {
    let mut bytes = Vec::new();
    consumer.snapshot(&mut bytes);
    let end = 1 + bytes[1..].iter().position(|byte| *byte < 0x80).unwrap();
    (bytes.split_off(end + 1), consumer.info(Timestamp(0)).num_pending)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn no_message_is_lost_and_no_acknowledged_one_comes_again(
        config in config(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new(5, config.clone());
        let mut model = Model::new(&world, config.clone());
        let mut base = Vec::new();
        world.consumer.snapshot(&mut base);
        let mut deltas: Vec<Vec<u8>> = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            run(&mut world, &mut model, step)?;
            model.check(&world)?;
            let mut delta = Vec::new();
            if world.consumer.take_delta(&mut delta) {
                deltas.push(delta);
            }
            if matches!(step, Step::Restart) {
                // Drops what is gone from the list of last messages; that is lazy otherwise.
                world.consumer.recovered(&world.index);
                prop_assert!(!world.consumer.take_delta(&mut Vec::new()));
                let before = comparable(&world.consumer);
                restart(&mut world, &config, &base, &deltas);
                prop_assert_eq!(comparable(&world.consumer), before);
                model.check(&world)?;
            } else if at % 17 == 0 {
                base.clear();
                world.consumer.snapshot(&mut base);
                deltas.clear();
            }
        }
        drain(&mut world, &mut model)?;
    }
}

/// In the end everything is delivered and acknowledged, what was given up apart.
fn drain(world: &mut World, model: &mut Model) -> Result<(), TestCaseError> {
    for _ in 0..200 {
        if model.pending.is_empty() && world.info().num_ack_pending == 0 {
            break;
        }
        let first = world.sent.len() + 1;
        run(world, model, &Step::Pull(4))?;
        run(world, model, &Step::Wait(31))?;
        for nth in first..=world.sent.len() {
            model.acknowledge(world.sent[nth - 1].seq.stream);
            world.ack(nth, "+ACK");
            model.deliveries(world)?;
        }
        model.check(world)?;
    }
    prop_assert!(model.pending.is_empty());
    let given_up = |(_, count): (&u64, &u64)| u64::try_from(model.config.max_deliver) == Ok(*count);
    prop_assert!(model.unacked.iter().all(given_up));
    prop_assert_eq!(world.info().num_ack_pending, 0);
    Ok(())
}
