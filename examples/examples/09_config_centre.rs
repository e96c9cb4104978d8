//! A configuration centre: values under keys, and whoever needs them is told when they change.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use parking_lot::Mutex;
use tradewind_bus::{Entry, KeyValueError, Update, kv};
use tradewind_examples::{connect, until};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let example = connect("09_config_centre").await?;
    let bus = &example.bus;
    // `key_value` opens a bucket that is there, `create_key_value` makes it first if it is not.
    if let Err(error @ KeyValueError::NoBucket(_)) = bus.key_value::<String>("app-config").await {
        println!("{error}");
    }
    let config =
        kv::Config { bucket: "app-config".to_owned(), history: 5, ..kv::Config::default() };
    let settings = bus.create_key_value::<String>(config).await?;

    settings.put("database.url", &"postgres://db.example.com/app".to_owned()).await?;
    let revision = settings.put("api.timeout", &"30s".to_owned()).await?;
    let url = settings.get("database.url").await?;
    println!("database.url = {}", url.unwrap_or_default());

    // First what is there, then the word that this was all, then what changes.
    let told = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&told);
    let watch = settings.watch("api.>", move |update: Update<String>| {
        match update {
            Update::Changed(Entry { key, value: Some(value), .. }) => println!("{key} = {value}"),
            Update::Changed(Entry { key, value: None, .. }) => println!("{key} is gone"),
            Update::UpToDate => println!("that was all so far"),
        }
        *counter.lock() += 1;
        std::future::ready(())
    });
    let _watch = watch.await?;
    until("what is there", || *told.lock() == 2).await?;

    // Two who change one value do not overwrite each other unseen: it is changed at a revision.
    let new = settings.update("api.timeout", &"45s".to_owned(), revision).await?;
    match settings.update("api.timeout", &"60s".to_owned(), revision).await {
        Err(KeyValueError::Conflict { key, .. }) => println!("{key} was changed by another"),
        other => anyhow::bail!("expected a conflict with revision {new}: {other:?}"),
    }
    // No word of this: it is not below `api`.
    settings.put("database.pool", &"8".to_owned()).await?;
    settings.delete("api.timeout").await?;
    until("the changes", || *told.lock() == 4).await?;
    example.close().await
}
