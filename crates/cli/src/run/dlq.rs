mod replay;
mod show;

use anyhow::Result;
use serde_json::{Value, json};
use tradewind_bus::{DeadLetter, DeadLetterStore, ManageError};

use super::confirm;
use crate::args::dlq::{Command, Purge, Rm};
use crate::context::Session;
use crate::output;
use crate::problem::{ApiError, Problem};
use crate::{api, fields};

/// Dead letters that are fetched before the first of them is used.
const PAGE: usize = 100;

/// No such stream.
const STREAM_NOT_FOUND: i64 = 10059;

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Ls(args) => show::ls(session, &args).await,
        Command::View(args) => show::view(session, &args).await,
        Command::Replay(args) => replay::run(session, &args).await,
        Command::Rm(args) => rm(session, &args).await,
        Command::Purge(args) => purge(session, &args).await,
    }
}

/// Whether a stream is made for dead letters.
fn holds_dead_letters(stream: &Value) -> bool {
    fields::text(stream, "/config/description") == "dead letters"
        || fields::text(stream, "/config/name").ends_with("-dlq")
}

/// Whether a message of a stream is a dead letter.
fn is_dead(letter: &DeadLetter) -> bool {
    !letter.subject.is_empty()
}

/// The dead letters in a stream, and what the server says of it.
///
/// # Errors
///
/// If there is no such stream, or something else is in it.
async fn open(session: &Session, stream: &str) -> Result<(DeadLetterStore, Value)> {
    let info = api::stream_info(session, stream).await;
    let info = info.map_err(|error| missing(error, stream))?;
    let (client, context) = (session.client.clone(), session.js.clone());
    let letters = DeadLetterStore::with_client(client, context, stream).await?;
    if !holds_dead_letters(&info) && !letters.list(1, 1).await?.first().is_some_and(is_dead) {
        let problem = Problem::new(format!("{stream} is not a stream of dead letters"));
        return Err(problem.with_remedy("list those with: tradewind dlq ls").into());
    }
    Ok((letters, info))
}

/// Says of a missing stream which ones there are.
fn missing(error: anyhow::Error, stream: &str) -> anyhow::Error {
    match error.downcast_ref::<ApiError>() {
        Some(api) if api.err_code == STREAM_NOT_FOUND => {
            Problem::new(format!("there is no stream {stream}"))
                .with_remedy("list the streams of dead letters with: tradewind dlq ls")
                .into()
        }
        _ => error,
    }
}

/// The dead letter, or an error that says what to do.
async fn letter(letters: &DeadLetterStore, stream: &str, sequence: u64) -> Result<DeadLetter> {
    match letters.view(sequence).await {
        Ok(letter) if is_dead(&letter) => Ok(letter),
        Ok(_) => Err(Problem::new(format!("message {sequence} of {stream} is no dead letter"))
            .with_remedy(format!("see it with: tradewind stream get {stream} {sequence}"))
            .into()),
        Err(ManageError::NotFound { .. }) => {
            Err(Problem::new(format!("{stream} has no dead letter {sequence}"))
                .with_remedy(format!("list them with: tradewind dlq ls {stream}"))
                .into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn rm(session: &Session, args: &Rm) -> Result<()> {
    let (letters, _) = open(session, &args.stream).await?;
    // All or none, as far as that can be known beforehand.
    for &sequence in &args.sequences {
        letter(&letters, &args.stream, sequence).await?;
    }
    let mut sequences = args.sequences.clone();
    sequences.sort_unstable();
    sequences.dedup();
    for &sequence in &sequences {
        letters.remove(sequence).await?;
    }
    if session.out.is_json() {
        return session.out.json(&json!({"stream": args.stream, "deleted": sequences}));
    }
    let deleted = output::quantity(u64::try_from(sequences.len())?, "dead letter");
    session.out.line(&format!("Deleted {deleted} from {}", args.stream))
}

async fn purge(session: &Session, args: &Purge) -> Result<()> {
    let (letters, info) = open(session, &args.stream).await?;
    let count = output::quantity(fields::uint(&info, "/state/messages"), "dead letter");
    if !confirm(args.force, &format!("Really delete {count} from {}", args.stream))? {
        return Ok(());
    }
    let purged = letters.purge().await?;
    if session.out.is_json() {
        return session.out.json(&json!({"stream": args.stream, "purged": purged}));
    }
    let purged = output::quantity(purged, "dead letter");
    session.out.line(&format!("Deleted {purged} from {}", args.stream))
}
