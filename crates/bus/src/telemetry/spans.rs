//! Spans of publishes and of handlers, parent to child over the headers of a message.

use std::fmt::Display;
use std::sync::Arc;

use async_nats::HeaderMap;
use futures_util::future::Either;
use opentelemetry::trace::{
    FutureExt, Span, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

use super::trace_context::{TraceContext, extract, inject};

/// Where spans are started; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tracing {
    tracer: Option<Arc<SdkTracer>>,
}

impl Tracing {
    /// Starts no span; each call costs one branch.
    pub const fn disabled() -> Tracing {
        Tracing { tracer: None }
    }

    /// Starts spans with `tracer`, for programs that have a tracer provider of their own.
    pub fn from_tracer(tracer: SdkTracer) -> Tracing {
        Tracing { tracer: Some(Arc::new(tracer)) }
    }

    /// Whether spans are started at all.
    pub fn is_enabled(&self) -> bool {
        self.tracer.is_some()
    }
}

/// The span of a publish. Its parent is the span around it: that of the handler that publishes, if
/// it runs [`within`](HandleSpan::within) one. Dropped without an end, it ends there, without outcome.
#[derive(Debug)]
#[must_use = "a span that is dropped at once measures nothing"]
pub struct PublishSpan {
    span: Option<Box<opentelemetry_sdk::trace::Span>>,
}

impl PublishSpan {
    /// Starts it, now.
    pub fn start(tracing: &Tracing, subject: &str) -> PublishSpan {
        let start = |tracer: &Arc<SdkTracer>| {
            let builder = builder(SpanKind::Producer, "publish", "send", subject);
            Box::new(tracer.build_with_context(builder, &Context::current()))
        };
        PublishSpan { span: tracing.tracer.as_ref().map(start) }
    }

    /// Writes it into the headers of the message, for the handler's span to be its child.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if let Some(context) = self.context() {
            inject(headers, &context);
        }
    }

    /// What a message of this publish carries; none if spans are off.
    pub fn context(&self) -> Option<TraceContext> {
        let context = self.span.as_ref()?.span_context();
        context.is_valid().then(|| TraceContext(context.clone()))
    }

    /// The publish succeeded.
    pub fn end(self, outcome: &'static str) {
        if let Some(mut span) = self.span {
            span.set_attribute(KeyValue::new(OUTCOME, outcome));
            span.end();
        }
    }

    /// The publish failed.
    pub fn fail(self, outcome: &'static str, error: &dyn Display) {
        if let Some(mut span) = self.span {
            span.set_attribute(KeyValue::new(OUTCOME, outcome));
            span.set_attribute(KeyValue::new("error.type", outcome));
            span.set_status(Status::error(error.to_string()));
            span.end();
        }
    }
}

/// The span of a handler. Its parent is the span that the message's headers name, if they do.
/// Dropped without an end, it ends when its future is dropped, too, without outcome.
#[derive(Debug)]
#[must_use = "a span that is dropped at once measures nothing"]
pub struct HandleSpan {
    context: Option<Context>,
}

impl HandleSpan {
    /// Starts it, now.
    pub fn start(tracing: &Tracing, subject: &str, headers: &HeaderMap) -> HandleSpan {
        let start = |tracer: &Arc<SdkTracer>| {
            let mut parent = Context::new();
            if let Some(sent) = extract(headers) {
                parent = parent.with_remote_span_context(sent.0);
            }
            let builder = builder(SpanKind::Consumer, "process", "process", subject);
            parent.with_span(tracer.build_with_context(builder, &parent))
        };
        HandleSpan { context: tracing.tracer.as_ref().map(start) }
    }

    /// `handler`, with this span as the parent of every span that is started in it.
    pub fn within<F: Future>(&self, handler: F) -> impl Future<Output = F::Output> + use<F> {
        match &self.context {
            Some(context) => Either::Left(handler.with_context(context.clone())),
            None => Either::Right(handler),
        }
    }

    /// For logs; none if spans are off.
    pub fn context(&self) -> Option<TraceContext> {
        let context = self.context.as_ref()?.span().span_context().clone();
        context.is_valid().then_some(TraceContext(context))
    }

    /// The handler did its work.
    pub fn end(self, outcome: &'static str) {
        if let Some(context) = self.context {
            context.span().set_attribute(KeyValue::new(OUTCOME, outcome));
            context.span().end();
        }
    }

    /// The handler failed.
    pub fn fail(self, outcome: &'static str, error: &dyn Display) {
        if let Some(context) = self.context {
            let span = context.span();
            span.set_attribute(KeyValue::new(OUTCOME, outcome));
            span.set_attribute(KeyValue::new("error.type", outcome));
            span.set_status(Status::error(error.to_string()));
            span.end();
        }
    }
}

const OUTCOME: &str = "messaging.nats.outcome";

fn builder(
    kind: SpanKind,
    operation: &'static str,
    operation_type: &'static str,
    subject: &str,
) -> SpanBuilder {
    SpanBuilder::from_name(format!("{operation} {subject}")).with_kind(kind).with_attributes([
        KeyValue::new("messaging.system", "nats"),
        KeyValue::new("messaging.destination.name", subject.to_owned()),
        KeyValue::new("messaging.operation", operation),
        KeyValue::new("messaging.operation.type", operation_type),
    ])
}

#[cfg(test)]
mod tests;
