use std::fmt;

/// Something that is not as it should be, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
    remedy: String,
}

impl Finding {
    /// At line `line`, counted from 1.
    pub(crate) fn new(path: &str, line: usize, what: &str) -> Finding {
        Finding { path: path.to_owned(), line, what: what.to_owned(), remedy: String::new() }
    }

    pub(crate) fn remedy(mut self, remedy: &str) -> Finding {
        remedy.clone_into(&mut self.remedy);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    remedy: {}", self.path, self.line, self.what, self.remedy)
    }
}
