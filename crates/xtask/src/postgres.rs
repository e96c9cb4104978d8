//! A PostgreSQL for tests: a cluster of its own in `target/`, without syncs, gone afterwards.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::checkout::Checkout;
use crate::command::{shown, works};
use crate::install;

/// Where tests look for the URL.
pub(crate) const URL: &str = "TRADEWIND_POSTGRES_URL";
/// How long it may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// PostgreSQL refuses to run as root: Debian's package makes this user.
const USER: &str = "postgres";
/// Below it Debian has a folder for each version, off the PATH.
const DEBIAN_PROGRAMS: &str = "/usr/lib/postgresql";

struct Postgres {
    server: Child,
    url: String,
    _dir: tempfile::TempDir,
}

/// Runs `work` with the URL of a fresh PostgreSQL.
pub(crate) fn with_postgres<T>(
    checkout: &Checkout,
    work: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    let postgres = Postgres::start(checkout)?;
    work(&postgres.url)
}

/// Runs a command that finds a PostgreSQL at `TRADEWIND_POSTGRES_URL`.
pub(crate) fn run(checkout: &Checkout, command: &[&str]) -> Result<bool> {
    let Some((program, args)) = command.split_first() else {
        bail!("usage: cargo xtask postgres -- COMMAND…");
    };
    with_postgres(checkout, |url| {
        let mut command = Command::new(program);
        command.args(args).env(URL, url);
        Ok(command.status().with_context(|| shown(&command))?.success())
    })
}

impl Postgres {
    fn start(checkout: &Checkout) -> Result<Postgres> {
        let programs = programs()?;
        // Not below target/: the other user may not enter it.
        let dir = tempfile::Builder::new().prefix("tradewind-postgres-").tempdir()?;
        let data = dir.path().join("data");
        own(dir.path())?;
        let mut init = as_user(&programs.join("initdb"));
        init.args(["--auth=trust", "--no-sync", "--username", USER, "--pgdata"]).arg(&data);
        let made = init.current_dir(dir.path()).output().with_context(|| shown(&init))?;
        ensure!(
            made.status.success(),
            "{}: {}",
            shown(&init),
            String::from_utf8_lossy(&made.stderr)
        );
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server = as_user(&programs.join("postgres"));
        server.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-F"]);
        server.arg("-c").arg(format!("unix_socket_directories={}", dir.path().display()));
        let log = std::fs::File::create(checkout.target.join("postgres.log"))?;
        let server = server.current_dir(dir.path()).stdout(Stdio::null()).stderr(log).spawn()?;
        let url = format!("postgres://{USER}@127.0.0.1:{port}/postgres");
        let mut postgres = Postgres { server, url, _dir: dir };
        let deadline = Instant::now() + START_LIMIT;
        while !works(Command::new(programs.join("pg_isready")).args(["-q", "-d", &postgres.url])) {
            ensure!(
                postgres.server.try_wait()?.is_none(),
                "postgres ended: see target/postgres.log"
            );
            ensure!(Instant::now() < deadline, "postgres does not start: see target/postgres.log");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(postgres)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A fast stop: TERM would wait for the last client.
        let _ = Command::new("kill").args(["-INT", &self.server.id().to_string()]).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if !matches!(self.server.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The folder of the newest PostgreSQL's programs, installed if there is none.
fn programs() -> Result<PathBuf> {
    if let Some(found) = find_programs() {
        return Ok(found);
    }
    install::apt(&["postgresql"])?;
    find_programs()
        .context("no initdb, postgres and pg_isready, though the package postgresql is installed")
}

fn find_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN_PROGRAMS).into_iter().flatten().flatten();
    let newest = newest(versions.map(|it| it.path().join("bin")).filter(|bin| has_programs(bin)));
    newest.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| has_programs(folder))
    })
}

fn has_programs(folder: &Path) -> bool {
    ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).is_file())
}

/// Of `<version>/bin` the one with the highest version, as a number: 15 comes after 9.6.
fn newest(folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let version = |folder: &Path| -> Vec<u32> {
        let name = folder.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        name.split('.').filter_map(|part| part.parse().ok()).collect()
    };
    folders.max_by_key(|folder| version(folder))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|it| it.stdout == b"0\n")
}

fn own(dir: &Path) -> Result<()> {
    if is_root() {
        let mut chown = Command::new("chown");
        chown.arg(USER).arg(dir);
        ensure!(works(&mut chown), "{} failed", shown(&chown));
    }
    Ok(())
}

/// The program itself and no parent of it, so that a signal reaches it: `runuser` and `su` stay in
/// between and swallow INT, and the server would outlive us. It ends with us even if we are killed.
fn as_user(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--init-groups", "--pdeathsig", "INT"]);
        command.arg("--").arg(program);
        command
    } else {
        Command::new(program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_taken_by_number() {
        let folders = ["9.6", "15", "9.10"].map(|version| Path::new(version).join("bin"));

        assert_eq!(newest(folders.into_iter()), Some(PathBuf::from("15/bin")));
        assert_eq!(newest(std::iter::empty()), None);
    }
}
