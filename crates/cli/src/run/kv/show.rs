//! Buckets and keys as users see them.

use anyhow::{Context, Result};
use async_nats::jetstream::kv::{Entry, Operation};
use futures_util::TryStreamExt;
use serde_json::{Map, Value, json};

use super::bucket;
use crate::args::kv::Ls;
use crate::context::Session;
use crate::output::{self, Columns, Table, comma, size, yes};
use crate::{api, fields};

/// The name nats gives to an operation.
pub(super) fn operation(entry: &Entry) -> &'static str {
    match entry.operation {
        Operation::Put => "PUT",
        Operation::Delete => "DELETE",
        Operation::Purge => "PURGE",
    }
}

/// An entry as JSON.
pub(super) fn to_json(entry: &Entry) -> Value {
    let mut object = Map::new();
    object.insert("bucket".to_owned(), entry.bucket.as_str().into());
    object.insert("key".to_owned(), entry.key.as_str().into());
    object.insert("revision".to_owned(), entry.revision.into());
    object.insert("operation".to_owned(), operation(entry).into());
    object.insert("created".to_owned(), output::timestamp(entry.created).to_string().into());
    output::put_body(&mut object, "value", &entry.value);
    object.into()
}

/// All values of a key.
pub(super) async fn history(session: &Session, bucket_name: &str, key: &str) -> Result<()> {
    let store = bucket(session, bucket_name).await?;
    let entries = store.history(key).await;
    let entries =
        entries.with_context(|| format!("can't read the history of {bucket_name} > {key}"))?;
    let entries: Vec<Entry> = entries.try_collect().await?;
    if session.out.is_json() {
        return session.out.json(&entries.iter().map(to_json).collect());
    }
    let headings = ["Key", "Revision", "Op", "Created", "Length", "Value"];
    let mut table = Table::new(format!("History for {bucket_name} > {key}"), &headings);
    for entry in &entries {
        table.row(vec![
            entry.key.clone(),
            entry.revision.to_string(),
            operation(entry).to_owned(),
            output::local_time(output::timestamp(entry.created)),
            comma(i64::try_from(entry.value.len())?),
            output::shortened(&output::printable(&entry.value)),
        ]);
    }
    session.out.table(&table)
}

/// All about a bucket.
pub(super) async fn info(session: &Session, bucket_name: &str) -> Result<()> {
    let info = api::stream_info(session, &format!("KV_{bucket_name}")).await;
    let info = info.map_err(|error| super::missing(error, bucket_name))?;
    if session.out.is_json() {
        return session.out.json(&json!({
            "bucket": bucket_name,
            "description": fields::text(&info, "/config/description"),
            "history": fields::int(&info, "/config/max_msgs_per_subject"),
            "values": fields::uint(&info, "/state/messages"),
            "bytes": fields::uint(&info, "/state/bytes"),
            "max_age": fields::int(&info, "/config/max_age"),
            "storage": fields::text(&info, "/config/storage"),
            "created": fields::text(&info, "/created"),
            "stream_info": crate::run::stream::without_type(info.clone()),
        }));
    }
    session.out.columns(&columns(bucket_name, &info))?;
    session.out.line("")
}

fn columns(bucket_name: &str, info: &Value) -> Columns {
    let limit = |path: &str| match u64::try_from(fields::int(info, path)) {
        Ok(0) | Err(_) => "unlimited".to_owned(),
        Ok(bytes) => size(bytes),
    };
    let created = fields::time(info, "/created").map(output::local_time).unwrap_or_default();
    let heading = format!("Information for Key-Value Store Bucket {bucket_name} created {created}");
    let mut columns = Columns::new(heading);
    let age = fields::duration(info, "/config/max_age");
    let compressed = !matches!(fields::text(info, "/config/compression"), "" | "none");
    columns.section("Configuration");
    columns.row("Bucket Name", bucket_name);
    columns.row("History Kept", comma(fields::int(info, "/config/max_msgs_per_subject")));
    columns.row("Values Stored", comma(fields::uint(info, "/state/messages")));
    columns.row("Compressed", yes(compressed));
    columns.row("Backing Store Kind", "JetStream");
    columns.row_if("Description", fields::text(info, "/config/description"));
    columns.row("Bucket Size", size(fields::uint(info, "/state/bytes")));
    columns.row("Maximum Bucket Size", limit("/config/max_bytes"));
    columns.row("Maximum Value Size", limit("/config/max_msg_size"));
    columns.row(
        "Maximum Age",
        if age.is_zero() { "unlimited".to_owned() } else { output::duration(age) },
    );
    columns.row("JetStream Stream", fields::text(info, "/config/name"));
    columns.row("Storage", crate::run::stream::title_case(fields::text(info, "/config/storage")));
    let destination = fields::text(info, "/config/republish/dest");
    if !destination.is_empty() {
        let source = fields::text(info, "/config/republish/src");
        columns.row("Republishing", format!("{source} to {destination}"));
    }
    crate::run::stream::cluster(&mut columns, info);
    columns
}

