//! Looks after idle connections: pings, stale ones, and those that never authenticate.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tradewind_proto::encode;
use tradewind_router::CloseReason;
use tradewind_subject::Timestamp;

use crate::client::Client;
use crate::client::outbox::Appended;
use crate::clock;
use crate::shared::Shared;

/// When the first ping goes out after the connection was made.
const FIRST_PING: Duration = Duration::from_secs(2);

/// Looks at all connections again and again, until the server stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let options = &shared.options;
    let pace =
        (options.ping_interval / 4).clamp(Duration::from_millis(20), Duration::from_millis(500));
    let mut jumps = clock::Jumps::new();
    let mut ticks = tokio::time::interval(pace);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => (),
            () = shared.stop.cancelled() => return,
        }
        if let Some(store) = &shared.store {
            store.look(&shared.log);
        }
        if let Some(jump) = jumps.next() {
            shared.log.warn(&format!(
                "The system's clock was set {jump}: age limits, ack waits and duplicate windows \
                 go by it"
            ));
        }
        let now = clock::now();
        for client in shared.clients.open() {
            look_after(&shared, &client, now);
        }
    }
}

fn look_after(shared: &Shared, client: &Arc<Client>, now: Timestamp) {
    let options = &shared.options;
    if client.unauthenticated.load(Ordering::Relaxed) {
        if options.auth_timeout < now.since(client.start) {
            client.close(CloseReason::AuthenticationTimeout);
        }
        return;
    }
    // Whoever has not said CONNECT is a person at a terminal: no pings.
    if !client.identity.lock().connected || !ping_due(options.ping_interval, client, now) {
        return;
    }
    if options.ping_max < client.pings_out.load(Ordering::Relaxed) + 1 {
        shared.log.debug(client, "Stale Client Connection - Closing");
        client.close(CloseReason::StaleConnection);
        return;
    }
    client.pings_out.fetch_add(1, Ordering::Relaxed);
    client.ping_sent.store(now.nanos(), Ordering::Relaxed);
    if client.outbox.control(|out| out.extend_from_slice(encode::PING)) == Appended::First {
        client.flush();
    }
}

fn ping_due(interval: Duration, client: &Client, now: Timestamp) -> bool {
    let sent = client.ping_sent.load(Ordering::Relaxed);
    if sent == 0 {
        return FIRST_PING.min(interval) < now.since(client.start);
    }
    let quiet = now.since(Timestamp(client.last_activity.load(Ordering::Relaxed)));
    let waited = now.since(Timestamp(sent));
    let answered = client.pings_out.load(Ordering::Relaxed) == 0;
    interval <= waited && (interval <= quiet || !answered)
}
