//! Numbers and booleans as Go's `flag` package reads them.

/// Go knows exactly these words.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Decimal, or with a prefix: `0x`, `0b`, `0o` or `0`. A `_` may separate digits.
pub(super) fn integer(text: &str) -> Result<i64, &'static str> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let prefixed = radix != 10;
    let bare = match digits.strip_prefix('_') {
        Some(rest) if prefixed => rest,
        _ => digits,
    };
    let separated = bare
        .split('_')
        .all(|group| !group.is_empty() && group.chars().all(|digit| digit.is_digit(radix)));
    if !separated {
        return Err("parse error");
    }
    let number = format!("{sign}{}", bare.replace('_', ""));
    i64::from_str_radix(&number, radix).map_err(|_| "value out of range")
}

/// As [`integer`], or decimal digits with a suffix as in the configuration file: `1GB`, `64MiB`.
pub(super) fn size(text: &str) -> Result<i64, &'static str> {
    if text.bytes().all(|byte| !byte.is_ascii_alphabetic()) || text.starts_with("0x") {
        return integer(text);
    }
    let end = text.find(|read: char| read.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let suffix = suffix.to_ascii_lowercase();
    let power = suffix.chars().next().and_then(|letter| "kmgtpe".find(letter));
    let power = power.and_then(|power| u32::try_from(power).ok()).ok_or("parse error")? + 1;
    let factor = match &suffix[1..] {
        "" => 1000_i64.checked_pow(power),
        "b" | "i" | "ib" => 1024_i64.checked_pow(power),
        _ => return Err("parse error"),
    };
    let number: i64 = digits.trim_end().parse().map_err(|_| "parse error")?;
    factor.and_then(|factor| number.checked_mul(factor)).ok_or("value out of range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_may_carry_a_base_and_separators() {
        let cases = [
            ("4222", Ok(4222)),
            ("-1", Ok(-1)),
            ("+7", Ok(7)),
            ("0", Ok(0)),
            ("0x1F", Ok(31)),
            ("0b101", Ok(5)),
            ("0o17", Ok(15)),
            ("017", Ok(15)),
            ("1_000", Ok(1000)),
            ("0x_ff", Ok(255)),
            ("1__0", Err("parse error")),
            ("_1", Err("parse error")),
            ("", Err("parse error")),
            ("-", Err("parse error")),
            ("abc", Err("parse error")),
            ("--1", Err("parse error")),
            ("08", Err("parse error")),
            ("99999999999999999999", Err("value out of range")),
        ];

        for (text, number) in cases {
            assert_eq!(integer(text), number, "{text}");
        }
    }

    #[test]
    fn sizes_take_the_suffixes_of_the_configuration_file() {
        let cases = [
            ("1024", Ok(1024)),
            ("1k", Ok(1000)),
            ("1KB", Ok(1024)),
            ("64MiB", Ok(64 << 20)),
            ("10GB", Ok(10 << 30)),
            ("-1", Ok(-1)),
            ("1kbb", Err("parse error")),
            ("GB", Err("parse error")),
            ("1.5GB", Err("parse error")),
            ("100E", Err("value out of range")),
        ];

        for (text, size_found) in cases {
            assert_eq!(size(text), size_found, "{text}");
        }
    }
}
