/// Whether the value of a `Nats-TTL` header is one: whole seconds, a Go duration of at least a second,
/// or `never`.
pub(in crate::stream) fn is_ttl(value: &[u8]) -> bool {
    if value.eq_ignore_ascii_case(b"never") {
        return true;
    }
    if value.iter().all(u8::is_ascii_digit) {
        return value.iter().any(|&digit| digit != b'0');
    }
    let value = value.strip_prefix(b"+").unwrap_or(value);
    duration_nanos(value)
        .is_some_and(|nanos| 1_000_000_000 <= nanos && i64::try_from(nanos).is_ok())
}

/// A Go duration without sign: numbers, which may have a fraction, each with a unit.
fn duration_nanos(mut text: &[u8]) -> Option<u128> {
    const MAX: u128 = 1 << 64;
    let mut total = 0_u128;
    if text.is_empty() {
        return None;
    }
    while !text.is_empty() {
        let (whole, rest) = digits(text);
        let (fraction, rest) = match rest.strip_prefix(b".") {
            Some(rest) => digits(rest),
            None => (&b""[..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (unit, rest) = unit(rest)?;
        total += number(whole).checked_mul(unit).filter(|&nanos| nanos < MAX)?;
        let mut scale = unit;
        for &digit in fraction {
            scale /= 10;
            total += scale * u128::from(digit - b'0');
        }
        if MAX <= total {
            return None;
        }
        text = rest;
    }
    Some(total)
}

fn unit(text: &[u8]) -> Option<(u128, &[u8])> {
    const UNITS: [(&[u8], u128); 8] = [
        (b"ns", 1),
        (b"us", 1_000),
        ("µs".as_bytes(), 1_000),
        ("μs".as_bytes(), 1_000),
        (b"ms", 1_000_000),
        (b"s", 1_000_000_000),
        (b"m", 60_000_000_000),
        (b"h", 3_600_000_000_000),
    ];
    UNITS.iter().find_map(|&(name, nanos)| Some((nanos, text.strip_prefix(name)?)))
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

fn number(digits: &[u8]) -> u128 {
    digits.iter().fold(0_u128, |number, &digit| {
        number.saturating_mul(10).saturating_add(u128::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_whole_seconds_or_a_go_duration_of_a_second_or_more() {
        for good in [
            "1",
            "99999999999",
            "1s",
            "1.5s",
            "1h30m",
            "1s500ms",
            "0.5h",
            "1000ms",
            "1.s",
            ".5h",
            "+5s",
            "1000000h",
            "1us5h",
            "1m",
            "never",
            "Never",
            "NEVER",
        ] {
            assert!(is_ttl(good.as_bytes()), "{good}");
        }
        for bad in [
            "0",
            "-1",
            "+5",
            "500ms",
            "999ms",
            "5 ",
            "1.5",
            "5x",
            "s",
            "1d",
            "-5s",
            "9999999h",
            "1µs",
            "0h",
            "-never",
            "1_0",
            ".",
            ".s",
            "9999999999999999999999999999999999999999999999999h",
        ] {
            assert!(!is_ttl(bad.as_bytes()), "{bad}");
        }
    }
}
