//! The W3C trace context in the headers of messages: `traceparent`, `tracestate`.

use std::str::FromStr;

use async_nats::HeaderMap;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Which span of which trace a message comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceContext(pub(super) SpanContext);

impl TraceContext {
    /// 32 lower-case hex digits, as logs and trace viewers show it.
    pub fn trace_id(&self) -> String {
        self.0.trace_id().to_string()
    }

    /// 16 lower-case hex digits.
    pub fn span_id(&self) -> String {
        self.0.span_id().to_string()
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.0.is_sampled()
    }
}

/// Writes `context` into `headers`, in place of the one they have.
pub fn inject(headers: &mut HeaderMap, context: &TraceContext) {
    let span = &context.0;
    let sampled = u8::from(span.is_sampled());
    let parent = format!("00-{}-{}-{sampled:02x}", span.trace_id(), span.span_id());
    headers.insert(TRACEPARENT, parent);
    let state = span.trace_state().header();
    // A state that belongs to another parent must not stay, and headers cannot be removed.
    if !state.is_empty() || headers.get(TRACESTATE).is_some() {
        headers.insert(TRACESTATE, state);
    }
}

/// The context in `headers`; none if there is none or it is malformed. Names match in any case, as
/// HTTP-minded clients send `Traceparent`.
pub fn extract(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = values(headers, TRACEPARENT);
    let (parent, none) = (parents.next()?, parents.next());
    if none.is_some() {
        return None;
    }
    let (trace_id, span_id, flags) = parse(parent)?;
    let states: Vec<&str> = values(headers, TRACESTATE).collect();
    let state = TraceState::from_str(&states.join(",")).unwrap_or_default();
    let span = SpanContext::new(trace_id, span_id, flags, true, state);
    span.is_valid().then_some(TraceContext(span))
}

fn values<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |(key, _)| AsRef::<str>::as_ref(*key).eq_ignore_ascii_case(name))
        .flat_map(|(_, values)| values.iter().map(async_nats::HeaderValue::as_str))
}

/// `version-trace-span-flags`; later versions may have more parts.
fn parse(parent: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let mut parts = parent.trim().split('-');
    let version = hex(parts.next()?, 2)?;
    let trace_id = TraceId::from_hex(hex(parts.next()?, 32)?).ok()?;
    let span_id = SpanId::from_hex(hex(parts.next()?, 16)?).ok()?;
    let flags = u8::from_str_radix(hex(parts.next()?, 2)?, 16).ok()?;
    let too_long = version == "00" && parts.next().is_some();
    if version == "ff" || too_long {
        return None;
    }
    Some((trace_id, span_id, TraceFlags::new(flags) & TraceFlags::SAMPLED))
}

/// `text` if it is that many lower-case hex digits.
fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_digit)).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, *value);
        }
        headers
    }

    #[test]
    fn what_is_injected_is_extracted() {
        let sent = headers(&[(TRACEPARENT, PARENT), (TRACESTATE, "a=1"), (TRACESTATE, "b=2")]);
        let context = extract(&sent).unwrap();
        let mut forwarded = headers(&[(TRACESTATE, "stale=1")]);

        inject(&mut forwarded, &context);

        assert_eq!(extract(&forwarded), Some(context.clone()));
        assert_eq!(forwarded.get(TRACEPARENT).unwrap().as_str(), PARENT);
        assert_eq!(forwarded.get(TRACESTATE).unwrap().as_str(), "a=1,b=2");
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id(), "00f067aa0ba902b7");
        assert!(context.is_sampled());
    }

    #[test]
    fn names_match_in_any_case_and_a_bad_state_costs_only_the_state() {
        let sent = headers(&[("Traceparent", PARENT), ("Tracestate", "no equals sign")]);

        let context = extract(&sent).unwrap();

        assert_eq!(context.0.trace_state(), &TraceState::default());
    }

    #[test]
    fn a_later_version_may_say_more() {
        let parent = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-09-what-else";

        assert!(extract(&headers(&[(TRACEPARENT, parent)])).unwrap().is_sampled());
    }

    #[test]
    fn a_malformed_parent_is_ignored() {
        for parent in [
            "",
            "00",
            "---",
            "00-1-1-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert_eq!(extract(&headers(&[(TRACEPARENT, parent)])), None, "{parent}");
        }
        assert_eq!(extract(&headers(&[(TRACEPARENT, PARENT), (TRACEPARENT, PARENT)])), None);
        assert_eq!(extract(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_is_an_error(parent in "[0-9a-fA-F\\-é+ ]{0,70}", state in "[^\r\n]{0,40}") {
            let mut sent = HeaderMap::new();
            sent.insert(TRACEPARENT, parent);
            sent.insert(TRACESTATE, state);
            if let Some(context) = extract(&sent) {
                let mut forwarded = HeaderMap::new();
                inject(&mut forwarded, &context);
                prop_assert_eq!(extract(&forwarded), Some(context));
            }
        }
    }
}
