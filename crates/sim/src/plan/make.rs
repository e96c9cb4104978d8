//! From a seed to a plan. Each seed has some of the streams, operations and faults, and not others:
//! so rare things meet often.

use super::{End, Hazard, Life, Plan, Step, Trip};
use tradewind_store::Survival;

use crate::{
    dice::Dice,
    driver::Tuning,
    rot::Rot,
    script::{
        AckKind, BYTES, CACHE, CACHED, ConsumerSpec, Expected, LATE, NEWS, ORDERS, ORDERS_ALL,
        ORDERS_EU, Op, PASSING, PUSHED, READER_A, READER_B, SHORT, STATE, STRICT, SUBJECTS, Send,
        Start, StreamSpec, VOLATILE, WORK, WORKER, send,
    },
};

const STREAMS: [StreamSpec; 8] = [ORDERS, WORK, NEWS, STATE, SHORT, STRICT, BYTES, CACHE];
const CONSUMERS: [ConsumerSpec; 10] =
    [ORDERS_ALL, ORDERS_EU, WORKER, READER_A, READER_B, PUSHED, LATE, CACHED, PASSING, VOLATILE];
/// How often each kind of operation comes, if the seed has it.
const WEIGHTS: [u64; 14] = [44, 14, 20, 4, 5, 1, 1, 3, 3, 1, 4, 2, 3, 1];
/// Those that every seed has: publishes, pulls, acks.
const ALWAYS: usize = 3;

/// What a seed has.
struct Taste {
    dice: Dice,
    streams: Vec<StreamSpec>,
    consumers: Vec<ConsumerSpec>,
    subjects: Vec<&'static str>,
    weights: [u64; 14],
    /// Percent of the steps with several operations.
    groups: u64,
    /// Percent of the steps after which commits are slow.
    slow: u64,
    sizes: [usize; 4],
    hazards: Vec<u64>,
    /// Milliseconds that the clock may still be set back in this life.
    back_left: u64,
}

pub(super) fn plan(seed: u64) -> Plan {
    let mut dice = Dice::new(seed);
    let tuning = Tuning {
        segment_bytes: dice.pick(&[[2048, 4096, 4096, 8192], [1024; 4], [4096; 4], [16384; 4]]),
        tail_bytes: dice.pick(&[0, 600, 2048, 1 << 20]),
        spare_segments: dice.pick(&[0, 1, 1, 2]),
    };
    let mut taste = Taste::new(dice);
    let specs = taste.streams.clone().into_iter().map(Op::Create);
    let consumers = taste.consumers.clone().into_iter().map(Op::AddConsumer);
    let begin = specs.chain(consumers).filter(|_| taste.dice.chance(85)).collect();
    let n_lives = 2 + taste.dice.below(3);
    let lives = (0..n_lives).map(|_| taste.life()).collect();
    Plan { seed, tuning, begin, lives }
}

impl Taste {
    fn new(mut dice: Dice) -> Taste {
        let n_streams = 1 + dice.index(4);
        let mut streams = STREAMS.to_vec();
        while n_streams < streams.len() {
            streams.swap_remove(dice.index(streams.len()));
        }
        let of_streams = |name: &str| streams.iter().any(|spec| spec.name == name);
        let mut consumers = CONSUMERS.to_vec();
        consumers.retain(|spec| of_streams(spec.stream) && dice.chance(80));
        let belongs = |subject: &&&str| {
            streams.iter().any(|spec| {
                let (first, _) = spec.subjects[0].split_once('.').unwrap();
                subject.starts_with(first)
            })
        };
        let subjects = SUBJECTS.iter().filter(belongs).copied().collect();
        let mut weights = WEIGHTS;
        for weight in &mut weights[ALWAYS..] {
            *weight *= dice.pick(&[0, 0, 1, 1, 3]);
        }
        weights[0] *= dice.pick(&[1, 1, 2, 4]);
        let mut hazards: Vec<u64> = (0..11).collect();
        hazards.retain(|_| dice.chance(60));
        hazards.push(0);
        Taste {
            streams,
            consumers,
            subjects,
            weights,
            groups: dice.pick(&[0, 30, 60]),
            slow: dice.pick(&[0, 0, 20, 50]),
            sizes: dice.pick(&[[0, 12, 60, 300], [5, 40, 200, 900], [30, 30, 700, 3000]]),
            hazards,
            back_left: 0,
            dice,
        }
    }

