//! Accounts, and the kinds of links that a server on its own has none of.

use serde::Serialize;
use tradewind_subject::Timestamp;

use super::Answer;
use super::json::{Time, is_false};
use super::query::{BadQuery, Query};
use super::subscriptions::Stats;
use crate::shared::Shared;

const SYSTEM: &str = "$SYS";

#[derive(Debug, Serialize)]
struct Accountz<'a> {
    server_id: &'a str,
    now: Time,
    system_account: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<[&'a str; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_detail: Option<Detail<'a>>,
}

#[derive(Debug, Serialize)]
struct Detail<'a> {
    account_name: &'a str,
    update_time: Time,
    #[serde(skip_serializing_if = "is_false")]
    is_system: bool,
    expired: bool,
    complete: bool,
    jetstream_enabled: bool,
    leafnode_connections: usize,
    client_connections: usize,
    subscriptions: usize,
    name_tag: &'a str,
    sublist_stats: Stats,
}

pub(super) fn accountz(shared: &Shared, now: Timestamp, query: &Query) -> Result<Answer, BadQuery> {
    let global = shared.account.name.as_str();
    let wanted = query.text("acc");
    let detail = match wanted {
        "" => None,
        SYSTEM => Some(Detail::of_system(shared)),
        name if name == global => Some(Detail::of_global(shared)),
        name => return Err(BadQuery(format!("Account {name} does not exist"))),
    };
    Ok(Answer::of(&Accountz {
        server_id: &shared.info.server_id,
        now: Time(now),
        system_account: SYSTEM,
        accounts: detail.is_none().then_some([global, SYSTEM]),
        account_detail: detail,
    }))
}

impl<'a> Detail<'a> {
    fn of_global(shared: &'a Shared) -> Detail<'a> {
        Detail {
            account_name: &shared.account.name,
            update_time: Time(shared.start),
            is_system: false,
            expired: false,
            complete: true,
            jetstream_enabled: shared.options.jetstream.is_some(),
            leafnode_connections: 0,
            client_connections: shared.clients.len(),
            subscriptions: shared.account.interest.read().len(),
            name_tag: &shared.account.name,
            sublist_stats: Stats::of(shared),
        }
    }

    /// Nobody can connect to it.
    fn of_system(shared: &'a Shared) -> Detail<'a> {
        Detail {
            account_name: SYSTEM,
            is_system: true,
            jetstream_enabled: false,
            client_connections: 0,
            subscriptions: 0,
            name_tag: SYSTEM,
            sublist_stats: Stats::default(),
            ..Detail::of_global(shared)
        }
    }
}

#[derive(Debug, Serialize)]
struct Accstatz<'a> {
    server_id: &'a str,
    now: Time,
    account_statz: Vec<AccountStat<'a>>,
}

#[derive(Debug, Serialize)]
struct AccountStat<'a> {
    acc: &'a str,
    name: &'a str,
    conns: usize,
    leafnodes: usize,
    total_conns: usize,
    num_subscriptions: usize,
    sent: Flow,
    received: Flow,
    slow_consumers: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Count {
    msgs: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Flow {
    #[serde(flatten)]
    all: Count,
    gateways: Count,
    routes: Count,
    leafs: Count,
}

impl Flow {
    fn of(msgs: u64, bytes: u64) -> Flow {
        Flow { all: Count { msgs, bytes }, ..Flow::default() }
    }
}

pub(super) fn accstatz(shared: &Shared, now: Timestamp, query: &Query) -> Result<Answer, BadQuery> {
    let unused = query.boolean("unused")?;
    let totals = shared.clients.totals();
    let mut account_statz = Vec::new();
    // An account counts as used while it has a connection.
    if unused || 0 < totals.open {
        account_statz.push(AccountStat {
            acc: &shared.account.name,
            name: &shared.account.name,
            conns: totals.open,
            leafnodes: 0,
            total_conns: totals.open,
            num_subscriptions: shared.account.interest.read().len(),
            sent: Flow::of(totals.traffic.out_msgs, totals.traffic.out_bytes),
            received: Flow::of(totals.traffic.in_msgs, totals.traffic.in_bytes),
            slow_consumers: totals.slow,
        });
    }
    if unused {
        account_statz.push(AccountStat {
            acc: SYSTEM,
            name: SYSTEM,
            conns: 0,
            leafnodes: 0,
            total_conns: 0,
            num_subscriptions: 0,
            sent: Flow::default(),
            received: Flow::default(),
            slow_consumers: 0,
        });
    }
    Ok(Answer::of(&Accstatz { server_id: &shared.info.server_id, now: Time(now), account_statz }))
}

/// Something there is none of.
#[derive(Debug, Serialize)]
struct Nothing {}

#[derive(Debug, Serialize)]
pub(super) struct Routez<'a> {
    server_id: &'a str,
    server_name: &'a str,
    now: Time,
    num_routes: usize,
    routes: [Nothing; 0],
}

impl<'a> Routez<'a> {
    pub(super) fn new(shared: &'a Shared, now: Timestamp) -> Routez<'a> {
        let info = &shared.info;
        let (server_id, server_name) = (&info.server_id, &info.server_name);
        Routez { server_id, server_name, now: Time(now), num_routes: 0, routes: [] }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Gatewayz<'a> {
    server_id: &'a str,
    now: Time,
    outbound_gateways: Nothing,
    inbound_gateways: Nothing,
}

impl<'a> Gatewayz<'a> {
    pub(super) fn new(shared: &'a Shared, now: Timestamp) -> Gatewayz<'a> {
        Gatewayz {
            server_id: &shared.info.server_id,
            now: Time(now),
            outbound_gateways: Nothing {},
            inbound_gateways: Nothing {},
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Leafz<'a> {
    server_id: &'a str,
    now: Time,
    leafnodes: usize,
    leafs: [Nothing; 0],
}

impl<'a> Leafz<'a> {
    pub(super) fn new(shared: &'a Shared, now: Timestamp) -> Leafz<'a> {
        Leafz { server_id: &shared.info.server_id, now: Time(now), leafnodes: 0, leafs: [] }
    }
}
