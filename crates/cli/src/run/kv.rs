mod show;
mod watch;

use anyhow::{Context, Result};
use async_nats::jetstream::kv::{self, CreateErrorKind, Operation, Store, UpdateErrorKind};
use async_nats::jetstream::stream::{Placement, Republish, StorageType};
use bytes::Bytes;
use serde_json::json;

use super::compose::value_or_stdin;
use super::confirm;
use crate::api;
use crate::args::kv::{Add, Command, Del, Get, Purge};
use crate::args::stream::Storage;
use crate::context::Session;
use crate::output;
use crate::problem::{ApiError, Problem};

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Add(args) => add(session, &args).await,
        Command::Put(args) => {
            let store = bucket(session, &args.bucket).await?;
            let value = value_or_stdin(args.value.as_deref())?;
            let revision = store.put(&args.key, value.clone()).await;
            let revision =
                revision.with_context(|| format!("can't put {} > {}", args.bucket, args.key))?;
            written(session, (&args.bucket, &args.key), &value, revision)
        }
        Command::Create(args) => {
            let store = bucket(session, &args.bucket).await?;
            let value = value_or_stdin(args.value.as_deref())?;
            let created = match args.ttl {
                Some(ttl) => store.create_with_ttl(&args.key, value.clone(), ttl).await,
                None => store.create(&args.key, value.clone()).await,
            };
            let revision =
                created.map_err(|error| create_problem(&args.bucket, &args.key, &error))?;
            written(session, (&args.bucket, &args.key), &value, revision)
        }
        Command::Update(args) => {
            let store = bucket(session, &args.bucket).await?;
            let value = Bytes::from(args.value.clone());
            let updated = store.update(&args.key, value.clone(), args.revision).await;
            let revision = updated.map_err(|error| match error.kind() {
                UpdateErrorKind::WrongLastRevision => Problem::new(format!(
                    "{} > {} is no longer at revision {}",
                    args.bucket, args.key, args.revision
                ))
                .with_remedy(format!("see it with: tradewind kv get {} {}", args.bucket, args.key)),
                _ => Problem::new(format!("can't update {} > {}: {error}", args.bucket, args.key)),
            })?;
            written(session, (&args.bucket, &args.key), &value, revision)
        }
        Command::Get(args) => get(session, &args).await,
        Command::Del(args) => del(session, &args).await,
        Command::Purge(args) => purge(session, &args).await,
        Command::History(args) => show::history(session, &args.bucket, &args.key).await,
        Command::Info(args) => show::info(session, &args.bucket).await,
        Command::Watch(args) => watch::run(session, &args).await,
        Command::Ls(args) => show::ls(session, &args).await,
    }
}

/// The bucket, or an error that says what to do.
async fn bucket(session: &Session, name: &str) -> Result<Store> {
    let info = api::stream_info(session, &format!("KV_{name}")).await;
    info.map_err(|error| missing(error, name))?;
    session.js.get_key_value(name).await.with_context(|| format!("can't use bucket {name}"))
}

/// Says of a missing stream that its bucket is missing.
fn missing(error: anyhow::Error, bucket: &str) -> anyhow::Error {
    match error.downcast_ref::<ApiError>() {
        Some(api) if api.err_code == 10059 => Problem::new(format!("there is no bucket {bucket}"))
            .with_remedy("list the buckets with: tradewind kv ls")
            .into(),
        _ => error,
    }
}

fn create_problem(bucket: &str, key: &str, error: &kv::CreateError) -> Problem {
    match error.kind() {
        CreateErrorKind::AlreadyExists => {
            Problem::new(format!("{bucket} > {key} has a value already"))
                .with_remedy(format!("replace it with: tradewind kv put {bucket} {key} <value>"))
        }
        _ => Problem::new(format!("can't create {bucket} > {key}: {error}")),
    }
}

/// Shows what was written, as nats does.
fn written(
    session: &Session,
    (bucket, key): (&str, &str),
    value: &Bytes,
    revision: u64,
) -> Result<()> {
    if session.out.is_json() {
        return session.out.json(&json!({"bucket": bucket, "key": key, "revision": revision}));
    }
    session.out.body(value)
}

/// Where buckets are kept.
pub(super) fn storage(storage: Storage) -> StorageType {
    match storage {
        Storage::File => StorageType::File,
        Storage::Memory => StorageType::Memory,
    }
}

