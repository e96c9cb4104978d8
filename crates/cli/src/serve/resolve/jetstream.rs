use std::path::PathBuf;

use tradewind_conf::SyncInterval;
use tradewind_server::{JetStreamOptions, SyncPolicy};

use super::{Defaults, Resolver, either, value};

/// Below the folder for temporary files.
const TEMP_NAME: &str = "nats";

impl Resolver<'_> {
    /// JetStream, if flag or file turn it on.
    pub(super) fn jetstream(&mut self, defaults: &Defaults) -> Option<JetStreamOptions> {
        let block = self.config.jetstream.as_ref().map(|block| block.value.clone());
        let block = block.unwrap_or_default();
        let flags = self.flags;
        if !flags.jetstream.unwrap_or(block.enabled) {
            return None;
        }
        let store_dir = either(flags.store_dir.as_ref(), self.config.store_dir.clone());
        let store_dir = store_dir.filter(|dir| !dir.is_empty()).map_or_else(
            || {
                let text = "Temporary storage directory used, data could be lost on system reboot";
                self.warnings.push(text.to_owned());
                defaults.temp_dir.join(TEMP_NAME)
            },
            PathBuf::from,
        );
        // Negative is as good as not given: a share of what there is.
        let size = |flag: Option<i64>, setting| flag.or(setting).filter(|size| 0 <= *size);
        let memory = size(flags.max_memory_store, value(block.max_memory_store.as_ref()));
        let file = size(flags.max_file_store, value(block.max_file_store.as_ref()));
        let sync = either(flags.sync_interval.as_ref(), block.sync_interval.clone());
        let usual = JetStreamOptions::new(&store_dir);
        let consumers = value(block.limits.default_max_consumers.as_ref()).filter(|max| *max != 0);
        Some(JetStreamOptions {
            max_memory: memory.or(defaults.memory).unwrap_or(usual.max_memory),
            max_file: file.or_else(|| (defaults.storage)(&store_dir)).unwrap_or(usual.max_file),
            sync: match sync {
                Some(SyncInterval::Every(interval)) => SyncPolicy::Interval(interval),
                Some(SyncInterval::Always) => SyncPolicy::Always,
                None => usual.sync,
            },
            strict: value(block.strict.as_ref()).unwrap_or(usual.strict),
            default_max_consumers: consumers.unwrap_or(usual.default_max_consumers),
            ..usual
        })
    }
}
