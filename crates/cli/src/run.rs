//! What the commands do.

mod compose;
mod consumer;
mod dlq;
mod kv;
mod message;
mod object;
mod publish;
mod replay;
mod reply;
mod request;
mod rtt;
mod store;
mod stream;
mod subscribe;

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};

use crate::args::Command;
use crate::context::Session;
use crate::problem::Problem;

pub(crate) use rtt::run as rtt;
pub(crate) use store::run as store;

/// Does what `command` says.
pub(crate) async fn command(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Publish(args) => publish::run(session, &args).await,
        Command::Subscribe(args) => subscribe::run(session, &args).await,
        Command::Request(args) => request::run(session, &args).await,
        Command::Reply(args) => reply::run(session, &args).await,
        Command::Stream(args) => stream::run(session, args.command).await,
        Command::Consumer(args) => consumer::run(session, args.command).await,
        Command::Kv(args) => kv::run(session, args.command).await,
        Command::Object(args) => object::run(session, args.command).await,
        Command::Dlq(args) => dlq::run(session, args.command).await,
        // They make connections of their own, if any.
        Command::Serve { .. } | Command::Quickstart(_) | Command::Rtt(_) | Command::Store(_) => {
            Ok(())
        }
    }
}

/// Asks `question` unless `force` answers it.
///
/// # Errors
///
/// A usage error if there is nobody to ask.
fn confirm(force: bool, question: &str) -> Result<bool> {
    if force {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        let problem =
            Problem::usage(format!("{question}? Nobody can answer: stdin is no terminal"));
        return Err(problem.with_remedy("say yes beforehand with --force").into());
    }
    write!(io::stderr().lock(), "? {question} (y/N) ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Ends when the user presses Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler Ctrl-C ends the process by itself.
        std::future::pending::<()>().await;
    }
}

/// Splits a command line as a shell does: blanks, quotes, backslashes.
///
/// # Errors
///
/// A quote that is not closed.
pub(crate) fn shell_words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some(next) if next == c => break,
                        Some('\\') if c == '"' => word.extend(chars.next()),
                        Some(next) => word.push(next),
                        None => {
                            return Err(Problem::usage(format!("open quote in {line:?}")).into());
                        }
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// `K=V` texts as pairs.
fn metadata(texts: &[String]) -> Result<Vec<(String, String)>> {
    let pair = |text: &String| {
        let (key, value) = text.split_once(['=', ':']).with_context(|| {
            Problem::usage(format!("--metadata {text:?} is not of the form key=value"))
        })?;
        Ok((key.to_owned(), value.to_owned()))
    };
    texts.iter().map(pair).collect()
}

/// Whether the streams of buckets are meant, which have tools of their own.
fn is_bucket(stream: &str) -> bool {
    ["KV_", "OBJ_", "MQTT_", "$MQTT_"].iter().any(|prefix| stream.starts_with(prefix))
}

/// Whether `subject` matches `filter`.
fn matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for part in filter.split('.') {
        match (part, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => (),
            (part, Some(token)) if part == token => (),
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_whole_tokens() {
        for (filter, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.*", "a.b", true),
            ("a.>", "a.b.c", true),
            (">", "a", true),
            ("a.>", "a", false),
            ("a", "a.b", false),
            ("a.*.c", "a.b.d", false),
        ] {
            assert_eq!(matches(filter, subject), expected, "{filter} {subject}");
        }
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        let cases: [(&str, &[&str]); 5] = [
            ("curl -s  x", &["curl", "-s", "x"]),
            ("a 'b c' \"d \\\" e\"", &["a", "b c", "d \" e"]),
            ("a''b \\ c", &["ab", " c"]),
            ("''", &[""]),
            (" ", &[]),
        ];
        for (line, expected) in cases {
            assert_eq!(shell_words(line).unwrap(), expected, "{line}");
        }
        assert!(shell_words("a 'b").is_err());
    }

    #[test]
    fn metadata_is_pairs() {
        let pairs = metadata(&["a=b=c".to_owned()]).unwrap();
        assert_eq!(pairs, [("a".to_owned(), "b=c".to_owned())]);
        assert!(metadata(&["a".to_owned()]).is_err());
    }
}
