//! The fuzz targets, each for a while.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::checkout::Checkout;
use crate::command::{shown, watch};
use crate::{install, say};

const SECONDS: u64 = 60;

/// What is wanted of `cargo xtask fuzz`.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    seconds: u64,
    targets: Vec<String>,
}

/// Runs the targets named in `options`, or all; true if none found anything.
pub(crate) fn run(checkout: &Checkout, options: &[&str]) -> Result<bool> {
    let known = targets(checkout)?;
    let wish = read(options, &known)?;
    ensure!(
        install::has_nightly() && install::has_cargo_fuzz(),
        "fuzzing needs a nightly toolchain and cargo-fuzz; remedy: cargo xtask install --fuzz"
    );
    let mut clean = true;
    for target in &wish.targets {
        let mut command = cargo_fuzz(checkout, target, wish.seconds)?;
        say(&format!("fuzz {target}: {}", shown(&command)));
        let ok = watch(&mut command, |_| ())?;
        say(&format!("fuzz {target}: {}", if ok { "clean" } else { "FOUND SOMETHING" }));
        clean &= ok;
    }
    Ok(clean)
}

/// The names of the targets, sorted.
fn targets(checkout: &Checkout) -> Result<Vec<String>> {
    let folder = checkout.root.join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn read(options: &[&str], known: &[String]) -> Result<Wish> {
    let mut wish = Wish { seconds: SECONDS, targets: Vec::new() };
    let mut rest = options.iter();
    while let Some(&option) = rest.next() {
        if option == "--seconds" {
            let value = rest.next().context("--seconds needs a number")?;
            wish.seconds = value.parse().with_context(|| format!("--seconds {value}"))?;
        } else if known.iter().any(|name| name == option) {
            wish.targets.push(option.to_owned());
        } else {
            bail!("no fuzz target {option}; there are: {}", known.join(", "));
        }
    }
    if wish.targets.is_empty() {
        wish.targets = known.to_vec();
    }
    Ok(wish)
}

/// New inputs go to `corpus`, which is not kept; `seeds` is.
fn cargo_fuzz(checkout: &Checkout, target: &str, seconds: u64) -> Result<Command> {
    let corpus = checkout.root.join("fuzz/corpus").join(target);
    fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "fuzz", "run", target]);
    command.arg(corpus).arg(checkout.root.join("fuzz/seeds").join(target)).arg("--");
    command.args([format!("-max_total_time={seconds}"), "-timeout=10".to_owned()]);
    command.args(["-rss_limit_mb=2048", "-print_final_stats=1", "-print_funcs=0"]);
    command.current_dir(&checkout.root);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_run_a_minute_unless_told() {
        let known = ["a".to_owned(), "b".to_owned()];
        let wish = |options: &[&str]| read(options, &known).map_err(|error| error.to_string());
        assert_eq!(wish(&[]), Ok(Wish { seconds: 60, targets: known.to_vec() }));
        let one = Wish { seconds: 5, targets: vec!["b".to_owned()] };
        assert_eq!(wish(&["--seconds", "5", "b"]), Ok(one));
        assert_eq!(wish(&["c"]), Err("no fuzz target c; there are: a, b".to_owned()));
        assert_eq!(wish(&["--seconds"]), Err("--seconds needs a number".to_owned()));
    }
}
