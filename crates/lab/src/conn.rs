//! One blocking connection to a server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;

use crate::wire::{self, Frame, Message};

const HELLO: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\
\"no_responders\":true,\"lang\":\"lab\",\"version\":\"1\",\"protocol\":1}\r\nPING\r\n";
/// Room for one read; grows while reads fill it, so that ten thousand idle connections stay small.
const READ_BYTES_MIN: usize = 2 * 1024;
const READ_BYTES_MAX: usize = 256 * 1024;
/// How long a server may be silent where an answer is due.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const API_INBOX: &str = "_INBOX.lab.api";

/// A connection after its handshake.
#[derive(Debug)]
pub(crate) struct Conn {
    stream: TcpStream,
    input: Vec<u8>,
    end: usize,
    read_bytes: usize,
    api_ready: bool,
    info: Option<Box<str>>,
}

impl Conn {
    /// Connects to `port` on loopback and waits for the first PONG.
    pub(crate) fn open(port: u16) -> Result<Conn> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut conn = Conn {
            stream,
            input: Vec::new(),
            end: 0,
            read_bytes: READ_BYTES_MIN,
            api_ready: false,
            info: None,
        };
        conn.send(HELLO)?;
        conn.wait_pong()?;
        Ok(conn)
    }

    /// A field of the INFO line.
    pub(crate) fn info(&self, field: &str) -> Result<Value> {
        let info: Value = serde_json::from_str(self.info.as_deref().unwrap_or("null"))?;
        Ok(info[field].clone())
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("the server closed the connection")
    }

    /// PING, and every frame up to its PONG.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.send(b"PING\r\n")?;
        self.wait_pong()
    }

    /// Reads up to the next PONG.
    pub(crate) fn wait_pong(&mut self) -> Result<()> {
        let mut pong = false;
        while !pong {
            self.pump_frames(|frame| {
                pong |= frame == Frame::Pong;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// One blocking read; `each` sees every message that is complete after it.
    pub(crate) fn pump(&mut self, mut each: impl FnMut(&Message<'_>) -> Result<()>) -> Result<()> {
        self.pump_frames(|frame| match frame {
            Frame::Message(message) => each(&message),
            _ => Ok(()),
        })
    }

    fn pump_frames(&mut self, mut each: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        if self.input.len() - self.end < self.read_bytes {
            self.input.resize(self.end + self.read_bytes, 0);
        }
        let n_read = self.stream.read(&mut self.input[self.end..])?;
        ensure!(n_read > 0, "the server closed the connection");
        self.end += n_read;
        if self.end == self.input.len() {
            self.read_bytes = (self.read_bytes * 4).min(READ_BYTES_MAX);
        }
        let mut at = 0;
        let mut pings = 0;
        let mut info = None;
        while let Some((frame, length)) = wire::parse(&self.input[at..self.end])? {
            at += length;
            match frame {
                Frame::Ping => pings += 1,
                Frame::Error(text) => bail!("-ERR {}", String::from_utf8_lossy(text)),
                Frame::Info(json) => info = Some(String::from_utf8_lossy(json).into()),
                frame => each(frame)?,
            }
        }
        self.input.copy_within(at..self.end, 0);
        self.end -= at;
        if info.is_some() {
            self.info = info;
        }
        for _ in 0..pings {
            self.send(b"PONG\r\n")?;
        }
        Ok(())
    }

    /// One JetStream API request on a connection without other subscriptions.
    ///
    /// # Errors
    ///
    /// Also when the answer is an API error.
    pub(crate) fn api(&mut self, call: &str, body: &Value) -> Result<Value> {
        let answer = self.ask(call, body)?;
        match answer.get("error") {
            Some(error) => bail!("{call}: {error}"),
            None => Ok(answer),
        }
    }

    /// The same, with an API error as an answer like others.
    pub(crate) fn ask(&mut self, call: &str, body: &Value) -> Result<Value> {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        self.request(&format!("$JS.API.{call}"), &body)
    }

    /// A request whose answer is JSON, such as a PubAck.
    pub(crate) fn request(&mut self, subject: &str, body: &[u8]) -> Result<Value> {
        self.answer_to(subject, &wire::publish(subject, Some(API_INBOX), body))
    }

    /// The same with headers.
    pub(crate) fn request_with(
        &mut self,
        subject: &str,
        headers: &str,
        body: &[u8],
    ) -> Result<Value> {
        self.answer_to(subject, &wire::publish_with(subject, API_INBOX, headers, body))
    }

    fn answer_to(&mut self, subject: &str, request: &[u8]) -> Result<Value> {
        if !self.api_ready {
            self.send(format!("SUB {API_INBOX} 99\r\n").as_bytes())?;
            self.api_ready = true;
        }
        self.send(request)?;
        let deadline = Instant::now() + PATIENCE;
        let mut answer = None;
        while answer.is_none() {
            ensure!(Instant::now() < deadline, "no answer to {subject}");
            self.pump(|message| {
                if message.subject == API_INBOX.as_bytes() {
                    answer = Some(match message.status() {
                        Some(code) => Err(anyhow!("{subject}: status {code}")),
                        None => Ok(serde_json::from_slice::<Value>(message.payload)?),
                    });
                }
                Ok(())
            })?;
        }
        answer.context("no answer")?
    }
}

/// Whether a read just had nothing to read.
pub(crate) fn is_timeout(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    matches!(kind, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut))
}
