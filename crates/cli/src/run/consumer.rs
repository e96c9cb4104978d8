mod config;
mod info;
mod receive;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::confirm;
use super::stream::without_type;
use crate::args::consumer::{Add, Command, Ls, Rm};
use crate::context::Session;
use crate::output::{self, Table};
use crate::{api, fields};

pub(super) use receive::one_by_one;

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Add(args) => add(session, &args).await,
        Command::Ls(args) => ls(session, &args).await,
        Command::Info(args) => info(session, &args.stream, &args.consumer, false).await,
        Command::State(args) => info(session, &args.stream, &args.consumer, true).await,
        Command::Next(args) => receive::next(session, &args).await,
        Command::Sub(args) => receive::sub(session, &args).await,
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
    let stream = api::name(&args.stream)?;
    let name = match fields::text(&config, "/durable_name") {
        "" => fields::text(&config, "/name"),
        durable => durable,
    };
    let filter = fields::text(&config, "/filter_subject");
    let subject = match (name, filter) {
        ("", _) => format!("CONSUMER.CREATE.{stream}"),
        (name, "") => format!("CONSUMER.CREATE.{stream}.{}", api::name(name)?),
        (name, filter) => format!("CONSUMER.CREATE.{stream}.{}.{filter}", api::name(name)?),
    };
    let request = json!({"stream_name": stream, "config": config, "action": "create"});
    let created = api::call(session, &subject, &request).await;
    let created = created.with_context(|| format!("can't create consumer {stream} > {name}"))?;
    show(session, created, false)
}

fn show(session: &Session, info: Value, state_only: bool) -> Result<()> {
    if session.out.is_json() {
        return session.out.json(&without_type(info));
    }
    session.out.columns(&info::columns(&info, state_only))?;
    session.out.line("")
}

async fn info(session: &Session, stream: &str, consumer: &str, state_only: bool) -> Result<()> {
    let info = api::consumer_info(session, stream, consumer).await;
    let info = info.with_context(|| format!("can't load consumer {stream} > {consumer}"))?;
    show(session, info, state_only)
}

async fn ls(session: &Session, args: &Ls) -> Result<()> {
    let subject = format!("CONSUMER.LIST.{}", api::name(&args.stream)?);
    let consumers = api::all(session, &subject, "consumers", json!({})).await;
    let mut consumers =
        consumers.with_context(|| format!("can't list the consumers of stream {}", args.stream))?;
    consumers.sort_by(|a, b| fields::text(a, "/name").cmp(fields::text(b, "/name")));
    let names = || consumers.iter().map(|consumer| fields::text(consumer, "/name"));
    if session.out.is_json() {
        return session.out.json(&names().collect());
    }
    if args.names {
        return names().try_for_each(|name| session.out.line(name));
    }
    if consumers.is_empty() {
        return session.out.line("No Consumers defined");
    }
    let headings =
        ["Name", "Description", "Created", "Ack Pending", "Unprocessed", "Last Delivery"];
    let mut table = Table::new("Consumers", &headings);
    for consumer in &consumers {
        table.row(vec![
            fields::text(consumer, "/name").to_owned(),
            fields::text(consumer, "/config/description").to_owned(),
            fields::time(consumer, "/created").map(output::local_time).unwrap_or_default(),
            output::comma(fields::uint(consumer, "/num_ack_pending")),
            output::comma(fields::uint(consumer, "/num_pending")),
            output::ago(fields::time(consumer, "/delivered/last_active")),
        ]);
    }
    session.out.table(&table)
}

async fn rm(session: &Session, args: &Rm) -> Result<()> {
    let (stream, consumer) = (api::name(&args.stream)?, api::name(&args.consumer)?);
    if !confirm(args.force, &format!("Really delete Consumer {stream} > {consumer}"))? {
        return Ok(());
    }
    let answer =
        api::call(session, &format!("CONSUMER.DELETE.{stream}.{consumer}"), &json!({})).await;
    let answer = answer.with_context(|| format!("can't delete consumer {stream} > {consumer}"))?;
    if session.out.is_json() { session.out.json(&without_type(answer)) } else { Ok(()) }
}
