//! A stream as an information block, with nats's labels.

use serde_json::Value;

use crate::fields;
use crate::output::{self, Columns, comma, size, yes};

/// All about the stream, or its state only.
pub(super) fn columns(info: &Value, state_only: bool) -> Columns {
    let kind = if state_only { "State" } else { "Information" };
    let name = fields::text(info, "/config/name");
    let created = fields::time(info, "/created").map(output::local_time).unwrap_or_default();
    let mut columns = Columns::new(format!("{kind} for Stream {name} created {created}"));
    if !state_only {
        let config = info.get("config").unwrap_or(&Value::Null);
        base(&mut columns, config);
        options(&mut columns, config);
        limits(&mut columns, config);
        metadata(&mut columns, config);
        replication(&mut columns, config);
    }
    cluster(&mut columns, info);
    for (title, sources) in [
        ("Mirror Information", info.get("mirror").map(std::slice::from_ref).unwrap_or_default()),
        ("Source Information", fields::list(info, "/sources")),
    ] {
        if !sources.is_empty() {
            columns.section(title);
            for source in sources {
                upstream(&mut columns, source);
            }
        }
    }
    state(&mut columns, info);
    columns
}

fn base(columns: &mut Columns, config: &Value) {
    columns.row_if("Description", fields::text(config, "/description"));
    columns.row_if("Subjects", &fields::texts(config, "/subjects").join(", "));
    columns.row("Replicas", comma(fields::int(config, "/num_replicas")));
    if fields::flag(config, "/sealed") {
        columns.row("Sealed", "true");
    }
    columns.row("Storage", title_case(fields::text(config, "/storage")));
    let compression = fields::text(config, "/compression");
    if !matches!(compression, "" | "none") {
        columns.row("Compression", title_case(compression));
    }
    let persist = fields::text(config, "/persist_mode");
    if !matches!(persist, "" | "default") {
        columns.row("Persistence Mode", title_case(persist));
    }
    let first = fields::uint(config, "/first_seq");
    if first != 0 {
        columns.row("First Sequence", comma(first));
    }
    columns.row_if("Placement Cluster", fields::text(config, "/placement/cluster"));
    columns.row_if("Placement Tags", &fields::texts(config, "/placement/tags").join(", "));
}

fn options(columns: &mut Columns, config: &Value) {
    let allowed = |path: &str| yes(fields::flag(config, path));
    let from_to = |path: &str| {
        let source = fields::text(config, &format!("{path}/src"));
        let source = if source.is_empty() { ">" } else { source };
        format!("{source} to {}", fields::text(config, &format!("{path}/dest")))
    };
    columns.section("Options");
    if config.get("subject_transform").is_some_and(Value::is_object) {
        columns.row("Subject Transform", from_to("/subject_transform"));
    }
    if config.get("republish").is_some_and(Value::is_object) {
        let headers = fields::flag(config, "/republish/headers_only");
        let label = if headers { "Republishing Headers" } else { "Republishing" };
        columns.row(label, from_to("/republish"));
    }
    let retention = match fields::text(config, "/retention") {
        "workqueue" => "WorkQueue".to_owned(),
        other => title_case(other),
    };
    let discard = if fields::flag(config, "/discard_new_per_subject") {
        "New Per Subject".to_owned()
    } else {
        title_case(fields::text(config, "/discard"))
    };
    columns.row("Retention", retention);
    columns.row("Acknowledgments", yes(!fields::flag(config, "/no_ack")));
    columns.row("Discard Policy", discard);
    columns
        .row("Duplicate Window", output::duration(fields::duration(config, "/duplicate_window")));
    for (label, path) in [("Direct Get", "/allow_direct"), ("Mirror Direct Get", "/mirror_direct")]
    {
        if fields::flag(config, path) {
            columns.row(label, "true");
        }
    }
    columns.row("Allows Atomic Batch Publish", allowed("/allow_atomic"));
    columns.row("Allows Fast Batch Publish", allowed("/allow_batched"));
    columns.row("Allows Counters", allowed("/allow_msg_counter"));
    columns.row("Allows Msg Delete", yes(!fields::flag(config, "/deny_delete")));
    columns.row("Allows Per-Message TTL", allowed("/allow_msg_ttl"));
    columns.row("Allows Purge", yes(!fields::flag(config, "/deny_purge")));
    columns.row("Allows Schedules", allowed("/allow_msg_schedules"));
    let marker = fields::duration(config, "/subject_delete_marker_ttl");
    if !marker.is_zero() {
        columns.row("Subject Delete Markers TTL", output::duration(marker));
    }
    columns.row("Allows Rollups", allowed("/allow_rollup_hdrs"));
}

