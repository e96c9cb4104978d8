//! What is logged.

use std::fmt::Write as _;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::span;

/// Texts of the events of discovery, from info on; nothing else is enabled.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
            && metadata.target().starts_with("tradewind_bus::discovery")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut log = self.0.lock();
        let mut line = event.metadata().level().to_string();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            write!(line, " {field}={value:?}").unwrap();
        });
        log.push_str(&line);
        log.push('\n');
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Log {
    pub(super) fn take(&self) -> String {
        std::mem::take(&mut self.0.lock())
    }
}
