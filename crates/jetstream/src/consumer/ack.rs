//! What clients send back: the subject that names a delivery and the body that says what became of
//! it.

use tradewind_subject::int::u64_from;

use super::{SeqPair, duration::parse_duration};

/// Which delivery an acknowledgement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckRef {
    /// How often the message had been delivered then, this time included.
    pub deliveries: u64,
    /// The sequences of the delivery.
    pub seq: SeqPair,
}

/// A subject under `$JS.ACK.`, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckSubject<'a> {
    /// Domain (`_` for none) and account hash; only the longer form has them.
    pub origin: Option<(&'a [u8], &'a [u8])>,
    /// The stream's name.
    pub stream: &'a [u8],
    /// The consumer's name.
    pub consumer: &'a [u8],
    /// The delivery; `None` if its numbers are not numbers.
    pub ack: Option<AckRef>,
}

impl<'a> AckSubject<'a> {
    /// Takes `subject` apart: 9 tokens, or at least 11 with domain and account hash in front.
    pub fn parse(subject: &'a [u8]) -> Option<AckSubject<'a>> {
        let mut tokens = subject.strip_prefix(b"$JS.ACK.")?.split(|&byte| byte == b'.');
        let mut fields = [&b""[..]; 9];
        let mut count = 0;
        for (field, token) in fields.iter_mut().zip(&mut tokens) {
            *field = token;
            count += 1;
        }
        let (origin, rest) = match count {
            7 => (None, &fields[..7]),
            9 => (Some((fields[0], fields[1])), &fields[2..]),
            _ => return None,
        };
        let ack = || {
            let seq = SeqPair { stream: number(rest[3])?, consumer: number(rest[4])? };
            Some(AckRef { deliveries: number(rest[2])?, seq })
        };
        Some(AckSubject { origin, stream: rest[0], consumer: rest[1], ack: ack() })
    }
}

/// Writes the reply subject of a delivery.
pub(super) fn write_ack_subject(
    (stream, consumer): (&str, &str),
    ack: AckRef,
    (ts, pending): (i64, u64),
) -> Vec<u8> {
    // Nine tokens, five of them numbers that seldom need all their digits.
    let mut out = Vec::with_capacity(stream.len() + consumer.len() + 64);
    out.extend_from_slice(b"$JS.ACK.");
    out.extend_from_slice(stream.as_bytes());
    out.push(b'.');
    out.extend_from_slice(consumer.as_bytes());
    let mut digits = itoa::Buffer::new();
    for value in [ack.deliveries, ack.seq.stream, ack.seq.consumer] {
        out.push(b'.');
        out.extend_from_slice(digits.format(value).as_bytes());
    }
    out.push(b'.');
    out.extend_from_slice(digits.format(ts).as_bytes());
    out.push(b'.');
    out.extend_from_slice(digits.format(pending).as_bytes());
    out
}

/// What the body of an acknowledgement asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AckKind<'a> {
    Ack,
    Nak {
        /// In nanoseconds; `None` is at once.
        delay: Option<i64>,
    },
    Progress,
    Term {
        reason: &'a str,
    },
    Next {
        request: &'a [u8],
    },
    /// Not understood: answered, but nothing changes.
    Unknown,
}

impl<'a> AckKind<'a> {
    pub(super) fn parse(body: &'a [u8]) -> AckKind<'a> {
        if let Some(request) = body.strip_prefix(b"+NXT") {
            return AckKind::Next { request };
        }
        if let Some(delay) = body.strip_prefix(b"-NAK") {
            return AckKind::Nak { delay: nak_delay(delay.trim_ascii()) };
        }
        if let Some(reason) = body.strip_prefix(b"+TERM") {
            return AckKind::Term { reason: str::from_utf8(reason.trim_ascii()).unwrap_or("") };
        }
        match body {
            b"" | b"+ACK" | b"+OK" => AckKind::Ack,
            b"+WPI" => AckKind::Progress,
            _ => AckKind::Unknown,
        }
    }
}

/// A delay that can't be read counts as none.
fn nak_delay(text: &[u8]) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Options {
        #[serde(default)]
        delay: i64,
    }

    if text.starts_with(b"{") {
        let options: Options = serde_json::from_slice(text).ok()?;
        return Some(options.delay);
    }
    parse_duration(str::from_utf8(text).ok()?)
}

/// A decimal number of at most 20 digits, without a sign.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || 20 < u64_from(digits.len()) {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(subject: &str) -> Option<AckSubject<'_>> {
        AckSubject::parse(subject.as_bytes())
    }

    #[test]
    fn both_forms_of_the_ack_subject_are_understood() {
        let ack = Some(AckRef { deliveries: 2, seq: SeqPair { stream: 7, consumer: 5 } });
        for (subject, origin) in [
            ("$JS.ACK.S.C.2.7.5.123.0", None),
            ("$JS.ACK._.hash.S.C.2.7.5.123.0", Some((&b"_"[..], &b"hash"[..]))),
            ("$JS.ACK.DOM.hash.S.C.2.7.5.123.0.rnd", Some((&b"DOM"[..], &b"hash"[..]))),
        ] {
            let expected = AckSubject { origin, stream: b"S", consumer: b"C", ack };
            assert_eq!(parsed(subject), Some(expected), "{subject}");
        }
        for subject in
            ["$JS.ACK.S.C.2.7.5.123", "$JS.ACK.S.C.2.7.5.123.0.x", "$JS.ACKS.S.C.2.7.5.123.0", ""]
        {
            assert_eq!(parsed(subject), None, "{subject}");
        }
        assert_eq!(parsed("$JS.ACK.S.C.1.x.5.123.0").and_then(|subject| subject.ack), None);
    }

    #[test]
    fn a_written_ack_subject_is_read_back() {
        let ack = AckRef { deliveries: 3, seq: SeqPair { stream: u64::MAX, consumer: 12 } };

        let subject = write_ack_subject(("S", "C"), ack, (1_795_229_555_873_559_941, 5));

        assert_eq!(subject, b"$JS.ACK.S.C.3.18446744073709551615.12.1795229555873559941.5");
        assert_eq!(AckSubject::parse(&subject).and_then(|subject| subject.ack), Some(ack));
    }

    #[test]
    fn bodies_are_told_apart_by_their_start() {
        for (body, kind) in [
            ("", AckKind::Ack),
            ("+ACK", AckKind::Ack),
            ("+OK", AckKind::Ack),
            ("+ACK ", AckKind::Unknown),
            ("-NAK", AckKind::Nak { delay: None }),
            ("-NAK 10s", AckKind::Nak { delay: Some(10_000_000_000) }),
            ("-NAK {\"delay\": 5}", AckKind::Nak { delay: Some(5) }),
            ("-NAK {}", AckKind::Nak { delay: Some(0) }),
            ("-NAK {bad", AckKind::Nak { delay: None }),
            ("-NAK soon", AckKind::Nak { delay: None }),
            ("+WPI", AckKind::Progress),
            ("+TERM", AckKind::Term { reason: "" }),
            ("+TERM  no good ", AckKind::Term { reason: "no good" }),
            ("+NXT", AckKind::Next { request: b"" }),
            ("+NXT 5", AckKind::Next { request: b" 5" }),
            ("what", AckKind::Unknown),
        ] {
            assert_eq!(AckKind::parse(body.as_bytes()), kind, "{body}");
        }
    }
}
