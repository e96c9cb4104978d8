//! A shard that is driven by hand.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value;

use tradewind_jetstream::api::validate::ServerLimits;
use tradewind_jetstream::shard::{Event, Inbound, Outgoing, Shard, ShardOptions, SyncLevel};
use tradewind_proto::Publish;
use tradewind_store::{LogOptions, MemDisk, StreamId};
use tradewind_subject::Timestamp;

const T0: Timestamp = Timestamp(1_000_000_000_000);

/// A shard, its disk and its time.
pub(crate) struct Host {
    disk: Arc<MemDisk>,
    shard: Shard,
    stream: Option<StreamId>,
    /// By subject.
    streams: BTreeMap<String, StreamId>,
    now: Timestamp,
}

/// What is left of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) messages: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) deleted: Vec<u64>,
}

fn open(disk: &Arc<MemDisk>, now: Timestamp) -> Shard {
    let disk: Arc<MemDisk> = Arc::clone(disk);
    let log = LogOptions {
        segment_bytes: [2048, 4096, 4096, 8192],
        tail_bytes: 2048,
        reserve_bytes: 0,
        log_bytes: 6000..=20_000,
        ..LogOptions::new([7; 16])
    };
    let options = ShardOptions {
        limits: ServerLimits::default(),
        strict: true,
        server_name: "test".to_owned(),
        max_payload: 1 << 20,
        sync: SyncLevel::Always,
        seed: 1,
    };
    Shard::open(now, disk, log, options, Box::new(|_| false)).unwrap().0
}

impl Host {
    /// A shard on an empty disk.
    pub(crate) fn new() -> Host {
        Host::on(MemDisk::new())
    }

    /// A shard on a disk that may have a store.
    pub(crate) fn on(disk: MemDisk) -> Host {
        let disk = Arc::new(disk);
        let shard = open(&disk, T0);
        let mut host = Host { disk, shard, stream: None, streams: BTreeMap::new(), now: T0 };
        host.settle();
        host
    }

    /// Its disk, after a clean stop.
    pub(crate) fn stop(mut self) -> Arc<MemDisk> {
        self.shard.close(self.now);
        self.settle();
        while self.shard.mark_idle() {
            self.settle();
        }
        let job = self.shard.next_witness().expect("the manifest is older");
        self.shard.done(self.now, job.run());
        self.disk
    }

