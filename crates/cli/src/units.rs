//! Durations and sizes as users type them: Go's way, with days and weeks; powers of 1024.

use std::time::Duration;

/// Nanoseconds of each unit of time, longest name first among those that share a beginning.
const UNITS_OF_TIME: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("D", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
    ("W", 604_800_000_000_000),
    ("M", 2_592_000_000_000_000),
    ("y", 31_536_000_000_000_000),
    ("Y", 31_536_000_000_000_000),
];

/// Reads `1h30m`, `500ms`, `1.5h`, `7d`, `2w`; `0` needs no unit.
///
/// # Errors
///
/// A sentence for the user.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let problem = || format!("{text:?} is not a duration such as 90s, 1h30m, 7d or 2w");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(problem());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(problem)?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (name, tail) = tail.split_at(unit_end);
        let unit = UNITS_OF_TIME.iter().find(|(known, _)| *known == name).ok_or_else(problem)?.1;
        let nanos = scaled(number, unit).ok_or_else(problem)?;
        total = total.checked_add(nanos).ok_or_else(problem)?;
        rest = tail;
    }
    // JetStream counts nanoseconds in an i64.
    i64::try_from(total).map_err(|_| problem())?;
    Ok(Duration::from_nanos(total))
}

/// Like [`duration`]; −1 and 0 mean that there is no limit.
///
/// # Errors
///
/// A sentence for the user.
pub(crate) fn duration_or_unlimited(text: &str) -> Result<Duration, String> {
    if text == "-1" { Ok(Duration::ZERO) } else { duration(text) }
}

/// `number`, which may have a fraction, times `unit`, without floats.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits =
        |text: &str| -> Option<u128> { if text.is_empty() { Some(0) } else { text.parse().ok() } };
    let unit = u128::from(unit);
    let parts = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let total = digits(whole)?.checked_mul(unit)?;
    let total = total.checked_add(digits(fraction)?.checked_mul(unit)? / parts)?;
    u64::try_from(total).ok()
}

/// Reads `512`, `10KB`, `1.5MiB`, `2G`; every unit is a power of 1024; −1 means no limit.
///
/// # Errors
///
/// A sentence for the user.
pub(crate) fn size(text: &str) -> Result<i64, String> {
    let problem = || format!("{text:?} is not a size such as 1024, 512KB, 10MB or 2GiB");
    if text == "-1" {
        return Ok(-1);
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let power = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return Err(problem()),
    };
    let bytes = scaled(number, 1024u64.pow(power)).ok_or_else(problem)?;
    i64::try_from(bytes).map_err(|_| problem())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos_with_days_and_weeks() {
        let cases = [
            ("0", Some(0)),
            ("1ns", Some(1)),
            ("1us", Some(1_000)),
            ("1.5s", Some(1_500_000_000)),
            (".5s", Some(500_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("7d", Some(604_800_000_000_000)),
            ("1w", Some(604_800_000_000_000)),
            ("1d12h", Some(129_600_000_000_000)),
            ("", None),
            ("5", None),
            (".s", None),
            ("1x", None),
            ("s", None),
            ("-5s", None),
            ("999999y", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_nanos), "{text}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        let cases = [
            ("-1", Some(-1)),
            ("0", Some(0)),
            ("512", Some(512)),
            ("1k", Some(1024)),
            ("1KB", Some(1024)),
            ("1KiB", Some(1024)),
            ("1.5MB", Some(1_572_864)),
            ("10GB", Some(10_737_418_240)),
            ("2t", Some(2_199_023_255_552)),
            ("", None),
            ("x", None),
            ("1q", None),
            ("-2", None),
            ("99999999PB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }
}
