//! A stream of one consumer, without a server.

use std::time::Duration;

use tradewind_subject::{Timestamp, int::u64_from};

use crate::{
    api::config::{AckPolicy, ConsumerConfig},
    consumer::{AckSubject, Action, Advisory, Consumer, ConsumerState, Delivery, SeqPair, Setup},
    stream::index::{Index, Position, Stored},
};

pub(super) fn secs(seconds: i64) -> i64 {
    seconds * 1_000_000_000
}

pub(super) fn explicit() -> ConsumerConfig {
    ConsumerConfig { ack_policy: AckPolicy::Explicit, ack_wait: secs(30), ..Default::default() }
}

pub(super) fn setup(config: ConsumerConfig) -> Setup {
    let (stream, name) = ("S".to_owned(), "C".to_owned());
    Setup { stream, name, config, payload_max: 1000, logged: true, seed: 7 }
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) index: Index,
    pub(super) consumer: Consumer,
    /// Durable up to here.
    pub(super) visible: u64,
    /// What was sent and asked, one line each.
    pub(super) log: Vec<String>,
    pub(super) sent: Vec<Delivery>,
}

impl World {
    /// A consumer of a stream with `messages` messages, of subjects `a`, `b`, `c` in turn, one a
    /// second.
    pub(super) fn new(messages: u64, config: ConsumerConfig) -> World {
        let mut index = Index::new();
        for seq in 1..=messages {
            append(&mut index, seq, subject(seq), secs(i64::try_from(seq).unwrap()));
        }
        let now = Timestamp(secs(1000));
        let consumer = Consumer::new(now, setup(config), &index);
        let (log, sent) = (Vec::new(), Vec::new());
        World { now, index, consumer, visible: messages, log, sent }
    }

    pub(super) fn append(&mut self, subject: &str) -> u64 {
        let seq = self.index.last_seq() + 1;
        append(&mut self.index, seq, subject, self.now.nanos());
        let wanted = self.consumer.filter().matches(subject.as_bytes());
        let pump = wanted && self.consumer.on_appended(seq);
        self.visible = seq;
        if pump {
            self.pump();
        }
        seq
    }

    pub(super) fn remove(&mut self, seq: u64) {
        let Some(removed) = self.index.remove(seq) else { return };
        let subject = self.index.subject(removed.entry.subject).to_vec();
        if self.consumer.filter().matches(&subject) {
            self.act(|world, out| world.consumer.on_removed(world.now, seq, out));
        }
    }

    pub(super) fn pull(&mut self, body: &str) -> &mut World {
        self.pull_to("r", body)
    }

    pub(super) fn pull_to(&mut self, reply: &str, body: &str) -> &mut World {
        let (reply, body) = (reply.as_bytes(), body.as_bytes());
        self.act(|world, out| world.consumer.on_pull(world.now, reply, body, out));
        self
    }

    /// Acknowledges the `nth` delivery, from 1.
    pub(super) fn ack(&mut self, nth: usize, body: &str) -> &mut World {
        let subject = String::from_utf8(self.sent[nth - 1].ack_reply.clone()).unwrap();
        self.ack_subject(&subject, body)
    }

    pub(super) fn ack_subject(&mut self, subject: &str, body: &str) -> &mut World {
        let ack = AckSubject::parse(subject.as_bytes()).and_then(|subject| subject.ack).unwrap();
        self.act(|world, out| {
            world.consumer.on_ack(world.now, ack, body.as_bytes(), Some(b"ok"), out);
        });
        self
    }

