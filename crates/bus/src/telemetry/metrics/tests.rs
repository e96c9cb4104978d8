use std::collections::BTreeMap;
use std::sync::Weak;

use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};

use super::*;

#[derive(Clone, Debug)]
struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }
    fn collect(&self, into: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(into)
    }
    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

struct Recorded {
    metrics: Metrics,
    reader: Reader,
    _provider: SdkMeterProvider,
}

/// One series: kind and unit of its instrument, its value, the sum of a histogram.
#[derive(Clone, Debug, PartialEq)]
struct Series {
    kind: &'static str,
    unit: String,
    value: i64,
    sum: f64,
}

fn recorded() -> Recorded {
    let reader = Reader(Arc::new(ManualReader::builder().build()));
    let provider = SdkMeterProvider::builder().with_reader(reader.clone()).build();
    let metrics = Metrics::from_meter(&provider.meter("test"));
    Recorded { metrics, reader, _provider: provider }
}

fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut labels: Vec<String> =
        attributes.map(|label| format!("{}={}", label.key, label.value.as_str())).collect();
    labels.sort();
    labels.join(",")
}

impl Recorded {
    /// By `name{labels}`.
    fn series(&self) -> BTreeMap<String, Series> {
        let mut collected = ResourceMetrics::default();
        self.reader.collect(&mut collected).unwrap();
        let mut all = BTreeMap::new();
        for metric in collected.scope_metrics().flat_map(ScopeMetrics::metrics) {
            assert!(metric.description().len() > 5, "{}", metric.name());
            let mut add = |kind, labels: String, value, sum| {
                let unit = metric.unit().to_owned();
                let key = format!("{}{{{labels}}}", metric.name());
                assert!(all.insert(key, Series { kind, unit, value, sum }).is_none());
            };
            match metric.data() {
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    for point in histogram.data_points() {
                        let count = point.count().cast_signed();
                        add("histogram", labels(point.attributes()), count, point.sum());
                    }
                }
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    assert!(sum.is_monotonic());
                    for point in sum.data_points() {
                        let count = point.value().cast_signed();
                        add("counter", labels(point.attributes()), count, 0.0);
                    }
                }
                AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                    assert!(!sum.is_monotonic());
                    for point in sum.data_points() {
                        add("up-down", labels(point.attributes()), point.value(), 0.0);
                    }
                }
                AggregatedMetrics::U64(MetricData::Gauge(gauge)) => {
                    for point in gauge.data_points() {
                        let value = point.value().cast_signed();
                        add("gauge", labels(point.attributes()), value, 0.0);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        all
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Calls every method, in known numbers.
pub(in crate::telemetry) fn record_everything(metrics: &Metrics) {
    let producer = metrics.producer();
    for call in 0..10 {
        producer.published(MILLISECOND * 2, call < 7, call < 3);
    }
    producer.publish_failed();
    let consumer = metrics.consumer("ORDERS", "billing");
    for call in 0..5 {
        consumer.in_process(1);
        consumer.delivered(Some(MILLISECOND * 3), call < 2);
        consumer.handled(if call == 0 { "retried" } else { "handled" }, MILLISECOND * 4);
        consumer.in_process(-1);
    }
    consumer.delivered(None, false);
    consumer.in_process(2);
    consumer.panicked();
    consumer.dead_lettered("max_deliver");
    consumer.backlog(50);
    consumer.backlog(17);
    metrics.reconnected();
    metrics.reconnected();
    metrics.duplicate();
}

/// Rows: S2-43, S2-44, S2-45, S2-46, S2-47, S2-48, S2-49, S2-50.
#[test]
fn s2_43_every_instrument_has_its_name_its_unit_and_as_many_values_as_there_were_calls() {
    let recorded = recorded();
    record_everything(&recorded.metrics);

    let consumer = "consumer=billing,stream=ORDERS";
    let expected = [
        ("nats.publish.latency{}", "histogram", "ms", 10, 20.0),
        ("nats.persistence.write.latency{}", "histogram", "ms", 7, 14.0),
        ("nats.messages.published{}", "counter", "{message}", 10, 0.0),
        ("nats.publish.failures{}", "counter", "{message}", 1, 0.0),
        ("nats.messages.duplicates{found_by=server}", "counter", "{message}", 3, 0.0),
        ("nats.messages.duplicates{found_by=idempotency_store}", "counter", "{message}", 1, 0.0),
        ("nats.client.reconnects{}", "counter", "{reconnect}", 2, 0.0),
        (&format!("nats.e2e.latency{{{consumer}}}"), "histogram", "ms", 5, 15.0),
        (&format!("nats.messages.redelivered{{{consumer}}}"), "counter", "{message}", 2, 0.0),
        (&format!("nats.consumer.backlog{{{consumer}}}"), "gauge", "{message}", 17, 0.0),
        (&format!("nats.handler.active{{{consumer}}}"), "up-down", "{message}", 2, 0.0),
        (&format!("nats.handler.panics{{{consumer}}}"), "counter", "{panic}", 1, 0.0),
        (
            "nats.handler.duration{consumer=billing,outcome=handled,stream=ORDERS}",
            "histogram",
            "ms",
            4,
            16.0,
        ),
        (
            "nats.handler.duration{consumer=billing,outcome=retried,stream=ORDERS}",
            "histogram",
            "ms",
            1,
            4.0,
        ),
        (
            "nats.messages.dead_lettered{consumer=billing,reason=max_deliver,stream=ORDERS}",
            "counter",
            "{message}",
            1,
            0.0,
        ),
    ];
    let expected: BTreeMap<String, Series> = expected
        .into_iter()
        .map(|(name, kind, unit, value, sum)| {
            (name.to_owned(), Series { kind, unit: unit.to_owned(), value, sum })
        })
        .collect();
    assert_eq!(recorded.series(), expected);
}

/// Rows: S2-46.
#[test]
fn s2_46_a_backlog_that_nobody_set_is_unknown_and_counters_begin_with_zero() {
    let recorded = recorded();
    let _consumer = recorded.metrics.consumer("ORDERS", "billing");

    let series = recorded.series();

    assert!(!series.keys().any(|name| name.starts_with("nats.consumer.backlog")));
    let panics = &series["nats.handler.panics{consumer=billing,stream=ORDERS}"];
    assert_eq!(panics.value, 0);
}

#[test]
fn two_handles_of_one_consumer_add_up_and_two_consumers_do_not() {
    let recorded = recorded();
    for name in ["billing", "billing", "shipping"] {
        recorded.metrics.consumer("ORDERS", name).panicked();
    }

    let series = recorded.series();

    assert_eq!(series["nats.handler.panics{consumer=billing,stream=ORDERS}"].value, 2);
    assert_eq!(series["nats.handler.panics{consumer=shipping,stream=ORDERS}"].value, 1);
}

#[test]
fn outcomes_without_end_share_a_series() {
    let recorded = recorded();
    let consumer = recorded.metrics.consumer("ORDERS", "billing");
    for outcome in 0..100 {
        let outcome: &'static str = format!("outcome-{outcome}").leak();
        consumer.handled(outcome, MILLISECOND);
        consumer.handled(outcome, MILLISECOND);
    }

    let series = recorded.series();
    let durations: Vec<(&String, &Series)> =
        series.iter().filter(|(name, _)| name.starts_with("nats.handler.duration")).collect();

    assert_eq!(durations.len(), 13);
    assert_eq!(durations.iter().map(|(_, series)| series.value).sum::<i64>(), 200);
    let other = "nats.handler.duration{consumer=billing,outcome=other,stream=ORDERS}";
    assert_eq!(series[other].value, 176);
}

#[test]
fn disabled_metrics_take_every_call() {
    record_everything(&Metrics::disabled());
}
