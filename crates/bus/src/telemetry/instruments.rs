//! The instruments: their names, units, descriptions and buckets.

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter};

/// Milliseconds, from a publish over loopback to one that was tried again for a minute.
const CALL_BUCKETS: [f64; 17] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0,
    10_000.0, 60_000.0,
];

/// Milliseconds, from a message handed on at once to one that lay for a day.
const AGE_BUCKETS: [f64; 18] = [
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    5_000.0,
    30_000.0,
    300_000.0,
    3_600_000.0,
    86_400_000.0,
];

/// Unit of everything counted by messages; Prometheus names leave it out.
const MESSAGE: &str = "{message}";

/// Every instrument, made once per [`Metrics`](super::Metrics).
#[derive(Debug)]
pub(super) struct Instruments {
    pub(super) publish_latency: Histogram<f64>,
    pub(super) e2e_latency: Histogram<f64>,
    pub(super) write_latency: Histogram<f64>,
    pub(super) handler_duration: Histogram<f64>,
    pub(super) published: Counter<u64>,
    pub(super) publish_failures: Counter<u64>,
    pub(super) redelivered: Counter<u64>,
    pub(super) duplicates: Counter<u64>,
    pub(super) dead_lettered: Counter<u64>,
    pub(super) reconnects: Counter<u64>,
    pub(super) panics: Counter<u64>,
    pub(super) backlog: Gauge<u64>,
    pub(super) active: UpDownCounter<i64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter) -> Instruments {
        Instruments {
            publish_latency: milliseconds(
                meter,
                "nats.publish.latency",
                "Time from the call to publish until it succeeded",
                &CALL_BUCKETS,
            ),
            e2e_latency: milliseconds(
                meter,
                "nats.e2e.latency",
                "Time from the publish of a message until it was delivered here",
                &AGE_BUCKETS,
            ),
            write_latency: milliseconds(
                meter,
                "nats.persistence.write.latency",
                "Time from the publish of a message until the server said it is stored",
                &CALL_BUCKETS,
            ),
            handler_duration: milliseconds(
                meter,
                "nats.handler.duration",
                "Time that a handler took for a message",
                &CALL_BUCKETS,
            ),
            published: count(meter, "nats.messages.published", MESSAGE, "Messages published"),
            publish_failures: count(
                meter,
                "nats.publish.failures",
                MESSAGE,
                "Messages whose publish failed for good",
            ),
            redelivered: count(
                meter,
                "nats.messages.redelivered",
                MESSAGE,
                "Deliveries of a message after its first",
            ),
            duplicates: count(
                meter,
                "nats.messages.duplicates",
                MESSAGE,
                "Messages found to be there already, by the server or by the idempotency store",
            ),
            dead_lettered: count(
                meter,
                "nats.messages.dead_lettered",
                MESSAGE,
                "Messages given up and put among the dead letters",
            ),
            reconnects: count(
                meter,
                "nats.client.reconnects",
                "{reconnect}",
                "Times that a lost connection came back",
            ),
            panics: count(meter, "nats.handler.panics", "{panic}", "Panics of handlers"),
            backlog: meter
                .u64_gauge("nats.consumer.backlog")
                .with_unit(MESSAGE)
                .with_description("Messages of the stream that the consumer has yet to deliver")
                .build(),
            active: meter
                .i64_up_down_counter("nats.handler.active")
                .with_unit(MESSAGE)
                .with_description("Messages that handlers are at work on")
                .build(),
        }
    }
}

fn milliseconds(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
    buckets: &[f64],
) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("ms")
        .with_description(description)
        .with_boundaries(buckets.to_vec())
        .build()
}

fn count(
    meter: &Meter,
    name: &'static str,
    unit: &'static str,
    description: &'static str,
) -> Counter<u64> {
    meter.u64_counter(name).with_unit(unit).with_description(description).build()
}
