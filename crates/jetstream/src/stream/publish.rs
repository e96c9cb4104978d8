//! What the headers of a publish ask of the stream.

mod ttl;

use std::borrow::Cow;

pub use self::ttl::Lifetime;

/// The first line of every header block.
const VERSION_LINE: &[u8] = b"NATS/1.0\r\n";

/// The headers of a publish that mean something to a stream.
///
/// As in nats-server: names are compared with case, the first header of a name counts, spaces in front
/// of a value are dropped and those behind it are not. An empty value is no header. Costs one pass over
/// the block, nothing without one, and no allocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishHeaders<'a> {
    /// Bytes of the block, version line and end included.
    pub block_len: usize,
    /// `Nats-Msg-Id`.
    pub msg_id: Option<&'a [u8]>,
    /// `Nats-Expected-Stream`.
    pub expected_stream: Option<&'a [u8]>,
    /// `Nats-Expected-Last-Sequence`.
    pub expected_last_seq: Option<&'a [u8]>,
    /// `Nats-Expected-Last-Subject-Sequence`.
    pub expected_last_subject_seq: Option<&'a [u8]>,
    /// `Nats-Expected-Last-Subject-Sequence-Subject`: a filter.
    pub expected_subject: Option<&'a [u8]>,
    /// `Nats-Expected-Last-Msg-Id`.
    pub expected_last_msg_id: Option<&'a [u8]>,
    /// `Nats-Rollup`.
    pub rollup: Option<&'a [u8]>,
    /// `Nats-TTL`.
    pub ttl: Option<&'a [u8]>,
    /// `Nats-Incr`.
    pub incr: Option<&'a [u8]>,
    /// `Nats-Schedule`.
    pub schedule: Option<&'a [u8]>,
    /// `Nats-Scheduler`.
    pub scheduler: Option<&'a [u8]>,
    /// `Nats-Schedule-Next`.
    pub schedule_next: Option<&'a [u8]>,
    /// `Nats-Stream-Source`.
    pub stream_source: Option<&'a [u8]>,
    /// `Nats-Batch-Id`.
    pub batch_id: Option<&'a [u8]>,
}

/// What a `Nats-Rollup` header replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollup {
    /// All older messages.
    All,
    /// Older messages of the subject.
    Subject,
}

impl<'a> PublishHeaders<'a> {
    /// Reads a header block, from its version line to its empty line; an empty slice is no headers.
    pub fn parse(block: &'a [u8]) -> PublishHeaders<'a> {
        let mut headers = PublishHeaders { block_len: block.len(), ..PublishHeaders::default() };
        for (name, value) in lines(block) {
            if let Some(field) = name.strip_prefix(b"Nats-").and_then(|name| headers.field(name)) {
                field.get_or_insert(value);
            }
        }
        headers.drop_empty();
        headers
    }

    /// What the rollup header asks for, if it is one of the values it may have, in any case.
    pub fn rollup(&self) -> Option<Rollup> {
        match self.rollup {
            Some(value) if value.eq_ignore_ascii_case(b"all") => Some(Rollup::All),
            Some(value) if value.eq_ignore_ascii_case(b"sub") => Some(Rollup::Subject),
            _ => None,
        }
    }

    /// What the TTL header asks for; none if it is none of the values it may have.
    pub fn lifetime(&self) -> Option<Lifetime> {
        self.ttl.map_or(Some(Lifetime::Open), Lifetime::parse)
    }

    fn field(&mut self, name: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        Some(match name {
            b"Msg-Id" => &mut self.msg_id,
            b"Expected-Stream" => &mut self.expected_stream,
            b"Expected-Last-Sequence" => &mut self.expected_last_seq,
            b"Expected-Last-Subject-Sequence" => &mut self.expected_last_subject_seq,
            b"Expected-Last-Subject-Sequence-Subject" => &mut self.expected_subject,
            b"Expected-Last-Msg-Id" => &mut self.expected_last_msg_id,
            b"Rollup" => &mut self.rollup,
            b"TTL" => &mut self.ttl,
            b"Incr" => &mut self.incr,
            b"Schedule" => &mut self.schedule,
            b"Scheduler" => &mut self.scheduler,
            b"Schedule-Next" => &mut self.schedule_next,
            b"Stream-Source" => &mut self.stream_source,
            b"Batch-Id" => &mut self.batch_id,
            _ => return None,
        })
    }

    fn drop_empty(&mut self) {
        for field in [
            &mut self.msg_id,
            &mut self.expected_stream,
            &mut self.expected_last_seq,
            &mut self.expected_last_subject_seq,
            &mut self.expected_subject,
            &mut self.expected_last_msg_id,
            &mut self.rollup,
            &mut self.ttl,
            &mut self.incr,
            &mut self.schedule,
            &mut self.scheduler,
            &mut self.schedule_next,
            &mut self.stream_source,
            &mut self.batch_id,
        ] {
            *field = field.filter(|value| !value.is_empty());
        }
    }
}

/// A sequence expected by a header; one that is no number can't be met.
pub(super) fn expected_seq(value: &[u8]) -> u64 {
    let digits = if value.iter().all(u8::is_ascii_digit) { value } else { b"" };
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX)
}

