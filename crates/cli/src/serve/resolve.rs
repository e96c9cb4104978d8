//! From what the user wrote, in the file and on the command line, to what the server takes.

mod auth;
mod jetstream;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tradewind_conf::{Config, Flags, LogFormat, OnIoError, Setting, SignedDuration};
use tradewind_server::auth::{AuthConfig, Authenticator};
use tradewind_server::{LogOptions, LogTarget, Options};

use super::capacity;

/// How many bytes streams may take below a directory.
pub(super) type Storage = Box<dyn Fn(&Path) -> Option<i64>>;

/// What the system provides for what is not given.
pub(super) struct Defaults {
    pub(super) temp_dir: PathBuf,
    /// Bytes for streams in memory.
    pub(super) memory: Option<i64>,
    /// Bytes for streams below a directory.
    pub(super) storage: Storage,
}

impl Defaults {
    pub(super) fn of_system() -> Defaults {
        Defaults {
            temp_dir: std::env::temp_dir(),
            memory: capacity::memory(),
            storage: Box::new(capacity::storage),
        }
    }
}

/// What to run.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) options: Options,
    pub(super) pid_file: Option<PathBuf>,
    pub(super) ports_file_dir: Option<PathBuf>,
    pub(super) on_io_error: OnIoError,
    /// For standard error, before there is a log.
    pub(super) early_warnings: Vec<String>,
    /// For the log.
    pub(super) warnings: Vec<String>,
}

/// Puts `flags` over `config` and fills in the rest.
///
/// # Errors
///
/// Everything that does not go together, or that is known and not supported.
pub(super) fn resolve(
    config: Config,
    flags: &Flags,
    defaults: &Defaults,
) -> Result<Resolved, Vec<String>> {
    let mut resolver = Resolver { config, flags, problems: Vec::new(), warnings: Vec::new() };
    let options = resolver.options(defaults);
    resolver.check(&options);
    resolver.refuse_unsupported();
    let Resolver { config, problems, warnings, .. } = resolver;
    if !problems.is_empty() {
        return Err(problems);
    }
    let on_io_error = config.jetstream.as_ref().and_then(|it| it.value.on_io_error.clone());
    let on_io_error = either(flags.on_io_error.as_ref(), on_io_error).unwrap_or_default();
    let path = |flag: &Option<String>, setting: Option<Setting<String>>| {
        either(flag.as_ref(), setting).filter(|path| !path.is_empty()).map(PathBuf::from)
    };
    Ok(Resolved {
        options,
        pid_file: path(&flags.pid_file, config.pid_file),
        ports_file_dir: path(&flags.ports_file_dir, config.ports_file_dir),
        on_io_error,
        early_warnings: config.warnings.into_iter().map(|warning| warning.text).collect(),
        warnings,
    })
}

/// The flag, or the setting without one.
fn either<T: Clone>(flag: Option<&T>, setting: Option<Setting<T>>) -> Option<T> {
    flag.cloned().or_else(|| setting.map(|setting| setting.value))
}

