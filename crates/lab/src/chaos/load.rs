//! What is published and handled while everything around it breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tradewind_bus::idempotency::{Begun, MemoryStore, SqliteStore};
use tradewind_bus::{
    Backoff, Bus, Config, DeadLetterPolicy, Delivery, HandlerError, Mode, OnDrift, Outcome, Retry,
    Subscription, stream,
};

use super::servers::Servers;
use crate::rng::Rng;

pub(crate) const STREAM: &str = "CHAOS";
pub(crate) const DEAD: &str = "CHAOS-dlq";
const SUBJECT: &str = "chaos.work";
/// One in so many is handled by nobody.
const POISON_EVERY: u64 = 500;
/// Between two publishes.
const PACE: Duration = Duration::from_millis(4);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) number: u64,
}

impl Work {
    pub(crate) fn is_poison(number: u64) -> bool {
        number % POISON_EVERY == 7
    }
}

/// What was seen, to be judged at the end.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Numbers that the server acknowledged.
    pub(crate) acked: parking_lot::Mutex<BTreeSet<u64>>,
    pub(crate) n_unknown: AtomicU64,
    /// Effects of the handler under a lease, by number.
    pub(crate) leased: parking_lot::Mutex<BTreeMap<u64, u32>>,
    /// Microseconds from the start to the last handler that began.
    pub(crate) last_handled: AtomicU64,
    pub(crate) n_failed: AtomicU64,
    pub(crate) n_panics: AtomicU64,
    pub(crate) n_hung: AtomicU64,
}

/// The load while it runs.
pub(crate) struct Load {
    pub(crate) bus: Bus,
    pub(crate) seen: Arc<Seen>,
    pub(crate) began: Instant,
    pub(crate) effects: SqliteStore,
    subscriptions: Vec<Subscription>,
    publishing: tokio::task::JoinHandle<()>,
    stop: Arc<AtomicBool>,
    /// Of the files of the effects.
    _dir: tempfile::TempDir,
}

fn config(servers: &Servers) -> Config {
    let mut config = Config { mode: Some(Mode::JetStream), ..Config::new(servers.urls()) };
    config.producer.publish_timeout = Duration::from_mins(1);
    config.producer.ack_timeout = Duration::from_secs(2);
    config.consumer.ack_wait = Duration::from_secs(2);
    config.connection.request_timeout = Duration::from_secs(2);
    config.connection.connect_timeout = Duration::from_secs(2);
    config.stream.replicas = Some(servers.replicas());
    config
}

fn retry() -> Retry {
    let wait = Backoff {
        base: Duration::from_millis(100),
        factor: 2.0,
        max: Duration::from_secs(1),
        jitter: 0.2,
    };
    Retry::new(wait, Some(12))
}

impl Load {
    pub(crate) async fn start(servers: &Servers, seed: u64) -> Result<Load> {
        let bus = Bus::connect(config(servers)).await?;
        let config = stream::Config {
            name: STREAM.to_owned(),
            subjects: vec![SUBJECT.to_owned()],
            num_replicas: servers.replicas(),
            ..stream::Config::default()
        };
        bus.ensure_stream(config, OnDrift::Fail).await?;
        let dir = tempfile::tempdir()?;
        let effects = SqliteStore::open(dir.path().join("effects.db")).await?;
        sqlx::query("CREATE TABLE effects (number INTEGER NOT NULL)")
            .execute(effects.pool())
            .await
            .context("the table of effects")?;
        let (record, began) = (Arc::new(Seen::default()), Instant::now());
        let rng = Arc::new(Mutex::new(Rng::new(seed, 77)));
        let subscriptions = vec![
            transactional(&bus, &record, &effects, &rng, began).await?,
            leased(&bus, &record).await?,
        ];
        let stop = Arc::new(AtomicBool::new(false));
        let publishing = tokio::spawn(publish(bus.clone(), Arc::clone(&record), Arc::clone(&stop)));
        Ok(Load { bus, seen: record, began, effects, subscriptions, publishing, stop, _dir: dir })
    }

    /// No more publishes; those under way are waited for.
    pub(crate) async fn finish_publishing(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        (&mut self.publishing).await?;
        Ok(())
    }

