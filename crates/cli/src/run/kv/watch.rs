use anyhow::{Context, Result};
use async_nats::jetstream::kv::Operation;
use futures_util::StreamExt;

use super::{bucket, show};
use crate::args::kv::Watch;
use crate::context::Session;
use crate::output::{self, Color};
use crate::run::interrupted;

/// Shows changes until Ctrl-C.
pub(super) async fn run(session: &Session, args: &Watch) -> Result<()> {
    let store = bucket(session, &args.bucket).await?;
    let key = args.key.as_str();
    let watch = match (args.revision, args.history, args.updates) {
        (Some(revision), _, _) => store.watch_from_revision(key, revision).await,
        // Every value that is kept, from the first on.
        (None, true, _) => store.watch_from_revision(key, 1).await,
        (None, false, true) => store.watch(key).await,
        (None, false, false) => store.watch_with_history(key).await,
    };
    let mut watch = watch.with_context(|| format!("can't watch {} > {key}", args.bucket))?;
    let deletes = args.deletes.unwrap_or(true);
    let mut shown = 0;
    while args.count.is_none_or(|count| shown < count) {
        let next = tokio::select! {
            next = watch.next() => next,
            () = interrupted() => None,
        };
        let Some(entry) = next else { break };
        let entry = entry?;
        if entry.operation != Operation::Put && !deletes {
            continue;
        }
        shown += 1;
        if session.out.is_json() {
            session.out.json_line(&show::to_json(&entry))?;
            continue;
        }
        let put = entry.operation == Operation::Put;
        let color = if put { Color::Green } else { Color::Red };
        let created = output::local_time(output::timestamp(entry.created));
        let what = session.out.paint(color, show::operation(&entry));
        let value =
            if put { format!(": {}", output::printable(&entry.value)) } else { String::new() };
        session.out.line(&format!("[{created}] {what} {} > {}{value}", entry.bucket, entry.key))?;
    }
    Ok(())
}
