//! The room of a full disk: a small file system is filled until publishes are refused.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::health::health;
use crate::peer::{Peer, Server, Setup, free_port};
use crate::promises::{self, Client, Ended, Ledger, Mix, Moments, steps};
use crate::pulse::pulse;
use crate::room::{self, Basics, Expectations, Outcome, Verdict};
use crate::volume::{Volume, scratch};

const STREAM: &str = "FULL";
const PADDING: usize = 16 * 1024;
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// Errors that tell a client the store has no room.
const CLEAR_CODES: [&str; 4] = ["10023", "10047", "10077", "10228"];

/// Options of `lab full`.
#[derive(Debug, clap::Args)]
pub(crate) struct FullArgs {
    #[command(flatten)]
    pub(crate) basics: Basics,
    /// Size of the file system, in MiB.
    #[arg(long, default_value_t = 64)]
    mib: u64,
    /// Fill, purge, go on: so many times.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
}

/// How the server says it is, once it has had time to see that there is room.
fn health_at_last(port: u16) -> Result<(u16, String)> {
    const PATIENCE: Duration = Duration::from_secs(10);
    let began = Instant::now();
    loop {
        let answer = health(port)?;
        if answer.0 == 200 || PATIENCE < began.elapsed() {
            return Ok(answer);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Runs the room.
pub(crate) fn run(args: &FullArgs, peer: &Peer, seed: u64) -> Result<Outcome> {
    let volume = Volume::create(&scratch(), args.mib << 20)?;
    let mut setup = args.basics.setup(&volume.store())?;
    let monitor = free_port()?;
    setup.monitor = Some(monitor);
    // The disk is to be the limit, not a share of it.
    setup.max_store = Some(1 << 40);
    let mut server = peer.start(&setup)?;
    promises::prepare(&server, STREAM)?;
    let mut full = FullRoom {
        peer,
        setup,
        mib: args.mib,
        ledger: Ledger::new(seed),
        expected: Expectations::default(),
    };
    for round in 1..=args.rounds {
        room::go_on()?;
        server = full.round(server).with_context(|| format!("round {round}"))?;
    }
    server.kill()?;
    let server = peer.start(&full.setup).context("restart after a kill")?;
    promises::settle(&server, STREAM, &mut full.ledger)?;
    promises::drain(&server, STREAM, &mut full.ledger)?;
    let (code, body) = health_at_last(monitor)?;
    full.expected.note(code == 200, "/healthz is well at the end", format!("{code} {body}"));
    drop(server);
    drop(volume);
    let title =
        format!("a disk of {} MiB filled {} times, {}", args.mib, args.rounds, peer.side.name());
    let mut verdict = Verdict::new(title, &full.ledger.figures, full.ledger.findings);
    verdict.expectations = full.expected;
    Ok(Outcome::Ran(Box::new(verdict)))
}

struct FullRoom<'a> {
    peer: &'a Peer,
    setup: Setup,
    mib: u64,
    ledger: Ledger,
    expected: Expectations,
}

impl FullRoom<'_> {
    fn round(&mut self, mut server: Server) -> Result<Server> {
        self.fill(&server);
        self.use_it(&server);
        server = self.restart_full(server)?;
        self.use_it(&server);
        let purged = steps::purge_to(&server, STREAM, &mut self.ledger, 20);
        self.answer("a purge works on a full disk", purged);
        // Reclaiming may take a moment, but no restart.
        let deadline = Instant::now() + Duration::from_secs(10);
        let few = loop {
            let few = steps::publish_few(&server, STREAM, &mut self.ledger, (20, PADDING))?;
            if few.refused == 0 || Instant::now() > deadline {
                break few;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let seen = format!("{} of 20, {}", few.acked, few.words);
        self.expected.note(
            few.acked == 20,
            "publishes work after the purge, without restart",
            seen,
        );
        self.settle(&server, "everything can be read after the purge");
        Ok(server)
    }

    fn fill(&mut self, server: &Server) {
        let mix = Mix::overfill(self.mib, PADDING);
        let client = Client { server, stream: STREAM, mix: &mix };
        let before = self.ledger.figures.acked;
        let (held, seen) = match client.work(&mut self.ledger, &Moments::open()) {
            Ok(Ended::Refused(words)) => {
                (CLEAR_CODES.iter().any(|code| words.contains(code)), words)
            }
            Ok(Ended::Done) => (false, format!("all {} were acknowledged", mix.publishes)),
            Ok(Ended::Cut) => (false, "the connection was lost".to_owned()),
            Err(error) => (false, format!("{error:#}")),
        };
        let n_acked = self.ledger.figures.acked - before;
        self.expected.note(
            held && n_acked > 0,
            "a publish on a full disk is refused with a clear error",
            format!("after {n_acked}: {seen}"),
        );
    }

    fn use_it(&mut self, server: &Server) {
        let got = steps::get_some(server, STREAM, &self.ledger, 50);
        self.expected.tried("reads work on a full disk", got);
        let confirmed = steps::consume(server, STREAM, &mut self.ledger);
        let seen = confirmed.map(|count| (0 < count, format!("{count} confirmed")));
        self.expected.tried("consumer acks work on a full disk", seen);
        let deleted = steps::delete_one(server, STREAM, &mut self.ledger);
        self.answer("deleting a message works on a full disk", deleted);
        let beats = pulse(server, Duration::from_millis(300));
        let seen = beats.map(|beats| (beats.lost == 0, beats.words()));
        self.expected.tried("core NATS works on a full disk", seen);
    }

    fn restart_full(&mut self, mut server: Server) -> Result<Server> {
        let began = Instant::now();
        let heeded = server.stop()? && began.elapsed() < STOP_PATIENCE;
        let seen = format!("{:.1?}", began.elapsed());
        self.expected.note(heeded, "SIGTERM ends the server on a full disk", seen);
        let server = self.peer.start(&self.setup).context("restart on a full disk")?;
        self.settle(&server, "everything can be read after a restart on a full disk");
        Ok(server)
    }

    fn settle(&mut self, server: &Server, what: &str) {
        let settled = promises::settle(server, STREAM, &mut self.ledger);
        self.expected.tried(what, settled.map(|()| (true, "read".to_owned())));
    }

    fn answer(&mut self, what: &str, answer: Result<Value>) {
        let seen = answer.map(|answer| match answer.get("error") {
            Some(error) => (false, error.to_string()),
            None => (answer["success"] == true, "done".to_owned()),
        });
        self.expected.tried(what, seen);
    }
}
