//! `/jsz`: streams and consumers.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;
use tradewind_jetstream::api::config::StreamConfig;
use tradewind_jetstream::api::response::{
    ApiStats, ClusterInfo, ConsumerInfo, StreamInfo, StreamState,
};
use tradewind_jetstream::shard::{ShardReport, StreamReport};
use tradewind_subject::Timestamp;

use super::Answer;
use super::json::{Time, is_false, nanos};
use super::query::{BadQuery, Page, Query};
use crate::mailbox::Letter;
use crate::medium::{Medium, Trust};
use crate::options::{JetStreamOptions, SyncPolicy};
use crate::shard_host;
use crate::shared::Shared;

/// nats-server's pace of syncing, which it shows also when it syncs always.
const SYNC_INTERVAL: Duration = Duration::from_mins(2);
/// How long the shard may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How JetStream stands; [`None`] if it is off or does not answer.
pub(super) async fn report(shared: &Shared) -> Option<ShardReport> {
    let mailbox = shared.jetstream.as_ref()?;
    let (tell, told) = oneshot::channel();
    mailbox.leave(Letter::Ask(Box::new(move |shard| {
        // Whoever asked may have gone.
        let _ = tell.send(shard.report());
    })));
    tokio::time::timeout(PATIENCE, told).await.ok()?.ok()
}

/// The settings.
#[derive(Debug, Default, Serialize)]
pub(super) struct Config {
    max_memory: i64,
    max_storage: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    store_dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_interval: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    sync_always: bool,
    #[serde(skip_serializing_if = "is_false")]
    strict: bool,
    /// What an acknowledgement means: ours, as the next.
    #[serde(skip_serializing_if = "String::is_empty")]
    durability: String,
    /// The file system of the store.
    #[serde(skip_serializing_if = "str::is_empty")]
    store_medium: &'static str,
}

impl Config {
    pub(super) fn new(options: &JetStreamOptions, medium: Medium) -> Config {
        let (sync_interval, sync_always) = match options.sync {
            SyncPolicy::Always => (SYNC_INTERVAL, true),
            SyncPolicy::Interval(every) => (every, false),
        };
        Config {
            max_memory: options.max_memory,
            max_storage: options.max_file,
            store_dir: shard_host::directory(&options.store_dir).display().to_string(),
            sync_interval: Some(nanos(sync_interval)),
            sync_always,
            strict: options.strict,
            durability: match medium.trust {
                Trust::Durable => options.sync.level().to_string(),
                Trust::Volatile => "volatile".to_owned(),
                Trust::Unknown => "unknown".to_owned(),
            },
            store_medium: medium.name,
        }
    }
}

/// The limits of the server.
#[derive(Debug, Serialize)]
pub(super) struct Limits {
    default_max_consumers: i64,
}

impl Limits {
    pub(super) fn new(options: &JetStreamOptions) -> Limits {
        Limits { default_max_consumers: options.default_max_consumers }
    }
}

/// What the server, or an account, uses.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Usage {
    memory: u64,
    storage: u64,
    reserved_memory: u64,
    reserved_storage: u64,
    accounts: u64,
    ha_assets: u64,
    api: ApiStats,
}

impl Usage {
    pub(super) fn of_server(report: &ShardReport) -> Usage {
        let account = &report.account;
        Usage {
            memory: account.memory,
            storage: account.storage,
            reserved_memory: account.reserved_memory,
            reserved_storage: account.reserved_storage,
            accounts: 1,
            ha_assets: 0,
            api: account.api.clone(),
        }
    }

    /// The only account has no limits of its own, which nats-server shows as -1 without a sign.
    fn of_account(report: &ShardReport) -> Usage {
        let server = Usage::of_server(report);
        Usage {
            reserved_memory: u64::MAX,
            reserved_storage: u64::MAX,
            accounts: 0,
            api: ApiStats { level: 0, ..server.api },
            ..server
        }
    }

    /// Of a server without JetStream.
    fn none() -> Usage {
        Usage {
            memory: 0,
            storage: 0,
            reserved_memory: 0,
            reserved_storage: 0,
            accounts: 0,
            ha_assets: 0,
            api: ApiStats { level: 0, ..ApiStats::default() },
        }
    }
}

#[derive(Debug, Serialize)]
struct Jsz<'a> {
    #[serde(flatten)]
    usage: Usage,
    server_id: &'a str,
    now: Time,
    #[serde(skip_serializing_if = "is_false")]
    disabled: bool,
    config: Config,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    streams: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    streams_leader: Option<usize>,
    consumers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumers_leader: Option<usize>,
    messages: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    account_details: Vec<AccountDetail<'a>>,
    total: usize,
}

#[derive(Debug, Serialize)]
struct AccountDetail<'a> {
    name: &'a str,
    id: &'a str,
    #[serde(flatten)]
    usage: Usage,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stream_detail: Vec<StreamDetail<'a>>,
}