    pub(super) fn wait(&mut self, nanos: i64) -> &mut World {
        let end = Timestamp(self.now.nanos() + nanos);
        while let Some(at) = self.consumer.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.act(|world, out| world.consumer.on_time(world.now, out));
        }
        self.now = end;
        self
    }

    pub(super) fn act(&mut self, f: impl FnOnce(&mut World, &mut Vec<Action>)) {
        let mut out = Vec::new();
        f(self, &mut out);
        let pump = out.contains(&Action::Kick);
        self.note(out);
        if pump {
            self.pump();
        }
    }

    pub(super) fn pump(&mut self) {
        let mut out = Vec::new();
        loop {
            let next = self.consumer.peek(self.now, &self.index, self.visible, &mut out);
            self.note(std::mem::take(&mut out));
            let Some(candidate) = next else { return };
            // Subjects and payloads of one byte.
            let delivery = self.consumer.deliver(self.now, &candidate, 2, &mut out);
            if let Some(delivery) = delivery {
                self.log.push(line(&delivery));
                self.sent.push(delivery);
            }
            self.note(std::mem::take(&mut out));
        }
    }

    /// What happened since the last call.
    pub(super) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    #[track_caller]
    pub(super) fn expect(&mut self, expected: &[&str]) -> &mut World {
        assert_eq!(self.take_log(), expected);
        self
    }

    pub(super) fn info(&self) -> ConsumerState {
        self.consumer.info(self.now)
    }

    /// Delivered, floor, ack pending, redelivered, pending.
    pub(super) fn counts(&self) -> String {
        let info = self.info();
        let pair = |pair: SeqPair| format!("{}/{}", pair.consumer, pair.stream);
        format!(
            "D{} F{} ack {} again {} pending {}",
            pair(info.delivered),
            pair(info.ack_floor),
            info.num_ack_pending,
            info.num_redelivered,
            info.num_pending
        )
    }

    fn note(&mut self, actions: Vec<Action>) {
        for action in actions {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let line = match action {
                Action::Status { to, headers } => {
                    let headers = text(&headers);
                    let headers = headers.strip_prefix("NATS/1.0 ").unwrap();
                    let headers = headers.strip_suffix("\r\n\r\n").unwrap();
                    format!("{}: {}", text(&to), headers.replace("\r\n", ", "))
                }
                Action::FlowControl { to, reply, .. } => {
                    format!("{}: flow control {}", text(&to), text(&reply))
                }
                Action::AckReply { to } => format!("{}: confirmed", text(&to)),
                Action::Acked { seq } => format!("acked {seq}"),
                Action::Advisory(Advisory::AckMetric { seq, deliveries, ack_time }) => {
                    format!("metric {} {deliveries} {ack_time}", seq.stream)
                }
                Action::Advisory(Advisory::MaxDeliver { stream_seq, deliveries }) => {
                    format!("max deliver {stream_seq} {deliveries}")
                }
                Action::Advisory(Advisory::Nak { seq, deliveries }) => {
                    format!("nak {} {} {deliveries}", seq.consumer, seq.stream)
                }
                Action::Advisory(Advisory::Terminated { seq, deliveries, reason }) => {
                    format!("term {} {} {deliveries} {reason}", seq.consumer, seq.stream)
                }
                Action::Resumed => "resumed".to_owned(),
                Action::Inactive => "inactive".to_owned(),
                Action::Kick => continue,
            };
            self.log.push(line);
        }
    }
}

/// Where it went, and the tokens of the reply subject that don't depend on time.
fn line(delivery: &Delivery) -> String {
    let subject = String::from_utf8(delivery.ack_reply.clone()).unwrap();
    let tokens: Vec<&str> = subject.split('.').collect();
    let to = String::from_utf8(delivery.to.to_vec()).unwrap();
    format!("{to}: {} {} {} {}", tokens[4], tokens[5], tokens[6], tokens[8])
}

pub(super) fn subject(seq: u64) -> &'static str {
    ["c", "a", "b"][tradewind_subject::int::usize_from(seq % 3)]
}

pub(super) fn append(index: &mut Index, seq: u64, subject: &str, ts: i64) {
    let size = u32::try_from(u64_from(subject.len())).unwrap();
    let position = Position::unpack(0);
    index.append(seq, subject.as_bytes(), Stored { ts: Timestamp(ts), position, len: 1, size });
}

pub(super) fn millis(millis: u64) -> i64 {
    i64::try_from(Duration::from_millis(millis).as_nanos()).unwrap()
}
