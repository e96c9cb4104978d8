//! The room of too few descriptors: a server that can open no more files or sockets.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::peer::{Launch, Peer, Server, Setup};
use crate::promises::{self, Client, Ended, Ledger, Mix, Moments, steps};
use crate::room::{self, Basics, Expectations, Outcome, Verdict};

const STREAM: &str = "FILES";
/// Large, so that the store needs new files meanwhile.
const PADDING: usize = 64 * 1024;

/// Options of `lab files`.
#[derive(Debug, clap::Args)]
pub(crate) struct FilesArgs {
    #[command(flatten)]
    pub(crate) basics: Basics,
    /// Descriptors the server may have.
    #[arg(long, default_value_t = 64)]
    descriptors: u64,
    /// Starts with ever fewer descriptors.
    #[arg(long, default_value_t = 12)]
    starts: u64,
}

/// Runs the room.
pub(crate) fn run(args: &FilesArgs, peer: &Peer, seed: u64) -> Result<Outcome> {
    let home = tempfile::Builder::new().prefix("lab-files-").tempdir()?;
    let setup = args.basics.setup(&home.path().join("store"))?;
    let mut ledger = Ledger::new(seed);
    let mut expected = Expectations::default();
    let mut server = peer.start(&limited(&setup, args.descriptors))?;
    promises::prepare(&server, STREAM)?;
    used_up(&mut server, args.descriptors, &mut ledger, &mut expected)?;
    server.kill()?;
    // From plenty to hardly enough for the runtime: each start serves everything or says why not.
    let (mut up, mut refused) = (0_u64, 0_u64);
    for start in 0..args.starts {
        room::go_on()?;
        let descriptors = 32_u64.saturating_sub(start * 2).max(6);
        match peer.launch(&limited(&setup, descriptors)) {
            Ok(Launch::Up(mut server)) => {
                up += 1;
                served(&server, descriptors, &mut ledger, &mut expected);
                server.kill()?;
            }
            Ok(Launch::Ended { said, .. }) => {
                refused += 1;
                expected.note(!said.is_empty(), "a start that fails says why", last_line(&said));
            }
            Err(error) => expected.note(false, "a start ends one way", format!("{error:#}")),
        }
    }
    let server = peer.start(&setup).context("restart with enough descriptors")?;
    promises::settle(&server, STREAM, &mut ledger)?;
    promises::drain(&server, STREAM, &mut ledger)?;
    let title = format!("{} descriptors and fewer, {}", args.descriptors, peer.side.name());
    let mut verdict = Verdict::new(title, &ledger.figures, ledger.findings);
    verdict.figures.push(("starts that served".into(), up));
    verdict.figures.push(("starts refused".into(), refused));
    verdict.expectations = expected;
    Ok(Outcome::Ran(Box::new(verdict)))
}

fn limited(setup: &Setup, descriptors: u64) -> Setup {
    let script = format!("ulimit -n {descriptors}; exec \"$@\"");
    let wrapper = ["sh", "-c", &script, "sh"].map(OsString::from).to_vec();
    Setup { wrapper, patience: Some(Duration::from_secs(10)), ..setup.clone() }
}

/// Takes all descriptors with connections, and works on through an old one.
fn used_up(
    server: &mut Server,
    descriptors: u64,
    ledger: &mut Ledger,
    expected: &mut Expectations,
) -> Result<()> {
    let mut old = server.connect()?;
    let moments = Moments::open();
    let mix = Mix { padding: PADDING, window: 16, ..Mix::full() };
    let port = server.port;
    let before = ledger.figures;
    let client = Client { server, stream: STREAM, mix: &mix };
    let mut n_open = 0;
    let ended = client.work_beside(ledger, &moments, || {
        std::thread::sleep(Duration::from_millis(100));
        let crowd: Vec<TcpStream> = (0..descriptors * 2)
            .filter_map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok())
            .collect();
        n_open = crowd.len();
        std::thread::sleep(Duration::from_secs(1));
        moments.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    });
    let n_acked = ledger.figures.acked - before.acked;
    let n_refused = ledger.figures.refused - before.refused;
    let seen = format!("{n_open} connections; {n_acked} acked, {n_refused} refused, {ended:?}");
    // A refusal is an honest answer; silence and a lost connection are not.
    let held = matches!(ended, Ok(Ended::Done | Ended::Refused(_))) && n_acked > 0;
    expected.note(held, "a client from before works on", seen);
    if server.has_ended()? {
        expected.note(false, "the server lives on", server.log_tail());
        return Ok(());
    }
    let info = old.ask(&format!("STREAM.INFO.{STREAM}"), &Value::Null);
    let seen = info.map(|info| (info.get("error").is_none(), info["state"].to_string()));
    expected.tried("the stream is still known", seen);
    // The crowd is gone; the server may need a moment to see that.
    let mut connected = server.connect();
    for _ in 0..50 {
        if connected.is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
        connected = server.connect();
    }
    let seen = connected.as_ref().map_or_else(|error| format!("{error:#}"), |_| "yes".into());
    expected.note(connected.is_ok(), "new clients get in when descriptors are free again", seen);
    if connected.is_ok() {
        let few = steps::publish_few(server, STREAM, ledger, (20, PADDING));
        let seen = few.map(|few| (few.acked == 20, format!("{} of 20, {}", few.acked, few.words)));
        expected.tried("publishes work when descriptors are free again", seen);
    }
    Ok(())
}

/// What a server with few descriptors shows has to be all, or an error.
fn served(server: &Server, descriptors: u64, ledger: &mut Ledger, expected: &mut Expectations) {
    let mut trial = ledger.clone();
    // Without even a connection, nothing wrong was said.
    if promises::settle(server, STREAM, &mut trial).is_ok() {
        let clean = trial.findings.violations.is_clean();
        let seen = format!("{descriptors} descriptors: {:?}", trial.findings.examples);
        expected.note(clean, "what is served with few descriptors is complete", seen);
        *ledger = trial;
    }
}

fn last_line(said: &str) -> String {
    said.lines().next_back().unwrap_or_default().to_owned()
}