struct Resolver<'a> {
    config: Config,
    flags: &'a Flags,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Resolver<'_> {
    fn options(&mut self, defaults: &Defaults) -> Options {
        let usual = Options::default();
        let (config, flags) = (&self.config, self.flags);
        let host = either(flags.host.as_ref(), config.host.clone()).filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| usual.host.clone());
        let server_name = either(flags.server_name.as_ref(), config.server_name.clone());
        let port = flags.port.or_else(|| Some(i64::from(config.port.as_ref()?.value)));
        let port = self.port(&host, port.unwrap_or(0), usual.port);
        let http = self.http(&host);
        let client_advertise = self.client_advertise(port);
        let (auth, auth_timeout) = self.auth(usual.auth_timeout);
        let jetstream = self.jetstream(defaults);
        let limits = self.limits(Options { host, port, ..usual });
        let config = &self.config;
        let duration = |setting: &Option<Setting<Duration>>, usual: Duration| {
            setting.as_ref().map(|it| it.value).filter(|it| !it.is_zero()).unwrap_or(usual)
        };
        Options {
            server_name: server_name.unwrap_or_default(),
            client_advertise,
            server_tags: config.server_tags.iter().map(|tag| tag.value.clone()).collect(),
            http,
            http_base_path: value(config.http_base_path.as_ref()).unwrap_or_default(),
            auth,
            auth_timeout,
            ping_interval: duration(&config.ping_interval, limits.ping_interval),
            write_deadline: duration(&config.write_deadline, limits.write_deadline),
            lame_duck_duration: duration(&config.lame_duck_duration, limits.lame_duck_duration),
            lame_duck_grace_period: duration(
                &config.lame_duck_grace_period,
                limits.lame_duck_grace_period,
            ),
            jetstream,
            log: self.log(),
            ..limits
        }
    }

    /// A port to listen on: 0 is the usual one, -1 any free one, which the server calls 0.
    fn port(&mut self, host: &str, number: i64, usual: u16) -> u16 {
        match number {
            0 => usual,
            -1 => 0,
            _ => u16::try_from(number).unwrap_or_else(|_| {
                self.problems.push(format!(
                    "Error listening on port: {host}:{number}, \
                     \"listen tcp: address {number}: invalid port\""
                ));
                usual
            }),
        }
    }

    fn http(&mut self, client_host: &str) -> Option<(String, u16)> {
        let setting = self.config.http_port.as_ref().map(|port| i64::from(port.value));
        let port = self.flags.http_port.or(setting).filter(|port| *port != 0)?;
        let host = value(self.config.http_host.as_ref()).filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| client_host.to_owned());
        let port = self.port(&host, port, 0);
        Some((host, port))
    }

    fn client_advertise(&mut self, own_port: u16) -> Option<(String, u16)> {
        let text =
            either(self.flags.client_advertise.as_ref(), self.config.client_advertise.clone())
                .filter(|text| !text.is_empty())?;
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port),
            _ => (text.as_str(), ""),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = match port {
            "" => Ok(own_port),
            port => port.parse::<u16>(),
        };
        match port {
            Ok(0) | Err(_) => {
                self.problems.push(format!(
                    "Error setting server INFO with ClientAdvertise value of {text}: \
                     it needs a host, a colon and a port"
                ));
                None
            }
            Ok(port) => Some((host.to_owned(), port)),
        }
    }

    /// Numbers for which 0 means the default.
    fn limits(&mut self, usual: Options) -> Options {
        let config = self.config.clone();
        let no_limit = |setting: &Option<Setting<i64>>, usual: usize| match value(setting.as_ref())
        {
            None => usual,
            Some(number) => usize::try_from(number).unwrap_or(0),
        };
        let small = |setting: &Option<Setting<i32>>| {
            let setting = setting.as_ref();
            setting.map(|it| Setting { value: i64::from(it.value), at: it.at.clone() })
        };
        let ping_max = self.limit("ping_max", config.ping_max.clone(), 2);
        Options {
            max_connections: no_limit(&config.max_connections, usual.max_connections),
            max_subscriptions: no_limit(&config.max_subscriptions, usual.max_subscriptions),
            max_subscription_tokens: value(config.max_sub_tokens.as_ref()).map_or(0, usize::from),
            max_control_line: self.limit(
                "max_control_line",
                small(&config.max_control_line),
                usual.max_control_line,
            ),
            max_payload: self.limit("max_payload", small(&config.max_payload), usual.max_payload),
            max_pending: self.limit("max_pending", config.max_pending, usual.max_pending),
            max_closed_clients: self.limit(
                "max_closed_clients",
                config.max_closed_clients,
                usual.max_closed_clients,
            ),
            ping_max: u32::try_from(ping_max).unwrap_or(u32::MAX),
            ..usual
        }
    }

    fn limit(&mut self, name: &str, setting: Option<Setting<i64>>, usual: usize) -> usize {
        let Some(setting) = setting.filter(|setting| setting.value != 0) else { return usual };
        usize::try_from(setting.value).unwrap_or_else(|_| {
            self.problems.push(format!("{}: {name} can not be negative", setting.at));
            usual
        })
    }

    fn log(&mut self) -> LogOptions {
        let (config, flags) = (&self.config, self.flags);
        let on = |flag: Option<bool>, setting: &Option<Setting<bool>>, usual: bool| {
            flag.or_else(|| value(setting.as_ref())).unwrap_or(usual)
        };
        let file = either(flags.log_file.as_ref(), config.log_file.clone());
        let target = match file.filter(|file| !file.is_empty()) {
            Some(file) => LogTarget::File(PathBuf::from(file)),
            None => LogTarget::Stderr,
        };
        let trace = on(flags.trace, &config.trace, false);
        let size_limit =
            flags.log_size_limit.or_else(|| value(config.log_size_limit.as_ref())).unwrap_or(0);
        let log = LogOptions {
            target,
            debug: on(flags.debug, &config.debug, false),
            trace,
            no_time: !on(flags.logtime, &config.logtime, true),
            utc: on(flags.logtime_utc, &config.logtime_utc, false),
            json: flags.log_format == Some(LogFormat::Json),
            size_limit: u64::try_from(size_limit).unwrap_or(0),
        };
        if trace {
            self.warnings.push("Protocol lines are not logged yet: trace has no effect".to_owned());
        }
        log
    }

    /// What only shows when all is put together.
    fn check(&mut self, options: &Options) {
        let (payload, pending) = (options.max_payload, options.max_pending);
        if pending < payload {
            self.problems.push(format!(
                "max_payload ({payload}) cannot be higher than max_pending ({pending})"
            ));
        }
        let (grace, whole) = (options.lame_duck_grace_period, options.lame_duck_duration);
        if whole <= grace {
            self.problems.push(format!(
                "lame duck grace period ({}) should be strictly lower than lame duck duration ({})",
                shown(grace),
                shown(whole)
            ));
        }
        if options.server_name.contains(' ') {
            self.problems.push("server name cannot contain spaces".to_owned());
        }
        if let Err(error) = check_auth(options.auth.clone()) {
            self.problems.push(error);
        }
    }

    /// What the file may say and nothing here obeys.
    fn refuse_unsupported(&mut self) {
        let mut refuse = |at: String, what: &str, way_out: &str| {
            self.problems.push(format!(
                "{at}: {what:?} is known to nats-server but not supported by tradewind yet: {way_out}"
            ));
        };
        if let Some(setting) = self.config.no_header_support.as_ref().filter(|it| it.value) {
            let way_out = "it turns message headers off; remove it.";
            refuse(setting.at.to_string(), "no_header_support", way_out);
        }
        for (name, setting) in &self.config.feature_flags {
            let is_usual = setting.value == (name == "js_raft_delete_range");
            if !is_usual && name.starts_with("js_") {
                let way_out = "it changes how nats-server does something; remove it.";
                refuse(setting.at.to_string(), name, way_out);
            }
        }
        let limits = self.config.jetstream.as_ref().map(|it| it.value.limits.clone());
        let limits = limits.unwrap_or_default();
        let way_out = "it limits what streams and consumers may ask for; remove it.";
        for (name, setting) in [
            ("max_ack_pending", &limits.max_ack_pending),
            ("max_request_batch", &limits.max_request_batch),
        ] {
            if let Some(setting) = setting.as_ref().filter(|setting| 0 < setting.value) {
                refuse(setting.at.to_string(), name, way_out);
            }
        }
        if let Some(setting) = &limits.duplicate_window {
            refuse(setting.at.to_string(), "duplicate_window", way_out);
        }
    }
}

fn check_auth(auth: AuthConfig) -> Result<(), String> {
    Authenticator::new(auth).map(|_| ()).map_err(|error| error.to_string())
}

fn value<T: Clone>(setting: Option<&Setting<T>>) -> Option<T> {
    setting.map(|setting| setting.value.clone())
}

fn shown(duration: Duration) -> SignedDuration {
    SignedDuration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
