//! What a client says for each operation.

use std::time::Duration;

use serde_json::{Value, json};
use tradewind_subject::matches;

use super::{Stop, World};
use crate::{
    oracle::{Expect, Msg},
    script::{AckKind, Expected, Kind, Op, Send},
};

impl World {
    pub(super) fn perform(&mut self, op: &Op) -> Result<(), Stop> {
        self.model.now = self.driver().now.nanos();
        match *op {
            Op::Create(spec) => {
                let ok = self.model.create(spec);
                self.call(spec.name, "STREAM.CREATE", &spec.json(), (ok, None));
            }
            Op::Update(spec) => {
                let ok = self.model.update(spec);
                self.call(spec.name, "STREAM.UPDATE", &spec.json(), (ok, None));
            }
            Op::Drop(name) => {
                let ok = self.model.drop_stream(name);
                self.call(name, "STREAM.DELETE", &Value::Null, (ok, None));
            }
            Op::Publish(send) => self.publish(&send),
            Op::Purge { stream, filter, seq, keep } => {
                let Some(state) = self.model.newest(stream) else { return Ok(()) };
                let bound = state.live.keys().nth(seq).copied().filter(|_| 0 < seq).unwrap_or(0);
                self.purge(stream, filter, (bound, keep));
            }
            Op::Leap { stream, by } => {
                let Some(state) = self.model.newest(stream) else { return Ok(()) };
                let bound = state.last + by;
                self.purge(stream, "", (bound, 0));
            }
            Op::Delete { stream, pick, erase } => {
                let Some(state) = self.model.newest(stream) else { return Ok(()) };
                let n_live = state.live.len().max(1);
                let seq = state.live.keys().nth(pick % n_live).copied().unwrap_or(1);
                if state.leaving.contains(&seq) {
                    return Ok(());
                }
                let ok = self.model.delete(stream, seq);
                let body = json!({ "seq": seq, "no_erase": !erase });
                self.call(stream, "STREAM.MSG.DELETE", &body, (ok, None));
            }
            Op::AddConsumer(spec) => {
                let ok = self.model.add_consumer(spec);
                let verb = if spec.kind == Kind::Durable { "DURABLE.CREATE" } else { "CREATE" };
                let verb = format!("CONSUMER.{verb}.{}.{}", spec.stream, spec.name);
                self.call_on(spec.stream, &verb, &spec.json(), (ok, None));
            }
            Op::DropConsumer { stream, name } => {
                let ok = self.model.drop_consumer(stream, name);
                let verb = format!("CONSUMER.DELETE.{stream}.{name}");
                self.call_on(stream, &verb, &Value::Null, (ok, None));
            }
            Op::Pull { stream, name, batch } => self.pull(stream, name, batch),
            Op::Ack { stream, name, pick, kind } => self.ack(stream, name, pick, kind),
            Op::Pass { ms } => self.driver().advance(Duration::from_millis(ms)),
            Op::Back { ms } => {
                self.model.set_back();
                self.driver().set_back(Duration::from_millis(ms));
            }
            Op::Idle => return self.idle(),
            Op::Restart => return self.restart(),
            Op::Group(_) => (),
        }
        Ok(())
    }

    pub(crate) fn reply(&mut self) -> String {
        self.n_replies += 1;
        format!("_R.{}", self.n_replies)
    }

    fn call(&mut self, stream: &'static str, verb: &str, body: &Value, said: (bool, Option<u64>)) {
        self.call_on(stream, &format!("{verb}.{stream}"), body, said);
    }

    fn call_on(
        &mut self,
        stream: &'static str,
        verb: &str,
        body: &Value,
        (ok, purged): (bool, Option<u64>),
    ) {
        let reply = self.reply();
        let op = self.model.op;
        self.model.expect(reply.clone(), Expect::Api { stream, op, ok, purged });
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        self.driver().send(&format!("$JS.API.{verb}"), &reply, b"", &body);
    }

    fn purge(&mut self, stream: &'static str, filter: &str, (seq, keep): (u64, u64)) {
        let purged = self.model.purge(stream, (filter, seq, keep));
        let mut body = json!({});
        if !filter.is_empty() {
            body["filter"] = json!(filter);
        }
        if 0 < seq {
            body["seq"] = json!(seq);
        }
        if 0 < keep {
            body["keep"] = json!(keep);
        }
        self.call(stream, "STREAM.PURGE", &body, (true, purged));
    }

