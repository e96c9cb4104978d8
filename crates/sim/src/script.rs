//! What is done to a shard: the operations, and the fixed script of them.

mod ops;

pub(crate) use self::ops::{
    AckKind, ConsumerSpec, Expected, Kind, Op, Send, Start, StreamSpec, send,
};

/// Builds the script.
#[derive(Debug, Default)]
struct Writer {
    ops: Vec<Op>,
    n_sent: usize,
}

pub(crate) const ORDERS: StreamSpec =
    StreamSpec { max_msgs: 40, ..StreamSpec::new("ORDERS", &["orders.>"]) };
pub(crate) const WORK: StreamSpec =
    StreamSpec { retention: "workqueue", ..StreamSpec::new("WORK", &["work.*"]) };
pub(crate) const NEWS: StreamSpec =
    StreamSpec { retention: "interest", window_ms: 1_500, ..StreamSpec::new("NEWS", &["news.*"]) };
pub(crate) const STATE: StreamSpec =
    StreamSpec { max_per_subject: 2, ..StreamSpec::new("STATE", &["state.*"]) };
pub(crate) const SHORT: StreamSpec =
    StreamSpec { max_age_ms: 1_500, window_ms: 1_000, ..StreamSpec::new("SHORT", &["short.*"]) };
pub(crate) const STRICT: StreamSpec =
    StreamSpec { max_msgs: 6, discard_new: true, ..StreamSpec::new("STRICT", &["strict.*"]) };
pub(crate) const BYTES: StreamSpec =
    StreamSpec { max_bytes: 2_000, ..StreamSpec::new("BYTES", &["bytes.*"]) };
pub(crate) const CACHE: StreamSpec =
    StreamSpec { memory: true, max_msgs: 10, ..StreamSpec::new("CACHE", &["cache.*"]) };

pub(crate) const ORDERS_ALL: ConsumerSpec =
    ConsumerSpec { ack_wait_ms: 2_000, ..ConsumerSpec::new("ORDERS", "all") };
pub(crate) const ORDERS_EU: ConsumerSpec = ConsumerSpec {
    filter: "orders.eu.*",
    ack_all: true,
    max_ack_pending: 8,
    ..ConsumerSpec::new("ORDERS", "eu")
};
pub(crate) const WORKER: ConsumerSpec =
    ConsumerSpec { ack_wait_ms: 1_000, ..ConsumerSpec::new("WORK", "worker") };
pub(crate) const READER_A: ConsumerSpec = ConsumerSpec::new("NEWS", "a");
pub(crate) const READER_B: ConsumerSpec =
    ConsumerSpec { filter: "news.world", ack_wait_ms: 1_500, ..ConsumerSpec::new("NEWS", "b") };
pub(crate) const PUSHED: ConsumerSpec = ConsumerSpec {
    deliver_to: "deliver.state",
    ack_wait_ms: 3_000,
    max_deliver: 3,
    ..ConsumerSpec::new("STATE", "pushed")
};
pub(crate) const LATE: ConsumerSpec =
    ConsumerSpec { start: Start::New, ack_wait_ms: 800, ..ConsumerSpec::new("SHORT", "late") };
pub(crate) const CACHED: ConsumerSpec = ConsumerSpec::new("CACHE", "cached");
pub(crate) const PASSING: ConsumerSpec = ConsumerSpec {
    kind: Kind::Ephemeral,
    ack_wait_ms: 1_200,
    ..ConsumerSpec::new("ORDERS", "passing")
};
pub(crate) const VOLATILE: ConsumerSpec =
    ConsumerSpec { kind: Kind::Volatile, ..ConsumerSpec::new("STATE", "volatile") };

impl Writer {
    fn push(&mut self, op: Op) {
        self.ops.push(op);
    }

    fn publish(&mut self, subject: &'static str) {
        self.n_sent += 1;
        let bytes = [3, 40, 170, 0, 900, 25, 64][self.n_sent % 7];
        let headers = self.n_sent.is_multiple_of(3);
        let quiet = self.n_sent.is_multiple_of(11);
        self.push(Op::Publish(Send { headers, quiet, ..send(subject, bytes) }));
    }

    fn with_id(&mut self, subject: &'static str, id: u32) {
        self.push(Op::Publish(Send { id, ..send(subject, 30) }));
    }

