use std::collections::BTreeMap;

use super::scan::{scan_value, skip_space};
use super::text::{quote, unquote};
use super::{FromJson, JsonError, Words};
use crate::api::time::{WireTime, parse_time};

/// A cursor over one scanned value.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    strict: bool,
    root: &'static str,
    /// Keys and indexes on the way to where we are.
    path: Vec<String>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new<T: FromJson>(bytes: &'a [u8], strict: bool) -> Decoder<'a> {
        Decoder { bytes, at: 0, strict, root: T::GO_TYPE, path: Vec::new() }
    }

    /// Reads an object into `value`; `null` changes nothing.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is no object, or a key or value is wrong.
    pub fn structure<T: FromJson>(&mut self, value: &mut T) -> Result<(), JsonError> {
        self.object(T::GO_TYPE, |decoder, key| {
            let lower = fold(key);
            if value.field(&lower, decoder)? {
                return Ok(());
            }
            if decoder.strict {
                let quoted = quote(key.as_bytes());
                return Err(JsonError(format!("json: unknown field {quoted}")));
            }
            decoder.raw_value();
            Ok(())
        })
    }

    /// As [`Decoder::structure`]; `null` is `None`.
    ///
    /// # Errors
    ///
    /// As [`Decoder::structure`].
    pub fn optional<T: FromJson>(&mut self, value: &mut Option<T>) -> Result<(), JsonError> {
        if self.take_null() {
            *value = None;
            return Ok(());
        }
        self.structure(value.get_or_insert_default())
    }

    /// A list of objects.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else.
    pub fn structures<T: FromJson>(&mut self, list: &mut Vec<T>) -> Result<(), JsonError> {
        let list_type = format!("[]{}", T::GO_TYPE);
        self.list(list, &list_type, Decoder::structure)
    }

    /// A string.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else.
    pub fn string(&mut self, value: &mut String) -> Result<(), JsonError> {
        if self.take_null() {
            return Ok(());
        }
        let raw = self.raw_value();
        if raw.first() != Some(&b'"') {
            return Err(self.wrong_type(kind(raw), "string"));
        }
        *value = unquote(raw);
        Ok(())
    }

    /// A string; an empty one is none.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else.
    pub fn text(&mut self, value: &mut Option<String>) -> Result<(), JsonError> {
        let mut text = value.take().unwrap_or_default();
        self.string(&mut text)?;
        *value = Some(text).filter(|text| !text.is_empty());
        Ok(())
    }

    /// A list of strings.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else.
    pub fn strings(&mut self, list: &mut Vec<String>) -> Result<(), JsonError> {
        self.list(list, "[]string", Decoder::string)
    }

    /// A list of durations, in nanoseconds.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else.
    pub fn durations(&mut self, list: &mut Vec<i64>) -> Result<(), JsonError> {
        self.list(list, "[]time.Duration", |decoder, value| decoder.integer(value, "time.Duration"))
    }

    /// A map from strings to strings, merged into `map`; `null` empties it.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else.
    pub fn string_map(&mut self, map: &mut BTreeMap<String, String>) -> Result<(), JsonError> {
        if self.take_null() {
            map.clear();
            return Ok(());
        }
        self.object("map[string]string", |decoder, key| {
            let mut value = String::new();
            decoder.string(&mut value)?;
            map.insert(key.to_owned(), value);
            Ok(())
        })
    }

    /// A whole number that fits `T`, which Go calls `go_type`.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else, `1.0` and `1e3` included.
    pub fn integer<T>(&mut self, value: &mut T, go_type: &str) -> Result<(), JsonError>
    where
        T: TryFrom<i128>,
    {
        if self.take_null() {
            return Ok(());
        }
        let raw = self.raw_value();
        let number = String::from_utf8_lossy(raw);
        if kind(raw) != "number" {
            return Err(self.wrong_type(kind(raw), go_type));
        }
        // An unsigned number has no sign, not even before 0.
        let is_signed = raw.first() == Some(&b'-');
        let parsed = number.parse::<i128>().ok().and_then(|number| T::try_from(number).ok());
        let parsed = parsed.filter(|_| !is_signed || T::try_from(-1).is_ok());
        *value = parsed.ok_or_else(|| self.wrong_type(&format!("number {number}"), go_type))?;
        Ok(())
    }

    /// A duration, in nanoseconds.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else.
    pub fn duration(&mut self, value: &mut i64) -> Result<(), JsonError> {
        self.integer(value, "time.Duration")
    }

    /// `true` or `false`.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else.
    pub fn boolean(&mut self, value: &mut bool) -> Result<(), JsonError> {
        match self.raw_value() {
            b"null" => (),
            b"true" => *value = true,
            b"false" => *value = false,
            raw => return Err(self.wrong_type(kind(raw), "bool")),
        }
        Ok(())
    }

    /// A time as RFC 3339; `null` is none.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it is anything else.
    pub fn time(&mut self, value: &mut Option<WireTime>) -> Result<(), JsonError> {
        if self.take_null() {
            *value = None;
            return Ok(());
        }
        let raw = self.raw_value();
        if raw.first() != Some(&b'"') {
            return Err(self.wrong_type(kind(raw), "time.Time"));
        }
        *value = Some(parse_time(&unquote(raw)).map_err(JsonError)?);
        Ok(())
    }

    /// A word of an enumeration, compared byte for byte as Go's own `UnmarshalJSON` methods do.
    ///
    /// # Errors
    ///
    /// [`JsonError`] for any other value, `null` included.
    pub fn word<T: Words>(&mut self, value: &mut T) -> Result<(), JsonError> {
        let raw = self.raw_value();
        *value = find_word(raw).ok_or_else(|| JsonError::bad_word(raw))?;
        Ok(())
    }

    /// The bytes of the next value, which is skipped.
    pub fn raw_value(&mut self) -> &'a [u8] {
        let start = skip_space(self.bytes, self.at);
        // Scanned before: can't fail.
        self.at = scan_value(self.bytes, start).unwrap_or(self.bytes.len());
        &self.bytes[start..self.at]
    }

    fn take_null(&mut self) -> bool {
        let start = skip_space(self.bytes, self.at);
        let is_null = self.bytes.get(start) == Some(&b'n');
        if is_null {
            self.at = start + "null".len();
        }
        is_null
    }

    /// Calls `each` for every key, with the cursor before its value.
    fn object(
        &mut self,
        go_type: &str,
        mut each: impl FnMut(&mut Self, &str) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        if self.take_null() {
            return Ok(());
        }
        self.open(b'{', go_type)?;
        while self.more(b'}') {
            let key = unquote(self.raw_value());
            self.at = skip_space(self.bytes, self.at) + ":".len();
            self.path.push(key.replace('~', "~0").replace('/', "~1"));
            each(self, &key)?;
            self.path.pop();
        }
        Ok(())
    }

    fn list<T: Default>(
        &mut self,
        list: &mut Vec<T>,
        go_type: &str,
        mut each: impl FnMut(&mut Self, &mut T) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        list.clear();
        if self.take_null() {
            return Ok(());
        }
        self.open(b'[', go_type)?;
        while self.more(b']') {
            self.path.push(list.len().to_string());
            let mut item = T::default();
            each(self, &mut item)?;
            list.push(item);
            self.path.pop();
        }
        Ok(())
    }

    fn open(&mut self, bracket: u8, go_type: &str) -> Result<(), JsonError> {
        self.at = skip_space(self.bytes, self.at);
        if self.bytes.get(self.at) != Some(&bracket) {
            let raw = self.raw_value();
            return Err(self.wrong_type(kind(raw), go_type));
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over a comma or the closing `bracket`; whether an item follows.
    fn more(&mut self, bracket: u8) -> bool {
        self.at = skip_space(self.bytes, self.at);
        match self.bytes.get(self.at) {
            Some(b',') => {
                self.at += 1;
                true
            }
            Some(&byte) if byte != bracket => true,
            _ => {
                self.at += 1;
                false
            }
        }
    }

    fn wrong_type(&self, value: &str, go_type: &str) -> JsonError {
        if self.path.is_empty() {
            let text = format!("json: cannot unmarshal {value} into Go value of type {go_type}");
            return JsonError(text);
        }
        let path = self.path.join(".");
        // Go guesses from what follows the last dot whether it is in a list.
        let last = path.rsplit('.').next().unwrap_or_default();
        let is_index = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        let into = if is_index { "" } else { "Go struct field " };
        let root = self.root.trim_start_matches("server.");
        JsonError(format!(
            "json: cannot unmarshal {value} into {into}{root}.{path} of type {go_type}"
        ))
    }
}

/// The value whose word is `raw`, quotes included.
pub fn find_word<T: Words>(raw: &[u8]) -> Option<T> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    T::WORDS.iter().find(|(word, _)| word.as_bytes() == inner).map(|&(_, value)| value)
}

/// What Go calls the kind of a value.
pub fn kind(raw: &[u8]) -> &'static str {
    match raw.first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "bool",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// A key as it is compared: our keys are ASCII, and two other letters fold to `k` and `s`.
fn fold(key: &str) -> String {
    key.chars()
        .map(|char| match char {
            '\u{212a}' => 'k',
            '\u{17f}' => 's',
            _ => char.to_ascii_lowercase(),
        })
        .collect()
}
