//! The lines a server logs when it starts.

use std::io;
use std::time::Duration;

use tradewind_jetstream::api::time::format_duration;
use tradewind_jetstream::shard::Recovered;
use tradewind_proto::Info;

use crate::log::Log;
use crate::options::{JetStreamOptions, Options, SyncPolicy};
use crate::shard_host;

/// Who this is.
pub(crate) fn server(log: &Log, info: &Info, options: &Options) {
    log.info("Starting nats-server");
    log.info(&format!("  Version:  {}", info.version));
    log.info(&format!("  Git:      [tradewind {}]", env!("CARGO_PKG_VERSION")));
    log.info(&format!("  Name:     {}", info.server_name));
    log.info(&format!("  ID:       {}", info.server_id));
    if !options.config_file.is_empty() {
        let (file, digest) = (&options.config_file, &options.config_digest);
        log.info(&format!("Using configuration file: {file} ({digest})"));
    }
}

/// How JetStream is set up, and what it found.
pub(crate) fn jetstream(log: &Log, options: &JetStreamOptions, recovered: &Recovered) {
    log.info("---------------- JETSTREAM ----------------");
    if options.strict {
        log.info("  Strict:          true");
    }
    log.info(&format!("  Max Memory:      {}", amount(options.max_memory)));
    log.info(&format!("  Max Storage:     {}", amount(options.max_file)));
    let directory = shard_host::directory(&options.store_dir);
    log.info(&format!("  Store Directory: \"{}\"", directory.display()));
    match options.sync {
        SyncPolicy::Always => {
            log.info("  Durability:      disk: synced before every acknowledgement");
        }
        SyncPolicy::Interval(every) => log.warn(&format!(
            "  Durability:      os:{}: synced at this interval, a power loss may lose what was \
             acknowledged in that time",
            duration(every)
        )),
    }
    log.info("  API Level:       5");
    log.info("-------------------------------------------");
    if let Some(cut) = &recovered.log.cut {
        log.warn(&format!(
            "  Cut off an unfinished write at the end of {} (byte {}); nothing acknowledged was lost",
            cut.file, cut.offset
        ));
    }
    if 0 < recovered.streams {
        log.info(&format!(
            "  Restored {} messages of {} streams",
            recovered.messages, recovered.streams
        ));
    }
}

/// JetStream is there.
pub(crate) fn jetstream_took(log: &Log, took: Duration) {
    log.info(&format!("Took {} to start JetStream", duration(took)));
}

fn duration(duration: Duration) -> String {
    format_duration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

/// Bytes in the largest fitting binary unit, as nats-server writes them.
fn amount(bytes: i64) -> String {
    let Ok(bytes) = u64::try_from(bytes) else { return "unlimited".to_owned() };
    let units = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];
    let mut scale = 1_u64;
    let mut unit = units[0];
    for larger in &units[1..] {
        if bytes / scale < 1024 {
            break;
        }
        scale *= 1024;
        unit = larger;
    }
    // Hundredths, without a float.
    let hundredths = u128::from(bytes) * 100 / u128::from(scale);
    if scale == 1 {
        return format!("{bytes} B");
    }
    format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100)
}

/// A host as it stands before a colon and a port.
pub(crate) fn display_host(host: &str) -> String {
    match host {
        "" => "0.0.0.0".to_owned(),
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        host => host.to_owned(),
    }
}

/// Why a port can't be listened on, in Go's words.
pub(crate) fn listen_error(host: &str, port: u16, error: &io::Error) -> String {
    if error.raw_os_error().is_none() {
        return format!("listen tcp: lookup {host}: no such host");
    }
    let reason = system_words(error);
    format!("listen tcp {}:{port}: bind: {reason}", display_host(host))
}

/// What the system says, in Go's words: without the number, and small.
pub fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_digits_of_the_largest_unit_that_fits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KB"),
            (18_957_385_728, "17.65 GB"),
            (-1, "unlimited"),
        ];
        for (bytes, text) in cases {
            assert_eq!(amount(bytes), text);
        }
    }

    #[test]
    fn system_errors_read_as_go_writes_them() {
        let missing = io::Error::from_raw_os_error(2);
        assert_eq!(system_words(&missing), "no such file or directory");
        let busy = io::Error::from_raw_os_error(98);
        let text = "listen tcp [::1]:4222: bind: address already in use";
        assert_eq!(listen_error("::1", 4222, &busy), text);
    }
}