    fn life(&mut self) -> Life {
        self.back_left = 20_000;
        let n_steps = 6 + self.dice.below(30);
        let dice = &mut self.dice;
        let hazard = match dice.pick(&self.hazards) {
            0..=3 => Hazard::Crash(dice.below(90)),
            4 => Hazard::CrashSync(dice.below(30)),
            5 => Hazard::Io(dice.below(60)),
            10 => Hazard::IoSync(dice.below(25)),
            6 => Hazard::IoFrom(dice.below(60)),
            7 | 8 => Hazard::Full { after: dice.below(40), heals: dice.chance(50) },
            _ => Hazard::None,
        };
        let steps = (0..n_steps).map(|_| self.step()).collect();
        let is_broken = matches!(hazard, Hazard::Io(_) | Hazard::IoFrom(_) | Hazard::IoSync(_));
        Life { hazard, steps, end: self.end(is_broken) }
    }

    /// After an I/O error it counts what the next start makes of the page cache.
    fn end(&mut self, is_broken: bool) -> End {
        let dice = &mut self.dice;
        let n_starts = dice.pick(if is_broken { &[1, 1, 2, 2, 3, 3] } else { &[0, 0, 1, 1, 2, 3] });
        let n_io = if is_broken { 3 } else { 1 };
        // Before that it only reads.
        let from = if dice.chance(60) { 14 } else { 0 };
        let trip = |dice: &mut Dice| match dice.below(6) {
            n if n < n_io => Trip::Io(from + dice.below(40 - from)),
            5 => Trip::Full(dice.below(40)),
            4 => Trip::CrashSync(dice.below(6)),
            _ => Trip::Crash(from + dice.below(40 - from)),
        };
        let killed = is_broken && dice.chance(60);
        let rots = if dice.chance(20) { 1 + dice.below(8) } else { 0 };
        End {
            decays: dice.chance(10).then(|| dice.next()),
            rots: (0..rots).map(|_| Rot::draw(dice)).collect(),
            survival: if killed { Survival::Kill } else { dice.survival() },
            others: (0..dice.below(6)).map(|_| dice.survival()).collect(),
            starts: (0..n_starts).map(|_| (trip(dice), dice.survival())).collect(),
            twice: dice.chance(40),
            proves: dice.chance(25),
        }
    }

    /// Operations that come at once.
    fn step(&mut self) -> Step {
        let n_ops = if self.dice.chance(self.groups) { self.dice.below(5) + 2 } else { 1 };
        let mut ops: Vec<Op> = (0..n_ops).map(|_| self.op()).collect();
        let alone =
            |op: &Op| matches!(op, Op::Restart | Op::Idle | Op::Pass { .. } | Op::Back { .. });
        if let Some(index) = ops.iter().position(alone) {
            ops = vec![ops[index]];
        }
        let slow = self.dice.chance(self.slow);
        Step { ops, delay: if slow { 1 + self.dice.below(4) } else { 0 } }
    }

    fn stream(&mut self) -> StreamSpec {
        let spec = self.dice.pick(&self.streams);
        match self.dice.below(4) {
            0 => StreamSpec { max_msgs: self.dice.pick(&[0, 3, 9, 20]), ..spec },
            1 => StreamSpec { max_per_subject: self.dice.pick(&[0, 1, 4]), ..spec },
            2 if !spec.discard_new => {
                StreamSpec { max_bytes: self.dice.pick(&[0, 700, 5000]), ..spec }
            }
            _ => spec,
        }
    }

