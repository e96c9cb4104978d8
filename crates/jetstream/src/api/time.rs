//! Times and durations as nats-server writes and reads them.

use std::fmt::Write as _;

use serde::{Serialize, Serializer};
use tradewind_subject::Timestamp;

/// What Go shows for a time that was never set.
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A time that a client sent: the instant, and the text with which Go would send it back (its UTC
/// offset is kept).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireTime {
    /// The instant; times outside of 1678 to 2262 are clamped.
    pub at: Timestamp,
    /// RFC 3339 without trailing zeros.
    pub text: String,
}

impl WireTime {
    /// Whether it is Go's zero time, which means "not set".
    pub fn is_zero(&self) -> bool {
        self.text == ZERO_TIME
    }
}

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Appends `time` as RFC 3339 in UTC, with as many digits of the fraction as needed; `None` is Go's
/// zero time.
pub fn append_time(buf: &mut Vec<u8>, time: Option<Timestamp>) {
    let Some(time) = time else {
        buf.extend_from_slice(ZERO_TIME.as_bytes());
        return;
    };
    let seconds = time.nanos().div_euclid(NANOS_PER_SECOND);
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    append_number(buf, year, 4);
    buf.push(b'-');
    append_number(buf, month, 2);
    buf.push(b'-');
    append_number(buf, day, 2);
    buf.push(b'T');
    append_number(buf, of_day / 3600, 2);
    buf.push(b':');
    append_number(buf, of_day / 60 % 60, 2);
    buf.push(b':');
    append_number(buf, of_day % 60, 2);
    append_fraction(buf, time.nanos().rem_euclid(NANOS_PER_SECOND));
    buf.push(b'Z');
}

/// As [`append_time`], on its own.
pub fn format_time(time: Option<Timestamp>) -> String {
    let mut bytes = Vec::with_capacity(LAYOUT.len() + 10);
    append_time(&mut bytes, time);
    String::from_utf8(bytes).unwrap_or_default()
}

fn append_fraction(buf: &mut Vec<u8>, nanos: i64) {
    if nanos == 0 {
        return;
    }
    buf.push(b'.');
    append_number(buf, nanos, 9);
    while buf.last() == Some(&b'0') {
        buf.pop();
    }
}

/// `value`, which is not negative, with leading zeros.
fn append_number(buf: &mut Vec<u8>, value: i64, width: usize) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(value).as_bytes();
    buf.resize(buf.len() + width.saturating_sub(digits.len()), b'0');
    buf.extend_from_slice(digits);
}

/// Reads RFC 3339 as Go's `time.Time` reads JSON: lenient about one-digit hours and a comma before
/// the fraction.
///
/// # Errors
///
/// Go's text.
pub fn parse_time(text: &str) -> Result<WireTime, String> {
    let mut parser = Parser { whole: text, rest: text };
    let (year, month, day) = parser.date()?;
    parser.prefix("T")?;
    let (hour, minute, second) = parser.clock()?;
    let nanos = parser.fraction();
    let offset = parser.offset()?;
    if !parser.rest.is_empty() {
        let extra = quote(parser.rest);
        return Err(parser.message(&format!("extra text: {extra}")));
    }
    if day < 1 || day > days_in(year, month) {
        return Err(parser.message("day out of range"));
    }
    let days = days_from_civil(year, month, day);
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    let at = seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(nanos);
    let mut bytes = Vec::with_capacity(text.len());
    for (lead, value, width) in [
        ("", year, 4),
        ("-", month, 2),
        ("-", day, 2),
        ("T", hour, 2),
        (":", minute, 2),
        (":", second, 2),
    ] {
        bytes.extend_from_slice(lead.as_bytes());
        append_number(&mut bytes, value, width);
    }
    append_fraction(&mut bytes, nanos);
    if offset == 0 {
        bytes.push(b'Z');
    } else {
        bytes.push(if offset < 0 { b'-' } else { b'+' });
        append_number(&mut bytes, offset.abs() / 3600, 2);
        bytes.push(b':');
        append_number(&mut bytes, offset.abs() / 60 % 60, 2);
    }
    Ok(WireTime { at: Timestamp(at), text: String::from_utf8(bytes).unwrap_or_default() })
}

