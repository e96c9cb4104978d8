//! A client that does a bit of everything on one connection, and tells the ledger.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use super::ledger::{Ledger, Removal};
use super::question::{Heard, INBOX, Question};
use super::{ValueId, encode};
use crate::conn::{Conn, PATIENCE, is_timeout};
use crate::num;
use crate::peer::Server;
use crate::rng::Rng;
use crate::wire;

/// The durable consumer of the stream.
pub(crate) const CONSUMER: &str = "worker";
const FETCH_BATCH: u64 = 64;
/// A purge leaves so many messages, so that a reading stays short.
const PURGED_TO: usize = 150;

/// How much of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    /// Requests in flight.
    pub(crate) window: usize,
    /// Publishes of this session.
    pub(crate) publishes: u64,
    /// Whether messages are deleted and purged.
    pub(crate) removals: bool,
    /// What the consumer may fetch, and then acks.
    pub(crate) fetches: u64,
    /// Appended to each value, to fill a disk sooner.
    pub(crate) padding: usize,
    /// A refusal ends the session.
    pub(crate) stop_if_refused: bool,
}

impl Mix {
    /// Everything, until stopped.
    pub(crate) fn full() -> Mix {
        Mix {
            window: 64,
            publishes: u64::MAX,
            removals: true,
            fetches: u64::MAX,
            padding: 0,
            stop_if_refused: false,
        }
    }

    /// Nothing new.
    pub(crate) fn consume_only() -> Mix {
        Mix { publishes: 0, removals: false, ..Mix::full() }
    }

    /// Three times what a disk of `mib` MiB can hold, or until it is refused.
    pub(crate) fn overfill(mib: u64, padding: usize) -> Mix {
        let publishes = 3 * (mib << 20) / super::steps::bytes_of(1, padding);
        let removals = false;
        Mix { publishes, padding, removals, fetches: 0, stop_if_refused: true, ..Mix::full() }
    }
}

/// What the breaker of things tells the client.
#[derive(Debug)]
pub(crate) struct Moments {
    /// Nothing more is to be sent; what is in flight is waited for.
    pub(crate) stop: AtomicBool,
    /// From here on answers don't count ...
    pub(crate) cut_begun: AtomicBool,
    /// ... unless their question was sent after this.
    pub(crate) cut_done: AtomicBool,
    ends: Option<Instant>,
}

impl Moments {
    /// Until `stop`, or the end of the connection.
    pub(crate) fn open() -> Moments {
        Moments {
            stop: AtomicBool::new(false),
            cut_begun: AtomicBool::new(false),
            cut_done: AtomicBool::new(false),
            ends: None,
        }
    }

    /// For so long, then what is in flight is waited for.
    pub(crate) fn for_time(time: Duration) -> Moments {
        Moments { ends: Some(Instant::now() + time), ..Moments::open() }
    }

    fn over(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.ends.is_some_and(|ends| Instant::now() >= ends)
    }
}

/// Who works on what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client<'a> {
    pub(crate) server: &'a Server,
    pub(crate) stream: &'a str,
    pub(crate) mix: &'a Mix,
}

impl Client<'_> {
    /// Works while `breaker` does its part, which is to end with the server gone or `stop` set.
    pub(crate) fn work_beside(
        &self,
        ledger: &mut Ledger,
        moments: &Moments,
        breaker: impl FnOnce() -> Result<()>,
    ) -> Result<Ended> {
        let conn = self.server.connect()?;
        thread::scope(|scope| {
            let worker = scope.spawn(|| run(conn, self.stream, self.mix, ledger, moments));
            let broken = breaker();
            if broken.is_err() {
                moments.stop.store(true, Ordering::SeqCst);
            }
            let ended = worker.join().map_err(|_| anyhow!("the client panicked"))?;
            broken.and(ended)
        })
    }

    /// Works on its own.
    pub(crate) fn work(&self, ledger: &mut Ledger, moments: &Moments) -> Result<Ended> {
        run(self.server.connect()?, self.stream, self.mix, ledger, moments)
    }
}