    fn publish(&mut self) -> Send {
        let subject = self.dice.pick(&self.subjects);
        let dice = &mut self.dice;
        let id = if dice.chance(20) { 1 + u32::try_from(dice.below(12)).unwrap() } else { 0 };
        let ttl_s = u64::from(subject.starts_with("short") && dice.chance(25));
        let plain = Send { id, ttl_s, headers: dice.chance(30), ..send(subject, 0) };
        let bytes = dice.pick(&self.sizes);
        Send {
            bytes: if dice.chance(3) { bytes * 4 } else { bytes },
            rollup: match dice.below(40) {
                0 => "sub",
                1 if !subject.starts_with("work") => "all",
                _ => "",
            },
            expect: match dice.below(20) {
                0 => Expected::Last,
                1 => Expected::Wrong,
                2 => Expected::LastOfSubject,
                _ => Expected::Nothing,
            },
            quiet: dice.chance(15),
            ..plain
        }
    }

    fn ack(&mut self) -> AckKind {
        match self.dice.below(12) {
            0..=3 => AckKind::Plain,
            4..=7 => AckKind::Confirmed,
            8 => AckKind::Nak,
            9 => AckKind::NakLater,
            10 => self.dice.pick(&[AckKind::Term, AckKind::TermConfirmed]),
            _ => AckKind::Progress,
        }
    }

    fn kind(&mut self) -> usize {
        let mut left = self.dice.below(self.weights.iter().sum());
        let fits = |weight: &u64| {
            let found = left < *weight;
            left = left.saturating_sub(*weight);
            found
        };
        self.weights.iter().position(fits).unwrap()
    }

    fn op(&mut self) -> Op {
        let kind = self.kind();
        let consumer =
            if self.consumers.is_empty() { ORDERS_ALL } else { self.dice.pick(&self.consumers) };
        let ConsumerSpec { stream, name, .. } = consumer;
        let any = self.dice.pick(&self.streams).name;
        match kind {
            0 => Op::Publish(self.publish()),
            1 => Op::Pull { stream, name, batch: u32::try_from(self.dice.below(6)).unwrap() + 1 },
            2 => Op::Ack { stream, name, pick: self.dice.index(5), kind: self.ack() },
            3 => Op::Delete { stream: any, pick: self.dice.index(9), erase: self.dice.chance(50) },
            4 => self.purge(any),
            5 => Op::Update(self.stream()),
            6 => Op::Drop(any),
            7 => Op::Create(self.stream()),
            8 => Op::AddConsumer(self.consumer(consumer)),
            9 => Op::DropConsumer { stream, name },
            10 => Op::Pass { ms: self.dice.pick(&[20, 400, 1_200, 3_000]) },
            11 => self.back(),
            12 => Op::Idle,
            _ => Op::Restart,
        }
    }

    fn back(&mut self) -> Op {
        let ms = self.dice.pick(&[1, 50, 900, 6_000]).min(self.back_left);
        self.back_left -= ms;
        Op::Back { ms }
    }

    fn consumer(&mut self, spec: ConsumerSpec) -> ConsumerSpec {
        // Elsewhere a message that nobody will ever want could be kept.
        let free = !["WORK", "NEWS"].contains(&spec.stream) && self.dice.chance(30);
        let start = if free { Start::Seq(self.dice.below(12) + 1) } else { spec.start };
        ConsumerSpec { start, ..spec }
    }

    fn purge(&mut self, stream: &'static str) -> Op {
        let dice = &mut self.dice;
        let (filter, seq, keep) = match dice.below(6) {
            0 => ("", 0, 0),
            1 => ("", dice.index(6) + 1, 0),
            2 => ("", 0, dice.below(4) + 1),
            3 => ("*.eu.*", 0, dice.below(2)),
            4 => ("*.a", dice.index(4) + 1, 0),
            _ => return Op::Leap { stream, by: dice.below(5) + 1 },
        };
        Op::Purge { stream, filter, seq, keep }
    }
}