/// The block without `Nats-Request-Info`, which is not stored; empty if nothing else was in there.
pub fn without_request_info(block: &[u8]) -> Cow<'_, [u8]> {
    const NAME: &[u8] = b"Nats-Request-Info";
    if !lines(block).any(|(name, _)| name == NAME) {
        return Cow::Borrowed(block);
    }
    let mut kept = Vec::with_capacity(block.len());
    for line in block.split_inclusive(|&byte| byte == b'\n') {
        if !line.strip_prefix(NAME).is_some_and(|rest| rest.starts_with(b":")) {
            kept.extend_from_slice(line);
        }
    }
    if kept.len() <= VERSION_LINE.len() + 2 {
        kept.clear();
    }
    Cow::Owned(kept)
}

/// Names and values of a header block.
fn lines(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let body = block.strip_prefix(VERSION_LINE).unwrap_or_default();
    body.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|&byte| byte == b':')?;
        let value = &line[colon + 1..];
        let spaces = value.iter().take_while(|&&byte| byte == b' ').count();
        Some((&line[..colon], &value[spaces..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(lines: &str) -> Vec<u8> {
        format!("NATS/1.0\r\n{lines}\r\n\r\n").into_bytes()
    }

    #[test]
    fn the_first_header_of_a_name_counts_with_case_and_trailing_spaces() {
        for (lines, id) in [
            ("Nats-Msg-Id: a", Some("a")),
            ("Nats-Msg-Id:a", Some("a")),
            ("Nats-Msg-Id:   a b ", Some("a b ")),
            ("Nats-Msg-Id:\ta", Some("\ta")),
            ("X: y\r\nNats-Msg-Id: a", Some("a")),
            ("Nats-Msg-Id: a\r\nNats-Msg-Id: b", Some("a")),
            ("Nats-Msg-Id:\r\nNats-Msg-Id: b", None),
            ("Nats-Msg-Id: ", None),
            ("nats-msg-id: a", None),
            ("X: Nats-Msg-Id: a", None),
            ("XNats-Msg-Id: a", None),
            ("Nats-Msg-Id : a", None),
            ("Nats-Msg-Id", None),
        ] {
            let block = block(lines);
            assert_eq!(PublishHeaders::parse(&block).msg_id, id.map(str::as_bytes), "{lines:?}");
        }
        assert_eq!(PublishHeaders::parse(b""), PublishHeaders::default());
    }

    #[test]
    fn every_known_header_is_found() {
        let names = [
            "Msg-Id",
            "Expected-Stream",
            "Expected-Last-Sequence",
            "Expected-Last-Subject-Sequence",
            "Expected-Last-Subject-Sequence-Subject",
            "Expected-Last-Msg-Id",
            "Rollup",
            "TTL",
            "Incr",
            "Schedule",
            "Scheduler",
            "Schedule-Next",
            "Stream-Source",
            "Batch-Id",
        ];
        let lines: Vec<String> = names.iter().map(|name| format!("Nats-{name}: {name}")).collect();
        let block = block(&lines.join("\r\n"));

        let mut headers = PublishHeaders::parse(&block);

        for name in names {
            assert_eq!(headers.field(name.as_bytes()).copied().flatten(), Some(name.as_bytes()));
        }
    }

    #[test]
    fn an_expectation_that_is_no_number_is_never_met() {
        for (value, seq) in [
            ("0", 0),
            ("07", 7),
            ("18446744073709551614", u64::MAX - 1),
            ("-1", u64::MAX),
            ("+1", u64::MAX),
            ("1 ", u64::MAX),
            ("x", u64::MAX),
            ("99999999999999999999999", u64::MAX),
        ] {
            assert_eq!(expected_seq(value.as_bytes()), seq, "{value}");
        }
    }

    #[test]
    fn request_info_is_not_stored() {
        for (lines, stored) in [
            ("A: b", Some("A: b")),
            ("Nats-Request-Info: {}\r\nA: b", Some("A: b")),
            ("A: b\r\nNats-Request-Info: {}", Some("A: b")),
            ("Nats-Request-Info: {}", None),
        ] {
            let stored = stored.map(block).unwrap_or_default();
            assert_eq!(*without_request_info(&block(lines)), *stored, "{lines:?}");
        }
        assert!(without_request_info(b"").is_empty());
    }
}