/// Works until told to stop, or until the connection is gone, which is no error.
///
/// # Errors
///
/// The server is there and silent, or says what no server says.
fn run(
    conn: Conn,
    stream: &str,
    mix: &Mix,
    ledger: &mut Ledger,
    moments: &Moments,
) -> Result<Ended> {
    let rng = Rng::new(ledger.seed, ledger.figures.attempted ^ (1 << 60));
    let mut session = Session {
        conn,
        stream,
        mix,
        ledger,
        moments,
        rng,
        questions: BTreeMap::new(),
        published: 0,
        fetched: 0,
        fetching: 0,
        refusal: None,
    };
    session.work()
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All was sent and answered.
    Done,
    /// The connection was lost.
    Cut,
    /// Asked to, it stopped at this refusal.
    Refused(String),
}

struct Session<'a> {
    conn: Conn,
    stream: &'a str,
    mix: &'a Mix,
    ledger: &'a mut Ledger,
    moments: &'a Moments,
    rng: Rng,
    /// Each with whether it was sent after the cut.
    questions: BTreeMap<Question, bool>,
    published: u64,
    fetched: u64,
    /// Messages a fetch may still bring.
    fetching: u64,
    refusal: Option<String>,
}

impl Session<'_> {
    fn work(&mut self) -> Result<Ended> {
        if self.conn.send(format!("SUB {INBOX}* 1\r\n").as_bytes()).is_err() {
            return Ok(Ended::Cut);
        }
        self.conn.stream().set_read_timeout(Some(Duration::from_millis(2)))?;
        let mut heard_at = Instant::now();
        loop {
            let refused = self.mix.stop_if_refused && self.refusal.is_some();
            let sending = !refused && !self.moments.over();
            if sending {
                let frames = self.next_frames();
                // What came before the end is still to be read.
                let _ = self.conn.send(&frames);
            }
            let all_sent =
                !sending || (self.mix.publishes > 0 && self.published >= self.mix.publishes);
            if all_sent && self.questions.is_empty() {
                return Ok(self.refusal.take().map_or(Ended::Done, Ended::Refused));
            }
            match self.hear() {
                Ok(0) => (),
                Ok(_) => heard_at = Instant::now(),
                Err(error) if is_timeout(&error) => (),
                Err(error) if is_gone(&error) => return Ok(Ended::Cut),
                Err(error) => return Err(error),
            }
            let due = !self.questions.is_empty() && heard_at.elapsed() > PATIENCE;
            ensure!(!due, "no answer to {:?}", self.questions.keys().next());
        }
    }

    fn next_frames(&mut self) -> Vec<u8> {
        const BURST: usize = 16;
        let mut frames = Vec::new();
        let room = self.mix.window.saturating_sub(self.questions.len()).min(BURST);
        for _ in 0..room {
            if self.published >= self.mix.publishes {
                break;
            }
            match self.rng.between(0, 99) {
                0..=3 => self.retry(&mut frames),
                4..=7 if self.mix.removals => self.delete(&mut frames),
                8 if self.mix.removals => self.purge(&mut frames),
                _ => self.publish(&mut frames),
            }
        }
        let batch = FETCH_BATCH.min(self.mix.fetches - self.fetched);
        if self.fetching == 0 && batch > 0 {
            self.fetching = batch;
            let body = format!("{{\"batch\":{batch},\"expires\":200000000}}");
            let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{CONSUMER}", self.stream);
            let reply = format!("{INBOX}fetch");
            frames.extend_from_slice(&wire::publish(&subject, Some(&reply), body.as_bytes()));
        }
        frames
    }

    fn ask(&mut self, question: Question) -> String {
        let after = self.moments.cut_done.load(Ordering::SeqCst);
        self.questions.insert(question, after);
        format!("{INBOX}{}", question.token())
    }

    fn publish(&mut self, frames: &mut Vec<u8>) {
        let id = self.ledger.sending();
        self.published += 1;
        let reply = self.ask(Question::Publish(id.counter));
        self.put(id, &reply, frames);
    }

    fn put(&self, id: ValueId, reply: &str, frames: &mut Vec<u8>) {
        let value = encode(self.ledger.seed, id, self.mix.padding);
        let subject = format!("{}.{}", self.stream.to_lowercase(), id.counter % 7);
        let headers = format!("NATS/1.0\r\nNats-Msg-Id: {}\r\n\r\n", id.counter);
        frames.extend_from_slice(&wire::publish_with(&subject, reply, &headers, &value));
    }

    /// One of the newest messages again: removals stay away from them.
    fn retry(&mut self, frames: &mut Vec<u8>) {
        let back = self.rng.between(0, 15);
        let Some((_, counter)) = self.ledger.live().rev().nth(num::narrow(back)) else {
            return self.publish(frames);
        };
        let reply = self.ask(Question::Retry(counter));
        self.put(ValueId { publisher: 0, counter }, &reply, frames);
    }

    fn delete(&mut self, frames: &mut Vec<u8>) {
        let n_live = self.ledger.n_live();
        if n_live < 40 {
            return self.publish(frames);
        }
        let index = self.rng.between(0, num::wide(n_live - 30));
        let chosen = self.ledger.live().nth(num::narrow(index));
        if let Some((seq, _)) = chosen {
            let body = format!("{{\"seq\":{seq},\"no_erase\":true}}");
            self.remove(Removal::Message(seq), "MSG.DELETE", &body, frames);
        }
    }

    fn purge(&mut self, frames: &mut Vec<u8>) {
        let chosen = self.ledger.live().rev().nth(PURGED_TO);
        if let Some((seq, _)) = chosen {
            let body = format!("{{\"seq\":{seq}}}");
            self.remove(Removal::Below(seq), "PURGE", &body, frames);
        }
    }

    fn remove(&mut self, removal: Removal, call: &str, body: &str, frames: &mut Vec<u8>) {
        let question = Question::Remove(removal);
        if self.questions.contains_key(&question) {
            return;
        }
        self.ledger.removing(removal);
        let reply = self.ask(question);
        let subject = format!("$JS.API.STREAM.{call}.{}", self.stream);
        frames.extend_from_slice(&wire::publish(&subject, Some(&reply), body.as_bytes()));
    }

    /// One read; how many messages it brought.
    fn hear(&mut self) -> Result<usize> {
        let mut heard = Vec::new();
        let pumped = self.conn.pump(|message| {
            heard.push(Heard::of(message, self.ledger.seed)?);
            Ok(())
        });
        let n_heard = heard.len();
        let mut acks = Vec::new();
        for it in heard {
            self.take(it, &mut acks)?;
        }
        let _ = self.conn.send(&acks);
        pumped.map(|()| n_heard)
    }

    fn take(&mut self, heard: Heard, acks: &mut Vec<u8>) -> Result<()> {
        let cut_begun = self.moments.cut_begun.load(Ordering::SeqCst);
        match heard {
            Heard::Fetched { stored, reply } => {
                self.fetching = self.fetching.saturating_sub(1);
                self.fetched += 1;
                if cut_begun {
                    return Ok(());
                }
                self.ledger.delivered(stored);
                let inbox = self.ask(Question::Ack(stored.stream_seq));
                acks.extend_from_slice(&wire::publish(&reply, Some(&inbox), b"+ACK"));
            }
            Heard::FetchEnded => self.fetching = 0,
            Heard::Answer { token, answer } => {
                let question =
                    Question::parse(&token).with_context(|| format!("answer to {token}"))?;
                let after = self.questions.remove(&question).unwrap_or(false);
                if after || !cut_begun {
                    self.answered(question, &answer);
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, question: Question, answer: &Result<Value, String>) {
        let good = match answer {
            Ok(answer) if answer.get("error").is_none() => answer,
            bad => {
                let words = match bad {
                    Ok(answer) => answer["error"].to_string(),
                    Err(status) => status.clone(),
                };
                if matches!(question, Question::Publish(_)) {
                    self.ledger.refused();
                    self.refusal.get_or_insert(words);
                }
                return;
            }
        };
        match question {
            Question::Publish(counter) => {
                if let Some(seq) = good["seq"].as_u64() {
                    self.ledger.acked(counter, seq);
                }
            }
            Question::Retry(counter) => {
                if let Some(seq) = good["seq"].as_u64() {
                    self.ledger.retried(counter, seq, good["duplicate"] == true);
                }
            }
            Question::Remove(removal) if good["success"] == true => self.ledger.removed(removal),
            Question::Remove(_) => (),
            Question::Ack(seq) => self.ledger.confirmed(seq),
        }
    }
}

/// Whether the other end is gone, in whatever way.
fn is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some() || error.to_string().contains("closed")
}
