//! The Prometheus endpoint, and the dashboard that reads what it serves.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::metrics::tests::record_everything;
use super::*;
use crate::config::Telemetry;

const DASHBOARD: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboards/nats_adapter.json"));

/// Names as Prometheus has them, of the metrics that every dashboard has to show.
const EIGHT: [&str; 8] = [
    "nats_publish_latency_milliseconds",
    "nats_e2e_latency_milliseconds",
    "nats_messages_published_total",
    "nats_consumer_backlog",
    "nats_client_reconnects_total",
    "nats_messages_redelivered_total",
    "nats_messages_duplicates_total",
    "nats_persistence_write_latency_milliseconds",
];

fn prometheus(address: &str) -> Telemetry {
    let prometheus = Some(address.parse().unwrap());
    Telemetry { enabled: true, otlp_endpoint: None, prometheus }
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn scrape_of_everything() -> String {
    let exporter = start(&prometheus("127.0.0.1:0")).unwrap();
    record_everything(&exporter.metrics());
    let text = get(exporter.prometheus_address().unwrap(), "/metrics").await;
    exporter.shutdown().await.unwrap();
    text
}

/// Names of the samples in a scrape.
fn served(scrape: &str) -> BTreeSet<&str> {
    let samples = scrape.lines().filter(|line| line.starts_with("nats_"));
    samples.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

/// Every query of the dashboard: the `expr` of its panels, the `definition` of its variables.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(text) if key == "expr" || key == "definition" => {
                        found.push(text.to_owned());
                    }
                    _ => queries(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}

/// The metric names in a query: words that are no function, no label and no keyword.
fn names(query: &str) -> Vec<String> {
    let mut plain = query.to_owned();
    for (open, close) in [("{", "}"), ("[", "]"), ("by (", ")")] {
        while let Some(start) = plain.find(open) {
            let end = start + plain[start..].find(close).unwrap();
            plain.replace_range(start..=end, " ");
        }
    }
    let plain = plain.replace(", job)", ")").replace(", stream)", ")").replace(", consumer)", ")");
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let mut names = Vec::new();
    let mut rest = plain.as_str();
    while let Some(start) = rest.find(is_word) {
        let word = &rest[start..];
        let end = word.find(|char| !is_word(char)).unwrap_or(word.len());
        rest = &word[end..];
        let function = rest.trim_start().starts_with('(') || ["sum", "max"].contains(&&word[..end]);
        if !function && !word.starts_with(|char: char| char.is_ascii_digit()) {
            names.push(word[..end].to_owned());
        }
    }
    names
}

#[test]
fn names_are_found_in_queries() {
    let query =
        r#"sum by (a, b) (rate(x_sum{job=~"$job"}[$__rate_interval])) / sum(rate(x_count[5m]))"#;

    assert_eq!(names(query), ["x_sum", "x_count"]);
    assert_eq!(names("histogram_quantile(0.99, sum by (le) (rate(x_bucket[5m])))"), ["x_bucket"]);
    assert_eq!(names(r#"label_values(x{a="b"}, stream)"#), ["x"]);
}

/// Rows: S2-43, S2-44, S2-45, S2-46, S2-47, S2-48, S2-49, S2-50.
#[tokio::test]
async fn s2_43_a_scrape_has_every_metric_with_the_values_that_were_recorded() {
    let scrape = scrape_of_everything().await;

    assert!(scrape.starts_with("HTTP/1.1 200 OK\r\n"), "{scrape}");
    assert!(scrape.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{scrape}");
    let scope = format!(
        r#"otel_scope_name="tradewind-bus",otel_scope_version="{}""#,
        env!("CARGO_PKG_VERSION")
    );
    let consumer = r#"consumer="billing""#;
    let stream = r#"stream="ORDERS""#;
    for sample in [
        format!("nats_publish_latency_milliseconds_count{{{scope}}} 10"),
        format!("nats_publish_latency_milliseconds_sum{{{scope}}} 20"),
        format!(r#"nats_publish_latency_milliseconds_bucket{{{scope},le="2.5"}} 10"#),
        format!("nats_messages_published_total{{{scope}}} 10"),
        format!("nats_persistence_write_latency_milliseconds_count{{{scope}}} 7"),
        format!("nats_client_reconnects_total{{{scope}}} 2"),
        format!("nats_publish_failures_total{{{scope}}} 1"),
        format!(r#"nats_messages_duplicates_total{{found_by="server",{scope}}} 3"#),
        format!("nats_e2e_latency_milliseconds_count{{{consumer},{stream},{scope}}} 5"),
        format!("nats_messages_redelivered_total{{{consumer},{stream},{scope}}} 2"),
        format!("nats_consumer_backlog{{{consumer},{stream},{scope}}} 17"),
        format!("nats_handler_active{{{consumer},{stream},{scope}}} 2"),
        format!("nats_handler_panics_total{{{consumer},{stream},{scope}}} 1"),
        format!(
            r#"nats_messages_dead_lettered_total{{{consumer},reason="max_deliver",{stream},{scope}}} 1"#
        ),
        format!(
            r#"nats_handler_duration_milliseconds_count{{{consumer},outcome="handled",{stream},{scope}}} 4"#
        ),
    ] {
        assert!(scrape.lines().any(|line| line == sample), "{sample}\n{scrape}");
    }
    let service = scrape.lines().find(|line| line.starts_with("target_info{")).unwrap();
    assert!(service.contains(r#"service_name="tradewind_bus-"#), "{service}");
}

/// Rows: S2-51, S0-62.
#[tokio::test]
async fn s0_62_every_metric_that_the_dashboard_asks_for_is_served() {
    let scrape = scrape_of_everything().await;
    let served = served(&scrape);
    let mut found = Vec::new();
    queries(&serde_json::from_str(DASHBOARD).unwrap(), &mut found);

    let asked: BTreeSet<String> = found.iter().flat_map(|query| names(query)).collect();

    assert!(found.len() > 30 && found.iter().all(|query| !names(query).is_empty()), "{found:?}");
    for name in &asked {
        assert!(served.contains(name.as_str()), "{name} is in no scrape:\n{scrape}");
    }
    for name in EIGHT {
        assert!(asked.iter().any(|asked| asked.starts_with(name)), "{name} is on no panel");
    }
    for name in &served {
        let base = name.trim_end_matches("_bucket").trim_end_matches("_count");
        let base = base.trim_end_matches("_sum");
        let shown = asked.iter().any(|asked| asked.starts_with(base));
        assert!(shown, "{name} is served and on no panel");
    }
}

/// Rows: S2-51.
#[test]
fn s2_51_the_dashboard_asks_for_its_datasource() {
    fn uids(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    if key == "datasource" {
                        found.push(value["uid"].as_str().unwrap_or("none").to_owned());
                    }
                    uids(value, found);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| uids(value, found)),
            _ => {}
        }
    }
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut found = Vec::new();
    uids(&dashboard, &mut found);

    assert_eq!(dashboard["__inputs"][0]["name"], "DS_PROMETHEUS");
    assert_eq!(dashboard["__inputs"][0]["pluginId"], "prometheus");
    assert!(dashboard["uid"].is_null() && dashboard["id"].is_null());
    assert!(found.len() > 30 && found.iter().all(|uid| uid == "${DS_PROMETHEUS}"), "{found:?}");
    let ids: Vec<i64> = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|panel| panel["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[tokio::test]
async fn the_endpoint_closes_with_a_shutdown_even_under_an_idle_connection() {
    let exporter = start(&prometheus("127.0.0.1:0")).unwrap();
    let address = exporter.prometheus_address().unwrap();
    let idle = tokio::net::TcpStream::connect(address).await.unwrap();
    assert!(get(address, "/else").await.starts_with("HTTP/1.1 404"));

    exporter.shutdown().await.unwrap();

    std::net::TcpListener::bind(address).expect("the port is free");
    drop(idle);
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();

    let error = start(&prometheus(&address.to_string())).expect_err("taken");

    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
