//! Buckets and objects as users see them.

use anyhow::{Context, Result};
use async_nats::jetstream::object_store::ObjectInfo;
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use super::{bucket, missing};
use crate::args::object::Ls;
use crate::context::Session;
use crate::output::{self, Columns, Table, comma, size, yes};
use crate::run::stream::{title_case, without_type};
use crate::{api, fields, headers};

/// All about a bucket.
pub(super) async fn bucket_info(session: &Session, name: &str) -> Result<()> {
    let info = api::stream_info(session, &format!("OBJ_{name}")).await;
    let info = info.map_err(|error| missing(error, name))?;
    if session.out.is_json() {
        return session.out.json(&json!({
            "bucket": name,
            "description": fields::text(&info, "/config/description"),
            "bytes": fields::uint(&info, "/state/bytes"),
            "ttl": fields::int(&info, "/config/max_age"),
            "sealed": fields::flag(&info, "/config/sealed"),
            "storage": fields::text(&info, "/config/storage"),
            "created": fields::text(&info, "/created"),
            "stream_info": without_type(info.clone()),
        }));
    }
    let created = fields::time(&info, "/created").map(output::local_time).unwrap_or_default();
    let mut columns =
        Columns::new(format!("Information for Object Store Bucket {name} created {created}"));
    let ttl = fields::duration(&info, "/config/max_age");
    let max = match u64::try_from(fields::int(&info, "/config/max_bytes")) {
        Ok(0) | Err(_) => "unlimited".to_owned(),
        Ok(bytes) => size(bytes),
    };
    columns.section("Configuration");
    columns.row("Bucket Name", name);
    columns.row_if("Description", fields::text(&info, "/config/description"));
    columns.row("Replicas", comma(fields::int(&info, "/config/num_replicas")));
    columns.row("TTL", if ttl.is_zero() { "unlimited".to_owned() } else { output::duration(ttl) });
    columns.row("Sealed", yes(fields::flag(&info, "/config/sealed")));
    columns.row("Size", size(fields::uint(&info, "/state/bytes")));
    columns.row("Maximum Bucket Size", max);
    columns.row("Storage", title_case(fields::text(&info, "/config/storage")));
    columns.row("Backing Store Kind", "JetStream");
    columns.row("JetStream Stream", fields::text(&info, "/config/name"));
    crate::run::stream::cluster(&mut columns, &info);
    session.out.columns(&columns)?;
    session.out.line("")
}

/// All about an object.
pub(super) fn object_info(session: &Session, info: &ObjectInfo) -> Result<()> {
    if session.out.is_json() {
        return session.out.json(&serde_json::to_value(info)?);
    }
    let mut columns =
        Columns::new(format!("Object information for {} > {}", info.bucket, info.name));
    columns.row_if("Description", info.description.as_deref().unwrap_or_default());
    columns.row("Size", size(u64::try_from(info.size)?));
    columns.row("Modification Time", modified(info));
    columns.row("Chunks", comma(i64::try_from(info.chunks)?));
    columns.row_if("Digest", &digest(info.digest.as_deref().unwrap_or_default()));
    if info.deleted {
        columns.row("Deleted", "true");
    }
    let pairs = info.headers.as_ref().map(headers::pairs).unwrap_or_default();
    for (idx, (name, value)) in pairs.iter().enumerate() {
        columns.row(if idx == 0 { "Headers" } else { "" }, format!("{name}: {value}"));
    }
    session.out.columns(&columns)
}

fn modified(info: &ObjectInfo) -> String {
    info.modified.map(|time| output::local_time(output::timestamp(time))).unwrap_or_default()
}

/// `SHA-256=<base64>` as `SHA-256 <hex>`.
fn digest(text: &str) -> String {
    let Some((algorithm, encoded)) = text.split_once('=') else { return text.to_owned() };
    let bytes = URL_SAFE.decode(encoded).or_else(|_| URL_SAFE_NO_PAD.decode(encoded));
    match bytes {
        Ok(bytes) => {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{algorithm} {}", hex.concat())
        }
        Err(_) => text.to_owned(),
    }
}

/// The buckets, or the objects of one.
pub(super) async fn ls(session: &Session, args: &Ls) -> Result<()> {
    match &args.bucket {
        Some(name) => objects(session, args, name).await,
        None => buckets(session, args).await,
    }
}

async fn objects(session: &Session, args: &Ls, name: &str) -> Result<()> {
    let store = bucket(session, name).await?;
    let found = store.list().await.with_context(|| format!("can't list the objects of {name}"))?;
    let found: Vec<ObjectInfo> = found.try_collect().await?;
    if session.out.is_json() {
        return session.out.json(&serde_json::to_value(found)?);
    }
    if args.names {
        return found.iter().try_for_each(|object| session.out.line(&object.name));
    }
    if found.is_empty() {
        return session.out.line("No entries found");
    }
    let mut table = Table::new("Bucket Contents", &["Name", "Size", "Time"]);
    for object in &found {
        let size = size(u64::try_from(object.size)?);
        table.row(vec![object.name.clone(), size, modified(object)]);
    }
    session.out.table(&table)
}

async fn buckets(session: &Session, args: &Ls) -> Result<()> {
    let mut found = api::all(session, "STREAM.LIST", "streams", json!({})).await?;
    let name = |stream: &Value| -> Option<String> {
        fields::text(stream, "/config/name").strip_prefix("OBJ_").map(str::to_owned)
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
        return session.out.line("No Object Store buckets found");
    }
    let headings = ["Bucket", "Description", "Created", "Size", "Last Update"];
    let mut table = Table::new("Object Store Buckets", &headings);
    for stream in &found {
        table.row(vec![
            name(stream).unwrap_or_default(),
            fields::text(stream, "/config/description").to_owned(),
            fields::time(stream, "/created").map(output::local_time).unwrap_or_default(),
            size(fields::uint(stream, "/state/bytes")),
            output::ago(fields::time(stream, "/state/last_ts")),
        ]);
    }
    session.out.table(&table)
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn digests_are_shown_in_hex() {
        assert_eq!(digest("SHA-256=AP8="), "SHA-256 00ff");
        assert_eq!(digest("SHA-256=AP8"), "SHA-256 00ff");
        assert_eq!(digest("odd"), "odd");
    }
}
