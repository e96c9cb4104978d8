//! What is wrong with a configuration that parses.

use std::fmt;

use crate::config::Warning;
use crate::value::Position;

/// One thing that keeps the server from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub at: Position,
    /// What it is, in nats-server's words where nats-server has them.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.reason)
    }
}

/// Everything wrong with a configuration, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// What keeps the server from starting.
    pub errors: Vec<Problem>,
    /// What there was to warn of besides.
    pub warnings: Vec<Warning>,
}

impl fmt::Display for Problems {
    /// One line each, warnings that nats-server shares first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in self.warnings.iter().filter(|warning| warning.fails_check) {
            writeln!(f, "{}", warning.text)?;
        }
        for (idx, error) in self.errors.iter().enumerate() {
            if idx != 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
