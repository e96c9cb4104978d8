//! What producers and consumers record.
//!
//! Each handle has its attributes bound to its instruments when it is made: a call costs an update
//! of the value, no lookup and no allocation.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{
    BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, Histogram, Meter,
};

use super::instruments::Instruments;

/// Where a bus records; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    enabled: Option<Arc<Bus>>,
}

#[derive(Debug)]
struct Bus {
    instruments: Instruments,
    reconnects: BoundCounter<u64>,
    duplicates: BoundCounter<u64>,
}

impl Metrics {
    /// Records nothing; each call costs one branch.
    pub const fn disabled() -> Metrics {
        Metrics { enabled: None }
    }

    /// Records with `meter`, for programs that have a meter provider of their own.
    pub fn from_meter(meter: &Meter) -> Metrics {
        let instruments = Instruments::new(meter);
        let reconnects = instruments.reconnects.bind(&[]);
        let duplicates = instruments.duplicates.bind(&[found_by("idempotency_store")]);
        Metrics { enabled: Some(Arc::new(Bus { instruments, reconnects, duplicates })) }
    }

    /// The handle of one producer.
    pub fn producer(&self) -> ProducerMetrics {
        ProducerMetrics {
            enabled: self.enabled.as_ref().map(|bus| Arc::new(Producer::new(&bus.instruments))),
        }
    }

    /// The handle of one consumer, whose names every value carries.
    pub fn consumer(&self, stream: &str, consumer: &str) -> ConsumerMetrics {
        let new = |bus: &Arc<Bus>| Arc::new(Consumer::new(bus, stream, consumer));
        ConsumerMetrics { enabled: self.enabled.as_ref().map(new) }
    }

    /// A lost connection came back.
    pub fn reconnected(&self) {
        if let Some(bus) = &self.enabled {
            bus.reconnects.add(1);
        }
    }

    /// The idempotency store knew the message.
    pub fn duplicate(&self) {
        if let Some(bus) = &self.enabled {
            bus.duplicates.add(1);
        }
    }
}

/// Where a producer records; cheap to clone.
#[derive(Clone, Debug)]
pub struct ProducerMetrics {
    enabled: Option<Arc<Producer>>,
}

#[derive(Debug)]
struct Producer {
    latency: BoundHistogram<f64>,
    write_latency: BoundHistogram<f64>,
    published: BoundCounter<u64>,
    duplicates: BoundCounter<u64>,
    failures: BoundCounter<u64>,
}

impl Producer {
    fn new(instruments: &Instruments) -> Producer {
        Producer {
            latency: instruments.publish_latency.bind(&[]),
            write_latency: instruments.write_latency.bind(&[]),
            published: instruments.published.bind(&[]),
            duplicates: instruments.duplicates.bind(&[found_by("server")]),
            failures: instruments.publish_failures.bind(&[]),
        }
    }
}

impl ProducerMetrics {
    /// A publish succeeded `latency` after it was asked for. `stored`: the server acknowledged it;
    /// `duplicate`: as one that it had already.
    pub fn published(&self, latency: Duration, stored: bool, duplicate: bool) {
        let Some(producer) = &self.enabled else { return };
        let latency = milliseconds(latency);
        producer.latency.record(latency);
        producer.published.add(1);
        if stored {
            producer.write_latency.record(latency);
        }
        if duplicate {
            producer.duplicates.add(1);
        }
    }

    /// A publish failed for good.
    pub fn publish_failed(&self) {
        if let Some(producer) = &self.enabled {
            producer.failures.add(1);
        }
    }
}

/// Where a consumer records; cheap to clone.
#[derive(Clone, Debug)]
pub struct ConsumerMetrics {
    enabled: Option<Arc<Consumer>>,
}

#[derive(Debug)]
struct Consumer {
    bus: Arc<Bus>,
    attributes: [KeyValue; 2],
    age: BoundHistogram<f64>,
    redelivered: BoundCounter<u64>,
    panics: BoundCounter<u64>,
    active: BoundUpDownCounter<i64>,
    /// Bound when first set: until then the backlog is unknown, not 0.
    backlog: OnceLock<BoundGauge<u64>>,
    handled: Named<BoundHistogram<f64>>,
    dead_lettered: Named<BoundCounter<u64>>,
}

