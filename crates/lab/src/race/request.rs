//! Request and reply, the way clients do it: one wildcard inbox, a new token per request.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use super::frames::{FixedFrames, Lines, message_len, sized_publish};
use super::meter::{Load, Measurement, histogram, timed};
use crate::conn::Conn;
use crate::num;
use crate::peer::Server;

const SUBJECT: &str = "lab.request";
const INBOX: &str = "_INBOX.lab.";
const SIZE: usize = 16;
/// Tokens are four digits, taken in turn.
const TOKENS: usize = 10_000;

/// `in_flight` requests outstanding at any time, one requester and one responder.
pub(crate) fn request(
    server: &Server,
    in_flight: usize,
    duration: Duration,
) -> Result<Measurement> {
    let mut responder = server.connect()?;
    responder.send(format!("SUB {SUBJECT} 1\r\n").as_bytes())?;
    responder.flush()?;
    responder.stream().set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut requester = server.connect()?;
    requester.send(format!("SUB {INBOX}* 1\r\n").as_bytes())?;
    requester.flush()?;

    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let answering = scope.spawn(|| respond(responder.stream(), &stop));
        let mut requests = Requests::new(&requester, in_flight)?;
        let measured = timed(server, duration, |duration| requests.run(duration));
        stop.store(true, Ordering::Relaxed);
        answering.join().map_err(|_| anyhow!("the responder panicked"))??;
        measured
    })
}

fn respond(mut stream: &TcpStream, stop: &AtomicBool) -> Result<()> {
    let sample = format!("{INBOX}0000");
    let mut frames = FixedFrames::new(num::narrow(message_len(SUBJECT, "1", Some(&sample), SIZE)));
    let token_at = format!("MSG {SUBJECT} 1 {INBOX}").len();
    let template = sized_publish(&sample, None, SIZE);
    let template_token_at = "PUB ".len() + INBOX.len();
    let mut buffer = vec![0; 64 * 1024];
    let mut answers = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(anyhow!("the server closed the responder's connection")),
            Ok(n_read) => {
                answers.clear();
                frames.add(&buffer[..n_read], |frame| {
                    let at = answers.len() + template_token_at;
                    answers.extend_from_slice(&template);
                    answers[at..at + 4].copy_from_slice(&frame[token_at..token_at + 4]);
                })?;
                stream.write_all(&answers)?;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => (),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

struct Requests<'a> {
    stream: &'a TcpStream,
    lines: Lines,
    frames: FixedFrames,
    in_flight: usize,
    next_token: usize,
    buffer: Vec<u8>,
}

impl<'a> Requests<'a> {
    fn new(conn: &'a Conn, in_flight: usize) -> Result<Requests<'a>> {
        let lines: Vec<Vec<u8>> = (0..TOKENS)
            .map(|token| sized_publish(SUBJECT, Some(&format!("{INBOX}{token:04}")), SIZE))
            .collect();
        let reply_len = message_len(&format!("{INBOX}0000"), "1", None, SIZE);
        Ok(Requests {
            stream: conn.stream(),
            lines: Lines::joined(&lines)?,
            frames: FixedFrames::new(num::narrow(reply_len)),
            in_flight,
            next_token: 0,
            buffer: vec![0; 64 * 1024],
        })
    }

    fn run(&mut self, duration: Duration) -> Result<Load> {
        let mut latency = if self.in_flight == 1 { Some(histogram()?) } else { None };
        let mut messages = 0;
        let mut outstanding = 0;
        let began = Instant::now();
        let mut sent_at = began;
        while outstanding > 0 || began.elapsed() < duration {
            if began.elapsed() < duration && outstanding < self.in_flight {
                sent_at = Instant::now();
                self.send(self.in_flight - outstanding)?;
                outstanding = self.in_flight;
            }
            let n_read = self.stream.read(&mut self.buffer)?;
            ensure!(n_read > 0, "the server closed the requester's connection");
            let n_replies = self.frames.add(&self.buffer[..n_read], |_| ())?;
            if let (Some(latency), 1) = (&mut latency, n_replies) {
                latency.saturating_record(u64::try_from(sent_at.elapsed().as_nanos())?);
            }
            ensure!(n_replies <= outstanding, "more replies than requests");
            outstanding -= n_replies;
            messages += num::wide(n_replies);
        }
        Ok(Load { messages, elapsed: began.elapsed(), latency })
    }

    fn send(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let part = self.lines.slice(self.next_token, left);
            self.stream.write_all(part)?;
            let n_sent = left.min(TOKENS - self.next_token);
            self.next_token = (self.next_token + n_sent) % TOKENS;
            left -= n_sent;
        }
        Ok(())
    }
}