fn limits(columns: &mut Columns, config: &Value) {
    let count = |path: &str| match fields::int(config, path) {
        i64::MIN..=0 => "unlimited".to_owned(),
        number => comma(number),
    };
    let bytes = |path: &str| match u64::try_from(fields::int(config, path)) {
        Ok(0) | Err(_) => "unlimited".to_owned(),
        Ok(bytes) => size(bytes),
    };
    let age = fields::duration(config, "/max_age");
    columns.section("Limits");
    columns.row("Maximum Messages", count("/max_msgs"));
    columns.row("Maximum Per Subject", count("/max_msgs_per_subject"));
    columns.row("Maximum Bytes", bytes("/max_bytes"));
    columns.row(
        "Maximum Age",
        if age.is_zero() { "unlimited".to_owned() } else { output::duration(age) },
    );
    columns.row("Maximum Message Size", bytes("/max_msg_size"));
    columns.row("Maximum Consumers", count("/max_consumers"));
    let inactive = fields::duration(config, "/consumer_limits/inactive_threshold");
    if !inactive.is_zero() {
        columns.row("Consumer Inactive Threshold", output::duration(inactive));
    }
    let pending = fields::int(config, "/consumer_limits/max_ack_pending");
    if 0 < pending {
        columns.row("Consumer Max Ack Pending", comma(pending));
    }
}

/// The user's metadata; what the server notes is not shown.
pub(in crate::run) fn metadata(columns: &mut Columns, config: &Value) {
    let entries = config.get("metadata").and_then(Value::as_object);
    let own: Vec<(&String, &Value)> =
        entries.into_iter().flatten().filter(|(key, _)| !key.starts_with("_nats.")).collect();
    if own.is_empty() {
        return;
    }
    columns.section("Metadata");
    for (key, value) in own {
        columns.row(key, value.as_str().unwrap_or_default());
    }
}

fn replication(columns: &mut Columns, config: &Value) {
    let mirror = config.get("mirror").filter(|mirror| mirror.is_object());
    let sources = fields::list(config, "/sources");
    if mirror.is_none() && sources.is_empty() {
        return;
    }
    let describe = |source: &Value| {
        let mut parts = vec![fields::text(source, "/name").to_owned()];
        let start = fields::uint(source, "/opt_start_seq");
        if start != 0 {
            parts.push(format!("Start Seq: {}", comma(start)));
        }
        for (label, path) in [
            ("Start Time", "/opt_start_time"),
            ("API Prefix", "/external/api"),
            ("Delivery Prefix", "/external/deliver"),
        ] {
            match fields::text(source, path) {
                "" => (),
                text => parts.push(format!("{label}: {text}")),
            }
        }
        parts.join(", ")
    };
    columns.section("Replication");
    if let Some(mirror) = mirror {
        columns.row("Mirror", describe(mirror));
    }
    for (idx, source) in sources.iter().enumerate() {
        columns.row(if idx == 0 { "Sources" } else { "" }, describe(source));
    }
}