struct Parser<'a> {
    whole: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    fn date(&mut self) -> Result<(i64, i64, i64), String> {
        let year = self.digits("2006", 4)?;
        self.prefix("-")?;
        let month = self.digits("01", 2)?;
        if !(1..=12).contains(&month) {
            return Err(self.message("month out of range"));
        }
        self.prefix("-")?;
        Ok((year, month, self.digits("02", 2)?))
    }

    fn clock(&mut self) -> Result<(i64, i64, i64), String> {
        let bytes = self.rest.as_bytes();
        let one_digit = bytes.first().is_some_and(u8::is_ascii_digit)
            && !bytes.get(1).is_some_and(u8::is_ascii_digit);
        let hour = self.digits("15", if one_digit { 1 } else { 2 })?;
        if hour >= 24 {
            return Err(self.message("hour out of range"));
        }
        self.prefix(":")?;
        let minute = self.digits("04", 2)?;
        if minute >= 60 {
            return Err(self.message("minute out of range"));
        }
        self.prefix(":")?;
        let second = self.digits("05", 2)?;
        if second >= 60 {
            return Err(self.message("second out of range"));
        }
        Ok((hour, minute, second))
    }

    /// Nanoseconds; digits after the ninth are dropped.
    fn fraction(&mut self) -> i64 {
        let bytes = self.rest.as_bytes();
        if !matches!(bytes.first(), Some(b'.' | b','))
            || !bytes.get(1).is_some_and(u8::is_ascii_digit)
        {
            return 0;
        }
        let end = bytes[1..].iter().position(|byte| !byte.is_ascii_digit());
        let digits = &self.rest[1..end.map_or(bytes.len(), |end| end + 1)];
        self.rest = &self.rest[1 + digits.len()..];
        let padded = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
        padded.fold(0, |nanos, digit| nanos * 10 + i64::from(digit - b'0'))
    }

    /// Seconds east of UTC.
    fn offset(&mut self) -> Result<i64, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let bytes = self.rest.as_bytes();
        let &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2, ..] = bytes else {
            return Err(self.mismatch("Z07:00"));
        };
        if ![h1, h2, m1, m2].iter().all(u8::is_ascii_digit) {
            return Err(self.mismatch("Z07:00"));
        }
        let two = |tens: u8, ones: u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
        let (hours, minutes) = (two(h1, h2), two(m1, m2));
        self.rest = &self.rest[6..];
        // Go lets 24 hours and 60 minutes pass.
        if hours > 24 {
            return Err(self.message("time zone offset hour out of range"));
        }
        if minutes > 60 {
            return Err(self.message("time zone offset minute out of range"));
        }
        let seconds = hours * 3600 + minutes * 60;
        Ok(if sign == b'-' { -seconds } else { seconds })
    }

    fn digits(&mut self, element: &str, width: usize) -> Result<i64, String> {
        let digits =
            self.rest.get(..width).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let Some(digits) = digits else { return Err(self.mismatch(element)) };
        self.rest = &self.rest[width..];
        Ok(digits.bytes().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
    }

    fn prefix(&mut self, prefix: &str) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(prefix).ok_or_else(|| self.mismatch(prefix))?;
        Ok(())
    }

    fn mismatch(&self, element: &str) -> String {
        let (whole, rest) = (quote(self.whole), quote(self.rest));
        format!("parsing time {whole} as \"{LAYOUT}\": cannot parse {rest} as \"{element}\"")
    }

    fn message(&self, message: &str) -> String {
        format!("parsing time {}: {message}", quote(self.whole))
    }
}

