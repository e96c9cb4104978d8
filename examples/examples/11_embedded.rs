//! A durable bus without a server to install: it runs inside the program, in a directory.
//!
//! Run it twice: the second run goes on where the first one ended.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::PathBuf;
use std::time::Duration;

use tradewind_bus::stream::Config;
use tradewind_bus::{Bus, Ensured, OnDrift};

const STREAM: &str = "JOBS";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let parent = std::env::var_os("TRADEWIND_EXAMPLE_DIR").map(PathBuf::from);
    let dir = parent.unwrap_or_else(std::env::temp_dir).join("tradewind-11_embedded");
    std::fs::create_dir_all(&dir)?;
    // Only one program at a time can have the directory; another gets an error that says so.
    let bus = Bus::embedded(&dir).await?;

    let subjects = vec!["jobs.>".to_owned()];
    let config = Config { name: STREAM.to_owned(), subjects, ..Config::default() };
    let is_first = bus.ensure_stream(config, OnDrift::Fail).await? == Ensured::Created;
    let before = bus.stream_info(STREAM).await?.state.messages;
    println!("{}: {before} jobs", if is_first { "a new stream" } else { "the stream is there" });

    let producer = bus.stream_producer().start().await?;
    for n in 1..=3 {
        producer.publish("jobs.new", &format!("job {}", before + n)).await?;
    }

    // Two of three are done in each run; what is left waits for the next one.
    let mut worker = bus.consume::<String>(STREAM).durable("worker").fetcher().await?;
    for message in worker.fetch(2, Duration::from_secs(2)).await? {
        if let Ok(delivery) = &message.delivery {
            println!("done: {}", delivery.data);
        }
        // Waits for the server's word: without it, a program that ends now may do it again.
        message.double_ack().await?;
    }
    let info = bus.consumer_info(STREAM, "worker").await?;
    println!("left for the next run: {}", info.num_pending);
    bus.close().await;
    Ok(())
}
