mod show;
mod transfer;

use anyhow::{Context, Result};
use async_nats::jetstream::object_store::{self, InfoErrorKind, ObjectInfo, ObjectStore};
use serde_json::json;

use super::confirm;
use super::kv::{placement, storage};
use crate::api;
use crate::args::object::{Add, Command, Info, Rm};
use crate::context::Session;
use crate::output;
use crate::problem::{ApiError, Problem};

pub(super) async fn run(session: &Session, command: Command) -> Result<()> {
    match command {
        Command::Add(args) => add(session, &args).await,
        Command::Put(args) => transfer::put(session, &args).await,
        Command::Get(args) => transfer::get(session, &args).await,
        Command::Rm(args) => rm(session, &args).await,
        Command::Info(args) => info(session, &args).await,
        Command::Ls(args) => show::ls(session, &args).await,
    }
}

/// The bucket, or an error that says what to do.
async fn bucket(session: &Session, name: &str) -> Result<ObjectStore> {
    let info = api::stream_info(session, &format!("OBJ_{name}")).await;
    info.map_err(|error| missing(error, name))?;
    session.js.get_object_store(name).await.with_context(|| format!("can't use bucket {name}"))
}

/// Says of a missing stream that its bucket is missing.
fn missing(error: anyhow::Error, bucket: &str) -> anyhow::Error {
    match error.downcast_ref::<ApiError>() {
        Some(api) if api.err_code == 10059 => Problem::new(format!("there is no bucket {bucket}"))
            .with_remedy("list the buckets with: tradewind object ls")
            .into(),
        _ => error,
    }
}

/// What is known of an object; none if it does not exist.
async fn find(store: &ObjectStore, name: &str) -> Result<Option<ObjectInfo>> {
    match store.info(name).await {
        Ok(info) => Ok((!info.deleted).then_some(info)),
        Err(error) if error.kind() == InfoErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("can't look up {name}")),
    }
}

fn not_found(bucket: &str, name: &str) -> Problem {
    Problem::new(format!("there is no object {bucket} > {name}"))
        .with_remedy(format!("list the objects with: tradewind object ls {bucket}"))
}

async fn add(session: &Session, args: &Add) -> Result<()> {
    let config = object_store::Config {
        bucket: args.bucket.clone(),
        description: args.description.clone(),
        max_age: args.ttl.unwrap_or_default(),
        max_bytes: args.max_bucket_size,
        storage: storage(args.storage),
        num_replicas: args.replicas,
        compression: args.compress.unwrap_or_default(),
        placement: placement(args.cluster.as_ref(), &args.tags),
    };
    let created = session.js.create_object_store(config).await;
    created.with_context(|| format!("can't create bucket {}", args.bucket))?;
    show::bucket_info(session, &args.bucket).await
}

async fn info(session: &Session, args: &Info) -> Result<()> {
    let Some(file) = &args.file else { return show::bucket_info(session, &args.bucket).await };
    let store = bucket(session, &args.bucket).await?;
    let found = find(&store, file).await?.ok_or_else(|| not_found(&args.bucket, file))?;
    show::object_info(session, &found)
}

async fn rm(session: &Session, args: &Rm) -> Result<()> {
    let name = &args.bucket;
    let store = bucket(session, name).await?;
    let Some(file) = &args.file else {
        if confirm(args.force, &format!("Delete bucket {name} and all its files"))? {
            let deleted = session.js.delete_object_store(name).await;
            deleted.with_context(|| format!("can't delete bucket {name}"))?;
            if session.out.is_json() {
                session.out.json(&json!({"bucket": name, "deleted": true}))?;
            }
        }
        return Ok(());
    };
    let found = find(&store, file).await?.ok_or_else(|| not_found(name, file))?;
    let size = output::size(u64::try_from(found.size)?);
    if !confirm(args.force, &format!("Delete {size} file {name} > {file}"))? {
        return Ok(());
    }
    store.delete(file).await.with_context(|| format!("can't delete {name} > {file}"))?;
    if session.out.is_json() {
        return session.out.json(&json!({"bucket": name, "name": file, "deleted": true}));
    }
    session.out.line(&format!("Removed {name} > {file}"))?;
    show::bucket_info(session, name).await
}
