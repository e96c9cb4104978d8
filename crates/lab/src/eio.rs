//! The room of failing syncs: writes succeed, but the disk behind them has no room, so syncs fail.
//!
//! The store lies on an ext4 image with holes, larger than the file system in
//! memory that holds it.

use std::ffi::OsStr;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::health::health;
use crate::peer::{Peer, Server, free_port};
use crate::promises::{self, Client, Ended, Ledger, Mix, Moments, steps};
use crate::pulse::pulse;
use crate::room::{self, Basics, Expectations, Outcome, Verdict, succeed};
use crate::volume::Volume;

const STREAM: &str = "EIO";
const PADDING: usize = 32 * 1024;

/// Options of `lab eio`.
#[derive(Debug, clap::Args)]
pub(crate) struct EioArgs {
    #[command(flatten)]
    pub(crate) basics: Basics,
    /// What the disk behind the image really has, in MiB.
    #[arg(long, default_value_t = 48)]
    mib: u64,
}

/// A file system in memory, unmounted on drop.
struct Backing {
    home: TempDir,
}

impl Backing {
    fn create(mib: u64) -> Result<Backing> {
        let home = tempfile::Builder::new().prefix("lab-backing-").tempdir()?;
        let size = format!("size={mib}m");
        let flags = ["-t", "tmpfs", "-o", &size, "tmpfs"].map(OsStr::new);
        succeed("mount", &[&flags[..], &[home.path().as_os_str()]].concat())?;
        Ok(Backing { home })
    }

    fn grow(&self, mib: u64) -> Result<()> {
        let size = format!("remount,size={mib}m");
        succeed("mount", &["-o".as_ref(), size.as_ref(), self.home.path().as_os_str()])
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        let _ = succeed("umount", &["-l".as_ref(), self.home.path().as_os_str()]);
    }
}

/// Runs the room.
pub(crate) fn run(args: &EioArgs, peer: &Peer, seed: u64) -> Result<Outcome> {
    let backing = Backing::create(args.mib)?;
    let mut volume = Volume::create(backing.home.path(), 1 << 30)?;
    let mut setup = args.basics.setup(&volume.store())?;
    let monitor = free_port()?;
    setup.monitor = Some(monitor);
    let mut server = peer.start(&setup)?;
    promises::prepare(&server, STREAM)?;
    let mut ledger = Ledger::new(seed);
    let mut expected = Expectations::default();
    fill(&server, args.mib, &mut ledger, &mut expected);
    if server.has_ended()? {
        expected.note(false, "the server lives on", server.log_tail());
    } else {
        look_around(&server, monitor, &mut ledger, &mut expected)?;
    }
    room::go_on()?;
    server.kill()?;
    backing.grow(args.mib * 16)?;
    volume.unmount()?;
    volume.mount()?;
    let server = peer.start(&setup).context("restart on good space")?;
    promises::settle(&server, STREAM, &mut ledger)?;
    let few = steps::publish_few(&server, STREAM, &mut ledger, (20, 0))?;
    let words = format!("{} of 20, {}", few.acked, few.words);
    expected.note(few.acked == 20, "publishes work again after a restart on good space", words);
    promises::drain(&server, STREAM, &mut ledger)?;
    let (code, body) = health(monitor)?;
    expected.note(code == 200, "/healthz is well again", format!("{code} {body}"));
    drop(server);
    drop(volume);
    let title = format!("syncs that fail, {}", peer.side.name());
    let mut verdict = Verdict::new(title, &ledger.figures, ledger.findings);
    verdict.expectations = expected;
    Ok(Outcome::Ran(Box::new(verdict)))
}

/// Publishes past what the disk can hold.
fn fill(server: &Server, mib: u64, ledger: &mut Ledger, expected: &mut Expectations) {
    let mix = Mix::overfill(mib, PADDING);
    let ended = Client { server, stream: STREAM, mix: &mix }.work(ledger, &Moments::open());
    let (held, seen) = match ended {
        Ok(Ended::Refused(words)) => (true, words),
        Ok(Ended::Done) => (false, format!("all {} were acknowledged", mix.publishes)),
        Ok(Ended::Cut) => (false, "the connection was lost".to_owned()),
        Err(error) => (false, format!("{error:#}")),
    };
    expected.note(held, "a publish whose sync fails is refused with an error", seen);
}

fn look_around(
    server: &Server,
    monitor: u16,
    ledger: &mut Ledger,
    expected: &mut Expectations,
) -> Result<()> {
    let few = steps::publish_few(server, STREAM, ledger, (10, 0))?;
    let seen = format!("{} acked, {} refused: {}", few.acked, few.refused, few.words);
    expected.note(few.acked == 0 && few.refused == 10, "later publishes are refused", seen);
    let beats = pulse(server, Duration::from_secs(1))?;
    let held = beats.lost == 0 && beats.p99 < Duration::from_millis(50);
    expected.note(held, "core NATS goes on", beats.words());
    let (code, body) = health(monitor)?;
    expected.note(code == 503, "/healthz says 503", format!("{code} {body}"));
    expected.tried("reads go on", steps::get_some(server, STREAM, ledger, 50));
    Ok(())
}
