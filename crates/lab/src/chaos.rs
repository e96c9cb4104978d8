//! The bus while everything breaks: servers are killed and started, links cut and slowed, handlers
//! fail, panic and hang. Then: is every acknowledged message handled, once, or a dead letter, once?

mod load;
mod proxy;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use tradewind_bus::Bus;

use self::load::{DEAD, Load, STREAM, Work};
use self::servers::Servers;
use crate::peer::{Peer, Side};
use crate::rng::Rng;
use crate::{num, out};

/// What the consumer must reach: back within that of the moment the stream answers again.
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// Of fewer returns, a p95 is the slowest one, and says nothing: it is shown and not judged.
const RETURNS_MIN: usize = 20;
/// How long everything acknowledged may take to be handled after the last fault.
const SETTLE: Duration = Duration::from_secs(90);

/// Options of `lab chaos`.
#[derive(Debug, clap::Args)]
pub(crate) struct ChaosArgs {
    /// Which servers: one of ours, or three nats-servers.
    #[arg(long, value_enum, default_value = "ours")]
    pub(crate) server: Side,
    /// Seconds of faults.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Same seed, same faults; without it a new one.
    #[arg(long)]
    seed: Option<u64>,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
}

pub(crate) fn run(args: &ChaosArgs, peer: &Peer) -> Result<bool> {
    let seed = args.seed.unwrap_or_else(|| {
        u64::from(std::process::id())
            ^ num::wide(num::narrow(Instant::now().elapsed().as_nanos().try_into().unwrap_or(0)))
    });
    out::say(&format!(
        "lab chaos --server {} --seconds {} --seed {seed}",
        peer.side.name(),
        args.seconds
    ));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(room(args, peer, seed))
}

/// How long the consumer took to be back, for each fault.
#[derive(Debug, Default)]
struct Returns(Vec<Duration>);

impl Returns {
    fn quantile(&self, part: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        let last = sorted.len().saturating_sub(1);
        let rank = (num::float(num::wide(last)) * part).ceil();
        let at = (0..=last).find(|at| rank <= num::float(num::wide(*at))).unwrap_or(last);
        sorted.get(at).copied().unwrap_or_default()
    }
}

async fn room(args: &ChaosArgs, peer: &Peer, seed: u64) -> Result<bool> {
    let mut servers = Servers::start(peer).await?;
    let probe = servers.wait_until_ready().await?;
    let mut load = Load::start(&servers, seed).await?;
    let mut rng = Rng::new(seed, 1);
    let (mut returns, mut n_faults) = (Returns::default(), BTreeMap::<&str, u64>::new());
    let deadline = Instant::now() + Duration::from_secs(args.seconds);
    while Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(rng.between(2000, 6000))).await;
        let fault = match rng.between(0, 4) {
            0 | 1 => {
                kill(&mut servers, &probe, &mut rng).await?;
                "kill"
            }
            2 => {
                cut(&servers, &mut rng).await;
                "cut"
            }
            _ => {
                slow(&servers, &mut rng).await;
                "slow"
            }
        };
        *n_faults.entry(fault).or_default() += 1;
        if fault != "slow" {
            returns.0.push(wait_for_return(&load, &probe).await);
        }
    }
    load.finish_publishing().await?;
    let judgement = judge(&load).await?;
    let good = tell(args, &load, &judgement, &returns, &n_faults)?;
    load.end().await;
    Ok(good)
}

/// Kills the leader of the stream, or the only server, and starts it again.
async fn kill(servers: &mut Servers, probe: &async_nats::Client, rng: &mut Rng) -> Result<()> {
    let victim = if servers.replicas() == 1 {
        0
    } else {
        let context = async_nats::jetstream::new(probe.clone());
        let leader = match context.get_stream(STREAM).await {
            Ok(stream) => stream.cached_info().cluster.as_ref().and_then(|it| it.leader.clone()),
            Err(_) => None,
        };
        let found = servers.nodes.iter().position(|node| Some(&node.name) == leader.as_ref());
        found.unwrap_or(0)
    };
    servers.kill(victim)?;
    tokio::time::sleep(Duration::from_millis(rng.between(100, 1500))).await;
    servers.launch(victim)
}

async fn cut(servers: &Servers, rng: &mut Rng) {
    servers.nodes.iter().for_each(|node| node.proxy.cut());
    tokio::time::sleep(Duration::from_millis(rng.between(100, 2000))).await;
    servers.nodes.iter().for_each(|node| node.proxy.mend());
}

async fn slow(servers: &Servers, rng: &mut Rng) {
    let delay = Duration::from_millis(rng.between(20, 200));
    servers.nodes.iter().for_each(|node| node.proxy.slow(delay));
    tokio::time::sleep(Duration::from_millis(rng.between(1000, 3000))).await;
    servers.nodes.iter().for_each(|node| node.proxy.slow(Duration::ZERO));
}

