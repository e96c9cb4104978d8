//! A value of a file or of the environment, and what it can be read as.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::config::{Secret, parse_duration, parse_size};

/// What is wrong with a value, and what would be right. Never shows a secret.
pub(crate) type Problem = String;

/// A value whose kind is not decided yet.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Whole(i128),
    Fraction(f64),
    Text(String),
    List(Vec<Value>),
    /// Keys with their lines.
    Map(Vec<(String, u64, Value)>),
}

impl Value {
    /// Whether it says nothing: an empty text stands for a setting that is not given.
    pub(crate) fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    pub(crate) fn text(&self) -> Result<String, Problem> {
        match self {
            Value::Text(text) => Ok(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => Err(self.is_not("a text")),
            _ => Err("is no text: put it in quotes".to_owned()),
        }
    }

    pub(crate) fn secret(&self) -> Result<Secret, Problem> {
        self.text().map(Secret::from)
    }

    pub(crate) fn path(&self) -> Result<PathBuf, Problem> {
        self.text().map(PathBuf::from)
    }

    /// A list of texts; one text is a list with commas.
    pub(crate) fn list(&self) -> Result<Vec<String>, Problem> {
        let items: Vec<String> = match self {
            Value::List(items) => items.iter().map(Value::text).collect::<Result<_, _>>()?,
            Value::Text(text) => text.split(',').map(str::to_owned).collect(),
            _ => return Err(self.is_not("a list")),
        };
        let trimmed = items.iter().map(|item| item.trim().to_owned());
        Ok(trimmed.filter(|item| !item.is_empty()).collect())
    }

    pub(crate) fn boolean(&self) -> Result<bool, Problem> {
        let is_not = || Err(self.is_not("a yes or no: write `true` or `false`"));
        match self {
            Value::Bool(value) => Ok(*value),
            Value::Whole(1) => Ok(true),
            Value::Whole(0) => Ok(false),
            Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(true),
                "false" | "0" | "no" | "off" => Ok(false),
                _ => is_not(),
            },
            _ => is_not(),
        }
    }

    pub(crate) fn number<N: TryFrom<i128>>(&self) -> Result<N, Problem> {
        let number = match self {
            Value::Whole(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.is_not("a whole number"))?;
        N::try_from(number).map_err(|_| format!("`{number}` is out of range"))
    }

    /// A number, -1 for none.
    pub(crate) fn limit<N: TryFrom<i128>>(&self) -> Result<Option<N>, Problem> {
        match self.number::<i128>()? {
            -1 => Ok(None),
            number => N::try_from(number).map(Some).map_err(|_| {
                format!("`{number}` is out of range: give 1 or more, or -1 for without end")
            }),
        }
    }

    pub(crate) fn fraction(&self) -> Result<f64, Problem> {
        match self {
            Value::Fraction(number) => Ok(*number),
            // Whole numbers of the settings that are fractions are small.
            Value::Whole(_) => self.number::<i32>().map(f64::from),
            Value::Text(text) => text.trim().parse().map_err(|_| self.is_not("a number")),
            _ => Err(self.is_not("a number")),
        }
    }

    /// A text with a unit, or a number of seconds.
    pub(crate) fn duration(&self) -> Result<Duration, Problem> {
        match self {
            Value::Text(text) => parse_duration(text).map_err(|error| error.to_string()),
            Value::Whole(_) => self.number().map(Duration::from_secs),
            Value::Fraction(seconds) => Duration::try_from_secs_f64(*seconds)
                .map_err(|_| format!("`{seconds}` is out of range")),
            _ => Err(self.is_not("a duration: write for example `500ms`, `2s` or `1h30m`")),
        }
    }

    /// A text with a unit, or a number of bytes.
    pub(crate) fn size<N: TryFrom<i128>>(&self) -> Result<N, Problem> {
        let Value::Text(text) = self else { return self.number() };
        let bytes = parse_size(text).map_err(|error| error.to_string())?;
        N::try_from(i128::from(bytes)).map_err(|_| format!("`{text}` is out of range"))
    }

    /// One of a few words, in any case, with `-` or `_`.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Problem> {
        let text = self.text()?.trim().to_ascii_lowercase().replace('-', "_");
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.is_not(&format!("one of {}", known.join(", ")))
        })
    }

    /// `self is not kind`, as a sentence.
    pub(crate) fn is_not(&self, kind: &str) -> Problem {
        format!("{self} is not {kind}")
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("nothing"),
            Value::Bool(value) => write!(f, "`{value}`"),
            Value::Whole(value) => write!(f, "`{value}`"),
            Value::Fraction(value) => write!(f, "`{value}`"),
            Value::Text(value) => write!(f, "`{value}`"),
            // What they hold may be secret.
            Value::List(_) => f.write_str("a list"),
            Value::Map(_) => f.write_str("a section"),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Whole(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Whole(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Whole(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Fraction(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let line = key.referenced.line();
            map.push((key.value, line, entries.next_value()?));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    /// Rows: S3-57, S4-59.
    #[test]
    fn s3_57_yes_and_no_have_many_names() {
        for yes in ["true", "1", "yes", "on", "TRUE", " Yes "] {
            assert_eq!(text(yes).boolean(), Ok(true), "{yes}");
        }
        for no in ["false", "0", "no", "off"] {
            assert_eq!(text(no).boolean(), Ok(false), "{no}");
        }
        let problem = text("maybe").boolean().unwrap_err();
        assert_eq!(problem, "`maybe` is not a yes or no: write `true` or `false`");
    }

    /// Rows: S2-25, S2-61, S4-48.
    #[test]
    fn s2_25_numbers_are_seconds_and_texts_have_a_unit() {
        let second = Ok(Duration::from_secs(1));
        assert_eq!(Value::Fraction(1.0).duration(), second);
        assert_eq!(Value::Whole(1).duration(), second);
        assert_eq!(text("1s").duration(), second);
        assert!(text("1").duration().unwrap_err().contains("has no unit"));
        assert_eq!(Value::Fraction(-1.0).duration(), Err("`-1` is out of range".to_owned()));
        assert_eq!(Value::Whole(-1).duration(), Err("`-1` is out of range".to_owned()));
        assert!(Value::Bool(true).duration().is_err());
    }

    #[test]
    fn minus_one_is_without_end() {
        assert_eq!(Value::Whole(-1).limit::<usize>(), Ok(None));
        assert_eq!(Value::Whole(60).limit::<usize>(), Ok(Some(60)));
        assert!(Value::Whole(-2).limit::<usize>().unwrap_err().contains("-1 for without end"));
    }

    #[test]
    fn numbers_and_sizes_have_a_range() {
        assert_eq!(text("50056").number::<u16>(), Ok(50056));
        assert_eq!(Value::Whole(70_000).number::<u16>(), Err("`70000` is out of range".to_owned()));
        assert_eq!(text("8MiB").size::<u64>(), Ok(8 << 20));
        assert_eq!(Value::Whole(5).size::<u64>(), Ok(5));
        assert_eq!(Value::Whole(1).fraction(), Ok(1.0));
        assert_eq!(text("0.1").fraction(), Ok(0.1));
    }

    #[test]
    fn a_secret_that_looks_like_a_number_is_not_shown() {
        assert_eq!(Value::Whole(4711).secret(), Err("is no text: put it in quotes".to_owned()));
        assert_eq!(Value::List(vec![text("x")]).secret(), Err("a list is not a text".to_owned()));
    }
}
