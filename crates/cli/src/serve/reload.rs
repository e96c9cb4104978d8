//! Reading the configuration again. It is taken as a whole or not at all.

use tradewind_conf::Flags;
use tradewind_server::{JetStreamOptions, Log, LogOptions};

use super::resolve::{Defaults, Resolved};
use super::{load, to_options};

/// Reads the file again and takes over what can change while the server runs.
pub(super) fn reload(log: &Log, current: &mut Resolved, flags: &Flags) {
    match read(current, flags).and_then(|new| check(current, &new).map(|()| new)) {
        Ok(new) => {
            if new.options.log.debug != current.options.log.debug {
                log.set_debug(new.options.log.debug);
                log.info(&format!("Reloaded: debug = {}", new.options.log.debug));
            }
            let digest = &new.options.config_digest;
            log.info(&format!("Reloaded server configuration ({digest})"));
            *current = new;
        }
        Err(reason) => log.error(&format!("Failed to reload server configuration: {reason}")),
    }
}

fn read(current: &Resolved, flags: &Flags) -> Result<Resolved, String> {
    if flags.config_file.is_none() {
        let text = "can only reload config when a file is provided using -c or --config";
        return Err(text.to_owned());
    }
    let jetstream = current.options.jetstream.clone();
    let usual = jetstream.unwrap_or_else(|| JetStreamOptions::new(""));
    // What the system has free moves all the time and is no change of the configuration.
    let defaults = Defaults {
        memory: Some(usual.max_memory),
        storage: Box::new(move |_| Some(usual.max_file)),
        ..Defaults::of_system()
    };
    to_options(load(flags)?, flags, &defaults)
}

/// # Errors
///
/// The names of changed options that only a restart takes over.
fn check(current: &Resolved, new: &Resolved) -> Result<(), String> {
    let changed = changed(current, new);
    if changed.is_empty() {
        return Ok(());
    }
    let names = changed.join(", ");
    Err(format!("config reload not supported yet for {names}: restart the server to change that"))
}

fn changed(current: &Resolved, next: &Resolved) -> Vec<&'static str> {
    let (old, new) = (&current.options, &next.options);
    let candidates = [
        ("host", old.host != new.host),
        ("port", old.port != new.port),
        ("server_name", old.server_name != new.server_name),
        ("client_advertise", old.client_advertise != new.client_advertise),
        ("server_tags", old.server_tags != new.server_tags),
        ("http", old.http != new.http),
        ("http_base_path", old.http_base_path != new.http_base_path),
        ("authorization", old.auth != new.auth || old.auth_timeout != new.auth_timeout),
        ("max_connections", old.max_connections != new.max_connections),
        ("max_subscriptions", old.max_subscriptions != new.max_subscriptions),
        ("max_sub_tokens", old.max_subscription_tokens != new.max_subscription_tokens),
        ("max_control_line", old.max_control_line != new.max_control_line),
        ("max_payload", old.max_payload != new.max_payload),
        ("max_pending", old.max_pending != new.max_pending),
        ("max_closed_clients", old.max_closed_clients != new.max_closed_clients),
        ("ping_interval", old.ping_interval != new.ping_interval),
        ("ping_max", old.ping_max != new.ping_max),
        ("write_deadline", old.write_deadline != new.write_deadline),
        ("lame_duck_duration", old.lame_duck_duration != new.lame_duck_duration),
        ("lame_duck_grace_period", old.lame_duck_grace_period != new.lame_duck_grace_period),
        ("jetstream", old.jetstream != new.jetstream),
        ("on_io_error", current.on_io_error != next.on_io_error),
        ("pid_file", current.pid_file != next.pid_file),
        ("ports_file_dir", current.ports_file_dir != next.ports_file_dir),
        ("log", LogOptions { debug: new.log.debug, ..old.log.clone() } != new.log),
    ];
    candidates.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use tradewind_conf::OnIoError;
    use tradewind_server::Options;

    use super::*;

    fn resolved(options: Options) -> Resolved {
        Resolved {
            options,
            pid_file: None,
            on_io_error: OnIoError::Continue,
            ports_file_dir: None,
            early_warnings: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_change_that_needs_a_restart_is_named_and_the_log_level_is_not() {
        let old = resolved(Options::default());
        let mut options = Options { max_payload: 1, ping_max: 7, ..Options::default() };
        options.log.debug = true;
        let new = Resolved { pid_file: Some("pid".into()), ..resolved(options.clone()) };
        assert_eq!(changed(&old, &new), ["max_payload", "ping_max", "pid_file"]);
        let louder = resolved(Options { log: options.log, ..Options::default() });
        assert!(check(&old, &louder).is_ok());
    }
}