/// Which servers buckets are on.
pub(super) fn placement(cluster: Option<&String>, tags: &[String]) -> Option<Placement> {
    (cluster.is_some() || !tags.is_empty())
        .then(|| Placement { cluster: cluster.cloned(), tags: tags.to_vec() })
}

async fn add(session: &Session, args: &Add) -> Result<()> {
    let republish = args.republish_destination.as_ref().map(|destination| Republish {
        source: args.republish_source.clone().unwrap_or_else(|| ">".to_owned()),
        destination: destination.clone(),
        headers_only: args.republish_headers,
    });
    let config = kv::Config {
        bucket: args.bucket.clone(),
        description: args.description.clone().unwrap_or_default(),
        max_value_size: i32::try_from(args.max_value_size)
            .map_err(|_| Problem::usage("--max-value-size is at most 2GB"))?,
        history: args.history,
        max_age: args.ttl.unwrap_or_default(),
        max_bytes: args.max_bucket_size,
        storage: storage(args.storage),
        num_replicas: args.replicas,
        republish,
        compression: args.compress.unwrap_or_default(),
        placement: placement(args.cluster.as_ref(), &args.tags),
        limit_markers: args.marker_ttl,
        ..Default::default()
    };
    let created = session.js.create_key_value(config).await;
    created.with_context(|| format!("can't create bucket {}", args.bucket))?;
    show::info(session, &args.bucket).await
}

async fn get(session: &Session, args: &Get) -> Result<()> {
    let store = bucket(session, &args.bucket).await?;
    let found = match args.revision {
        Some(revision) => store.entry_for_revision(&args.key, revision).await,
        None => store.entry(&args.key).await,
    };
    let found = found.with_context(|| format!("can't get {} > {}", args.bucket, args.key))?;
    let entry = found.filter(|entry| entry.operation == Operation::Put).ok_or_else(|| {
        Problem::new(format!("{} > {} has no value: key not found", args.bucket, args.key))
            .with_remedy(format!("list the keys with: tradewind kv ls {}", args.bucket))
    })?;
    if session.out.is_json() {
        return session.out.json(&show::to_json(&entry));
    }
    if args.raw {
        return session.out.raw(&entry.value);
    }
    let created = output::local_time(output::timestamp(entry.created));
    let heading = format!(
        "{} > {} revision: {} created @ {created}",
        entry.bucket, entry.key, entry.revision
    );
    session.out.line(&format!("{heading}\n"))?;
    let text = output::printable(&entry.value);
    let length = text.chars().count();
    if 120 < length {
        session.out.line(&format!(
            "Showing first 120 characters of {length}, use --raw for full data\n"
        ))?;
    }
    session.out.line(&format!("{}\n", text.chars().take(120).collect::<String>()))
}

async fn del(session: &Session, args: &Del) -> Result<()> {
    let bucket_name = &args.bucket;
    let Some(key) = &args.key else {
        bucket(session, bucket_name).await?;
        if confirm(args.force, &format!("Delete bucket {bucket_name}"))? {
            let deleted = session.js.delete_key_value(bucket_name).await;
            deleted.with_context(|| format!("can't delete bucket {bucket_name}"))?;
            done(session, &json!({"bucket": bucket_name, "deleted": true}))?;
        }
        return Ok(());
    };
    let store = bucket(session, bucket_name).await?;
    if confirm(args.force, &format!("Delete key {bucket_name} > {key}"))? {
        store.delete(key).await.with_context(|| format!("can't delete {bucket_name} > {key}"))?;
        done(session, &json!({"bucket": bucket_name, "key": key, "deleted": true}))?;
    }
    Ok(())
}

async fn purge(session: &Session, args: &Purge) -> Result<()> {
    let store = bucket(session, &args.bucket).await?;
    if !confirm(args.force, &format!("Purge key {} > {}", args.bucket, args.key))? {
        return Ok(());
    }
    let purged = match args.ttl {
        Some(ttl) => store.purge_with_ttl(&args.key, ttl).await,
        None => store.purge(&args.key).await,
    };
    purged.with_context(|| format!("can't purge {} > {}", args.bucket, args.key))?;
    done(session, &json!({"bucket": args.bucket, "key": args.key, "purged": true}))
}

/// Says to programs that it is done; people see no error.
fn done(session: &Session, what: &serde_json::Value) -> Result<()> {
    if session.out.is_json() { session.out.json(what) } else { Ok(()) }
}