    /// Numbers with an effect, and how many effects each had.
    pub(crate) async fn effects(&self) -> Result<BTreeMap<u64, u64>> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("SELECT number, COUNT(*) FROM effects GROUP BY number")
                .fetch_all(self.effects.pool())
                .await?;
        rows.into_iter()
            .map(|(number, count)| Ok((number.try_into()?, count.try_into()?)))
            .collect()
    }

    pub(crate) fn recoveries(&self) -> u64 {
        self.subscriptions.iter().map(|it| it.stats().recoveries).sum()
    }

    pub(crate) async fn end(self) {
        for subscription in self.subscriptions {
            subscription.drain(Duration::from_secs(5)).await;
        }
        self.bus.close().await;
    }
}

async fn publish(bus: Bus, seen: Arc<Seen>, stop: Arc<AtomicBool>) {
    let Ok(producer) = bus.producer().start().await else { return };
    let tasks = tokio_util::task::TaskTracker::new();
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        pace.tick().await;
        let pending = producer.message(SUBJECT).publish_later(&Work { number }).await;
        let seen = Arc::clone(&seen);
        tasks.spawn(async move {
            let stored = match pending {
                Ok(pending) => pending.wait().await.is_ok(),
                Err(_) => false,
            };
            if stored {
                seen.acked.lock().insert(number);
            } else {
                seen.n_unknown.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    tasks.close();
    tasks.wait().await;
}

/// The effect and the mark that it was had are one transaction. Handlers fail, panic and hang.
async fn transactional(
    bus: &Bus,
    seen: &Arc<Seen>,
    effects: &SqliteStore,
    rng: &Arc<Mutex<Rng>>,
    began: Instant,
) -> Result<Subscription> {
    let (seen, effects, rng) = (Arc::clone(seen), effects.clone(), Arc::clone(rng));
    let builder = bus.consume::<Work>(STREAM).durable("effects");
    let builder = builder
        .retry(retry())
        .dead_letters(DeadLetterPolicy::new().stream(DEAD))
        .concurrency(16)
        .handler_timeout(Duration::from_secs(3));
    let run = builder.run(move |it: Delivery<Work>| {
        let (seen, effects, rng) = (Arc::clone(&seen), effects.clone(), Arc::clone(&rng));
        async move {
            let at = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            seen.last_handled.fetch_max(at, Ordering::SeqCst);
            let number = it.data.number;
            if Work::is_poison(number) {
                return Err(HandlerError::retryable("poison"));
            }
            let dice = rng.lock().await.between(0, 1000);
            match dice {
                0..20 => {
                    seen.n_failed.fetch_add(1, Ordering::SeqCst);
                    return Err(HandlerError::retryable("bad luck"));
                }
                20..23 => {
                    seen.n_panics.fetch_add(1, Ordering::SeqCst);
                    std::panic::resume_unwind(Box::new("bad luck"));
                }
                23..24 => {
                    seen.n_hung.fetch_add(1, Ordering::SeqCst);
                    std::future::pending::<()>().await;
                }
                _ => (),
            }
            match effects.begin(&format!("work-{number}")).await? {
                Begun::Done => (),
                Begun::Fresh(mut transaction) => {
                    sqlx::query("INSERT INTO effects (number) VALUES (?)")
                        .bind(i64::try_from(number)?)
                        .execute(transaction.connection())
                        .await?;
                    transaction.commit().await?;
                }
            }
            Ok(())
        }
    });
    Ok(run.await?)
}

/// The mark is made beside the effect: a crash between the two has it twice.
async fn leased(bus: &Bus, seen: &Arc<Seen>) -> Result<Subscription> {
    let seen = Arc::clone(seen);
    let builder = bus.consume::<Work>(STREAM).durable("leases").retry(retry()).concurrency(16);
    let run = builder.idempotent(Arc::new(MemoryStore::default()), Duration::from_secs(5)).run(
        move |it: Delivery<Work>| {
            *seen.leased.lock().entry(it.data.number).or_default() += 1;
            std::future::ready(Outcome::Ack)
        },
    );
    Ok(run.await?)
}
