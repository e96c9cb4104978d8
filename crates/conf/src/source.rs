//! What reading a configuration asks of the outside world.

use std::io;

/// Files to include and environment variables, supplied by the caller.
///
/// This crate touches neither disk nor environment, so a test or a fuzzer is a source too.
pub trait Source {
    /// The whole text of the file at `path`.
    ///
    /// # Errors
    ///
    /// Whatever keeps the file from being read; text that is not UTF-8 counts.
    fn read(&mut self, path: &str) -> io::Result<String>;

    /// The value of the environment variable `name`.
    fn env(&mut self, name: &str) -> Option<String>;
}

/// A source without files and variables.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSource;

impl Source for NoSource {
    fn read(&mut self, _path: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn env(&mut self, _name: &str) -> Option<String> {
        None
    }
}

/// `error` in the words of nats-server, which names the failed call and leaves out the number.
pub(crate) fn describe(path: &str, error: &io::Error) -> String {
    let call = match error.kind() {
        io::ErrorKind::IsADirectory => "read",
        _ => "open",
    };
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::InvalidData => "text is not valid UTF-8".to_owned(),
        _ => error.to_string(),
    };
    format!("{call} {path}: {reason}")
}

/// The folder of `path`, `.` if it names none.
pub(crate) fn folder(path: &str) -> String {
    let end = path.rfind('/').map_or(0, |slash| slash + 1);
    clean(&path[..end])
}

/// `name` within `folder`, even if it starts with a slash.
pub(crate) fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => clean(name),
        (folder, "") => clean(folder),
        (folder, name) => clean(&format!("{folder}/{name}")),
    }
}

/// The shortest spelling of `path`, found without looking at the disk.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => (),
            ".." if kept.last().is_some_and(|last| *last != "..") => _ = kept.pop(),
            ".." if rooted => (),
            other => kept.push(other),
        }
    }
    let joined = kept.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_include_is_always_looked_up_beside_the_file_that_includes_it() {
        let cases = [
            ("a.conf", "b.conf", "b.conf"),
            ("dir/a.conf", "b.conf", "dir/b.conf"),
            ("/etc/nats/a.conf", "../b.conf", "/etc/b.conf"),
            ("/etc/nats/a.conf", "/b.conf", "/etc/nats/b.conf"),
            ("./x/../a.conf", "./y//b.conf", "y/b.conf"),
            ("../a.conf", "../b.conf", "../../b.conf"),
            ("/a.conf", "../../b.conf", "/b.conf"),
            ("a.conf", "", "."),
        ];

        for (from, name, path) in cases {
            assert_eq!(join(&folder(from), name), path, "{from} includes {name}");
        }
    }
}
