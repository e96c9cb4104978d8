use std::time::Duration;

use opentelemetry::trace::{SpanId, TracerProvider};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use parking_lot::Mutex;

use super::*;

#[derive(Clone, Debug, Default)]
struct Spans(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().extend(batch);
        Ok(())
    }
    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn recorded(sampler: Sampler) -> (Tracing, Spans) {
    let spans = Spans::default();
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_simple_exporter(spans.clone())
        .build();
    (Tracing::from_tracer(provider.tracer("test")), spans)
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| attribute.value.to_string())
}

#[tokio::test]
async fn a_trace_goes_from_publish_to_handler_to_what_the_handler_publishes() {
    let (tracing, spans) = recorded(Sampler::AlwaysOn);
    let mut headers = HeaderMap::new();

    let publish = PublishSpan::start(&tracing, "orders.created");
    publish.inject(&mut headers);
    publish.end("published");
    let handle = HandleSpan::start(&tracing, "orders.created", &headers);
    let inner = handle.within(async {
        tokio::task::yield_now().await;
        PublishSpan::start(&tracing, "mails.wanted").end("published");
    });
    inner.await;
    let unrelated = PublishSpan::start(&tracing, "else");
    handle.end("handled");
    unrelated.end("published");

    let spans = spans.0.lock();
    let [publish, inner, handle, unrelated] = spans.as_slice() else { panic!("{spans:?}") };
    let trace = publish.span_context.trace_id();
    assert_eq!(handle.parent_span_id, publish.span_context.span_id());
    assert!(handle.parent_span_is_remote);
    assert_eq!(inner.parent_span_id, handle.span_context.span_id());
    assert!([handle, inner].iter().all(|span| span.span_context.trace_id() == trace));
    assert_eq!(publish.parent_span_id, SpanId::INVALID);
    assert_ne!(unrelated.span_context.trace_id(), trace);
}

#[test]
fn spans_say_what_the_conventions_ask_for() {
    let (tracing, spans) = recorded(Sampler::AlwaysOn);

    PublishSpan::start(&tracing, "orders").end("published");
    let handle = HandleSpan::start(&tracing, "orders", &HeaderMap::new());
    handle.fail("retried", &"database is away");

    let spans = spans.0.lock();
    let [publish, handle] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!(
        (publish.name.as_ref(), &publish.span_kind),
        ("publish orders", &SpanKind::Producer)
    );
    assert_eq!((handle.name.as_ref(), &handle.span_kind), ("process orders", &SpanKind::Consumer));
    for (span, operation, operation_type, outcome) in
        [(publish, "publish", "send", "published"), (handle, "process", "process", "retried")]
    {
        let expected = [
            ("messaging.system", "nats"),
            ("messaging.destination.name", "orders"),
            ("messaging.operation", operation),
            ("messaging.operation.type", operation_type),
            ("messaging.nats.outcome", outcome),
        ];
        for (key, value) in expected {
            assert_eq!(attribute(span, key).as_deref(), Some(value), "{key}");
        }
    }
    assert_eq!(publish.status, Status::Unset);
    assert_eq!(handle.status, Status::error("database is away"));
    assert_eq!(attribute(handle, "error.type").as_deref(), Some("retried"));
}

#[test]
fn a_malformed_parent_makes_a_trace_of_its_own() {
    let (tracing, spans) = recorded(Sampler::AlwaysOn);
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", "00-not-a-parent");

    HandleSpan::start(&tracing, "orders", &headers).end("handled");

    assert_eq!(spans.0.lock()[0].parent_span_id, SpanId::INVALID);
}

#[test]
fn what_is_not_sampled_is_not_exported_and_the_decision_travels() {
    let (tracing, spans) = recorded(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    let mut headers = HeaderMap::new();
    let publish = PublishSpan::start(&tracing, "orders");

    publish.inject(&mut headers);
    publish.end("published");
    let handle = HandleSpan::start(&tracing, "orders", &headers);

    assert!(!extract(&headers).unwrap().is_sampled());
    assert_eq!(handle.context().unwrap().trace_id(), extract(&headers).unwrap().trace_id());
    handle.end("handled");
    assert!(spans.0.lock().is_empty());
}

#[tokio::test]
async fn without_tracing_nothing_is_started_or_written() {
    let tracing = Tracing::disabled();
    let mut headers = HeaderMap::new();

    let publish = PublishSpan::start(&tracing, "orders");
    publish.inject(&mut headers);
    publish.fail("failed", &"away");
    let handle = HandleSpan::start(&tracing, "orders", &headers);
    assert_eq!(handle.within(async { 7 }).await, 7);

    assert!(!tracing.is_enabled() && headers.is_empty() && handle.context().is_none());
    handle.end("handled");
}

/// A span that nobody ends, as of a handler that was cancelled, is exported all the same.
#[test]
fn a_dropped_span_ends() {
    let (tracing, spans) = recorded(Sampler::AlwaysOn);

    drop(PublishSpan::start(&tracing, "orders"));
    drop(HandleSpan::start(&tracing, "orders", &HeaderMap::new()));

    assert_eq!(spans.0.lock().len(), 2);
}
