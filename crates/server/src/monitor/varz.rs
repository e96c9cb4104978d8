//! `/varz`: the server at a glance.

use std::collections::BTreeMap;

use serde::Serialize;
use tradewind_jetstream::shard::ShardReport;
use tradewind_subject::Timestamp;

use super::Monitor;
use super::jetstream::{Config, Limits, Usage};
use super::json::{Number, Time, is_false, nanos, uptime};
use super::process;
use crate::clients::Totals;
use crate::medium::Medium;
use crate::options::Options;

#[derive(Debug, Serialize)]
pub(super) struct Varz<'a> {
    #[serde(flatten)]
    identity: Identity<'a>,
    #[serde(flatten)]
    limits: ServerLimits<'a>,
    #[serde(flatten)]
    blocks: Blocks,
    tls_timeout: Number,
    write_deadline: u64,
    #[serde(flatten)]
    process: Process,
    #[serde(flatten)]
    traffic: TrafficCounts,
    subscriptions: u64,
    http_req_stats: BTreeMap<&'static str, u64>,
    config_load_time: Time,
    config_digest: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    feature_flags: FeatureFlags,
    system_account: &'static str,
    slow_consumer_stats: ByKind,
    stale_connection_stats: ByKind,
    disk_io_wait_stats: DiskWaits,
}

#[derive(Debug, Serialize)]
struct Identity<'a> {
    server_id: &'a str,
    server_name: &'a str,
    version: &'a str,
    proto: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    git_commit: &'a str,
    go: &'a str,
    host: &'a str,
    port: u16,
    #[serde(skip_serializing_if = "is_false")]
    auth_required: bool,
}

#[derive(Debug, Serialize)]
struct ServerLimits<'a> {
    max_connections: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_subscriptions: Option<usize>,
    ping_interval: u64,
    ping_max: u32,
    http_host: &'a str,
    http_port: i32,
    http_base_path: &'a str,
    https_port: u16,
    auth_timeout: Number,
    max_control_line: usize,
    max_payload: usize,
    max_pending: usize,
}

/// What a server may have besides client connections.
#[derive(Debug, Serialize)]
struct Blocks {
    cluster: Absent,
    gateway: Absent,
    leaf: Absent,
    mqtt: Absent,
    websocket: Absent,
    jetstream: JetStreamBlock,
}

/// A listener there is none of.
#[derive(Debug, Serialize)]
struct Absent {}

#[derive(Debug, Serialize)]
struct JetStreamBlock {
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Config>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
}

#[derive(Debug, Serialize)]
struct Process {
    start: Time,
    now: Time,
    uptime: String,
    mem: u64,
    cores: usize,
    gomaxprocs: usize,
    cpu: Number,
}

#[derive(Debug, Serialize)]
struct TrafficCounts {
    connections: usize,
    total_connections: u64,
    routes: usize,
    remotes: usize,
    leafnodes: usize,
    in_msgs: u64,
    in_bytes: u64,
    in_client_msgs: u64,
    in_client_bytes: u64,
    out_msgs: u64,
    out_bytes: u64,
    out_client_msgs: u64,
    out_client_bytes: u64,
    slow_consumers: u64,
    stale_connections: u64,
    stalled_clients: u64,
}

/// nats-server's switches, as they stand there; all are about clusters or behaviour not offered.
#[derive(Debug, Serialize)]
struct FeatureFlags {
    js_ack_fc_v2: bool,
    js_api_reply_v2: bool,
    js_raft_delete_range: bool,
    js_snapshot_sources: bool,
}

#[derive(Debug, Default, Serialize)]
struct ByKind {
    clients: u64,
    routes: u64,
    gateways: u64,
    leafs: u64,
}

/// There is no limit on disk operations at a time, so nothing ever waits for its turn.
#[derive(Debug, Default, Serialize)]
struct DiskWaits {
    waiters: u64,
    waits: u64,
    wait_time: u64,
    max_wait_time: u64,
}