/// Where the stream or consumer is in its cluster.
pub(in crate::run) fn cluster(columns: &mut Columns, info: &Value) {
    if fields::text(info, "/cluster/name").is_empty() {
        return;
    }
    columns.section("Cluster Information");
    columns.row("Name", fields::text(info, "/cluster/name"));
    columns.row_if("Cluster Group", fields::text(info, "/cluster/raft_group"));
    columns.row("Leader", fields::text(info, "/cluster/leader"));
    for replica in fields::list(info, "/cluster/replicas") {
        let mut state = vec![fields::text(replica, "/name").to_owned()];
        let current = fields::flag(replica, "/current");
        state.push(if current { "current" } else { "outdated" }.to_owned());
        if fields::flag(replica, "/offline") {
            state.push("OFFLINE".to_owned());
        }
        state.push(seen(replica));
        let lag = fields::uint(replica, "/lag");
        if lag != 0 {
            state.push(format!("{} behind", output::quantity(lag, "operation")));
        }
        columns.row("Replica", state.join(", "));
    }
}

fn seen(replica: &Value) -> String {
    match fields::int(replica, "/active") {
        i64::MIN..=0 | i64::MAX => "not seen".to_owned(),
        _ => format!("seen {} ago", output::duration(fields::duration(replica, "/active"))),
    }
}

fn upstream(columns: &mut Columns, source: &Value) {
    columns.row("Stream Name", fields::text(source, "/name"));
    columns.row_if("Subject Filter", fields::text(source, "/filter_subject"));
    columns.row("Lag", comma(fields::uint(source, "/lag")));
    let last_seen = match fields::int(source, "/active") {
        i64::MIN..=0 | i64::MAX => "never".to_owned(),
        _ => output::duration(fields::duration(source, "/active")),
    };
    columns.row("Last Seen", last_seen);
    columns.row_if("Ext. API Prefix", fields::text(source, "/external/api"));
    columns.row_if("Error", fields::text(source, "/error/description"));
}

fn state(columns: &mut Columns, info: &Value) {
    let at = |seq: &str, time: &str| {
        let seq = comma(fields::uint(info, seq));
        match fields::time(info, time) {
            Some(time) => format!("{seq} @ {}", output::local_time(time)),
            None => seq,
        }
    };
    columns.section("State");
    api_level(columns, info);
    columns.row("Messages", comma(fields::uint(info, "/state/messages")));
    columns.row("Bytes", size(fields::uint(info, "/state/bytes")));
    let lost = fields::list(info, "/state/lost/msgs").len();
    if lost != 0 {
        let bytes = size(fields::uint(info, "/state/lost/bytes"));
        columns.row("Lost Messages", format!("{lost} ({bytes})"));
    }
    columns.row("First Sequence", at("/state/first_seq", "/state/first_ts"));
    columns.row("Last Sequence", at("/state/last_seq", "/state/last_ts"));
    let deleted = fields::uint(info, "/state/num_deleted");
    if deleted != 0 {
        columns.row("Deleted Messages", comma(deleted));
    }
    columns.row("Active Consumers", comma(fields::int(info, "/state/consumer_count")));
    let subjects = fields::uint(info, "/state/num_subjects");
    if subjects != 0 {
        columns.row("Number of Subjects", comma(subjects));
    }
}

/// The version the server keeps this as, and the one it needs.
pub(in crate::run) fn api_level(columns: &mut Columns, info: &Value) {
    let noted = |key: &str| {
        info.pointer("/config/metadata")
            .and_then(|metadata| metadata.get(key))
            .and_then(Value::as_str)
    };
    let version = noted("_nats.ver").unwrap_or_default();
    let level = noted("_nats.level").unwrap_or_default();
    let required = noted("_nats.req.level").unwrap_or_default();
    if !version.is_empty() {
        columns.row("Host Version", version);
        columns.row("Required API Level", format!("{required} hosted at level {level}"));
    }
}

/// `limits` as `Limits`.
pub(in crate::run) fn title_case(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
