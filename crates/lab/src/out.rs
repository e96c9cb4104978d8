//! Results go to standard output, progress to standard error.

use std::io::{self, Write};

/// A line of the result. A closed pipe is the reader's choice.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// A line about progress.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
