//! Core NATS: publish without a subscriber, fan-out and queue groups.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use super::frames::{Lines, ends_with_pong, message_len, sized_publish};
use super::meter::{Load, Measurement, timed};
use crate::conn::{Conn, PATIENCE};
use crate::num;
use crate::peer::Server;

const WRITE_BYTES: usize = 128 * 1024;
const READ_BYTES: usize = 1024 * 1024;
/// The publisher never runs further ahead of the subscribers, so that no
/// server has a reason to call one of them slow.
const LEAD_BYTES_MAX: u64 = 16 * 1024 * 1024;
const SUBJECT: &str = "lab.flow";

/// Publish as fast as the socket takes it; done when the PONG behind it all is back.
pub(crate) fn publish(server: &Server, size: usize, duration: Duration) -> Result<Measurement> {
    let mut conn = server.connect()?;
    let lines = Lines::filling(WRITE_BYTES, &sized_publish(SUBJECT, None, size));
    timed(server, duration, |duration| {
        let began = Instant::now();
        let mut messages = 0;
        while began.elapsed() < duration {
            conn.send(lines.all())?;
            messages += num::wide(lines.count());
        }
        conn.flush()?;
        Ok(Load { messages, elapsed: began.elapsed(), latency: None })
    })
}

/// Who gets a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Every subscriber.
    Each(usize),
    /// One member of a queue group of this size.
    OneOf(usize),
}

/// One publisher to an audience; the rate is that of published messages, counted when all arrived.
pub(crate) fn fan_out(
    server: &Server,
    size: usize,
    audience: Audience,
    duration: Duration,
) -> Result<Measurement> {
    let (n_readers, subscribe) = match audience {
        Audience::Each(count) => (count, format!("SUB {SUBJECT} 1\r\n")),
        Audience::OneOf(count) => (count, format!("SUB {SUBJECT} workers 1\r\n")),
    };
    let mut conns = Vec::new();
    for _ in 0..n_readers {
        let mut conn = server.connect()?;
        conn.send(subscribe.as_bytes())?;
        conn.flush()?;
        conn.stream().set_read_timeout(Some(Duration::from_millis(100)))?;
        conns.push(conn);
    }
    let mut flow = Flow {
        publisher: server.connect()?,
        lines: Lines::filling(WRITE_BYTES, &sized_publish(SUBJECT, None, size)),
        frame_len: message_len(SUBJECT, "1", None, size),
        audience,
    };
    timed(server, duration, |duration| flow.run(&conns, duration))
}

struct Flow {
    publisher: Conn,
    lines: Lines,
    frame_len: u64,
    audience: Audience,
}

/// What the readers of one phase have and have to get, in bytes.
struct Progress {
    received: Vec<AtomicU64>,
    goal: AtomicU64,
    audience: Audience,
}

impl Flow {
    fn run(&mut self, readers: &[Conn], duration: Duration) -> Result<Load> {
        let progress = Progress {
            received: readers.iter().map(|_| AtomicU64::new(0)).collect(),
            goal: AtomicU64::new(u64::MAX),
            audience: self.audience,
        };
        let began = Instant::now();
        let (messages, last_at) = thread::scope(|scope| -> Result<(u64, Instant)> {
            let threads: Vec<_> = readers
                .iter()
                .enumerate()
                .map(|(index, reader)| {
                    let progress = &progress;
                    scope.spawn(move || progress.read(index, reader.stream()))
                })
                .collect();
            let sent = self.send_for(&progress, began + duration);
            // A goal of zero releases the readers after a failure.
            let goal = sent.as_ref().map_or(0, |messages| messages * self.frame_len);
            progress.goal.store(goal, Ordering::Relaxed);
            let mut last_at = began;
            for thread in threads {
                let at = thread.join().map_err(|_| anyhow!("a reader panicked"))??;
                last_at = last_at.max(at);
            }
            Ok((sent?, last_at))
        })?;
        progress.settle(readers)?;
        Ok(Load { messages, elapsed: last_at - began, latency: None })
    }

