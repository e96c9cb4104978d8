//! The room against itself: a writer that is certainly right, and one that is certainly wrong.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::json;

use super::Cut;
use crate::promises::Findings;
use crate::rng::Rng;
use crate::room::{self, Outcome, Verdict};
use crate::volume::{Volume, scratch};
use crate::{num, proc};

const RECORD_BYTES: usize = 16;
/// The share of cuts in which the wrong writer has to be caught.
const CAUGHT: f64 = 0.9;

/// Options of `lab writer`.
#[derive(Debug, clap::Args)]
pub(crate) struct WriterArgs {
    file: PathBuf,
    /// Sync before each ack.
    #[arg(long)]
    sync: bool,
}

/// Appends numbered records and acks each with a line, until it is killed or fails.
pub(crate) fn writer(args: &WriterArgs) -> Result<bool> {
    let mut file = OpenOptions::new().create(true).append(true).open(&args.file)?;
    if args.sync {
        file.sync_all()?;
        File::open(args.file.parent().context("no directory")?)?.sync_all()?;
    }
    let mut acks = std::io::stdout().lock();
    for number in 0_u64.. {
        file.write_all(&record(number))?;
        if args.sync {
            file.sync_data()?;
        }
        writeln!(acks, "{number}")?;
        acks.flush()?;
    }
    Ok(true)
}

fn record(number: u64) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    record[..8].copy_from_slice(&number.to_le_bytes());
    record[8..].copy_from_slice(&(!number).to_le_bytes());
    record
}

/// Cuts under both writers.
pub(super) fn run(cycles: u32, seed: u64) -> Result<Outcome> {
    let mut verdict =
        Verdict { title: format!("{cycles} cuts under each control writer"), ..Verdict::default() };
    let mut more = json!({});
    for (name, sync) in [("synced", true), ("unsynced", false)] {
        let (mut acked, mut lost, mut lossy) = (0, 0, 0_u32);
        let mut volume = Volume::create(&scratch(), 64 << 20)?;
        let mut rng = Rng::new(seed, u64::from(sync));
        for cycle in 1..=cycles {
            room::go_on()?;
            let file = volume.root().join(format!("{cycle}"));
            let moment = Duration::from_millis(rng.between(5, 60));
            let n_acked = one_cut(&volume, (&file, sync), Cut::of(cycle), moment)?;
            volume.unmount()?;
            volume.mount()?;
            let n_kept = n_kept(&file).min(n_acked);
            acked += n_acked;
            lost += n_acked - n_kept;
            lossy += u32::from(n_kept < n_acked);
            let _ = fs::remove_file(&file);
        }
        let caught = f64::from(lossy) / f64::from(cycles.max(1));
        let words = format!("{lost} of {acked} acked records lost, in {lossy} of {cycles} cuts");
        let (good, what) = if sync {
            (lost == 0, "a writer that syncs before it acks loses nothing")
        } else {
            (caught >= CAUGHT, "a writer that does not sync loses in nearly all cuts")
        };
        verdict.expectations.note(good, what, words);
        more[name] = json!({"acked": acked, "lost": lost, "lossy_cuts": lossy});
    }
    verdict.findings = Findings::default();
    verdict.more = more;
    Ok(Outcome::Ran(Box::new(verdict)))
}

/// How many acks count.
fn one_cut(
    volume: &Volume,
    (file, sync): (&Path, bool),
    cut: Cut,
    moment: Duration,
) -> Result<u64> {
    let cutter = volume.arm()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("writer").arg(file).args(sync.then_some("--sync"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let lines = BufReader::new(child.stdout.take().context("the writer's output")?);
    let (begun, unused) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let counter = scope.spawn(|| count(lines, &begun));
        thread::sleep(moment);
        let done = match cut {
            Cut::Frozen => freeze(&child).and_then(|()| cutter.cut(&unused, &unused)),
            Cut::Running | Cut::LivesOn => cutter.cut(&begun, &unused),
        };
        if cut == Cut::LivesOn {
            thread::sleep(Duration::from_millis(20));
        }
        child.kill()?;
        child.wait()?;
        done?;
        counter.join().map_err(|_| anyhow!("the reader of acks panicked"))
    })
}

fn freeze(child: &Child) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.context("a pid")?, rustix::process::Signal::STOP)?;
    while !proc::is_stopped(child.id())? {
        thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// Acks that came before the cut began.
fn count(mut lines: impl BufRead, begun: &AtomicBool) -> u64 {
    let mut n_acked = 0;
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|n_read| n_read > 0) {
        if begun.load(Ordering::SeqCst) {
            break;
        }
        n_acked += u64::from(line.ends_with('\n'));
        line.clear();
    }
    n_acked
}

/// How many records from the start are as they were written.
fn n_kept(file: &Path) -> u64 {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|mut file| file.read_to_end(&mut bytes));
    if read.is_err() {
        return 0;
    }
    let whole = bytes.chunks(RECORD_BYTES).zip(0_u64..);
    num::wide(whole.take_while(|(chunk, number)| *chunk == record(*number)).count())
}