/// `text` in double quotes; unlike elsewhere, all but ASCII is escaped.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..0x80 => quoted.push(char::from(byte)),
            _ => {
                let _ = write!(quoted, "\\x{byte:02x}");
            }
        }
    }
    quoted.push('"');
    quoted
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
///
/// Counts from March, so that the leap day ends a year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A duration as Go's `time.Duration` prints it: `1m30s`, `1.5s`, `100ms`.
pub fn format_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    let (unit, digits, name) = match total {
        0 => return "0s".to_owned(),
        1..1_000 => (1, 0, "ns"),
        1_000..1_000_000 => (1_000, 3, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, 6, "ms"),
        _ => (1_000_000_000, 9, "s"),
    };
    let (whole, fraction) = (total / unit, total % unit);
    let fraction = match fraction {
        0 => String::new(),
        _ => format!(".{}", format!("{fraction:0digits$}").trim_end_matches('0')),
    };
    if name != "s" || whole < 60 {
        return format!("{sign}{whole}{fraction}{name}");
    }
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    let hours = if hours > 0 { format!("{hours}h") } else { String::new() };
    format!("{sign}{hours}{minutes}m{seconds}{fraction}s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_709_251_199_120_000_000, "2024-02-29T23:59:59.12Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(format_time(Some(Timestamp(nanos))), text);
        }
        assert_eq!(format_time(None), ZERO_TIME);
    }

    #[test]
    fn times_are_read_and_echoed_as_go_does() {
        for (given, echoed) in [
            ("2024-01-01T00:00:00.120+02:00", "2024-01-01T00:00:00.12+02:00"),
            ("2024-01-01T0:00:00,5Z", "2024-01-01T00:00:00.5Z"),
            ("2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00Z"),
            ("0001-01-01T00:00:00Z", ZERO_TIME),
        ] {
            assert_eq!(parse_time(given).unwrap().text, echoed);
        }
        let east = parse_time("1970-01-01T02:00:00+02:00").unwrap();
        assert_eq!(east.at, Timestamp(0));
    }

    #[test]
    fn a_bad_time_is_refused_with_the_words_of_go() {
        for (given, error) in [
            ("x", r#"parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006""#),
            ("", r#"parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006""#),
            ("2024-13-01T00:00:00Z", r#"parsing time "2024-13-01T00:00:00Z": month out of range"#),
            ("2024-02-30T00:00:00Z", r#"parsing time "2024-02-30T00:00:00Z": day out of range"#),
            ("2024-01-01T24:00:00Z", r#"parsing time "2024-01-01T24:00:00Z": hour out of range"#),
            ("2024-01-01T00:00:61Z", r#"parsing time "2024-01-01T00:00:61Z": second out of range"#),
            ("2024-01-01T00:00:00Zx", r#"parsing time "2024-01-01T00:00:00Zx": extra text: "x""#),
            (
                "2024-01-01 00:00:00Z",
                r#"parsing time "2024-01-01 00:00:00Z" as "2006-01-02T15:04:05Z07:00": cannot parse " 00:00:00Z" as "T""#,
            ),
            (
                "2024-01-01T00:00:00",
                r#"parsing time "2024-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00""#,
            ),
            (
                "2024-01-01T00:00:00+25:00",
                r#"parsing time "2024-01-01T00:00:00+25:00": time zone offset hour out of range"#,
            ),
        ] {
            assert_eq!(parse_time(given).unwrap_err(), error);
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (100_000_000, "100ms"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (120_000_000_000, "2m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (-5_000_000_000, "-5s"),
        ] {
            assert_eq!(format_duration(nanos), text);
        }
    }

    proptest! {
        #[test]
        fn a_time_written_and_read_is_the_same(nanos: i64) {
            let text = format_time(Some(Timestamp(nanos)));
            let read = parse_time(&text).unwrap();
            prop_assert_eq!(read.at, Timestamp(nanos));
            prop_assert_eq!(read.text, text);
        }
    }
}
