//! Lame duck mode: clients are told to go elsewhere and then closed one by one.

use std::time::Duration;

use tradewind_proto::Info;
use tradewind_router::CloseReason;

use crate::client::Client;
use crate::client::outbox::Appended;
use crate::server::Server;
use crate::shared::Shared;

/// Between two clients there is never a longer pause than this.
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Server {
    /// Stops accepting, tells clients, waits out the grace period and closes them one by one.
    /// Returns when that is done; [`Server::shutdown`] is to follow. May be dropped at any point.
    pub async fn lame_duck(&self) {
        let shared = self.shared();
        shared.log.info("Entering lame duck mode, stop accepting new clients");
        shared.stop_accepting.cancel();
        let clients = shared.clients.open();
        if clients.is_empty() {
            return;
        }
        for client in &clients {
            tell(shared, client);
        }
        let options = &shared.options;
        tokio::time::sleep(options.lame_duck_grace_period).await;
        shared.log.info("Closing existing clients");
        let n_clients = u32::try_from(clients.len()).unwrap_or(u32::MAX);
        let time = options.lame_duck_duration.saturating_sub(options.lame_duck_grace_period);
        let pause = (time / n_clients.max(1)).min(PAUSE_MAX);
        let mut random = shared.seed | 1;
        for (idx, client) in clients.iter().enumerate() {
            client.close(CloseReason::ServerShutdown);
            if idx + 1 < clients.len() {
                tokio::time::sleep(jittered(pause, &mut random)).await;
            }
        }
    }
}

/// Sends the greeting again, marked. Clients of protocol 0 expect no second one.
fn tell(shared: &Shared, client: &Client) {
    if client.identity.lock().protocol == 0 {
        return;
    }
    let info = Info { ldm: true, ..shared.info_for(client, "") };
    if client.outbox.control(|out| info.append_line(out)) == Appended::First {
        client.outbox.wake_writer();
    }
}

/// Between half of `pause` and all of it, so that clients do not come to the next server in step.
fn jittered(pause: Duration, random: &mut u64) -> Duration {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let percent = u32::try_from(*random % 51).unwrap_or(0);
    pause * (50 + percent) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_between_half_and_all_of_their_length() {
        let pause = Duration::from_millis(100);
        let mut random = 1;
        let pauses: Vec<_> = (0..1000).map(|_| jittered(pause, &mut random)).collect();
        assert!(pauses.iter().all(|it| (pause / 2..=pause).contains(it)));
        assert!(pauses.iter().any(|it| *it < Duration::from_millis(60)));
        assert!(pauses.iter().any(|it| Duration::from_millis(90) < *it));
    }
}
