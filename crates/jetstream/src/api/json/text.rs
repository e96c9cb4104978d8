//! Go's quoting and unquoting.

use std::fmt::Write as _;

/// The first character of `bytes` in single quotes, as Go's `strconv.QuoteRune`, and its width.
pub(super) fn quote_char(bytes: &[u8]) -> (String, usize) {
    let Some((first, width)) = first_char(bytes) else {
        let byte = bytes.first().copied().unwrap_or(0);
        return (format!("'\\x{byte:x}'"), 1);
    };
    let mut quoted = String::from("'");
    push_escaped(&mut quoted, first, '\'');
    quoted.push('\'');
    (quoted, width)
}

/// `bytes` between back quotes, or as [`quote`] if they can't be shown so.
pub(super) fn quote_code(bytes: &[u8]) -> String {
    let is_plain = |char: char| char != '`' && char != ' ' && is_printable(char);
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(is_plain) => format!("`{text}`"),
        _ => quote(bytes),
    }
}

/// `bytes` in double quotes, as Go's `%q`.
pub fn quote(bytes: &[u8]) -> String {
    let mut quoted = String::from("\"");
    let mut rest = bytes;
    while !rest.is_empty() {
        if let Some((next, width)) = first_char(rest) {
            push_escaped(&mut quoted, next, '"');
            rest = &rest[width..];
        } else {
            push(&mut quoted, format_args!("\\x{:02x}", rest[0]));
            rest = &rest[1..];
        }
    }
    quoted.push('"');
    quoted
}

/// Writing to a `String` never fails.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

/// The first character, unless the bytes don't start with one.
fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let chunk = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(chunk) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&chunk[..error.valid_up_to()]).unwrap_or_default(),
    };
    valid.chars().next().map(|first| (first, first.len_utf8()))
}

fn push_escaped(out: &mut String, char: char, quote: char) {
    match char {
        '\\' => out.push_str("\\\\"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        _ if char == quote => {
            out.push('\\');
            out.push(char);
        }
        '\0'..=' ' | '\u{7f}' if char != ' ' => {
            push(out, format_args!("\\x{:02x}", u32::from(char)));
        }
        _ if is_printable(char) => out.push(char),
        _ if u32::from(char) < 0x1_0000 => push(out, format_args!("\\u{:04x}", u32::from(char))),
        _ => push(out, format_args!("\\U{:08x}", u32::from(char))),
    }
}

/// Go's `unicode.IsPrint`, near enough: white space, controls, format and private characters are
/// escaped.
fn is_printable(char: char) -> bool {
    let hidden = matches!(char,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
        | '\u{f0000}'..);
    !hidden && !char.is_control() && (char == ' ' || !char.is_whitespace())
}

/// The text of a JSON string that was scanned before, quotes included. Invalid UTF-8 and lone
/// surrogates become U+FFFD.
pub(super) fn unquote(raw: &[u8]) -> String {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(inner.len());
    let mut at = 0;
    while let Some(&byte) = inner.get(at) {
        if byte != b'\\' {
            bytes.push(byte);
            at += 1;
            continue;
        }
        let plain = match inner.get(at + 1) {
            Some(b'b') => 8,
            Some(b'f') => 0xc,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let (char, used) = unescape(&inner[at..]);
                bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                at += used;
                continue;
            }
            Some(&other) => other,
            None => break,
        };
        bytes.push(plain);
        at += 2;
    }
    lossy(&bytes)
}

/// `\u` and four hex digits, or a pair of that, at the start of `bytes`: the character and the bytes used.
fn unescape(bytes: &[u8]) -> (char, usize) {
    let Some(first) = hex(bytes) else { return (char::REPLACEMENT_CHARACTER, 6) };
    if let Some(char) = char::from_u32(first) {
        return (char, 6);
    }
    if first < 0xdc00
        && let Some(second @ 0xdc00..=0xdfff) = bytes.get(6..).and_then(hex)
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::REPLACEMENT_CHARACTER, 6)
}

fn hex(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// UTF-8 with U+FFFD for every byte that is not part of a character, as Go reads strings.
fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for _ in chunk.invalid() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}