impl<'a> Varz<'a> {
    pub(super) async fn new(monitor: &'a Monitor, now: Timestamp) -> Varz<'a> {
        let shared = &*monitor.shared;
        let options = &shared.options;
        let totals = shared.clients.totals();
        let info = &shared.info;
        let report = super::jetstream::report(shared).await;
        Varz {
            identity: Identity {
                server_id: &info.server_id,
                server_name: &info.server_name,
                version: &info.version,
                proto: info.proto,
                git_commit: &info.git_commit,
                go: &info.go,
                host: &info.host,
                port: info.port,
                auth_required: shared.auth.required() || options.auth.no_auth_user.is_some(),
            },
            limits: ServerLimits::new(options),
            blocks: Blocks::new(options, shared.medium, report.as_ref()),
            // There is no TLS, so this is nats-server's default.
            tls_timeout: Number(2.0),
            write_deadline: nanos(options.write_deadline),
            process: Process::new(monitor, now),
            traffic: TrafficCounts::new(&totals),
            subscriptions: shared.n_subscriptions(),
            http_req_stats: monitor.requests.lock().clone(),
            config_load_time: Time(shared.start),
            config_digest: &options.config_digest,
            tags: &options.server_tags,
            feature_flags: FeatureFlags {
                js_ack_fc_v2: false,
                js_api_reply_v2: false,
                js_raft_delete_range: true,
                js_snapshot_sources: false,
            },
            system_account: "$SYS",
            slow_consumer_stats: ByKind { clients: totals.slow, ..ByKind::default() },
            stale_connection_stats: ByKind { clients: totals.stale, ..ByKind::default() },
            disk_io_wait_stats: DiskWaits::default(),
        }
    }
}

impl<'a> ServerLimits<'a> {
    fn new(options: &'a Options) -> ServerLimits<'a> {
        let http = options.http.as_ref();
        ServerLimits {
            max_connections: match options.max_connections {
                0 => -1,
                max => i64::try_from(max).unwrap_or(i64::MAX),
            },
            max_subscriptions: Some(options.max_subscriptions).filter(|max| 0 < *max),
            ping_interval: nanos(options.ping_interval),
            ping_max: options.ping_max,
            http_host: http.map_or("", |(host, _)| host),
            // As configured, and there any free port is -1.
            http_port: http.map_or(0, |(_, port)| if *port == 0 { -1 } else { i32::from(*port) }),
            http_base_path: &options.http_base_path,
            https_port: 0,
            auth_timeout: Number(options.auth_timeout.as_secs_f64()),
            max_control_line: options.max_control_line,
            max_payload: options.max_payload,
            max_pending: options.max_pending,
        }
    }
}

impl Blocks {
    fn new(options: &Options, medium: Medium, report: Option<&ShardReport>) -> Blocks {
        let jetstream = options.jetstream.as_ref();
        Blocks {
            cluster: Absent {},
            gateway: Absent {},
            leaf: Absent {},
            mqtt: Absent {},
            websocket: Absent {},
            jetstream: JetStreamBlock {
                config: jetstream.map(|options| Config::new(options, medium)),
                stats: report.map(Usage::of_server),
                limits: jetstream.map(Limits::new),
            },
        }
    }
}

impl Process {
    fn new(monitor: &Monitor, now: Timestamp) -> Process {
        let start = monitor.shared.start;
        Process {
            start: Time(start),
            now: Time(now),
            uptime: uptime(now.since(start)),
            mem: process::memory(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            gomaxprocs: tokio::runtime::Handle::current().metrics().num_workers(),
            cpu: Number(monitor.meter.lock().percent(now)),
        }
    }
}

impl TrafficCounts {
    fn new(totals: &Totals) -> TrafficCounts {
        let traffic = totals.traffic;
        TrafficCounts {
            connections: totals.open,
            total_connections: totals.total,
            routes: 0,
            remotes: 0,
            leafnodes: 0,
            in_msgs: traffic.in_msgs,
            in_bytes: traffic.in_bytes,
            in_client_msgs: traffic.in_msgs,
            in_client_bytes: traffic.in_bytes,
            out_msgs: traffic.out_msgs,
            out_bytes: traffic.out_bytes,
            out_client_msgs: traffic.out_msgs,
            out_client_bytes: traffic.out_bytes,
            slow_consumers: totals.slow,
            stale_connections: totals.stale,
            stalled_clients: 0,
        }
    }
}
