//! Errors as users see them: one line that says what, a second that says what to do.

use std::io::{self, Write};
use std::process::ExitCode;

use async_nats::jetstream::context::RequestErrorKind;
use async_nats::{ConnectError, ConnectErrorKind};
use clap::error::ErrorKind;

/// Exit code of a command that was asked for in a wrong way.
const USAGE: u8 = 2;

/// An error with a remedy.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Problem {
    message: String,
    remedy: Option<String>,
    usage: bool,
}

impl Problem {
    /// Something went wrong.
    pub(crate) fn new(message: impl Into<String>) -> Problem {
        Problem { message: message.into(), remedy: None, usage: false }
    }

    /// The command makes no sense as it was typed.
    pub(crate) fn usage(message: impl Into<String>) -> Problem {
        Problem { message: message.into(), remedy: None, usage: true }
    }

    /// What the user can do about it.
    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Problem {
        self.remedy = Some(remedy.into());
        self
    }
}

/// An error answer of the JetStream API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{description} ({err_code})")]
pub(crate) struct ApiError {
    /// Status, as in HTTP.
    pub(crate) code: i64,
    /// Which error, among all of JetStream.
    pub(crate) err_code: i64,
    /// In words.
    pub(crate) description: String,
}

impl ApiError {
    /// What helps against it, if that is known.
    fn remedy(&self) -> Option<&'static str> {
        match self.err_code {
            10014 => Some("list the consumers with: tradewind consumer ls <stream>"),
            10037 => Some("see which sequences there are with: tradewind stream info <stream>"),
            10039 | 10076 => Some("start the server with JetStream: tradewind serve -js"),
            10058 => Some(
                "the stream exists with another configuration; see it with: tradewind stream info <stream>",
            ),
            10059 => Some("list the streams with: tradewind stream ls"),
            10065 => Some(
                "find the stream that has the subject with: tradewind stream ls --subject <subject>",
            ),
            10148 => Some(
                "the consumer exists; see it with: tradewind consumer info <stream> <consumer>",
            ),
            _ => None,
        }
    }
}

/// Says that `url` could not be connected to, and why.
pub(crate) fn connection(url: &str, error: &ConnectError) -> Problem {
    let refused = chain(error).any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
    });
    if refused {
        return Problem::new(format!("no server answers at {url}: connection refused"))
            .with_remedy("start one with: tradewind serve -js; or name another with --server");
    }
    let message = format!("can't connect to {url}: {error}");
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            Problem::new(format!("{url} refuses these credentials: authorization violation"))
                .with_remedy("give --user and --password, --token, --creds or --nkey")
        }
        ConnectErrorKind::ServerParse => {
            Problem::usage(message).with_remedy("a server looks like nats://localhost:4222")
        }
        ConnectErrorKind::Dns => Problem::new(message).with_remedy("check the name in --server"),
        ConnectErrorKind::TimedOut => Problem::new(format!("{url} does not answer in time"))
            .with_remedy("wait longer with --timeout"),
        ConnectErrorKind::Tls => {
            Problem::new(message).with_remedy("check --tlsca, --tlscert, --tlskey and --tlsfirst")
        }
        _ => Problem::new(message),
    }
}

/// Says why a JetStream request got no answer.
pub(crate) fn request(kind: RequestErrorKind, error: &dyn std::fmt::Display) -> Problem {
    match kind {
        RequestErrorKind::NoResponders => Problem::new("JetStream is not enabled on this server")
            .with_remedy("start the server with JetStream: tradewind serve -js"),
        RequestErrorKind::TimedOut => Problem::new("JetStream does not answer in time")
            .with_remedy("wait longer with --timeout"),
        _ => Problem::new(format!("JetStream request failed: {error}")),
    }
}

fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// Prints `error` to stderr and gives the exit code it stands for.
pub(crate) fn report(name: &str, error: &anyhow::Error) -> ExitCode {
    // A reader that has seen enough (`| head`) is no error.
    let closed_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed_pipe) {
        return ExitCode::SUCCESS;
    }
    let problem = error.chain().find_map(|cause| cause.downcast_ref::<Problem>());
    let remedy = problem.and_then(|problem| problem.remedy.as_deref()).or_else(|| {
        error.chain().find_map(|cause| cause.downcast_ref::<ApiError>()).and_then(ApiError::remedy)
    });
    print(name, &sentence(error), remedy);
    if problem.is_some_and(|problem| problem.usage) {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}

/// The error and its causes on one line; a cause that the line already ends with is not repeated.
fn sentence(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string().replace('\n', " ");
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

fn print(name: &str, line: &str, remedy: Option<&str>) {
    let mut stderr = io::stderr().lock();
    // Nobody is left to tell if stderr is gone.
    let _ = writeln!(stderr, "{name}: error: {line}");
    if let Some(remedy) = remedy {
        let _ = writeln!(stderr, "  {remedy}");
    }
}

/// Prints what clap says: help to stdout, a usage error to stderr.
pub(crate) fn report_usage(name: &str, error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(USAGE)
        }
        _ => {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            print(name, text, None);
            ExitCode::from(USAGE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn causes_stand_on_one_line_and_none_twice() {
        let api =
            ApiError { code: 404, err_code: 10059, description: "stream not found".to_owned() };
        let error = Err::<(), _>(api).context("can't load stream ORDERS").unwrap_err();
        assert_eq!(sentence(&error), "can't load stream ORDERS: stream not found (10059)");

        let again = Err::<(), _>(Problem::new("a b")).context("x: a b").unwrap_err();
        assert_eq!(sentence(&again), "x: a b");
    }
}
