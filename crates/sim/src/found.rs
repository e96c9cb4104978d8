//! What a server shows of itself right after it was opened.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tradewind_jetstream::api::time::format_time;
use tradewind_subject::Timestamp;

use crate::{
    driver::{Driver, Mail},
    oracle::{Acked, ConsumerModel, Model, Msg, StreamState},
    script::Start,
};

/// All streams with all that is in them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) streams: BTreeMap<String, FoundStream>,
}

/// A stream: its info, its messages as direct get shows them, the infos of its consumers.
#[derive(Debug, PartialEq)]
pub(crate) struct FoundStream {
    info: Value,
    messages: BTreeMap<u64, (Vec<u8>, Vec<u8>)>,
    pub(crate) consumers: BTreeMap<String, Value>,
}

/// How an answer begins that says that a message can't be read.
const DAMAGED: &[u8] = b"NATS/1.0 500";

/// The answer to a question; none if the disk does not let it out.
fn ask(driver: &mut Driver, subject: &str, body: &Value) -> Option<Mail> {
    let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
    driver.send(subject, "_ASK", b"", &body);
    let mut mails = driver.take_mail();
    if mails.is_empty() {
        driver.flush();
        mails = driver.take_mail();
    }
    assert!(mails.len() < 2, "{subject} is answered more than once");
    mails.pop()
}

