use std::cmp::Reverse;
use std::sync::atomic::Ordering::Relaxed;

use tradewind_subject::Timestamp;

use super::super::query::BadQuery;
use super::Shown;
use crate::clients::Traffic;

/// By what connections are sorted; the number decides between equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Cid,
    Subs,
    Pending,
    MsgsTo,
    MsgsFrom,
    BytesTo,
    BytesFrom,
    Last,
    Idle,
    Uptime,
    Stop,
    Reason,
    Rtt,
}

impl Order {
    /// # Errors
    ///
    /// There is no such order, or it is for closed connections only.
    pub(super) fn of(text: &str, of_closed: bool) -> Result<Order, BadQuery> {
        Ok(match text {
            // Numbers are given in the order of connecting.
            "" | "cid" | "start" => Order::Cid,
            "subs" => Order::Subs,
            "pending" => Order::Pending,
            "msgs_to" => Order::MsgsTo,
            "msgs_from" => Order::MsgsFrom,
            "bytes_to" => Order::BytesTo,
            "bytes_from" => Order::BytesFrom,
            "last" => Order::Last,
            "idle" => Order::Idle,
            "uptime" => Order::Uptime,
            "stop" | "reason" if !of_closed => {
                let reason = format!("sort by {text} only valid on closed connections");
                return Err(BadQuery(reason));
            }
            "stop" => Order::Stop,
            "reason" => Order::Reason,
            "rtt" => Order::Rtt,
            _ => return Err(BadQuery(format!("invalid sorting option: {text}"))),
        })
    }

    /// Sorts as nats-server does: most, or latest, first, but the shortest uptime.
    pub(super) fn sort(self, shown: &mut [Shown], now: Timestamp) {
        shown.sort_by_key(|shown| shown.client.id);
        let last = |shown: &Shown| shown.client.last_activity.load(Relaxed);
        let end = |shown: &Shown| shown.stop.map_or(now, |(stop, _)| stop);
        match self {
            Order::Cid => (),
            Order::Subs => by_most(shown, |it| it.client.n_subscriptions.load(Relaxed)),
            Order::Pending => by_most(shown, |it| it.client.outbox.pending()),
            Order::MsgsTo => by_most(shown, |it| Traffic::of(&it.client).out_msgs),
            Order::MsgsFrom => by_most(shown, |it| Traffic::of(&it.client).in_msgs),
            Order::BytesTo => by_most(shown, |it| Traffic::of(&it.client).out_bytes),
            Order::BytesFrom => by_most(shown, |it| Traffic::of(&it.client).in_bytes),
            Order::Last => by_most(shown, last),
            Order::Idle => by_most(shown, |it| end(it).since(Timestamp(last(it)))),
            Order::Uptime => shown.sort_by_key(|it| end(it).since(it.client.start)),
            Order::Stop => by_most(shown, |it| it.stop.map(|(stop, _)| stop)),
            Order::Reason => {
                shown.sort_by_key(|it| it.stop.map(|(_, reason)| reason.as_str()));
            }
            Order::Rtt => by_most(shown, |it| it.client.rtt.load(Relaxed)),
        }
    }
}

fn by_most<K: Ord>(shown: &mut [Shown], key: impl Fn(&Shown) -> K) {
    shown.sort_by_key(|it| Reverse(key(it)));
}
