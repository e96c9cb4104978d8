//! Durations and sizes as people write them, and back.

use std::time::Duration;

/// Nanoseconds of each unit, the longest first.
const DURATION_UNITS: [(&str, u64); 10] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// Suffixes of sizes with the power of 1024 that each stands for, as nats-server's files have
/// them; a letter alone is the same power of 1000.
const SIZE_LETTERS: [(char, u32); 6] = [('e', 6), ('p', 5), ('t', 4), ('g', 3), ('m', 2), ('k', 1)];

/// Digits of a fraction that count: the rest is less than a nanosecond, even of a week.
const FRACTION_DIGITS: usize = 15;

/// Why a text is neither a duration nor a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// A number alone is no duration.
    #[error("`{0}` has no unit: write `{0}s` for seconds or `{0}ms` for milliseconds")]
    UnitMissing(String),
    /// Not a duration.
    #[error("`{0}` is no duration: write for example `500ms`, `1.5s`, `1h30m` or `30d`")]
    Duration(String),
    /// Not a size.
    #[error(
        "`{0}` is no size: write a whole number of bytes, or one with a unit, for example `64KiB`, \
         `8MB` or `10G`"
    )]
    Size(String),
    /// More than can be counted.
    #[error("`{0}` is too much: write less")]
    TooMuch(String),
}

/// The duration that `text` says: sums of numbers with a unit of ns, us, µs, ms, s, m, h, d or w,
/// for example `1h30m`, `1.5s`, `30d`. What is shorter than a nanosecond is cut off.
///
/// # Errors
///
/// If `text` is anything else, a number without a unit or a sign included, or too long for a
/// [`Duration`].
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    let is_number = rest.starts_with(|first: char| first.is_ascii_digit());
    if is_number && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(UnitError::UnitMissing(rest.to_owned()));
    }
    if rest.is_empty() {
        return Err(UnitError::Duration(text.to_owned()));
    }
    let mut sum: u128 = 0;
    while !rest.is_empty() {
        let (number, unit, after) =
            split_term(rest).ok_or_else(|| UnitError::Duration(text.to_owned()))?;
        let nanoseconds = times(number, unit)
            .and_then(|term| sum.checked_add(term))
            .ok_or_else(|| UnitError::TooMuch(text.to_owned()))?;
        sum = nanoseconds;
        rest = after;
    }
    from_nanoseconds(sum).ok_or_else(|| UnitError::TooMuch(text.to_owned()))
}

/// The first number of `text`, the nanoseconds of its unit, and what comes after.
fn split_term(text: &str) -> Option<(&str, u64, &str)> {
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    let (number, rest) = text.split_at(text.find(|c| !is_digit(c))?);
    let (name, after) = rest.split_at(rest.find(is_digit).unwrap_or(rest.len()));
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    // One dot at most, and a digit before or after it.
    if digits == 0 || number.len() - digits > 1 {
        return None;
    }
    let (_, unit) = DURATION_UNITS.iter().find(|(known, _)| *known == name)?;
    Some((number, *unit, after))
}

/// `number` units of `unit` nanoseconds; none if that is too much to count.
fn times(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = fraction.get(..FRACTION_DIGITS).unwrap_or(fraction);
    let parts: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let of = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let unit = u128::from(unit);
    whole.checked_mul(unit)?.checked_add(parts.checked_mul(unit)? / of)
}

fn from_nanoseconds(nanoseconds: u128) -> Option<Duration> {
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanoseconds % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

/// `duration` so that [`parse_duration`] reads the same again: `1h30m`, `1.5s`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let mut seconds = duration.as_secs();
    let mut text = String::new();
    for (name, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds >= length {
            text = format!("{text}{}{name}", seconds / length);
            seconds %= length;
        }
    }
    let nanoseconds = duration.subsec_nanos();
    let last = match (seconds, nanoseconds) {
        (0, 0) if !text.is_empty() => String::new(),
        (_, 0) => format!("{seconds}s"),
        (0, _) if nanoseconds.is_multiple_of(1_000_000) => format!("{}ms", nanoseconds / 1_000_000),
        (0, _) if nanoseconds.is_multiple_of(1_000) => format!("{}us", nanoseconds / 1_000),
        (0, _) => format!("{nanoseconds}ns"),
        _ => format!("{seconds}.{}s", format!("{nanoseconds:09}").trim_end_matches('0')),
    };
    text + &last
}

/// The bytes that `text` says: a whole number, alone or with k, m, g, t, p or e for powers of 1000
/// or kb, kib, ki and so on for powers of 1024, in any case, for example `64KiB`.
///
/// # Errors
///
/// If `text` is anything else, or more than a `u64`.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let malformed = || UnitError::Size(text.to_owned());
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, suffix) = trimmed.split_at(end);
    if number.is_empty() {
        return Err(malformed());
    }
    let unit = size_unit(suffix.trim_start()).ok_or_else(malformed)?;
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| UnitError::TooMuch(text.to_owned()))
}

/// Bytes of the unit that `suffix` names.
fn size_unit(suffix: &str) -> Option<u64> {
    let suffix = suffix.to_ascii_lowercase();
    let mut letters = suffix.chars();
    let Some(letter) = letters.next() else { return Some(1) };
    if suffix == "b" {
        return Some(1);
    }
    let (_, power) = SIZE_LETTERS.iter().find(|(known, _)| *known == letter)?;
    match letters.as_str() {
        "" => Some(1000_u64.pow(*power)),
        "b" | "i" | "ib" => Some(1024_u64.pow(*power)),
        _ => None,
    }
}