/// From the moment that a probe, every 50 ms, is told of the stream to the next message handled.
async fn wait_for_return(load: &Load, probe: &async_nats::Client) -> Duration {
    const EVERY: Duration = Duration::from_millis(50);
    const LIMIT: Duration = Duration::from_secs(30);
    let context = async_nats::jetstream::new(probe.clone());
    let since = Instant::now();
    while since.elapsed() < LIMIT {
        let asked = tokio::time::timeout(Duration::from_millis(200), context.get_stream(STREAM));
        if let Ok(Ok(_)) = asked.await {
            break;
        }
        tokio::time::sleep(EVERY).await;
    }
    let answered = load.began.elapsed();
    let micros = u64::try_from(answered.as_micros()).unwrap_or(u64::MAX);
    while load.seen.last_handled.load(Ordering::SeqCst) < micros
        && load.began.elapsed() < answered + LIMIT
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let back = Duration::from_micros(load.seen.last_handled.load(Ordering::SeqCst));
    back.checked_sub(answered).unwrap_or(LIMIT)
}

/// What is wrong, if anything.
#[derive(Debug, Default)]
struct Judgement {
    n_acked: usize,
    n_effects: usize,
    n_dead: usize,
    lost: BTreeSet<u64>,
    twice: BTreeSet<u64>,
    /// Poison that is no dead letter, or several.
    wrong_dead: BTreeSet<u64>,
    /// No poison, and a dead letter.
    innocent: BTreeSet<u64>,
    leased_twice: usize,
}

/// Waits until everything acknowledged is somewhere, and looks where.
async fn judge(load: &Load) -> Result<Judgement> {
    let deadline = Instant::now() + SETTLE;
    loop {
        let judgement = look(load).await?;
        let done = judgement.lost.is_empty() && judgement.wrong_dead.is_empty();
        if done || deadline < Instant::now() {
            return Ok(judgement);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn look(load: &Load) -> Result<Judgement> {
    let acked = load.seen.acked.lock().clone();
    let effects = load.effects().await?;
    let dead = dead_letters(&load.bus).await?;
    let lost = acked.iter().filter(|it| !effects.contains_key(it) && !dead.contains_key(it));
    let poison = acked.iter().filter(|it| Work::is_poison(**it));
    Ok(Judgement {
        n_acked: acked.len(),
        n_effects: effects.len(),
        n_dead: dead.values().sum(),
        lost: lost.copied().collect(),
        twice: effects.iter().filter(|it| 1 < *it.1).map(|it| *it.0).collect(),
        wrong_dead: poison.filter(|it| dead.get(it) != Some(&1)).copied().collect(),
        innocent: dead.keys().filter(|it| !Work::is_poison(**it)).copied().collect(),
        leased_twice: load.seen.leased.lock().values().filter(|count| 1 < **count).count(),
    })
}

/// Dead letters by number.
async fn dead_letters(bus: &Bus) -> Result<BTreeMap<u64, usize>> {
    let letters = bus.dead_letters(DEAD).await?.list(1, usize::MAX).await?;
    let mut dead = BTreeMap::new();
    for letter in letters {
        let work: Work = serde_json::from_slice(&letter.body)?;
        *dead.entry(work.number).or_default() += 1;
    }
    Ok(dead)
}

fn tell(
    args: &ChaosArgs,
    load: &Load,
    judgement: &Judgement,
    returns: &Returns,
    n_faults: &BTreeMap<&str, u64>,
) -> Result<bool> {
    let seen: &Arc<load::Seen> = &load.seen;
    let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::SeqCst);
    let p95 = returns.quantile(0.95);
    let good = judgement.lost.is_empty()
        && judgement.twice.is_empty()
        && judgement.wrong_dead.is_empty()
        && (returns.0.len() < RETURNS_MIN || p95 <= BACK_WITHIN);
    out::say(&format!(
        "{} faults {n_faults:?}; {} handlers failed, {} panicked, {} hung; the consumer was reopened {} \
         times",
        n_faults.values().sum::<u64>(),
        of(&seen.n_failed),
        of(&seen.n_panics),
        of(&seen.n_hung),
        load.recoveries(),
    ));
    out::say(&format!(
        "{} acknowledged ({} without an answer), {} effects, {} dead letters ({} of them no poison)",
        judgement.n_acked,
        of(&seen.n_unknown),
        judgement.n_effects,
        judgement.n_dead,
        judgement.innocent.len(),
    ));
    out::say(&format!(
        "lost {}, effects twice {} (with the lease form {}), poison not exactly once {}; back after p50 \
         {:.0?}, p95 {p95:.0?}, max {:.0?}: {}",
        judgement.lost.len(),
        judgement.twice.len(),
        judgement.leased_twice,
        judgement.wrong_dead.len(),
        returns.quantile(0.5),
        returns.quantile(1.0),
        match (good, returns.0.len() < RETURNS_MIN) {
            (true, false) => "HOLDS",
            (true, true) => "HOLDS (too few returns to judge how soon)",
            (false, _) => "BROKEN",
        },
    ));
    if !good {
        out::say(&format!("{judgement:?}"));
    }
    if let Some(path) = &args.json {
        let millis = |part| u64::try_from(returns.quantile(part).as_millis()).unwrap_or(u64::MAX);
        let figures = json!({
            "faults": n_faults, "acked": judgement.n_acked, "effects": judgement.n_effects,
            "dead_letters": judgement.n_dead, "innocent_dead_letters": judgement.innocent.len(),
            "lost": judgement.lost.len(), "twice": judgement.twice.len(),
            "leased_twice": judgement.leased_twice, "wrong_dead": judgement.wrong_dead.len(),
            "back_ms": {"p50": millis(0.5), "p95": millis(0.95), "max": millis(1.0)},
            "holds": good,
        });
        serde_json::to_writer_pretty(std::fs::File::create(path)?, &figures)?;
    }
    Ok(good)
}
