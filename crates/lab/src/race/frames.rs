//! Counting what a server sends without parsing it all: the generator shares
//! the machine with the server, so its own work must stay small.

use anyhow::{Result, bail};
use memchr::memmem::{self, Finder};

use crate::num;
use crate::wire;

/// A buffer of equal `PUB` frames.
#[derive(Debug)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    line_len: usize,
}

impl Lines {
    /// As many frames as fit into `buffer_bytes`, at least one.
    pub(crate) fn filling(buffer_bytes: usize, line: &[u8]) -> Lines {
        Lines::repeated(line, (buffer_bytes / line.len()).max(1))
    }

    /// `count` times the same frame.
    pub(crate) fn repeated(line: &[u8], count: usize) -> Lines {
        Lines { bytes: line.repeat(count), line_len: line.len() }
    }

    /// Frames of one length.
    pub(crate) fn joined(lines: &[Vec<u8>]) -> Result<Lines> {
        let line_len = lines.first().map_or(1, Vec::len);
        anyhow::ensure!(lines.iter().all(|line| line.len() == line_len), "frames differ in length");
        Ok(Lines { bytes: lines.concat(), line_len })
    }

    pub(crate) fn count(&self) -> usize {
        self.bytes.len() / self.line_len
    }

    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// Up to `count` frames from frame `from` on, not past the end of the buffer.
    pub(crate) fn slice(&self, from: usize, count: usize) -> &[u8] {
        let end = self.count().min(from + count);
        &self.bytes[from * self.line_len..end * self.line_len]
    }
}

/// Cuts a byte stream into message frames of one known length, with PINGs in between.
#[derive(Debug)]
pub(crate) struct FixedFrames {
    frame_len: usize,
    rest: Vec<u8>,
}

impl FixedFrames {
    pub(crate) fn new(frame_len: usize) -> FixedFrames {
        FixedFrames { frame_len, rest: Vec::new() }
    }

    /// Adds what was read; `each` sees every complete frame.
    ///
    /// # Errors
    ///
    /// If the server sent anything but such a message or a PING.
    pub(crate) fn add(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<usize> {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        let mut n_frames = 0;
        while let Some(first) = self.rest.get(at) {
            let length = match first {
                b'M' => self.frame_len,
                b'P' => 6,
                _ => bail!("unexpected: {}", String::from_utf8_lossy(&self.rest[at..])),
            };
            let Some(frame) = self.rest.get(at..at + length) else {
                break;
            };
            if *first == b'M' {
                each(frame);
                n_frames += 1;
            }
            at += length;
        }
        self.rest.drain(..at);
        Ok(n_frames)
    }
}

const SEQ: &[u8] = b"\"seq\":";
const ERROR: &[u8] = b"\"error";
const CARRY_BYTES: usize = SEQ.len() - 1;

/// Counts PubAcks in a byte stream by their `"seq":`.
#[derive(Debug)]
pub(crate) struct AckCounter {
    seq: Finder<'static>,
    error: Finder<'static>,
    window: Vec<u8>,
}

impl AckCounter {
    pub(crate) fn new() -> AckCounter {
        AckCounter { seq: Finder::new(SEQ), error: Finder::new(ERROR), window: Vec::new() }
    }

    /// How many acks end in `bytes`.
    ///
    /// # Errors
    ///
    /// If one of them is a refusal, or the server sent `-ERR` or a status.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<usize> {
        // The patterns are of one length, so no match fits into what is carried over.
        self.window.extend_from_slice(bytes);
        let refused = self.error.find(&self.window).is_some()
            || bytes.starts_with(b"-ERR")
            || bytes.starts_with(b"HMSG");
        if refused {
            bail!("not an ack: {}", String::from_utf8_lossy(&self.window).trim());
        }
        let n_acks = self.seq.find_iter(&self.window).count();
        self.window.drain(..self.window.len().saturating_sub(CARRY_BYTES));
        Ok(n_acks)
    }
}

/// The length of the `MSG` frame for a subject, a sid, a reply and a payload.
pub(crate) fn message_len(subject: &str, sid: &str, reply: Option<&str>, payload: usize) -> u64 {
    let reply = reply.map_or(0, |reply| reply.len() + 1);
    let digits = payload.to_string().len();
    let line = "MSG ".len() + subject.len() + 1 + sid.len() + 1 + reply + digits + 2;
    num::wide(line + payload + 2)
}

/// A `PUB` frame with `size` bytes of payload.
pub(crate) fn sized_publish(subject: &str, reply: Option<&str>, size: usize) -> Vec<u8> {
    wire::publish(subject, reply, &vec![b'x'; size])
}

/// Whether `bytes` ends with a PONG.
pub(crate) fn ends_with_pong(bytes: &[u8]) -> bool {
    memmem::rfind(bytes, b"PONG\r\n").is_some_and(|at| at + 6 == bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acks_are_counted_however_the_bytes_are_cut() {
        let stream = b"MSG i 1 25\r\n{\"stream\":\"S\", \"seq\":1}\r\n".repeat(3);
        for first in 0..stream.len() {
            for second in first..stream.len() {
                let mut counter = AckCounter::new();
                let parts = [&stream[..first], &stream[first..second], &stream[second..]];
                let n_acks: usize = parts.iter().map(|part| counter.add(part).unwrap()).sum();
                assert_eq!(n_acks, 3, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_refusal_is_never_an_ack() {
        let refusal = b"MSG i 1 9\r\n{\"error\":{\"code\":503},\"seq\":0}\r\n";
        for cut in 1..refusal.len() - 20 {
            let mut counter = AckCounter::new();
            let first = counter.add(&refusal[..cut]);
            assert!(first.is_err() || counter.add(&refusal[cut..]).is_err(), "cut at {cut}");
        }
        assert!(AckCounter::new().add(b"-ERR 'x'\r\n").is_err());
    }

    #[test]
    fn frames_of_known_length_are_found_between_pings() {
        let frame = b"MSG a 1 2\r\nhi\r\n";
        let stream = [&frame[..], b"PING\r\n", frame, frame].concat();
        for cut in 0..stream.len() {
            let mut frames = FixedFrames::new(frame.len());
            let mut seen = 0;
            for part in [&stream[..cut], &stream[cut..]] {
                frames.add(part, |bytes| seen += usize::from(bytes == frame)).unwrap();
            }
            assert_eq!(seen, 3, "cut at {cut}");
        }
        assert!(FixedFrames::new(9).add(b"-ERR 'x'\r\n", |_| ()).is_err());
    }

    #[test]
    fn the_length_of_a_message_is_the_length_of_its_bytes() {
        assert_eq!(message_len("a.b", "1", None, 2), num::wide(b"MSG a.b 1 2\r\nhi\r\n".len()));
        assert_eq!(
            message_len("a", "12", Some("r"), 10),
            num::wide(b"MSG a 12 r 10\r\n0123456789\r\n".len())
        );
    }
}