#[derive(Debug, Serialize)]
struct StreamDetail<'a> {
    name: &'a str,
    created: Time,
    cluster: ClusterInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a StreamConfig>,
    state: &'a StreamState,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumer_detail: Vec<ConsumerDetail<'a>>,
    /// Ours.
    durability: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ConsumerDetail<'a> {
    Whole(&'a ConsumerInfo),
    WithoutConfig(serde_json::Map<String, serde_json::Value>),
}

/// What is asked for.
struct Request {
    account: String,
    accounts: bool,
    streams: bool,
    consumers: bool,
    config: bool,
    raft: bool,
    page: Page,
}

impl Request {
    fn of(query: &Query) -> Result<Request, BadQuery> {
        let accounts = query.boolean("accounts")?;
        let streams = query.boolean("streams")?;
        let consumers = query.boolean("consumers")?;
        query.boolean("direct-consumers")?;
        let config = query.boolean("config")?;
        let page = Page::of(query)?;
        // One server leads everything, so these leave nothing out.
        query.boolean("leader-only")?;
        query.boolean("stream-leader-only")?;
        let raft = query.boolean("raft")?;
        let account = query.text("acc").to_owned();
        Ok(Request { account, accounts, streams, consumers, config, raft, page })
    }

    fn wants_details(&self, global: &str) -> bool {
        let listed = self.accounts || self.streams || self.consumers;
        // A page has one entry at most: the one account.
        let on_page = self.page.offset == 0;
        if self.account.is_empty() { listed && on_page } else { self.account == global }
    }
}

pub(super) async fn answer(
    shared: &Shared,
    now: Timestamp,
    query: &Query,
) -> Result<Answer, BadQuery> {
    let request = Request::of(query)?;
    let report = report(shared).await;
    let options = shared.options.jetstream.as_ref().filter(|_| report.is_some());
    let streams = report.as_ref().map_or(&[][..], |report| &report.streams);
    let consumers = streams.iter().map(|stream| stream.consumers.len()).sum();
    // One server leads everything there is.
    let shows_leaders = request.raft && report.is_some();
    let details = report.as_ref().filter(|_| request.wants_details(&shared.account.name));
    Ok(Answer::of(&Jsz {
        usage: report.as_ref().map_or_else(Usage::none, Usage::of_server),
        server_id: &shared.info.server_id,
        now: Time(now),
        disabled: report.is_none(),
        config: options.map(|options| Config::new(options, shared.medium)).unwrap_or_default(),
        limits: options.map(Limits::new),
        streams: streams.len(),
        streams_leader: shows_leaders.then_some(streams.len()),
        consumers,
        consumers_leader: shows_leaders.then_some(consumers),
        messages: streams.iter().map(|stream| stream.info.state.messages).sum(),
        bytes: streams.iter().map(|stream| stream.info.state.bytes).sum(),
        account_details: details
            .map(|report| AccountDetail::new(shared, report, &request))
            .into_iter()
            .collect(),
        total: usize::from(report.is_some()),
    }))
}

impl<'a> AccountDetail<'a> {
    fn new(shared: &'a Shared, report: &'a ShardReport, request: &Request) -> AccountDetail<'a> {
        let with_streams = request.streams || request.consumers;
        let streams = if with_streams { &report.streams[..] } else { &[] };
        let leader = &shared.info.server_name;
        AccountDetail {
            name: &shared.account.name,
            id: &shared.account.name,
            usage: Usage::of_account(report),
            stream_detail: streams
                .iter()
                .map(|stream| StreamDetail::new(stream, leader, request))
                .collect(),
        }
    }
}

impl<'a> StreamDetail<'a> {
    fn new(stream: &'a StreamReport, leader: &str, request: &Request) -> StreamDetail<'a> {
        let StreamInfo { config, created, state, durability, .. } = &stream.info;
        let consumers = if request.consumers { &stream.consumers[..] } else { &[] };
        StreamDetail {
            name: &config.name,
            created: Time(*created),
            cluster: ClusterInfo { leader: leader.to_owned() },
            config: request.config.then_some(config),
            state,
            consumer_detail: consumers
                .iter()
                .map(|consumer| ConsumerDetail::new(consumer, request.config))
                .collect(),
            durability,
        }
    }
}

impl<'a> ConsumerDetail<'a> {
    fn new(consumer: &'a ConsumerInfo, with_config: bool) -> ConsumerDetail<'a> {
        if with_config {
            return ConsumerDetail::Whole(consumer);
        }
        let mut entries = match serde_json::to_value(consumer) {
            Ok(serde_json::Value::Object(entries)) => entries,
            // A struct always becomes an object.
            _ => serde_json::Map::new(),
        };
        entries.shift_remove("config");
        ConsumerDetail::WithoutConfig(entries)
    }
}