    /// The stream that captures a subject.
    pub(crate) fn capturing(&self, subject: &str) -> Option<&'static str> {
        self.model.streams().find(|name| {
            self.model.newest(name).is_some_and(|state| {
                let mut filters = state.spec.subjects.iter();
                filters.any(|filter| matches(filter.as_bytes(), subject.as_bytes()))
            })
        })
    }

    pub(crate) fn publish(&mut self, send: &Send) {
        let Some(stream) = self.capturing(send.subject) else { return };
        let state = self.model.newest(stream).unwrap();
        let of_subject = state.live.iter().rfind(|(_, msg)| msg.subject == send.subject);
        let last_of_subject = of_subject.map_or(0, |(seq, _)| *seq);
        let op = self.model.op;
        let mut payload = format!("{op}:{}", "x".repeat(send.bytes));
        payload.truncate(send.bytes);
        let id = (send.id != 0).then(|| format!("id-{}", send.id));
        let mut msg = Msg {
            subject: send.subject.to_owned(),
            payload: payload.into_bytes(),
            rollup: send.rollup,
            ttl_s: send.ttl_s,
            id: id.filter(|id| !state.doubtful.contains(id)),
            ..Msg::default()
        };
        match send.expect {
            Expected::Nothing => (),
            Expected::Last => msg.expected_last = Some(state.last),
            Expected::Wrong => msg.expected_last = Some(state.last + 7),
            // Of what is leaving, it is not certain that it left.
            Expected::LastOfSubject if !state.leaving.is_empty() => (),
            Expected::LastOfSubject => msg.expected_of_subject = Some(last_of_subject),
        }
        msg.headers = headers_of(&msg, send.headers.then_some(op));
        let (headers, payload) = (msg.headers.clone(), msg.payload.clone());
        let seq = self.model.publish(stream, msg);
        let mut reply = String::new();
        if !send.quiet || self.model.is_full {
            reply = self.reply();
            self.model.expect(reply.clone(), Expect::Publish { stream, op, seq });
        }
        self.driver().send(send.subject, &reply, &headers, &payload);
    }

    pub(crate) fn pull(&mut self, stream: &str, name: &str, batch: u32) {
        self.n_replies += 1;
        let reply = format!("_P.{}", self.n_replies);
        let body = json!({ "batch": batch, "no_wait": true });
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
        let exists = self.model.consumer(stream, name).is_some();
        if exists {
            self.driver().send(&subject, &reply, b"", &serde_json::to_vec(&body).unwrap());
        }
    }

    fn ack(&mut self, stream: &'static str, name: &str, pick: usize, kind: AckKind) {
        let Some(id) = self.model.consumer(stream, name) else { return };
        let waiting = self.model.waiting(id);
        let n_waiting = waiting.len().max(1);
        let Some((&seq, to)) = waiting.iter().nth(pick % n_waiting) else { return };
        let to = to.clone();
        let (body, confirmed): (&[u8], bool) = match kind {
            AckKind::Plain => (b"+ACK", false),
            AckKind::Confirmed => (b"", true),
            AckKind::Nak => (b"-NAK", false),
            AckKind::NakLater => (b"-NAK {\"delay\": 1000000000}", false),
            AckKind::Term => (b"+TERM", false),
            AckKind::TermConfirmed => (b"+TERM no use", true),
            AckKind::Progress => (b"+WPI", false),
        };
        let mut reply = String::new();
        if !matches!(kind, AckKind::Nak | AckKind::NakLater | AckKind::Progress) {
            let covered = self.model.consumers[id].covered(seq);
            if confirmed {
                reply = self.reply();
                let op = self.model.op;
                let seqs = covered.clone();
                self.model.expect(reply.clone(), Expect::Ack { stream, op, consumer: id, seqs });
            }
            self.model.acked(id, &covered, confirmed);
        }
        self.driver().send(&to, &reply, b"", body);
    }
}

fn headers_of(msg: &Msg, mark: Option<u64>) -> Vec<u8> {
    let of_subject = "Nats-Expected-Last-Subject-Sequence";
    let lines: String = [
        ("X-Mark", mark.map(|mark| format!("m{mark}"))),
        ("Nats-Msg-Id", msg.id.clone()),
        ("Nats-Rollup", Some(msg.rollup.to_owned()).filter(|value| !value.is_empty())),
        ("Nats-TTL", (0 < msg.ttl_s).then(|| format!("{}s", msg.ttl_s))),
        ("Nats-Expected-Last-Sequence", msg.expected_last.map(|seq| seq.to_string())),
        (of_subject, msg.expected_of_subject.map(|seq| seq.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some([name, ": ", &value?, "\r\n"].concat()))
    .collect();
    if lines.is_empty() { Vec::new() } else { format!("NATS/1.0\r\n{lines}\r\n").into_bytes() }
}
