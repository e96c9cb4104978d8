mod config;
mod info;
mod view;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::{confirm, is_bucket};
use crate::args::stream::{Add, Command, Ls, Purge, Rm, Rmm};
use crate::context::Session;
use crate::output::{self, Table};
use crate::problem::Problem;
use crate::{api, fields};

pub(super) use config::{from_file, nanos};
pub(super) use info::{api_level, cluster, metadata, title_case};

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Add(args) => add(session, &args).await,
        Command::Ls(args) => ls(session, &args).await,
        Command::Info(args) => info(session, &args.stream, args.state).await,
        Command::State(args) => info(session, &args.stream, true).await,
        Command::View(args) => view::view(session, &args).await,
        Command::Get(args) => view::get(session, &args).await,
        Command::Rmm(args) => rmm(session, &args).await,
        Command::Purge(args) => purge(session, &args).await,
        Command::Rm(args) => rm(session, &args).await,
    }
}

async fn add(session: &Session, args: &Add) -> Result<()> {
    let config = config::build(args)?;
    if args.validate {
        return session.out.json(&config);
    }
    if let Some(file) = &session.file {
        let text = serde_json::to_string_pretty(&config)?;
        return std::fs::write(file, text).with_context(|| format!("can't write {file}"));
    }
    let name = api::name(fields::text(&config, "/name"))?;
    let created = api::call(session, &format!("STREAM.CREATE.{name}"), &config).await;
    let created = created.with_context(|| format!("can't create stream {name}"))?;
    if session.out.is_json() {
        return session.out.json(&without_type(created));
    }
    session.out.line(&format!("Stream {name} was created\n"))?;
    session.out.columns(&info::columns(&created, false))?;
    session.out.line("")
}

async fn ls(session: &Session, args: &Ls) -> Result<()> {
    let mut body = Map::new();
    if let Some(subject) = &args.subject {
        body.insert("subject".to_owned(), subject.as_str().into());
    }
    let mut streams = api::all(session, "STREAM.LIST", "streams", body.into()).await?;
    let found = streams.len();
    streams.retain(|stream| args.all || !is_bucket(fields::text(stream, "/config/name")));
    streams.sort_by(|a, b| {
        let key =
            |stream| (fields::uint(stream, "/state/bytes"), fields::text(stream, "/config/name"));
        key(a).cmp(&key(b))
    });
    let names = || streams.iter().map(|stream| fields::text(stream, "/config/name"));
    if session.out.is_json() {
        return session.out.json(&names().collect());
    }
    if args.names {
        return names().try_for_each(|name| session.out.line(name));
    }
    if streams.is_empty() {
        let more = if found == 0 { "" } else { ", pass -a to include system streams" };
        return session.out.line(&format!("No Streams defined{more}"));
    }
    let title = match &args.subject {
        Some(subject) => format!("Streams matching {subject}"),
        None => "Streams".to_owned(),
    };
    let headings = ["Name", "Description", "Created", "Messages", "Size", "Last Message"];
    let mut table = Table::new(title, &headings);
    for stream in &streams {
        table.row(vec![
            fields::text(stream, "/config/name").to_owned(),
            fields::text(stream, "/config/description").to_owned(),
            fields::time(stream, "/created").map(output::local_time).unwrap_or_default(),
            output::comma(fields::uint(stream, "/state/messages")),
            output::size(fields::uint(stream, "/state/bytes")),
            output::ago(fields::time(stream, "/state/last_ts")),
        ]);
    }
    session.out.table(&table)
}

async fn info(session: &Session, stream: &str, state_only: bool) -> Result<()> {
    let info = api::stream_info(session, stream).await;
    let info = info.with_context(|| format!("can't load stream {stream}"))?;
    if session.out.is_json() {
        return session.out.json(&if state_only {
            info["state"].clone()
        } else {
            without_type(info)
        });
    }
    session.out.columns(&info::columns(&info, state_only))?;
    session.out.line("")
}

/// The answer without the name of its schema, as nats shows it.
pub(super) fn without_type(answer: Value) -> Value {
    let mut answer = answer;
    if let Some(object) = answer.as_object_mut() {
        object.shift_remove("type");
        object.shift_remove("did_create");
    }
    answer
}

async fn rmm(session: &Session, args: &Rmm) -> Result<()> {
    let question = format!("Really remove message {} from Stream {}", args.id, args.stream);
    if !confirm(args.force, &question)? {
        return Ok(());
    }
    let subject = format!("STREAM.MSG.DELETE.{}", api::name(&args.stream)?);
    let answer = api::call(session, &subject, &json!({"seq": args.id})).await;
    let answer = answer
        .with_context(|| format!("can't delete message {} of stream {}", args.id, args.stream))?;
    if session.out.is_json() { session.out.json(&without_type(answer)) } else { Ok(()) }
}

async fn purge(session: &Session, args: &Purge) -> Result<()> {
    if !confirm(args.force, &format!("Really purge Stream {}", args.stream))? {
        return Ok(());
    }
    let mut body = Map::new();
    if let Some(subject) = &args.subject {
        body.insert("filter".to_owned(), subject.as_str().into());
    }
    if let Some(seq) = args.seq {
        body.insert("seq".to_owned(), seq.into());
    }
    if let Some(keep) = args.keep {
        body.insert("keep".to_owned(), keep.into());
    }
    let subject = format!("STREAM.PURGE.{}", api::name(&args.stream)?);
    let answer = api::call(session, &subject, &body.into()).await;
    let answer = answer.with_context(|| format!("can't purge stream {}", args.stream))?;
    if session.out.is_json() {
        return session.out.json(&without_type(answer));
    }
    let purged = output::quantity(fields::uint(&answer, "/purged"), "message");
    session.out.line(&format!("Purged {purged} from {}\n", args.stream))?;
    info(session, &args.stream, true).await
}

async fn rm(session: &Session, args: &Rm) -> Result<()> {
    if !confirm(args.force, &format!("Really delete Stream {}", args.stream))? {
        return Ok(());
    }
    let subject = format!("STREAM.DELETE.{}", api::name(&args.stream)?);
    let answer = api::call(session, &subject, &json!({})).await;
    let answer = answer.with_context(|| format!("can't delete stream {}", args.stream))?;
    if session.out.is_json() {
        return session.out.json(&without_type(answer));
    }
    if !fields::flag(&answer, "/success") {
        return Err(
            Problem::new(format!("the server did not delete stream {}", args.stream)).into()
        );
    }
    Ok(())
}
