//! Durations as Go writes and reads them: `2m`, `1h30m`, `1.5s`, `100ms`.

use std::fmt;
use std::time::Duration;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A duration that may be negative, as a configuration may contain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedDuration(pub i64);

impl SignedDuration {
    /// Whole seconds; `None` if that is more than 292 years.
    pub fn from_secs(seconds: i64) -> Option<SignedDuration> {
        seconds.checked_mul(1_000_000_000).map(SignedDuration)
    }

    /// The unsigned duration; `None` if it is negative.
    pub fn unsigned(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_nanos)
    }

    /// Reads a sequence of numbers with units, such as `1h15m30.9s`, with an optional sign.
    ///
    /// # Errors
    ///
    /// The text of Go's `time.ParseDuration`.
    pub fn parse(text: &str) -> Result<SignedDuration, String> {
        let invalid = || format!("time: invalid duration {text:?}");
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(SignedDuration(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut nanos: u64 = 0;
        while !rest.is_empty() {
            let (part, after) = one_part(text, rest)?;
            nanos = nanos.checked_add(part).filter(|sum| *sum <= 1 << 63).ok_or_else(invalid)?;
            rest = after;
        }
        let signed =
            if negative { 0_i64.checked_sub_unsigned(nanos) } else { i64::try_from(nanos).ok() };
        signed.map(SignedDuration).ok_or_else(invalid)
    }
}

/// The nanoseconds of the first number and unit in `rest`, and what follows them.
fn one_part<'a>(text: &str, rest: &'a str) -> Result<(u64, &'a str), String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (whole, after) = digits(rest);
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => digits(after),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let end = after.find(|read: char| read == '.' || read.is_ascii_digit()).unwrap_or(after.len());
    let (unit, after) = after.split_at(end);
    if unit.is_empty() {
        return Err(format!("time: missing unit in duration {text:?}"));
    }
    let Some(scale) = scale(unit) else {
        return Err(format!("time: unknown unit {unit:?} in duration {text:?}"));
    };
    let whole: u64 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| invalid())?,
    };
    let nanos = whole
        .checked_mul(scale)
        .and_then(|nanos| nanos.checked_add(share(fraction, scale)))
        .filter(|nanos| *nanos <= 1 << 63)
        .ok_or_else(invalid)?;
    Ok((nanos, after))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|read: char| !read.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn scale(unit: &str) -> Option<u64> {
    match unit {
        "ns" => Some(1),
        "us" | "\u{b5}s" | "\u{3bc}s" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(NANOS_PER_SECOND),
        "m" => Some(60 * NANOS_PER_SECOND),
        "h" => Some(3_600 * NANOS_PER_SECOND),
        _ => None,
    }
}

/// The part of `scale` that the decimal `fraction` stands for, without floats.
fn share(fraction: &str, scale: u64) -> u64 {
    let (mut value, mut unit) = (0_u128, 1_u128);
    for digit in fraction.bytes().take(18) {
        value = value * 10 + u128::from(digit - b'0');
        unit *= 10;
    }
    u64::try_from(value * u128::from(scale) / unit).unwrap_or(scale)
}

impl fmt::Display for SignedDuration {
    /// As Go prints it: `30s`, `1m30s`, `2h0m0s`, `1.5s`, `100ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => write!(f, "{}\u{b5}s", decimal(nanos, 1_000)),
            1_000_000..NANOS_PER_SECOND => write!(f, "{}ms", decimal(nanos, 1_000_000)),
            _ => {
                let minutes = nanos / (60 * NANOS_PER_SECOND);
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write!(f, "{}s", decimal(nanos % (60 * NANOS_PER_SECOND), NANOS_PER_SECOND))
            }
        }
    }
}

/// `value / unit` with as many decimals as it has.
fn decimal(value: u64, unit: u64) -> String {
    let width = unit.to_string().len() - 1;
    let fraction = format!("{:0width$}", value % unit);
    match fraction.trim_end_matches('0') {
        "" => (value / unit).to_string(),
        fraction => format!("{}.{fraction}", value / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_as_in_go() {
        let cases = [
            ("0", "0s"),
            ("-0s", "0s"),
            ("2m", "2m0s"),
            ("90s", "1m30s"),
            ("1h15m30.918273645s", "1h15m30.918273645s"),
            ("1.5s", "1.5s"),
            (".5s", "500ms"),
            ("1.s", "1s"),
            ("100ms", "100ms"),
            ("5us", "5\u{b5}s"),
            ("5\u{3bc}s", "5\u{b5}s"),
            ("7ns", "7ns"),
            ("-1.5h", "-1h30m0s"),
            ("+3s4ms", "3.004s"),
            ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ];

        for (text, printed) in cases {
            assert_eq!(SignedDuration::parse(text).unwrap().to_string(), printed, "{text}");
        }
    }

    #[test]
    fn a_bad_duration_is_refused_in_the_words_of_go() {
        let cases = [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            ("abc", "time: invalid duration \"abc\""),
            (".s", "time: invalid duration \".s\""),
            ("10", "time: missing unit in duration \"10\""),
            ("10x", "time: unknown unit \"x\" in duration \"10x\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
            ("99999999999999999999s", "time: invalid duration \"99999999999999999999s\""),
        ];

        for (text, refusal) in cases {
            assert_eq!(SignedDuration::parse(text), Err(refusal.to_owned()));
        }
    }
}