/// The buckets, or the keys of one.
pub(super) async fn ls(session: &Session, args: &Ls) -> Result<()> {
    match &args.bucket {
        Some(bucket_name) => keys(session, args, bucket_name).await,
        None => buckets(session, args).await,
    }
}

async fn buckets(session: &Session, args: &Ls) -> Result<()> {
    let mut found = api::all(session, "STREAM.LIST", "streams", json!({})).await?;
    let name = |stream: &Value| -> Option<String> {
        fields::text(stream, "/config/name").strip_prefix("KV_").map(str::to_owned)
    };
    found.retain(|stream| name(stream).is_some());
    found.sort_by_key(|stream| fields::uint(stream, "/state/bytes"));
    if session.out.is_json() {
        return session.out.json(&found.iter().filter_map(name).map(Value::from).collect());
    }
    if args.names {
        return found.iter().filter_map(name).try_for_each(|name| session.out.line(&name));
    }
    if found.is_empty() {
        return session.out.line("No Key-Value buckets found");
    }
    let headings = ["Bucket", "Description", "Created", "Size", "Values", "Last Update"];
    let mut table = Table::new("Key-Value Buckets", &headings);
    for stream in &found {
        table.row(vec![
            name(stream).unwrap_or_default(),
            fields::text(stream, "/config/description").to_owned(),
            fields::time(stream, "/created").map(output::local_time).unwrap_or_default(),
            size(fields::uint(stream, "/state/bytes")),
            comma(fields::uint(stream, "/state/messages")),
            output::ago(fields::time(stream, "/state/last_ts")),
        ]);
    }
    session.out.table(&table)
}

async fn keys(session: &Session, args: &Ls, bucket_name: &str) -> Result<()> {
    let store = bucket(session, bucket_name).await?;
    let keys =
        store.keys().await.with_context(|| format!("can't list the keys of {bucket_name}"))?;
    let mut keys: Vec<String> = keys.try_collect().await?;
    if let Some(filter) = &args.key {
        keys.retain(|key| crate::run::matches(filter, key));
    }
    if session.out.is_json() && !args.verbose {
        return session.out.json(&json!(keys));
    }
    if !args.verbose {
        if keys.is_empty() {
            return session.out.line("No keys found in bucket");
        }
        return keys.iter().try_for_each(|key| session.out.line(key));
    }
    let mut entries = Vec::new();
    for key in &keys {
        // A key may be gone since it was listed.
        entries
            .extend(store.entry(key.as_str()).await.with_context(|| format!("can't get {key}"))?);
    }
    if session.out.is_json() {
        return session.out.json(&entries.iter().map(to_json).collect());
    }
    let mut headings = vec!["Key", "Created", "Delta", "Revision"];
    if args.display_value {
        headings.push("Value");
    }
    let mut table = Table::new(format!("Contents for bucket '{bucket_name}'"), &headings);
    for entry in &entries {
        let mut row = vec![
            entry.key.clone(),
            output::local_time(output::timestamp(entry.created)),
            entry.delta.to_string(),
            entry.revision.to_string(),
        ];
        if args.display_value {
            row.push(output::printable(&entry.value));
        }
        table.row(row);
    }
    session.out.table(&table)
}
