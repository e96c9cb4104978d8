//! Durations as Go writes them: `1h2m3.5s`.

const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds of what Go's `time.ParseDuration` accepts; `None` is its error.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), split_digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total += digits(whole)?.checked_mul(scale)? + fraction_of(fraction, scale);
        if i128::from(i64::MAX) < total {
            return None;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn digits(text: &str) -> Option<i128> {
    if text.is_empty() {
        return Some(0);
    }
    text.parse::<i64>().ok().map(i128::from)
}

fn fraction_of(digits: &str, scale: i128) -> i128 {
    let mut unit = scale;
    let mut sum = 0;
    let mut numerator = 0;
    // Digits below a nanosecond can't change the sum.
    for digit in digits.bytes().take(15) {
        unit *= 10;
        numerator = numerator * 10 + i128::from(digit - b'0');
        sum = numerator * scale * scale / unit;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, nanos) in [
            ("10s", Some(10_000_000_000)),
            ("1h2m3.5s", Some(3_723_500_000_000)),
            ("-1.5ms", Some(-1_500_000)),
            ("+5us", Some(5_000)),
            ("5\u{b5}s", Some(5_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("0.0000000001s", Some(0)),
            ("1.0000000019s", Some(1_000_000_001)),
            ("2562047h", Some(9_223_369_200_000_000_000)),
            ("2562048h", None),
            ("99999999999999999999s", None),
            ("", None),
            ("-", None),
            ("10", None),
            ("s", None),
            (".s", None),
            ("10d", None),
            ("10 s", None),
            ("1s2", None),
        ] {
            assert_eq!(parse_duration(text), nanos, "{text}");
        }
    }
}
