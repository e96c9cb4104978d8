//! `/connz`: connections, open and closed.

mod order;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;
use tradewind_jetstream::api::time::format_duration;
use tradewind_router::{ClientId, CloseReason, Subscription};
use tradewind_subject::{Timestamp, is_literal, is_subset, matches};

use self::order::Order;
use super::Answer;
use super::json::{Time, uptime};
use super::query::{BadQuery, Page, Query};
use crate::client::Client;
use crate::clients::Traffic;
use crate::dispatch::Target;
use crate::shared::Shared;

#[derive(Debug, Serialize)]
struct Connz<'a> {
    server_id: &'a str,
    now: Time,
    num_connections: usize,
    total: usize,
    offset: usize,
    limit: usize,
    /// `null` for an account there is not.
    connections: Option<Vec<Entry>>,
}

#[derive(Debug, Serialize)]
struct Entry {
    cid: u64,
    kind: &'static str,
    #[serde(rename = "type")]
    transport: &'static str,
    ip: String,
    port: u16,
    start: Time,
    last_activity: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    rtt: String,
    uptime: String,
    idle: String,
    pending_bytes: usize,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    subscriptions: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    lang: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorized_user: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list_detail: Vec<Detail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_tag: Option<String>,
}

/// A subscription of a connection.
#[derive(Debug, Serialize)]
struct Detail {
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    qgroup: Option<String>,
    sid: String,
    msgs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u64>,
    cid: u64,
}

/// A connection to show.
struct Shown {
    client: Arc<Client>,
    stop: Option<(Timestamp, CloseReason)>,
}

/// What is asked for.
struct Request {
    order: Order,
    with_user: bool,
    subs: Subs,
    page: Page,
    cid: u64,
    state: State,
    user: String,
    account: String,
    filter: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Subs {
    Hidden,
    Listed,
    Detailed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    All,
}

impl Request {
    fn of(query: &Query) -> Result<Request, BadQuery> {
        let with_user = query.boolean("auth")?;
        let subs = match query.text("subs").to_lowercase().as_str() {
            "detail" => Subs::Detailed,
            _ if query.boolean("subs")? => Subs::Listed,
            _ => Subs::Hidden,
        };
        let page = Page::of(query)?;
        let cid = query.id("cid")?;
        let state = match query.text("state").to_lowercase().as_str() {
            "" | "open" | "any" => State::Open,
            "closed" => State::Closed,
            "all" => State::All,
            _ => return Err(BadQuery(format!("Error decoding state for {}", query.text("state")))),
        };
        let order = Order::of(query.text("sort"), state == State::Closed)?;
        Ok(Request {
            order,
            with_user,
            subs,
            page: if cid == 0 { page } else { Page { offset: 0, limit: 1 } },
            cid,
            state,
            user: query.text("user").to_owned(),
            account: query.text("acc").to_owned(),
            filter: query.text("filter_subject").to_owned(),
        })
    }

    /// The connections of the state asked for.
    fn candidates(&self, shared: &Shared) -> Vec<Shown> {
        let mut shown = Vec::new();
        if self.state != State::Closed {
            let open = shared.clients.open().into_iter();
            shown.extend(open.map(|client| Shown { client, stop: None }));
        }
        if self.state != State::Open {
            let closed = shared.clients.closed().into_iter();
            shown.extend(closed.map(|closed| Shown {
                client: closed.client,
                stop: Some((closed.stop, closed.reason)),
            }));
        }
        shown
    }