fn ask_json(driver: &mut Driver, subject: &str, body: &Value) -> Option<Value> {
    let mail = ask(driver, subject, body)?;
    let answer: Value = serde_json::from_slice(&mail.payload).unwrap();
    answer.get("error").is_none().then_some(answer)
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

impl Found {
    /// Asks for everything; none if some question is not answered.
    pub(crate) fn look(driver: &mut Driver) -> Option<Found> {
        let names = ask_json(driver, "$JS.API.STREAM.NAMES", &Value::Null)?;
        let names = names["streams"].as_array().cloned().unwrap_or_default();
        let mut streams = BTreeMap::new();
        for name in names.iter().filter_map(Value::as_str) {
            streams.insert(name.to_owned(), FoundStream::look(driver, name)?);
        }
        Some(Found { streams })
    }

    /// What must be the same after a clean restart.
    pub(crate) fn lasting(mut self) -> Found {
        self.streams.retain(|_, stream| stream.info["config"]["storage"] != "memory");
        for stream in self.streams.values_mut() {
            let volatile = json!(true);
            stream.consumers.retain(|_, info| info["config"]["mem_storage"] != volatile);
            stream.info["state"]["consumer_count"] = json!(stream.consumers.len());
            stream.info["ts"] = Value::Null;
            // Not kept for a message that nobody wanted.
            stream.info["state"]["last_ts"] = Value::Null;
            for consumer in stream.consumers.values_mut() {
                let fields = consumer.as_object_mut().unwrap();
                for gone in ["ts", "num_waiting", "push_bound"] {
                    fields.remove(gone);
                }
                for place in ["delivered", "ack_floor"] {
                    consumer[place].as_object_mut().unwrap().remove("last_active");
                }
            }
        }
        self
    }

    /// Whether a message can't be read, and somebody says so.
    pub(crate) fn has_damage(&self) -> bool {
        let mut messages = self.streams.values().flat_map(|stream| stream.messages.values());
        messages.any(|(headers, _)| headers.starts_with(DAMAGED))
    }

    pub(crate) fn n_messages(&self) -> u64 {
        let counts = self.streams.values().map(|stream| stream.messages.len());
        u64::try_from(counts.sum::<usize>()).unwrap()
    }
}

impl FoundStream {
    fn look(driver: &mut Driver, name: &str) -> Option<FoundStream> {
        let body = json!({ "deleted_details": true, "subjects_filter": ">" });
        let info = ask_json(driver, &format!("$JS.API.STREAM.INFO.{name}"), &body)?;
        let (first, last) = (number(&info, "/state/first_seq"), number(&info, "/state/last_seq"));
        let mut messages = BTreeMap::new();
        for seq in first.max(1)..=last {
            let subject = format!("$JS.API.DIRECT.GET.{name}");
            let mail = ask(driver, &subject, &json!({ "seq": seq }))?;
            if !mail.headers.starts_with(b"NATS/1.0 404") {
                messages.insert(seq, (mail.headers, mail.payload));
            }
        }
        let listed = ask_json(driver, &format!("$JS.API.CONSUMER.LIST.{name}"), &Value::Null)?;
        let mut consumers = BTreeMap::new();
        for info in listed["consumers"].as_array().into_iter().flatten() {
            consumers.insert(info["name"].as_str()?.to_owned(), info.clone());
        }
        Some(FoundStream { info, messages, consumers })
    }

    /// The state with what was found of it, if it can be this one.
    pub(crate) fn as_state(&self, state: &StreamState) -> Result<StreamState, String> {
        let spec = state.spec.json();
        for (key, value) in spec.as_object().unwrap() {
            let found = &self.info["config"][key];
            let absent = found.is_null() && (value == &json!(0) || value == &json!(false));
            if found != value && !absent {
                return Err(format!("{key} is {found}, not {value}"));
            }
        }
        if let Some(seq) = self.messages.keys().find(|seq| !state.live.contains_key(seq)) {
            return Err(format!("message {seq} should not be there"));
        }
        let lost = |seq: &&u64| !self.messages.contains_key(seq) && !state.leaving.contains(seq);
        if let Some(seq) = state.live.keys().find(lost) {
            return Err(format!("message {seq} is lost"));
        }
        let mut state = state.clone();
        state.leaving.clear();
        state.live.retain(|seq, _| self.messages.contains_key(seq));
        for (seq, msg) in &state.live {
            let (headers, payload) = &self.messages[seq];
            if headers.starts_with(DAMAGED) {
                continue;
            }
            if *payload != msg.payload || *headers != shown_headers(state.spec.name, *seq, msg) {
                let headers = String::from_utf8_lossy(headers);
                return Err(format!("message {seq} has other bytes: {headers:?}, not {msg:?}"));
            }
        }
        let names: Vec<_> = self.consumers.keys().collect();
        if !names.iter().copied().eq(state.consumers.keys()) {
            return Err(format!("consumers are {names:?}"));
        }
        self.recount(&state)?;
        Ok(state)
    }

    /// Whether its consumers are those of a state, and not others of their names.
    pub(crate) fn has_consumers_of(
        &self,
        model: &Model,
        state: &StreamState,
    ) -> Result<(), String> {
        for (name, id) in &state.consumers {
            let ConsumerModel { spec, created, .. } = &model.consumers[*id];
            let Some(info) = self.consumers.get(*name) else { continue };
            let start = match spec.start {
                Start::Seq(seq) => seq,
                Start::All | Start::New => 0,
            };
            let same = info["created"] == json!(format_time(Some(Timestamp(*created))))
                && number(info, "/config/opt_start_seq") == start;
            if !same {
                return Err(format!("{name} is another consumer of that name"));
            }
        }
        Ok(())
    }

    fn recount(&self, state: &StreamState) -> Result<(), String> {
        let count = |n: usize| u64::try_from(n).unwrap();
        let first = state.live.keys().next().copied();
        let n_messages = count(state.live.len());
        let mut subjects: BTreeMap<&str, u64> = BTreeMap::new();
        state.live.values().for_each(|msg| *subjects.entry(&msg.subject).or_default() += 1);
        let gaps = first.map_or(0, |first| state.last + 1 - first - n_messages);
        let first = first.unwrap_or(if state.last == 0 { 0 } else { state.last + 1 });
        for (field, expected) in [
            ("messages", n_messages),
            ("bytes", state.bytes()),
            ("first_seq", first),
            ("last_seq", state.last),
            ("num_subjects", count(subjects.len())),
            ("num_deleted", gaps),
            ("consumer_count", count(state.consumers.len())),
        ] {
            let found = number(&self.info, &format!("/state/{field}"));
            if found != expected {
                return Err(format!("{field} is {found}, not {expected}"));
            }
        }
        let listed = self.info["state"]["subjects"].as_object().cloned().unwrap_or_default();
        let listed: BTreeMap<&str, u64> =
            listed.iter().map(|(name, n)| (name.as_str(), n.as_u64().unwrap())).collect();
        if listed != subjects {
            return Err(format!("subjects are {listed:?}, not {subjects:?}"));
        }
        Ok(())
    }

    /// What consumers say of themselves fits what is in the stream.
    pub(crate) fn check_consumers(&self, model: &Model, state: &StreamState) -> Result<(), String> {
        for (name, id) in &state.consumers {
            let info = &self.consumers[*name];
            check_consumer(info, model, state, *id).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(())
    }
}

fn check_consumer(
    info: &Value,
    model: &Model,
    state: &StreamState,
    id: usize,
) -> Result<(), String> {
    let consumer = &model.consumers[id];
    let delivered = number(info, "/delivered/stream_seq");
    let floor = number(info, "/ack_floor/stream_seq");
    // It may start behind the end.
    if state.last.max(consumer.start - 1) < delivered || delivered < floor {
        return Err(format!("ack floor {floor}, delivered {delivered}, last {}", state.last));
    }
    let mut wanted = state
        .live
        .iter()
        .filter(|(seq, msg)| consumer.start <= **seq && consumer.wants(&msg.subject));
    let n_pending = u64::try_from(wanted.clone().filter(|(seq, _)| delivered < **seq).count());
    if number(info, "/num_pending") != n_pending.unwrap() {
        return Err(format!("num_pending: {info}"));
    }
    let unacked = |(seq, _): &(&u64, _)| {
        **seq <= floor && !consumer.was_told(**seq) && !consumer.is_exhausted(**seq)
    };
    if let Some((seq, _)) = wanted.find(unacked) {
        return Err(format!("ack floor {floor}, but {seq} was never acknowledged"));
    }
    let (mut surely, mut at_most) = (0, 0);
    for (seq, msg) in state.live.range(..=delivered) {
        let needs = consumer.needs(*seq, msg);
        surely += u64::from(needs == Acked::Not && !consumer.is_exhausted(*seq));
        at_most += u64::from(needs != Acked::Surely || !consumer.is_promised(*seq));
    }
    let n_ack_pending = number(info, "/num_ack_pending");
    if n_ack_pending < surely || at_most < n_ack_pending {
        return Err(format!("num_ack_pending not in {surely}..={at_most}: {info}"));
    }
    Ok(())
}

/// What direct get shows: the headers and where the message is.
fn shown_headers(stream: &str, seq: u64, msg: &Msg) -> Vec<u8> {
    let own = msg.headers.strip_suffix(b"\r\n").unwrap_or(b"NATS/1.0\r\n");
    let subject = &msg.subject;
    let time = format_time(Some(Timestamp(msg.ts)));
    let more = format!(
        "Nats-Stream: {stream}\r\nNats-Subject: {subject}\r\nNats-Sequence: {seq}\r\n\
         Nats-Time-Stamp: {time}\r\n\r\n"
    );
    [own, more.as_bytes()].concat()
}
