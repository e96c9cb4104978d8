//! Reads what `strace -f -yy` wrote.
//!
//! The order of the lines is the clock: the tracer holds each thread at entry
//! and at exit of a call until it has written it down, so a call that ended on
//! an earlier line than another began had an effect the other could know of.

use std::collections::BTreeMap;

/// One finished system call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// The line of its entry and the line of its exit; the same if nothing came in between.
    pub(crate) begin: usize,
    pub(crate) end: usize,
    /// Seconds since the epoch, of the entry.
    pub(crate) at: f64,
    pub(crate) fd: u32,
    /// What the descriptor stands for: a path, or `TCP:[…]`.
    pub(crate) target: String,
    /// The arguments as printed.
    pub(crate) text: String,
    pub(crate) result: i64,
}

impl Call {
    pub(crate) fn is_socket(&self) -> bool {
        self.target.starts_with("TCP")
    }

    pub(crate) fn is_sync(&self) -> bool {
        matches!(self.name.as_str(), "fdatasync" | "fsync") && self.result == 0
    }

    pub(crate) fn is_receive(&self) -> bool {
        let reads = matches!(self.name.as_str(), "read" | "readv" | "recvfrom" | "recvmsg");
        reads && self.is_socket() && self.result > 0
    }

    pub(crate) fn is_send(&self) -> bool {
        let writes = matches!(self.name.as_str(), "write" | "writev" | "sendto" | "sendmsg");
        writes && self.is_socket() && self.result > 0
    }

    pub(crate) fn is_file_write(&self) -> bool {
        let writes =
            matches!(self.name.as_str(), "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2");
        writes && self.target.starts_with('/') && self.result > 0
    }
}

/// All calls of a trace, in the order of their exits. Signals, exits and calls that never ended are left out.
pub(crate) fn parse(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut open: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (line_no, line) in trace.lines().enumerate() {
        let Some((pid, rest)) = line.trim_start().split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            open.insert(pid, (line_no, begun));
        } else if let Some((_, tail)) = rest.split_once(" resumed>") {
            if let Some((begin, begun)) = open.remove(pid) {
                calls.extend(call(&format!("{begun}{tail}"), begin, line_no));
            }
        } else {
            calls.extend(call(rest, line_no, line_no));
        }
    }
    calls
}

/// `1690000000.123456 name(5<target>, …) = result`.
fn call(text: &str, begin: usize, end: usize) -> Option<Call> {
    let (at, text) = text.split_once(' ')?;
    let (name, arguments) = text.split_once('(')?;
    let (arguments, result) = arguments.rsplit_once(" = ")?;
    let (fd, rest) = arguments.split_once('<')?;
    // A socket's name has an arrow in it, a path may have anything but ends before the next argument.
    let target_len = rest.find(">,").or_else(|| rest.rfind('>'))?;
    let result = result.split_ascii_whitespace().next()?;
    Some(Call {
        name: name.to_owned(),
        begin,
        end,
        at: at.parse().ok()?,
        fd: fd.parse().ok()?,
        target: rest[..target_len].to_owned(),
        text: rest[target_len..].to_owned(),
        result: result.parse().ok()?,
    })
}

/// The numbers that follow each `key` in a text.
pub(crate) fn numbers_after<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = u64> + 'a {
    text.match_indices(key).filter_map(move |(at, _)| {
        let rest = text[at + key.len()..].trim_start();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest[..digits].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"100 1700000000.000001 recvfrom(9<TCP:[127.0.0.1:4222->127.0.0.1:5000]>, "PUB a 5\r\nlab-7\r\n", 4096, 0, NULL, NULL) = 16
101 1700000000.000002 fdatasync(7</tmp/s/log>) = 0
102 1700000000.000003 fdatasync(7</tmp/s/log> <unfinished ...>
100 1700000000.000004 pwrite64(7</tmp/s/log>, "lab-8", 5, 0) = 5
102 1700000000.000005 <... fdatasync resumed>) = 0
101 1700000000.000006 recvfrom(9<TCP:[127.0.0.1:4222->127.0.0.1:5000]>,  <unfinished ...>
100 1700000000.000007 --- SIGURG {si_signo=SIGURG} ---
101 1700000000.000008 <... recvfrom resumed>"x", 1, 0, NULL, NULL) = 1
100 1700000000.000009 write(9<TCP:[127.0.0.1:4222->127.0.0.1:5000]>, "x", 1) = -1 EAGAIN (Resource temporarily unavailable)
101 1700000000.000010 fdatasync(8</tmp/s/other> <unfinished ...>
100 1700000000.000011 +++ exited with 0 +++
"#;

    #[test]
    fn calls_are_read_with_their_begin_and_end() {
        let calls = parse(TRACE);
        let brief: Vec<_> = calls
            .iter()
            .map(|call| (call.name.as_str(), call.begin, call.end, call.result))
            .collect();
        let expected = [
            ("recvfrom", 0, 0, 16),
            ("fdatasync", 1, 1, 0),
            ("pwrite64", 3, 3, 5),
            ("fdatasync", 2, 4, 0),
            ("recvfrom", 5, 7, 1),
            ("write", 8, 8, -1),
        ];
        assert_eq!(brief, expected);
    }

    #[test]
    fn sockets_files_and_syncs_are_told_apart() {
        let calls = parse(TRACE);
        assert!(calls[0].is_receive() && !calls[0].is_send() && !calls[0].is_file_write());
        assert!(calls[1].is_sync() && calls[1].target == "/tmp/s/log");
        assert!(calls[2].is_file_write() && calls[2].text.contains("lab-8"));
        assert!(calls[4].is_receive() && calls[4].text.contains("\"x\""));
        assert!(!calls[5].is_send(), "nothing was sent");
    }

    #[test]
    fn numbers_behind_a_key_are_found() {
        let text = r#"{\"seq\":12},{\"seq\": 7},{\"seq\":x"#;
        assert_eq!(numbers_after(text, r#"\"seq\":"#).collect::<Vec<_>>(), [12, 7]);
    }
}
