//! Export over OTLP, into a collector that is as small as gRPC over HTTP/2 allows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::metrics::tests::record_everything;
use super::*;
use crate::config::Telemetry;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// Answers every call with an empty message and status 0, and keeps what was sent.
struct Collector {
    address: SocketAddr,
    exports: Arc<Mutex<Vec<Vec<u8>>>>,
    _accepting: JoinSet<()>,
}

impl Collector {
    async fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let exports = Arc::new(Mutex::new(Vec::new()));
        let mut accepting = JoinSet::new();
        let kept = Arc::clone(&exports);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let kept = Arc::clone(&kept);
                connections.spawn(async move {
                    // A client that goes away ends it; what it sent until then counts.
                    let _ended = serve(connection, &kept).await;
                });
            }
        });
        Collector { address, exports, _accepting: accepting }
    }

    fn config(&self, endpoint: &str) -> Telemetry {
        let otlp_endpoint = Some(format!("{endpoint}{}", self.address));
        Telemetry { enabled: true, otlp_endpoint, prometheus: None }
    }

    /// Whether a text was in any export: protobuf has texts as they are.
    fn received(&self, text: &str) -> bool {
        let is_in = |export: &Vec<u8>| export.windows(text.len()).any(|at| at == text.as_bytes());
        self.exports.lock().iter().any(is_in)
    }
}

async fn serve(mut connection: TcpStream, exports: &Mutex<Vec<Vec<u8>>>) -> std::io::Result<()> {
    let mut preface = [0; PREFACE.len()];
    connection.read_exact(&mut preface).await?;
    assert_eq!(preface, PREFACE);
    frame(&mut connection, SETTINGS, 0, 0, &[]).await?;
    let mut bodies: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    loop {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        connection.read_exact(&mut payload).await?;
        match kind {
            SETTINGS if flags & ACK == 0 => frame(&mut connection, SETTINGS, ACK, 0, &[]).await?,
            PING if flags & ACK == 0 => frame(&mut connection, PING, ACK, 0, &payload).await?,
            DATA => {
                bodies.entry(stream).or_default().extend(&payload);
                if length > 0 {
                    frame(&mut connection, WINDOW_UPDATE, 0, 0, &length.to_be_bytes()).await?;
                }
                if flags & END_STREAM != 0 {
                    exports.lock().push(bodies.remove(&stream).unwrap());
                    answer(&mut connection, stream).await?;
                }
            }
            _ => {}
        }
    }
}

async fn answer(connection: &mut TcpStream, stream: u32) -> std::io::Result<()> {
    // `:status 200` is 8 in HPACK's table; other fields as literals, names and values by length.
    let mut head = vec![0x88];
    literal(&mut head, "content-type", "application/grpc");
    let mut trailers = Vec::new();
    literal(&mut trailers, "grpc-status", "0");
    frame(connection, HEADERS, END_HEADERS, stream, &head).await?;
    frame(connection, DATA, 0, stream, &[0; 5]).await?;
    frame(connection, HEADERS, END_HEADERS | END_STREAM, stream, &trailers).await
}

fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        block.push(u8::try_from(text.len()).unwrap());
        block.extend(text.as_bytes());
    }
}

async fn frame(
    connection: &mut TcpStream,
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &[u8],
) -> std::io::Result<()> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    connection.write_all(&bytes).await
}

/// Rows: S2-06, S2-41, S2-42.
#[tokio::test]
async fn s2_06_a_collector_receives_every_metric_and_the_spans() {
    let collector = Collector::start().await;
    let exporter = start(&collector.config("http://")).unwrap();

    record_everything(&exporter.metrics());
    PublishSpan::start(&exporter.tracing(), "orders.created").end("published");
    exporter.shutdown().await.unwrap();

    for name in [
        "nats.publish.latency",
        "nats.e2e.latency",
        "nats.messages.published",
        "nats.consumer.backlog",
        "nats.client.reconnects",
        "nats.messages.redelivered",
        "nats.messages.duplicates",
        "nats.persistence.write.latency",
        "nats.handler.duration",
        "nats.handler.active",
        "nats.handler.panics",
        "nats.messages.dead_lettered",
        "nats.publish.failures",
        "service.name",
        "publish orders.created",
        "messaging.destination.name",
    ] {
        assert!(collector.received(name), "{name}");
    }
}

/// Rows: S2-41.
#[tokio::test]
async fn s2_41_what_is_not_enabled_exports_nothing() {
    let collector = Collector::start().await;
    let config = Telemetry {
        enabled: false,
        prometheus: Some("127.0.0.1:0".parse().unwrap()),
        ..collector.config("http://")
    };
    let exporter = start(&config).unwrap();

    record_everything(&exporter.metrics());
    PublishSpan::start(&exporter.tracing(), "orders.created").end("published");
    assert!(!exporter.tracing().is_enabled() && exporter.prometheus_address().is_none());
    exporter.shutdown().await.unwrap();

    assert!(collector.exports.lock().is_empty());
}

/// Rows: S2-42.
#[tokio::test]
async fn s2_42_an_endpoint_needs_no_scheme_and_goes_with_prometheus() {
    let collector = Collector::start().await;
    let prometheus = Some("127.0.0.1:0".parse().unwrap());
    let exporter = start(&Telemetry { prometheus, ..collector.config("") }).unwrap();

    exporter.metrics().reconnected();
    assert!(exporter.prometheus_address().is_some());
    exporter.shutdown().await.unwrap();

    assert!(collector.received("nats.client.reconnects"));
}

#[tokio::test]
async fn an_exporter_that_is_dropped_exports_in_the_background() {
    let collector = Collector::start().await;
    let exporter = start(&collector.config("http://")).unwrap();
    exporter.metrics().reconnected();

    drop(exporter);

    let arrived = async {
        while !collector.received("nats.client.reconnects") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), arrived).await.expect("exported");
}

#[tokio::test]
async fn a_collector_that_is_away_costs_an_error_at_the_end_and_no_more() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let otlp_endpoint = Some(format!("http://{nobody}"));
    let exporter =
        start(&Telemetry { enabled: true, otlp_endpoint, prometheus: None }).expect("starts");
    exporter.metrics().reconnected();

    let error = exporter.shutdown().await.expect_err("nobody listens");

    assert!(matches!(error, TelemetryError::Shutdown(_)), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_is_no_address_is_an_error_that_names_it() {
    let otlp_endpoint = Some("http://not an address".to_owned());

    let error = start(&Telemetry { enabled: true, otlp_endpoint, prometheus: None });

    assert!(error.expect_err("no URL").to_string().contains("http://not an address"));
}

#[tokio::test]
async fn an_encrypted_endpoint_is_taken() {
    let otlp_endpoint = Some("https://collector.example:4317".to_owned());

    let exporter = start(&Telemetry { enabled: true, otlp_endpoint, prometheus: None });

    assert!(exporter.is_ok(), "{exporter:?}");
}

#[test]
fn outside_a_runtime_it_does_not_start() {
    let config = Telemetry { enabled: true, ..Telemetry::default() };

    assert!(matches!(start(&config), Err(TelemetryError::NoRuntime)));
}
