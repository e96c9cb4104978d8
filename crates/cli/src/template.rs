//! `{{Count}}` and its kin in bodies, subjects and headers.

use std::hash::{BuildHasher, Hasher, RandomState};

use jiff::Timestamp;

use crate::problem::Problem;

/// A text with functions in it, as `nats pub` knows them.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Count,
    TimeStamp,
    Unix,
    UnixNano,
    Time,
    Id,
    Uuid,
    Request,
    Random {
        min: usize,
        max: usize,
    },
    /// A token of the subject the request came in on.
    Token(usize),
}

/// What a request puts into the reply to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Request<'a> {
    /// Its subject.
    pub(crate) subject: &'a str,
    /// Its body.
    pub(crate) body: &'a [u8],
}

impl Template {
    /// Reads `text`.
    ///
    /// # Errors
    ///
    /// A function that does not exist, or braces that are not closed.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Template> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (call, tail) = after
                .split_once("}}")
                .ok_or_else(|| help(Problem::usage(format!("{{{{ without }}}} in {text:?}"))))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.as_bytes().to_vec()));
            }
            parts.push(function(call)?);
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.as_bytes().to_vec()));
        }
        Ok(Template { parts })
    }

    /// A template that says `text` and nothing else.
    pub(crate) fn literal(text: impl Into<Vec<u8>>) -> Template {
        Template { parts: vec![Part::Text(text.into())] }
    }

    /// The text for the `count`th message.
    pub(crate) fn render_text(&self, count: u64) -> String {
        String::from_utf8_lossy(&self.render(count, Request::default())).into_owned()
    }

    /// The bytes for the `count`th message, an answer to `request`.
    pub(crate) fn render(&self, count: u64, request: Request<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Count => out.extend_from_slice(count.to_string().as_bytes()),
                Part::TimeStamp => out.extend_from_slice(local("%Y-%m-%dT%H:%M:%S%:z").as_bytes()),
                Part::Time => out.extend_from_slice(local("%-I:%M%p").as_bytes()),
                Part::Unix => {
                    out.extend_from_slice(Timestamp::now().as_second().to_string().as_bytes());
                }
                Part::UnixNano => {
                    out.extend_from_slice(Timestamp::now().as_nanosecond().to_string().as_bytes());
                }
                Part::Id => out.extend_from_slice(nuid::next().as_bytes()),
                Part::Uuid => out.extend_from_slice(uuid().as_bytes()),
                Part::Request => out.extend_from_slice(request.body),
                Part::Random { min, max } => {
                    out.extend_from_slice(random_text(*min, *max).as_bytes());
                }
                Part::Token(idx) => {
                    let token = request.subject.split('.').nth(*idx).unwrap_or_default();
                    out.extend_from_slice(token.as_bytes());
                }
            }
        }
        out
    }
}

fn function(call: &str) -> anyhow::Result<Part> {
    let mut words = call.split_whitespace();
    let name = words.next().unwrap_or_default();
    let numbers: Vec<usize> = words.map_while(|word| word.parse().ok()).collect();
    let part = match (name.strip_prefix('.').unwrap_or(name), numbers.as_slice()) {
        ("Count" | "Cnt", []) => Part::Count,
        ("TimeStamp", []) => Part::TimeStamp,
        ("Unix", []) => Part::Unix,
        ("UnixNano", []) => Part::UnixNano,
        ("Time", []) => Part::Time,
        ("ID", []) => Part::Id,
        ("UUID", []) => Part::Uuid,
        ("Request", []) => Part::Request,
        ("Random", &[min, max]) if min <= max => Part::Random { min, max },
        (token, []) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) => {
            Part::Token(token.parse()?)
        }
        _ => {
            return Err(help(Problem::usage(format!("no template function {{{{{call}}}}}"))).into());
        }
    };
    Ok(part)
}

fn help(problem: Problem) -> Problem {
    problem.with_remedy(
        "functions: Count TimeStamp Unix UnixNano Time ID UUID 'Random min max'; send braces as they are with --no-templates",
    )
}

fn local(format: &str) -> String {
    jiff::Zoned::now().strftime(format).to_string()
}

/// 64 random bits; every call has new ones, because every `RandomState` has new keys.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn random_text(min: usize, max: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let below = |bound: u64| usize::try_from(random() % bound).unwrap_or_default();
    let spread = u64::try_from(max - min).unwrap_or_default();
    let length = min + below(spread.saturating_add(1));
    (0..length).map(|_| char::from(LETTERS[below(64)])).collect()
}

fn uuid() -> String {
    let (high, low) = (random(), random());
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let text = format!("{high:016x}{low:016x}");
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, count: u64) -> String {
        Template::parse(text).unwrap().render_text(count)
    }

    #[test]
    fn counts_and_texts_are_put_together() {
        assert_eq!(rendered("Message {{Count}} of {{ Count }}!", 3), "Message 3 of 3!");
        assert_eq!(rendered("plain }} text", 1), "plain }} text");
        assert_eq!(rendered("", 1), "");
    }

    #[test]
    fn a_request_gives_its_body_and_tokens() {
        let template = Template::parse("{{1}}={{.Request}}").unwrap();
        let request = Request { subject: "weather.london", body: b"\xffraw" };
        assert_eq!(template.render(1, request), b"london=\xffraw");
    }

    #[test]
    fn random_text_keeps_its_bounds() {
        for _ in 0..200 {
            let length = rendered("{{Random 3 5}}", 1).len();
            assert!((3..=5).contains(&length), "{length}");
        }
    }

    #[test]
    fn uuids_have_the_shape_of_version_4() {
        let uuid = rendered("{{UUID}}", 1);
        let dashes: Vec<usize> = uuid.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((uuid.len(), dashes), (36, vec![8, 13, 18, 23]));
        assert_eq!(&uuid[14..15], "4");
    }

    #[test]
    fn unknown_functions_and_open_braces_are_refused() {
        for text in ["{{Nope}}", "{{Count", "{{}}", "{{Random 5 3}}", "{{Random}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
