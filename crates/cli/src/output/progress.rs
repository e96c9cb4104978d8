use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::human;

/// Time between two drawings of a progress line.
const PERIOD: Duration = Duration::from_millis(100);

/// How far a long piece of work is, on stderr, if that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
    unit: Unit,
    total: u64,
    done: u64,
    start: Instant,
    drawn: Option<Instant>,
}

/// What progress is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Bytes,
    Messages,
}

impl Progress {
    /// Work of `total` bytes; 0 if that is not known.
    pub(crate) fn bytes(total: u64, wanted: bool) -> Progress {
        Progress::new(Unit::Bytes, total, wanted)
    }

    /// Work of `total` messages.
    pub(crate) fn messages(total: u64, wanted: bool) -> Progress {
        Progress::new(Unit::Messages, total, wanted)
    }

    fn new(unit: Unit, total: u64, wanted: bool) -> Progress {
        let shown = wanted && io::stderr().is_terminal();
        Progress { shown, unit, total, done: 0, start: Instant::now(), drawn: None }
    }

    /// So much more is done.
    pub(crate) fn advance(&mut self, amount: u64) {
        self.done = self.done.saturating_add(amount);
        let due = self.drawn.is_none_or(|drawn| PERIOD <= drawn.elapsed());
        if self.shown && due {
            self.drawn = Some(Instant::now());
            let _ = write!(io::stderr().lock(), "\r\x1b[K{}", self.line(self.start.elapsed()));
        }
    }

    /// The work is over.
    pub(crate) fn finish(&self) {
        if self.shown && self.drawn.is_some() {
            let _ = writeln!(io::stderr().lock(), "\r\x1b[K{}", self.line(self.start.elapsed()));
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let amount = |number: u64| match self.unit {
            Unit::Bytes => human::size(number),
            Unit::Messages => human::comma(number),
        };
        let millis = elapsed.as_millis().max(1);
        let rate = u64::try_from(u128::from(self.done) * 1000 / millis).unwrap_or(u64::MAX);
        let done = match self.total {
            0 => amount(self.done),
            total => {
                let percent = u128::from(self.done) * 100 / u128::from(total);
                format!("{} / {} {percent}%", amount(self.done), amount(total))
            }
        };
        format!("{done}  {}/s", amount(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_and_how_fast() {
        let mut progress = Progress::bytes(4096, false);
        progress.advance(1024);
        assert_eq!(progress.line(Duration::from_secs(2)), "1.0 KiB / 4.0 KiB 25%  512 B/s");

        let mut unknown = Progress::messages(0, false);
        unknown.advance(3000);
        assert_eq!(unknown.line(Duration::from_secs(1)), "3,000  3,000/s");
    }
}