    fn publish_each(&mut self, subjects: &[&'static str]) {
        for subject in subjects {
            self.publish(subject);
        }
    }

    fn pull(&mut self, consumer: &ConsumerSpec, batch: u32) {
        self.push(Op::Pull { stream: consumer.stream, name: consumer.name, batch });
    }

    fn ack(&mut self, consumer: &ConsumerSpec, pick: usize, kind: AckKind) {
        self.push(Op::Ack { stream: consumer.stream, name: consumer.name, pick, kind });
    }

    /// Everything that streams and consumers are there for, once around.
    fn round(&mut self, turn: u32) {
        self.publish_each(&["orders.eu.1", "orders.us.1", "orders.eu.2", "work.a", "news.world"]);
        self.push(Op::Group(6));
        self.publish_each(&["orders.us.2", "work.b", "news.local", "work.a", "state.1", "state.2"]);
        self.pull(&ORDERS_ALL, 4);
        self.pull(&ORDERS_EU, 3);
        self.pull(&WORKER, 3);
        self.ack(&ORDERS_ALL, 0, AckKind::Confirmed);
        self.ack(&ORDERS_ALL, 1, AckKind::Plain);
        self.ack(&ORDERS_EU, 1, AckKind::Confirmed);
        self.ack(&WORKER, 0, AckKind::Confirmed);
        self.ack(&WORKER, 1, AckKind::Nak);
        self.with_id("orders.eu.3", 10 + turn);
        self.with_id("orders.eu.3", 10 + turn);
        self.with_id("state.3", 20 + turn);
        self.push(Op::Pass { ms: 300 });
        self.pull(&WORKER, 2);
        self.ack(&WORKER, 0, AckKind::Plain);
        self.pull(&READER_A, 5);
        self.pull(&READER_B, 5);
        self.push(Op::Group(3));
        self.ack(&READER_A, 0, AckKind::Plain);
        self.ack(&READER_B, 0, AckKind::Confirmed);
        self.ack(&READER_A, 0, AckKind::Confirmed);
        self.publish_each(&["bytes.a", "bytes.b", "short.a", "bytes.a"]);
        self.push(Op::Delete { stream: "ORDERS", pick: 3, erase: true });
        self.ack(&PUSHED, 0, AckKind::Plain);
        self.ack(&PUSHED, 0, AckKind::Term);
        self.publish_each(&["state.1", "state.1", "strict.a", "strict.b"]);
        self.push(Op::Idle);
    }
}

/// The fixed script.
pub(crate) fn script() -> Vec<Op> {
    let mut w = Writer::default();
    for spec in [ORDERS, WORK, NEWS, STATE, SHORT, STRICT, BYTES] {
        w.push(Op::Create(spec));
    }
    // Nobody is interested yet.
    w.publish("news.world");
    for spec in [ORDERS_ALL, ORDERS_EU, WORKER, READER_A, READER_B, PUSHED] {
        w.push(Op::AddConsumer(spec));
    }
    w.round(1);
    w.push(Op::Restart);
    let expect = Expected::Last;
    w.push(Op::Publish(Send { expect, ..send("orders.us.3", 20) }));
    w.push(Op::Publish(Send { expect: Expected::Wrong, ..send("orders.us.3", 20) }));
    w.push(Op::Publish(Send { expect: Expected::LastOfSubject, ..send("orders.us.3", 20) }));
    w.with_id("orders.eu.3", 11);
    w.round(2);
    w.push(Op::Purge { stream: "ORDERS", filter: "orders.us.>", seq: 0, keep: 1 });
    w.push(Op::Publish(Send { rollup: "sub", ..send("orders.eu.1", 12) }));
    w.push(Op::Update(StreamSpec { max_msgs: 12, ..ORDERS }));
    w.ack(&ORDERS_ALL, 0, AckKind::NakLater);
    w.ack(&ORDERS_ALL, 1, AckKind::TermConfirmed);
    w.ack(&ORDERS_ALL, 0, AckKind::Progress);
    w.push(Op::Pass { ms: 1_100 });
    w.pull(&ORDERS_ALL, 10);
    w.push(Op::Idle);
    w.push(Op::DropConsumer { stream: "ORDERS", name: "eu" });
    w.push(Op::AddConsumer(ConsumerSpec { start: Start::New, ..ORDERS_EU }));
    w.round(3);
    w.push(Op::Drop("STATE"));
    w.push(Op::Create(StreamSpec { max_per_subject: 1, ..STATE }));
    w.push(Op::AddConsumer(PUSHED));
    w.push(Op::Restart);
    w.push(Op::Purge { stream: "BYTES", filter: "", seq: 0, keep: 0 });
    w.push(Op::Purge { stream: "WORK", filter: "", seq: 0, keep: 2 });
    w.push(Op::Purge { stream: "ORDERS", filter: "", seq: 5, keep: 0 });
    w.push(Op::Leap { stream: "STRICT", by: 10 });
    w.publish_each(&["strict.a", "strict.c"]);
    w.round(4);
    w.push(Op::DropConsumer { stream: "NEWS", name: "b" });
    w.publish_each(&["news.world", "news.local"]);
    w.push(Op::Pass { ms: 2_000 });
    w.push(Op::AddConsumer(ConsumerSpec { start: Start::Seq(3), ..READER_B }));
    w.round(5);
    w.push(Op::Update(StreamSpec { retention: "limits", ..NEWS }));
    w.push(Op::Publish(Send { rollup: "all", ..send("state.9", 12) }));
    w.push(Op::Drop("ORDERS"));
    w.push(Op::Create(ORDERS));
    w.push(Op::AddConsumer(ORDERS_ALL));
    w.push(Op::AddConsumer(ORDERS_EU));
    w.push(Op::Restart);
    w.round(6);
    w.push(Op::Idle);
    w.push(Op::Restart);
    w.round(7);
    w.ops
}

/// Every subject that is ever used.
pub(crate) const SUBJECTS: [&str; 24] = [
    "orders.eu.1",
    "orders.eu.2",
    "orders.eu.3",
    "orders.us.1",
    "orders.us.2",
    "orders.us.3",
    "work.a",
    "work.b",
    "work.c",
    "news.world",
    "news.local",
    "state.1",
    "state.2",
    "state.3",
    "state.9",
    "short.a",
    "short.b",
    "strict.a",
    "strict.b",
    "strict.c",
    "bytes.a",
    "bytes.b",
    "cache.a",
    "cache.b",
];

/// The subject as it stands here.
pub(crate) fn literal(subject: &str) -> &'static str {
    SUBJECTS.iter().find(|known| **known == subject).unwrap()
}
