//! A file system of its own, in a file, that can lose its power.
//!
//! It lives in a mount namespace of the room's: whatever ends the room, no
//! mount and no loop device stay behind, and nobody else sees them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::room::{has_program, succeed};

/// Set for the process inside the namespace.
const INSIDE: &str = "LAB_OWN_MOUNTS";

/// `EXT4_IOC_SHUTDOWN` with "neither data nor journal are flushed", as soon as a line comes in.
///
/// A program of its own because an ioctl needs unsafe code, and perl is there on every Debian.
const CUT_SCRIPT: &str = r#"
open(my $root, "<", $ARGV[0]) or die "open: $!";
my $flag = pack("L", 2);
$| = 1;
print "armed\n";
<STDIN>;
ioctl($root, 0x8004587d, $flag) or die "ioctl: $!";
print "cut\n";
"#;

/// Continues in a mount namespace of its own; returns inside it, or with why that can't be.
pub(crate) fn in_own_mounts() -> Result<Option<String>> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(None);
    }
    if !rustix::process::geteuid().is_root() {
        return Ok(Some("mounting needs root".to_owned()));
    }
    for program in ["unshare", "mount", "umount", "losetup", "mkfs.ext4", "perl"] {
        if !has_program(program) {
            return Ok(Some(format!("{program} is not installed")));
        }
    }
    let flags = ["--mount", "--propagation", "private", "--"].map(OsStr::new);
    if let Err(error) = succeed("unshare", &[&flags[..], &[OsStr::new("true")]].concat()) {
        return Ok(Some(format!("no mount namespace: {error}")));
    }
    if let Err(error) = Volume::create(&scratch(), 16 << 20) {
        return Ok(Some(format!("no loop mount: {error:#}")));
    }
    let error = Command::new("unshare")
        .args(flags)
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    bail!("cannot run unshare: {error}")
}

/// Where images lie: in memory if that is there, for the sake of the disk and of speed.
pub(crate) fn scratch() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}

/// An ext4 in a sparse file, mounted; unmounted on drop.
#[derive(Debug)]
pub(crate) struct Volume {
    home: Option<TempDir>,
    image: PathBuf,
    root: PathBuf,
    mounted: bool,
}

impl Volume {
    /// A new one of `bytes`, its file somewhere in `place`.
    pub(crate) fn create(place: &Path, bytes: u64) -> Result<Volume> {
        let home = tempfile::Builder::new().prefix("lab-volume-").tempdir_in(place)?;
        let image = home.path().join("image");
        let root = home.path().join("root");
        fs::create_dir(&root)?;
        File::create(&image)?.set_len(bytes)?;
        let lazy = "nodiscard,lazy_itable_init=1,lazy_journal_init=1";
        let flags =
            ["-q", "-F", "-m", "0", "-N", "2048", "-J", "size=4", "-E", lazy].map(OsStr::new);
        succeed("mkfs.ext4", &[&flags[..], &[image.as_os_str()]].concat())?;
        let mut volume = Volume { home: Some(home), image, root, mounted: false };
        volume.mount()?;
        Ok(volume)
    }

    /// Where the server keeps its store.
    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn mount(&mut self) -> Result<()> {
        let flags = ["-t", "ext4", "-o", "loop,noatime"].map(OsStr::new);
        succeed("mount", &[&flags[..], &[self.image.as_os_str(), self.root.as_os_str()]].concat())?;
        self.mounted = true;
        Ok(())
    }

    pub(crate) fn unmount(&mut self) -> Result<()> {
        let mut attempts = 0;
        while let Err(error) = succeed("umount", &[self.root.as_os_str()]) {
            attempts += 1;
            // A killed process may still be letting go of its files.
            ensure!(attempts < 100, error);
            std::thread::sleep(Duration::from_millis(10));
        }
        self.mounted = false;
        Ok(())
    }

    /// Gets ready to cut the power.
    pub(crate) fn arm(&self) -> Result<Cutter> {
        let mut child = Command::new("perl")
            .args(["-e", CUT_SCRIPT])
            .arg(&self.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("perl")?;
        let stdin = child.stdin.take().context("perl's input")?;
        let stdout = BufReader::new(child.stdout.take().context("perl's output")?);
        let mut cutter = Cutter { child, stdin, stdout };
        cutter.hear("armed")?;
        Ok(cutter)
    }

    /// Unmounts and leaves the image as evidence; where it is.
    pub(crate) fn keep(mut self) -> Result<PathBuf> {
        if self.mounted {
            self.unmount()?;
        }
        if let Some(home) = self.home.take() {
            let _ = home.keep();
        }
        Ok(self.image.clone())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.mounted && self.unmount().is_err() {
            let _ = succeed("umount", &["-l".as_ref(), self.root.as_os_str()]);
        }
    }
}

/// A hand on the switch.
#[derive(Debug)]
pub(crate) struct Cutter {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Cutter {
    /// Cuts; tells when it begins and when it is done.
    pub(crate) fn cut(mut self, begun: &AtomicBool, done: &AtomicBool) -> Result<()> {
        begun.store(true, Ordering::SeqCst);
        self.stdin.write_all(b"\n")?;
        self.hear("cut")?;
        done.store(true, Ordering::SeqCst);
        ensure!(self.child.wait()?.success(), "the cut failed");
        Ok(())
    }

    fn hear(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        ensure!(line.trim() == word, "EXT4_IOC_SHUTDOWN does not work here");
        Ok(())
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
