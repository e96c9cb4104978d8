//! A server under `strace`, which can kill it or make it wait at a system call.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::Result;

/// Why `strace` can't be used; `None` if it can.
pub(crate) fn missing() -> Option<String> {
    let traced = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match traced {
        Ok(status) if status.success() => None,
        Ok(_) => Some("strace may not trace here".to_owned()),
        Err(_) => Some("strace is not installed; remedy: apt-get install strace".to_owned()),
    }
}

/// What to put in front of the server so that `what` is done at the Nth of `calls` in a thread.
///
/// Without seccomp: strace 6.1 does not count to N with it.
pub(crate) fn at_nth(call: &str, what: &str, n: u64) -> Vec<OsString> {
    injecting(&[], call, &format!("{what}:when={n}"))
}

/// What to put in front of the server so that `what` is done at each of `calls`; others run freely.
pub(crate) fn at_each(calls: &str, what: &str) -> Vec<OsString> {
    injecting(&["--seccomp-bpf"], calls, what)
}

fn injecting(flags: &[&str], calls: &str, what: &str) -> Vec<OsString> {
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:{what}"));
    let fixed = ["strace", "-D", "-f", "-qq", "-e", "signal=none", "-o", "/dev/null"];
    let rest = ["-e", &trace, "-e", &inject];
    fixed.iter().chain(flags).chain(&rest).map(OsString::from).collect()
}

/// Which of `calls` this machine's `strace` knows.
pub(crate) fn known<'a>(calls: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut known = Vec::new();
    for call in calls {
        let status = Command::new("strace")
            .args(["-o", "/dev/null", "-e", &format!("trace={call}"), "true"])
            .stderr(Stdio::null())
            .status()?;
        if status.success() {
            known.push(*call);
        }
    }
    Ok(known)
}