    /// Everything the server says of its streams, and every message, as one text.
    pub(crate) fn everything(&mut self) -> String {
        let names = self.api("STREAM.NAMES", "");
        let mut text = String::new();
        for name in names["streams"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut info = self.api(&format!("STREAM.INFO.{name}"), r#"{"deleted_details":true}"#);
            info.as_object_mut().unwrap().remove("ts");
            let last = info["state"]["last_seq"].as_u64().unwrap();
            writeln!(text, "{info:#}").unwrap();
            for seq in 1..=last {
                let call = format!("STREAM.MSG.GET.{name}");
                let message = self.api(&call, &format!(r#"{{"seq":{seq}}}"#));
                writeln!(text, "{seq} {}", message["message"]).unwrap();
            }
            let mut consumers = self.api(&format!("CONSUMER.LIST.{name}"), "");
            for consumer in consumers["consumers"].as_array_mut().into_iter().flatten() {
                consumer.as_object_mut().unwrap().remove("ts");
                writeln!(text, "{consumer:#}").unwrap();
            }
        }
        text
    }

    /// Seconds since the start.
    pub(crate) fn at(&mut self, seconds: i64) -> &mut Host {
        self.now = Timestamp(T0.nanos() + seconds * 1_000_000_000);
        self.shard.on_time(self.now);
        self.settle();
        self
    }

    /// The shard ends in the middle of its work, and its store is opened again.
    pub(crate) fn kill(&mut self) {
        self.shard = open(&Arc::new(MemDisk::new()), self.now);
        self.shard = open(&self.disk, self.now);
        self.settle();
    }

    /// As [`Host::restart`], with the clock at `seconds` then.
    pub(crate) fn restart_at(&mut self, seconds: i64) {
        self.shard.close(self.now);
        self.settle();
        self.now = Timestamp(T0.nanos() + seconds * 1_000_000_000);
        self.kill();
    }

    /// Ends the shard and opens its store again.
    pub(crate) fn restart(&mut self) {
        self.shard.close(self.now);
        self.settle();
        // Another takes its place, so that the lock is free.
        self.shard = open(&Arc::new(MemDisk::new()), self.now);
        self.shard = open(&self.disk, self.now);
        self.settle();
    }

    /// The answer to a call of the API.
    pub(crate) fn api(&mut self, call: &str, body: &str) -> Value {
        let subject = format!("$JS.API.{call}");
        let publish = Publish {
            subject: subject.as_bytes(),
            reply: b"reply",
            headers: b"",
            payload: body.as_bytes(),
        };
        self.shard.handle(self.now, Inbound::Control { publish, no_responders: false });
        self.settle().pop().expect("the API answers")
    }

    /// The acknowledgement of a message for the stream.
    pub(crate) fn publish(&mut self, subject: &str, headers: &[&str]) -> Value {
        let mut block = Vec::new();
        if !headers.is_empty() {
            block = format!("NATS/1.0\r\n{}\r\n\r\n", headers.join("\r\n")).into_bytes();
        }
        let publish = Publish {
            subject: subject.as_bytes(),
            reply: b"reply",
            headers: &block,
            payload: b"some payload, so that a segment gets full",
        };
        let stream = self.stream.expect("there is a stream");
        self.shard.handle(self.now, Inbound::Capture { stream, publish });
        self.settle().pop().expect("a message is acknowledged")
    }

    /// The acknowledgement of a message for the stream that captures exactly its subject, or begins
    /// to.
    pub(crate) fn publish_to(&mut self, subject: &str, headers: &[&str]) -> Value {
        let filters = self.streams.iter();
        let found = filters
            .into_iter()
            .find(|(filter, _)| tradewind_subject::matches(filter.as_bytes(), subject.as_bytes()));
        self.stream = Some(*found.expect("a stream captures it").1);
        self.publish(subject, headers)
    }

    /// What is said of a message for the stream before anything is committed.
    pub(crate) fn publish_uncommitted(&mut self, subject: &str, payload: &[u8]) -> Vec<Value> {
        let publish =
            Publish { subject: subject.as_bytes(), reply: b"reply", headers: b"", payload };
        let stream = self.streams[subject];
        self.shard.handle(self.now, Inbound::Capture { stream, publish });
        self.answers()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn shard(&mut self) -> &mut Shard {
        &mut self.shard
    }

    /// What is left of the stream `name`.
    pub(crate) fn state(&mut self, name: &str) -> State {
        let info = self.api(&format!("STREAM.INFO.{name}"), r#"{"deleted_details":true}"#);
        let state = &info["state"];
        let number = |field: &str| state[field].as_u64().unwrap();
        let deleted = state["deleted"].as_array().into_iter().flatten();
        State {
            messages: number("messages"),
            first_seq: number("first_seq"),
            last_seq: number("last_seq"),
            deleted: deleted.filter_map(Value::as_u64).collect(),
        }
    }

    /// Does all that is left to do; returns what was answered.
    fn settle(&mut self) -> Vec<Value> {
        while self.shard.turn(self.now) {}
        while let Some(job) = self.shard.next_sync().or_else(|| self.shard.next_chore(self.now)) {
            self.shard.done(self.now, job.run());
            while self.shard.turn(self.now) {}
        }
        self.answers()
    }

    /// What was answered so far.
    pub(crate) fn answers(&mut self) -> Vec<Value> {
        while self.shard.turn(self.now) {}
        for event in self.shard.take_events() {
            if let Event::Captures { stream, subjects } = event {
                self.stream = Some(stream);
                self.streams.extend(subjects.into_iter().map(|subject| (subject, stream)));
            }
        }
        let mut out = Outgoing::default();
        self.shard.take_outgoing(&mut out);
        let answers = out.iter().filter(|message| message.route == b"reply");
        answers.map(|message| serde_json::from_slice(message.publish.payload).unwrap()).collect()
    }
}
