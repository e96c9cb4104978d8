//! Dead letters that are tried again.

use std::io::{self, IsTerminal};

use anyhow::Result;
use serde_json::{Map, Value};
use tradewind_bus::{DeadLetterStore, PubAck};

use super::{PAGE, letter, open};
use crate::args::dlq::Replay;
use crate::context::Session;
use crate::fields;
use crate::output::{Color, Progress, quantity};
use crate::problem::Problem;

/// From this many dead letters on, it is shown how far it got.
const PROGRESS_MIN: u64 = 20;

/// What became of a dead letter: where it was or would be published; its new place, if it has one.
struct Done {
    subject: String,
    ack: Option<PubAck>,
}

pub(super) async fn run(session: &Session, args: &Replay) -> Result<()> {
    if args.sequences.is_empty() && !args.all {
        let stream = &args.stream;
        let problem = Problem::usage("which dead letters are to be replayed is missing");
        return Err(problem
            .with_remedy(format!(
                "name their sequences (tradewind dlq replay {stream} 1 2), or all with --all"
            ))
            .into());
    }
    let (letters, info) = open(session, &args.stream).await?;
    let mut replay = Replaying::new(session, args, &letters);
    if args.all {
        replay.total = fields::uint(&info, "/state/messages");
        replay.all(fields::uint(&info, "/state/last_seq")).await?;
    } else {
        let mut sequences = args.sequences.clone();
        sequences.sort_unstable();
        sequences.dedup();
        replay.total = u64::try_from(sequences.len())?;
        replay.these(&sequences).await?;
    }
    replay.finish()
}

/// A replay under way.
struct Replaying<'a> {
    session: &'a Session,
    args: &'a Replay,
    letters: &'a DeadLetterStore,
    total: u64,
    done: u64,
    failed: u64,
    /// Why the first one failed.
    first_error: Option<anyhow::Error>,
}

impl<'a> Replaying<'a> {
    fn new(session: &'a Session, args: &'a Replay, letters: &'a DeadLetterStore) -> Replaying<'a> {
        let (total, done, failed, first_error) = (0, 0, 0, None);
        Replaying { session, args, letters, total, done, failed, first_error }
    }

    fn progress(&self) -> Progress {
        // On a terminal the lines show how far it is.
        let wanted = PROGRESS_MIN < self.total && !io::stdout().is_terminal();
        Progress::messages(self.total, wanted && !self.session.out.is_json())
    }

    /// Those up to `last`: what dies again meanwhile waits for the next time.
    async fn all(&mut self, last: u64) -> Result<()> {
        let mut progress = self.progress();
        let mut next = 1;
        while next <= last {
            let page = self.letters.list(next, PAGE).await?;
            let Some(end) = page.last().map(|letter| letter.sequence) else { break };
            for letter in page.iter().filter(|letter| letter.sequence <= last) {
                self.one(letter.sequence).await?;
                progress.advance(1);
            }
            next = end + 1;
        }
        progress.finish();
        Ok(())
    }

    async fn these(&mut self, sequences: &[u64]) -> Result<()> {
        let mut progress = self.progress();
        for &sequence in sequences {
            self.one(sequence).await?;
            progress.advance(1);
        }
        progress.finish();
        Ok(())
    }

    /// Replays one, and says what became of it.
    async fn one(&mut self, sequence: u64) -> Result<()> {
        let outcome = self.attempt(sequence).await;
        self.say(sequence, &outcome)?;
        match outcome {
            Ok(_) => self.done += 1,
            Err(error) => {
                self.failed += 1;
                self.first_error.get_or_insert(error);
            }
        }
        Ok(())
    }

    async fn attempt(&self, sequence: u64) -> Result<Done> {
        let subject = letter(self.letters, &self.args.stream, sequence).await?.subject;
        if self.args.dry_run {
            return Ok(Done { subject, ack: None });
        }
        let replayed = self.letters.replay(sequence).await?;
        Ok(Done { subject, ack: Some(replayed.result?) })
    }

    fn say(&self, sequence: u64, outcome: &Result<Done>) -> Result<()> {
        let out = &self.session.out;
        if out.is_json() {
            return out.json_line(&to_json(sequence, outcome));
        }
        let line = match outcome {
            Ok(Done { subject, ack: None }) => format!("{sequence}: would go to {subject}"),
            Ok(Done { subject, ack: Some(ack) }) => {
                let again = if ack.duplicate { ", where it was already" } else { "" };
                format!("{sequence}: {subject}, {} seq {}{again}", ack.stream, ack.sequence)
            }
            Err(error) => format!("{sequence}: {}: {error:#}", out.paint(Color::Red, "failed")),
        };
        out.line(&line)
    }

    /// The end of it, which is an error if one of them failed.
    fn finish(self) -> Result<()> {
        if let Some(error) = self.first_error {
            let failed = quantity(self.failed, "dead letter");
            let of = self.done + self.failed;
            return Err(if of == 1 {
                error
            } else {
                error.context(format!("{failed} of {of} failed; the first of them"))
            });
        }
        if self.done == 0 && !self.session.out.is_json() {
            return self.session.out.line(&format!("No dead letters in {}", self.args.stream));
        }
        Ok(())
    }
}

fn to_json(sequence: u64, outcome: &Result<Done>) -> Value {
    let mut object = Map::new();
    object.insert("sequence".to_owned(), sequence.into());
    match outcome {
        Ok(Done { subject, ack }) => {
            object.insert("subject".to_owned(), subject.as_str().into());
            match ack {
                None => object.insert("dry_run".to_owned(), true.into()),
                Some(ack) => {
                    object.insert("stream".to_owned(), ack.stream.as_str().into());
                    object.insert("stream_sequence".to_owned(), ack.sequence.into());
                    object.insert("duplicate".to_owned(), ack.duplicate.into())
                }
            };
        }
        Err(error) => {
            object.insert("error".to_owned(), format!("{error:#}").into());
        }
    }
    object.into()
}