impl Consumer {
    fn new(bus: &Arc<Bus>, stream: &str, consumer: &str) -> Consumer {
        let attributes = [
            KeyValue::new("consumer", consumer.to_owned()),
            KeyValue::new("stream", stream.to_owned()),
        ];
        Consumer {
            age: bus.instruments.e2e_latency.bind(&attributes),
            redelivered: bus.instruments.redelivered.bind(&attributes),
            panics: bus.instruments.panics.bind(&attributes),
            active: bus.instruments.active.bind(&attributes),
            backlog: OnceLock::new(),
            handled: Named::default(),
            dead_lettered: Named::default(),
            bus: Arc::clone(bus),
            attributes,
        }
    }

    fn with(&self, key: &'static str, value: &'static str) -> [KeyValue; 3] {
        let [consumer, stream] = self.attributes.clone();
        [consumer, KeyValue::new(key, value), stream]
    }
}

impl ConsumerMetrics {
    /// A message was delivered; `age` is the time since its publish, none if unknown.
    pub fn delivered(&self, age: Option<Duration>, redelivered: bool) {
        let Some(consumer) = &self.enabled else { return };
        if let Some(age) = age {
            consumer.age.record(milliseconds(age));
        }
        if redelivered {
            consumer.redelivered.add(1);
        }
    }

    /// A handler was done with a message. Of `outcome` there should be few: each is a series.
    pub fn handled(&self, outcome: &'static str, took: Duration) {
        let Some(consumer) = &self.enabled else { return };
        let duration: &Histogram<f64> = &consumer.bus.instruments.handler_duration;
        let bind = |outcome| duration.bind(&consumer.with("outcome", outcome));
        consumer.handled.get(outcome, bind).record(milliseconds(took));
    }

    /// So many more messages are in handlers; negative: fewer.
    pub fn in_process(&self, delta: i64) {
        if let Some(consumer) = &self.enabled {
            consumer.active.add(delta);
        }
    }

    /// A handler panicked.
    pub fn panicked(&self) {
        if let Some(consumer) = &self.enabled {
            consumer.panics.add(1);
        }
    }

    /// A message was put among the dead letters. Of `reason` there should be few.
    pub fn dead_lettered(&self, reason: &'static str) {
        let Some(consumer) = &self.enabled else { return };
        let count = &consumer.bus.instruments.dead_lettered;
        let bind = |reason| count.bind(&consumer.with("reason", reason));
        consumer.dead_lettered.get(reason, bind).add(1);
    }

    /// Messages of the stream that the consumer has yet to deliver.
    pub fn backlog(&self, pending: u64) {
        let Some(consumer) = &self.enabled else { return };
        let bind = || consumer.bus.instruments.backlog.bind(&consumer.attributes);
        consumer.backlog.get_or_init(bind).record(pending);
    }
}

/// One bound instrument per name, made when the name is first seen. Names beyond the slots share
/// the name `other`, so that a careless caller cannot make series without end.
#[derive(Debug)]
struct Named<I> {
    slots: [OnceLock<(&'static str, I)>; 12],
    other: OnceLock<I>,
}

impl<I> Default for Named<I> {
    fn default() -> Named<I> {
        Named { slots: std::array::from_fn(|_| OnceLock::new()), other: OnceLock::new() }
    }
}

impl<I> Named<I> {
    fn get(&self, name: &'static str, bind: impl Fn(&'static str) -> I) -> &I {
        for slot in &self.slots {
            let (known, instrument) = slot.get_or_init(|| (name, bind(name)));
            if *known == name {
                return instrument;
            }
        }
        self.other.get_or_init(|| bind("other"))
    }
}

fn found_by(finder: &'static str) -> KeyValue {
    KeyValue::new("found_by", finder)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
pub(super) mod tests;
