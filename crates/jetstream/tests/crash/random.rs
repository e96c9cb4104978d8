//! Work made up from a seed, with crashes in between, also while a crash is recovered from.

use std::{sync::Arc, time::Duration};

use tradewind_store::{Fault, FaultDisk, Survival};
use tradewind_subject::Timestamp;

use crate::{
    check::{self, Figures},
    driver::Driver,
    script::{
        AckKind, BYTES, ConsumerSpec, Expected, NEWS, ORDERS, ORDERS_ALL, ORDERS_EU, Op, PUSHED,
        READER_A, READER_B, SHORT, STATE, STRICT, SUBJECTS, Send, Start, StreamSpec, WORK, WORKER,
        send,
    },
    world::{Stop, World},
};

const STREAMS: [StreamSpec; 7] = [ORDERS, WORK, NEWS, STATE, SHORT, STRICT, BYTES];
const CONSUMERS: [ConsumerSpec; 7] =
    [ORDERS_ALL, ORDERS_EU, WORKER, READER_A, READER_B, PUSHED, LATE];
const LATE: ConsumerSpec =
    ConsumerSpec { start: Start::New, ack_wait_ms: 800, ..ConsumerSpec::new("SHORT", "late") };

/// Numbers that are the same for the same seed (splitmix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let bound = u64::try_from(from.len()).unwrap();
        from[self.index(bound)]
    }

    fn index(&mut self, bound: u64) -> usize {
        usize::try_from(self.below(bound)).unwrap()
    }

    fn survival(&mut self) -> Survival {
        match self.below(5) {
            0 => Survival::Kill,
            1 => Survival::PowerNone,
            2 => Survival::PowerAll,
            3 => Survival::PowerPrefix(self.next()),
            _ => Survival::PowerSectors(self.next()),
        }
    }

    fn stream(&mut self) -> StreamSpec {
        let spec = self.pick(&STREAMS);
        match self.below(4) {
            0 => StreamSpec { max_msgs: self.pick(&[0, 3, 9, 20]), ..spec },
            1 => StreamSpec { max_per_subject: self.pick(&[0, 1, 4]), ..spec },
            2 if !spec.discard_new => StreamSpec { max_bytes: self.pick(&[0, 700, 5000]), ..spec },
            _ => spec,
        }
    }

    fn publish(&mut self) -> Send {
        let plain = send(self.pick(&SUBJECTS), self.pick(&[0, 1, 9, 60, 200, 700, 2500]));
        Send {
            id: if self.chance(20) { u32::try_from(self.below(30)).unwrap() + 1 } else { 0 },
            headers: self.chance(30),
            rollup: if self.chance(4) { self.pick(&["sub", "all"]) } else { "" },
            expect: match self.below(20) {
                0 => Expected::Last,
                1 => Expected::Wrong,
                2 => Expected::LastOfSubject,
                _ => Expected::Nothing,
            },
            quiet: self.chance(15),
            ..plain
        }
    }

    fn ack(&mut self) -> AckKind {
        match self.below(12) {
            0..=3 => AckKind::Plain,
            4..=7 => AckKind::Confirmed,
            8 => AckKind::Nak,
            9 => AckKind::NakLater,
            10 => self.pick(&[AckKind::Term, AckKind::TermConfirmed]),
            _ => AckKind::Progress,
        }
    }

    fn op(&mut self) -> Op {
        let ConsumerSpec { stream, name, .. } = self.pick(&CONSUMERS);
        match self.below(100) {
            0..=43 => Op::Publish(self.publish()),
            44..=57 => Op::Pull { stream, name, batch: u32::try_from(self.below(6)).unwrap() + 1 },
            58..=77 => Op::Ack { stream, name, pick: self.index(5), kind: self.ack() },
            78..=80 => Op::Delete { stream: self.pick(&STREAMS).name, pick: self.index(9) },
            81..=83 => self.purge(),
            84 => Op::Update(self.stream()),
            85 => Op::Drop(self.pick(&STREAMS).name),
            86..=88 => Op::Create(self.stream()),
            89..=91 => {
                let spec = self.pick(&CONSUMERS);
                // Elsewhere a message that nobody will ever want could be kept.
                let free = !["WORK", "NEWS"].contains(&spec.stream) && self.chance(30);
                let start = if free { Start::Seq(self.below(12) + 1) } else { spec.start };
                Op::AddConsumer(ConsumerSpec { start, ..spec })
            }
            92 => Op::DropConsumer { stream, name },
            93..=95 => Op::Pass { ms: self.pick(&[20, 400, 1_200, 3_000]) },
            96..=98 => Op::Idle,
            _ => Op::Restart,
        }
    }

    fn purge(&mut self) -> Op {
        let stream = self.pick(&STREAMS).name;
        let (filter, seq, keep) = match self.below(6) {
            0 => ("", 0, 0),
            1 => ("", self.index(6) + 1, 0),
            2 => ("", 0, self.below(4) + 1),
            3 => ("*.eu.*", 0, self.below(2)),
            4 => ("*.a", self.index(4) + 1, 0),
            _ => return Op::Leap { stream, by: self.below(5) + 1 },
        };
        Op::Purge { stream, filter, seq, keep }
    }

    /// Operations that come at once.
    fn group(&mut self) -> Vec<Op> {
        let n_ops = if self.chance(30) { self.below(5) + 2 } else { 1 };
        let ops: Vec<Op> = (0..n_ops).map(|_| self.op()).collect();
        let alone = |op: &Op| matches!(op, Op::Restart | Op::Idle | Op::Pass { .. });
        if ops.iter().any(alone) { ops[..1].to_vec() } else { ops }
    }
}

