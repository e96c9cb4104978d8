//! `/subsz`: subscriptions of all connections.

use std::sync::Arc;

use serde::Serialize;
use tradewind_router::Subscription;
use tradewind_subject::{Timestamp, is_literal, matches};

use super::Answer;
use super::json::{Number, Time};
use super::query::{BadQuery, Page, Query};
use crate::dispatch::Target;
use crate::shared::Shared;

#[derive(Debug, Serialize)]
struct Subsz<'a> {
    server_id: &'a str,
    now: Time,
    #[serde(flatten)]
    stats: Stats,
    total: usize,
    offset: usize,
    limit: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<Detail<'a>>,
}

/// Figures about the interest of an account.
///
/// Each connection has a cache of its own here, so nothing is counted for all of them: those fields
/// stay at zero.
#[derive(Debug, Default, Serialize)]
pub(super) struct Stats {
    num_subscriptions: usize,
    num_cache: u64,
    num_inserts: u64,
    num_removes: u64,
    num_matches: u64,
    cache_hit_rate: Number,
    max_fanout: u64,
    avg_fanout: Number,
}

#[derive(Debug, Serialize)]
struct Detail<'a> {
    account: &'a str,
    account_tag: &'a str,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    qgroup: Option<String>,
    sid: String,
    msgs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u64>,
    cid: u64,
}

impl Stats {
    pub(super) fn of(shared: &Shared) -> Stats {
        let interest = shared.account.interest.read();
        let (num_inserts, num_removes) = interest.changes();
        Stats { num_subscriptions: interest.len(), num_inserts, num_removes, ..Stats::default() }
    }
}

pub(super) fn answer(shared: &Shared, now: Timestamp, query: &Query) -> Result<Answer, BadQuery> {
    let listed = query.boolean("subs")?;
    let page = Page::of(query)?;
    let account = query.text("acc");
    let test = query.text("test");
    if !test.is_empty() && !is_literal(test.as_bytes()) {
        return Err(BadQuery(format!(
            "invalid test subject, must be valid publish subject: {test}"
        )));
    }
    let known = account.is_empty() || account == shared.account.name;
    let found = if known && listed { matching(shared, test) } else { Vec::new() };
    let total = found.len();
    Ok(Answer::of(&Subsz {
        server_id: &shared.info.server_id,
        now: Time(now),
        stats: if known { Stats::of(shared) } else { Stats::default() },
        total,
        offset: page.offset,
        limit: page.limit,
        subscriptions_list: page.cut(found).iter().map(|it| Detail::new(shared, it)).collect(),
    }))
}

/// The subscriptions that match `test`, or all if it is empty, in the order of connections.
fn matching(shared: &Shared, test: &str) -> Vec<Arc<Subscription<Target>>> {
    let mut found = Vec::new();
    shared.account.interest.read().for_each(|subscription| {
        if test.is_empty() || matches(&subscription.subject, test.as_bytes()) {
            found.push(Arc::clone(subscription));
        }
    });
    found.sort_by(|a, b| (a.client, &a.subject, &a.sid).cmp(&(b.client, &b.subject, &b.sid)));
    found
}

impl<'a> Detail<'a> {
    fn new(shared: &'a Shared, subscription: &Subscription<Target>) -> Detail<'a> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Detail {
            account: &shared.account.name,
            account_tag: &shared.account.name,
            subject: text(&subscription.subject),
            qgroup: subscription.queue.as_deref().map(text),
            sid: text(&subscription.sid),
            msgs: subscription.delivered(),
            max: subscription.max(),
            cid: subscription.client.0,
        }
    }
}
