//! A consumer as an information block, with nats's labels.

use serde_json::Value;

use crate::fields;
use crate::output::{self, Columns, comma, size};
use crate::run::stream::{api_level, cluster, metadata, title_case};

/// All about the consumer, or its state only.
pub(super) fn columns(info: &Value, state_only: bool) -> Columns {
    let kind = if state_only { "State" } else { "Information" };
    let stream = fields::text(info, "/stream_name");
    let name = fields::text(info, "/name");
    let created = fields::time(info, "/created").map(output::local_time).unwrap_or_default();
    let mut columns =
        Columns::new(format!("{kind} for Consumer {stream} > {name} created {created}"));
    let config = info.get("config").unwrap_or(&Value::Null);
    if !state_only {
        columns.section("Configuration");
        delivery(&mut columns, config);
        limits(&mut columns, config);
        pause(&mut columns, info);
        metadata(&mut columns, config);
    }
    cluster(&mut columns, info);
    state(&mut columns, info, config);
    columns
}

fn delivery(columns: &mut Columns, config: &Value) {
    let name = fields::text(config, "/name");
    let durable = fields::text(config, "/durable_name");
    columns.row_if("Name", name);
    if durable != name {
        columns.row_if("Durable Name", durable);
    }
    columns.row_if("Description", fields::text(config, "/description"));
    let target = fields::text(config, "/deliver_subject");
    if target.is_empty() {
        columns.row("Pull Mode", "true");
    } else {
        columns.row("Delivery Subject", target);
    }
    columns.row_if("Filter Subject", fields::text(config, "/filter_subject"));
    columns.row_if("Filter Subjects", &fields::texts(config, "/filter_subjects").join(", "));
    let policy = match fields::text(config, "/deliver_policy") {
        "last_per_subject" => "Last Per Subject".to_owned(),
        "by_start_time" => format!("Since {}", fields::text(config, "/opt_start_time")),
        "by_start_sequence" => format!("From Sequence {}", fields::uint(config, "/opt_start_seq")),
        other => title_case(other),
    };
    columns.row("Deliver Policy", policy);
    columns.row_if("Deliver Queue Group", fields::text(config, "/deliver_group"));
    let ack = fields::text(config, "/ack_policy");
    columns.row("Ack Policy", title_case(ack));
    if ack != "none" {
        columns.row("Ack Wait", output::duration(fields::duration(config, "/ack_wait")));
    }
    columns.row("Replay Policy", title_case(fields::text(config, "/replay_policy")));
}

fn limits(columns: &mut Columns, config: &Value) {
    let push = !fields::text(config, "/deliver_subject").is_empty();
    let mut number = |label: &str, path: &str| {
        let number = fields::int(config, path);
        if 0 < number {
            columns.row(label, comma(number));
        }
    };
    number("Maximum Deliveries", "/max_deliver");
    number("Max Ack Pending", "/max_ack_pending");
    number("Max Waiting Pulls", "/max_waiting");
    number("Max Pull Batch", "/max_batch");
    number("Max Pull MaxBytes", "/max_bytes");
    number("Replicas", "/num_replicas");
    let mut time = |label: &str, path: &str| {
        let time = fields::duration(config, path);
        if !time.is_zero() {
            columns.row(label, output::duration(time));
        }
    };
    time("Max Pull Expire", "/max_expires");
    time("Idle Heartbeat", "/idle_heartbeat");
    time("Inactive Threshold", "/inactive_threshold");
    columns.row_if("Sampling Rate", fields::text(config, "/sample_freq"));
    let rate = fields::uint(config, "/rate_limit_bps");
    if rate != 0 {
        columns.row("Rate Limit", format!("{} / second", size(rate / 8)));
    }
    if push {
        columns.row("Flow Control", output::yes(fields::flag(config, "/flow_control")));
    }
    for (label, path) in [("Headers Only", "/headers_only"), ("Memory Storage", "/mem_storage")] {
        if fields::flag(config, path) {
            columns.row(label, "true");
        }
    }
    let step = |step: &Value| {
        let nanos = step.as_u64().unwrap_or_default();
        output::duration(std::time::Duration::from_nanos(nanos))
    };
    let backoff: Vec<String> = fields::list(config, "/backoff").iter().map(step).collect();
    columns.row_if("Backoff", &backoff.join(", "));
    let policy = fields::text(config, "/priority_policy");
    if !matches!(policy, "" | "none") {
        columns.row("Priority Policy", policy);
        columns.row("Priority Groups", fields::texts(config, "/priority_groups").join(", "));
    }
}

fn pause(columns: &mut Columns, info: &Value) {
    let Some(until) = fields::time(info, "/config/pause_until") else { return };
    let until = output::local_time(until);
    let value = if fields::flag(info, "/paused") {
        let remaining = output::duration(fields::duration(info, "/pause_remaining"));
        format!("{until} ({remaining} remaining)")
    } else {
        format!("{until} (passed)")
    };
    columns.row("Paused Until Deadline", value);
}

fn state(columns: &mut Columns, info: &Value, config: &Value) {
    let position = |path: &str, what: &str| {
        let consumer = comma(fields::uint(info, &format!("{path}/consumer_seq")));
        let stream = comma(fields::uint(info, &format!("{path}/stream_seq")));
        let last = match fields::time(info, &format!("{path}/last_active")) {
            Some(time) => format!(" {what}: {} ago", output::ago(Some(time))),
            None => String::new(),
        };
        format!("Consumer sequence: {consumer} Stream sequence: {stream}{last}")
    };
    columns.section("State");
    api_level(columns, info);
    columns.row("Last Delivered Message", position("/delivered", "Last delivery"));
    if fields::text(config, "/ack_policy") != "none" {
        columns.row("Acknowledgment Floor", position("/ack_floor", "Last Ack"));
        let pending = comma(fields::uint(info, "/num_ack_pending"));
        let outstanding = match fields::int(config, "/max_ack_pending") {
            i64::MIN..=0 => pending,
            max => format!("{pending} out of maximum {}", comma(max)),
        };
        columns.row("Outstanding Acks", outstanding);
        columns.row("Redelivered Messages", comma(fields::uint(info, "/num_redelivered")));
    }
    columns.row("Unprocessed Messages", comma(fields::uint(info, "/num_pending")));
    if fields::text(config, "/deliver_subject").is_empty() {
        let waiting = comma(fields::uint(info, "/num_waiting"));
        let most = match fields::int(config, "/max_waiting") {
            i64::MIN..=0 => "of unlimited".to_owned(),
            max => format!("of maximum {}", comma(max)),
        };
        columns.row("Waiting Pulls", format!("{waiting} {most}"));
        return;
    }
    let interest = match (fields::flag(info, "/push_bound"), fields::text(config, "/deliver_group"))
    {
        (true, "") => "Active".to_owned(),
        (true, group) => format!("Active using Queue Group {group}"),
        (false, _) => "No interest".to_owned(),
    };
    columns.row("Active Interest", interest);
}