    /// Whether `shown` passes the filters; `subscriptions` are its own.
    fn wants(&self, shown: &Shown, subscriptions: &[Arc<Subscription<Target>>]) -> bool {
        // As in nats-server the filter counts only together with an account.
        let by_filter = self.account.is_empty()
            || self.filter.is_empty()
            || subscriptions.iter().any(|own| fits(&own.subject, self.filter.as_bytes()));
        let by_cid = self.cid == 0 || shown.client.id == ClientId(self.cid);
        let by_user = self.user.is_empty() || shown.client.identity.lock().user == self.user;
        by_filter && by_cid && by_user
    }
}

fn fits(subject: &[u8], filter: &[u8]) -> bool {
    if is_literal(filter) { matches(subject, filter) } else { is_subset(subject, filter) }
}

pub(super) fn answer(shared: &Shared, now: Timestamp, query: &Query) -> Result<Answer, BadQuery> {
    let request = Request::of(query)?;
    let page = request.page;
    let known = request.account.is_empty() || request.account == shared.account.name;
    if !known {
        return Ok(Answer::of(&Connz {
            server_id: "",
            now: Time(now),
            num_connections: 0,
            total: 0,
            offset: page.offset,
            limit: page.limit,
            connections: None,
        }));
    }
    let needs_subscriptions = request.subs != Subs::Hidden || !request.filter.is_empty();
    let subscriptions = if needs_subscriptions { by_client(shared) } else { BTreeMap::new() };
    let of = |shown: &Shown| subscriptions.get(&shown.client.id).map_or(&[][..], Vec::as_slice);
    let mut found = request.candidates(shared);
    let total = found.len();
    found.retain(|shown| request.wants(shown, of(shown)));
    request.order.sort(&mut found, now);
    let connections: Vec<Entry> =
        page.cut(found).iter().map(|shown| Entry::new(shown, &request, of(shown), now)).collect();
    Ok(Answer::of(&Connz {
        server_id: &shared.info.server_id,
        now: Time(now),
        num_connections: connections.len(),
        total,
        offset: page.offset,
        limit: page.limit,
        connections: Some(connections),
    }))
}

/// All subscriptions by owner, each owner's in the order of subjects.
fn by_client(shared: &Shared) -> BTreeMap<ClientId, Vec<Arc<Subscription<Target>>>> {
    let mut found: BTreeMap<ClientId, Vec<_>> = BTreeMap::new();
    shared.account.interest.read().for_each(|subscription| {
        found.entry(subscription.client).or_default().push(Arc::clone(subscription));
    });
    for own in found.values_mut() {
        own.sort_by(|a, b| (&a.subject, &a.sid).cmp(&(&b.subject, &b.sid)));
    }
    found
}

impl Entry {
    fn new(
        shown: &Shown,
        request: &Request,
        subscriptions: &[Arc<Subscription<Target>>],
        now: Timestamp,
    ) -> Entry {
        let client = &shown.client;
        let identity = client.identity.lock().clone();
        let traffic = Traffic::of(client);
        let last = Timestamp(client.last_activity.load(Ordering::Relaxed));
        let end = shown.stop.map_or(now, |(stop, _)| stop);
        let listed = if request.subs == Subs::Listed { subscriptions } else { &[] };
        let detailed = if request.subs == Subs::Detailed { subscriptions } else { &[] };
        let user = Some(identity.user).filter(|user| request.with_user && !user.is_empty());
        Entry {
            cid: client.id.0,
            kind: "Client",
            transport: "nats",
            ip: client.peer.ip().to_string(),
            port: client.peer.port(),
            start: Time(client.start),
            last_activity: Time(last),
            stop: shown.stop.map(|(stop, _)| Time(stop)),
            reason: shown.stop.map(|(_, reason)| reason.as_str()),
            rtt: format_duration(client.rtt.load(Ordering::Relaxed)),
            uptime: uptime(end.since(client.start)),
            idle: uptime(end.since(last)),
            pending_bytes: client.outbox.pending(),
            in_msgs: traffic.in_msgs,
            out_msgs: traffic.out_msgs,
            in_bytes: traffic.in_bytes,
            out_bytes: traffic.out_bytes,
            subscriptions: client.n_subscriptions.load(Ordering::Relaxed),
            name: identity.name,
            lang: identity.lang,
            version: identity.version,
            authorized_user: user,
            subscriptions_list: listed.iter().map(|own| text(&own.subject)).collect(),
            subscriptions_list_detail: detailed.iter().map(|own| Detail::new(own)).collect(),
            name_tag: request.with_user.then(|| crate::shared::GLOBAL_ACCOUNT.to_owned()),
        }
    }
}

impl Detail {
    fn new(own: &Subscription<Target>) -> Detail {
        Detail {
            subject: text(&own.subject),
            qgroup: own.queue.as_deref().map(text),
            sid: text(&own.sid),
            msgs: own.delivered(),
            max: own.max(),
            cid: own.client.0,
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
