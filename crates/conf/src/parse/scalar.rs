//! Numbers, dates and booleans from their text.

use crate::value::{Datetime, Value};

/// The truth of one of the six words the lexer takes for booleans.
pub(super) fn boolean(text: &str) -> bool {
    ["true", "yes", "on"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Digits with an optional suffix: `k` counts in thousands, `kb`, `ki` and `kib` in 1024.
///
/// nats-server drops an entry whose suffix it does not know (`1kbb`) and lets a product that is too
/// large wrap around; both are errors here.
pub(super) fn integer(text: &str) -> Result<Value, String> {
    let end = text.find(|read: char| !read.is_ascii_digit() && read != '-').unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let out_of_range = || format!("integer '{text}' is out of the range");
    let Some(factor) = factor(&suffix.to_ascii_lowercase()) else {
        return Err(format!("integer '{text}' has an unknown suffix"));
    };
    // The lexer lets only digits through, so this fails only on what is too long.
    let number: i64 = digits.parse().map_err(|_| out_of_range())?;
    number.checked_mul(factor).map(Value::Int).ok_or_else(out_of_range)
}

fn factor(suffix: &str) -> Option<i64> {
    let Some(letter) = suffix.chars().next() else { return Some(1) };
    let power = u32::try_from("kmgtpe".find(letter)?).ok()? + 1;
    match &suffix[1..] {
        "" => 1000_i64.checked_pow(power),
        "b" | "i" | "ib" => 1024_i64.checked_pow(power),
        _ => None,
    }
}

pub(super) fn float(text: &str) -> Result<Value, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        Ok(_) => Err(format!("float '{text}' is out of the range")),
        Err(_) => Err(format!("expected float, but got '{text}'")),
    }
}

pub(super) fn datetime(text: &str) -> Result<Value, String> {
    match Datetime::parse(text) {
        Some(datetime) => Ok(Value::Datetime(datetime)),
        None => Err(format!("expected Zulu formatted DateTime, but got '{text}'")),
    }
}
