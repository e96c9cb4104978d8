//! JetStream publishes: one connection with a window, or many with one in flight each.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::event::{Timespec, epoll};
use serde_json::{Value, json};

use super::frames::{AckCounter, Lines, sized_publish};
use super::meter::{Load, Measurement, histogram, timed};
use crate::conn::{Conn, PATIENCE};
use crate::num;
use crate::peer::Server;

pub(crate) const STREAM: &str = "LAB";
pub(crate) const SUBJECT: &str = "lab.durable";
/// Where a lone publisher gets its acks.
pub(crate) const INBOX: &str = "_INBOX.lab";

/// Creates the stream all durable rows use.
pub(crate) fn create_stream(conn: &mut Conn, storage: &str) -> Result<()> {
    let config = json!({
        "name": STREAM, "subjects": [format!("{SUBJECT}"), format!("{SUBJECT}.>")],
        "storage": storage, "retention": "limits", "num_replicas": 1,
    });
    conn.api(&format!("STREAM.CREATE.{STREAM}"), &config)?;
    Ok(())
}

/// How many messages the stream says it holds.
pub(crate) fn stored(conn: &mut Conn) -> Result<u64> {
    let info = conn.api(&format!("STREAM.INFO.{STREAM}"), &Value::Null)?;
    info["state"]["messages"].as_u64().context("no message count in STREAM.INFO")
}

/// `window` publishes outstanding on one connection.
pub(crate) fn publish(
    server: &Server,
    storage: &str,
    (size, window): (usize, usize),
    duration: Duration,
) -> Result<Measurement> {
    let mut control = server.connect()?;
    create_stream(&mut control, storage)?;
    let mut publisher = WindowedPublisher::new(server, size, window)?;
    let mut total = 0;
    let measured = timed(server, duration, |duration| {
        let load = publisher.run_for(duration)?;
        total += load.messages;
        Ok(load)
    })?;
    let kept = stored(&mut control)?;
    ensure!(kept == total, "{total} publishes acknowledged, {kept} messages in the stream");
    Ok(measured)
}

/// Keeps a window of publishes in flight and counts their acks.
pub(crate) struct WindowedPublisher {
    conn: Conn,
    lines: Lines,
    window: usize,
    counter: AckCounter,
    buffer: Vec<u8>,
}

impl WindowedPublisher {
    pub(crate) fn new(server: &Server, size: usize, window: usize) -> Result<WindowedPublisher> {
        let line = sized_publish(SUBJECT, Some(INBOX), size);
        WindowedPublisher::with_lines(server, INBOX, Lines::repeated(&line, window), window)
    }

    /// Publishes the frames of `lines` in turn; each must ask for an answer at `inbox`, which is
    /// this publisher's alone.
    pub(crate) fn with_lines(
        server: &Server,
        inbox: &str,
        lines: Lines,
        window: usize,
    ) -> Result<WindowedPublisher> {
        let mut conn = server.connect()?;
        conn.send(format!("SUB {inbox} 1\r\n").as_bytes())?;
        conn.flush()?;
        let buffer = vec![0; 256 * 1024];
        Ok(WindowedPublisher { conn, lines, window, counter: AckCounter::new(), buffer })
    }

    /// Publishes for a time.
    pub(crate) fn run_for(&mut self, duration: Duration) -> Result<Load> {
        self.run(duration, u64::MAX)
    }

    /// Publishes exactly `count` messages.
    pub(crate) fn run_count(&mut self, count: u64) -> Result<Load> {
        self.run(Duration::MAX, count)
    }

    fn run(&mut self, duration: Duration, limit: u64) -> Result<Load> {
        let mut latency = if self.window == 1 { Some(histogram()?) } else { None };
        let began = Instant::now();
        let (mut sent, mut acked, mut next) = (0, 0, 0);
        let mut sent_at = began;
        loop {
            let room = (num::wide(self.window) - (sent - acked)).min(limit - sent);
            if room > 0 && began.elapsed() < duration {
                sent_at = Instant::now();
                let n_sent = num::narrow(room).min(self.lines.count() - next);
                self.conn.stream().write_all(self.lines.slice(next, n_sent))?;
                next = (next + n_sent) % self.lines.count();
                sent += num::wide(n_sent);
            }
            if sent == acked {
                break;
            }
            let n_read = self.conn.stream().read(&mut self.buffer).context("no ack")?;
            ensure!(n_read > 0, "the server closed the publisher's connection");
            let n_acks = self.counter.add(&self.buffer[..n_read])?;
            acked += num::wide(n_acks);
            ensure!(acked <= sent, "more acks than publishes");
            if let (Some(latency), 1) = (&mut latency, n_acks) {
                latency.saturating_record(u64::try_from(sent_at.elapsed().as_nanos())?);
            }
        }
        Ok(Load { messages: acked, elapsed: began.elapsed(), latency })
    }
}