/// Three lives of a store, each ended by a crash.
pub(crate) fn run(seed: u64, figures: &mut Figures) {
    let mut dice = Dice(seed);
    let mut disk = FaultDisk::new();
    let mut world = World::open(Arc::new(disk.clone()), None).unwrap();
    let label = format!(
        "seed {seed} (TRADEWIND_CRASH_SEED={seed} cargo test -p tradewind-jetstream --test crash random)"
    );
    world.label.clone_from(&label);
    let specs = STREAMS.map(Op::Create).into_iter().chain(CONSUMERS.map(Op::AddConsumer));
    let begin: Vec<Op> = specs.filter(|_| dice.chance(75)).collect();
    world.run(&begin).unwrap();
    for life in 0..3 {
        let at = disk.ops() + dice.below(150);
        disk.plan(Fault::Crash(at));
        world.crash = Some((disk.clone(), at));
        for _ in 0..70 {
            let ops = dice.group();
            match world.step(&ops) {
                Ok(()) => (),
                Err(Stop::Crashed) => break,
                Err(Stop::Closed(error)) => world.fail(&format!("{error:?}")),
            }
        }
        let now = world.driver.as_ref().map_or(world.model.now, |driver| driver.now.nanos());
        let now = Timestamp(now);
        let World { model, .. } = world;
        let label = format!("{label}, life {life}");
        figures.crashes += 1;
        disk = crash_while_starting(disk.survivor(dice.survival()), now, &mut dice);
        if dice.chance(50) {
            check::survivor(&disk, &model, now, &label, figures);
        }
        (world, disk) = check::revive(&disk, &model, now, &label, figures);
        settle(&mut world);
    }
}

/// Up to three starts that don't come to their end.
fn crash_while_starting(mut disk: FaultDisk, now: Timestamp, dice: &mut Dice) -> FaultDisk {
    for _ in 0..dice.below(4) {
        disk.plan(Fault::Crash(dice.below(40)));
        let opened = Driver::open(Arc::new(disk.clone()), now);
        disk = disk.survivor(dice.survival());
        drop(opened);
    }
    disk
}

/// Finds out what became of everything that was not promised.
fn settle(world: &mut World) {
    world.driver().advance(Duration::from_secs(61));
    world.pump().unwrap();
    world.drain(false).unwrap();
    world.model.consumers.iter_mut().for_each(crate::oracle::ConsumerModel::resolve);
}
