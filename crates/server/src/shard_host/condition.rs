//! How the store is, told to whom it concerns.

use std::time::{Duration, Instant};

use tradewind_jetstream::shard::StoreAdvisory;

use super::host::Host;
use super::with_causes;
use crate::clock;
use crate::store::StoreState;

/// There is room again when there was room for so long.
const ROOM_AGAIN: Duration = Duration::from_secs(1);

impl Host {
    /// Tells the log, whoever asks for the server's health, and whoever listens for advisories how
    /// the store is, whenever that changes.
    pub(super) fn watch_store(&mut self) {
        let is_slow = self.store.is_slow();
        if is_slow && !self.told_slow {
            self.advise(&StoreAdvisory::SlowDisk);
        }
        self.told_slow = is_slow;
        let is_full = self.shard.is_stalled() || self.shard.space_low();
        if is_full {
            self.last_full = Instant::now();
        }
        match self.store.state() {
            StoreState::Failed { .. } => (),
            _ if self.shard.poisoned().is_some() => self.report_failure(),
            StoreState::Healthy if is_full => {
                self.log.error(
                    "JetStream is out of disk space: publishes are refused until there is room",
                );
                self.store.set_state(StoreState::Full);
                self.advise(&StoreAdvisory::OutOfStorage);
            }
            StoreState::Full if !is_full && ROOM_AGAIN <= self.last_full.elapsed() => {
                self.log.info("JetStream has disk space again: publishes are accepted");
                self.store.set_state(StoreState::Healthy);
                self.advise(&StoreAdvisory::StorageAvailable);
            }
            StoreState::Healthy | StoreState::Full => (),
        }
    }

    fn report_failure(&mut self) {
        let Some(reason) = self.shard.poisoned().map(|poisoned| with_causes(poisoned)) else {
            return;
        };
        self.log.error(&format!(
            "JetStream takes no writes until the server is started again: {reason}; reads and core \
             NATS go on"
        ));
        self.store.set_state(StoreState::Failed { reason: reason.clone() });
        self.advise(&StoreAdvisory::Failed { error: reason });
    }

    fn advise(&mut self, advisory: &StoreAdvisory) {
        self.shard.advise(clock::now(), advisory);
        self.send();
    }

    /// After a bug in here: whoever waits for an acknowledgement is told that there will be none.
    pub(super) fn abandon(&mut self) {
        self.shard.poison(clock::now(), "an internal error");
        self.report_failure();
        self.open_letters();
        self.gather();
        self.send();
    }
}
