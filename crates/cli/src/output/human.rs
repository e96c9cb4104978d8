use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn comma(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx != 0 && (digits.len() - idx).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

/// `1 message`, `2 messages`.
pub(crate) fn quantity(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", comma(number)) }
}

/// Bytes in the largest unit that leaves at least one of it: `512 B`, `1.5 KiB`, `10 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = bytes.checked_ilog2().unwrap_or_default() / 10;
    let unit = UNITS[usize::try_from(power).unwrap_or_default()];
    if power == 0 {
        return format!("{bytes} {unit}");
    }
    let scale = 1u128 << (10 * power);
    let tenths = (u128::from(bytes) * 10 + scale / 2) / scale;
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (tenths + 5) / 10)
    }
}

/// A duration in the units that matter: `1.50s`, `2m3s`, `1d2h3m4s`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let (s, m, h) = (seconds % 60, minutes % 60, hours % 24);
    match (days / 365, days, hours, minutes, seconds) {
        (0, 0, 0, 0, 0) if duration.is_zero() => "0s".to_owned(),
        (0, 0, 0, 0, 0) => below_a_second(duration),
        (0, 0, 0, 0, _) => format!("{:.2}s", duration.as_secs_f64()),
        (0, 0, 0, _, _) => format!("{m}m{s}s"),
        (0, 0, _, _, _) => format!("{h}h{m}m{s}s"),
        (0, _, _, _, _) => format!("{days}d{h}h{m}m{s}s"),
        (years, _, _, _, _) => format!("{years}y{}d{h}h{m}m{s}s", days % 365),
    }
}

fn below_a_second(duration: Duration) -> String {
    let nanos = duration.subsec_nanos();
    match nanos {
        0..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{:.2}µs", f64::from(nanos) / 1e3),
        _ => format!("{:.2}ms", f64::from(nanos) / 1e6),
    }
}

/// A time on the user's clock.
pub(crate) fn local_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// How long ago `time` was; `never` if there is none.
pub(crate) fn ago(time: Option<Timestamp>) -> String {
    match time {
        None => "never".to_owned(),
        Some(time) => {
            let since = Timestamp::now().duration_since(time);
            duration(Duration::try_from(since).unwrap_or_default())
        }
    }
}

/// The time as JetStream gave it to the client library.
pub(crate) fn timestamp(time: async_nats::datetime::DateTime) -> Timestamp {
    Timestamp::from_nanosecond(time.unix_timestamp_nanos()).unwrap_or_default()
}

/// `true` or `false`, as nats says it.
pub(crate) fn yes(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let cases =
            [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000")];
        for (number, expected) in cases {
            assert_eq!(comma(number), expected);
        }
    }

    #[test]
    fn sizes_have_one_digit_after_the_point_below_ten() {
        let cases = [
            (0, "0 B"),
            (5, "5 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10 * 1024, "10 KiB"),
            (10 * 1024 * 1024 * 1024, "10 GiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn durations_show_the_units_that_matter() {
        let cases = [
            (Duration::ZERO, "0s"),
            (Duration::from_nanos(7), "7ns"),
            (Duration::from_nanos(1_500), "1.50µs"),
            (Duration::from_micros(250_120), "250.12ms"),
            (Duration::from_millis(1_500), "1.50s"),
            (Duration::from_secs(123), "2m3s"),
            (Duration::from_hours(1), "1h0m0s"),
            (Duration::from_hours(168), "7d0h0m0s"),
            (Duration::from_secs(366 * 86_400 + 1), "1y1d0h0m1s"),
        ];
        for (value, expected) in cases {
            assert_eq!(duration(value), expected);
        }
    }
}
