use std::num::NonZeroU64;

/// How long a message wants to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the stream keeps its messages.
    Open,
    /// So many seconds, or less if the stream says so.
    Seconds(NonZeroU64),
    /// Whatever the stream says about age.
    Endless,
}

impl Lifetime {
    /// Reads the value of a `Nats-TTL` header: whole seconds, a Go duration of at least a second (of
    /// which whole seconds count), or `never`.
    ///
    /// As nats-server's `parseMessageTTL`, where `0` is no lifetime but `00` is none asked for. A
    /// number that overflows its integer is none here.
    pub(super) fn parse(value: &[u8]) -> Option<Lifetime> {
        if value.eq_ignore_ascii_case(b"never") {
            return Some(Lifetime::Endless);
        }
        if value == b"0" {
            return None;
        }
        if value.iter().all(u8::is_ascii_digit) {
            let seconds = u64::try_from(i64::try_from(number(value)).ok()?).ok()?;
            return Some(NonZeroU64::new(seconds).map_or(Lifetime::Open, Lifetime::Seconds));
        }
        let value = value.strip_prefix(b"+").unwrap_or(value);
        let nanos = i64::try_from(duration_nanos(value)?).ok()?;
        let seconds = NonZeroU64::new(u64::try_from(nanos / 1_000_000_000).ok()?)?;
        Some(Lifetime::Seconds(seconds))
    }
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
        for (good, seconds) in [
            ("1", 1),
            ("007", 7),
            ("99999999999", 99_999_999_999),
            ("9223372036854775807", 9_223_372_036_854_775_807),
            ("1s", 1),
            ("1.5s", 1),
            ("1999ms", 1),
            ("1h30m", 5_400),
            ("1s500ms", 1),
            ("0.5h", 1_800),
            ("1000ms", 1),
            ("1.s", 1),
            (".5h", 1_800),
            ("+5s", 5),
            ("1000000h", 3_600_000_000),
            ("1us5h", 18_000),
            ("1m", 60),
        ] {
            let lifetime = NonZeroU64::new(seconds).map(Lifetime::Seconds);
            assert_eq!(Lifetime::parse(good.as_bytes()), lifetime, "{good}");
        }
        for never in ["never", "Never", "NEVER"] {
            assert_eq!(Lifetime::parse(never.as_bytes()), Some(Lifetime::Endless), "{never}");
        }
        for open in ["00", "000"] {
            assert_eq!(Lifetime::parse(open.as_bytes()), Some(Lifetime::Open), "{open}");
        }
        for bad in [
            "0",
            "+0",
            "-0",
            "0s",
            "-1",
            "+5",
            "+never",
            "9223372036854775808",
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
            assert_eq!(Lifetime::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
