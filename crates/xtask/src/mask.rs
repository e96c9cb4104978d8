//! Rust text with its code, its comments and its literals told apart.

/// Two copies of a text of the same length and lines, each with blanks for what it leaves out.
#[derive(Debug)]
pub(crate) struct Masked {
    /// Without comments and without what is inside of literals.
    pub(crate) code: String,
    /// Only comments.
    pub(crate) comments: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Tells code from comments and literals; a text that isn't Rust gives nonsense, never an error.
pub(crate) fn mask(text: &str) -> Masked {
    let bytes = text.as_bytes();
    let mut kinds = vec![Kind::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let (kind, len) = piece(bytes, at);
        let end = (at + len).min(bytes.len());
        kinds[at..end].fill(kind);
        at = end;
    }
    let only = |wanted: Kind| {
        let kept = bytes.iter().zip(&kinds).map(|(&byte, &kind)| {
            let keep = kind == wanted || byte == b'\n';
            if keep { byte } else { b' ' }
        });
        String::from_utf8_lossy(&kept.collect::<Vec<u8>>()).into_owned()
    };
    Masked { code: only(Kind::Code), comments: only(Kind::Comment) }
}

/// What begins at `at`, and how many bytes it takes; at least one.
fn piece(bytes: &[u8], at: usize) -> (Kind, usize) {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => (Kind::Comment, line_len(rest)),
        [b'/', b'*', ..] => (Kind::Comment, block_len(rest)),
        [b'"', ..] => (Kind::Literal, string_len(rest)),
        [b'\'', ..] => char_len(rest).map_or((Kind::Code, 1), |len| (Kind::Literal, len)),
        [b'r' | b'b' | b'c', ..] if at == 0 || !is_word(bytes[at - 1]) => {
            raw_len(rest).map_or((Kind::Code, 1), |len| (Kind::Literal, len))
        }
        _ => (Kind::Code, 1),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn line_len(rest: &[u8]) -> usize {
    rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
}

fn block_len(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string_len(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `None` for a lifetime.
fn char_len(rest: &[u8]) -> Option<usize> {
    match rest {
        [_, b'\\', _, tail @ ..] => Some(4 + tail.iter().position(|&byte| byte == b'\'')?),
        [_, first, ..] => {
            let width = match first {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
        }
        _ => None,
    }
}

/// A raw string, from its `r`, `br` or `cr`.
fn raw_len(rest: &[u8]) -> Option<usize> {
    let prefix = match rest {
        [b'b' | b'c', b'r', ..] => 2,
        [b'r', ..] => 1,
        _ => return None,
    };
    let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
    let start = prefix + hashes + 1;
    if rest.get(start - 1) != Some(&b'"') {
        return None;
    }
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    let body = rest[start..].windows(end.len()).position(|window| window == end);
    Some(body.map_or(rest.len(), |len| start + len + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str, comments: &str) {
        let masked = mask(text);
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeeze(&masked.code), code, "code of {text:?}");
        assert_eq!(squeeze(&masked.comments), comments, "comments of {text:?}");
        assert_eq!(masked.code.len(), text.len());
    }

    #[test]
    fn comments_are_not_code_even_when_nested() {
        check("a // b\nc", "a c", "// b");
        check("a /* b /* c */ d */ e", "a e", "/* b /* c */ d */");
    }

    #[test]
    fn what_is_in_a_literal_is_neither_code_nor_comment() {
        check(r#"f("x // \" y") // z"#, "f( )", "// z");
        check(r##"f(r#"a" // b"#, br"c")"##, "f( , )", "");
        check(r"g('\'', '/', b'x')", "g( , , b )", "");
    }

    #[test]
    fn a_lifetime_opens_no_literal() {
        check("fn f<'a>(x: &'a str) {} // c", "fn f<'a>(x: &'a str) {}", "// c");
    }

    #[test]
    fn lines_stay_where_they_are() {
        let masked = mask("a\n/* b\nc */\nd");
        assert_eq!(masked.code.lines().nth(3), Some("d"));
    }
}
