//! A queue of tasks: several workers share them, each task is done by one of them, and none is lost
//! when a worker goes away.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tradewind_bus::stream::{Config, RetentionPolicy};
use tradewind_bus::{Bus, Delivery, Ids, OnDrift, Raw, Subscription};
use tradewind_examples::{connect, until};

const STREAM: &str = "F_WORK";
const SUBJECT: &str = "work.tasks";
const TASKS: usize = 100;
const WORKERS: usize = 4;
/// Tasks that a worker does at once.
const HANDS: usize = 5;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let example = connect("05_worker_queue").await?;
    let bus = &example.bus;
    let config = Config {
        name: STREAM.to_owned(),
        subjects: vec!["work.>".to_owned()],
        // A task that was acknowledged leaves the stream.
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    bus.ensure_stream(config, OnDrift::Fail).await?;

    // Ids of calls: `task-0` of the next run is another task, not this one sent again (04 has more).
    let producer = bus.stream_producer().ids(Ids::OfCall).start().await?;
    for n in 0..TASKS {
        producer.publish_async(SUBJECT, &Raw::from(format!("task-{n}"))).await?;
    }
    // Stored, all of them: now the workers may start, or start tomorrow.
    let stored = producer.flush_all(Duration::from_secs(30)).await;
    println!("stored: {}", stored.iter().filter(|it| it.is_ok()).count());

    let (done, since) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(worker(bus, &done).await?);
    }
    until("all tasks", || done.lock().len() == TASKS).await?;
    let seconds = since.elapsed().as_secs_f64();

    let shares = workers.iter().map(|it| it.stats().delivered).collect::<Vec<_>>();
    println!("{TASKS} tasks of one second, {WORKERS} workers with {HANDS} hands: {seconds:.1} s");
    println!("every worker had some: {}", shares.iter().all(|share| 0 < *share));
    done.lock().sort();
    done.lock().dedup();
    println!("different tasks done: {}", done.lock().len());
    for worker in workers {
        // Waits for handlers that run, and for what they say to the server.
        worker.drain(Duration::from_secs(5)).await;
    }
    println!("left in the stream: {}", bus.stream_info(STREAM).await?.state.messages);
    example.close().await
}

/// Workers of one durable name share its tasks, in one process or in many.
async fn worker(bus: &Bus, done: &Arc<Mutex<Vec<String>>>) -> anyhow::Result<Subscription> {
    let done = Arc::clone(done);
    let builder = bus.consume::<Raw>(STREAM).durable("task-workers").concurrency(HANDS);
    // Long tasks: take no more than the hands can hold, and leave the rest to the others.
    let builder = builder.with(|options| options.batch_size = HANDS);
    let run = builder.run(move |task: Delivery<Raw>| {
        let done = Arc::clone(&done);
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            done.lock().push(String::from_utf8_lossy(&task.data.0).into_owned());
        }
    });
    Ok(run.await?)
}
