//! Messages from arguments, templates and stdin.

use std::io::{self, BufRead, IsTerminal, Read};

use anyhow::{Context, Result};
use async_nats::HeaderMap;
use bytes::Bytes;

use crate::args::pubsub::{Compose, SendOn};
use crate::context::Session;
use crate::headers::Headers;
use crate::problem::Problem;
use crate::template::{Request, Template};

/// Makes the messages of `pub` and `req`.
#[derive(Debug)]
pub(super) struct Composer {
    subject: Template,
    headers: Headers,
    templates: bool,
    source: Source,
    count: u64,
}

/// Where bodies come from.
#[derive(Debug)]
enum Source {
    /// One body.
    Body(Option<Template>),
    /// The lines of stdin.
    Lines,
}

/// A message to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Composer {
    /// Prepares what `compose` says; `body` is that of the command line.
    pub(super) fn new(
        session: &Session,
        subject: &str,
        body: Option<&str>,
        compose: &Compose,
    ) -> Result<Composer> {
        let templates = compose.templates;
        let source = match body {
            Some(body) if !compose.force_stdin => Source::Body(Some(template(body, templates)?)),
            // A terminal is read only if the user asks for it: nobody would know what it waits for.
            None if !compose.force_stdin && io::stdin().is_terminal() => {
                Source::Body(Some(Template::literal("")))
            }
            _ if compose.send_on == SendOn::Newline => Source::Lines,
            _ => {
                if io::stdin().is_terminal() {
                    session.note("Reading payload from STDIN");
                }
                Source::Body(Some(read_all(templates)?))
            }
        };
        let headers = Headers::parse(&compose.headers, templates)?;
        Ok(Composer {
            subject: template(subject, templates)?,
            headers,
            templates,
            source,
            count: 0,
        })
    }

    /// The next body, if there is one.
    pub(super) fn next_body(&mut self) -> Result<Option<Template>> {
        match &mut self.source {
            Source::Body(body) => Ok(body.take()),
            Source::Lines => {
                // Blocks this thread, on which nothing else runs: the connection has its own.
                let mut line = Vec::new();
                let read =
                    io::stdin().lock().read_until(b'\n', &mut line).context("can't read stdin")?;
                if read == 0 {
                    return Ok(None);
                }
                if line.ends_with(b"\n") {
                    line.pop();
                }
                parse_bytes(line, self.templates).map(Some)
            }
        }
    }

    /// The next message, with `body`.
    pub(super) fn compose(&mut self, body: &Template) -> Result<Outgoing> {
        self.count += 1;
        let subject = self.subject.render_text(self.count);
        if subject.is_empty() || subject.contains(char::is_whitespace) {
            return Err(Problem::usage(format!("{subject:?} is not a subject")).into());
        }
        let headers = self.headers.render(self.count)?;
        Ok(Outgoing { subject, headers, body: body.render(self.count, Request::default()).into() })
    }
}

fn template(text: &str, templates: bool) -> Result<Template> {
    if templates { Template::parse(text) } else { Ok(Template::literal(text)) }
}

fn parse_bytes(bytes: Vec<u8>, templates: bool) -> Result<Template> {
    match String::from_utf8(bytes) {
        Ok(text) => template(&text, templates),
        Err(error) => Ok(Template::literal(error.into_bytes())),
    }
}

fn read_all(templates: bool) -> Result<Template> {
    parse_bytes(read_stdin()?, templates)
}

/// All of stdin.
pub(super) fn read_stdin() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).context("can't read stdin")?;
    Ok(bytes)
}

/// The value in `text`, or stdin if there is none and stdin is no terminal.
pub(super) fn value_or_stdin(text: Option<&str>) -> Result<Bytes> {
    match text {
        Some(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        None if io::stdin().is_terminal() => Ok(Bytes::new()),
        None => read_stdin().map(Bytes::from),
    }
}
