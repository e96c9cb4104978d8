//! Files for many nodes: uploaded once, downloaded by each, whole or not at all.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tradewind_bus::{Bus, objects};
use tradewind_examples::connect;

const STORE: &str = "releases";
const VERSION: &str = "v1.2.3";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let example = connect("10_file_distribution").await?;
    let (bus, dir) = (&example.bus, tempfile::tempdir()?);

    // The build machine. Objects are stored in chunks: they may be larger than a message, and than
    // memory.
    let config = objects::Config { bucket: STORE.to_owned(), ..objects::Config::default() };
    let releases = bus.create_object_store(config).await?;
    let built = dir.path().join("app-v1.2.3.bin");
    std::fs::write(&built, b"#!/bin/sh\necho running v1.2.3\n".repeat(20_000))?;
    let info = releases.put_file(VERSION, &built).await?;
    println!("uploaded {}: {} bytes", info.name, info.size);

    for node in ["node-1", "node-2", "node-3"] {
        let place = dir.path().join(node);
        std::fs::create_dir(&place)?;
        update(bus, &place.join("app.bin")).await?;
        let is_equal = std::fs::read(place.join("app.bin"))? == std::fs::read(&built)?;
        let mode = std::fs::metadata(place.join("app.bin"))?.permissions().mode() & 0o777;
        println!("{node}: equal: {is_equal}, mode {mode:o}");
    }
    example.close().await
}

/// A node. The file has its name only when all of it is there and its digest is right: a node that
/// fails half-way keeps the version it had.
async fn update(bus: &Bus, path: &Path) -> anyhow::Result<()> {
    let releases = bus.object_store(STORE).await?;
    releases.get_to_file(VERSION, path, 0o755).await?;
    Ok(())
}