/// `bytes` so that [`parse_size`] reads the same again: `8MiB`, or plain if no power of 1024
/// divides it.
pub fn format_size(bytes: u64) -> String {
    let unit = SIZE_LETTERS.iter().find(|(_, power)| bytes.is_multiple_of(1024_u64.pow(*power)));
    match unit {
        Some((letter, power)) if bytes > 0 => {
            format!("{}{}iB", bytes / 1024_u64.pow(*power), letter.to_ascii_uppercase())
        }
        _ => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows: S2-25, S4-48.
    #[test]
    fn s4_48_durations_are_read_as_people_write_them() {
        for (text, nanoseconds) in [
            ("2s", 2_000_000_000),
            ("1s", 1_000_000_000),
            ("500ms", 500_000_000),
            ("2m", 120_000_000_000),
            ("30d", 2_592_000_000_000_000),
            ("1w", 604_800_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            (" 10s ", 10_000_000_000),
            ("7us", 7_000),
            ("7µs", 7_000),
            ("7μs", 7_000),
            ("7ns", 7),
            ("0s", 0),
            ("0.0000000019s", 1),
        ] {
            let expected = Duration::from_nanos(nanoseconds);
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_by_name() {
        for text in
            ["", " ", "s", "ten", "-1s", "+1s", "1.2.3s", ".", ".s", "1x", "1S", "1s2", "1 s"]
        {
            assert_eq!(parse_duration(text), Err(UnitError::Duration(text.to_owned())), "{text}");
        }
        assert_eq!(parse_duration("10"), Err(UnitError::UnitMissing("10".to_owned())));
        assert_eq!(parse_duration("1.5"), Err(UnitError::UnitMissing("1.5".to_owned())));
        let message = parse_duration("10").unwrap_err().to_string();
        assert_eq!(message, "`10` has no unit: write `10s` for seconds or `10ms` for milliseconds");
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let digits = "9".repeat(60);
        for text in [format!("{digits}s"), format!("{}w", u64::MAX), format!("{}s1s", u64::MAX)] {
            assert_eq!(parse_duration(&text), Err(UnitError::TooMuch(text.clone())), "{text}");
        }
        let longest = format!("{}s", u64::MAX);
        assert_eq!(parse_duration(&longest), Ok(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn durations_are_shown_short() {
        for (duration, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(1500), "1.5s"),
            (Duration::from_millis(500), "500ms"),
            (Duration::from_mins(90), "1h30m"),
            (Duration::from_hours(720), "30d"),
            (Duration::from_micros(7), "7us"),
            (Duration::from_nanos(7), "7ns"),
        ] {
            assert_eq!(format_duration(duration), text);
        }
    }

    #[test]
    fn sizes_are_read_as_nats_server_reads_them() {
        for (text, bytes) in [
            ("0", 0),
            ("8388608", 8_388_608),
            ("10b", 10),
            ("1k", 1000),
            ("1K", 1000),
            ("1kb", 1024),
            ("1KiB", 1024),
            ("1Ki", 1024),
            ("10GB", 10 << 30),
            ("10g", 10_000_000_000),
            ("8 MiB", 8 << 20),
            ("2t", 2_000_000_000_000),
            ("2tb", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "-1", "1.5g", "1kk", "1bb", "1x", "ten"] {
            assert_eq!(parse_size(text), Err(UnitError::Size(text.to_owned())), "{text}");
        }
        for text in ["16EiB", "99999999999999999999"] {
            assert_eq!(parse_size(text), Err(UnitError::TooMuch(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_short() {
        assert_eq!(format_size(0), "0");
        assert_eq!(format_size(1000), "1000");
        assert_eq!(format_size(8_388_608), "8MiB");
        assert_eq!(format_size(256 << 20), "256MiB");
    }

    proptest! {
        #[test]
        fn a_duration_survives_the_round_trip(seconds: u64, nanoseconds in 0..1_000_000_000_u32) {
            let duration = Duration::new(seconds, nanoseconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn a_size_survives_the_round_trip(bytes: u64, shift in 0..64_u32) {
            let bytes = bytes >> shift << shift;
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }

        #[test]
        fn a_product_is_exact_or_refused(number: u64, power in 1..=6_u32) {
            let letter = "kmgtpe".chars().nth(usize::try_from(power - 1).unwrap()).unwrap();
            let text = format!("{number}{letter}");
            let product = number.checked_mul(1000_u64.pow(power));
            prop_assert_eq!(parse_size(&text), product.ok_or(UnitError::TooMuch(text)));
        }

        #[test]
        fn no_text_is_too_much_for_the_parsers(text in any::<String>()) {
            let _ = parse_duration(&text);
            let _ = parse_size(&text);
        }

        #[test]
        fn nor_is_one_that_looks_right(text in "[0-9]{0,40}(\\.[0-9]{0,40})?[nuµmshdwkgtib]{0,4}[0-9.]{0,5}[a-z]{0,2}") {
            let _ = parse_duration(&text);
            let _ = parse_size(&text);
        }
    }
}