    fn send_for(&mut self, progress: &Progress, until: Instant) -> Result<u64> {
        let mut messages = 0;
        while Instant::now() < until {
            self.publisher.send(self.lines.all())?;
            messages += num::wide(self.lines.count());
            let stalled_at = Instant::now() + PATIENCE;
            while messages * self.frame_len > progress.slowest() + LEAD_BYTES_MAX {
                ensure!(Instant::now() < stalled_at, "the subscribers stopped receiving");
                thread::sleep(Duration::from_micros(100));
            }
        }
        self.publisher.flush()?;
        Ok(messages)
    }
}

impl Progress {
    /// What the reader that has least got; of a queue group, what all have together.
    fn slowest(&self) -> u64 {
        let received = self.received.iter().map(|bytes| bytes.load(Ordering::Relaxed));
        match self.audience {
            Audience::Each(_) => received.min().unwrap_or(0),
            Audience::OneOf(_) => received.sum(),
        }
    }

    fn is_done(&self, index: usize) -> bool {
        let goal = self.goal.load(Ordering::Relaxed);
        match self.audience {
            Audience::Each(_) => self.received[index].load(Ordering::Relaxed) >= goal,
            Audience::OneOf(_) => self.slowest() >= goal,
        }
    }

    /// Reads until the goal is met; returns when the last bytes came.
    fn read(&self, index: usize, mut stream: &TcpStream) -> Result<Instant> {
        let mut buffer = vec![0; READ_BYTES];
        let mut last_at = Instant::now();
        while !self.is_done(index) {
            match stream.read(&mut buffer) {
                Ok(0) => return Err(anyhow!("the server closed a subscriber's connection")),
                Ok(n_read) => {
                    last_at = Instant::now();
                    self.received[index].fetch_add(num::wide(n_read), Ordering::Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ensure!(last_at.elapsed() < PATIENCE, "messages were lost on the way");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(last_at)
    }

    /// Reads what is behind the last message and demands that all bytes are
    /// accounted for: the messages, and a few PINGs of the server.
    fn settle(&self, readers: &[Conn]) -> Result<()> {
        let goal = self.goal.load(Ordering::Relaxed);
        let mut surplus_total = 0;
        for (reader, received) in readers.iter().zip(&self.received) {
            let received = received.load(Ordering::Relaxed) + read_to_pong(reader.stream())?;
            surplus_total += received;
            if matches!(self.audience, Audience::Each(_)) {
                check_surplus(received, goal, 1)?;
            }
        }
        match self.audience {
            Audience::Each(_) => Ok(()),
            Audience::OneOf(_) => check_surplus(surplus_total, goal, num::wide(readers.len())),
        }
    }
}

fn check_surplus(received: u64, goal: u64, n_readers: u64) -> Result<()> {
    let surplus = received.checked_sub(goal);
    let pings = surplus.filter(|bytes| bytes % 6 == 0).map(|bytes| bytes / 6);
    ensure!(
        pings.is_some_and(|pings| pings <= 8 * n_readers),
        "{goal} bytes of messages sent, {received} received"
    );
    Ok(())
}

/// Bytes before the PONG.
fn read_to_pong(mut stream: &TcpStream) -> Result<u64> {
    stream.write_all(b"PING\r\n")?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let deadline = Instant::now() + PATIENCE;
    while !ends_with_pong(&bytes) {
        match stream.read(&mut chunk) {
            Ok(0) => return Err(anyhow!("the server closed a subscriber's connection")),
            Ok(n_read) => bytes.extend_from_slice(&chunk[..n_read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ensure!(Instant::now() < deadline, "no PONG");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(num::wide(bytes.len()) - 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pings_may_be_left_over() {
        assert!(check_surplus(100, 100, 1).is_ok());
        assert!(check_surplus(112, 100, 1).is_ok());
        assert!(check_surplus(99, 100, 1).is_err(), "a byte is missing");
        assert!(check_surplus(103, 100, 1).is_err(), "no PING has three bytes");
        assert!(check_surplus(100 + 600, 100, 1).is_err(), "too many to be PINGs");
    }
}