/// `n_connections`, each with one publish in flight, driven by one thread.
pub(crate) fn many_connections(
    server: &Server,
    n_connections: usize,
    size: usize,
    duration: Duration,
) -> Result<Measurement> {
    let mut control = server.connect()?;
    create_stream(&mut control, "file")?;
    let mut crowd = Crowd::connect(server, n_connections, sized_publish_to(size))?;
    let mut total = 0;
    let measured = timed(server, duration, |duration| {
        let load = crowd.run(|began, _| began.elapsed() < duration)?;
        total += load.messages;
        Ok(load)
    })?;
    let kept = stored(&mut control)?;
    ensure!(kept == total, "{total} publishes acknowledged, {kept} messages in the stream");
    Ok(measured)
}

/// The frame each connection of a crowd publishes.
pub(crate) fn sized_publish_to(size: usize) -> impl Fn(usize, u64) -> Vec<u8> {
    move |index, _| sized_publish(SUBJECT, Some(&format!("_INBOX.crowd.{index}")), size)
}

/// Many connections with one publish in flight each.
pub(crate) struct Crowd<F> {
    members: Vec<Member>,
    epoll: std::os::fd::OwnedFd,
    line: F,
}

struct Member {
    conn: Conn,
    counter: AckCounter,
    busy: bool,
}

impl<F: Fn(usize, u64) -> Vec<u8>> Crowd<F> {
    /// `line` makes the frame a member publishes, from its index and the number of publishes so far.
    pub(crate) fn connect(server: &Server, count: usize, line: F) -> Result<Crowd<F>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut members = Vec::new();
        for index in 0..count {
            let mut conn = server.connect()?;
            conn.send(format!("SUB _INBOX.crowd.{index} 1\r\n").as_bytes())?;
            conn.flush()?;
            let data = epoll::EventData::new_u64(num::wide(index));
            epoll::add(&epoll, conn.stream(), data, epoll::EventFlags::IN)?;
            members.push(Member { conn, counter: AckCounter::new(), busy: false });
        }
        Ok(Crowd { members, epoll, line })
    }

    /// Publishes while `go_on` says so, then waits for the last acks.
    pub(crate) fn run(&mut self, go_on: impl Fn(Instant, u64) -> bool) -> Result<Load> {
        let began = Instant::now();
        let (mut sent, mut acked) = (0, 0);
        for (index, member) in self.members.iter_mut().enumerate() {
            if go_on(began, sent) {
                member.publish(&(self.line)(index, sent))?;
                sent += 1;
            }
        }
        let mut events = Vec::with_capacity(self.members.len());
        let mut buffer = vec![0; 16 * 1024];
        let patience = Timespec::try_from(PATIENCE)?;
        while acked < sent {
            events.clear();
            let spare = rustix::buffer::spare_capacity(&mut events);
            epoll::wait(&self.epoll, spare, Some(&patience))?;
            ensure!(!events.is_empty(), "no ack within {} s", PATIENCE.as_secs());
            for event in &events {
                let index = num::narrow(event.data.u64());
                let member = &mut self.members[index];
                if member.take_ack(&mut buffer)? {
                    acked += 1;
                    if go_on(began, sent) {
                        member.publish(&(self.line)(index, sent))?;
                        sent += 1;
                    }
                }
            }
        }
        Ok(Load { messages: acked, elapsed: began.elapsed(), latency: None })
    }
}

impl Member {
    fn publish(&mut self, line: &[u8]) -> Result<()> {
        self.busy = true;
        self.conn.send(line)
    }

    /// One read, which may hold the ack.
    fn take_ack(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let n_read = self.conn.stream().read(buffer)?;
        ensure!(n_read > 0, "the server closed a publisher's connection");
        let n_acks = self.counter.add(&buffer[..n_read])?;
        ensure!(n_acks <= usize::from(self.busy), "an ack nobody waits for");
        self.busy &= n_acks == 0;
        Ok(n_acks == 1)
    }
}
