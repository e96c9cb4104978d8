//! The generic tree a configuration file is read into.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Where something stands in a configuration file.
///
/// The line counts from 1. The column counts bytes from 0 on line 1 and from 1 on every later
/// line: that is how nats-server counts, and its error texts carry it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The path as it was opened; empty for text that came from no file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The byte in the line.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The entries of a block, by key as written. Of a repeated key the last value is kept.
pub type Map = BTreeMap<String, Node>;

/// A value with its place.
///
/// Two nodes are equal when their values are: the place is not compared.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Place of the key, or of the value itself within an array.
    pub at: Position,
    /// A `$name` elsewhere refers to this entry, so it need not be a known option.
    pub used_as_variable: bool,
    /// Rank among all nodes in the order they were read, across included files.
    pub order: u64,
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.value == other.value
    }
}

/// What a key can stand for.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `{ … }`
    Map(Map),
    /// `[ … ]`
    Array(Vec<Node>),
    /// Quoted, bare or block text.
    String(String),
    /// A whole number, its size suffix already multiplied in.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true`, `yes`, `on`, `false`, `no`, `off`.
    Bool(bool),
    /// `2026-01-31T12:00:00Z`
    Datetime(Datetime),
}

impl Value {
    /// The name nats-server's error texts use for the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Map(_) => "map[string]interface {}",
            Value::Array(_) => "[]interface {}",
            Value::String(_) => "string",
            Value::Int(_) => "int64",
            Value::Float(_) => "float64",
            Value::Bool(_) => "bool",
            Value::Datetime(_) => "time.Time",
        }
    }
}

/// A point in time to the second, in UTC: `YYYY-MM-DDTHH:MM:SSZ`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Datetime(String);

impl Datetime {
    /// Takes `text` if it is in that form and names a day and time that exist.
    pub fn parse(text: &str) -> Option<Datetime> {
        let shape = b"0000-00-00T00:00:00Z";
        let bytes = text.as_bytes();
        let shaped = bytes.len() == shape.len()
            && bytes.iter().zip(shape).all(|(&byte, &form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == form,
            });
        if !shaped {
            return None;
        }
        let number = |from: usize, to: usize| text[from..to].parse::<u32>().ok();
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let exists =
            (1..=days_in(year, month)).contains(&day) && hour < 24 && minute < 60 && second < 60;
        exists.then(|| Datetime(text.to_owned()))
    }

    /// The text, as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Days of `month`, 0 if there is no such month.
fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datetime_names_a_day_that_exists() {
        let cases = [
            ("2024-02-29T23:59:59Z", true),
            ("2023-02-29T00:00:00Z", false),
            ("1900-02-29T00:00:00Z", false),
            ("2024-13-01T00:00:00Z", false),
            ("2024-04-31T00:00:00Z", false),
            ("2024-04-30T24:00:00Z", false),
            ("2024-04-30T23:00:60Z", false),
            ("2024-04-30 23:00:00Z", false),
            ("2024-04-30T23:00:00", false),
        ];

        for (text, good) in cases {
            assert_eq!(Datetime::parse(text).is_some(), good, "{text}");
        }
    }
}
